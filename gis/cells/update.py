"""The next index from one and a change: only the shapes, slots and blocks that the change touches are written."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.cells.build import build_blocks, check_rings, put_blocks, tile_ranges
from gis.cells.layout import MEMBERS, MEMBERS_AT, MOST_POLYGONS, PAGE, SIDE, SLOT_LONGS, Cells
from gis.cells.shelves import LINE_LONGS, boxes_of, pack_slots, put_shapes, put_texts
from gis.heap.lines import WORDS, Heap, Words
from gis.metres import Paths


class OutOfFrame(Exception):
    """A polygon reaches beyond the cells: the index must be built anew."""


@dataclass(frozen=True, slots=True)
class Turnover:
    """What changes in an index: slots that become empty, and slots that get a polygon and its code.

    A slot that had a polygon and gets another one is changed. Polygons must leave the whole a valid coverage where the
    index was built of a trusted one, and may be anything when `untidy`.
    """

    emptied: tuple[int, ...]
    slots: tuple[int, ...]
    polygons: NDArray[Any]
    codes: tuple[str, ...]
    untidy: bool = False


def update_cells(cells: Cells, heap: Heap, turnover: Turnover) -> tuple[Cells, int]:
    """The index after a change, and how many blocks were built. `cells` stays as it is.

    `heap` is that of `cells`, or the same file opened to be written to.

    Errors: OutOfFrame; ValueError of `check_rings`; those of `heap.append`.
    """
    frame, tiles, pages, words = cells.kernel
    rings = Paths.of(turnover.polygons)
    check_rings(rings)
    boxes = boxes_of(turnover.polygons)
    _check_frame(frame, turnover.polygons)
    untidy = np.full(len(turnover.polygons), turnover.untidy)
    count = max(cells.count, max(turnover.slots, default=-1) + 1)
    if count > MOST_POLYGONS:
        raise ValueError(f"an index holds at most {MOST_POLYGONS} polygons")
    shapes = put_shapes(heap, turnover.polygons, rings, untidy)
    slots = dict(zip(turnover.slots, pack_slots(shapes, put_texts(heap, turnover.codes), boxes), strict=True))
    slots |= {slot: np.zeros(SLOT_LONGS, dtype=np.int64) for slot in turnover.emptied}
    left = {slot: _tiles_of(frame, _box(words, pages, slot)) for slot in slots if slot < cells.count}
    entered = {slot: _tiles_of(frame, box[None]) for slot, box in zip(turnover.slots, boxes, strict=True)}
    new_pages = _put_slots(cells, heap, slots, count)
    dirty = sorted(set().union(*left.values(), *entered.values()))
    wanted = []
    for tile in dirty:
        members = set(_members(words, int(tiles[tile])))
        members.difference_update(slots)
        members.update(slot for slot, its in entered.items() if tile in its)
        wanted.append((tile, np.array(sorted(members), dtype=np.int32)))
    new_tiles, place = np.array(tiles), iter(dirty)
    for built in build_blocks(wanted, frame, new_pages, heap.words, os.cpu_count() or 1):
        for line, tile in zip(put_blocks(heap, built, {}), place, strict=False):
            new_tiles[tile] = line
    return Cells.of(heap, count, frame, new_tiles, new_pages), len(dirty)


def _check_frame(frame: NDArray[np.float64], polygons: NDArray[Any]) -> None:
    bounds = shapely.bounds(polygons).reshape(-1, 4)
    cells = (bounds - np.tile(frame[:2], 2)) * np.tile(frame[2:4], 2)
    most = np.tile(frame[6:8], 2) * SIDE
    if not ((cells >= 0) & (cells < most)).all():
        raise OutOfFrame


def _box(words: Words, pages: Words, slot: int) -> NDArray[np.float32]:
    """The box (0 or 1, 4) of a slot, none when it is empty."""
    at = int(pages[slot // PAGE]) * LINE_LONGS + (slot % PAGE) * SLOT_LONGS
    found = words.view(np.int64)[at : at + SLOT_LONGS]
    return found[2:].view(np.float32)[None] if found[0] else np.empty((0, 4), dtype=np.float32)


def _tiles_of(frame: NDArray[np.float64], boxes: NDArray[np.float32]) -> set[int]:
    low, high = tile_ranges(frame, boxes)
    columns = int(frame[6])
    return {
        row * columns + column
        for (west, south), (east, north) in zip(low.tolist(), high.tolist(), strict=True)
        for row in range(south, north + 1)
        for column in range(west, east + 1)
    }


def _members(words: Words, block: int) -> list[int]:
    header = words[block * WORDS :][:WORDS]
    at = (block + int(header[MEMBERS_AT])) * WORDS
    found: list[int] = words[at : at + int(header[MEMBERS])].tolist()
    return found


def _put_slots(cells: Cells, heap: Heap, slots: Mapping[int, NDArray[np.int64]], count: int) -> Words:
    """Write the pages on which slots change; the line of every page."""
    _, _, pages, words = cells.kernel
    longs = words.view(np.int64)
    found = np.zeros(-(-count // PAGE), dtype=np.int32)
    found[: len(pages)] = pages
    touched = sorted({slot // PAGE for slot in slots} | set(range(len(pages), len(found))))
    fresh = []
    for page in touched:
        held = np.zeros((PAGE, SLOT_LONGS), dtype=np.int64)
        if found[page]:
            held[:] = longs[int(found[page]) * LINE_LONGS :][: PAGE * SLOT_LONGS].reshape(PAGE, SLOT_LONGS)
        for slot, value in slots.items():
            if slot // PAGE == page:
                held[slot % PAGE] = value
        fresh.append(held)
    found[touched] = heap.append(*fresh)
    return found
