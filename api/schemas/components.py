"""The shapes of questions and answers about components and proposals."""

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from api.schemas.answers import Named, Shape

Deed = Literal["register", "change", "move", "retire"]
State = Literal["open", "accepted", "rejected", "withdrawn"]


class ComponentItem(Shape):
    """A component in force. `owner` is the division that keeps the row; `unit` is null outside every unit."""

    code: str
    owner: str
    edition: str
    class_code: str
    name: str | None
    state: str | None
    supervisor_code: str | None
    supervisor_name: str | None
    owner_code: str | None
    owner_name: str | None
    maintainer_code: str | None
    maintainer_name: str | None
    initial_date: str | None
    change_date: str | None
    source: str | None
    accuracy_m: float | None
    note: str | None
    attributes: dict[str, Any] | None
    geometry: dict[str, Any] | None
    unit: str | None
    divisions: dict[str, Named]
    from_revision: int
    revision: int


class ComponentMade(ComponentItem):
    """A component as it was made, or was before it was retired; `notes` are warnings, such as unknown departments."""

    notes: list[dict[str, Any]]


class ComponentWish(Shape):
    """What a component is to be. Members that are not there stay; attributes are merged, null takes one away.

    `point` [x, y] is in `crs` (needed with it); `geometry` is GeoJSON in `crs`, without it in lon, lat.
    """

    edition: str | None = None
    class_code: str | None = None
    name: str | None = None
    state: str | None = None
    supervisor_code: str | None = None
    supervisor_name: str | None = None
    owner_code: str | None = None
    owner_name: str | None = None
    maintainer_code: str | None = None
    maintainer_name: str | None = None
    initial_date: str | None = None
    change_date: str | None = None
    source: str | None = None
    accuracy_m: float | None = None
    note: str | None = None
    attributes: dict[str, Any] | None = None
    point: list[float] | None = None
    geometry: dict[str, Any] | None = None
    crs: str | None = None
    reason: str | None = Field(None, description="Note of the revision, or the reason of the proposal")


class NewComponent(ComponentWish):
    """A component to register: without a code it gets the next free one of its county and class."""

    code: str | None = None
    owner: str | None = Field(None, description="The division that keeps the row; default: the prefix of the key")


class Retirement(Shape):
    """Why a component is retired."""

    reason: str | None = None


class NextCode(Shape):
    """A code that was never given to a component of the class in the county."""

    code: str


class ProposalItem(Shape):
    """A change that waits for an editor, or was decided. `where` is the place at which it stands or is to stand."""

    id: str
    state: State
    deed: Deed
    owner: str
    unit: str | None
    code: str | None
    edition: str
    class_code: str
    uid: int | None
    version: int | None
    values: dict[str, Any]
    geometry: dict[str, Any] | None
    where: dict[str, Any] | None
    reason: str
    author: str
    author_name: str
    made_at: AwareDatetime
    decided_by: str | None
    decided_at: AwareDatetime | None
    answer: str | None
    revision: int | None


class ProposalMade(ProposalItem):
    """A proposal that was put down; `notes` are warnings, such as a component of the class close by."""

    notes: list[dict[str, Any]]


class ProposalList(Shape):
    """Proposals, the oldest first."""

    items: list[ProposalItem]
    next: str | None


class ProposalFilter(Shape):
    """Which open proposals; what is left out does not matter."""

    division: str | None = None
    edition: str | None = None
    class_code: str | None = None
    author: str | None = None
    code: str | None = None
    deed: Deed | None = None


class Decision(Shape):
    """Which proposals are decided, by id or by a filter (at most 1000), and why."""

    ids: list[str] | None = None
    filter: ProposalFilter | None = None
    reason: str | None = None


class Decided(Shape):
    """Of one proposal: the code of its component, or the error for which it stays as it is."""

    id: str
    code: str | None = None
    error: dict[str, Any] | None = None


class DecisionAnswer(Shape):
    """What became of the proposals; `revision` is the one in which those accepted hold."""

    revision: int | None
    decided: int
    items: list[Decided]


class PolicyItem(Shape):
    """What an owner wants of a class; an empty edition or class means all."""

    owner: str
    edition: str
    class_code: str
    review: Literal["always", "inspectors", "never"] | None
    codes: Literal["free", "standard"] | None
    attributes_schema: dict[str, Any] | None = Field(None, alias="schema")


class PolicyList(Shape):
    """Policies by owner, edition and class."""

    items: list[PolicyItem]


class YearRow(Shape):
    """What became of the components of a class in a division in a year."""

    division: str
    division_name: str | None
    edition: str
    class_code: str
    class_name: str | None
    all: int
    new: int
    changed: int
    moved: int
    retired: int
    untouched: int
    without_owner: int


class YearReport(Shape):
    """The year of the inventory: from what holds at `from_revision` to what holds at `revision`."""

    year: int
    level: str
    from_revision: int
    revision: int
    untouched_years: int
    totals: dict[str, int]
    items: list[YearRow]


QUESTIONS = (ComponentWish, NewComponent, Retirement, Decision, PolicyItem)
