"""The crosswalk (编码对照表): what became of each code between two revisions, by shares of its area and components.

What has the same shape at both, under whatever code, goes over whole, without any measuring. Only the ground of the
rest is overlaid. Shares are of geodesic areas.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, and_, not_

from gis.errors import refuse
from gis.geometry import geodesic_area
from gis.locate import PolygonIndex
from gis.store.revisions import read_settings
from gis.store.scope import EVERYTHING, Scope
from gis.store.versions import Box, Columns, Query, conditions, in_force, read_columns, read_where
from grids.profiles import FREE, read_profile
from grids.tables import division, unit

NOISE = 1e-6
"""Of an overlay: a smaller part of an area is the rounding of its nodes, and counts for the largest part."""

Points = Callable[[Box], NDArray[np.float64]]
"""The components at the old revision that meet a box, lon, lat (n, 2)."""


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """n rows, by old code and then from the largest share down.

    `new` is None in the row for what left the grid, so that the shares of an old code sum to 1 with that row, and to 1
    minus what left without it. `components` is NaN where an old code that changed had none.
    """

    old: NDArray[Any]
    new: NDArray[Any]
    area: NDArray[np.float64]
    components: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.old)

    def rows(self) -> Iterator[tuple[str, str | None, float, float | None]]:
        """The rows as old code, new code, share of area, share of components."""
        shares = [None if share != share else share for share in self.components.tolist()]
        return zip(self.old.tolist(), self.new.tolist(), self.area.tolist(), shares, strict=True)

    def without_same(self) -> "Crosswalk":
        """Only the rows of codes that did not stay what they were."""
        moved = self.old != self.new
        kept = np.isin(self.old.astype(str), np.unique(self.old[moved].astype(str)))
        return Crosswalk(self.old[kept], self.new[kept], self.area[kept], self.components[kept])


def crosswalk(
    connection: Connection,
    a: int,
    b: int,
    level: str = "unit",
    scope: Scope = EVERYTHING,
    components: Points | None = None,
) -> Crosswalk:
    """What became between revisions `a` and `b` of the units, or of the divisions of a level.

    A division is what its units are: its shares are sums over them. Where there are no units at `a`, divisions are
    taken by their own shapes. What went out of scope counts as left. Errors: Refusal level_unknown.
    """
    profile = read_profile(read_settings(connection).get("profile", FREE.name))
    lengths = {each.id: each.length for each in profile.levels}
    if level != "unit" and level not in lengths:
        raise _unknown_level(level, ("unit", *lengths))
    table, where, length = unit, None, lengths.get(level)
    walked = _walk(connection, table, where, a, b, scope)
    if level != "unit" and not len(walked.old):
        table, where = division, {"level": level}
        walked = _walk(connection, table, where, a, b, scope)
        length = None
    rows = _summed(walked, length)
    return _with_components(connection, rows, table, where, a, b, scope, length, components)


@dataclass(frozen=True, slots=True)
class _Walked:
    """Pieces: of which old code, to which new code, and how much ground in m²."""

    old: NDArray[Any]
    new: NDArray[Any]
    weight: NDArray[np.float64]


def _walk(connection: Connection, table: Table, where: Any, a: int, b: int, scope: Scope) -> _Walked:
    names = ("code", "area_m2") if "area_m2" in table.c else ("code",)
    stay = and_(conditions(table, Query(scope, at=a, where=where)), in_force(table, b))
    same = read_where(connection, table, stay, names)
    weights = same.get("area_m2", np.ones(len(same["code"])))
    pieces: list[tuple[str, str | None, float]] = []
    ends = and_(conditions(table, Query(scope, at=a, where=where)), not_(in_force(table, b)))
    begins = and_(conditions(table, Query(scope, at=b, where=where)), not_(in_force(table, a)))
    gone = read_where(connection, table, ends, ("uid", *names, "geom"))
    come = read_where(connection, table, begins, ("uid", "code", "geom"))
    heirs = _same_shape(gone, come)
    whole = np.flatnonzero(heirs >= 0)
    grounds = gone.get("area_m2", np.ones(len(gone["code"])))
    pieces += [(gone["code"][i], come["code"][heirs[i]], float(grounds[i])) for i in whole]
    rest, new = np.flatnonzero(heirs < 0), np.setdiff1d(np.arange(len(come["code"])), heirs)
    for i, j, share in _overlay(gone["geom"][rest], come["geom"][new]):
        code = None if j is None else come["code"][new[j]]
        pieces.append((gone["code"][rest[i]], code, share * float(grounds[rest[i]])))
    return _Walked(
        _objects([*same["code"], *(old for old, _, _ in pieces)]),
        _objects([*same["code"], *(code for _, code, _ in pieces)]),
        np.array([*weights, *(weight for _, _, weight in pieces)], dtype=np.float64),
    )


def _same_shape(gone: Columns, come: Columns) -> NDArray[np.int64]:
    """For each version that ended the one that began with the same shape, of the same uid first; -1 where none did."""
    shapes: dict[bytes, list[int]] = {}
    for index, wkb in enumerate(_as_bytes(come["geom"])):
        if wkb is not None:
            shapes.setdefault(wkb, []).append(index)
    by_uid = {uid: index for index, uid in enumerate(come["uid"])}
    found = np.full(len(gone["uid"]), -1, dtype=np.int64)
    for index, (uid, wkb) in enumerate(zip(gone["uid"], _as_bytes(gone["geom"]), strict=True)):
        own, alike = by_uid.get(uid), [] if wkb is None else shapes.get(wkb, [])
        if own is not None and (own in alike or wkb is None):
            found[index] = own
        elif alike:
            found[index] = alike[0]
    return found


def _as_bytes(shapes: NDArray[Any]) -> list[bytes | None]:
    return [None if shape is None else shapely.to_wkb(shapely.normalize(shape)) for shape in shapes]


def _overlay(old: NDArray[Any], new: NDArray[Any]) -> Iterator[tuple[int, int | None, float]]:
    """(old, new, share of the old one's area); new is None for what is left over."""
    there = np.array([shape is not None for shape in old], dtype=bool)
    yield from ((int(i), None, 1.0) for i in np.flatnonzero(~there))
    known = np.flatnonzero(there)
    if not len(known):
        return
    tree = shapely.STRtree(new)
    left, right = tree.query(old[known], predicate="intersects")
    areas = geodesic_area(old[known])
    parts = geodesic_area(np.asarray(shapely.intersection(old[known][left], new[right]), dtype=object))
    order = np.argsort(left, kind="stable")
    bounds = np.searchsorted(left[order], np.arange(len(known) + 1))
    for i, index in enumerate(known):
        mine = order[bounds[i] : bounds[i + 1]]
        shares = parts[mine] / areas[i]
        mine, shares = mine[shares > NOISE], shares[shares > NOISE]
        lost = 1.0 - float(shares.sum())
        if abs(lost) <= NOISE and len(shares):
            shares = shares / shares.sum()
        elif lost > NOISE:
            yield int(index), None, lost
        yield from ((int(index), int(right[piece]), float(share)) for piece, share in zip(mine, shares, strict=True))


def _summed(walked: _Walked, length: int | None) -> dict[str, dict[str | None, float]]:
    """Shares of area by old code and new code, both cut to a level."""
    sums: dict[str, dict[str | None, float]] = {}
    for old, new, weight in zip(walked.old, walked.new, walked.weight, strict=True):
        mine = sums.setdefault(old[:length], {})
        into = None if new is None else new[:length]
        mine[into] = mine.get(into, 0.0) + float(weight)
    return {old: _shares(parts) for old, parts in sums.items()}


def _shares(parts: dict[str | None, float]) -> dict[str | None, float]:
    total = sum(parts.values())
    if len(parts) == 1 or total <= 0:
        return dict.fromkeys(parts, 1.0 / len(parts))
    return {new: weight / total for new, weight in parts.items()}


def _with_components(
    connection: Connection,
    rows: dict[str, dict[str | None, float]],
    table: Table,
    where: Any,
    a: int,
    b: int,
    scope: Scope,
    length: int | None,
    components: Points | None,
) -> Crosswalk:
    """The rows with the shares of components: counted only in codes that did not stay whole."""
    moved = {old for old, parts in rows.items() if len(parts) > 1}
    counts: dict[str, dict[str | None, float]] = {}
    if components is not None and moved:
        for old, new in _moves(connection, table, where, a, b, scope, length, components, moved):
            mine = counts.setdefault(old, {})
            mine[new] = mine.get(new, 0.0) + 1.0
    found: list[tuple[str, str | None, float, float]] = []
    for old, parts in rows.items():
        if old not in moved:
            found += [(old, new, share, 1.0) for new, share in parts.items()]
            continue
        counted = counts.get(old, {})
        total = sum(counted.values())
        for new in {**parts, **counted}:
            share = counted.get(new, 0.0) / total if total else float("nan")
            found.append((old, new, parts.get(new, 0.0), share))
    found.sort(key=lambda row: (row[0], -row[2], row[1] is None, row[1] or ""))
    old_codes, new_codes, area, shares = zip(*found, strict=True) if found else ((), (), (), ())
    return Crosswalk(_objects(old_codes), _objects(new_codes), np.array(area, float), np.array(shares, float))


def _moves(
    connection: Connection,
    table: Table,
    where: Any,
    a: int,
    b: int,
    scope: Scope,
    length: int | None,
    components: Points,
    moved: set[str],
) -> Iterator[tuple[str, str | None]]:
    """The old and the new code of each component in the codes that moved, by the tie rule.

    Only what meets the box of these codes is read: whatever else holds a point in it meets the box too.
    """
    names = ("code", *(("west", "south", "east", "north")))
    every = read_columns(connection, table, Query(scope, at=a, where=where), names)
    mine = np.array([code[:length] in moved for code in every["code"]], dtype=bool)
    sides = [every[side][mine].astype(float) for side in names[1:]]
    box = (sides[0].min(), sides[1].min(), sides[2].max(), sides[3].max())
    points = components((float(box[0]), float(box[1]), float(box[2]), float(box[3])))
    if not len(points):
        return
    before, after = (_codes_of(connection, table, where, at, box, points) for at in (a, b))
    for old, new in zip(before, after, strict=True):
        if old is not None and old[:length] in moved:
            yield old[:length], None if new is None or not scope.allows_owner(new) else new[:length]


def _codes_of(
    connection: Connection, table: Table, where: Any, at: int, box: Any, points: NDArray[np.float64]
) -> list[str | None]:
    query = Query(EVERYTHING, at=at, where=where, box=tuple(float(side) for side in box))  # type: ignore[arg-type]
    found = read_columns(connection, table, query, ("code", "geom"))
    if not len(found["code"]):
        return [None] * len(points)
    index = PolygonIndex.build(found["geom"], found["code"], trusted=True)
    return [None if slot < 0 else str(found["code"][slot]) for slot in index.lowest(points)]


def _unknown_level(level: str, known: tuple[str, ...]) -> Exception:
    shown = level[:60]
    return refuse(
        "level_unknown",
        f"There is no level {shown}; there are {', '.join(known)}.",
        f"没有级别“{shown}”；可用级别：{'、'.join(known)}。",
    )


def _objects(values: Any) -> NDArray[Any]:
    return np.fromiter(values, dtype=object, count=len(values))
