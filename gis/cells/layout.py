"""How the index of cells is laid out: a few flat arrays that can be written to a file and mapped as they are.

The plane is cut into cells, 32 x 32 cells make a tile, and each tile has one block of 64-byte lines in `lines`. Every
reference within a block counts from its own first line, so that a block can be moved, and a new index can share the
blocks that did not change: `tiles` says at which line the block of each tile begins. Blocks that are the same all
over (nobody's, or inside one polygon) are stored once.

A block, in int32 words (16 a line):

    header   1 line   magic, lines, record lines, edges, members, where references, edges, members and lists begin
                      (lines), and the one owner of all its cells or -1
    heads   64 lines  a cell each, row by row: the owner of the whole cell, or ~(line of its record)
    records           see `gis.cells.records`
    references        5 x uint16 for each record line: the numbers of its edges in this block
    edges             int64 each: vertex of the first member | first member << 24 | (second member + 1) << 44
    members           the polygons whose boxes meet the tile, in ascending order
    lists             for cells with a general record: see `gis.cells.records`

An owner is the number of the polygon + 1, so that 0 is nobody and XOR with it changes nothing. A vertex counts from
the first coordinate of its polygon; the edge goes from there to the next coordinate.
"""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gis.metres import Paths

SHIFT = 5
SIDE = 1 << SHIFT  # cells along the side of a tile
CELLS = SIDE * SIDE
WORDS = 16  # int32 in a line
LINE_BYTES = 64
MAGIC = 0x57474C31
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

Words = NDArray[np.int32]
Whole = Any  # in the signature of a kernel: an integer of any width


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
    """The index of cells over n polygons. All arrays are read-only, so that built and mapped ones run the same kernels.

    `frame` (8,) float64 as `Frame.packed`; `tiles` (columns * rows,) int32; `lines` int32, 16 words a line, the first
    on an address divisible by 64; `starts` (n,) int64, the first coordinate of each polygon in `coords` (k, 2);
    `ranks` (n,) int32, the place of each polygon among all in the order that decides ties.
    """

    frame: NDArray[np.float64]
    tiles: Words
    lines: Words
    starts: NDArray[np.int64]
    coords: NDArray[np.float64]
    ranks: Words

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name, to be written to a file; `of` takes them back."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def of(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """From `arrays`, for instance mapped ones; ValueError where the lines are not aligned to 64 bytes."""
        held = {each.name: frozen(np.asarray(arrays[each.name])) for each in fields(cls)}
        if held["lines"].ctypes.data % LINE_BYTES:
            raise ValueError("the lines of an index begin at an address that 64 divides")
        return cls(**held)

    @property
    def nbytes(self) -> int:
        return sum(each.nbytes for each in self.arrays().values())


@dataclass(frozen=True, slots=True)
class Shapes:
    """What blocks are built from: the rings of n polygons and which polygons need general records."""

    coords: NDArray[np.float64]
    ring_starts: NDArray[np.int64]
    path_starts: NDArray[np.int64]
    starts: NDArray[np.int64]
    untidy: NDArray[np.bool_]

    @classmethod
    def of(cls, rings: Paths, untidy: NDArray[np.bool_]) -> Self:
        starts = rings.coord_starts[rings.path_starts[:-1]]
        arrays = (rings.coords, rings.coord_starts, rings.path_starts, starts, untidy)
        return cls(*(frozen(each) for each in arrays))


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only view."""
    view = array.view()
    view.flags.writeable = False
    return view


def aligned_lines(count: int) -> Words:
    """`count` lines of zeros at an address that 64 divides: a record then takes one cache line."""
    spare = np.zeros(count * LINE_BYTES + LINE_BYTES, dtype=np.uint8)
    start = -spare.ctypes.data % LINE_BYTES
    return spare[start : start + count * LINE_BYTES].view(np.int32)
