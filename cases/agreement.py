"""How far answers agree with those that were expected: in all, by class, by division, and from whom to whom."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

ClassOf = tuple[Any, ...]
"""Edition, kind and class code, as the case said them."""
CLASS = ("edition", "kind", "class_code")


@dataclass(slots=True)
class Agreement:
    """How often the answers are the expected ones: in all, by class, by division, and from which department to which.

    `unreadable` cases are none by today's rules of reading, `early` ones lie before history; neither is compared.
    """

    cases: int = 0
    unreadable: int = 0
    early: int = 0
    classes: Counter[tuple[ClassOf, bool]] = field(default_factory=Counter)
    divisions: Counter[tuple[str, bool]] = field(default_factory=Counter)
    departments: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)

    def count(self, table: pa.Table, lengths: Sequence[int]) -> pa.Array:
        """Count the cases of a table: `before`, `after`, `unit` and what it has of CLASS; whether (n,) each agrees.

        None expected and none found agree, too. `lengths` are those of the codes of divisions.
        """
        self.cases += len(table)
        same = pc.fill_null(pc.equal(table["before"], table["after"]), False)
        same = pc.or_(same, pc.and_(pc.is_null(table["before"]), pc.is_null(table["after"])))
        table = table.append_column("same", same)
        for (before, after), times in _counts(table, ("before", "after")):
            self.departments[before, after] += times
        for (*said, agrees), times in _counts(table, (*CLASS, "same")):
            self.classes[tuple(said), agrees] += times
        for (unit, agrees), times in _counts(table, ("unit", "same")):
            for length in lengths if unit is not None else ():
                self.divisions[unit[:length], agrees] += times
        return same

    @property
    def same(self) -> int:
        """Cases whose department is the expected one; none expected and none found agree, too."""
        return sum(times for (was, now), times in self.departments.items() if was == now)

    def as_dict(self) -> dict[str, Any]:
        """The counts as JSON members, the most frequent first."""
        return {
            "cases": self.cases,
            "same": self.same,
            "moved": self.cases - self.same,
            "agreement": round(self.same / self.cases, 6) if self.cases else None,
            "unreadable": self.unreadable,
            "before_history": self.early,
        }

    def by_class(self) -> list[dict[str, Any]]:
        """Cases and agreement of each class."""
        return [{**dict(zip(CLASS, each, strict=True)), **shares} for each, shares in _shares(self.classes)]

    def by_division(self) -> list[dict[str, Any]]:
        """Cases and agreement of each division, by code."""
        return sorted(({"division": each, **shares} for each, shares in _shares(self.divisions)), key=_division)

    def by_department(self) -> list[dict[str, Any]]:
        """How many cases went from which department to which; those that stay are pairs of the same."""
        ranked = sorted(self.departments.items(), key=lambda each: (-each[1], str(each[0])))
        return [{"before": was, "after": now, "cases": times} for (was, now), times in ranked]


def _counts(table: pa.Table, names: Sequence[str]) -> Iterator[tuple[list[Any], int]]:
    """How many rows have each combination of what the named columns say; None for a column that is not there."""
    there = [name for name in names if name in table.column_names]
    grouped = table.group_by(there, use_threads=False).aggregate([([], "count_all")])
    held: Mapping[str, list[Any]] = {name: grouped[name].to_pylist() for name in there}
    times = grouped["count_all"].to_pylist()
    columns = [held.get(name) or [None] * len(times) for name in names]
    return zip(map(list, zip(*columns, strict=True)), times, strict=True)


def _division(told: Mapping[str, Any]) -> str:
    return str(told["division"])


def _shares(counts: Counter[tuple[Any, bool]]) -> Iterator[tuple[Any, dict[str, Any]]]:
    whole: Counter[Any] = Counter()
    for (each, _), times in counts.items():
        whole[each] += times
    for each, times in sorted(whole.items(), key=lambda pair: (-pair[1], str(pair[0]))):
        same = counts[each, True]
        yield each, {"cases": times, "same": same, "agreement": round(same / times, 6)}
