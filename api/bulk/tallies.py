"""Counting what a bulk routing gave, batch by batch: departments, advice, flags, why nobody was found, bad rows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cases.reasons import SENTENCES
from cases.routing import Routing
from gis.errors import Fault

MOST_FAULTS = 1_000
UNROUTED = ("outside", "named_gap", "no_rule", "no_department")


@dataclass(slots=True)
class Tally:
    """The counts so far. Of the faults the first are kept, of the others how many there are of each code."""

    names: Counter[str] = field(default_factory=Counter)
    advice: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    total: int = 0
    faults: list[Fault] = field(default_factory=list)
    further: Counter[str] = field(default_factory=Counter)

    def count(self, routings: Sequence[Routing | None]) -> None:
        """Count whole answers; None is a bad row or one before history."""
        done = [routing for routing in routings if routing is not None]
        self.rows += len(routings)
        self.total += len(done)
        self.names.update(each.department.name for each in done if each.department is not None)
        self.advice.update(each.advice for each in done)
        self.flags.update(flag for each in done for flag in each.flags)
        self.lost.update(_why(each) for each in done if each.department is None)

    def add_faults(self, faults: Iterable[Fault]) -> None:
        """Keep faults, or count them when there are many."""
        for fault in faults:
            if len(self.faults) < MOST_FAULTS:
                self.faults.append(fault)
            else:
                self.further[fault.code] += 1

    def merge(self, other: "Tally") -> None:
        """Add the counts of another batch."""
        for name in ("names", "advice", "flags", "lost", "further"):
            getattr(self, name).update(getattr(other, name))
        self.rows += other.rows
        self.total += other.total
        self.add_faults(other.faults)


def why_unrouted(code: str, language: str) -> str:
    """The sentence that says why nobody was found."""
    if code == "named_gap":
        return "该点位于命名空洞内。" if language == "zh" else "The point lies in a named gap."
    return SENTENCES[code][1 if language == "zh" else 0]


def _why(routing: Routing) -> str:
    """Outside the grid that is the reason, whatever the rules say."""
    codes = {each.code for each in routing.because}
    return next(code for code in UNROUTED if code in codes)
