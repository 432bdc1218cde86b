"""The ground that the polygons of a coverage and its named gaps enclose and do not cover."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.errors import GEOSException
from shapely.geometry.base import BaseGeometry

from gis.cover import TOUCHING_DEG, Cover, measure
from gis.metres import Indices

MARGIN_DEG = 1.0  # of the frame around everything

Polygons = NDArray[Any]


def enclosed(cover: Cover, near: tuple[Indices, Indices] | None, unfit: Indices) -> Polygons:
    """The ground (k,) that polygons and named gaps together enclose and do not cover.

    `near`: only what touches one of these polygons and named gaps. `unfit` are the polygons, of those in question,
    that break the coverage: they must be united by overlay. What is thinner than the snap width beside a named gap is
    no ground, since a named gap need not have the nodes of the polygons.
    """
    if near is None:
        sound = np.flatnonzero(cover.are_sound(np.arange(len(cover.polygons))))
        ground = _whole(cover, sound, unfit)
    else:
        seeds = np.concatenate([cover.polygons[near[0]], cover.named[near[1]]])
        ground = _close(cover, seeds)
    beside = cover.gaps_beside(ground)
    thick = [k for k, piece in enumerate(ground) if not beside[k] or measure(piece)[1] > cover.snap_m]
    kept: Polygons = ground[thick]
    return kept


def _whole(cover: Cover, sound: Indices, unfit: Indices) -> Polygons:
    fits = np.setdiff1d(sound, unfit)
    covered = _union(cover.polygons[fits], [*cover.polygons[unfit], *cover.named[cover.usable_gaps]])
    west, south, east, north = shapely.bounds(covered)
    frame = shapely.box(west - MARGIN_DEG, south - MARGIN_DEG, east + MARGIN_DEG, north + MARGIN_DEG)
    ground = _pieces(frame, covered)
    inside: Polygons = ground[shapely.bounds(ground)[:, 0] >= west]  # without the one piece outside all
    return inside


def _close(cover: Cover, seeds: Polygons) -> Polygons:
    """The enclosed ground that touches a seed: seeds that lie together are looked at in one window."""
    boxes = shapely.bounds(seeds)
    size = np.maximum(boxes[:, 2:] - boxes[:, :2], 10 * TOUCHING_DEG).max(axis=1) / 2
    windows = shapely.get_parts(shapely.union_all(shapely.box(*(boxes + size[:, None] * [-1, -1, 1, 1]).T)))
    found: list[BaseGeometry] = []
    for window in windows:
        mine = seeds[shapely.intersects(window, seeds)]
        for piece in _in_window(cover, mine, shapely.bounds(window)):
            inner = shapely.point_on_surface(piece)
            if not any(shapely.intersects(known, inner) for known in found):
                found.append(piece)
    return _array(found)


def _in_window(cover: Cover, seeds: Polygons, window: NDArray[np.float64]) -> Polygons:
    """The same for one window, that grows until no ground beside a seed reaches its edge and may go on there.

    Within the window all ground is known. A piece that does not reach the edge is enclosed, one that reaches ground
    beyond everything is not.
    """
    while True:
        frame = shapely.box(*window)
        held = cover.tree.query(frame).astype(np.int64)
        held = held[cover.are_sound(held)]
        unfit = cover.unfit(held)
        others = [*cover.polygons[unfit], *cover.named[cover.gap_tree.query(frame)]]
        covered = _union(cover.polygons[np.setdiff1d(held, unfit)], others)
        ground = _pieces(frame, covered)
        ground = ground[np.unique(shapely.STRtree(ground).query(seeds, predicate="dwithin", distance=TOUCHING_DEG)[1])]
        at_edge = shapely.dwithin(ground, frame.exterior, TOUCHING_DEG)
        boxes, limits = shapely.bounds(ground), cover.limits
        outside = (boxes[:, :2] < limits[:2]).any(axis=1) | (boxes[:, 2:] > limits[2:]).any(axis=1)
        if not (at_edge & ~outside).any():
            closed: Polygons = ground[~at_edge]
            return closed
        half = (window[2:] - window[:2]) / 2
        window = np.concatenate([window[:2] - half, window[2:] + half])


def _union(fitting: Polygons, others: list[BaseGeometry]) -> BaseGeometry:
    """The union; what is edge-matched is united by its edges, which is much faster and adds no coordinate."""
    try:
        fitted = shapely.coverage_union_all(fitting)
        return shapely.union_all([fitted, *others]) if others else fitted
    except GEOSException:
        return shapely.union_all([*fitting, *others])


def _pieces(frame: BaseGeometry, covered: BaseGeometry) -> Polygons:
    parts = shapely.get_parts(shapely.difference(frame, covered))
    areal: Polygons = parts[shapely.get_dimensions(parts) == 2]
    return areal


def _array(geometries: list[BaseGeometry]) -> Polygons:
    found = np.empty(len(geometries), dtype=object)
    found[:] = geometries
    return found
