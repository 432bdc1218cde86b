"""The shapes of answers about history, as `api.schemas.answers` has those of everything else."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field

from api.schemas.answers import Named, Next, Shape


class Division(Shape):
    """A division in force. `divisions` are those above it; `from_revision` made this version of it."""

    code: str
    name: str | None
    level: str
    department: str | None
    attributes: dict[str, Any] | None
    divisions: dict[str, Named]
    geometry: dict[str, Any] | None
    from_revision: int
    revision: int


class Neighbour(Named):
    """A unit or division that touches another one; `shared_m` is 0 where they meet in corners alone."""

    shared_m: float


class NeighbourList(Shape):
    """What touches a unit or division, by code."""

    code: str
    revision: int
    items: list[Neighbour]


class Thing(Shape):
    """A thing by its uid, and the code it had then."""

    uid: int
    code: str


class Descent(Shape):
    """At a revision the one gave ground to the other."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    revision: int
    kind: Literal["split", "merge", "retire", "renumber", "transfer", "undo"]
    from_: Annotated[Thing, Field(alias="from")]
    to: Thing


class Lineage(Shape):
    """What a code came from and what became of it; `successors` are empty while it is in force."""

    code: str
    uid: int
    in_force: bool
    successors: list[str]
    ancestors: list[str]
    pairs: list[Descent]
    revision: int


ChangeKind = Literal["created", "changed", "retired"]


class HistoryItem(Shape):
    """What one revision did to one thing; `fields` are those that changed, `geometry` among them."""

    revision: int
    recorded_at: AwareDatetime
    effective_at: AwareDatetime
    author: str
    note: str
    basis: dict[str, Any] | None
    change: ChangeKind
    code: str
    fields: list[str]


class HistoryList(Shape):
    """The versions of one thing, oldest first."""

    code: str
    uid: int
    revision: int
    items: list[HistoryItem]


class ChangeItem(Shape):
    """A version that began, with all its fields, or a tombstone (`retired`), which has none.

    `cursor` is the place behind it: give it back as `since`.
    """

    revision: int
    layer: str
    change: ChangeKind
    uid: int
    code: str
    owner: str
    properties: dict[str, Any] | None
    geometry: dict[str, Any] | None
    cursor: str


class ChangeList(Shape):
    """Changes by revision and place. Give `next` back as `since`, at once while there is `more`, else later."""

    revision: int
    items: list[ChangeItem]
    next: str
    more: bool


class DifferenceItem(Shape):
    """What is otherwise at the one revision than at the other; `code_before` where it had another code."""

    layer: str
    change: ChangeKind
    uid: int
    code: str
    code_before: str | None
    owner: str
    fields: list[str]
    geometry: bool


class DifferenceList(Shape):
    """Differences of two revisions, by layer."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    from_: Annotated[int, Field(alias="from")]
    to: int
    items: list[DifferenceItem]
    next: Next


class CrosswalkItem(Shape):
    """Which part of an old code's area and of its components a new code has; `to` is null for what left the grid."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    from_: Annotated[str, Field(alias="from")]
    to: str | None
    area_share: float
    component_share: float | None


class Crosswalk(Shape):
    """Old codes to new codes (编码对照表), by old code and then by share."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    from_: Annotated[int, Field(alias="from")]
    to: int
    level: str
    items: list[CrosswalkItem]
