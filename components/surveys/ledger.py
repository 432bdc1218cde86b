"""The faults of a delivery, put down on disk as they are found and told by file and row; counts by rule in memory."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
import orjson

from components.surveys.rules import RULES, Limits, rule_of
from gis.errors import Fault


@dataclass(frozen=True, slots=True)
class Score:
    """A rule: of how many rows (or files) how many break it, and whether that is within its limit."""

    rule: str
    checked: int
    faulty: int
    limit: float

    @property
    def share(self) -> float:
        """Broken among checked."""
        return self.faulty / self.checked if self.checked else 0.0

    @property
    def passed(self) -> bool:
        return self.faulty <= self.limit * self.checked + 1e-9


@dataclass(slots=True)
class Ledger:
    """`file` is where the faults are written, a line of JSON each."""

    file: IO[bytes]
    severities: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    _faulty: dict[tuple[str, int], bytearray] = field(default_factory=dict)
    _whole: set[tuple[str, int]] = field(default_factory=set)
    _rows: dict[int, int] = field(default_factory=dict)
    _places: tuple["array[int]", "array[int]", "array[int]"] = field(
        default_factory=lambda: (array("q"), array("q"), array("q"))
    )

    def count_rows(self, part: int, rows: int) -> None:
        """That a part has so many rows more."""
        self._rows[part] = self._rows.get(part, 0) + rows

    def rows_of(self, part: int) -> int:
        return self._rows.get(part, 0)

    def faults_of(self, part: int) -> int:
        """How many faults a part has."""
        return self._places[0].count(part)

    def add(self, part: int, faults: Iterable[tuple[Fault, dict[str, Any]]]) -> None:
        """Put faults down, with what else is to be told of each."""
        for fault, told in faults:
            rule = rule_of(fault.code)
            line = {"part": part, "rule": rule.id, **fault.as_dict(), **told}
            line.pop("members", None)
            for places, value in zip(self._places, (part, fault.row or 0, self.file.tell()), strict=True):
                places.append(value)
            self.file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY))
            self.severities[fault.severity] += 1
            self.codes[fault.code] += 1
            if fault.severity == "note":
                continue
            if fault.row is None:
                self._whole.add((rule.id, part))
            else:
                rows = self._faulty.setdefault((rule.id, part), bytearray())
                rows.extend(bytes(max(0, fault.row + 1 - len(rows))))
                rows[fault.row] = 1

    def __len__(self) -> int:
        return len(self._places[0])

    def lines(self) -> Iterator[dict[str, Any]]:
        """All faults, by part and row."""
        self.file.flush()
        part, row, place = (np.array(each, dtype=np.int64) for each in self._places)
        for at in np.lexsort((place, row, part)).tolist():
            self.file.seek(int(place[at]))
            yield orjson.loads(self.file.readline())
        self.file.seek(0, 2)

    def scores(self, limits: Limits, parts: int) -> list[Score]:
        """Every rule. A fault of a whole part counts for all its rows."""
        rows = sum(self._rows.values())
        found = []
        for rule in RULES.values():
            faulty = 0
            for part in range(parts):
                whole = (rule.id, part) in self._whole
                some = sum(self._faulty.get((rule.id, part), b""))
                if rule.of == "files":
                    faulty += bool(whole or some)
                else:
                    faulty += self._rows.get(part, 0) if whole else some
            found.append(Score(rule.id, parts if rule.of == "files" else rows, faulty, limits.shares[rule.id]))
        return found
