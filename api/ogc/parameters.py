"""Query parameters: read strictly, so that a misspelt one is told and not passed over."""

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any

import orjson
from fastapi import Request

from api.lookups.moments import read_moment
from api.ogc.axes import DEFAULT, Reference, find_reference
from api.ogc.places import NUMBER, Place, read_bbox
from gis.errors import Refusal, refuse
from gis.layer import Field, Layer

DEFAULT_LIMIT = 10
MOST_LIMIT = 10_000
MOST_OFFSET = 2**31 - 1
ALWAYS = frozenset({"f", "lang", "key"})
ITEM = ALWAYS | {"crs", "datetime", "as_of", "draft"}
ITEMS = ITEM | {"bbox", "bbox-crs", "limit", "offset", "cursor"}
IN_DRAFT = frozenset({"as_of", "draft"})
"""What is not asked of a draft's own API: it is of one draft, and of no other moment."""

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?)?")

Parameters = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Cursor:
    """After which feature a page begins, and the revision all pages of a walk are read from."""

    revision: int
    code: str
    uid: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a collection's features."""

    limit: int
    offset: int
    cursor: Cursor | None
    crs: Reference
    place: Place | None
    moment: int | datetime | None
    equal: Mapping[str, Any]


def read_parameters(request: Request, allowed: Collection[str]) -> dict[str, str]:
    """The parameters of a request. Errors: Refusal parameter_unknown, parameter_wrong (both unreadable)."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in allowed:
            raise refuse(
                "parameter_unknown",
                f"There is no parameter '{name[:80]}' here; there are {', '.join(sorted(allowed))}.",
                f"没有参数“{name[:80]}”；可用参数：{'、'.join(sorted(allowed))}。",
                kind="unreadable",
            )
        if name in found:
            raise wrong(name, "it is given twice", "重复给出")
        if "\x00" in value:
            raise wrong(name, "it holds a character that no text has", "含有非法字符")
        found[name] = value
    return found


def choose_format(parameters: Parameters, accept: str) -> str:
    """The format, json or html: what `f` says, else what the client likes better, else JSON."""
    asked = parameters.get("f")
    if asked is not None:
        if asked not in ("json", "html"):
            raise wrong("f", "there are json and html", "可用值为 json 与 html")
        return asked
    likes = {"html": 0.0, "json": 0.0}
    for part in accept.split(","):
        media, *options = (piece.strip().lower() for piece in part.split(";"))
        weight = next((_weight(option[2:]) for option in options if option.startswith("q=")), 1.0)
        if media in ("text/html", "application/xhtml+xml"):
            likes["html"] = max(likes["html"], weight)
        elif media.endswith("json"):
            likes["json"] = max(likes["json"], weight)
    return "html" if likes["html"] > likes["json"] else "json"


def _weight(text: str) -> float:
    return float(text) if re.fullmatch(r"[01](\.\d{0,3})?", text) else 0.0


def read_wanted(parameters: Parameters, layer: Layer, zone: tzinfo) -> Wanted:
    """What the parameters of an items request ask for. Errors: Refusals (unreadable) that name the parameter."""
    box_crs = find_reference(parameters["bbox-crs"], "bbox-crs") if "bbox-crs" in parameters else DEFAULT
    cursor = read_cursor(parameters["cursor"]) if "cursor" in parameters else None
    offset = read_count("offset", parameters["offset"], MOST_OFFSET) if "offset" in parameters else 0
    if offset and cursor:
        raise wrong("offset", "it cannot be joined with a cursor", "不能与 cursor 同时使用")
    limit = read_count("limit", parameters["limit"], MOST_LIMIT) if "limit" in parameters else DEFAULT_LIMIT
    if limit == 0:
        raise wrong("limit", f"it must be a whole number from 1 to {MOST_LIMIT}", f"应为 1 至 {MOST_LIMIT} 的整数")
    fields = {field.name: field for field in queryable_fields(layer)}
    return Wanted(
        limit=limit,
        offset=offset,
        cursor=cursor,
        crs=read_crs(parameters),
        place=read_bbox(parameters["bbox"], box_crs) if "bbox" in parameters else None,
        moment=read_when(parameters, zone),
        equal={name: read_value(fields[name], text) for name, text in parameters.items() if name in fields},
    )


OWNER = Field("owner", "code", "owner division", "归属区划")


def has_owner(layer: Layer) -> bool:
    """Whether the owner of a row is something else than its code."""
    return layer.table not in ("unit", "division")


def queryable_fields(layer: Layer) -> tuple[Field, ...]:
    """The fields that can be asked for by their name."""
    return (*layer.shown, OWNER) if has_owner(layer) else layer.shown


def read_crs(parameters: Parameters) -> Reference:
    """The CRS in which geometry is wanted."""
    return find_reference(parameters["crs"], "crs") if "crs" in parameters else DEFAULT


def read_count(name: str, text: str, most: int) -> int:
    """A whole number, 0 and above; more than `most` is `most`."""
    if not re.fullmatch(r"[0-9]+", text):
        raise wrong(name, "it must be a whole number, 0 or more", "应为不小于 0 的整数")
    return min(int(text.lstrip("0")[:20] or "0"), most)


def read_value(field: Field, text: str) -> str | int | float:
    """The value that a field must equal."""
    if field.type == "integer":
        if not re.fullmatch(r"[+-]?[0-9]{1,10}", text) or abs(int(text)) >= 2**31:
            raise wrong(field.name, "it must be a whole number", "应为整数")
        return int(text)
    if field.type == "number":
        if not NUMBER.fullmatch(text) or abs(float(text)) == float("inf"):
            raise wrong(field.name, "it must be a number", "应为数值")
        return float(text)
    return text


def read_when(parameters: Parameters, zone: tzinfo) -> int | datetime | None:
    """The moment whose state is wanted, by `datetime` or by `as_of` as everywhere else; None for the newest."""
    if "as_of" not in parameters:
        return read_datetime(parameters["datetime"], zone) if "datetime" in parameters else None
    if "datetime" in parameters:
        raise wrong("as_of", "it cannot be joined with datetime", "不能与 datetime 同时使用")
    return read_moment(parameters["as_of"], zone)


def read_datetime(text: str, zone: tzinfo) -> datetime | None:
    """The moment whose state is wanted: the instant, or the end of the interval; None when that is open.

    A date means the whole day, so its end; a time without an offset is of `zone`.
    """
    ends = text.split("/")
    if len(ends) > 2 or ends in ([""], [".."]):
        raise _wrong_time()
    first = None if ends[0] in ("..", "") else _moment(ends[0], zone, last=len(ends) == 1)
    last = None if ends[-1] in ("..", "") else _moment(ends[-1], zone, last=True)
    if first is not None and last is not None and first > last:
        raise _wrong_time()
    return last


def _moment(text: str, zone: tzinfo, last: bool) -> datetime:
    text = re.sub(r"(?<=\d) (?=\d\d:\d\d$)", "+", text)  # a plus sign that nobody encoded arrives as a blank
    if not TIMESTAMP.fullmatch(text):
        raise _wrong_time()
    try:
        if len(text) == 10:
            when = datetime.combine(date.fromisoformat(text), time.max if last else time.min)
        else:
            when = datetime.fromisoformat(text.upper())
    except ValueError:
        raise _wrong_time() from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=zone)
    try:
        return when.astimezone(UTC)
    except OverflowError:  # the first and the last day of the calendar, seen from elsewhere
        return when.replace(tzinfo=UTC)


def _wrong_time() -> Refusal:
    return refuse(
        "time_wrong",
        "datetime must be a time as 2026-07-01T08:00:00Z, a date, or an interval as 2026-01-01/.., from early to late.",
        "datetime 应为时间（2026-07-01T08:00:00Z）、日期，或先早后晚的区间（2026-01-01/..）。",
        kind="unreadable",
    )


def write_cursor(cursor: Cursor) -> str:
    """A cursor as text that callers need not understand."""
    packed = orjson.dumps([cursor.revision, cursor.code, cursor.uid])
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_cursor(text: str) -> Cursor:
    """What `write_cursor` wrote. Errors: Refusal cursor_wrong (unreadable)."""
    try:
        packed = orjson.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        packed = None
    match packed:
        case [int(revision), str(code), int(uid)] if 0 <= revision < 2**53 and 0 <= uid < 2**53 and "\x00" not in code:
            return Cursor(revision, code, uid)
    raise refuse(
        "cursor_wrong",
        "The cursor is none of ours; follow the link 'next' of a page as it stands.",
        "游标无效；请原样使用上一页的 next 链接。",
        kind="unreadable",
    )


def wrong(name: str, en: str, zh: str) -> Refusal:
    """The refusal of a parameter's value."""
    return refuse("parameter_wrong", f"{name}: {en}.", f"{name}：{zh}。", kind="unreadable")
