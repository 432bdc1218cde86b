"""Codes of a delivery: their form, and that none comes twice."""

from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.errors import Fault
from gis.geometry import place


def check_codes(
    codes: NDArray[Any],
    rows: NDArray[np.int64],
    geometries: NDArray[Any],
    fits: Callable[[str], bool],
    form: tuple[str, str],
    faults: list[Fault],
    seen: dict[str, int] | None = None,
) -> NDArray[np.intp]:
    """The rows whose code has the right form and is the first of its kind; the faults of the others are added.

    `geometries` (n,) may hold None. `form` says in English and Chinese what a code looks like. `seen` has the row of
    every code in earlier pieces of the delivery, and gets those of this one.
    """
    seen = {} if seen is None else seen
    good = []
    for index, (code, row) in enumerate(zip(codes.tolist(), rows.tolist(), strict=True)):
        if code is None:
            continue  # reported as value_missing, where a code is needed at all
        if not fits(code):
            faults.append(_misfit(geometries[index], code, row, form))
        elif code in seen:
            faults.append(_repeated(geometries[index], code, row, seen[code]))
        else:
            seen[code] = row
            good.append(index)
    return np.array(good, dtype=np.intp)


def _misfit(geometry: shapely.Geometry | None, code: str, row: int, form: tuple[str, str]) -> Fault:
    return Fault(
        "code_form",
        f"Row {row}: '{code}' has not the form of a code: {form[0]}.",
        f"第 {row} 行：“{code}”不符合编码规则：{form[1]}。",
        row=row,
        thing=code,
        where=None if geometry is None else place(geometry),
    )


def _repeated(geometry: shapely.Geometry | None, code: str, row: int, first: int) -> Fault:
    return Fault(
        "code_duplicate",
        f"Row {row}: the code {code} was already given to row {first}.",
        f"第 {row} 行：编码 {code} 与第 {first} 行重复。",
        row=row,
        thing=code,
        where=None if geometry is None else place(geometry),
    )
