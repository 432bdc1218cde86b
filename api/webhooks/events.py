"""What a webhook is told: an event for each decision of the log, in the log's order."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, and_, or_, select

from cases.log import Decision
from cases.tables import decision

DECIDED, REROUTED = "case.decided", "case.rerouted"
NAMES = uuid.UUID("5b0c2c1e-3f3a-4d5c-9b6e-8f0f3c2d7a41")
COLUMNS = [decision.c[name] for name in Decision.__slots__]


@dataclass(frozen=True, slots=True)
class Event:
    """A decision and the one that it takes the place of, None for the first on a case."""

    after: Decision
    before: Decision | None

    @property
    def id(self) -> str:
        """The same whenever and to whomever it is told, so that a receiver can drop what comes twice."""
        each = self.after
        said = (each.position, each.source, each.case_id, each.version, each.round, each.received_at.isoformat())
        return f"evt_{uuid.uuid5(NAMES, orjson.dumps(said).decode()).hex}"

    def concerns(self, owner: str) -> bool:
        """Whether the case lies, or lay, in a unit below this prefix; outside every unit it concerns all alone."""
        return any((each.unit or "").startswith(owner) for each in (self.after, self.before) if each is not None)

    @property
    def body(self) -> bytes:
        """The event as JSON."""
        after = self.after
        told: Mapping[str, Any] = {
            "id": self.id,
            "type": REROUTED if after.round else DECIDED,
            "at": _told_time(after.rerouted_at or after.received_at),
            "revision": after.revision,
            "case": {"source": after.source, "id": after.case_id, "version": after.version},
            "decision": {"before": None if self.before is None else _told(self.before), "after": _told(after)},
        }
        return orjson.dumps(told)


def _told(each: Decision) -> dict[str, Any]:
    """The routing without the cases that are similar, which may be none of the receiver's business."""
    return {name: value for name, value in each.routing.items() if name != "similar"}


def _told_time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_events(log: Connection, after: int, upto: int, limit: int) -> list[Event]:
    """The events behind a position, up to another one."""
    rows = select(*COLUMNS).where(decision.c.position > after, decision.c.position <= upto)
    found = [Decision(**row) for row in log.execute(rows.order_by(decision.c.position).limit(limit)).mappings()]
    return [Event(each, _before(log, each)) for each in found]


def _before(log: Connection, each: Decision) -> Decision | None:
    same = and_(decision.c.source == each.source, decision.c.case_id == each.case_id)
    earlier = and_(decision.c.version == each.version, decision.c.round < each.round)
    chosen = select(*COLUMNS).where(same, or_(decision.c.version < each.version, earlier))
    newest = chosen.order_by(decision.c.version.desc(), decision.c.round.desc()).limit(1)
    row = log.execute(newest).mappings().first()
    return None if row is None else Decision(**row)
