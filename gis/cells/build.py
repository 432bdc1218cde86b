"""Building the whole index: which polygons are tidy, which meet each tile, and the blocks, on several threads."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.errors import GEOSException

from gis.cells.blocks import build_block
from gis.cells.frames import choose_frame
from gis.cells.layout import (
    LINES,
    MOST_POLYGONS,
    SIDE,
    VERTEX_MASK,
    WHOLE,
    Cells,
    Frame,
    Shapes,
    Words,
    aligned_lines,
    frozen,
)
from gis.metres import Indices, Paths

FARTHEST = 1e100  # areas and products of areas stay finite
NOBODY = Frame(0.0, 0.0, 1.0, 1.0, 1, 1)  # where there are no polygons


def find_untidy(polygons: NDArray[Any]) -> NDArray[np.bool_]:
    """Which polygons (n,) are not valid or break the coverage: they overlap others or meet them with other nodes.

    Of two polygons whose insides meet at least one is untidy.
    """
    try:
        untidy = ~shapely.is_valid(polygons)
        sound = np.flatnonzero(~untidy)
        untidy[sound] = ~shapely.is_empty(shapely.coverage_invalid_edges(polygons[sound]))
    except GEOSException:  # numbers too small or too large for GEOS to compare the polygons
        return np.ones(len(polygons), dtype=np.bool_)
    return untidy


def build_cells(
    polygons: NDArray[Any], rings: Paths, ranks: Indices, *, trusted: bool = False, threads: int | None = None
) -> Cells:
    """The index of `polygons` (n,) of Polygon and MultiPolygon, not empty, whose rings are `rings`.

    `ranks` (n,) decides ties, the lowest wins. `trusted` says that the polygons are valid and form a valid coverage:
    where they do not, answers are wrong there. A polygon that is not valid holds what its rings enclose an odd number
    of times, and its boundary. ValueError for coordinates that are not finite or beyond 1e100,
    and for sizes beyond the layout's.
    """
    if len(polygons) > MOST_POLYGONS:
        raise ValueError(f"an index holds at most {MOST_POLYGONS} polygons")
    if not (np.abs(rings.coords) < FARTHEST).all():
        raise ValueError("a polygon has a coordinate that is not a number, or not on any map")
    untidy = np.zeros(len(polygons), dtype=np.bool_) if trusted else find_untidy(polygons)
    shapes = Shapes.of(rings, untidy)
    if np.diff(np.append(shapes.starts, len(shapes.coords))).max(initial=0) > VERTEX_MASK:
        raise ValueError(f"a polygon of an index has at most {VERTEX_MASK} nodes")
    boxes = shapely.bounds(polygons)
    frame = choose_frame(shapes, boxes, shapely.area(polygons)) if len(polygons) else NOBODY
    tiles, lines = _build_tiles(shapes, frame, boxes, threads or os.cpu_count() or 1)
    held = (frame.packed(), tiles, lines, shapes.starts, shapes.coords, ranks.astype(np.int32))
    return Cells(*(frozen(each) for each in held))


def members_by_tile(frame: Frame, boxes: NDArray[np.float64]) -> tuple[Words, Indices]:
    """The polygons whose boxes (n, 4) meet each tile: polygon numbers (k,), ascending within a tile, and offsets."""
    corner, side = np.array([frame.west, frame.south]), np.array([frame.width, frame.height])
    most = np.array([frame.columns, frame.rows]) - 1
    low = np.clip(np.floor(((boxes[:, :2] - corner) / side - 1e-3) / SIDE).astype(np.int64), 0, most)
    high = np.clip(np.floor(((boxes[:, 2:] - corner) / side + 1e-3) / SIDE).astype(np.int64), 0, most)
    across, up = (high - low + 1).T
    count = across * up
    polygon = np.repeat(np.arange(len(boxes), dtype=np.int32), count)
    step = np.arange(len(polygon)) - np.repeat(np.cumsum(count) - count, count)
    tile = (low[polygon, 1] + step // across[polygon]) * frame.columns + low[polygon, 0] + step % across[polygon]
    order = np.argsort(tile, kind="stable")
    return polygon[order], np.searchsorted(tile[order], np.arange(frame.columns * frame.rows + 1))


def _build_tiles(shapes: Shapes, frame: Frame, boxes: NDArray[np.float64], threads: int) -> tuple[Words, Words]:
    """The directory and the lines of all tiles. Kernels of one thread that let go of the interpreter's lock, so that
    a process may still fork afterwards.
    """
    members, offsets = members_by_tile(frame, boxes)
    packed, held = frame.packed(), (shapes.coords, shapes.ring_starts, shapes.path_starts, shapes.starts, shapes.untidy)

    def build(tile: int) -> Words:
        block: Words = build_block(members[offsets[tile] : offsets[tile + 1]], held, packed, tile)
        return block

    filled = np.flatnonzero(np.diff(offsets)).tolist()
    if threads == 1:
        blocks = [_empty_block(), *map(build, filled)]
    else:
        with ThreadPoolExecutor(threads) as pool:
            blocks = [_empty_block(), *pool.map(build, filled)]
    tiles = np.zeros(frame.columns * frame.rows, dtype=np.int32)  # the first block is nobody's
    kept, line = [], 0
    whole: dict[int, int] = {}
    for tile, block in zip([0, *filled], blocks, strict=True):
        owner = int(block[WHOLE])
        tiles[tile] = whole.get(owner, line)
        if owner < 0 or owner not in whole:
            if owner >= 0:
                whole[owner] = line
            kept.append(block)
            line += int(block[LINES])
    lines = aligned_lines(line)
    at = 0
    for block in kept:
        lines[at : at + len(block)] = block
        at += len(block)
    return tiles, lines


def _empty_block() -> Words:
    """The block of a tile that no polygon's box meets."""
    rings, paths, starts = np.zeros(1, np.int64), np.zeros(1, np.int64), np.empty(0, np.int64)
    shapes = tuple(frozen(each) for each in (np.empty((0, 2)), rings, paths, starts, np.empty(0, np.bool_)))
    block: Words = build_block(np.empty(0, np.int32), shapes, NOBODY.packed(), 0)
    return block
