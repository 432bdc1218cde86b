"""What keeps polygons from being a coverage without gaps, found and measured but not yet put into words.

Edges are compared by their stored coordinates, exactly: two polygons share an edge when both have its two nodes. Few
polygons have an edge without such a partner; only they and their neighbours are looked at closely. With a `focus` only
flaws that concern those polygons are looked for, and they are the same: what is examined grows until that is certain.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gis.cover import Cover, measure, solid
from gis.enclosures import enclosed
from gis.metres import Indices
from gis.partners import are_matched

NOISE_DEG = 1e-12  # 0.1 µm, a tenth of what coordinates of the store resolve

Polygons = NDArray[Any]
Kind = Literal["invalid_geometry", "overlap", "unmatched_edge", "gap", "slot", "gap_overlaps_unit", "gap_without_hole"]
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Flaw:
    """`members` and `gaps` are numbers of the polygons and of the named gaps concerned, the lowest code first.

    A slot is ground between two polygons, narrower than the snap width, that is not enclosed. `area_m2` and the mean
    width `width_m` are those of the ground that an overlap or a gap takes. `reason` says why a polygon is invalid.
    """

    kind: Kind
    members: tuple[int, ...]
    place: BaseGeometry | None
    area_m2: float = 0.0
    width_m: float = 0.0
    gaps: tuple[int, ...] = ()
    reason: str = ""


def find(
    polygons: Polygons,
    codes: NDArray[Any],
    named: Polygons | None = None,
    snap_m: float = 0.01,
    *,
    focus: Indices | None = None,
    named_focus: Indices | None = None,
    noise_deg: float = NOISE_DEG,
    progress: Progress | None = None,
) -> list[Flaw]:
    """The flaws of polygons (n,), lon/lat EPSG:4490, with codes (n,) that order them, and named gaps (g,).

    With `focus` (k,) and `named_focus` (j,) those that have one of these polygons or named gaps among `members` and
    `gaps`. Enclosed ground with a mean width below `noise_deg` degrees is none: where edges of overlapping polygons
    cross, rounding leaves such splinters, and which ones hangs on what else is united; those that are real are slots.
    `progress` hears the share that is done, from 0 to 1.
    """
    tell = progress or (lambda share: None)
    polygons, codes = np.asarray(polygons, dtype=object), np.asarray(codes)
    named = np.empty(0, dtype=object) if named is None else np.asarray(named, dtype=object)
    everything = focus is None and named_focus is None
    chosen = np.arange(len(polygons)) if everything else _indices(focus)
    chosen_gaps = np.arange(len(named)) if everything else _indices(named_focus)
    cover = Cover.of(polygons, codes, named, snap_m)
    flaws = _invalid(cover, polygons, chosen, tell) + _invalid_gaps(cover, named, chosen_gaps)
    chosen, chosen_gaps = chosen[cover.are_sound(chosen)], chosen_gaps[cover.usable_gaps[chosen_gaps]]
    if (len(chosen) == 0 and len(chosen_gaps) == 0) or not cover.has_polygons:
        return flaws
    pairs, slots, unfit = _meetings(cover, chosen, everything, tell)
    tell(0.7)
    ground = enclosed(cover, None if everything else (chosen, chosen_gaps), unfit)
    if snap_m > 0:  # without a snap width there are no slots, and none of these may be lost
        ground = ground[2 * shapely.area(ground) >= noise_deg * shapely.length(ground)]
    beside, gaps_beside = cover.beside(ground), cover.gaps_beside(ground)
    tell(0.95)
    flaws += sorted(pairs, key=lambda flaw: tuple(codes[k] for k in flaw.members))
    for piece, members, gaps in zip(ground, beside, gaps_beside, strict=True):
        flaws.append(Flaw("gap", members, piece, *measure(piece), gaps=gaps))
    flaws += _open(slots, beside)
    flaws += _named(cover, chosen, chosen_gaps, {gap for gaps in gaps_beside for gap in gaps})
    tell(1.0)
    return flaws


def _indices(given: Indices | None) -> Indices:
    return np.unique(np.empty(0, dtype=np.int64) if given is None else np.asarray(given, dtype=np.int64))


def _invalid(cover: Cover, polygons: Polygons, chosen: Indices, tell: Progress) -> list[Flaw]:
    found = [
        Flaw("invalid_geometry", (int(k),), _drawn(polygons[k]), reason=_reason(polygons[k]))
        for k in chosen[~cover.are_sound(chosen)]
    ]
    tell(0.1)
    return found


def _invalid_gaps(cover: Cover, named: Polygons, chosen: Indices) -> list[Flaw]:
    return [
        Flaw("invalid_geometry", (), _drawn(named[g]), gaps=(int(g),), reason=_reason(named[g]))
        for g in chosen[~cover.usable_gaps[chosen]]
    ]


def _reason(polygon: BaseGeometry | None) -> str:
    if polygon is None or polygon.is_empty:
        return "no polygon"
    reason: str = shapely.is_valid_reason(polygon)
    return f"a {polygon.geom_type}, not a polygon" if reason == "Valid Geometry" else reason


def _drawn(polygon: BaseGeometry | None) -> BaseGeometry | None:
    return polygon if polygon is not None and np.isfinite(shapely.bounds(polygon)).all() else None


def _meetings(
    cover: Cover, chosen: Indices, everything: bool, tell: Progress
) -> tuple[list[Flaw], list[Flaw], Indices]:
    """Pairs that overlap or meet with other nodes, the slots between pairs, and the polygons that fit no coverage."""
    first = chosen if everything else cover.around(chosen)  # all that may form a pair with one of the chosen
    scope = chosen if everything else cover.around(first)  # and all that decide whether its edges fit
    loose = np.intersect1d(scope[~are_matched(cover.polygons[scope])], first)
    tell(0.3)
    near = cover.unfit_edges(loose, cover.width)
    suspects = loose[~shapely.is_empty(near)]
    unmatched = cover.unfit_edges(suspects, 0.0)
    unfit = suspects[~shapely.is_empty(unmatched)]
    tell(0.5)
    flaws, slots, explained = _pairs(cover, suspects, chosen, tell)
    # Nothing that the whole coverage fails on may pass because no single pair shows it.
    edges = dict(zip(suspects.tolist(), unmatched, strict=True))
    alone = np.intersect1d(np.setdiff1d(unfit, explained), chosen)
    return [*flaws, *(Flaw("unmatched_edge", (k,), edges[k]) for k in alone.tolist())], slots, unfit


def _pairs(
    cover: Cover, suspects: Indices, chosen: Indices, tell: Progress
) -> tuple[list[Flaw], list[Flaw], list[int]]:
    pairs = cover.pairs(suspects)
    if len(cover.polygons) != len(chosen):
        pairs = pairs[np.isin(pairs, chosen).any(axis=1)]
    overlapping = shapely.relate_pattern(cover.polygons[pairs[:, 0]], cover.polygons[pairs[:, 1]], "T********")
    flaws: list[Flaw] = []
    slots: list[Flaw] = []
    explained: list[int] = []
    step = max(len(pairs) // 20, 1)
    for number, (pair, over) in enumerate(zip(pairs.tolist(), overlapping, strict=True)):
        if number % step == 0:
            tell(0.5 + 0.2 * number / len(pairs))
        a, b = sorted(pair, key=lambda k: (cover.codes[k], k))
        if over:
            flaws.append(_overlap(cover, a, b))
        else:
            slot = _bad_edges(cover.polygons[pair], cover.width)
            if slot is None:
                continue
            edges = _bad_edges(cover.polygons[pair], 0.0)
            if edges is None:
                slots.append(Flaw("slot", (a, b), slot))
                continue
            flaws.append(Flaw("unmatched_edge", (a, b), edges))
        explained += pair
    return flaws, slots, explained


def _bad_edges(pair: Polygons, width: float) -> BaseGeometry | None:
    """The edges of both polygons of a pair that do not fit, None when all do."""
    edges = shapely.coverage_invalid_edges(pair, gap_width=width)
    lines = [line for line in shapely.get_parts(edges) if not line.is_empty]
    return shapely.MultiLineString(lines) if lines else None


def _overlap(cover: Cover, a: int, b: int) -> Flaw:
    common = solid(shapely.intersection(cover.polygons[a], cover.polygons[b]))
    # An overlap thinner than floating-point numbers resolve has edges, but no area left to show.
    edges = _bad_edges(cover.polygons[[a, b]], 0.0) if common.is_empty else common
    return Flaw("overlap", (a, b), cover.polygons[a].centroid if edges is None else edges, *measure(common))


def _open(slots: list[Flaw], beside: list[tuple[int, ...]]) -> list[Flaw]:
    """Slots that open to the outside; the others are enclosed ground, told already."""
    grounds: dict[int, set[int]] = defaultdict(set)
    for ground, members in enumerate(beside):
        for member in members:
            grounds[member].add(ground)
    return [slot for slot in slots if not grounds[slot.members[0]] & grounds[slot.members[1]]]


def _named(cover: Cover, chosen: Indices, chosen_gaps: Indices, in_holes: set[int]) -> list[Flaw]:
    """Named gaps that run over a polygon, and those that lie apart from all."""
    flaws = []
    gap, unit = cover.meet_gaps()
    mine = np.isin(unit, chosen) | np.isin(gap, chosen_gaps)
    met = sorted(zip(gap[mine].tolist(), unit[mine].tolist(), strict=True), key=lambda m: (m[0], cover.codes[m[1]]))
    for g, k in met:
        ground = solid(shapely.intersection(cover.named[g], cover.polygons[k]))
        area, width = measure(ground)
        if width > cover.snap_m:
            flaws.append(Flaw("gap_overlaps_unit", (k,), ground, area, width, gaps=(g,)))
    apart = [int(g) for g in np.setdiff1d(chosen_gaps, gap) if int(g) not in in_holes]
    return flaws + [Flaw("gap_without_hole", (), cover.named[g], gaps=(g,)) for g in apart]
