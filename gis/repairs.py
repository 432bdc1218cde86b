"""Proposals that mend a broken coverage: what the polygons would be, and what that moves, how far and where.

Nothing is applied. In this order, each step only where the one before left a flaw: polygons that cross themselves are
rebuilt and repeated nodes taken out; nodes and edges within the snap width are made common (`gis.snapping`); what still
overlaps or does not match is cut anew with its neighbours by the coverage cleaner of GEOS; enclosed ground narrower
than a width goes to the polygon with the longest edge along it. What would lose half of its ground is left as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.errors import GEOSException
from shapely.geometry.base import BaseGeometry

from gis.cover import TOUCHING_DEG, Cover, are_areal, are_usable, measure, solid
from gis.crs import DECIMALS
from gis.flaws import Flaw, find
from gis.metres import Indices, Paths
from gis.snapping import snap

PASSES = 4  # rounding what was cut, or its new nodes on the edges of others, may leave something to cut again
LEAST_SHARE = 0.5  # of its ground that a polygon keeps, or it is left alone
CLEANER = (3, 14)  # the version of GEOS that has it

Polygons = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Shift:
    """What happens to one polygon. The node that moves farthest, of the new outline or the old, stands at `place`
    (lon, lat), `metres` from the other outline. `ground` is what it would gain or lose, in m² `gained_m2`, `lost_m2`.
    """

    polygon: int
    metres: float
    place: tuple[float, float]
    gained_m2: float
    lost_m2: float
    ground: BaseGeometry


@dataclass(frozen=True, slots=True)
class Repaired:
    """The polygons (n,) as they would be, of which those without a shift are the very same objects, and what is left.

    `left` are the flaws of the result: gaps too wide to close, which may be named, and what could not be repaired.
    """

    polygons: Polygons
    shifts: tuple[Shift, ...]
    left: tuple[Flaw, ...]


def mend(
    polygons: Polygons,
    codes: NDArray[Any],
    named: Polygons | None = None,
    *,
    snap_m: float = 0.01,
    close_m: float = 0.5,
    focus: Indices | None = None,
) -> Repaired:
    """Propose polygons (n,) without overlap, unmatched edge and gap up to a mean width of `close_m` metres.

    lon/lat EPSG:4490; `named` are the named gaps, which stay. With `focus` (k,) only flaws of those polygons are
    mended, and `left` are the flaws that concern them or what was changed.
    """
    before = np.asarray(polygons, dtype=object)
    work = before.copy()
    _rebuild(work, np.arange(len(work)) if focus is None else focus)
    _snap(work, codes, snap_m, focus)
    _cut(work, before, codes, named, snap_m, focus)
    _close(work, codes, named, snap_m, close_m, focus)
    shifts = _shifts(before, work)
    changed = np.array([shift.polygon for shift in shifts], dtype=np.int64)
    concerned = None if focus is None else np.union1d(focus, changed)
    return Repaired(work, shifts, tuple(find(work, codes, named, snap_m, focus=concerned)))


def _rebuild(work: Polygons, which: Indices) -> None:
    """Give polygons that cross themselves valid ones of the same lines, and take repeated nodes out, in place."""
    solid_kind = are_areal(work[which]) & ~shapely.is_empty(work[which])
    drawn = which[solid_kind & np.isfinite(shapely.bounds(work[which])).all(axis=1)]
    bare = shapely.remove_repeated_points(work[drawn])
    fewer = shapely.get_num_coordinates(bare) < shapely.get_num_coordinates(work[drawn])
    work[drawn[fewer]] = bare[fewer]
    for k in drawn[~shapely.is_valid(work[drawn])].tolist():
        made = _rounded(solid(shapely.make_valid(work[k], method="structure", keep_collapsed=False)))
        if made is not None:
            work[k] = made


def _snap(work: Polygons, codes: NDArray[Any], snap_m: float, focus: Indices | None) -> None:
    near = np.arange(len(work))
    if focus is not None:
        cover = Cover.of(work, codes, np.empty(0, dtype=object), snap_m)
        near = cover.around(cover.around(focus))
    work[near] = snap(work[near], snap_m)[0]


def _cut(
    work: Polygons, before: Polygons, codes: NDArray[Any], named: Polygons | None, snap_m: float, focus: Indices | None
) -> None:
    """Cut anew, in place, what overlaps or does not match, together with its neighbours."""
    if shapely.geos_version < CLEANER:
        return
    spared: set[int] = set()
    for _ in range(PASSES):
        flaws = find(work, codes, named, snap_m, focus=focus)
        broken = {k for flaw in flaws if flaw.kind in ("overlap", "unmatched_edge", "slot") for k in flaw.members}
        if not broken - spared:
            return
        cover = Cover.of(work, codes, np.empty(0, dtype=object), snap_m)
        group = np.setdiff1d(cover.around(np.array(sorted(broken - spared), dtype=np.int64)), sorted(spared))
        try:
            cut = shapely.coverage_clean(  # type: ignore[attr-defined]
                work[group], snapping_distance=TOUCHING_DEG, gap_width=0.0
            )
        except GEOSException:
            return
        made = [_rounded(piece) for piece in cut]
        lost = [k for k, piece in zip(group.tolist(), made, strict=True) if _loses_too_much(piece, before[k])]
        if lost:
            spared.update(lost)
            continue
        for k, piece in zip(group.tolist(), made, strict=True):
            if not shapely.equals_exact(shapely.normalize(piece), shapely.normalize(work[k])):
                work[k] = piece


def _loses_too_much(piece: BaseGeometry | None, before: BaseGeometry) -> bool:
    return piece is None or bool(shapely.area(piece) < LEAST_SHARE * shapely.area(before))


def _rounded(geometry: BaseGeometry) -> BaseGeometry | None:
    """The polygon with coordinates as the store keeps them, None where nothing valid is left."""
    made = shapely.transform(solid(geometry), lambda xy: np.round(xy, DECIMALS))
    made = shapely.orient_polygons(shapely.remove_repeated_points(made))
    if made.is_empty or not made.is_valid:
        return None
    return _single(made)


def _single(geometry: BaseGeometry) -> BaseGeometry:
    parts = shapely.get_parts(geometry)
    return parts[0] if len(parts) == 1 else geometry


def _close(
    work: Polygons, codes: NDArray[Any], named: Polygons | None, snap_m: float, close_m: float, focus: Indices | None
) -> None:
    """Give enclosed ground narrower than `close_m` to the polygon with the longest edge along it, in place.

    The edge of such ground has every node of the polygons around it, so that no coordinate is new.
    """
    for flaw in find(work, codes, named, snap_m, focus=focus) if close_m > 0 else []:
        if flaw.kind != "gap" or flaw.width_m > close_m or flaw.gaps or flaw.place is None:
            continue
        members = np.array(flaw.members, dtype=np.int64)
        edges = shapely.length(shapely.intersection(shapely.boundary(work[members]), flaw.place.boundary))
        for k in members[np.argsort(-edges, kind="stable")].tolist():
            try:
                grown = _single(solid(shapely.coverage_union_all([work[k], flaw.place])))
            except GEOSException:  # its edge is not one that the ground has, since an overlap was left
                continue
            if grown.is_valid and shapely.get_num_geometries(grown) <= shapely.get_num_geometries(work[k]):
                work[k] = shapely.orient_polygons(grown)
                break


def _shifts(before: Polygons, after: Polygons) -> tuple[Shift, ...]:
    changed = np.array([k for k, piece in enumerate(after) if piece is not before[k]], dtype=np.int64)
    if len(changed) == 0:
        return ()
    old, new = before[changed], after[changed]
    ahead, behind = _farthest(new, old), _farthest(old, new)
    found = []
    for number, k in enumerate(changed.tolist()):
        gained, lost = _difference(new[number], old[number]), _difference(old[number], new[number])
        metres, place = max(ahead[number], behind[number])
        ground = shapely.MultiPolygon([*shapely.get_parts(gained), *shapely.get_parts(lost)])
        found.append(Shift(k, metres, place, measure(gained)[0], measure(lost)[0], ground))
    return tuple(found)


def _difference(one: BaseGeometry, other: BaseGeometry) -> BaseGeometry:
    if not are_usable(np.array([one, other], dtype=object)).all():
        one, other = shapely.make_valid(one), shapely.make_valid(other)
    return solid(shapely.difference(one, other))


def _farthest(of: Polygons, to: Polygons) -> Sequence[tuple[float, tuple[float, float]]]:
    """For each polygon the node that is farthest from the outline of its other, and how far in metres."""
    coords, owner = shapely.get_coordinates(of, return_index=True)
    metres = Paths.of(to).distances(coords, np.arange(len(coords)), owner.astype(np.int64))
    order = np.lexsort((metres, owner))
    last = order[np.searchsorted(owner[order], np.arange(len(of)), side="right") - 1]
    return [(float(metres[k]), (float(coords[k, 0]), float(coords[k, 1]))) for k in last.tolist()]
