"""What is alive of an index, moved to another heap: compaction."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gis.cells.layout import LINES, SLOT_LONGS, Cells
from gis.cells.shelves import LINE_LONGS, put_pages, read_slots
from gis.cells.slots import coords_at, path_end, paths_of
from gis.heap.lines import WORDS, Heap, Words
from gis.metres import Indices

AT_ONCE = 512  # blocks written at once


@njit(cache=True, nogil=True)
def _sizes(places: Any, lines: Any, are_shapes: bool) -> Any:
    """How many 8-byte words each shape or text takes, 0 where there is none."""
    sizes = np.zeros(len(places), np.int64)
    for k in range(len(places)):
        at = places[k]
        if at and are_shapes:
            sizes[k] = coords_at(at, lines) - at + 2 * path_end(at, paths_of(at, lines) - 1, lines)
        elif at:
            sizes[k] = (4 + np.int64(lines[2 * at]) + 7) // 8
    return sizes


@njit(cache=True, nogil=True)
def _gather(places: Any, sizes: Any, longs: Any, found: Any) -> None:
    to = 0
    for k in range(len(places)):
        for word in range(places[k], places[k] + sizes[k]):
            found[to] = longs[word]
            to += 1


def _move(heap: Heap, places: Indices, lines: Words, *, are_shapes: bool) -> Indices:
    """Copy shapes or texts; where each is now, 0 where there is none."""
    sizes = _sizes(np.ascontiguousarray(places), lines, are_shapes)
    starts = np.cumsum(sizes) - sizes
    held = np.zeros(int(sizes.sum()), dtype=np.int64)
    _gather(np.ascontiguousarray(places), sizes, lines.view(np.int64), held)
    return np.where(sizes > 0, heap.append(held)[0] * LINE_LONGS + starts, 0)


def copy_cells(cells: Cells, heap: Heap) -> Cells:
    """The same index in another heap, without what is dead. Errors: those of `heap.append`."""
    frame, tiles, pages, lines = cells.kernel
    slots: NDArray[np.int64] = read_slots(lines, pages)[: cells.count].reshape(-1, SLOT_LONGS)
    slots[:, 0] = _move(heap, slots[:, 0], lines, are_shapes=True)
    slots[:, 1] = _move(heap, slots[:, 1], lines, are_shapes=False)
    moved: dict[int, int] = {}
    blocks = np.unique(tiles).tolist()
    for first in range(0, len(blocks), AT_ONCE):
        some = blocks[first : first + AT_ONCE]
        parts = (lines[at * WORDS :][: int(lines[at * WORDS + LINES]) * WORDS] for at in some)
        moved |= dict(zip(some, heap.append(*parts), strict=True))
    return Cells.of(heap, cells.count, frame, _renamed(tiles, moved), put_pages(heap, slots))


def _renamed(tiles: Words, moved: dict[int, int]) -> Words:
    former = np.array(sorted(moved), dtype=np.int64)
    now = np.array([moved[each] for each in former.tolist()], dtype=np.int32)
    found: Words = now[np.searchsorted(former, tiles)]
    return found
