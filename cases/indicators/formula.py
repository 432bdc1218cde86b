"""Formulas over named sums: numbers, names, + - * / and brackets; nothing is called, nothing else is understood.

Read by Python's own parser, of whose tree only the nodes named here are walked; nothing is ever executed.
"""

import ast
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gis.errors import Refusal, refuse
from gis.metres import Floats

LONGEST: Final = 300
LARGEST: Final = 1e9
_FORM: Final = re.compile(r"(?:\s|[0-9]+(?:\.[0-9]+)?(?![A-Za-z0-9_.])|[A-Za-z_][A-Za-z0-9_]*|[-+*/()])+")
_OPERATORS: Final = (ast.Add, ast.Sub, ast.Mult, ast.Div)


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that was read; `names` are the sums it needs."""

    text: str
    tree: ast.expr
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Undefined:
    """Why a formula has no value for one group: the part that was zero where it was divided by, None for too large."""

    divisor: str | None


def parse_formula(text: str, known: Collection[str]) -> Formula:
    """Read a formula over `known` names. Errors: Refusal formula_wrong, which says what is not understood."""
    if not text.strip() or len(text) > LONGEST:
        raise _wrong(text, f"it has 1 to {LONGEST} characters", f"长度应为 1 至 {LONGEST} 个字符")
    if not _FORM.fullmatch(text):
        raise _wrong(text, "it has other signs than names, numbers, + - * / and brackets", "含有无法识别的符号")
    try:
        tree = ast.parse(" ".join(text.split()), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _wrong(text, "it is no expression of names, numbers, + - * / and brackets", "不是有效的算式") from None
    names: set[str] = set()
    waiting: list[ast.expr] = [tree]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _OPERATORS):
                waiting += [left, right]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                waiting.append(operand)
            case ast.Name(id=name):
                names.add(name)
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool) and value <= LARGEST:
                pass
            case _:
                shown = ast.unparse(node)[:40]
                raise _wrong(text, f"'{shown}' is not understood", f"无法识别“{shown}”")
    strange = sorted(names - set(known))
    if strange:
        told = ", ".join(sorted(known))
        raise _wrong(text, f"there is no sum {strange[0][:40]}; there are {told}", f"没有统计量 {strange[0][:40]}")
    return Formula(text, tree, frozenset(names))


def evaluate(formula: Formula, sums: Mapping[str, Floats], count: int) -> tuple[Floats, dict[int, Undefined]]:
    """The value (count,) for each group, NaN where it has none, and for these why; `sums` are columns (count,)."""
    zeros: dict[int, Undefined] = {}

    def value(node: Any) -> Floats:
        match node:
            case ast.Constant(value=int() | float() as number):
                return np.full(count, float(number))
            case ast.Name():
                return sums[node.id].astype(np.float64)
            case ast.UnaryOp():
                return -value(node.operand)
        left, right = value(node.left), value(node.right)
        match node.op:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult():
                return left * right
        nothing = right == 0
        divisor = ast.unparse(node.right)
        for at in np.flatnonzero(nothing).tolist():
            zeros.setdefault(at, Undefined(divisor))
        return np.where(nothing, np.nan, left / np.where(nothing, 1.0, right))

    with np.errstate(over="ignore", invalid="ignore"):
        found = value(formula.tree)
    odd = np.flatnonzero(~np.isfinite(found))
    found[odd] = np.nan
    return found, {at: zeros.get(at, Undefined(None)) for at in odd.tolist()}


def _wrong(text: str, en: str, zh: str) -> Refusal:
    shown = text[:60]
    return refuse("formula_wrong", f"The formula '{shown}' cannot be read: {en}.", f"公式“{shown}”有误：{zh}。")
