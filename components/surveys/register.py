"""All components of a delivery in few bytes each, for what only the whole shows: codes given twice, things twice there.

A row takes about 60 bytes, so that a million of them are no burden.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.surveys.checking import View
from gis.errors import Fault
from gis.metres import Floats, Indices

METRES_A_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True)
class Entries:
    """n components: number of the part, row, code, class ("edition code") and a point on each in lon, lat."""

    parts: NDArray[np.int32]
    rows: Indices
    codes: pa.Array
    classes: pa.DictionaryArray
    lonlat: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def class_names(self) -> NDArray[Any]:
        """The classes that there are, in the order in which `class_numbers` counts."""
        found: NDArray[Any] = self.classes.dictionary.to_numpy(zero_copy_only=False)
        return found

    def class_numbers(self) -> NDArray[np.int32]:
        """The class of each (n,)."""
        found: NDArray[np.int32] = self.classes.indices.to_numpy(zero_copy_only=False)
        return found


@dataclass(slots=True)
class Register:
    """Entries that are being taken down."""

    _pieces: list[tuple[NDArray[np.int32], Indices, pa.Array, pa.Array, Floats]] = field(default_factory=list)

    def add(self, part: int, view: View) -> None:
        """Take down the rows that have a code."""
        codes = view.listed.codes
        kept = np.flatnonzero([code is not None for code in codes.tolist()])
        names = [f"{view.listed.editions[at]} {view.listed.classes[at]}" for at in kept.tolist()]
        self._pieces.append(
            (
                np.full(len(kept), part, dtype=np.int32),
                view.table.rows[kept],
                pa.array(codes[kept].tolist(), pa.string()),
                pa.array(names, pa.string()).dictionary_encode(),
                view.lonlat[kept],
            )
        )

    def entries(self) -> Entries:
        """All of them, in the order in which they came."""
        if not self._pieces:
            none = pa.array([], pa.string())
            empty = np.empty(0, np.int64)
            return Entries(empty.astype(np.int32), empty, none, none.dictionary_encode(), np.empty((0, 2)))
        parts, rows, codes, classes, lonlat = zip(*self._pieces, strict=True)
        merged = pa.chunked_array(list(classes)).unify_dictionaries().combine_chunks()
        return Entries(
            np.concatenate(parts), np.concatenate(rows), pa.concat_arrays(list(codes)), merged, np.concatenate(lonlat)
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """Two entries, by number, the later one first."""

    later: int
    earlier: int
    metres: float | None = None


def repeated_codes(entries: Entries) -> Iterator[Pair]:
    """Every entry whose code came before, with the first that had it."""
    numbers = entries.codes.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    order = np.argsort(numbers, kind="stable")
    held = numbers[order]
    starts = np.flatnonzero(np.concatenate([[True], held[1:] != held[:-1]])) if len(held) else np.empty(0, np.int64)
    first = order[np.repeat(starts, np.diff(np.append(starts, len(held))))] if len(held) else order
    for at in np.flatnonzero(first != order).tolist():
        yield Pair(int(order[at]), int(first[at]))


def near_pairs(entries: Entries, near_m: float) -> Iterator[Pair]:
    """Every entry that lies less than `near_m` from an earlier one of its class but of another code, with one such.

    Places are put into cells of that size; the cell and those about it are looked at. Lengths are on the plane of the
    latitude in the middle, right to a part in a thousand over a city.
    """
    there = np.flatnonzero(~np.isnan(entries.lonlat[:, 0]))
    if near_m <= 0 or not len(there):
        return
    lonlat = entries.lonlat[there]
    middle = np.cos(np.radians(np.median(lonlat[:, 1])))
    xy = (lonlat - lonlat.min(axis=0)) * METRES_A_DEGREE * np.array([middle, 1.0])
    cells = np.floor(xy / near_m).astype(np.int64)
    keys = _keys(entries.class_numbers()[there], cells)
    order = np.argsort(keys, kind="stable")
    sorted_keys = keys[order]
    partner = np.full(len(there), -1, dtype=np.int64)
    apart = np.full(len(there), np.inf)
    for east in (-1, 0, 1):
        for north in (-1, 0, 1):
            wanted = _keys(entries.class_numbers()[there], cells + np.array([east, north]))
            begin = np.searchsorted(sorted_keys, wanted, side="left")
            count = np.searchsorted(sorted_keys, wanted, side="right") - begin
            _nearer(xy, order, begin, count, partner, apart)
    codes = entries.codes
    for at in np.flatnonzero((partner >= 0) & (apart < near_m)).tolist():
        later, earlier = int(there[at]), int(there[partner[at]])
        if codes[later] != codes[earlier]:
            yield Pair(later, earlier, float(apart[at]))


def _keys(classes: NDArray[np.int32], cells: Indices) -> Indices:
    """A number of class and cell; different ones share it very seldom, and then they are only measured in vain."""
    parts = zip((0x9E3779B1, 0x85EBCA77, 0x27D4EB2F165667), (classes.astype(np.int64), *cells.T), strict=True)
    return np.asarray(sum(factor * part for factor, part in parts), dtype=np.int64)


def _nearer(xy: Floats, order: Indices, begin: Indices, count: Indices, partner: Indices, apart: Floats) -> None:
    """Keep for each place the nearest earlier one among `count` places from `begin` on; a few rounds, for few share."""
    for step in range(min(int(count.max(initial=0)), 64)):
        at = np.flatnonzero(count > step)
        other = order[begin[at] + step]
        earlier = other < at
        at, other = at[earlier], other[earlier]
        metres = np.hypot(*(xy[at] - xy[other]).T)
        closer = metres < apart[at]
        partner[at[closer]], apart[at[closer]] = other[closer], metres[closer]


def fault_of_code(code: str, row: int, first: int, other: str | None) -> Fault:
    """The fault of a code that came before; `other` is the file of the first where that is another one."""
    en, zh = (f" of {other}", f" {other} ") if other else ("", "")
    return Fault(
        "code_duplicate",
        f"Row {row}: the code {code} was already given to row {first}{en}.",
        f"第 {row} 行：编码 {code} 与{zh}第 {first} 行重复。",
        row=row,
        thing=code,
    )


def fault_of_place(codes: tuple[str, str], row: int, first: int, other: str | None, metres: float) -> Fault:
    """The fault of a component in the place of an earlier one of its class."""
    en, zh = (f" of {other}", f" {other} ") if other else ("", "")
    return Fault(
        "near_duplicate",
        f"Row {row}: {codes[0]} lies {metres:.2f} m from {codes[1]} of the same class, row {first}{en}.",
        f"第 {row} 行：{codes[0]} 与{zh}第 {first} 行的同类部件 {codes[1]} 相距仅 {metres:.2f} 米。",
        severity="warning",
        row=row,
        thing=codes[0],
    )
