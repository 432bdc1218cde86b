"""Search: coordinates, codes and names in one ranked list."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import cos, hypot, radians
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection, select

from api.keys import Key
from api.layers import AREAS, table_of
from api.search.coordinates import TURNED, read_coordinates
from api.search.naming import Entry, Kind, Naming
from api.systems import LiveSystems
from cases.desk import Desk
from cases.log import Decision, find_decision, list_sources
from cases.reports import Case, Defaults, from_record
from cases.tables import decision
from components.layers import COMPONENTS
from gis.store.engine import Store, reading
from gis.store.tables import BOX
from gis.store.versions import Query, read_columns
from gis.store.vicinity import read_uids
from gis.wordlist import EXACT, INITIALS, PART, PREFIX, SPELT
from grids.layers import DEPARTMENTS, DIVISIONS, UNITS
from grids.tables import reference

KINDS: tuple[Kind, ...] = (
    *("coordinates", "place", "division", "unit", "area", "department", "class", "component", "case"),
)
CODED: tuple[tuple[Kind, Any], ...] = (
    ("division", DIVISIONS),
    ("unit", UNITS),
    ("area", AREAS),
    ("department", DEPARTMENTS),
    ("component", COMPONENTS),
)
SCORES = {EXACT: 0.9, PREFIX: 0.8, SPELT: 0.7, INITIALS: 0.6, PART: 0.5}
CODE_EXACT, CODE_PREFIX = 1.0, 0.8
A_CHARACTER = 0.001
MOST_SOURCES = 100
LONGEST_CODE = 60
MOST_RANKED = 200
"""Things of one beginning among which the nearest are looked for."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found. `rest` is how much of it was not typed, `note` what should be told of it."""

    entry: Entry
    base: float
    rest: int = 0
    point: tuple[float, float] | None = None
    note: dict[str, str] | None = None
    crs: str | None = None

    @property
    def score(self) -> float:
        return round(self.base - A_CHARACTER * min(self.rest, 99), 3)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked: `near` is lon, lat in EPSG:4490."""

    text: str
    limit: int
    kinds: frozenset[str] = frozenset(KINDS)
    near: tuple[float, float] | None = None
    crs: str | None = None


@dataclass(frozen=True, slots=True)
class Searcher:
    """Searches a store for one caller. `defaults` read cases."""

    store: Store
    naming: Naming
    systems: LiveSystems
    defaults: Defaults

    def search(self, desk: Desk, key: Key, wanted: Wanted) -> list[dict[str, Any]]:
        """The hits, the best first, as JSON members. Errors: Refusal crs_unknown, store_down."""
        text = " ".join(wanted.text.replace("\0", " ").split())
        if not text:
            return []
        hits = list(self._coordinates(text, wanted))
        with reading(self.store.world) as connection:
            hits += _by_code(connection, desk.revision, key, text, wanted)
            hits += self._by_name(desk.revision, key, text, wanted)
            best = _best(hits, wanted)
            points = _points(connection, desk.revision, best)
        if "case" in wanted.kinds and key.scope.allows_layer("cases"):
            best = [*self._cases(key, text), *best][: wanted.limit]
        return [_told(desk, each, points.get(each.entry.uid, each.point)) for each in best]

    def _coordinates(self, text: str, wanted: Wanted) -> Iterator[Hit]:
        found = read_coordinates(text, wanted.crs, self.systems) if "coordinates" in wanted.kinds else None
        if found is not None:
            entry = Entry("coordinates", "", f"{found.lon:.7f},{found.lat:.7f}", None, "")
            note = TURNED if found.is_turned else None
            yield Hit(entry, CODE_EXACT, point=(found.lon, found.lat), note=note, crs=found.crs)

    def _by_name(self, number: int, key: Key, text: str, wanted: Wanted) -> Iterator[Hit]:
        for kind, named in self.naming.lists(number):
            if kind in wanted.kinds:
                for entry, found in named.find(
                    text, 4 * wanted.limit if wanted.near is None else MOST_RANKED, key.scope
                ):
                    is_code = found.rank == EXACT and entry.code.casefold() == text.casefold()
                    yield Hit(entry, CODE_EXACT if is_code else SCORES[found.rank], found.rest)

    def _cases(self, key: Key, text: str) -> Iterator[Hit]:
        """The cases of this id, or of this source/id, that the caller may read."""
        source, slash, case_id = text.partition("/")
        pairs = [(source, case_id)] if slash else []
        with reading(self.store.log) as connection:
            pairs += [(each, text) for each in list_sources(connection, MOST_SOURCES)]
            found = [each for pair in pairs if (each := find_decision(connection, *pair)) is not None]
            for each in found:
                if (each.unit or "").startswith(key.prefix):
                    yield self._case(connection, each)

    def _case(self, connection: Connection, found: Decision) -> Hit:
        told = select(decision.c.report).where(decision.c.position == found.position)
        case = from_record(connection.execute(told).scalar_one(), self.defaults)
        entry = Entry("case", "cases", f"{found.source}/{found.case_id}", None, found.unit or "")
        return Hit(entry, CODE_EXACT, point=(case.lon, case.lat) if isinstance(case, Case) else None)


def _by_code(connection: Connection, number: int, key: Key, text: str, wanted: Wanted) -> Iterator[Hit]:
    """What has this code, or one that begins so; in capitals too."""
    if " " in text or len(text) > LONGEST_CODE:
        return
    for kind, layer in CODED:
        if kind not in wanted.kinds or (layer is not AREAS and not key.scope.allows_layer(layer.id)):
            continue
        table = table_of(layer)
        sides = BOX if table.info["spatial"] else ()
        names = ("code", "name", "owner", "uid", *(("layer",) if layer is AREAS else ()), *sides)
        for beginning in dict.fromkeys((text, text.upper())):
            limit = wanted.limit if wanted.near is None else MOST_RANKED
            query = Query(key.scope, at=number, prefix=beginning, limit=limit)
            columns = read_columns(connection, table, query, names)
            for at, code in enumerate(columns["code"].tolist()):
                row = {name: column[at] for name, column in columns.items()}
                layer_id = f"areas.{row['layer']}" if layer is AREAS else layer.id
                if key.scope.allows_layer(layer_id):
                    box = tuple(row[side] for side in BOX) if sides and row["west"] is not None else None
                    entry = Entry(kind, layer_id, code, row["name"], row["owner"], row["uid"], box)
                    rest = len(code) - len(text)
                    yield Hit(entry, CODE_PREFIX if rest else CODE_EXACT, rest)


def _best(hits: Sequence[Hit], wanted: Wanted) -> list[Hit]:
    """Each thing once, the closest first: by how it was found, then how near it is, then what was not typed."""
    found: dict[tuple[str, str, str, int, str], Hit] = {}
    for hit in hits:
        entry = hit.entry
        edition = entry.known.edition + entry.known.kind if entry.known else ""
        key = (entry.kind, entry.layer, entry.code, entry.uid, edition)
        if key not in found or hit.score > found[key].score:
            found[key] = hit
    order = {kind: number for number, kind in enumerate(KINDS)}

    def rank(hit: Hit) -> tuple[Any, ...]:
        away = _distance(hit, wanted.near) if wanted.near is not None else 0.0
        return -hit.base, away, hit.rest, order[hit.entry.kind], hit.entry.layer, hit.entry.code, hit.entry.uid

    return sorted(found.values(), key=rank)[: wanted.limit]


def _distance(hit: Hit, near: tuple[float, float]) -> float:
    """Degrees of latitude from a place to where something lies, inf for what lies nowhere; good for an order."""
    box = hit.entry.box if hit.point is None else (*hit.point, *hit.point)
    if box is None:
        return float("inf")
    west, south, east, north = box
    lon, lat = min(max(near[0], west), east), min(max(near[1], south), north)
    return hypot((lon - near[0]) * cos(radians(near[1])), lat - near[1])


def _points(connection: Connection, number: int, hits: Sequence[Hit]) -> dict[int, tuple[float, float]]:
    """By uid a place on each shape."""
    found: dict[int, tuple[float, float]] = {}
    by_table: dict[str, list[int]] = {}
    tables = {"division": DIVISIONS, "unit": UNITS, "area": AREAS, "component": COMPONENTS}
    for hit in hits:
        if hit.entry.box is not None:
            by_table.setdefault(hit.entry.kind, []).append(hit.entry.uid)
    for kind, uids in by_table.items():
        table = table_of(tables[kind]) if kind in tables else reference
        for row in read_uids(connection, table, number, uids):
            if row["geom"] is not None and not shapely.is_empty(row["geom"]):
                place = _on(row["geom"])
                found[int(row["uid"])] = (float(place.x), float(place.y))
    return found


def _on(shape: Any) -> Any:
    """A point on a shape, in the middle of a line."""
    if shapely.get_dimensions(shape) != 1:
        return shapely.point_on_surface(shape)
    parts = shapely.get_parts(shape)
    return shapely.line_interpolate_point(parts[int(np.argmax(shapely.length(parts)))], 0.5, normalized=True)


def _told(desk: Desk, hit: Hit, point: tuple[float, float] | None) -> dict[str, Any]:
    entry = hit.entry
    told: dict[str, Any] = {
        "kind": entry.kind,
        "layer": entry.layer or None,
        "code": entry.code,
        "name": entry.name,
        "score": hit.score,
        "point": None if point is None else list(point),
        "bbox": None if entry.box is None or entry.box[:2] == entry.box[2:] else list(entry.box),
        "in": _divisions(desk, entry, point),
    }
    if entry.known is not None:
        told["class"] = {"edition": entry.known.edition, "kind": entry.known.kind, "name_en": entry.known.name_en}
    return told | {name: value for name, value in (("note", hit.note), ("crs", hit.crs)) if value is not None}


def _divisions(desk: Desk, entry: Entry, point: tuple[float, float] | None) -> list[str]:
    """The names of the divisions that something lies in, from the top; its own is not among them."""
    grid = desk.grid
    code: str | None = entry.code if entry.kind in ("division", "unit") else None
    if code is None and point is not None:
        code = grid.unit_code(int(grid.units.lowest(np.array([point]))[0]))
    return [each.name or each.code for each in grid.divisions_of(code) if each.code != entry.code]
