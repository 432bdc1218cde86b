"""Sources of cases as answers have them."""

from api.schemas.answers import Shape


class MappedClass(Shape):
    """A class code of the source, and the class that it means."""

    code: str
    edition: str
    kind: str
    class_code: str


class SourceItem(Shape):
    """A source with what its cases take where they say nothing; null is said of nothing."""

    name: str
    owner: str
    crs: str | None
    accuracy_m: float | None
    zone: str | None
    edition: str | None
    kind: str | None
    note: str | None
    classes: list[MappedClass]


class SourceList(Shape):
    """Sources by name."""

    revision: int
    items: list[SourceItem]
