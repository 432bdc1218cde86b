"""What a draft means for what is not in it: components that come into other units, cases that would go elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import shapely
from sqlalchemy import ColumnElement, Connection, and_, exists, select

from cases.desk import Desk
from cases.reports import Case, Defaults, from_records
from cases.tables import decision, goes_before, still_open
from components.tables import component
from gis.metres import Floats
from gis.store.vicinity import Row, read_around
from grids.drafts.clusters import clusters
from grids.drafts.findings import surroundings
from grids.drafts.limits import NOTHING_DEG2
from grids.drafts.sketch import Sketch
from grids.edits.ground import Drafted, bounds, enclosing
from grids.edits.value import DIVISIONS, UNITS, Edit, Feature
from grids.features import AREAS, area_of

MOST_CASES = 20_000
FEW = 50
SHOWN = 1000
AT_ONCE = 400
EVERYWHERE = ("rules", "departments", "area_layers")  # layers whose rows hold for all below their owner


@dataclass(frozen=True, slots=True)
class Resized:
    """A unit or division that changes: None where it begins or ends; square metres."""

    code: str
    code_before: str | None
    area_m2: float | None
    area_m2_before: float | None


@dataclass(frozen=True, slots=True)
class Moved:
    """Something that was in one unit, or went to one department, and would be or go elsewhere."""

    name: tuple[str, ...]
    unit: str | None
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a draft can change routings: in units of these codes, below these prefixes, and outside every unit."""

    codes: frozenset[str]
    prefixes: tuple[str, ...]
    outside: bool = False


def resized(sketch: Sketch, layer: str) -> list[Resized]:
    """The units or divisions that end, begin, or get another shape or code."""
    ended = {each.key: each for each in sketch.edit.ended if each.layer == layer}
    begun = {each.key: each for each in sketch.edit.begun if each.layer == layer}
    found = []
    for key in {**begun, **ended}:
        old, new = ended.get(key), begun.get(key)
        if old is not None and new is not None and (old.code, old.polygon) == (new.code, new.polygon):
            continue
        code = (new or old).code  # type: ignore[union-attr]
        found.append(Resized(code, None if old is None else old.code, _area(new), _area(old)))
    return sorted(found, key=lambda each: each.code)


def moved_components(connection: Connection, sketch: Sketch) -> tuple[int, list[Moved]]:
    """How many components lie in or on what the draft touches, and those that come into another unit."""
    ground = sketch.on(connection)
    edit = sketch.edit
    own = {each.uid for each in (*edit.ended, *edit.begun) if each.layer == "components"}
    seen: dict[int, Row] = {}
    units: tuple[dict[int, Feature], dict[int, Feature]] = ({}, {})
    for cluster in clusters([each for each in (*edit.ended, *edit.begun) if each.layer == UNITS]):
        box = enclosing([bounds(each.shape) for each in cluster])
        rows = read_around(connection, component, sketch.at, box)
        seen |= {row["uid"]: row for row in rows if row["uid"] not in own}
        if rows:
            for held, place in zip(units, (ground.base, ground), strict=True):
                held.update({each.uid: each for each in place.units(box)})
    if not seen:
        return 0, []
    places = shapely.get_coordinates(shapely.point_on_surface([row["geom"] for row in seen.values()]))
    before, after = (_units_at(list(each.values()), places) for each in units)
    moved = [
        Moved((row["code"],), new, old, new)
        for row, old, new in zip(seen.values(), before, after, strict=True)
        if old != new
    ]
    return len(seen), sorted(moved, key=lambda each: each.name)


def reach_of(connection: Connection, sketch: Sketch) -> Reach:
    """Where a draft can change routings: what it touches, what lies beside that, and what its rules are for."""
    ground = sketch.on(connection)
    edit = sketch.edit
    around = surroundings(ground, edit)
    codes = {each.code for each in (*around.touched, *around.beside)}
    codes |= {each.code for each in edit.ended if each.layer == UNITS}
    prefixes = set()
    drawn: list[Feature] = []
    for each in (*edit.ended, *edit.begun):
        if each.polygon is not None and (each.layer.startswith(AREAS) or each.layer == "components"):
            drawn.append(each)
        elif each.layer in EVERYWHERE:
            prefixes.add(str(each.attributes["owner"]))
    return Reach(frozenset(codes | _codes_by(ground, drawn)), tuple(sorted(prefixes)), _reaches_out(edit))


def _reaches_out(edit: Edit) -> bool:
    """Whether cases outside every unit can be concerned: units get ground that none had, or something else is changed.

    Divisions follow units, and nodes that are rounded make no ground.
    """
    if any(each.layer not in (UNITS, DIVISIONS) for each in (*edit.ended, *edit.begun)):
        return True
    grown = sum(each.shape.area for each in edit.begun if each.layer == UNITS)
    return bool(grown - sum(each.shape.area for each in edit.ended if each.layer == UNITS) > NOTHING_DEG2)


def moved_cases(
    log: Connection, reach: Reach, before: Desk, after: Desk, defaults: Defaults
) -> tuple[int, bool, list[Moved]]:
    """How many open cases within reach were looked at, whether these are all, and those that would go elsewhere."""
    rows, complete = _newest_decisions(log, reach, is_open=True)
    cases = _cases(rows, before.defaults(defaults))
    good = [number for number, case in enumerate(cases) if case is not None]
    asked = [case for case in cases if case is not None]
    were, would = before.route_all(asked), after.route_all(asked)
    moved = []
    for number, old, new in zip(good, were, would, strict=True):
        was, will = (each.department.code if each.department else None for each in (old, new))
        if was != will:
            row = rows[number]
            moved.append(Moved((row["source"], row["case_id"]), new.unit, was, will))
    return len(asked), complete, moved


def differing(
    log: Connection, reach: Reach, since: datetime, after: Desk, defaults: Defaults
) -> tuple[bool, list[Moved]]:
    """The decisions on cases reported since a time that would be others, of what a revision into the past reaches.

    With it, whether all were looked at: only the newest are, where there are very many. A replay looks at all.
    """
    rows, complete = _newest_decisions(log, reach)
    asked: list[tuple[dict[str, Any], Case]] = []
    for row, case in zip(rows, _cases(rows, after.defaults(defaults)), strict=True):
        if case is not None and (case.reported_at or row["received_at"]).astimezone(UTC) >= since:
            asked.append((row, case))
    found = []
    for (row, _), new in zip(asked, after.route_all([case for _, case in asked]), strict=True):
        will = new.department.code if new.department else None
        if will != row["department"]:
            found.append(Moved((row["source"], row["case_id"]), new.unit, row["department"], will))
    return complete, found


def _area(feature: Feature | None) -> float | None:
    return None if feature is None or feature.polygon is None else area_of(feature)


def _units_at(units: Sequence[Feature], places: Floats) -> list[str | None]:
    """The code of the unit that holds each place, by the tie rule."""
    found: list[str | None] = [None] * len(places)
    tree = shapely.STRtree([each.shape for each in units])
    for place, unit in tree.query(shapely.points(places), predicate="intersects").T.tolist():
        code, known = units[unit].code, found[place]
        if known is None or code.encode() < known.encode():
            found[place] = code
    return found


def _codes_by(ground: Drafted, features: Sequence[Feature]) -> set[str]:
    """The units that meet any of the features: read around each of a few, all at once for many."""
    if not features:
        return set()
    boxes = [bounds(each.shape) for each in features]
    windows = boxes if len(features) <= FEW else [enclosing(boxes)]
    near = {each.uid: each for window in windows for each in ground.units(window)}
    if not near:
        return set()
    units = list(near.values())
    found, _ = shapely.STRtree([each.shape for each in features]).query(
        [each.shape for each in units], predicate="intersects"
    )
    return {units[index].code for index in set(found.tolist())}


def _newest_decisions(log: Connection, reach: Reach, is_open: bool = False) -> tuple[list[dict[str, Any]], bool]:
    """The newest decisions on cases within reach, those with the highest position first, and whether these are all.

    With `is_open` only on cases that are neither closed nor void.
    """
    codes = sorted(reach.codes)
    meant: list[ColumnElement[bool]] = [
        decision.c.unit.in_(codes[start : start + AT_ONCE]) for start in range(0, len(codes), AT_ONCE)
    ]
    if reach.outside:
        meant.append(decision.c.unit.is_(None))
    meant += [and_(decision.c.unit >= each, decision.c.unit < each + "\U0010ffff") for each in reach.prefixes]
    found: dict[int, dict[str, Any]] = {}
    later = decision.alias("later")
    further = [still_open()] if is_open else []
    newest = ~exists(select(later.c.position).where(goes_before(later)))
    names = ("position", "source", "case_id", "unit", "department", "received_at", "report")
    for each in meant:
        chosen = select(*(decision.c[name] for name in names)).where(each, newest, *further)
        for row in log.execute(chosen.order_by(decision.c.position.desc()).limit(MOST_CASES + 1)).mappings():
            found[row["position"]] = dict(row)
    positions = sorted(found, reverse=True)
    return [found[each] for each in positions[:MOST_CASES]], len(positions) <= MOST_CASES


def _cases(rows: Sequence[dict[str, Any]], defaults: Defaults) -> Sequence[Case | None]:
    return from_records((row["report"] for row in rows), defaults).cases
