"""What statistics may be asked, and what of it makes no sense."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from cases.indicators.model import VIEWS, IndicatorSet
from cases.indicators.reading import SHIPPED, load_set, shipped
from cases.statistics.periods import PERIODS, period_unknown
from cases.statistics.placing import UNIT
from cases.statistics.reading import BODIES_OF
from components.crosswalk import FROM, TO
from components.editions import normalise_edition
from gis.errors import Refusal, refuse

WHAT: Final = ("cases", "components")
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "cases": ("department", "first", "handler", "class", "source", "state"),
    "components": ("class", "state", *BODIES_OF),
}
AREA: Final = "area."
MOST_KEYS: Final = 6
THEN, NOW = "then", "now"
USUAL: Final[Mapping[str, str]] = {"cases": THEN, "components": NOW}
BY_VIEW: Final[Mapping[str, str]] = {"region": "street", "department": "department", "post": "source"}
"""By what a view is told where nothing is asked; a store without streets is asked for another level."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is summed and by what. `boundaries` is then, now, or a revision or time as text.

    `since` and `until` bound when cases were reported; `edition` is the one to which classes are folded. `departments`
    is then, or now for those that took the place of what ended.
    """

    what: str = "cases"
    by: tuple[str, ...] = ()
    period: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    boundaries: str = THEN
    departments: str = THEN
    edition: str | None = None
    owner: str = ""
    source: str | None = None
    class_code: str | None = None
    indicators: IndicatorSet | None = None
    view: str | None = None


def check(
    what: str,
    by: str | Sequence[str] | None,
    period: str | None,
    boundaries: str | None,
    edition: str | None,
    indicators: IndicatorSet | None,
    view: str | None,
    departments: str | None = None,
) -> Question:
    """A question of what was asked in words; levels and layers are checked where they are known.

    Errors: Refusal statistics_wrong, period_unknown.
    """
    if what not in WHAT:
        raise _one_of("what", what, WHAT)
    if view is not None and view not in VIEWS:
        raise _one_of("view", view, VIEWS)
    if (indicators is None) != (view is None):
        raise _wrong("`indicators` and `view` go together", "indicators 与 view 须同时给出")
    if by is None:
        by = BY_VIEW[view] if view else ""
    names = [each.strip() for each in (by.split(",") if isinstance(by, str) else by) if each.strip()]
    if len(names) > MOST_KEYS or len(set(names)) < len(names):
        raise _wrong(f"`by` names at most {MOST_KEYS} keys, each once", f"by 最多 {MOST_KEYS} 项且不得重复")
    if period is not None and period not in PERIODS:
        raise period_unknown(period)
    if departments not in (None, THEN, NOW):
        raise _one_of("departments", departments, (THEN, NOW))
    boundaries = boundaries or USUAL[what]
    if what == "components" and (period or indicators or boundaries == THEN):
        raise _wrong(
            "components are there at a revision: they have no period, no indicators and no boundaries=then",
            "部件按版本统计，不支持 period、indicators 和 boundaries=then",
        )
    folded = None if edition is None else normalise_edition(edition)
    if folded not in (None, FROM, TO):
        raise _one_of("edition", folded or "", (FROM, TO))
    asked = Question(what, tuple(names), period, boundaries=boundaries, edition=folded)
    return replace(asked, indicators=indicators, view=view, departments=departments or THEN)


def find_set(code: str | None, own: str = "") -> IndicatorSet | None:
    """The set of that code: one that ships, or the one in the file `own`. Errors: indicator_set_unknown, unreadable."""
    if code is None:
        return None
    if code in SHIPPED:
        return shipped(code)
    mine = load_set(Path(own)) if own else None
    if mine is not None and code == mine.code:
        return mine
    known = ", ".join([*SHIPPED, *([mine.code] if mine else [])])
    raise refuse(
        "indicator_set_unknown",
        f"There is no set of indicators {code[:60]}; there are {known}.",
        f"没有指标集 {code[:60]}；现有：{known}。",
        kind="missing",
    )


def is_place(name: str, what: str) -> bool:
    """Whether a key is one of place: a level, the unit or an area."""
    return name not in KEYS[what]


def key_unknown(name: str, what: str, levels: Sequence[str]) -> Refusal:
    """The refusal of a key that nothing is summed by."""
    return _one_of("by", name, (*KEYS[what], *levels, UNIT, f"{AREA}LAYER"))


def _one_of(name: str, given: str, known: Sequence[str]) -> Refusal:
    told = ", ".join(known)
    return _wrong(f"`{name}` is one of {told}, not {given[:60]}", f"{name} 只能是 {told} 之一")


def _wrong(en: str, zh: str) -> Refusal:
    return refuse("statistics_wrong", f"That cannot be summed: {en}.", f"统计参数有误：{zh}。")
