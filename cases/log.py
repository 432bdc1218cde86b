"""The log of decisions: it only grows, and a case sent again gets the decision that it has."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from cases.handoffs import LONGEST
from cases.reports import Case
from cases.routing import Routing
from cases.standing import find_similar, put_standings, standing_row
from cases.tables import decision
from cases.texts import NONE, are_known, keep_texts, lock_case
from gis.errors import Refusal, refuse
from gis.store.engine import Store, reading, writing
from gis.store.order import announce_append

ATTEMPTS = 5
LONGEST_NAME = 200
"""Characters: what an index of every store takes."""
LONGEST_TEXTS = {
    **dict.fromkeys(("edition", "class_code", "component_code"), LONGEST_NAME),
    "condition": LONGEST,
}
"""Characters of what a case says beside its names."""
DOTS = frozenset({".", ".."})
"""What everybody who reads an address takes for a way, and not for a name."""
TAKEN = ("/outcome", "/outcome/history", "/similar", "/texts")
"""What is asked of a case behind its id."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided for one version of a case. `position` orders the log; `routing` is as it was answered.

    `round` counts how often the case was routed anew since, because a revision changed the answer.
    """

    position: int
    source: str
    case_id: str
    version: int
    digest: str
    received_at: datetime
    revision: int
    unit: str | None
    routing: Mapping[str, Any]
    round: int = 0
    rerouted_at: datetime | None = None


def digest_of(report: Mapping[str, Any]) -> str:
    """The same for two reports that say the same: order and members that are null do not matter."""
    said = {key: value for key, value in report.items() if value is not None}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def take_in(
    store: Store,
    case: Case,
    report: Mapping[str, Any],
    decide: Callable[[], Routing],
    texts: Mapping[str, str] = NONE,
) -> tuple[Decision, bool]:
    """Decide a case and keep the decision, unless it was decided; tell the decision and whether it is new.

    A case without a version has the version 0. With a new decision stand the open cases that are `similar` at that
    moment. `texts` are kept apart from the `report`. All is committed when this returns. Errors: those of
    `check_kept`; the conflicts version_conflict (same version, another report) and superseded (a later version is
    known); store_down, store_busy.
    """
    check_kept(case)
    version, digest = case.version or 0, digest_of(report)
    with reading(store.log) as connection:
        known = _settled(connection, case, version, digest, texts)
    if known is not None:
        return known, False
    routing = decide()
    for attempt in range(ATTEMPTS):
        try:
            with writing(store.log) as connection:
                # One after the other: so nobody appends a version behind a later one that another worker takes in.
                lock_case(connection, case.source, case.id)
                known = _settled(connection, case, version, digest, texts)
                if known is not None:
                    return known, False
                keep_texts(connection, case.source, case.id, version, texts)
                return _append(connection, case, version, digest, report, routing), True
        except IntegrityError:
            if attempt == ATTEMPTS - 1:
                raise
            continue  # an import took the same version in meanwhile: the next look finds its decision
    raise AssertionError("the last attempt returns or raises")


def find_decision(connection: Connection, source: str, case_id: str) -> Decision | None:
    """The newest decision on the newest version of a case."""
    columns = [decision.c[name] for name in Decision.__slots__]
    named = (decision.c.source == source, decision.c.case_id == case_id)
    newest = select(*columns).where(*named).order_by(decision.c.version.desc(), decision.c.round.desc()).limit(1)
    row = connection.execute(newest).mappings().first()
    return None if row is None else Decision(**row)


def find_same(connection: Connection, report: Mapping[str, Any]) -> Decision | None:
    """The decision that this very report already has, whether it could still be read or not."""
    source, case_id = report.get("source"), report.get("id")
    if not isinstance(source, str) or not isinstance(case_id, str | int):
        return None
    known = find_decision(connection, source.strip(), str(case_id).strip())
    return known if known is not None and known.digest == digest_of(report) else None


def list_sources(connection: Connection, most: int) -> list[str]:
    """The sources of cases, each looked up behind the one before: as quick with millions of cases as with few."""
    found: list[str] = []
    while len(found) < most:
        behind = decision.c.source > (found[-1] if found else "")
        following = connection.execute(
            select(decision.c.source).where(behind).order_by(decision.c.source).limit(1)
        ).scalar()
        if following is None:
            break
        found.append(following)
    return found


def newest_reports(connection: Connection, source: str, most: int) -> list[Mapping[str, Any]]:
    """What a source said of its cases, as it was sent: those that came last, at most so many."""
    named = select(decision.c.report).where(decision.c.source == source)
    return list(connection.execute(named.order_by(decision.c.position.desc()).limit(most)).scalars())


def find_report(connection: Connection, source: str, case_id: str) -> tuple[Mapping[str, Any], str | None] | None:
    """What the newest version of a case said, and the unit in which it lay; None for a case that was never taken in."""
    named = (decision.c.source == source, decision.c.case_id == case_id)
    newest = select(decision.c.report, decision.c.unit).where(*named).order_by(decision.c.version.desc()).limit(1)
    row = connection.execute(newest).first()
    return None if row is None else (row.report, row.unit)


def decision_row(
    case: Case, version: int, digest: str, report: Mapping[str, Any], routing: Routing, received_at: datetime
) -> dict[str, Any]:
    """The row of a new decision."""
    return {
        "source": case.source,
        "case_id": case.id,
        "version": version,
        "digest": digest,
        "received_at": received_at,
        "revision": routing.revision,
        "unit": routing.unit,
        "department": routing.department and routing.department.code,
        "advice": routing.advice,
        "report": dict(report),
        "routing": routing.to_dict(case),
    }


def standing_of(case: Case, routing: Routing, position: int, received_at: datetime) -> dict[str, Any]:
    """How a case stands by its newest decision."""
    department = None if routing.department is None else routing.department.code
    component = None if routing.component is None else routing.component[0]
    return standing_row(case, (case.source, case.id), position, received_at, routing.unit, department, component)


def _append(
    connection: Connection, case: Case, version: int, digest: str, report: Mapping[str, Any], routing: Routing
) -> Decision:
    now = datetime.now(UTC)
    row = decision_row(case, version, digest, report, routing, now)
    alike = find_similar(connection, case, routing.component and routing.component[0], case.reported_at or now)
    row["routing"]["similar"] = [each.as_dict() for each in alike]
    columns = [decision.c[name] for name in Decision.__slots__]
    announce_append(connection)
    made = Decision(**connection.execute(insert(decision).values(**row).returning(*columns)).mappings().one())
    put_standings(connection, [standing_of(case, routing, made.position, now)])
    return made


def _settled(
    connection: Connection, case: Case, version: int, digest: str, texts: Mapping[str, str]
) -> Decision | None:
    """The decision that this very report already has, None when it is to be decided."""
    known = find_decision(connection, case.source, case.id)
    if known is None or known.version < version:
        return None
    check_version(case, version, digest, known.version, known.digest)
    if not are_known(connection, case.source, case.id, version, texts):
        raise _says_otherwise(case, version)
    return known


def check_version(case: Case, version: int, digest: str, known: int, known_digest: str) -> None:
    """Refuse a version that comes too late or says something else. Errors: Refusal superseded, version_conflict."""
    if known > version:
        raise refuse(
            "superseded",
            f"Version {known} of case {case.id} is already here; version {version} comes too late.",
            f"案件 {case.id} 已有版本 {known}；版本 {version} 已过期。",
            kind="conflict",
            thing=case.id,
        )
    if known == version and known_digest != digest:
        raise _says_otherwise(case, version)


def _says_otherwise(case: Case, version: int) -> Refusal:
    return refuse(
        "version_conflict",
        f"Version {version} of case {case.id} is already here and says something else; send a higher version.",
        f"案件 {case.id} 的版本 {version} 已存在且内容不同；请提高版本号后再发送。",
        kind="conflict",
        thing=case.id,
    )


def check_kept(case: Case) -> None:
    """Refuse what no log can keep: a case without the names that it is found by, texts that are none or are endless.

    Errors: Refusal source_missing, source_wrong, id_missing, id_wrong, name_too_long, text_too_long, text_wrong.
    """
    _check_name(case)
    for name, most in LONGEST_TEXTS.items():
        text = getattr(case, name) or ""
        if len(text) > most:
            raise refuse(
                "text_too_long", f"{name} has more than {most} characters.", f"{name} 超过 {most} 字。", thing=name
            )
        if "\0" in text:
            raise refuse(
                "text_wrong",
                f"{name} holds a NUL, which no store keeps.",
                f"{name} 中含有空字符（NUL），无法存储。",
                thing=name,
            )


def _check_name(case: Case) -> None:
    if not case.source:
        raise refuse("source_missing", "A case to take in needs a source.", "受理案件必须给出来源（source）。")
    if "/" in case.source or case.source in DOTS or not case.source.isprintable():
        raise refuse(
            "source_wrong",
            "A source may hold no slash and nothing that cannot be seen, nor be dots alone.",
            "来源（source）中不能含有斜杠或不可见字符，也不能只有点。",
        )
    if not case.id:
        raise refuse("id_missing", "A case to take in needs an id.", "受理案件必须给出案件编号（id）。")
    if not case.id.isprintable() or DOTS & set(case.id.split("/")) or case.id.endswith(TAKEN):
        raise refuse(
            "id_wrong",
            "An id may hold nothing that cannot be seen, no part of dots alone, and may not end in "
            f"{', '.join(TAKEN)}: these are addresses of their own.",
            f"案件编号（id）不能含有不可见字符或只有点的部分，也不能以 {'、'.join(TAKEN)} 结尾（另有用途）。",
        )
    if max(len(case.source), len(case.id)) > LONGEST_NAME:
        raise refuse(
            "name_too_long",
            f"source and id have at most {LONGEST_NAME} characters.",
            f"来源（source）和案件编号（id）最多 {LONGEST_NAME} 个字符。",
        )
