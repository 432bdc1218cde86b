"""Writing the shapes, texts and slots of polygons to a heap, and reading them back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray

from gis.cells.layout import MULTIPLE, PAGE, SLOT_LONGS, UNTIDY
from gis.heap.lines import Heap, Words
from gis.metres import Indices, Paths

LINE_LONGS = 8
Boxes = NDArray[np.float32]


def boxes_of(polygons: NDArray[Any]) -> Boxes:
    """Bounding boxes (n, 4) as float32 that hold the polygons."""
    exact = shapely.bounds(polygons).reshape(-1, 4)
    found = exact.astype(np.float32)
    low, high = found[:, :2], found[:, 2:]
    low[low > exact[:, :2]] = np.nextafter(low[low > exact[:, :2]], np.float32(-np.inf))
    high[high < exact[:, 2:]] = np.nextafter(high[high < exact[:, 2:]], np.float32(np.inf))
    return found


@njit(cache=True, nogil=True)
def _write_shapes(coords: Any, coord_starts: Any, path_starts: Any, flags: Any, starts: Any, longs: Any) -> None:
    words, doubles = longs.view(np.int32), longs.view(np.float64)
    for polygon in range(len(starts)):
        at = starts[polygon]
        first, last = path_starts[polygon], path_starts[polygon + 1]
        begin, end = coord_starts[first], coord_starts[last]
        words[2 * at], words[2 * at + 1] = (last - first) | flags[polygon], end - begin
        for path in range(first, last):
            words[2 * (at + 1) + path - first] = coord_starts[path + 1] - begin
        place = at + 1 + (last - first + 1) // 2
        for k in range(begin, end):
            doubles[place], doubles[place + 1] = coords[k, 0], coords[k, 1]
            place += 2


def put_shapes(heap: Heap, polygons: NDArray[Any], rings: Paths, untidy: NDArray[np.bool_]) -> Indices:
    """Write the shapes of polygons (n,) whose rings are `rings`; where each begins."""
    paths = np.diff(rings.path_starts)
    coords = np.diff(rings.coord_starts[rings.path_starts])
    starts = np.cumsum(np.concatenate([[0], 1 + (paths + 1) // 2 + 2 * coords])).astype(np.int64)
    flags = np.where(untidy, UNTIDY, 0) | np.where(shapely.get_num_geometries(polygons) > 1, MULTIPLE, 0)
    longs = np.zeros(starts[-1], dtype=np.int64)
    _write_shapes(rings.coords, rings.coord_starts, rings.path_starts, flags, starts[:-1], longs)
    return heap.append(longs)[0] * LINE_LONGS + starts[:-1]


def put_texts(heap: Heap, texts: Sequence[str]) -> Indices:
    """Write texts; where each begins."""
    encoded = [text.encode() for text in texts]
    sizes = np.array([len(each) for each in encoded], dtype=np.int64)
    starts = np.cumsum(np.concatenate([[0], (4 + sizes + 7) // 8])).astype(np.int64)
    held = bytearray(8 * int(starts[-1]))
    for at, text in zip((8 * starts[:-1]).tolist(), encoded, strict=True):
        held[at : at + 4] = len(text).to_bytes(4, "little")
        held[at + 4 : at + 4 + len(text)] = text
    return heap.append(np.frombuffer(held, dtype=np.uint8))[0] * LINE_LONGS + starts[:-1]


def pack_slots(shapes: Indices, texts: Indices, boxes: Boxes) -> NDArray[np.int64]:
    """Slots (n, SLOT_LONGS) as they lie in a page."""
    slots = np.zeros((len(shapes), SLOT_LONGS), dtype=np.int64)
    slots[:, 0], slots[:, 1] = shapes, texts
    slots[:, 2:].view(np.float32)[:] = boxes
    return slots


def put_pages(heap: Heap, slots: NDArray[np.int64]) -> Words:
    """Write whole pages of slots (n, SLOT_LONGS); the line of each."""
    pages = -(-len(slots) // PAGE)
    filled = np.zeros((pages * PAGE, SLOT_LONGS), dtype=np.int64)
    filled[: len(slots)] = slots
    first = heap.append(filled)[0] if pages else 0
    return (first + np.arange(pages) * (PAGE * SLOT_LONGS // LINE_LONGS)).astype(np.int32)


def read_slots(words: Words, pages: Words) -> NDArray[np.int64]:
    """A copy of all slots (pages * PAGE, SLOT_LONGS)."""
    longs = words.view(np.int64)
    found = [longs[int(line) * LINE_LONGS :][: PAGE * SLOT_LONGS].reshape(PAGE, SLOT_LONGS) for line in pages]
    return np.concatenate(found) if found else np.zeros((0, SLOT_LONGS), dtype=np.int64)


class Texts:
    """The texts of slots, read where they lie. Index with a slot; `all` makes an array of them."""

    __slots__ = ("_all", "_held", "_longs", "_pages", "count")

    def __init__(self, words: Words, pages: Words, count: int) -> None:
        self.count = count
        self._pages = pages
        self._longs = words.view(np.int64)
        self._held = self._longs.data.cast("B")
        self._all: NDArray[Any] | None = None

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, slot: int) -> str:
        """Errors: IndexError; an empty slot has the empty text."""
        if not 0 <= slot < self.count:
            raise IndexError(slot)
        slot = int(slot)
        at = 8 * int(self._longs[int(self._pages[slot // PAGE]) * LINE_LONGS + (slot % PAGE) * SLOT_LONGS + 1])
        if at == 0:
            return ""
        size = int.from_bytes(self._held[at : at + 4], "little")
        return str(self._held[at + 4 : at + 4 + size], "utf-8")

    def all(self) -> NDArray[Any]:
        """All of them (count,), object; made once."""
        if self._all is None:
            found = np.empty(self.count, dtype=object)
            found[:] = [self[slot] for slot in range(self.count)]
            self._all = found
        return self._all
