"""Codes of components: county, class and number, as the editions form them; elsewhere any text of its owner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.errors import Fault, Refusal, refuse


@dataclass(frozen=True, slots=True)
class Form:
    """How many digits of a code are the county, the class and the number, in this order."""

    county: int
    kind: int
    number: int

    @property
    def length(self) -> int:
        return self.county + self.kind + self.number

    @property
    def most(self) -> int:
        """The highest number."""
        return int(10**self.number - 1)

    def parts(self, code: str) -> tuple[str, str, str] | None:
        """County, class and number of a code; None for what has not this form."""
        if len(code) != self.length or not (code.isascii() and code.isdigit()):
            return None
        behind = self.county + self.kind
        return code[: self.county], code[self.county : behind], code[behind:]

    def make(self, county: str, class_code: str, number: int) -> str:
        return f"{county}{class_code}{number:0{self.number}}"


FORMS: Mapping[str, Form] = MappingProxyType({"2026": Form(6, 5, 6), "2013": Form(6, 4, 6)})
"""After GB/T 47678 (17 digits) and GB/T 30428 (16 digits). Other editions say nothing of codes."""


def class_in(code: str | None, edition: str) -> str:
    """The class that a code of an edition names, empty where it names none."""
    parts = FORMS[edition].parts(code) if code is not None and edition in FORMS else None
    return parts[1] if parts else ""


def check_forms(
    codes: NDArray[Any],
    editions: NDArray[Any],
    classes: NDArray[Any],
    rows: NDArray[np.int64],
    strict: Sequence[bool],
) -> list[Fault]:
    """What is wrong with the codes of components (n,). Rows without a code are passed over.

    A code of the edition's form names the row's own class: `code_class_differs`, an error where `strict`, else a
    warning. Where `strict` a code has that form at all: `code_form`.
    """
    faults = []
    for code, edition, kind, row, is_strict in zip(codes, editions, classes, rows.tolist(), strict, strict=True):
        form = FORMS.get(edition)
        if code is None or form is None:
            continue
        parts = form.parts(code)
        if parts is None:
            faults += [_misfit(code, edition, form, row)] if is_strict else []
        elif kind and parts[1] != kind:
            faults.append(_other_class(code, parts[1], kind, row, is_strict))
    return faults


def check_county(county: str, edition: str, class_code: str) -> Form:
    """The form of the codes of a class in a county. Errors: Refusal code_needed, county_wrong."""
    form = FORMS.get(edition)
    if form is None or len(class_code) != form.kind or not (class_code.isascii() and class_code.isdigit()):
        raise refuse(
            "code_needed",
            f"Codes of the edition {edition[:40]}, class {class_code[:40]}, are not numbered here: give the code.",
            f"标准版 {edition[:40]} 类别 {class_code[:40]} 没有自动编号规则：请给出编码。",
        )
    if len(county) != form.county or not (county.isascii() and county.isdigit()):
        raise refuse(
            "county_wrong",
            f"'{county[:40]}' is no county: a code begins with the {form.county} digits of one. Where the component "
            "stands in no unit, or codes are free, give the code itself.",
            f"“{county[:40]}”不是县级区划代码（{form.county} 位）。部件不在任何网格内或编码自定时，请直接给出编码。",
        )
    return form


def used_up(county: str, class_code: str) -> Refusal:
    """The refusal where every number of a class in a county was given."""
    return refuse(
        "codes_used_up",
        f"Every number of class {class_code} in {county} was given once; no code is given again.",
        f"{county} 类别 {class_code} 的编号已全部用完；编码不重复使用。",
        kind="conflict",
    )


def _misfit(code: str, edition: str, form: Form, row: int) -> Fault:
    return Fault(
        "code_form",
        f"Row {row}: '{code[:60]}' has not the form of a code: {form.length} digits in the edition {edition} "
        f"({form.county} county, {form.kind} class, {form.number} number).",
        f"第 {row} 行：“{code[:60]}”不符合编码规则：标准版 {edition} 为 {form.length} 位数字"
        f"（{form.county} 位区县、{form.kind} 位类别、{form.number} 位顺序号）。",
        row=row,
        thing=code,
    )


def _other_class(code: str, named: str, kind: str, row: int, is_strict: bool) -> Fault:
    return Fault(
        "code_class_differs",
        f"Row {row}: the code {code} names the class {named}, and the component is of class {kind}.",
        f"第 {row} 行：编码 {code} 表示类别 {named}，而部件类别为 {kind}。",
        severity="error" if is_strict else "warning",
        row=row,
        thing=code,
    )
