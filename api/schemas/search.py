"""The shape of what a search answers."""

from typing import Literal

from pydantic import Field

from api.schemas.answers import Both, Shape


class ClassFound(Shape):
    """Which class a code and name are of."""

    edition: str
    kind: str
    name_en: str


class SearchHit(Shape):
    """Something found: `point` lies on it, `bbox` around it (lon, lat); `in` are the divisions above it, widest first.

    `crs` and `note` come with coordinates: in which system they were read, and what was made of them.
    """

    kind: Literal["coordinates", "place", "division", "unit", "area", "department", "class", "component", "case"]
    layer: str | None
    code: str
    name: str | None
    score: float
    point: tuple[float, float] | None
    bbox: tuple[float, float, float, float] | None
    within: list[str] = Field(alias="in")
    of_class: ClassFound | None = Field(None, alias="class")
    crs: str | None = None
    note: Both | None = None


class SearchAnswer(Shape):
    """The hits, the best first."""

    q: str
    revision: int
    hits: list[SearchHit]
