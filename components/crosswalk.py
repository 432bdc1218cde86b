"""What became of the classes of an edition in the next: read from a list in which every line has its evidence.

The common rule from 2013 to 2026 is: component `mmnn` -> `mm0nn`; matter majors 01 -> 06, 02 -> 07, 03 -> 08, 04 -> 09
with the number kept. Nothing is made by the rule here: the list says of every class where it went and how that is
known, and of some that it is not known. No official table was at hand.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

Relation = Literal["same", "renamed", "moved", "unknown"]
FROM, TO = "2013", "2026"


@dataclass(frozen=True, slots=True)
class Line:
    """One class of edition `FROM` and its successor in `TO`.

    `relation`: `same` (the place of the rule, the same name), `renamed` (the place of the rule, another name), `moved`
    (another place), `unknown` (`to_code` is None: no successor is known, and none is guessed). `evidence` says how it
    is known.
    """

    kind: str
    from_code: str
    to_code: str | None
    relation: Relation
    evidence: str
    note: str


@cache
def lines() -> tuple[Line, ...]:
    """The whole list, by kind and code; every class of the older edition is in it once."""
    with files("components").joinpath("data/crosswalk.csv").open(encoding="utf-8") as rows:
        return tuple(Line(**{**row, "to_code": row["to_code"] or None}) for row in csv.DictReader(rows))  # type: ignore[arg-type]


def successor(kind: str, code: str) -> Line | None:
    """The line of a class of edition 2013, None where there is no such class."""
    return next((each for each in lines() if (each.kind, each.from_code) == (kind, code)), None)
