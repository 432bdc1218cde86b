"""A delivery checked before it is taken over: every part, row by row, then the whole; in memory that stays small."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection

from api.transfer.checking import examined
from api.transfer.imports import Options
from api.transfer.joining import is_archive, no_layer, packed_within
from api.transfer.origins import of_file
from api.transfer.parts import read_part
from api.transfer.reading import knowing
from components.catalogue import read_classes
from components.editions import CURRENT, normalise_edition
from components.samples import Sample
from components.surveys.checking import Ground, View, check_rows, view_of
from components.surveys.contents import Contents, Part, opened
from components.surveys.ledger import Ledger, Score
from components.surveys.naming import Named, name_part, read_names
from components.surveys.register import Entries, Register, fault_of_code, fault_of_place, near_pairs, repeated_codes
from components.surveys.rules import Limits
from components.tables import component
from gis import crs as reference
from gis.crs import Crs
from gis.delivery import Counts, Delivery
from gis.errors import Fault, Refusal
from gis.locate import PolygonIndex
from gis.store.engine import Store, reading
from gis.store.revisions import Change, head
from gis.store.scope import EVERYTHING
from gis.store.versions import Query, read_codes, read_columns
from grids.departments import departments_in_force
from grids.tables import gap, unit

WITNESSES = 2_000
"""So many rows of a part are held against the records, spread over its pieces."""
FROM_A_PIECE = 500
FINEST = 9
OF_NO_CONCERN = frozenset({"fields_recognised"})
"""What an importer wants to know, and no firm."""
Told = Callable[[str, int, int], None]
"""Hears which part is being read: its name, its number from 0, and how many there are."""
Located = tuple[Fault, dict[str, Any]]
Witness = tuple[int, Any, Any, Any, Any, Any]
"""Row, code, edition, class, shape in the store's system, shape as delivered."""


@dataclass(slots=True)
class Seen:
    """A part as it was found. `named` says its class, `frame` is the system of its coordinates if it is known."""

    part: Part
    named: Named
    crs: str = ""
    frame: Crs | None = None
    encoding: str = ""
    is_layer: bool = True
    rows: int = 0
    sample: list[Witness] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in a delivery. `parts` are in the order in which the ledger counts them."""

    contents: Contents
    parts: tuple[Seen, ...]
    ledger: Ledger
    entries: Entries
    scores: tuple[Score, ...]
    limits: Limits
    edition: str
    ground: Ground

    @property
    def passed(self) -> bool:
        return all(score.passed for score in self.scores)

    @property
    def rows(self) -> int:
        return sum(seen.rows for seen in self.parts)


@contextmanager
def checked(
    store: Store,
    path: Path,
    options: Options,
    limits: Limits,
    told: Told = lambda name, number, total: None,
) -> Iterator[Checked]:
    """The delivery, checked; what was found is kept on disk for the time of the block. Nothing is changed.

    Errors: Refusal file_missing, file_unreadable, delivery_empty, fields_unknown; those of `options.classes`.
    """
    options = knowing(store, options)
    table = None if options.classes is None else read_names(options.classes)
    with opened(path) as contents, tempfile.TemporaryFile(prefix="wangge-") as file:
        ledger, register = Ledger(file), Register()
        with reading(store.world) as connection:
            ground = ground_of(connection, options.owner)
            asked = None if options.edition == "" else normalise_edition(options.edition)
            seen: list[Seen] = []
            for part in contents.parts:
                told(part.name, len(seen), len(contents.parts))
                named = name_part(part, ground.classes, asked, table)
                if options.class_code is not None and named.source != "table":
                    named = Named(asked or CURRENT, options.class_code)
                at = len(seen)
                seen.append(Seen(part, named))
                ledger.add(at, ((fault, {}) for fault in named.faults))
                _read(connection, seen[at], at, options, ground, limits, ledger, register)
                _examine(connection, seen[at], at, options, ledger)
        if not any(each.is_layer for each in seen):
            raise no_layer(contents.name)
        _add_archives(contents, seen, ledger)
        entries = register.entries()
        _whole(entries, seen, limits, ledger)
        scores = ledger.scores(limits, len(seen))
        yield Checked(contents, tuple(seen), ledger, entries, tuple(scores), limits, asked or CURRENT, ground)


def ground_of(connection: Connection, owner: str) -> Ground:
    """What holds now, as far as a delivery is held against it."""
    at = head(connection)
    units = read_columns(connection, unit, Query(EVERYTHING, at=at), ("code", "geom"))
    gaps = read_columns(connection, gap, Query(EVERYTHING, at=at), ("code", "geom"))
    codes = units["code"].astype(object)
    return Ground(
        read_classes(connection, EVERYTHING, at, owner),
        departments_in_force(connection, at),
        PolygonIndex.build(units["geom"], codes.astype(str)) if len(codes) else None,
        codes,
        PolygonIndex.build(gaps["geom"], gaps["code"].astype(str)) if len(gaps["code"]) else None,
    )


def _read(
    connection: Connection,
    seen: Seen,
    at: int,
    options: Options,
    ground: Ground,
    limits: Limits,
    ledger: Ledger,
    register: Register,
) -> None:
    """Read a part piece by piece and put down what is wrong with it."""
    edition = normalise_edition(options.edition or CURRENT)
    whole: set[tuple[str, str]] = set()
    try:
        pieces = read_part(connection, seen.part, seen.named, options)
        if pieces is None:
            seen.is_layer = False
            return
        for table in pieces:
            seen.crs = "" if table.crs is None else str(table.crs)
            seen.frame = _frame(table.crs)
            seen.encoding = table.encoding or seen.encoding
            seen.rows += len(table)
            ledger.count_rows(at, len(table))
            view = view_of(table, seen.named, edition, ground, limits)
            faults = [fault for fault in (*table.faults, *check_rows(view)) if fault.code not in OF_NO_CONCERN]
            fresh = [each for each in faults if each.row is not None or (each.code, each.en) not in whole]
            whole.update((each.code, each.en) for each in faults if each.row is None)
            ledger.add(at, _located(fresh, view))
            register.add(at, view)
            _take_sample(seen, view)
        if not seen.rows:
            ledger.add(at, [(_without_rows(seen.part.name), {})])
    except Refusal as refusal:
        if refusal.kind not in ("unreadable", "invalid"):
            raise
        ledger.add(at, ((fault, {}) for fault in refusal.faults))


def _without_rows(file: str) -> Fault:
    return Fault("file_empty", f"{file} has no rows.", f"{file} 中没有数据行。")


def _located(faults: Iterable[Fault], view: View) -> Iterator[Located]:
    """Every fault with its place: x and y in the system of the file, lon and lat."""
    table = view.table
    index_of = {row: index for index, row in enumerate(table.rows.tolist())}
    frame = _frame(table.crs)
    for fault in faults:
        index = None if fault.row is None else index_of.get(fault.row)
        told: dict[str, Any] = {}
        if index is not None:
            shape = None if table.geometry is None else table.geometry[index]
            code = view.listed.codes[index]
            lonlat = view.lonlat[index]
            told = _place(fault, shape, lonlat, frame)
            if fault.thing is None and code is not None:
                fault = replace(fault, thing=code)
        yield fault, told


def _place(fault: Fault, shape: Any, lonlat: Any, frame: Crs | None) -> dict[str, Any]:
    """Where a fault is: a point as the file has it; on a line or polygon the spot that is meant, else a corner."""
    told: dict[str, Any] = {}
    spot = None if fault.where is None else np.array([fault.where["coordinates"]], dtype=np.float64)
    if spot is None and not np.isnan(lonlat[0]):
        spot = lonlat[None]
    if spot is not None:
        told["lon"], told["lat"] = spot[0].round(FINEST).tolist()
    if shape is None or shapely.is_empty(shape):
        return told
    if spot is not None and frame is not None and shapely.get_type_id(shape) != 0:
        x, y = reference.from_store(spot, frame)[0].tolist()
        decimals = FINEST if frame.is_geographic else 3
        return {**told, "x": round(x, decimals), "y": round(y, decimals)}
    x, y = shapely.get_coordinates(shape)[0].tolist()
    return {**told, "x": x if np.isfinite(x) else None, "y": y if np.isfinite(y) else None}


def _frame(crs: Any) -> Crs | None:
    try:
        return None if crs is None else reference.parse(crs)
    except Refusal:
        return None


def _take_sample(seen: Seen, view: View) -> None:
    """Rows that will be held against the records."""
    room = min(FROM_A_PIECE, WITNESSES - len(seen.sample))
    if room <= 0 or not len(view.table):
        return
    listed, shapes = view.listed, view.table.geometry
    if shapes is None:
        return
    for index in np.unique(np.linspace(0, len(view.table) - 1, room).astype(np.int64)).tolist():
        row = int(view.table.rows[index])
        said = (listed.codes[index], listed.editions[index], listed.classes[index])
        seen.sample.append((row, *said, listed.geometries[index], shapes[index]))


def _examine(connection: Connection, seen: Seen, at: int, options: Options, ledger: Ledger) -> None:
    """Whether a part lies where its coordinate system says."""
    if not seen.sample or not seen.crs:
        return
    base = head(connection)
    rows, codes, editions, classes, shapes, raw = (list(each) for each in zip(*seen.sample, strict=True))
    there = read_codes(connection, component, base, {code for code in codes if code}, ("code", "uid", "owner"))
    uids = {
        code: uid
        for code, uid, owner in zip(there["code"], there["uid"], there["owner"], strict=True)
        if owner == options.owner
    }
    blank = dict.fromkeys(component.c.keys())
    created = [
        {**blank, "uid": int(uids.get(code, 0)), "code": code, "edition": edition, "class_code": of, "geom": shape}
        for code, edition, of, shape in zip(codes, editions, classes, shapes, strict=True)
        if shape is not None
    ]
    lost = [
        Fault("coordinates_out_of_range", "", "", row=row)
        for row, shape, given in zip(rows, shapes, raw, strict=True)
        if shape is None and given is not None
    ]
    none = np.empty(0, dtype=np.int64)
    delivery = Delivery(base, Counts(), (Change(component, none, created),), tuple(lost))
    geometry = np.fromiter(raw, dtype=object, count=len(raw))
    sample = Sample(geometry, seen.frame or seen.crs, len(rows), len(lost))
    found = examined(connection, [("", delivery, sample)], replace(options, crs=None))
    ledger.add(at, ((fault, {}) for fault in found))


def _whole(entries: Entries, seen: list[Seen], limits: Limits, ledger: Ledger) -> None:
    """What only the whole delivery shows."""

    def told(at: int, fault: Fault) -> None:
        part = int(entries.parts[at])
        ledger.add(part, [(fault, _again(entries, at, seen[part].frame))])

    def other(later: int, earlier: int) -> str | None:
        first = int(entries.parts[earlier])
        return None if first == int(entries.parts[later]) else seen[first].part.name

    for pair in repeated_codes(entries):
        code, rows = entries.codes[pair.later].as_py(), entries.rows
        where = other(pair.later, pair.earlier)
        told(pair.later, fault_of_code(code, int(rows[pair.later]), int(rows[pair.earlier]), where))
    for pair in near_pairs(entries, limits.near_m):
        codes = (entries.codes[pair.later].as_py(), entries.codes[pair.earlier].as_py())
        later, earlier = int(entries.rows[pair.later]), int(entries.rows[pair.earlier])
        where = other(pair.later, pair.earlier)
        told(pair.later, fault_of_place(codes, later, earlier, where, pair.metres or 0.0))


def _again(entries: Entries, at: int, frame: Crs | None) -> dict[str, Any]:
    """The place of an entry, worked back into the system of its file."""
    spot = entries.lonlat[at : at + 1]
    if np.isnan(spot[0, 0]):
        return {}
    told = dict(zip(("lon", "lat"), spot[0].round(FINEST).tolist(), strict=True))
    if frame is None:
        return told
    decimals = FINEST if frame.is_geographic else 3
    x, y = reference.from_store(spot, frame)[0].round(decimals).tolist()
    return {**told, "x": x, "y": y}


def _add_archives(contents: Contents, seen: list[Seen], ledger: Ledger) -> None:
    """Archives within the delivery stand among its parts, for they may hold some."""
    for file in filter(is_archive, contents.ignored):
        seen.append(Seen(Part(Path(file), file), Named()))
        ledger.add(len(seen) - 1, [(of_file(packed_within(file), file), {})])
