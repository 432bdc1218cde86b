"""Who sends for a webhook: one sender at a time, claimed by comparing and setting, as jobs are.

The number of the attempt is what a sender shows: once another one has claimed the webhook, nothing that the earlier one
says of it is taken. A claim that is not renewed lapses.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, func, or_, select, update

from api.webhooks.records import COLUMNS, Webhook
from api.webhooks.tables import webhook
from cases.tables import decision
from gis.store.engine import Store, reading, writing

PAUSES_S = (2, 10, 60, 300, 900, 3600)
"""Seconds until the next attempt after so many failures in a row; the last one holds for all that follow."""


def claim_webhook(store: Store, worker: str, lapse_s: float) -> Webhook | None:
    """Take the webhook that has waited longest of those with something behind their position, None without any."""
    now = datetime.now(UTC)
    others = webhook.alias("others")
    oldest = select(others.c.row_id).where(_is_due(others, now)).order_by(others.c.not_before).limit(1)
    with reading(store.log) as connection:  # asked every second: a writer of SQLite would keep others from writing
        if connection.execute(oldest).first() is None:
            return None
    # PostgreSQL passes over rows that another sender is just claiming; SQLite has one writer at a time.
    chosen = oldest.with_for_update(skip_locked=True).scalar_subquery()
    taken = (
        update(webhook)
        .where(webhook.c.row_id == chosen, _is_due(webhook, now))
        .values(worker=worker, deadline=now + timedelta(seconds=lapse_s), attempt=webhook.c.attempt + 1)
        .returning(*COLUMNS)
    )
    with writing(store.log) as connection:
        row = connection.execute(taken).mappings().first()
    return None if row is None else Webhook(**row)


def _is_due(table: FromClause, now: datetime) -> ColumnElement[bool]:
    is_free = or_(table.c.deadline.is_(None), table.c.deadline < now)
    newest = select(func.max(decision.c.position)).scalar_subquery()
    return and_(table.c.not_before <= now, is_free, table.c.position < newest)


def move_on(store: Store, claimed: Webhook, position: int, delivered: int, lapse_s: float) -> bool:
    """Say how far it has come, and go on; False when the claim is lost or the webhook removed."""
    now = datetime.now(UTC)
    values: dict[str, Any] = {"position": position, "deadline": now + timedelta(seconds=lapse_s)}
    if delivered:
        values |= {"delivered": webhook.c.delivered + delivered, "delivered_at": now, "failures": 0, "error": None}
    return _say(store, claimed, values)


def fail(store: Store, claimed: Webhook, failures: int, error: Mapping[str, Any]) -> bool:
    """Give it back until it is tried again, the later the more often it has failed."""
    now = datetime.now(UTC)
    pause = PAUSES_S[min(failures, len(PAUSES_S)) - 1]
    told = {**error, "at": now.isoformat(timespec="seconds")}
    return _say(
        store,
        claimed,
        {"failures": failures, "error": told, "not_before": now + timedelta(seconds=pause), **FREE},
    )


def give_back(store: Store, claimed: Webhook, pause_s: float = 0) -> bool:
    """Let others have their turn."""
    return _say(store, claimed, {"not_before": datetime.now(UTC) + timedelta(seconds=pause_s), **FREE})


FREE: Mapping[str, None] = {"worker": None, "deadline": None}


def _say(store: Store, claimed: Webhook, values: Mapping[str, Any]) -> bool:
    mine = update(webhook).where(webhook.c.row_id == claimed.row_id, webhook.c.attempt == claimed.attempt)
    with writing(store.log) as connection:
        return connection.execute(mine.where(webhook.c.worker == claimed.worker).values(**values)).rowcount == 1
