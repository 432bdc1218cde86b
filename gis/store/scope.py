"""What one caller may read: the first argument of every read."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, false, or_, true
from sqlalchemy.sql.elements import SQLCoreOperations


@dataclass(frozen=True, slots=True)
class Scope:
    """Owner prefixes and layers that may be read.

    A row is visible when its owner lies below one of `owners`, or above it: what a province declares holds in its
    cities, so a city must be able to read it. The prefix "" is everything. `layers` None means every layer.
    """

    owners: tuple[str, ...] = ("",)
    layers: frozenset[str] | None = None

    def allows_layer(self, layer: str) -> bool:
        return self.layers is None or layer in self.layers

    def allows_owner(self, owner: str) -> bool:
        return any(owner.startswith(prefix) or prefix.startswith(owner) for prefix in self.owners)

    def clause(self, owner: SQLCoreOperations[str]) -> ColumnElement[bool]:
        """The SQL condition on an owner column, the same rule as `allows_owner`."""
        if "" in self.owners:
            return true()
        visible = [or_(_begins(owner, prefix), owner.in_(_beginnings(prefix))) for prefix in self.owners]
        return or_(*visible) if visible else false()


EVERYTHING = Scope()


def _begins(owner: SQLCoreOperations[str], prefix: str) -> ColumnElement[bool]:
    # A range, not LIKE: it uses the index on both stores and has no wildcard to escape. U+10FFFF sorts last in UTF-8.
    return and_(owner >= prefix, owner < prefix + "\U0010ffff")


def _beginnings(prefix: str) -> list[str]:
    return [prefix[:length] for length in range(len(prefix) + 1)]
