"""Records: what one 64-byte line knows of a cell that edges run through, and the error bounds of reading it.

A fast record has the owner of a reference point R in the cell and up to 5 edges, cut to the cell and its surroundings,
each with the XOR of the owners on its two sides. The owner of P is the owner of R, XORed with the words of all edges
that the way from P to R crosses; more than 5 edges take further lines that follow. In int32 words:

    0       owner at R | number of R in REFERENCE_X, REFERENCE_Y << 27 | another line follows << 31
    1-10    20 x int16: x of the first ends of 5 edges, x of their second ends, y of the first, y of the second
    11-15   the XOR words; 0 where there is no edge

Ends are relative to R in quanta: a QUANTA-th of the cell's sides.

A general record serves any polygons: for each candidate whether it holds R, and its own edges that pass the cell; the
candidate holds P if it holds R, unless the way from P to R crosses an odd number of its edges. All in doubles, exact.

    0       GENERAL;   1  where its list begins;   2  number of candidates;   4-7  R as two float64
    list    for each candidate: polygon, edges << 1 | whether it holds R, the numbers of the edges in the block

Error bounds of a fast record. Let Q = QUANTA. R lies in [0.11, 0.89] of the cell, ends are cut to [-CUT, 1 + CUT], so
with CUT = 0.22 a coordinate of an end A is at most 1.11 Q = 29,097 < 2^15, one of P at most 0.89 Q + a rounding =
23,330, one of A - P at most 1.22 Q = 31,980. An end is rounded to the quantum, and what comes before (the difference
to R, the cut) is wrong by less than 0.001 quanta in any frame `gis.cells.frames` chooses, so d = 0.501 bounds the
error of each coordinate of an end. Rounding to float32 is relative 2^-24 an operation. With |.| the sum of both
coordinates' magnitudes and P × A = px * ay - py * ax:

    P × A                   d |P|              23,380   float32: products of 6.8e8, about 4 ulp of 40       < 250
    A × B                   d (|A| + |B|)      58,310   float32: products of 8.5e8                          < 250
    (A - P) × (B - P)       d (|A-P| + |B-P|)  64,090   float32: the three above and two sums below 3.5e9   < 1,300

The way from P to R = 0 crosses the edge from A to B when P × A and P × B differ in sign and so do A × B and
(A - P) × (B - P), which is computed as P × A - P × B + A × B. A sign of the first kind is certain beyond BESIDE_WAY,
one of the second beyond BESIDE_EDGE. An edge whose crossing hangs on an uncertain sign makes the answer unsure, and the
exact path decides from the original coordinates. `gis.cells.vectors.cross_line` reads a line so.
"""

from typing import Any

import numpy as np
from numba import njit

from gis.cells.layout import EDGES_A_LINE, OWNER_BITS, Whole

REFERENCE_X = np.array([0.137, 0.377, 0.631, 0.871] * 4)
REFERENCE_Y = np.repeat([0.111, 0.391, 0.617, 0.883], 4)
REFERENCES = len(REFERENCE_X)
QUANTA = 26213.0
CUT = 0.22
BESIDE_WAY = np.float32(24_000)
BESIDE_EDGE = np.float32(66_000)
MOST_LINES = 4  # a cell with more than 20 edges takes a general record


@njit(cache=True, nogil=True, forceinline=True)
def reference_x(number: Whole, column: Whole, frame: Any) -> Any:
    """Where the x of a reference point lies: one expression for building and reading, the same double."""
    return frame[0] + (column + REFERENCE_X[number]) * frame[4]


@njit(cache=True, nogil=True, forceinline=True)
def reference_y(number: Whole, row: Whole, frame: Any) -> Any:
    return frame[1] + (row + REFERENCE_Y[number]) * frame[5]


@njit(cache=True, nogil=True)
def _cut(ax: Any, ay: Any, bx: Any, by: Any, tx: Any, ty: Any) -> Any:
    """The part of an edge, given in cells from R = (tx, ty), within CUT of the cell (Liang and Barsky)."""
    first, last = 0.0, 1.0
    dx, dy = bx - ax, by - ay
    for k in range(4):
        if k == 0:
            slope, room = -dx, ax + CUT + tx
        elif k == 1:
            slope, room = dx, 1 + CUT - tx - ax
        elif k == 2:
            slope, room = -dy, ay + CUT + ty
        else:
            slope, room = dy, 1 + CUT - ty - ay
        if slope < 0:
            first = max(first, room / slope)
        elif slope > 0:
            last = min(last, room / slope)
    x, y = (ax + first * dx, ay + first * dy) if first > 0 else (ax, ay)
    end_x, end_y = (ax + last * dx, ay + last * dy) if last < 1 else (bx, by)
    return x, y, end_x, end_y


@njit(cache=True, nogil=True)
def write_fast(
    records: Any, line: Whole, owner: Whole, number: Whole, numbers: Any, ends: Any, words: Any, place: Any, frame: Any
) -> Whole:
    """Write the lines of a fast record from `line` on; the number of lines.

    `number` and `place` (x, y) are those of the reference point, `numbers` (m,) those of the cell's edges, m > 0;
    `ends` (edges, 4) and `words` (edges,) of all edges of the block.
    """
    halves = records.view(np.int16)
    rx, ry = place
    count = len(numbers)
    needed = (count + EDGES_A_LINE - 1) // EDGES_A_LINE
    for part in range(needed):
        word = (line + part) * 16
        head = np.int64(owner) | (np.int64(number) << OWNER_BITS)
        if part < needed - 1:
            head -= np.int64(1) << 31  # the sign bit
        records[word] = head
        for k in range(EDGES_A_LINE):
            edge = numbers[min(part * EDGES_A_LINE + k, count - 1)]
            ax, ay, bx, by = _cut(
                (ends[edge, 0] - rx) * frame[2],
                (ends[edge, 1] - ry) * frame[3],
                (ends[edge, 2] - rx) * frame[2],
                (ends[edge, 3] - ry) * frame[3],
                REFERENCE_X[number],
                REFERENCE_Y[number],
            )
            half = word * 2 + 2 + k
            halves[half] = round(ax * QUANTA)
            halves[half + 5] = round(bx * QUANTA)
            halves[half + 10] = round(ay * QUANTA)
            halves[half + 15] = round(by * QUANTA)
            records[word + 11 + k] = words[edge] if part * EDGES_A_LINE + k < count else 0
    return needed
