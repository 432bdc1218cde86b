"""Whether the positions of a source are in the system that they are said to be in, told by components and units.

A witness is a case that names a component, beside the place that the component has; where few do, the nearest component
of the case's class. Each system in which the positions may be is tried, that which they are said to be in among them:
so also a GCJ-02 declared for nothing is found.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cases.desk import Desk
from cases.positions import to_places
from cases.reports import Defaults
from components.lookup import class_name
from gis import crs as reference
from gis.crs import CrsLike
from gis.errors import Fault, Refusal
from gis.metres import Floats
from gis.recognition import LEAST_VOTES, SAID, SHIFTED, Verdict, judge

REACH_M: Final = 50.0
PLAIN: Final = "CRS84"
LEAST_SEEN: Final = 20
"""Fewer positions than this say nothing."""


@dataclass(frozen=True, slots=True)
class Sighted:
    """What one case says of its place: x, y and the name of their system, the component and the class that it means."""

    x: float
    y: float
    crs: CrsLike
    component_code: str | None = None
    class_name: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of the cases of a source that are said to be in one system.

    `system` is the one in which they likely are, None where that is the one they are said to be in or nothing tells.
    """

    source: str
    said: str
    cases: int
    verdict: Verdict
    system: str | None

    @property
    def is_shift(self) -> bool:
        """Whether the records say that the positions are in another system than they are said to be in."""
        return self.system is not None and self.verdict.is_sure

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON members."""
        known = self.verdict
        return {
            "source": self.source,
            "crs": self.said,
            "cases": self.cases,
            "likely": self.system,
            "is_sure": self.is_shift,
            "witnesses": known.witnesses,
            "kind": known.kind or None,
            "votes": {self._name(name): count for name, count in known.votes.items()},
            "metres": {self._name(name): round(far, 1) for name, far in known.metres.items() if np.isfinite(far)},
            "inside": {self._name(name): round(share, 4) for name, share in known.inside.items()},
        }

    def as_fault(self) -> Fault:
        """The finding as a sentence: an error, a warning, or a note that nothing is wrong or nothing can be told."""
        known, name = self.verdict, self.source
        if self.system is None:
            return self._fine() if known.is_sure else self._unknown()
        votes, of = known.votes.get(_key(self.system), 0), known.witnesses
        off, left = (known.metres.get(key, np.nan) for key in (_key(self.said), _key(self.system)))
        because = because_zh = ""
        if votes:
            whose, whose_zh = _RECORDS[known.kind]
            because = f" {votes} of {of} {whose} agree: they lie {_away(off, 'm')} away as said (median), and "
            because += f"{_away(left, 'm')} when read as {self.system}."
            because_zh = f"{of} 条{whose_zh}中有 {votes} 条一致：中位偏差 {_away(off, '米')}，"
            because_zh += f"按 {self.system} 读取则为 {_away(left, '米')}。"
        said, then = (known.inside.get(_key(each), np.nan) for each in (self.said, self.system))
        if np.isfinite(said) and np.isfinite(then):
            because += f" {100 * said:.1f} % lie in the units as said, {100 * then:.1f} % as {self.system}."
            because_zh += f"按声明坐标有 {100 * said:.1f} % 位于网格内，按 {self.system} 则为 {100 * then:.1f} %。"
        code = "source_shifted" if self.is_shift else "source_doubtful"
        return Fault(
            code,
            f"The positions of {name} are said to be {self.said} but look like {self.system} ({self.cases} cases)."
            f"{because} Declare it with 'wangge sources add {name} --crs {self.system} --replace', and let the sender "
            "say so; nothing is converted unasked.",
            f"来源 {name} 的坐标声明为 {self.said}，但疑似 {self.system}（{self.cases} 件）。{because_zh}请用 "
            f"wangge sources add {name} --crs {self.system} --replace 登记，并通知上报方；系统不会自行转换。",
            severity="error" if self.is_shift else "warning",
            thing=name,
            members={"likely": self.system},
        )

    def _fine(self) -> Fault:
        votes, of = self.verdict.votes[_key(self.said)], self.verdict.witnesses
        return Fault(
            "source_confirmed",
            f"The positions of {self.source} are {self.said} as said: {votes} of {of} witnesses agree "
            f"({self.cases} cases).",
            f"来源 {self.source} 的坐标与声明的 {self.said} 相符：{of} 条可比对记录中有 {votes} 条一致"
            f"（{self.cases} 件）。",
            severity="note",
            thing=self.source,
        )

    def _unknown(self) -> Fault:
        clear = sum(self.verdict.votes.values())
        return Fault(
            "source_unproven",
            f"Nothing tells whether the positions of {self.source} are {self.said}: of {self.cases} cases "
            f"{self.verdict.witnesses} have a component to compare with, and {clear} of these point to a system. It "
            f"takes {LEAST_VOTES['code']} that name a component, or {LEAST_VOTES['class']} near one of their class.",
            f"无法判断来源 {self.source} 的坐标是否为 {self.said}：{self.cases} 件中有 {self.verdict.witnesses} 件"
            f"可与部件比对，其中 {clear} 件指向某一坐标系。"
            f"至少需要 {LEAST_VOTES['code']} 件写明部件编码，或 {LEAST_VOTES['class']} 件附近有同类部件。",
            severity="note",
            thing=self.source,
        )

    def _name(self, key: str) -> str:
        if key != SAID:
            return key
        return PLAIN if self.said in SHIFTED else self.said


_RECORDS: Mapping[str, tuple[str, str]] = {
    "code": ("components named by cases", "案件写明的部件"),
    "class": ("nearest components of the class", "同类最近部件"),
}


def sight(records: Sequence[Mapping[str, Any]], defaults: Defaults) -> list[Sighted]:
    """What raw records of cases say of their place; those that say no place, or not in which system, are left out."""
    found = []
    for members in records:
        settled = defaults.of(_text(members.get("source")))
        crs = _text(members.get("crs")) or settled.crs
        try:
            x, y = float(members["lon"]), float(members["lat"])
            system = settled.read_crs(crs) if crs else None
        except (KeyError, TypeError, ValueError, Refusal):
            continue
        if system is None or not (np.isfinite(x) and np.isfinite(y)):
            continue
        said = settled.class_of(*(_text(members.get(each)) for each in ("edition", "kind", "class_code")))
        known = said.edition and said.class_code and said.kind == "component" and not said.wrong
        name = class_name(said.edition or "", said.class_code or "") if known else None
        found.append(Sighted(x, y, system, _text(members.get("component_code")), name))
    return found


def examine(source: str, cases: Sequence[Sighted], desk: Desk) -> Iterator[Finding]:
    """A finding for each system that cases of a source are said to be in, the most frequent first."""
    groups: dict[str, list[Sighted]] = {}
    for each in cases:
        groups.setdefault(str(reference.parse(each.crs).name), []).append(each)
    for said, members in sorted(groups.items(), key=lambda pair: -len(pair[1])):
        yield _examine(source, said, members, desk)


def _examine(source: str, said: str, cases: Sequence[Sighted], desk: Desk) -> Finding:
    xy = np.array([(each.x, each.y) for each in cases], dtype=np.float64)
    system = reference.parse(cases[0].crs)
    is_plain = system.is_geographic
    if is_plain:
        places = {SAID: xy, **{name: _stored(xy, name) for name in SHIFTED}}
    else:
        stored, _ = to_places([(each.x, each.y, each.crs) for each in cases])
        places = {SAID: stored, **{name: _stored(stored, name) for name in SHIFTED}}
    good = np.logical_and.reduce([np.isfinite(each).all(axis=1) for each in places.values()])
    places = {name: each[good] for name, each in places.items()}
    cases = [each for each, there in zip(cases, good.tolist(), strict=True) if there]
    inside = {}
    if len(cases) >= LEAST_SEEN and len(desk.grid.units):
        inside = {name: float(np.mean(desk.grid.units.lowest(each) >= 0)) for name, each in places.items()}
    metres, kind = _metres(cases, places, desk)
    verdict = judge(metres, kind, inside, len(cases))
    told = _key(said)
    truth = verdict.system or (SAID if verdict.is_sure else told)
    likely = None if truth == told else PLAIN if truth == SAID else truth
    return Finding(source, said, len(cases), verdict, likely)


def _metres(cases: Sequence[Sighted], places: Mapping[str, Floats], desk: Desk) -> tuple[dict[str, Floats], str]:
    """Metres from the component of each witness under each hypothesis, and which kind of witnesses they are."""
    inventory = desk.inventory
    members = np.array([inventory.names.number(each.component_code) for each in cases], dtype=np.int64)
    named = np.flatnonzero(members >= 0)
    if len(named) >= LEAST_VOTES["code"]:
        at = np.arange(len(named))
        return {
            name: np.asarray(inventory.index.paths.distances(each[named], at, members[named]))
            for name, each in places.items()
        }, "code"
    classed = np.array([at for at, each in enumerate(cases) if each.class_name is not None], dtype=np.int64)
    if not len(classed) or not len(inventory):
        return {}, "class"
    classes: NDArray[Any] = np.array([cases[at].class_name for at in classed.tolist()], dtype=str)
    reach = np.full(len(classed), REACH_M)
    found = {}
    for name, each in places.items():
        index, metres, _ = inventory.index.nearest(each[classed], classes, reach)
        found[name] = np.where(index >= 0, metres, np.inf)
    heard = np.isfinite(np.column_stack(list(found.values()))).any(axis=1)
    return {name: each[heard] for name, each in found.items()}, "class"


def _stored(xy: Floats, name: str) -> Floats:
    return reference.to_store(xy, reference.parse(name))


def _key(name: str) -> str:
    """The hypothesis that a system is among those of `judge`."""
    return name if name in SHIFTED else SAID


def _away(metres: float, unit: str) -> str:
    return f"{metres:.0f} {unit}" if np.isfinite(metres) else f"> {REACH_M:.0f} {unit}"


def _text(value: Any) -> str | None:
    return (value.strip() or None) if isinstance(value, str) else None
