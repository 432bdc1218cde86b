"""The shapes of rulings (确权结论) and of the drafts that they wait in."""

from typing import Any, Literal

from pydantic import Field

from api.schemas.answers import Shape
from api.schemas.drafts import DraftItem, Faults
from components.editions import CURRENT


class RulingSaid(Shape):
    """A ruling: who deals with what, and by what it is quoted. It says a class, a place or an area."""

    number: str = Field(description="The ruling's number 文号")
    date: str
    department: str = Field(description="Who deals with it from now on")
    document: str | None = None
    text: str | None = None
    url: str | None = None
    name: str | None = None
    edition: str | None = None
    kind: str | None = None
    class_code: str | None = Field(None, alias="class")
    class_prefix: str | None = None
    condition: str | None = None
    place: str | None = Field(None, description="Beginning of the codes of units")
    area_layer: str | None = None
    area: str | None = None


class CaseName(Shape):
    """A case by its source and id."""

    source: str = Field(max_length=200)
    id: str = Field(max_length=200)


class RulingOfCase(Shape):
    """What was settled about one case settles its class in its unit."""

    case: CaseName
    department: str = Field(max_length=200)
    number: str = Field(max_length=200)
    date: str = Field(max_length=60)
    document: str | None = Field(None, max_length=500)
    text: str | None = Field(None, max_length=2000)
    url: str | None = Field(None, max_length=500)
    owner: str | None = Field(None, max_length=60, description="Division that shall own the rule")


class RulingsQuestion(Shape):
    """Rulings, as `wangge rulings add` reads them from a file; or with `case` and the members of one about a case."""

    rulings: list[RulingSaid]
    owner: str | None = Field(None, description="Division that shall own the rules; default: the draft's")


class SeamRuling(Shape):
    """To whom a class belongs along the edge of two areas; what a seam has is called as in `/v1/seams`."""

    layer: str = Field(max_length=200)
    area_a: str = Field(max_length=200)
    area_b: str = Field(max_length=200)
    owner: str | None = Field(None, max_length=60, description="Whose areas are meant, where several have these codes")
    class_code: str = Field(max_length=60)
    department: str = Field(max_length=200, description="Who deals with it from now on")
    edition: str = Field(CURRENT, max_length=60)
    kind: Literal["component", "matter"] = "component"
    width_m: float = Field(30.0, ge=1, le=1000, description="Metres on either side of the edge")
    basis: str | None = Field(None, max_length=2000, description="What it rests on, as text")


class RulingTaken(Shape):
    """A ruling and what it became: a rule, or an area with another department."""

    ruling: str
    layer: str
    code: str


class RulingsTaken(Shape):
    """The draft in which they wait, its edits, and what the checks say of its rules; nothing is published."""

    draft: DraftItem
    rulings: list[RulingTaken]
    edits: list[dict[str, Any]]
    faults: Faults


QUESTIONS: tuple[Any, ...] = (RulingsQuestion, RulingOfCase, SeamRuling)
