"""Sources of cases: what a case takes from its source where it says nothing itself.

A sender is consistent in itself: its system of coordinates, how well its phones find their place, its clock, its list
of classes. So these are said once, of the source, by name; each use is flagged.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta, timezone, tzinfo
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from cases.instants import WIDEST
from cases.positions import ReadCrs
from components.editions import normalise_edition
from gis.crs import CrsLike, parse
from gis.errors import refuse

ClassKey = tuple[str, str, str]
"""Edition, kind and code of a class."""
KINDS: Final = ("component", "matter")
SETTINGS: Final = ("crs", "accuracy_m", "zone", "edition", "kind", "note")
"""The members of a source beside its name, its owner and its map of classes."""

_OFFSET = re.compile(r"[+-](?P<hours>\d{1,2})(:?(?P<minutes>[0-5]\d))?", re.ASCII)


def parse_zone(text: str) -> tzinfo:
    """The time zone named "Asia/Shanghai", or a fixed offset like "+08:00". Refusal `zone_unknown`."""
    try:
        if text[:1] in ("+", "-"):
            if not (written := _OFFSET.fullmatch(text)):
                raise ValueError(text)
            offset = timedelta(hours=int(written["hours"]), minutes=int(written["minutes"] or 0))
            if offset > WIDEST:
                raise ValueError(text)
            return timezone(-offset if text[0] == "-" else offset)
        return ZoneInfo(text)
    except (ValueError, OSError, KeyError) as error:
        raise refuse(
            "zone_unknown",
            f"There is no time zone {text[:60]!r}; write one like Asia/Shanghai or +08:00.",
            f"没有时区{text[:60]}；请使用Asia/Shanghai或+08:00这样的写法。",
        ) from error


@dataclass(frozen=True, slots=True)
class Source:
    """What one sender's cases take where they say nothing; None is said of nothing.

    `crs` is a name (EPSG:4547, GCJ-02, that of a local system), `zone` one for `parse_zone`. `classes` leads from the
    sender's own codes to (edition, kind, class code).
    """

    name: str
    owner: str = ""
    crs: str | None = None
    accuracy_m: float | None = None
    zone: str | None = None
    edition: str | None = None
    kind: str | None = None
    note: str | None = None
    classes: Mapping[str, ClassKey] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """All but name and owner as JSON members."""
        said = {name: value for name in SETTINGS if (value := getattr(self, name)) is not None}
        return {**said, "classes": {code: list(known) for code, known in sorted(self.classes.items())}}

    def as_dict(self) -> dict[str, Any]:
        """The source as JSON members, each there."""
        names = ("code", "edition", "kind", "class_code")
        classes = [dict(zip(names, (code, *known), strict=True)) for code, known in sorted(self.classes.items())]
        said = {name: getattr(self, name) for name in SETTINGS}
        return {"name": self.name, "owner": self.owner, **said, "classes": classes}

    @classmethod
    def of(cls, name: str, owner: str, document: Mapping[str, Any]) -> "Source":
        """The source that `to_document` told."""
        classes = {code: (known[0], known[1], known[2]) for code, known in document.get("classes", {}).items()}
        return cls(name, owner, **{each: document.get(each) for each in SETTINGS}, classes=classes)


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of a revision by name, all classes that it knows, and the editions of these."""

    known: Mapping[str, Source] = field(default_factory=lambda: MappingProxyType({}))
    catalogue: frozenset[ClassKey] = frozenset()
    editions: frozenset[str] = frozenset()

    def lacks(self, edition: str, kind: str, class_code: str) -> bool:
        """Whether there are classes of the edition, but not this one."""
        return edition in self.editions and (edition, kind, class_code) not in self.catalogue

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> "Sources":
        """The sources that `tell` told."""
        found = [Source.of(*each) for each in told["sources"]]
        return make_sources(found, ((each[0], each[1], each[2]) for each in told["classes"]))

    def tell(self) -> dict[str, Any]:
        """The sources as JSON values."""
        sources = [[each.name, each.owner, each.to_document()] for each in self.known.values()]
        return {"sources": sources, "classes": sorted(self.catalogue)}


def make_sources(sources: Iterable[Source], catalogue: Iterable[ClassKey] = ()) -> Sources:
    """From sources and the classes that there are."""
    classes = frozenset(catalogue)
    known = MappingProxyType({each.name: each for each in sources})
    return Sources(known, classes, frozenset(edition for edition, _, _ in classes))


@dataclass(frozen=True, slots=True)
class ClassMap:
    """How the class codes of one source are read: `classes` by its own codes."""

    source: str
    classes: Mapping[str, ClassKey]


@dataclass(frozen=True, slots=True)
class ClassSaid:
    """The class that a case means, the flags of what was assumed, and the codes of what is wrong."""

    edition: str | None
    kind: str | None
    class_code: str | None
    flags: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a record takes when it lacks it: what its source says, and what the sender said of the whole delivery.

    Each use is flagged, except for the names in `stated` ("crs", "accuracy_m", "zone", "edition"): those the sender
    declared, for instance by the file's own CRS or on the command line. `usual` are those of `stated` that nobody
    declared for this delivery: what a source says goes before them. `read_crs` knows what a CRS is by its name.
    """

    source: str = ""
    crs: CrsLike | None = None
    accuracy_m: float | None = None
    zone: tzinfo | None = None
    edition: str | None = None
    kind: str | None = None
    stated: frozenset[str] = frozenset()
    usual: frozenset[str] = frozenset()
    read_crs: ReadCrs = field(default=parse, compare=False)
    sources: Sources = field(default_factory=Sources, compare=False)
    class_map: ClassMap | None = field(default=None, compare=False)

    def of(self, name: str | None) -> "Defaults":
        """What a record of the source `name` takes; without a name, one of the delivery's own source."""
        known = self.sources.known.get(name or self.source)
        if known is None:
            return self
        said: dict[str, Any] = {"crs": known.crs, "accuracy_m": known.accuracy_m, "edition": known.edition}
        said["zone"] = None if known.zone is None else parse_zone(known.zone)
        fixed = self.stated - self.usual
        taken = {each: value for each, value in said.items() if value is not None and each not in fixed}
        mapped = bool(known.classes) and "edition" not in fixed
        return replace(
            self,
            **taken,
            kind=self.kind if self.kind is not None else known.kind,
            stated=self.stated - taken.keys(),
            usual=self.usual - taken.keys(),
            sources=replace(self.sources, known={}),
            class_map=ClassMap(known.name, known.classes) if mapped else None,
        )

    @property
    def source_name(self) -> str:
        """The source whose map of classes is used, else that of the delivery."""
        return self.source if self.class_map is None else self.class_map.source

    def class_of(self, edition: str | None, kind: str | None, class_code: str | None) -> ClassSaid:
        """The class of a case that says so much of it, settled once for its source (`of`).

        Wrong: edition_missing, kind_invalid, class_unmapped, class_kind_differs.
        """
        if self.class_map is not None and edition is None and class_code is not None:
            return self._mapped(self.class_map, kind, class_code)
        flags: tuple[str, ...] = ()
        wrong: tuple[str, ...] = ()
        if edition is None and class_code is not None:
            edition = self.edition
            if edition is None:
                wrong = ("edition_missing",)
            elif "edition" not in self.stated:
                flags = ("assumed_edition",)
        kind = kind if kind is not None else self.kind
        if (kind is None and class_code is not None) or (kind is not None and kind not in KINDS):
            wrong = (*wrong, "kind_invalid")
        edition = None if edition is None else normalise_edition(edition)
        return ClassSaid(edition, kind, class_code, (*flags, *self._unknown(edition, kind, class_code)), wrong)

    def _unknown(self, edition: str | None, kind: str | None, class_code: str | None) -> tuple[str, ...]:
        said = edition is not None and kind is not None and class_code is not None
        return ("unknown_class",) if said and self.sources.lacks(edition or "", kind or "", class_code or "") else ()

    def _mapped(self, known: ClassMap, kind: str | None, class_code: str) -> ClassSaid:
        found = known.classes.get(class_code)
        if kind is not None and kind not in KINDS:
            return ClassSaid(None, kind, class_code, wrong=("kind_invalid",))
        if found is not None:
            wrong = () if kind in (None, found[1]) else ("class_kind_differs",)
            return ClassSaid(*found, flags=("assumed_edition", *self._unknown(*found)), wrong=wrong)
        edition = None if self.edition is None else normalise_edition(self.edition)
        kind = kind if kind is not None else self.kind
        if edition is None or kind is None or (edition, kind, class_code) not in self.sources.catalogue:
            return ClassSaid(edition, kind, class_code, wrong=("class_unmapped",))
        assumed = () if "edition" in self.stated else ("assumed_edition",)
        return ClassSaid(edition, kind, class_code, flags=(*assumed, "unmapped_class"))
