"""What routing looks at: the place of a case, the component it means, and the departments in force."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

NOT_THERE = frozenset({"移除", "废弃", "removed", "abandoned"})
"""States in which a component no longer serves, so that a case about it needs a look."""


@dataclass(frozen=True, slots=True)
class Department:
    """A department in force. `ids` are its ids in other systems, by system; `parent` is a department's code."""

    code: str
    name: str
    parent: str | None = None
    ids: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Division:
    """A division that holds the point: its level in the code profile, code, name, and its department's code if any."""

    level: str
    code: str
    name: str
    department: str | None = None


@dataclass(frozen=True, slots=True)
class AreaHolder:
    """An area that holds the point; higher priority first."""

    code: str
    name: str
    department: str | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Who holds a point. `divisions` from the top down; `areas` by layer, the holders in their stated order.

    `unit` is None outside the grid; then `gap` is the name of the named gap that holds the point, if one does.
    """

    unit: str | None
    divisions: tuple[Division, ...] = ()
    areas: Mapping[str, tuple[AreaHolder, ...]] = field(default_factory=lambda: MappingProxyType({}))
    gap: str | None = None

    @property
    def outside(self) -> bool:
        """Whether neither a unit nor a named gap holds the point."""
        return self.unit is None and self.gap is None

    @property
    def code(self) -> str | None:
        """The code that rules are matched by: the unit's, else the lowest division's, else None."""
        if self.unit is not None:
            return self.unit
        return self.divisions[-1].code if self.divisions else None


@dataclass(frozen=True, slots=True)
class Variation:
    """What the place would be if the point lay on the other side of one boundary, `distance_m` metres away.

    `entered` and `left` are the numbers of the areas of `layer` that it would be in, or no longer; without a layer it
    is a boundary of units.
    """

    distance_m: float
    place: Place
    layer: str | None = None
    entered: frozenset[int] = frozenset()
    left: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Asset:
    """The component that a case means: `named` by the case, else the nearest of its class within `reach_m`.

    Bodies are department codes. `rivals` are the other components of the class within reach, nearest first, the first
    of them at `second_distance_m`. `retired` says that its code is no longer in force.
    """

    code: str
    class_code: str
    edition: str
    state: str | None = None
    supervisor_code: str | None = None
    owner_code: str | None = None
    maintainer_code: str | None = None
    distance_m: float = 0.0
    named: bool = False
    second_distance_m: float | None = None
    rivals: tuple["Asset", ...] = ()
    reach_m: float | None = None
    retired: bool = False

    def body(self, role: str) -> str | None:
        """The code of its owner, maintainer or supervisor."""
        return {"owner": self.owner_code, "maintainer": self.maintainer_code, "supervisor": self.supervisor_code}[role]
