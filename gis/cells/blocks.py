"""Building the block of one tile, from nothing but the frame and the polygons whose boxes meet the tile.

1. The edges that pass the tile are listed, those that polygons share once.
2. Each cell lists the edges that pass it or come within MARGIN of it. So whatever cell a point is counted to by
   rounding, all edges between it and that cell's reference point are in the list.
3. Each cell gets a reference point R, away from its edges.
4. A walk goes from R to R, row by row and back, each step within two neighbouring cells. Of the first R it is found
   which polygons hold it, by all their edges; every edge that a step crosses changes what is known of its polygons.
   So it is known exactly which polygons hold each R, at the cost of looking at each cell's edges twice.
5. A cell without edges has the same holders all over: none or one make a whole cell. A cell of at most 20 edges that
   no untidy polygon meets and that has at most one holder at R gets a fast record, every other one a general record.
"""

from typing import Any

import numpy as np
from numba import njit

from gis.cells import layout
from gis.cells.edges import list_by_cell, list_edges
from gis.cells.layout import (
    CELLS,
    EDGES_A_LINE,
    GENERAL,
    HEADS,
    MOST_REFERABLE,
    RECORDS_LINE,
    SHIFT,
    SIDE,
    Whole,
)
from gis.cells.predicates import crosses, is_east, is_on
from gis.cells.records import MOST_LINES, REFERENCES, reference_x, reference_y, write_fast
from gis.cells.slots import coords_at, is_untidy, path_end, paths_of, shape_at
from gis.heap.lines import WORDS

TRIES = 4096  # for a reference point that is on no edge; edges have no area, so the first ones do


@njit(cache=True, nogil=True)
def _clearance(ends: Any, numbers: Any, frame: Any, rx: float, ry: float) -> float:
    """About how many cells a place is away from the nearest line through one of the edges."""
    least = 1e9
    for edge in numbers:
        ax, ay = (ends[edge, 0] - rx) * frame[2], (ends[edge, 1] - ry) * frame[3]
        bx, by = (ends[edge, 2] - rx) * frame[2], (ends[edge, 3] - ry) * frame[3]
        least = min(least, abs(ax * by - ay * bx) / (1e-3 + abs(ax - bx) + abs(ay - by)))
    return least


@njit(cache=True, nogil=True)
def _is_clear(ends: Any, numbers: Any, x: float, y: float) -> Any:
    for edge in numbers:  # noqa: SIM110 (compiled)
        if is_on(x, y, ends[edge, 0], ends[edge, 1], ends[edge, 2], ends[edge, 3]):
            return False
    return True


@njit(cache=True, nogil=True)
def _reference(ends: Any, numbers: Any, frame: Any, column: Whole, row: Whole) -> tuple[Whole, float, float]:
    """A place in a cell that is on none of its edges: its number, or REFERENCES for one of no number, and x, y."""
    best, clearance = 0, -1.0
    if len(numbers):
        for number in range(REFERENCES):
            rx, ry = reference_x(number, column, frame), reference_y(number, row, frame)
            found = _clearance(ends, numbers, frame, rx, ry)
            if found > clearance:
                best, clearance = number, found
    rx, ry = reference_x(best, column, frame), reference_y(best, row, frame)
    if _is_clear(ends, numbers, rx, ry):
        return best, rx, ry
    for step in range(1, TRIES):
        rx = frame[0] + (column + 0.1 + 0.8 * (step * 0.7548776662466927 % 1.0)) * frame[4]
        ry = frame[1] + (row + 0.1 + 0.8 * (step * 0.5698402909980532 % 1.0)) * frame[5]
        if _is_clear(ends, numbers, rx, ry):
            return REFERENCES, rx, ry
    raise ValueError("too many edges meet in one place to be indexed")


@njit(cache=True, nogil=True)
def _holding(members: Any, shapes: Any, x: float, y: float) -> Any:
    """Which members hold a place that is on no edge, by all their edges: (members,) of bool."""
    pages, words, longs, doubles = shapes
    held = np.zeros(len(members), np.bool_)
    for member in range(len(members)):
        shape = shape_at(members[member], pages, longs)
        base, first = coords_at(shape, words), np.int64(0)
        for path in range(paths_of(shape, words)):
            end = path_end(shape, path, words)
            for k in range(base + 2 * first, base + 2 * (end - 1), 2):
                if is_east(x, y, doubles[k], doubles[k + 1], doubles[k + 2], doubles[k + 3]):
                    held[member] = not held[member]
            first = end
    return held


@njit(cache=True, nogil=True)
def _step(held: Any, edges: Any, ends: Any, numbers: Any, seen: Any, x: float, y: float, rx: float, ry: float) -> Any:
    """Change what `held` says of the members whose edges, among `numbers` and not `seen`, part two places."""
    changed = False
    for edge in numbers:
        new = True
        for other in seen:
            if other == edge:
                new = False
        if new and crosses(x, y, rx, ry, ends[edge, 0], ends[edge, 1], ends[edge, 2], ends[edge, 3]):
            changed = True
            for side in range(1, 3):
                if edges[edge, side] >= 0:
                    held[edges[edge, side]] = not held[edges[edge, side]]
    return changed


@njit(cache=True, nogil=True)
def _count(held: Any) -> tuple[Whole, Whole]:
    """How many members hold a place, and the last of them."""
    count, last = 0, -1
    for member in range(len(held)):
        if held[member]:
            count += 1
            last = member
    return count, last


@njit(cache=True, nogil=True)
def _are_tidy(edges: Any, numbers: Any, untidy: Any) -> Any:
    for edge in numbers:  # noqa: SIM110 (compiled)
        if untidy[edges[edge, 1]] or (edges[edge, 2] >= 0 and untidy[edges[edge, 2]]):
            return False
    return True


@njit(cache=True, nogil=True)
def _candidates(held: Any, members: Any, edges: Any, numbers: Any) -> Any:
    """The list of a general record, as `gis.cells.records` says."""
    sizes = np.full(len(members), -1, np.int32)
    for member in range(len(members)):
        if held[member]:
            sizes[member] = 0
    for edge in numbers:
        for side in range(1, 3):
            member = edges[edge, side]
            if member >= 0:
                sizes[member] = max(sizes[member], 0) + 1
    count, length = 0, 0
    for member in range(len(members)):
        if sizes[member] >= 0:
            count += 1
            length += 2 + sizes[member]
    found = np.empty(length + 1, np.int32)
    found[0] = count
    at = 1
    for member in range(len(members)):
        if sizes[member] < 0:
            continue
        found[at] = members[member]
        found[at + 1] = sizes[member] << 1 | np.int32(held[member])
        at += 2
        for edge in numbers:
            if edges[edge, 1] == member or edges[edge, 2] == member:
                found[at] = edge
                at += 1
    return found


@njit(cache=True, nogil=True)
def _grown(array: Any, needed: Whole) -> Any:
    """The array, or a copy with room for `needed`."""
    if needed <= len(array):
        return array
    larger = np.zeros(max(needed, 2 * len(array)), array.dtype)
    larger[: len(array)] = array
    return larger


@njit(cache=True, nogil=True)
def _write_general(records: Any, word: Whole, list_at: Whole, count: Whole, rx: float, ry: float) -> None:
    records[word], records[word + 1], records[word + 2] = GENERAL, list_at, count
    doubles = records.view(np.float64)
    doubles[word // 2 + 2], doubles[word // 2 + 3] = rx, ry


@njit(cache=True, nogil=True)
def _cells(members: Any, shapes: Any, frame: Any, column: Whole, row: Whole, edges: Any, ends: Any) -> Any:
    """Heads (CELLS,), records (words), references (lines * 5,) and lists (words) of the tile that begins at a cell."""
    offsets, numbers = list_by_cell(ends, frame, column, row)
    untidy = np.zeros(len(members), np.bool_)
    for member in range(len(members)):
        untidy[member] = is_untidy(shape_at(members[member], shapes[0], shapes[2]), shapes[1])
    words = np.zeros(len(edges), np.int32)
    for edge in range(len(edges)):
        words[edge] = members[edges[edge, 1]] + 1
        if edges[edge, 2] >= 0:
            words[edge] ^= members[edges[edge, 2]] + 1
    heads, records = np.zeros(CELLS, np.int32), np.zeros(64 * WORDS, np.int32)
    references, lists = np.full(64 * EDGES_A_LINE, MOST_REFERABLE, np.uint16), np.zeros(64, np.int32)
    line, listed = 0, 0
    held, count, last = np.zeros(len(members), np.bool_), 0, -1
    x, y, seen = 0.0, 0.0, numbers[:0]
    for step in range(CELLS):
        j = step >> SHIFT
        i = step & (SIDE - 1) if j & 1 == 0 else SIDE - 1 - (step & (SIDE - 1))
        cell = (j << SHIFT) + i
        own = numbers[offsets[cell] : offsets[cell + 1]]
        number, rx, ry = _reference(ends, own, frame, column + i, row + j)
        if step == 0:
            held = _holding(members, shapes, rx, ry)
            count, last = _count(held)
        else:
            left = _step(held, edges, ends, seen, seen[:0], x, y, rx, ry)
            entered = _step(held, edges, ends, own, seen, x, y, rx, ry)
            if left or entered:
                count, last = _count(held)
        x, y, seen = rx, ry, own
        owner = members[last] + 1 if last >= 0 else 0
        if len(own) == 0 and count <= 1:
            heads[cell] = owner
            continue
        heads[cell] = ~(RECORDS_LINE + line)
        records = _grown(records, (line + MOST_LINES) * WORDS)
        fast = count <= 1 and 0 < len(own) <= MOST_LINES * EDGES_A_LINE and number < REFERENCES
        fast = fast and len(edges) < MOST_REFERABLE and not (count == 1 and untidy[last])
        if fast and _are_tidy(edges, own, untidy):
            taken = write_fast(records, line, owner, number, own, ends, words, (rx, ry), frame)
            while len(references) < (line + taken) * EDGES_A_LINE:
                references = np.concatenate((references, np.full(len(references), MOST_REFERABLE, np.uint16)))
            for k in range(len(own)):
                references[line * EDGES_A_LINE + k] = own[k]
            line += taken
        else:
            found = _candidates(held, members, edges, own)
            lists = _grown(lists, listed + len(found))
            lists[listed : listed + len(found) - 1] = found[1:]
            _write_general(records, line * WORDS, listed, found[0], rx, ry)
            listed += len(found) - 1
            line += 1
    while len(references) < line * EDGES_A_LINE:
        references = np.concatenate((references, np.full(len(references), MOST_REFERABLE, np.uint16)))
    return heads, records[: line * WORDS], references[: line * EDGES_A_LINE], lists[:listed]


@njit(cache=True, nogil=True)
def _lines_of(words: Whole) -> Whole:
    return (words + WORDS - 1) // WORDS


@njit(cache=True, nogil=True)
def build_block(members: Any, frame: Any, pages: Any, lines: Any, tile: Whole) -> Any:
    """The block of a tile as int32 words, whole lines. `members` int32, the slots whose boxes meet it, ascending."""
    shapes = (pages, lines, lines.view(np.int64), lines.view(np.float64))
    column, row = (tile % np.int64(frame[6])) << SHIFT, (tile // np.int64(frame[6])) << SHIFT
    wide, high = 1e-3 * frame[4], 1e-3 * frame[5]
    west, south = frame[0] + column * frame[4] - wide, frame[1] + row * frame[5] - high
    box = (west, south, west + SIDE * frame[4] + 2 * wide, south + SIDE * frame[5] + 2 * high)
    edges, ends = list_edges(members, shapes, box)
    if len(members) > layout.MEMBER_MASK:
        raise ValueError("too many polygons meet in one place to be indexed")
    heads, records, references, lists = _cells(members, shapes, frame, column, row, edges, ends)
    record_lines = len(records) // WORDS
    references_at = RECORDS_LINE + record_lines
    edges_at = references_at + _lines_of((len(references) + 1) // 2)
    members_at = edges_at + _lines_of(2 * len(edges))
    lists_at = members_at + _lines_of(len(members))
    block = np.zeros((lists_at + _lines_of(len(lists))) * WORDS, np.int32)
    block[layout.MAGIC_WORD], block[layout.LINES] = layout.MAGIC, len(block) // WORDS
    block[layout.RECORD_LINES], block[layout.EDGES], block[layout.MEMBERS] = record_lines, len(edges), len(members)
    block[layout.REFERENCES_AT], block[layout.EDGES_AT] = references_at, edges_at
    block[layout.MEMBERS_AT], block[layout.LISTS_AT] = members_at, lists_at
    block[layout.WHOLE] = heads[0] if record_lines == 0 and (heads == heads[0]).all() else -1
    block[HEADS : HEADS + CELLS] = heads
    block[RECORDS_LINE * WORDS : RECORDS_LINE * WORDS + len(records)] = records
    block.view(np.uint16)[references_at * WORDS * 2 : references_at * WORDS * 2 + len(references)] = references
    packed = block.view(np.int64)[edges_at * WORDS // 2 :]
    for edge in range(len(edges)):
        second = (edges[edge, 2] + 1) << (layout.VERTEX_BITS + layout.MEMBER_BITS)
        packed[edge] = edges[edge, 0] | edges[edge, 1] << layout.VERTEX_BITS | second
    block[members_at * WORDS : members_at * WORDS + len(members)] = members
    block[lists_at * WORDS : lists_at * WORDS + len(lists)] = lists
    return block
