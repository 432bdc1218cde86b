"""How the index of cells is laid out in a heap of 64-byte lines, so that built and mapped ones run the same kernels.

The plane is cut into cells, 32 x 32 cells make a tile, and each tile has one block of lines. Every reference within a
block counts from its own first line, so that a block can be moved, and a new index can share the blocks that did not
change: `tiles` says at which line the block of each tile begins. Blocks that are the same all over (nobody's, or inside
one polygon) are stored once.

A polygon is known by its slot, a small number that it keeps. `pages` says at which line each page of 256 slots begins;
a slot is 32 bytes: where its shape and its text begin (in 8-byte words of the heap; 0: the slot is empty), and its
bounding box as 4 float32, rounded outwards. So an edit writes the shapes and pages that it touches, not a table of all.

    shape   int32 paths | FLAGS, int32 coordinates; int32 for each path: the coordinate behind its last one (an even
            number of them); float64 x, y of each coordinate. Rings repeat their first coordinate.
    text    int32 bytes, then UTF-8. In byte order it decides ties: the lowest wins; of equal texts the lower slot.

A block, in int32 words (16 a line):

    header   1 line   magic, lines, record lines, edges, members, where references, edges, members and lists begin
                      (lines), and the one owner of all its cells or -1
    heads   64 lines  a cell each, row by row: the owner of the whole cell, or ~(line of its record)
    records           see `gis.cells.records`
    references        5 x uint16 for each record line: the numbers of its edges in this block
    edges             int64 each: vertex of the first member | first member << 24 | (second member + 1) << 44
    members           the slots of the polygons whose boxes meet the tile, in ascending order
    lists             for cells with a general record: see `gis.cells.records`

An owner is the slot of the polygon + 1, so that 0 is nobody and XOR with it changes nothing. A vertex counts from the
first coordinate of its polygon; the edge goes from there to the next coordinate.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.heap.lines import WORDS, Heap, Words, frozen

SHIFT = 5
SIDE = 1 << SHIFT  # cells along the side of a tile
CELLS = SIDE * SIDE
MAGIC = 0x57474C32
HEADS = WORDS  # the word of a block at which its heads begin
RECORDS_LINE = 1 + CELLS // WORDS

# Words of the header
MAGIC_WORD, LINES, RECORD_LINES, EDGES, MEMBERS, REFERENCES_AT, EDGES_AT, MEMBERS_AT, LISTS_AT, WHOLE = range(10)

OWNER_BITS = 27
OWNER_MASK = (1 << OWNER_BITS) - 1
GENERAL = OWNER_MASK  # in the owner's place of a record: this one is general
MOST_POLYGONS = OWNER_MASK - 2
VERTEX_BITS, MEMBER_BITS = 24, 20
VERTEX_MASK, MEMBER_MASK = (1 << VERTEX_BITS) - 1, (1 << MEMBER_BITS) - 1
EDGES_A_LINE = 5
MOST_REFERABLE = 0xFFFF  # edge numbers of records are uint16, this one stands for none

PAGE_BITS = 8
PAGE = 1 << PAGE_BITS  # slots in a page
SLOT_LONGS = 4  # 8-byte words in a slot
UNTIDY, MULTIPLE = 1 << 30, 1 << 29  # flags of a shape: needs general records; has several parts
MOST_PATHS = MULTIPLE - 1

Whole = Any  # in the signature of a kernel: an integer of any width
Kernel = tuple[NDArray[np.float64], Words, Words, Words]
"""What kernels take: `Frame.packed`, tiles, pages, and the words of the heap; all read-only."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the cells lie: the south-west corner, the sides of a cell, and how many tiles there are either way."""

    west: float
    south: float
    width: float
    height: float
    columns: int
    rows: int

    def packed(self) -> NDArray[np.float64]:
        """As kernels take it: west, south, 1 / width, 1 / height, width, height, tile columns, tile rows."""
        sizes = [1 / self.width, 1 / self.height, self.width, self.height, self.columns, self.rows]
        return frozen(np.array([self.west, self.south, *sizes], dtype=np.float64))


@dataclass(frozen=True, slots=True)
class Cells:
    """The index of cells over the polygons in the first `count` slots. `kernel` is what kernels take."""

    heap: Heap
    count: int
    kernel: Kernel

    @classmethod
    def of(cls, heap: Heap, count: int, frame: NDArray[np.float64], tiles: Words, pages: Words) -> "Cells":
        """With arrays as `gis.cells.layout` says."""
        arrays = tuple(frozen(np.ascontiguousarray(each)) for each in (frame, tiles, pages, heap.words))
        return cls(heap, count, arrays)  # type: ignore[arg-type]

    @property
    def nbytes(self) -> int:
        """Of the heap, as far as it was written, and of the directories."""
        return self.heap.used * WORDS * 4 + sum(each.nbytes for each in self.kernel[:3])
