"""What is found in a delivery that comes piece by piece: told once where it concerns the whole, and not without end."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from gis.errors import Fault, Severity

MOST = 10_000
"""So many faults of one code are listed; further ones are counted."""


@dataclass(slots=True)
class Findings:
    """Faults of piece after piece. `counts` says how many there were of each code, listed or not."""

    most: int | None = MOST
    faults: list[Fault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    unlisted: Counter[tuple[str, Severity]] = field(default_factory=Counter)
    whole: set[str] = field(default_factory=set)

    def add(self, faults: Iterable[Fault]) -> None:
        """Take the faults of a further piece. What has no row was told by the first piece that had it."""
        told_before = set(self.whole)
        for fault in faults:
            if fault.row is None:
                if fault.code in told_before:
                    continue
                self.whole.add(fault.code)
            self.counts[fault.code] += 1
            if self.most is None or fault.row is None or self.counts[fault.code] <= self.most:
                self.faults.append(fault)
            else:
                self.unlisted[fault.code, fault.severity] += 1

    def all(self) -> tuple[Fault, ...]:
        """Everything that is listed, and how much is not."""
        more = (_unlisted(code, severity, count) for (code, severity), count in self.unlisted.items())
        return (*self.faults, *more)


def _unlisted(code: str, severity: Severity, count: int) -> Fault:
    return Fault(
        "faults_unlisted",
        f"{count} further findings {code} are not listed; these {MOST} show what to look for.",
        f"另有 {count} 条 {code} 未逐条列出；已列出的 {MOST} 条足以说明问题。",
        severity=severity,
    )
