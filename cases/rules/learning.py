"""Rules learnt from who really dealt with past cases: class by area to a department or crew, where most agree.

What is learnt is a proposal for people to look at, each rule with the cases it rests on.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cases.rules.model import Basis, Rule, Target
from cases.rules.totality import ClassKey


@dataclass(frozen=True, slots=True)
class Precedent:
    """A case that was dealt with: its class, the code of the area that held it (None for none), and by whom."""

    key: ClassKey
    area: str | None
    department: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a rule must rest on: at least so many cases, of which this share went to its department."""

    least: int = 3
    share: float = 0.6


def learn_rules(precedents: Sequence[Precedent], layer: str, owner: str, wanted: Wanted | None = None) -> list[Rule]:
    """A rule for each class that mostly goes to one department wherever it lies; else one for each area of it.

    The department that has most cases of a class has what no area decides, at a lower priority. Equal counts go to the
    lower code, so that the order of cases does not matter.
    """
    wanted = wanted or Wanted()
    of_class: dict[ClassKey, Counter[str]] = {}
    of_area: dict[tuple[ClassKey, str], Counter[str]] = {}
    for each in precedents:
        of_class.setdefault(each.key, Counter())[each.department] += 1
        if each.area is not None:
            of_area.setdefault((each.key, each.area), Counter())[each.department] += 1
    general: dict[ClassKey, str] = {}
    rules = []
    for key, counts in sorted(of_class.items()):
        usual, times = _most(counts)
        if times >= wanted.least and times / counts.total() >= wanted.share:
            general[key] = usual
            rules.append(_rule(owner, key, usual, times, counts.total(), -1))
    for (key, area), counts in sorted(of_area.items()):
        usual, times = _most(counts)
        if times < wanted.least or times / counts.total() < wanted.share:
            continue
        if general.get(key) != usual:
            rules.append(_rule(owner, key, usual, times, counts.total(), 0, layer, area))
    return rules


def _most(counts: Counter[str]) -> tuple[str, int]:
    return min(counts.items(), key=lambda each: (-each[1], each[0]))


def _rule(
    owner: str,
    key: ClassKey,
    department: str,
    times: int,
    total: int,
    priority: int,
    layer: str | None = None,
    area: str | None = None,
) -> Rule:
    edition, kind, class_code = key
    code = "-".join(("learnt", *key, *(() if area is None else (area,))))
    basis = Basis(text=f"{times} / {total} 件历史案件由其处置 of past cases went there")
    return Rule(
        owner,
        code,
        (Target("department", department),),
        edition=edition,
        kind=kind,
        class_code=class_code,
        area_layer=layer,
        area=area,
        priority=priority,
        basis=basis,
    )
