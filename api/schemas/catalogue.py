"""The shapes of answers about the catalogue of classes."""

from typing import Literal

from pydantic import Field

from api.schemas.answers import Shape

Kind = Literal["component", "matter"]


class ClassItem(Shape):
    """A class of components or matters; `evidence` says how well it is known, null what is not known."""

    edition: str
    kind: Kind
    code: str
    name_zh: str
    name_en: str
    major_code: str
    major_name_zh: str
    evidence: str
    geometry_type: Literal["point", "line", "polygon"] | None
    accuracy_class: Literal["A", "B", "C"] | None = Field(description="A ±0.5 m, B ±1 m, C ±10 m")
    owner: str = Field(description="The division whose own class it is; empty: of the standard, or of the whole store")


class MajorItem(Shape):
    """A major class, and how many of the classes that fit are in it."""

    edition: str
    kind: Kind
    code: str
    name_zh: str
    count: int


class Catalogue(Shape):
    """The classes that fit the question, and their major classes."""

    classes: list[ClassItem]
    majors: list[MajorItem]


class CrosswalkLine(Shape):
    """A class of the older edition and what became of it; `to_code` is null where no successor is known."""

    kind: Kind
    from_code: str
    from_name_zh: str
    to_code: str | None
    to_name_zh: str | None
    relation: Literal["same", "renamed", "moved", "unknown"]
    evidence: str
    note: str


class ClassCrosswalk(Shape):
    """What became of the classes of an edition."""

    from_edition: str
    to_edition: str
    lines: list[CrosswalkLine]
