"""The shapes of what becomes of cases: hand-offs, similar cases, texts."""

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from api.schemas.answers import Both, Routing, Shape


class SimilarCase(Shape):
    """An open case that may be the same."""

    source: str
    id: str
    distance_m: float
    reported_at: AwareDatetime
    department: str | None
    component: str | None
    unit: str | None


class SimilarList(Shape):
    """Open cases of the class or the component of a case, near it in place and time, nearest first."""

    items: list[SimilarCase]


class CaseDecision(Routing):
    """What was decided for a case; `similar` are the open cases like it at that moment, where that was looked for."""

    similar: list[SimilarCase] = Field(default_factory=list)


class HandOff(Shape):
    """A step of a case. A department is needed but for `closed` and `void`."""

    department: str | None = None
    at: str = Field(description="ISO 8601; without an offset it is of the store's zone")
    result: Literal["dispatched", "returned", "accepted", "handled", "closed", "void"]
    reason: str | None = Field(None, max_length=2000)
    by: str | None = Field(None, max_length=2000)


class OutcomeReport(Shape):
    """All hand-offs of a case, in the order of time."""

    hand_offs: list[HandOff]


class Measures(Shape):
    """What the hand-offs come to."""

    state: Literal["open", "handled", "closed", "void"]
    first: str | None
    handler: str | None
    returns: int
    passed: bool
    reworks: int
    days_lost: float


class OutcomeNote(Both):
    """Something odd in a list of hand-offs."""

    code: str


class OutcomeAnswer(Shape):
    """The list that counts; `number` is how often one was told of the case."""

    case: dict[str, str]
    number: int
    hand_offs: list[HandOff]
    measures: Measures
    received_at: AwareDatetime | None
    author: str | None
    notes: list[OutcomeNote]


class OutcomeVersion(Shape):
    """A list as it was told."""

    number: int
    hand_offs: list[HandOff]
    received_at: AwareDatetime
    author: str


class OutcomeHistory(Shape):
    """Every list that was told of a case, the newest first."""

    items: list[OutcomeVersion]


class TextsErased(Shape):
    """That texts were erased."""

    erased_at: AwareDatetime
    author: str
    reason: str


class TextsAnswer(Shape):
    """The texts of the newest version that has any; none once they were erased."""

    case: dict[str, str]
    texts: dict[str, str]
    erased: TextsErased | None


class SeamProperties(Shape):
    """A seam between areas `a` and `b` of a layer, and the returned cases of a class along it."""

    code: str
    layer: str
    area_a: str
    name_a: str | None
    owner_a: str
    department_a: str | None
    body_a: str | None
    area_b: str
    name_b: str | None
    owner_b: str
    department_b: str | None
    body_b: str | None
    edition: str | None
    kind: str | None
    class_code: str | None
    class_name: str | None
    cases: int
    metres: float
    share: float
    days_lost: float


class SeamFeature(Shape):
    """A seam as GeoJSON, in lon, lat."""

    type: Literal["Feature"]
    geometry: dict[str, Any]
    properties: SeamProperties


class SeamCollection(Shape):
    """Seams, those with the most returned cases first; `returned` is how many cases were returned in all."""

    type: Literal["FeatureCollection"]
    returned: int
    features: list[SeamFeature]


QUESTIONS: tuple[Any, ...] = (OutcomeReport,)
