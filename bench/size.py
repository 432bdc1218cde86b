"""How large a run is."""

from dataclasses import dataclass

from bench.cities import YEAR

QUICK = 1000
"""How many times smaller a quick run is."""


@dataclass(frozen=True, slots=True)
class Size:
    """Rounds, the seconds they may take together, and by how much cities and points are shrunk to try things out."""

    rounds: int = 5
    budget_s: float = 180.0
    shrink: int = 1
    http_s: float = 5.0

    @classmethod
    def quick(cls) -> "Size":
        """As little as shows that everything works: no figure of it means anything."""
        return cls(2, 20.0, QUICK, 1.0)

    @property
    def points(self) -> int:
        return self.of(YEAR)

    def of(self, full: int) -> int:
        """A number of units, points or features at this size."""
        return max(full // self.shrink, 50)
