"""What callers say of a case in words, and whom to call: kept apart from what was decided, and erased for good."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Table, and_, delete, insert, select, update

from cases.handoffs import LONGEST, digest_of
from cases.tables import case_text, erasure, outcome
from gis.errors import refuse
from gis.store.engine import Store, lock_name, scrub, writing

TEXTS: Final = ("description", "address", "contact")
"""Members of a report that routing never looks at."""
NONE: Final[Mapping[str, str]] = {}
ERASURES: Final = "erasures"


@dataclass(frozen=True, slots=True)
class Erasure:
    """That the texts of a case were erased; `rows` held some."""

    erased_at: datetime
    author: str
    reason: str
    rows: int


def split_texts(report: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The report without its texts, and the texts. Errors: Refusal wrong_type, text_too_long, text_wrong."""
    texts = {}
    for name in TEXTS:
        said = report.get(name)
        if said is None:
            continue
        if not isinstance(said, str):
            raise refuse("wrong_type", f"{name} must be text.", f"{name} 必须是文本。", thing=name)
        if len(said) > LONGEST:
            raise refuse(
                "text_too_long",
                f"{name} is longer than {LONGEST} characters.",
                f"{name} 超过 {LONGEST} 字。",
                thing=name,
            )
        if "\0" in said:
            raise refuse(
                "text_wrong",
                f"{name} holds a NUL, which no store keeps.",
                f"{name} 中含有空字符（NUL），无法存储。",
                thing=name,
            )
        if said.strip():
            texts[name] = said.strip()
    return {name: value for name, value in report.items() if name not in TEXTS}, texts


def lock_case(log: Connection, source: str, case_id: str) -> None:
    """Until the transaction ends nobody else takes this case in, tells what became of it, or erases its texts."""
    lock_name(log, f"case {source}/{case_id}")


def lock_erasures(log: Connection) -> None:
    """Until the transaction ends no texts are erased: for who keeps those of many cases."""
    lock_name(log, ERASURES, shared=True)


def keep_texts(log: Connection, source: str, case_id: str, version: int, texts: Mapping[str, str]) -> None:
    """Keep the texts of a version; of a case whose texts were erased none are taken any more."""
    if texts and not is_erased(log, source, case_id):
        row = {"source": source, "case_id": case_id, "version": version, "texts": dict(texts)}
        log.execute(insert(case_text).values(**row))


def are_known(log: Connection, source: str, case_id: str, version: int, texts: Mapping[str, str]) -> bool:
    """Whether this version had just these texts, or they were erased."""
    mine = and_(_of(case_text, source, case_id), case_text.c.version == version)
    held = log.execute(select(case_text.c.texts).where(mine)).scalar_one_or_none()
    return dict(held or {}) == dict(texts) or is_erased(log, source, case_id)


def find_texts(log: Connection, source: str, case_id: str) -> tuple[Mapping[str, str], Mapping[str, Any] | None]:
    """The texts of the newest version that has any, and the erasure if there was one."""
    newest = select(case_text.c.texts).where(_of(case_text, source, case_id)).order_by(case_text.c.version.desc())
    held = log.execute(newest.limit(1)).scalar_one_or_none()
    last = select(erasure).where(_of(erasure, source, case_id)).order_by(erasure.c.position.desc()).limit(1)
    erased = log.execute(last).mappings().first()
    return dict(held or {}), None if erased is None else dict(erased)


def is_erased(log: Connection, source: str, case_id: str) -> bool:
    """Whether the texts of a case were erased."""
    return log.execute(select(erasure.c.position).where(_of(erasure, source, case_id)).limit(1)).first() is not None


def erase_texts(store: Store, source: str, case_id: str, author: str, reason: str) -> Erasure:
    """Take the texts of every version of a case, and of its hand-offs, out of the store; what was decided stays.

    On SQLite the bytes are overwritten and the journal is emptied before this returns; on PostgreSQL the rows are
    vacuumed. Backups and PostgreSQL's own journal are not reached. Errors: Refusal store_busy (also when a reader keeps
    the journal from being emptied: the texts are gone from the tables, ask again), store_down.
    """
    now = datetime.now(UTC)
    with writing(store.log) as log:
        lock_case(log, source, case_id)
        lock_name(log, ERASURES)
        rows = log.execute(delete(case_text).where(_of(case_text, source, case_id))).rowcount
        columns = (outcome.c.position, outcome.c.hand_offs)
        for position, hand_offs in log.execute(select(*columns).where(_of(outcome, source, case_id))).all():
            plain = without_texts(hand_offs)
            if plain != hand_offs:
                rows += 1
                values = {"hand_offs": plain, "digest": digest_of(plain)}
                log.execute(update(outcome).where(outcome.c.position == position).values(**values))
        entry = {"source": source, "case_id": case_id, "erased_at": now, "author": author, "reason": reason}
        log.execute(insert(erasure).values(**entry))
    scrub(store.log, (case_text.name, outcome.name))
    return Erasure(now, author, reason, rows)


def without_texts(hand_offs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Hand-offs as JSON members without their reasons and who recorded them."""
    return [{name: value for name, value in each.items() if name not in ("reason", "by")} for each in hand_offs]


def _of(table: Table, source: str, case_id: str) -> Any:
    return and_(table.c.source == source, table.c.case_id == case_id)
