"""Slots, shapes and texts as kernels read them; `gis.cells.layout` says how they lie. Places are 8-byte words."""

from typing import Any

import numpy as np
from numba import njit

from gis.cells.layout import MOST_PATHS, MULTIPLE, PAGE, PAGE_BITS, SLOT_LONGS, UNTIDY, Whole

LINE_LONGS = 8


@njit(cache=True, nogil=True, forceinline=True)
def slot_at(slot: Whole, pages: Any) -> Whole:
    """Where a slot begins."""
    return np.int64(pages[slot >> PAGE_BITS]) * LINE_LONGS + (slot & (PAGE - 1)) * SLOT_LONGS


@njit(cache=True, nogil=True, forceinline=True)
def shape_at(slot: Whole, pages: Any, longs: Any) -> Whole:
    """Where the shape of a slot begins, 0 when the slot is empty."""
    return longs[slot_at(slot, pages)]


@njit(cache=True, nogil=True, forceinline=True)
def paths_of(shape: Whole, words: Any) -> Whole:
    """How many paths a shape has."""
    return words[2 * shape] & MOST_PATHS


@njit(cache=True, nogil=True, forceinline=True)
def is_untidy(shape: Whole, words: Any) -> Any:
    return words[2 * shape] & UNTIDY != 0


@njit(cache=True, nogil=True, forceinline=True)
def is_multiple(shape: Whole, words: Any) -> Any:
    return words[2 * shape] & MULTIPLE != 0


@njit(cache=True, nogil=True, forceinline=True)
def path_end(shape: Whole, path: Whole, words: Any) -> Whole:
    """The coordinate behind the last one of a path."""
    return np.int64(words[2 * (shape + 1) + path])


@njit(cache=True, nogil=True, forceinline=True)
def coords_at(shape: Whole, words: Any) -> Whole:
    """Where the coordinates of a shape begin, x and y each one place."""
    return shape + 1 + (np.int64(paths_of(shape, words)) + 1) // 2


@njit(cache=True, nogil=True, forceinline=True)
def box_of(slot: Whole, pages: Any, floats: Any) -> tuple[Any, Any, Any, Any]:
    """West, south, east, north of a slot's polygon, rounded outwards."""
    at = 2 * (slot_at(slot, pages) + 2)
    return np.float64(floats[at]), np.float64(floats[at + 1]), np.float64(floats[at + 2]), np.float64(floats[at + 3])


@njit(cache=True, nogil=True)
def is_lower(one: Whole, other: Whole, pages: Any, longs: Any) -> Any:
    """Whether the text of a slot comes before that of another one, which it is not, in byte order."""
    first, second = longs[slot_at(one, pages) + 1], longs[slot_at(other, pages) + 1]
    words, held = longs.view(np.int32), longs.view(np.uint8)
    size, other_size = np.int64(words[2 * first]), np.int64(words[2 * second])
    a, b = 8 * first + 4, 8 * second + 4
    for k in range(min(size, other_size)):
        if held[a + k] != held[b + k]:
            return held[a + k] < held[b + k]
    if size != other_size:
        return size < other_size
    return one < other
