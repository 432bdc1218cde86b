"""Where the rows of a delivery of several files come from, and faults told by file and row of the file."""

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gis.errors import Fault

_ROW_EN = re.compile(r"(?<=\b[Rr]ow )(\d+)")
_ROW_ZH = re.compile(r"第 (\d+) 行")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the rows of a joined table come from: rows above `starts[i]` up to `starts[i + 1]` are of `files[i]`, which
    has the columns `columns[i]`.
    """

    files: tuple[str, ...] = ()
    starts: tuple[int, ...] = (0,)
    columns: tuple[frozenset[str], ...] = ()

    def part_of(self, row: int) -> int:
        """The number of the file of a row."""
        return min(bisect_left(self.starts, row), len(self.files)) - 1

    def parts_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The number of the file of each row (n,)."""
        return np.searchsorted(np.array(self.starts), rows, side="left").astype(np.int64) - 1

    def row_of(self, row: int) -> int:
        """The row in its file."""
        return row - self.starts[self.part_of(row)]

    def tell(self, fault: Fault) -> Fault:
        """The fault with file and row of the file, also in its sentences; as it is where there is one file alone."""
        if not self.files or fault.row is None:
            return fault
        here = self.part_of(fault.row)
        file = self.files[here]

        def row_in(text: re.Match[str], own: str, other: str) -> str:
            row = int(text[1])
            if not 0 < row <= self.starts[-1]:
                return text[0]
            of = self.part_of(row)
            return (own if of == here else other).format(self.row_of(row), self.files[of])

        return replace(
            fault,
            row=self.row_of(fault.row),
            en=f"{file}: " + _ROW_EN.sub(lambda text: row_in(text, "{}", "{} of {}"), fault.en),
            zh=f"{file}：" + _ROW_ZH.sub(lambda text: row_in(text, "第 {} 行", " {1} 第 {0} 行"), fault.zh),
            members={**(fault.members or {}), "file": file},
        )

    def tell_all(self, faults: Iterable[Fault]) -> tuple[Fault, ...]:
        return tuple(map(self.tell, faults))


def moved(fault: Fault, start: int) -> Fault:
    """The fault of a row of a file under its number in the whole, also in its sentences."""

    def later(text: re.Match[str]) -> str:
        return text[0].replace(text[1], str(int(text[1]) + start))

    return replace(
        fault, row=(fault.row or 0) + start, en=_ROW_EN.sub(later, fault.en), zh=_ROW_ZH.sub(later, fault.zh)
    )


def of_file(fault: Fault, file: str) -> Fault:
    """The fault of a whole file, whose sentences name it."""
    if file in fault.en:
        return replace(fault, members={**(fault.members or {}), "file": file})
    return replace(
        fault, en=f"{file}: {fault.en}", zh=f"{file}：{fault.zh}", members={**(fault.members or {}), "file": file}
    )
