"""One description per layer: it feeds import, export, OGC, tiles and the page's layer list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

FieldType = Literal["text", "code", "integer", "number", "date", "time", "document"]
GeometryType = Literal["polygon", "line", "point", "mixed", "none"]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a layer. `aliases` are further heads under which files bring it, compared without case.

    A `code` is text whatever a file makes of it. A `document` is a JSON object and stays inside (no column in a file).
    A number lies `within` two bounds, if it has any.
    """

    name: str
    type: FieldType
    en: str
    zh: str
    required: bool = False
    aliases: tuple[str, ...] = ()
    within: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as everything outside sees it. `table` names its versioned table, `where` its rows that are meant.

    `further` are fields whose values lie in the document `attributes` of its rows. `about` says where it comes from.
    """

    id: str
    en: str
    zh: str
    table: str
    geometry: GeometryType
    fields: tuple[Field, ...]
    where: Mapping[str, str] | None = None
    further: tuple[Field, ...] = ()
    about: str = ""

    @property
    def shown(self) -> tuple[Field, ...]:
        """The fields that answers show and that are columns of the table."""
        return tuple(field for field in self.fields if field.type != "document")

    @property
    def told(self) -> tuple[Field, ...]:
        """All fields that answers show."""
        return self.shown + self.further
