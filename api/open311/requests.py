"""Cases as service requests: read from a form, found in the log, told as GeoReport has them."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, exists, select, tuple_

from api.lookups.moments import read_time
from api.open311.services import ATTRIBUTES, code_of, key_of, packed, unpacked
from cases.log import Decision
from cases.reports import Defaults, from_records, normalise_edition
from cases.tables import decision, goes_before, still_open
from components.catalogue import ClassKey
from gis.errors import refuse

SOURCE = "open311"
"""The source of the cases that are posted here."""
SPAN = timedelta(days=90)
MOST = 1000
PAGE = 2000
STATES = ("open", "closed")
CONTACT = ("first_name", "last_name", "phone", "email")
COLUMNS = [*(decision.c[name] for name in Decision.__slots__), decision.c.report, still_open().label("is_open")]
Row = Mapping[str, Any]


def case_of(form: Mapping[str, str], key: ClassKey) -> dict[str, Any]:
    """The case that a form reports, as `POST /v1/cases` takes it, texts and whom to call among it.

    Errors: Refusal position_missing.
    """
    lon, lat = form.get("long", "").strip(), form.get("lat", "").strip()
    if not (lon and lat):
        raise refuse(
            "position_missing",
            "lat and long must be given: addresses are not looked up here.",
            "必须给出 lat 和 long：此处不解析地址。",
        )
    edition, kind, class_code = key
    said = {name: form.get(f"attribute[{name}]", "").strip() for name, *_ in ATTRIBUTES}
    return {
        "source": SOURCE,
        "id": f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(6)}",
        "lon": lon,
        "lat": lat,
        "crs": "CRS84",
        "reported_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "edition": edition,
        "kind": kind,
        "class_code": class_code,
        **{name: value for name, value in {**said, **_texts_of(form)}.items() if value},
    }


def _texts_of(form: Mapping[str, str]) -> dict[str, str]:
    contact = (form.get(name, "").strip() for name in CONTACT)
    return {
        "description": form.get("description", "").strip(),
        "address": form.get("address_string", "").strip(),
        "contact": " ".join(each for each in contact if each),
    }


def id_of(source: str, case_id: str) -> str:
    """The service_request_id of a case: its own id when it came from here, else with its source."""
    return packed(case_id) if source == SOURCE else f"{packed(source)}~{packed(case_id)}"


def name_of(request_id: str) -> tuple[str, str]:
    """The source and id of the case that a service_request_id means. Errors: Refusal text_wrong."""
    source, separator, case_id = request_id.partition("~")
    return (unpacked(source), unpacked(case_id)) if separator else (SOURCE, unpacked(source))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests are asked for: received from `since` to `until`, of these classes, in these states."""

    since: datetime
    until: datetime
    classes: frozenset[ClassKey]
    states: frozenset[str]


def read_wanted(query: Mapping[str, str], zone: str) -> Wanted:
    """The filters of GET requests. Errors: Refusal time_wrong, span_wrong, status_wrong, service_unknown."""
    start, end = (read_time(query[name], zone) if query.get(name) else None for name in ("start_date", "end_date"))
    now = datetime.now(UTC)
    until = end or (min(start + SPAN, now) if start else now)
    since = start or until - SPAN
    if not since <= until <= since + SPAN:
        raise refuse(
            "span_wrong",
            f"start_date must lie before end_date, at most {SPAN.days} days.",
            f"start_date 须早于 end_date，且相差不超过 {SPAN.days} 天。",
        )
    states = _words(query.get("status")) or STATES
    if wrong := [each for each in states if each not in STATES]:
        raise refuse(
            "status_wrong",
            f"'{wrong[0][:40]}' is no status; there are open and closed.",
            f"没有状态“{wrong[0][:40]}”；可用：open、closed。",
        )
    classes = frozenset(key_of(each) for each in _words(query.get("service_code")))
    # Times are told in whole seconds: a request is found by the time that was told of it.
    return Wanted(since, until + timedelta(seconds=1), classes, frozenset(states))


def _words(text: str | None) -> list[str]:
    return [each.strip() for each in (text or "").split(",") if each.strip()]


def find_requests(log: Connection, wanted: Wanted, prefix: str) -> list[Row]:
    """The requests asked for on cases in units below a prefix, those received last first, at most MOST of them."""
    later = decision.alias("later")
    chosen = select(*COLUMNS).where(
        decision.c.received_at >= wanted.since,
        decision.c.received_at < wanted.until,
        ~exists(select(later.c.position).where(goes_before(later))),
    )
    if prefix:
        chosen = chosen.where(decision.c.unit >= prefix, decision.c.unit < prefix + "\U0010ffff")
    if len(wanted.states) == 1:
        chosen = chosen.where(still_open() if "open" in wanted.states else ~still_open())
    if wanted.classes:
        codes = sorted({code for _, _, code in wanted.classes})
        chosen = chosen.where(decision.c.report["class_code"].as_string().in_(codes))
    order = (decision.c.received_at, decision.c.position)
    found: list[Row] = []
    behind: tuple[Any, ...] | None = None
    while len(found) < MOST:
        page = chosen if behind is None else chosen.where(tuple_(*order) < tuple_(*behind))
        result = log.execute(page.order_by(*(each.desc() for each in order)).limit(PAGE))
        rows: list[Row] = [dict(row) for row in result.mappings()]
        found += [row for row in rows if not wanted.classes or class_of(row["report"]) in wanted.classes]
        if len(rows) < PAGE:
            break
        behind = (rows[-1]["received_at"], rows[-1]["position"])
    return found[:MOST]


def find_request(log: Connection, request_id: str, prefix: str) -> Row | None:
    """The newest decision on a case in a unit below a prefix, None without one."""
    source, case_id = name_of(request_id)
    newest = (decision.c.version.desc(), decision.c.round.desc())
    chosen = select(*COLUMNS).where(decision.c.source == source, decision.c.case_id == case_id)
    row = log.execute(chosen.order_by(*newest).limit(1)).mappings().first()
    return dict(row) if row is not None and (row["unit"] or "").startswith(prefix) else None


def class_of(report: Mapping[str, Any]) -> ClassKey | None:
    """The class of a report as it was sent, None where it names none."""
    edition, kind, code = (report.get(name) for name in ("edition", "kind", "class_code"))
    return (normalise_edition(str(edition)), str(kind), str(code)) if edition and kind and code else None


def told_requests(rows: Sequence[Row], names: Mapping[ClassKey, str], defaults: Defaults) -> list[dict[str, Any]]:
    """Cases as GeoReport tells requests. `agency_responsible` is the name of the department of the newest decision."""
    cases = from_records((row["report"] for row in rows), defaults).cases
    return [
        _told(row, names, None if case is None else (case.lon, case.lat)) for row, case in zip(rows, cases, strict=True)
    ]


def _told(row: Row, names: Mapping[ClassKey, str], place: tuple[float, float] | None) -> dict[str, Any]:
    key = class_of(row["report"])
    lon, lat = place or (None, None)
    return {
        "service_request_id": id_of(row["source"], row["case_id"]),
        "status": "open" if row["is_open"] else "closed",
        "status_notes": None,
        "service_name": None if key is None else names.get(key, key[2]),
        "service_code": None if key is None else code_of(key),
        "description": None,
        "agency_responsible": (row["routing"].get("department") or {}).get("name"),
        "service_notice": None,
        "requested_datetime": _time(row["received_at"]),
        "updated_datetime": _time(row["rerouted_at"] or row["received_at"]),
        "expected_datetime": None,
        "address": None,
        "address_id": None,
        "zipcode": None,
        "lat": lat,
        "long": lon,
        "media_url": None,
    }


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
