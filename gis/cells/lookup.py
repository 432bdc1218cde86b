"""Kernels that ask the index where points lie. Exact; see `gis.cells.records` for how and `gis.cells.layout` for what.

Each takes the arrays of `layout.Kernel`: frame, tiles, pages, lines. Points are (m, 2) float64, read-only.
"""

from typing import Any

import numpy as np
from numba import njit

from gis.cells.layout import (
    EDGES_A_LINE,
    EDGES_AT,
    GENERAL,
    HEADS,
    LISTS_AT,
    MEMBER_BITS,
    MEMBER_MASK,
    MEMBERS_AT,
    MOST_REFERABLE,
    OWNER_BITS,
    OWNER_MASK,
    RECORDS_LINE,
    REFERENCES_AT,
    SHIFT,
    SIDE,
    VERTEX_BITS,
    VERTEX_MASK,
    Whole,
)
from gis.cells.predicates import crosses, is_on
from gis.cells.records import QUANTA, reference_x, reference_y
from gis.cells.slots import coords_at, is_lower, shape_at
from gis.cells.vectors import cross_line, prefetch
from gis.heap.lines import WORDS

BATCH = 256  # points whose heads, then records, are fetched ahead: what the first cache holds


@njit(cache=True, nogil=True, forceinline=True)
def _exact_views(arrays: Any) -> Any:
    """What exact reading takes: lines as int32, int64, float64 and uint16, and the pages of slots."""
    _, _, pages, lines = arrays
    return lines, lines.view(np.int64), lines.view(np.float64), lines.view(np.uint16), pages


@njit(cache=True, nogil=True, forceinline=True)
def _edge(block: Whole, number: Whole, lines: Any, longs: Any, pages: Any) -> tuple[Whole, Whole, Whole]:
    """Where the coordinates of an edge of a block begin, and the owners on its two sides as far as known."""
    packed = longs[(block + lines[block * WORDS + EDGES_AT]) * (WORDS // 2) + number]
    members = (block + lines[block * WORDS + MEMBERS_AT]) * WORDS
    first = lines[members + ((packed >> VERTEX_BITS) & MEMBER_MASK)]
    second = packed >> (VERTEX_BITS + MEMBER_BITS)
    other = np.int32(0) if second == 0 else lines[members + second - 1] + np.int32(1)
    place = coords_at(shape_at(first, pages, longs), lines) + 2 * (packed & VERTEX_MASK)
    return place, first + np.int32(1), other


@njit(cache=True, nogil=True)
def _read_exactly(x: float, y: float, rx: float, ry: float, block: Whole, word: Whole, views: Any, held: Any) -> Whole:
    """Polygons that hold a point, from a fast record and the original edges: written to `held`, their number."""
    lines, longs, doubles, references, pages = views
    at = (block + lines[block * WORDS + REFERENCES_AT]) * WORDS * 2
    owner, count = lines[word] & OWNER_MASK, 0
    while True:
        first = at + (word // WORDS - block - RECORDS_LINE) * EDGES_A_LINE
        for k in range(first, first + EDGES_A_LINE):
            if references[k] == MOST_REFERABLE:
                break
            place, one, other = _edge(block, np.int64(references[k]), lines, longs, pages)
            ax, ay, bx, by = doubles[place], doubles[place + 1], doubles[place + 2], doubles[place + 3]
            if is_on(x, y, ax, ay, bx, by):
                count = _add(held, count, one)
                count = _add(held, count, other)
            elif crosses(x, y, rx, ry, ax, ay, bx, by):
                owner ^= one ^ other
        if lines[word] >= 0:
            break
        word += WORDS
    return count if count else _add(held, 0, owner)


@njit(cache=True, nogil=True, forceinline=True)
def _add(held: Any, count: Whole, owner: Whole) -> Whole:
    """Note an owner that is not nobody and not yet noted; the number of those noted."""
    if owner == 0:
        return count
    for k in range(count):
        if held[k] == owner - 1:
            return count
    held[count] = owner - 1
    return count + 1


@njit(cache=True, nogil=True)
def _holds(x: float, y: float, rx: float, ry: float, block: Whole, at: Whole, views: Any) -> Any:
    """Whether the candidate whose entry of a general record begins at a word holds a point."""
    lines, longs, doubles, _, pages = views
    inside = lines[at + 1] & 1 == 1
    for k in range(at + 2, at + 2 + (lines[at + 1] >> 1)):
        place, _, _ = _edge(block, np.int64(lines[k]), lines, longs, pages)
        ax, ay, bx, by = doubles[place], doubles[place + 1], doubles[place + 2], doubles[place + 3]
        if is_on(x, y, ax, ay, bx, by):
            return True
        if crosses(x, y, rx, ry, ax, ay, bx, by):
            inside = not inside
    return inside


@njit(cache=True, nogil=True)
def _read_general(x: float, y: float, block: Whole, word: Whole, views: Any, held: Any) -> tuple[Whole, Any]:
    """Polygons that hold a point, from a general record: their number, and `held` or a larger copy with them."""
    lines, doubles = views[0], views[2]
    rx, ry = doubles[word // 2 + 2], doubles[word // 2 + 3]
    at = (block + lines[block * WORDS + LISTS_AT]) * WORDS + lines[word + 1]
    candidates, count = lines[word + 2], 0
    if candidates > len(held):
        held = np.empty(2 * candidates, np.int32)
    for _ in range(candidates):
        if _holds(x, y, rx, ry, block, at, views):
            held[count] = lines[at]
            count += 1
        at += 2 + (lines[at + 1] >> 1)
    return count, held


@njit(cache=True, nogil=True)
def _lowest_general(x: float, y: float, block: Whole, word: Whole, views: Any) -> Whole:
    """The lowest of the polygons that hold a point, from a general record, or -1."""
    lines, longs, doubles, _, pages = views
    rx, ry = doubles[word // 2 + 2], doubles[word // 2 + 3]
    at = (block + lines[block * WORDS + LISTS_AT]) * WORDS + lines[word + 1]
    best = -1
    for _ in range(lines[word + 2]):
        polygon = lines[at]
        if (best < 0 or is_lower(polygon, best, pages, longs)) and _holds(x, y, rx, ry, block, at, views):
            best = polygon
        at += 2 + (lines[at + 1] >> 1)
    return best


@njit(cache=True, nogil=True)
def _lowest_exactly(x: float, y: float, rx: float, ry: float, block: Whole, word: Whole, views: Any) -> Whole:
    """The lowest of the polygons that hold a point, from a fast record and the original edges, or -1."""
    held = np.empty(64, np.int32)
    count = _read_exactly(x, y, rx, ry, block, word, views, held)
    best = -1
    for k in range(count):
        if best < 0 or is_lower(held[k], best, views[4], views[1]):
            best = held[k]
    return best


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _read_fast(x: float, y: float, column: Whole, row: Whole, word: Whole, lines: Any, frame: Any) -> tuple[Whole, Any]:
    """Owner of a point by the fast record at a word, and whether that is unsure."""
    number = (lines[word] >> OWNER_BITS) & 15
    px = np.float32((x - reference_x(number, column, frame)) * frame[2] * QUANTA)
    py = np.float32((y - reference_y(number, row, frame)) * frame[3] * QUANTA)
    owner, unsure = lines[word] & OWNER_MASK, False
    while True:
        changes, doubt = cross_line(lines, word, px, py)
        owner ^= changes
        unsure |= doubt
        if lines[word] >= 0:
            return owner, unsure
        word += WORDS


@njit(cache=True, nogil=True, error_model="numpy")
def _find_exactly(
    x: float, y: float, column: Whole, row: Whole, block: Whole, word: Whole, frame: Any, views: Any
) -> Whole:
    """The lowest of the polygons that hold a point of a cell with a record, or -1, by exact reading."""
    lines = views[0]
    if lines[word] & OWNER_MASK == GENERAL:
        return _lowest_general(x, y, block, word, views)
    number = (lines[word] >> OWNER_BITS) & 15
    rx, ry = reference_x(number, column, frame), reference_y(number, row, frame)
    return _lowest_exactly(x, y, rx, ry, block, word, views)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _cell(x: float, y: float, frame: Any, tiles: Any) -> tuple[Whole, Whole, Whole]:
    """Column and row of the cell of a point and the block of its tile, -1 outside the frame."""
    across, up = (x - frame[0]) * frame[2], (y - frame[1]) * frame[3]
    if not (across >= 0 and across < frame[6] * SIDE and up >= 0 and up < frame[7] * SIDE):
        return 0, 0, -1
    column, row = np.int64(across), np.int64(up)
    return column, row, np.int64(tiles[(row >> SHIFT) * np.int64(frame[6]) + (column >> SHIFT)])


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _head(column: Whole, row: Whole, block: Whole) -> Whole:
    return block * WORDS + HEADS + ((row & (SIDE - 1)) << SHIFT) + (column & (SIDE - 1))


@njit(cache=True, nogil=True, error_model="numpy")
def lowest_one(x: float, y: float, arrays: Any) -> Whole:
    """The lowest polygon that holds one point, -1 where none does."""
    frame, tiles, _, lines = arrays
    column, row, block = _cell(x, y, frame, tiles)
    if block < 0:
        return -1
    head = lines[_head(column, row, block)]
    if head >= 0:
        return np.int64(head) - 1
    word = (block + np.int64(~head)) * WORDS
    if lines[word] & OWNER_MASK != GENERAL:
        owner, unsure = _read_fast(x, y, column, row, word, lines, frame)
        if not unsure:
            return np.int64(owner) - 1
    return _find_exactly(x, y, column, row, block, word, frame, _exact_views(arrays))


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _ask_heads(
    points: Any, start: Whole, size: Whole, frame: Any, tiles: Any, lines: Any, blocks: Any, heads: Any
) -> None:
    """Note block and word of the head of each point of a batch, -1 outside the frame, and ask for the heads."""
    columns, most_across, most_up = np.int64(frame[6]), frame[6] * SIDE, frame[7] * SIDE
    for k in range(size):
        across, up = (points[start + k, 0] - frame[0]) * frame[2], (points[start + k, 1] - frame[1]) * frame[3]
        within = (across >= 0) & (across < most_across) & (up >= 0) & (up < most_up)
        column = np.int64(across) if within else np.int64(0)
        row = np.int64(up) if within else np.int64(0)
        blocks[k] = np.int64(tiles[(row >> SHIFT) * columns + (column >> SHIFT)])
        heads[k] = _head(column, row, blocks[k]) if within else np.int64(-1)
        prefetch(lines, max(heads[k], 0))


@njit(cache=True, nogil=True, error_model="numpy")
def lowest_many(points: Any, found: Any, arrays: Any) -> None:
    """Write the lowest polygon that holds each point to `found` (m,) int64, -1 where none does.

    In batches: first all heads are asked for, then all records, then they are read, so that memory is waited for
    once a batch and not once a point.
    """
    frame, tiles, _, lines = arrays
    views = _exact_views(arrays)
    blocks, heads = np.empty(BATCH, np.int64), np.empty(BATCH, np.int64)
    words, which = np.empty(BATCH, np.int64), np.empty(BATCH, np.int64)
    for start in range(0, len(points), BATCH):
        size = min(BATCH, len(points) - start)
        _ask_heads(points, start, size, frame, tiles, lines, blocks, heads)
        left = 0
        for k in range(size):
            head = lines[heads[k]] if heads[k] >= 0 else np.int32(0)
            found[start + k] = np.int64(head) - 1
            word = (blocks[k] + np.int64(~head)) * WORDS
            words[left], which[left] = word, k
            left += 1 if head < 0 else 0
            prefetch(lines, word if head < 0 else np.int64(0))
        for each in range(left):
            k, word = which[each], words[each]
            x, y = points[start + k, 0], points[start + k, 1]
            if lines[word] & OWNER_MASK == GENERAL:
                found[start + k] = _lowest_general(x, y, blocks[k], word, views)
                continue
            column, row = np.int64((x - frame[0]) * frame[2]), np.int64((y - frame[1]) * frame[3])
            owner, unsure = _read_fast(x, y, column, row, word, lines, frame)
            found[start + k] = np.int64(owner) - 1
            if unsure:
                found[start + k] = _find_exactly(x, y, column, row, blocks[k], word, frame, views)


@njit(cache=True, nogil=True)
def _sort_by_text(held: Any, count: Whole, views: Any) -> None:
    for k in range(1, count):
        each, place = held[k], k
        while place > 0 and is_lower(each, held[place - 1], views[4], views[1]):
            held[place] = held[place - 1]
            place -= 1
        held[place] = each


@njit(cache=True, nogil=True, error_model="numpy")
def _read_all(x: float, y: float, block: Whole, word: Whole, frame: Any, views: Any, held: Any) -> tuple[Whole, Any]:
    """All polygons that hold a point of a cell with a record, by text, by exact reading: their number, and `held` or a
    larger copy with them.
    """
    lines = views[0]
    if lines[word] & OWNER_MASK == GENERAL:
        count, held = _read_general(x, y, block, word, views, held)
    else:
        column, row = np.int64((x - frame[0]) * frame[2]), np.int64((y - frame[1]) * frame[3])
        number = (lines[word] >> OWNER_BITS) & 15
        rx, ry = reference_x(number, column, frame), reference_y(number, row, frame)
        count = _read_exactly(x, y, rx, ry, block, word, views, held)
    _sort_by_text(held, count, views)
    return count, held


@njit(cache=True, nogil=True)
def _roomy(pairs: Any, needed: Whole) -> Any:
    """Pairs (2, k), or a larger copy of them with room for `needed`."""
    if needed <= pairs.shape[1]:
        return pairs
    larger = np.empty((2, needed + pairs.shape[1] // 2), np.int64)
    larger[:, : pairs.shape[1]] = pairs
    return larger


@njit(cache=True, nogil=True, error_model="numpy")
def holders_many(points: Any, arrays: Any) -> Any:
    """All polygons that hold each point: points and polygons (2, k) int64, by point, then by text. In batches."""
    frame, tiles, _, lines = arrays
    views = _exact_views(arrays)
    blocks, heads = np.empty(BATCH, np.int64), np.empty(BATCH, np.int64)
    pairs, held, total = np.empty((2, len(points) + BATCH), np.int64), np.empty(64, np.int32), 0
    for start in range(0, len(points), BATCH):
        size = min(BATCH, len(points) - start)
        pairs = _roomy(pairs, total + size)
        _ask_heads(points, start, size, frame, tiles, lines, blocks, heads)
        for k in range(size):
            heads[k] = np.int64(lines[heads[k]]) if heads[k] >= 0 else np.int64(0)
            prefetch(lines, (blocks[k] + ~heads[k]) * WORDS if heads[k] < 0 else np.int64(0))
        for k in range(size):
            owner, word = heads[k], (blocks[k] + ~heads[k]) * WORDS
            unsure = owner < 0
            if unsure and lines[word] & OWNER_MASK != GENERAL:
                x, y = points[start + k, 0], points[start + k, 1]
                column, row = np.int64((x - frame[0]) * frame[2]), np.int64((y - frame[1]) * frame[3])
                owner, unsure = _read_fast(x, y, column, row, word, lines, frame)
            if unsure:
                x, y = points[start + k, 0], points[start + k, 1]
                count, held = _read_all(x, y, blocks[k], word, frame, views, held)
                pairs = _roomy(pairs, total + count + size)
                for each in range(count):
                    pairs[0, total], pairs[1, total] = start + k, held[each]
                    total += 1
            else:
                pairs[0, total], pairs[1, total] = start + k, owner - 1
                total += 1 if owner > 0 else 0
    return pairs[:, :total]


@njit(cache=True, nogil=True, error_model="numpy")
def holders_one(x: float, y: float, arrays: Any, held: Any) -> tuple[Whole, Any]:
    """All polygons that hold one point, by text: how many, and `held` int32 or a larger copy with them."""
    frame, tiles, _, lines = arrays
    column, row, block = _cell(x, y, frame, tiles)
    if block < 0:
        return 0, held
    owner = lines[_head(column, row, block)]
    if owner < 0:
        word = (block + np.int64(~owner)) * WORDS
        unsure = lines[word] & OWNER_MASK == GENERAL
        if not unsure:
            owner, unsure = _read_fast(x, y, column, row, word, lines, frame)
        if unsure:
            return _read_all(x, y, block, word, frame, _exact_views(arrays), held)
    held[0] = owner - 1
    return (1 if owner > 0 else 0), held
