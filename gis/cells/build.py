"""Building the whole index: which polygons are tidy, which meet each tile, and the blocks, on several threads."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.errors import GEOSException

from gis.cells.blocks import build_block
from gis.cells.frames import choose_frame
from gis.cells.layout import LINES, MOST_POLYGONS, SIDE, VERTEX_MASK, WHOLE, Cells, Frame
from gis.cells.shelves import Boxes, boxes_of, pack_slots, put_pages, put_shapes, put_texts
from gis.heap.lines import Heap, Words, frozen
from gis.metres import Indices, Paths

FARTHEST = 1e100  # areas and products of areas stay finite
NOBODY = Frame(0.0, 0.0, 1.0, 1.0, 1, 1)  # where there are no polygons
AT_ONCE = 512  # blocks in memory before they are written
MARGIN = 1e-3  # of a cell: so much farther than its box a polygon is looked for


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


def check_rings(rings: Paths) -> None:
    """Errors: ValueError for coordinates that are not finite or beyond 1e100, and for more nodes than a layout has."""
    if not (np.abs(rings.coords) < FARTHEST).all():
        raise ValueError("a polygon has a coordinate that is not a number, or not on any map")
    if np.diff(rings.coord_starts[rings.path_starts]).max(initial=0) > VERTEX_MASK:
        raise ValueError(f"a polygon of an index has at most {VERTEX_MASK} nodes")


def build_cells(
    heap: Heap, polygons: NDArray[Any], codes: NDArray[Any], rings: Paths, *, trusted: bool, threads: int | None = None
) -> Cells:
    """Write the index of `polygons` (n,) of Polygon and MultiPolygon, not empty, whose rings are `rings`, to a heap.

    `codes` (n,) of text decide ties, the lowest in byte order wins. `trusted` says that the polygons are valid and form
    a valid coverage: where they do not, answers are wrong there. A polygon that is not valid holds what its rings
    enclose an odd number of times, and its boundary. Errors: ValueError of `check_rings` and for too many polygons;
    those of `heap.append`.
    """
    if len(polygons) > MOST_POLYGONS:
        raise ValueError(f"an index holds at most {MOST_POLYGONS} polygons")
    check_rings(rings)
    untidy = np.zeros(len(polygons), dtype=np.bool_) if trusted else find_untidy(polygons)
    frame = choose_frame(rings, shapely.bounds(polygons), shapely.area(polygons)) if len(polygons) else NOBODY
    boxes = boxes_of(polygons)
    shapes = put_shapes(heap, polygons, rings, untidy)
    pages = put_pages(heap, pack_slots(shapes, put_texts(heap, codes.tolist()), boxes))
    tiles = _put_tiles(heap, frame, boxes, pages, threads or os.cpu_count() or 1)
    return Cells.of(heap, len(polygons), frame.packed(), tiles, pages)


def tile_ranges(frame: NDArray[np.float64], boxes: NDArray[Any]) -> tuple[Indices, Indices]:
    """The first and the last column and row (n, 2) of tiles that boxes (n, 4) meet; `frame` is packed."""
    most = frame[6:8] - 1
    found = []
    for corner, margin in ((boxes[:, :2], -MARGIN), (boxes[:, 2:], MARGIN)):
        cells = (corner.astype(np.float64) - frame[:2]) * frame[2:4] + margin
        found.append(np.clip(np.floor(cells / SIDE), 0, most).astype(np.int64))
    return found[0], found[1]


def members_by_tile(frame: NDArray[np.float64], boxes: Boxes) -> tuple[Words, Indices]:
    """The polygons whose boxes (n, 4) meet each tile: slots (k,), ascending within a tile, and offsets."""
    low, high = tile_ranges(frame, boxes)
    across, up = (high - low + 1).T
    count = across * up
    polygon = np.repeat(np.arange(len(boxes), dtype=np.int32), count)
    step = np.arange(len(polygon)) - np.repeat(np.cumsum(count) - count, count)
    columns = int(frame[6])
    tile = (low[polygon, 1] + step // across[polygon]) * columns + low[polygon, 0] + step % across[polygon]
    order = np.argsort(tile, kind="stable")
    return polygon[order], np.searchsorted(tile[order], np.arange(columns * int(frame[7]) + 1))


def build_blocks(
    wanted: Sequence[tuple[int, Words]], frame: NDArray[np.float64], pages: Words, lines: Words, threads: int
) -> Iterator[list[Words]]:
    """The blocks of tiles, given with their members, in the same order, some at a time.

    Kernels of one thread that let go of the interpreter's lock, so that a process may still fork afterwards.
    """
    packed, pages, lines = frozen(frame), frozen(pages), frozen(lines)

    def build(tile: tuple[int, Words]) -> Words:
        block: Words = build_block(np.ascontiguousarray(tile[1]), packed, pages, lines, tile[0])
        return block

    parts = [wanted[first : first + AT_ONCE] for first in range(0, len(wanted), AT_ONCE)]
    if threads == 1 or len(wanted) < 8:  # fewer are not worth a thread
        for part in parts:
            yield [build(each) for each in part]
    else:
        with ThreadPoolExecutor(threads) as pool:
            for part in parts:
                yield list(pool.map(build, part))


def _put_tiles(heap: Heap, frame: Frame, boxes: Boxes, pages: Words, threads: int) -> Words:
    """Write the blocks of all tiles; the directory."""
    members, offsets = members_by_tile(frame.packed(), boxes)
    filled = np.flatnonzero(np.diff(offsets)).tolist()
    wanted = [(tile, members[offsets[tile] : offsets[tile + 1]]) for tile in filled]
    (empty,) = heap.append(_empty_block())
    tiles = np.full(frame.columns * frame.rows, empty, dtype=np.int32)
    whole: dict[int, int] = {}
    place = iter(filled)
    for blocks in build_blocks(wanted, frame.packed(), pages, heap.words, threads):
        for line, tile in zip(put_blocks(heap, blocks, whole), place, strict=False):
            tiles[tile] = line
    return tiles


def put_blocks(heap: Heap, blocks: list[Words], whole: dict[int, int]) -> list[int]:
    """Write blocks; the line of each. Of those that are the same all over one is written and noted in `whole`."""
    owners = [int(block[WHOLE]) for block in blocks]
    kept = [
        number
        for number, owner in enumerate(owners)
        if owner < 0 or (owner not in whole and owners.index(owner) == number)
    ]
    lines = dict(zip(kept, heap.append(*(blocks[number] for number in kept)), strict=True))
    whole |= {owners[number]: line for number, line in lines.items() if owners[number] >= 0}
    return [lines[number] if number in lines else whole[owners[number]] for number in range(len(blocks))]


def _empty_block() -> Words:
    """The block of a tile that no polygon's box meets."""
    nothing = np.zeros(16, dtype=np.int32)
    block: Words = build_block(np.empty(0, np.int32), NOBODY.packed(), frozen(nothing), frozen(nothing), 0)
    assert block[LINES] > 0
    return block
