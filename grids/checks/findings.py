"""What a check is, and what it finds."""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from gis.errors import Fault, Severity

if TYPE_CHECKING:
    from grids.checks.view import View

Remedy = Literal["repair", "name_gap"]
"""`repair`: a proposal of `grids.checks.repair` may mend it; `name_gap`: or the ground becomes a named gap."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that a finding is about. `layer` is units, gaps, divisions, areas, rules or keys."""

    layer: str
    uid: int | None
    code: str


@dataclass(frozen=True, slots=True)
class Touched:
    """What an edit touched: the uids of every layer, and the codes that came or went."""

    uids: AbstractSet[int]
    codes: AbstractSet[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of the grid. `fault` says what and where, `things` what it is about, the lowest code first.

    `sizes` are measures in square metres or metres, or counts, by name.
    """

    fault: Fault
    things: tuple[Thing, ...]
    sizes: Mapping[str, float] = field(default_factory=dict)

    @property
    def check(self) -> str:
        """The id of the check that found it."""
        return self.fault.code

    @property
    def severity(self) -> Severity:
        return self.fault.severity

    @property
    def where(self) -> Mapping[str, Any] | None:
        """The place, GeoJSON in lon/lat."""
        return self.fault.where

    @property
    def uids(self) -> frozenset[int]:
        return frozenset(thing.uid for thing in self.things if thing.uid is not None)

    def concerns(self, touched: Touched) -> bool:
        """Whether one of its things was touched; of a prefix, whether a code that begins with it came or went."""
        return any(
            thing.uid in touched.uids
            or (thing.layer == "divisions" and any(code.startswith(thing.code) for code in touched.codes))
            for thing in self.things
        )


@dataclass(frozen=True, slots=True)
class Check:
    """A named rule. `find` looks at the part of a subject that is in view.

    A finding of a check that `blocks` makes a grid that is never published. Each text is there in English and Chinese.
    """

    id: str
    severity: Severity
    title: tuple[str, str]
    explanation: tuple[str, str]
    hint: tuple[str, str]
    find: "Callable[[View], Iterable[Finding]]"
    blocks: bool = False
    remedy: Remedy | None = None
