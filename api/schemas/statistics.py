"""What statistics answer."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from api.schemas.answers import Shape


class IndicatorTold(Shape):
    """An indicator: its names, its formula over the sums, the shortest period, its weight in the score."""

    code: str
    name: str
    name_en: str
    formula: str
    period: str | None
    weight: float
    better: str
    note: str


class IndicatorsAsked(Shape):
    """The set of indicators that is told, what it follows, and in which view."""

    code: str
    name: str
    after: str
    view: str
    items: list[IndicatorTold]


class Sums(Shape):
    """The sums of a group. Of cases all of `docs/reference/statistics.md`; of components how many."""

    model_config = ConfigDict(extra="allow")

    received: int | None = None
    accuracy: float | None = None
    components: int | None = None
    indicators: dict[str, float | None] | None = None
    undefined: dict[str, str | None] | None = None
    score: float | None = None


class StatisticsAnswer(Shape):
    """Groups in the order of their keys, with the totals of all."""

    what: str
    by: list[str]
    period: str | None
    from_: Annotated[str | None, Field(alias="from")]
    to: str | None
    boundaries: str
    departments: str
    edition: str | None
    owner: str
    indicators: IndicatorsAsked | None
    revision: int
    totals: Sums
    items: list[dict[str, Any]]
