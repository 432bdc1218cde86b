"""Reading reports of cases: raw records of any sender in, `Case`s in store coordinates and faults out."""

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cases.instants import FIRST_YEAR, LAST_YEAR, LIKE, read_instant
from cases.positions import Position, ReadCrs, to_places
from cases.sources import KINDS, Defaults, parse_zone
from components.editions import EDITIONS, normalise_edition
from gis.crs import CrsLike
from gis.errors import Fault

__all__ = [
    "EDITIONS",
    "KINDS",
    "Case",
    "Defaults",
    "Reports",
    "from_columns",
    "from_record",
    "from_records",
    "normalise_edition",
    "parse_zone",
]

USUAL_ACCURACY_M: Final = 15.0
"""The accuracy of a report that states none, in metres: a phone's in a street."""
WORST_ACCURACY_M: Final = 10_000.0
"""An accuracy worse than this is a mistake, not a position."""
FIELDS: Final = (
    "source",
    "id",
    "version",
    "lon",
    "lat",
    "crs",
    "accuracy_m",
    "reported_at",
    "edition",
    "kind",
    "class_code",
    "condition",
    "component_code",
)


@dataclass(frozen=True, slots=True)
class Case:
    """A report, ready for routing. lon, lat are as the store keeps them; `flags` say what was assumed."""

    source: str
    id: str
    version: int | None
    lon: float
    lat: float
    accuracy_m: float
    reported_at: datetime | None
    edition: str | None
    kind: str | None
    class_code: str | None
    condition: str | None
    component_code: str | None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reports:
    """What many records gave: for each, in input order, its case or None, and its faults (none if there is a case)."""

    cases: tuple[Case | None, ...]
    faults: tuple[tuple[Fault, ...], ...]

    @property
    def all_faults(self) -> list[Fault]:
        """The faults of all records in input order."""
        return [fault for faults in self.faults for fault in faults]


@dataclass(slots=True)
class _Record:
    """One raw record being read: gathers faults and flags."""

    members: Mapping[str, Any]
    defaults: Defaults
    row: int | None
    thing: str | None = None
    faults: list[Fault] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def fault(self, code: str, en: str, zh: str) -> None:
        self.faults.append(Fault(code, en, zh, row=self.row, thing=self.thing))

    def given(self, key: str) -> Any:
        """The member's value; None when absent, null, NaN or blank: files have no other way to say nothing."""
        value = self.members.get(key)
        if isinstance(value, str):
            return value.strip() or None
        return None if isinstance(value, float | np.floating) and math.isnan(value) else value

    def assume(self, name: str, flag: str) -> None:
        if name not in self.defaults.stated:
            self.flags.append(flag)

    def text(self, key: str) -> str | None:
        value = self.given(key)
        if value is None or isinstance(value, str):
            return value
        self.fault(
            "wrong_type",
            f"{key} must be text but is the {type(value).__name__} {_shown(value)}: as a number it "
            "may have lost zeros or digits.",
            f"{key}必须是文本，现为{_shown(value)}：按数字存放可能已丢失前导零或位数。",
        )
        return None

    def number(self, key: str) -> float | None:
        """A finite number; absent or bad gives None, bad also a fault."""
        value = self.given(key)
        if value is None:
            return None
        number = math.nan
        if isinstance(value, str | int | float | np.integer | np.floating) and not isinstance(value, bool):
            with suppress(ValueError, OverflowError):
                number = math.nan if isinstance(value, str) and "_" in value else float(value)
        if math.isfinite(number):
            return number
        self.fault(
            "not_a_number", f"{key} must be a number but is {_shown(value)}.", f"{key}必须是数字，现为{_shown(value)}。"
        )
        return None

    def identifier(self) -> str:
        value = self.given("id")
        if isinstance(value, int | np.integer) and not isinstance(value, bool):
            return str(value)  # a running number; ids that are codes come as text
        return self.text("id") or ""

    def version(self) -> int | None:
        number = self.number("version")
        if number is None:
            return None
        if number < 0 or number != int(number) or number >= 2**53:
            self.fault(
                "version_invalid",
                f"version must be a whole number from 0 but is {_shown(self.given('version'))}.",
                f"version必须是不小于0的整数，现为{_shown(self.given('version'))}。",
            )
            return None
        return int(number)

    def accuracy(self) -> float:
        before = len(self.faults)
        number = self.number("accuracy_m")
        if number is None and len(self.faults) == before:
            self.assume("accuracy_m", "assumed_accuracy")
            return USUAL_ACCURACY_M if self.defaults.accuracy_m is None else self.defaults.accuracy_m
        if number is not None and not 0 < number <= WORST_ACCURACY_M:
            self.fault(
                "accuracy_invalid",
                f"accuracy_m must be more than 0 and at most {WORST_ACCURACY_M:g} metres but is {number:g}.",
                f"accuracy_m必须大于0且不超过{WORST_ACCURACY_M:g}米，现为{number:g}。",
            )
        return number or USUAL_ACCURACY_M

    def time(self) -> datetime | None:
        value = self.given("reported_at")
        if value is None:
            return None
        moment = read_instant(value)
        if moment is None:
            years = FIRST_YEAR, LAST_YEAR
            self.fault(
                "time_invalid",
                f"reported_at must be a time like {LIKE}, from {years[0]} to {years[1]}, but is {_shown(value)}.",
                f"reported_at必须是{LIKE}这样的时间（{years[0]}至{years[1]}年），现为{_shown(value)}。",
            )
        elif moment.utcoffset() is None:
            if self.defaults.zone is None:
                self.fault(
                    "time_without_zone",
                    f"reported_at {_shown(value)} has no time zone, and its source has none "
                    "either; add one, like +08:00.",
                    f"reported_at {_shown(value)}没有时区，其来源也未设置时区；请补充，例如+08:00。",
                )
                return None
            self.assume("zone", "assumed_timezone")
            return moment.replace(tzinfo=self.defaults.zone)  # in the hour that comes twice a year, the first one
        return moment

    def classes(self) -> tuple[str | None, str | None, str | None]:
        """Edition, kind and class. A case without a class needs neither edition nor kind."""
        edition, kind, class_code = self.text("edition"), self.text("kind"), self.text("class_code")
        said = self.defaults.class_of(edition, kind, class_code)
        self.flags += said.flags
        for code in said.wrong:
            self.wrong_class(code, class_code, kind, said.kind)
        return said.edition, said.kind, said.class_code

    def wrong_class(self, wrong: str, class_code: str | None, given: str | None, kind: str | None) -> None:
        """Tell what is wrong with a class: the kind `given` by the case, and that which it is read as."""
        source = self.defaults.source_name
        if wrong == "edition_missing":
            self.fault(
                "edition_missing",
                f"The edition of class {class_code} is stated neither by the case nor by its "
                "source; say 2026, 2013 or the name of your own.",
                f"案件及其来源均未注明类别{class_code}的标准版；请填写2026、2013或自定义标准版名称。",
            )
        elif wrong == "kind_invalid":
            self.fault(
                "kind_invalid",
                f"kind must be component or matter but is {_shown(kind)}.",
                f"kind必须是component（部件）或matter（事项），现为{_shown(kind)}。",
            )
        elif wrong == "class_unmapped":
            self.fault(
                "class_unmapped",
                f"The class {class_code} is neither in the class map of the source {source} nor itself a class of the "
                "source's edition and kind; add it to the map, or state edition and kind with the case.",
                f"类别{class_code}不在来源{source}的类别对照表中，也不是该来源标准版和种类下的类别；"
                "请补充对照表，或随案件注明标准版和种类。",
            )
        else:
            self.fault(
                "class_kind_differs",
                f"The case says that it is a {given}, but by the class map of the source {source} the class "
                f"{class_code} is a {kind}.",
                f"案件的kind为{given}，但按来源{source}的类别对照表，类别{class_code}属于{kind}。",
            )

    def position(self) -> Position | None:
        """x, y and the name of their CRS as delivered."""
        before = len(self.faults)
        missing = [key for key in ("lon", "lat") if self.given(key) is None]
        if missing:
            names, names_zh = " and ".join(missing), "和".join(missing)
            self.fault("position_missing", f"{names} must be given, as a number.", f"必须填写{names_zh}，且为数字。")
        x, y = self.number("lon"), self.number("lat")
        system: CrsLike | None = self.text("crs")
        if system is None and len(self.faults) == before:
            system = self.defaults.crs
            if system is None:
                self.fault(
                    "crs_missing",
                    "The coordinate system is stated neither by the case (crs) nor by its source: "
                    "GCJ-02 and WGS 84 differ by hundreds of metres, so it is not guessed.",
                    "案件（crs）及其来源均未声明坐标系：GCJ-02与WGS 84相差数百米，系统不予猜测。",
                )
            else:
                self.assume("crs", "crs_assumed")
        return (x, y, system) if x is not None and y is not None and system is not None else None


def _shown(value: Any) -> str:
    shown = "missing" if value is None else str(value) if isinstance(value, str | int | float) else type(value).__name__
    return shown if len(shown) <= 60 else shown[:57] + "..."


@dataclass(slots=True)
class _Draft:
    """A record that is read but for its position; `members` are those of `Case`."""

    record: _Record
    position: Position | None
    members: dict[str, Any]


def _read(members: Mapping[str, Any], defaults: Defaults, row: int | None, strict: bool) -> _Draft:
    record = _Record(members, defaults, row)
    id_ = record.identifier()
    record.thing = id_ or None
    source = record.text("source")
    record.defaults = defaults.of(source)
    unknown = [str(key) for key in members if key not in FIELDS] if strict else []
    if unknown:
        names = ", ".join(_shown(name) for name in sorted(unknown)[:20])
        record.fault(
            "unknown_field",
            f"A case has no member {names}; known are {', '.join(FIELDS)}.",
            f"案件没有字段{names}；可用字段：{'、'.join(FIELDS)}。",
        )
    position = record.position()
    edition, kind, class_code = record.classes()
    return _Draft(
        record,
        position,
        {
            "source": source or defaults.source,
            "id": id_,
            "version": record.version(),
            "accuracy_m": record.accuracy(),
            "reported_at": record.time(),
            "edition": edition,
            "kind": kind,
            "class_code": class_code,
            "condition": record.text("condition"),
            "component_code": record.text("component_code"),
        },
    )


def from_records(
    records: Iterable[Mapping[str, Any]], defaults: Defaults, *, strict: bool = False, rows: Sequence[int] | None = None
) -> Reports:
    """Read many records, each like `from_record`; a bad one does not hinder the others.

    Positions are converted in one go for each CRS. `rows` are the numbers that faults name, by default from 1.
    """
    drafts = [
        _read(members, defaults, number if rows is None else int(rows[number - 1]), strict)
        for number, members in enumerate(records, start=1)
    ]
    return _reports(drafts, defaults.read_crs)


def _reports(drafts: Sequence[_Draft], read_crs: ReadCrs) -> Reports:
    lonlat, refused = to_places([draft.position for draft in drafts], read_crs)
    for index, found in refused.items():
        drafts[index].record.fault(found.code, found.en, found.zh)
    cases: list[Case | None] = []
    for draft, (lon, lat) in zip(drafts, lonlat.tolist(), strict=True):
        flags = tuple(sorted(draft.record.flags))
        cases.append(None if draft.record.faults else Case(lon=lon, lat=lat, flags=flags, **draft.members))
    return Reports(tuple(cases), tuple(tuple(draft.record.faults) for draft in drafts))


def from_record(members: Mapping[str, Any], defaults: Defaults, *, strict: bool = False) -> Case | tuple[Fault, ...]:
    """The case in one raw record (a JSON object, or a row whose values are text), or every fault in it.

    lon and lat are x, y of `crs`, which the record or its source must state. What may be missing comes from `defaults`
    and is flagged (`crs_assumed`, `assumed_accuracy`, `assumed_timezone`, `assumed_edition`); codes must be text. With
    `strict` an unknown member is a fault; otherwise it is none of our business.
    """
    reports = _reports([_read(members, defaults, None, strict)], defaults.read_crs)
    return reports.cases[0] or reports.faults[0]


def from_columns(
    columns: Mapping[str, Sequence[Any] | NDArray[Any]], defaults: Defaults, *, rows: Sequence[int] | None = None
) -> Reports:
    """The cases in columns (n,) of a table, each row read like `from_record`; other columns are passed over."""
    known = {name: columns[name] for name in FIELDS if name in columns}
    values = [column.tolist() if isinstance(column, np.ndarray) else column for column in known.values()]
    return from_records((dict(zip(known, row, strict=True)) for row in zip(*values, strict=True)), defaults, rows=rows)
