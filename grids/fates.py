"""What became of departments."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fate:
    """A department that ended at `revision`. `heir` is the department in force that is proposed in its place, if any.

    `why` tells how it was found: `ids` (it has one of its ids in another system), `areas` (it has most of what was
    the old one's), `name` (it is called the same), `parent` (it was the one above).
    """

    code: str
    name: str
    revision: int
    heir: str | None = None
    why: str | None = None
