"""Proposals (待审核): deeds that wait for an editor, kept in the log.

Whether one was accepted is settled in the world: its ticket is written under the lock with the revision that does it,
so that it is done once at most, and the log follows. Who reads proposals settles what a crash left open.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select, update

from components.deeds import Deed, Kind
from components.tables import proposal
from gis.errors import Fault, Refusal, refuse
from gis.store.engine import Store, reading, writing
from gis.store.tables import ticket

STATES = ("open", "accepted", "rejected", "withdrawn")
TICKET = "proposal:"
LONGEST_TEXT = 2000
AT_ONCE = 500
LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposal. `unit` holds the place at which the component stands, or is to stand; `place` is GeoJSON."""

    position: int
    id: str
    state: str
    deed: Kind
    owner: str
    unit: str | None
    code: str | None
    edition: str
    class_code: str
    uid: int | None
    version: int | None
    document: Mapping[str, Any]
    place: Mapping[str, Any] | None
    reason: str
    author: str
    author_name: str
    made_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    answer: str | None
    revision: int | None

    def as_deed(self) -> Deed:
        values, geometry = self.document["values"], self.document["geometry"]
        return Deed(self.deed, self.owner, self.code, values, geometry, self.uid, self.version)

    def as_dict(self) -> dict[str, Any]:
        """JSON members; `where` is the place."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in ("position", "document", "place")}
        return {**plain, "values": self.document["values"], "geometry": self.document["geometry"], "where": self.place}


@dataclass(frozen=True, slots=True)
class Which:
    """Which proposals are meant; what is None or empty does not matter.

    `prefix` is that of the reader: what is kept, or stands, below it. `division` begins the unit.
    """

    state: str | None = "open"
    prefix: str = ""
    division: str = ""
    edition: str | None = None
    class_code: str | None = None
    author: str | None = None
    code: str | None = None
    deed: str | None = None
    ids: tuple[str, ...] | None = None


COLUMNS = [proposal.c[name] for name in Proposal.__slots__]


def make_proposal(
    store: Store,
    deed: Deed,
    edition: str,
    class_code: str,
    unit: str | None,
    place: Mapping[str, Any] | None,
    reason: str,
    author: tuple[str, str],
) -> Proposal:
    """Put a deed down for an editor; `author` is who and how they are called. Errors: Refusal text_too_long."""
    check_text(reason)
    row = {
        "id": secrets.token_hex(8),
        "state": "open",
        "deed": deed.kind,
        "owner": deed.owner,
        "unit": unit,
        "code": deed.code,
        "edition": edition,
        "class_code": class_code,
        "uid": deed.uid,
        "version": deed.version,
        "document": {"values": dict(deed.values), "geometry": deed.geometry},
        "place": place,
        "reason": reason,
        "author": author[0],
        "author_name": author[1],
        "made_at": datetime.now(UTC),
    }
    with writing(store.log) as connection:
        made = connection.execute(insert(proposal).values(**row).returning(*COLUMNS)).mappings().one()
    return Proposal(**made)


def list_proposals(store: Store, which: Which, limit: int, after: int | None = None) -> list[Proposal]:
    """The proposals that are meant, the oldest first, behind the position `after`."""
    clauses = _clauses(which)
    if after is not None:
        clauses.append(proposal.c.position > after)
    chosen = select(*COLUMNS).where(*clauses).order_by(proposal.c.position).limit(limit)
    with reading(store.log) as log:
        found = [Proposal(**row) for row in log.execute(chosen).mappings()]
    if settle(store, [each.id for each in found if each.state == "open"]):
        return list_proposals(store, which, limit, after)
    return found


def find_proposal(store: Store, proposal_id: str, prefix: str = "") -> Proposal:
    """One proposal that a reader may see. Errors: Refusal proposal_unknown."""
    found = list_proposals(store, Which(None, prefix, ids=(proposal_id,)), 1)
    if not found:
        raise unknown(proposal_id)
    return found[0]


def write_tickets(connection: Connection, ids: Sequence[str], number: int) -> None:
    """Mark proposals as accepted, in the transaction that publishes. Errors: Refusal proposal_closed."""
    if not ids:
        return
    known = _tickets(connection, ids)
    if known:
        taken, number = next(iter(known.items()))
        raise refuse(
            "proposal_closed",
            f"The proposal {taken} was accepted as revision {number} already.",
            f"提议 {taken} 已被接受（版本 {number}）。",
            kind="conflict",
            thing=taken,
        )
    connection.execute(insert(ticket), [{"name": TICKET + each, "revision": number} for each in ids])


def read_closed(log: Connection, ids: Sequence[str]) -> list[Proposal]:
    """Those of some proposals, at most a few hundred, that are not open any more."""
    chosen = select(*COLUMNS).where(proposal.c.id.in_(ids), proposal.c.state != "open")
    return [Proposal(**row) for row in log.execute(chosen).mappings()]


def close(store: Store, ids: Collection[str], state: str, by: str, answer: str = "") -> list[str]:
    """Say that open proposals were rejected or withdrawn; those that were."""
    closed = []
    with writing(store.log) as log:
        for each in ids:
            meant = proposal.c.id == each, proposal.c.state == "open"
            said = {"state": state, "decided_by": by, "decided_at": datetime.now(UTC), "answer": answer}
            if log.execute(update(proposal).where(*meant).values(**said)).rowcount:
                closed.append(each)
    return closed


def accepted(store: Store, codes: Mapping[str, str], revision: int, by: str | None) -> None:
    """Let the log know what the world has: proposals accepted with a revision, with the codes that they got."""
    now = datetime.now(UTC)
    with writing(store.log) as log:
        for each, code in codes.items():
            said: dict[str, Any] = {"state": "accepted", "revision": revision, "decided_by": by, "decided_at": now}
            if code:
                said["code"] = code
            log.execute(update(proposal).where(proposal.c.id == each).values(**said))


def settle(store: Store, ids: Sequence[str]) -> bool:
    """Tell the log of those among open proposals that the world has tickets of; whether there were any."""
    if not ids:
        return False
    with reading(store.world) as world:
        known = _tickets(world, ids)
    for each, number in known.items():
        accepted(store, {each: ""}, number, None)
    return bool(known)


def check_open(found: Proposal) -> None:
    """Errors: Refusal proposal_closed."""
    if found.state != "open":
        raise closed(found)


def closed(found: Proposal) -> Refusal:
    """The refusal to decide what was decided."""
    zh = {"accepted": "已被接受", "rejected": "已被驳回", "withdrawn": "已撤回"}.get(found.state, found.state)
    return refuse(
        "proposal_closed",
        f"The proposal {found.id} was {found.state} already.",
        f"提议 {found.id} {zh}。",
        kind="conflict",
        thing=found.id,
    )


def unknown(proposal_id: str) -> Refusal:
    shown = proposal_id[:60]
    return refuse(
        "proposal_unknown", f"There is no proposal {shown}.", f"没有提议 {shown}。", kind="missing", thing=shown
    )


def check_text(text: str) -> None:
    """Errors: Refusal text_too_long."""
    if len(text) > LONGEST_TEXT:
        raise Refusal(
            Fault(
                "text_too_long",
                f"A reason has at most {LONGEST_TEXT} characters.",
                f"理由最多 {LONGEST_TEXT} 个字符。",
            )
        )


def _tickets(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    names = [TICKET + each for each in ids]
    for start in range(0, len(names), AT_ONCE):
        chosen = select(ticket.c.name, ticket.c.revision).where(ticket.c.name.in_(names[start : start + AT_ONCE]))
        found |= {row.name.removeprefix(TICKET): row.revision for row in connection.execute(chosen)}
    return found


def _clauses(which: Which) -> list[ColumnElement[bool]]:
    table = proposal.c
    equal = {"state": which.state, "edition": which.edition, "class_code": which.class_code, "code": which.code}
    clauses = [table[name] == value for name, value in {**equal, "deed": which.deed}.items() if value is not None]
    if which.author is not None:
        clauses.append(or_(table.author == which.author, table.author_name == which.author))
    if which.ids is not None:
        clauses.append(table.id.in_(which.ids))
    if which.prefix:
        clauses.append(or_(_begins(table.unit, which.prefix), _begins(table.owner, which.prefix)))
    if which.division:
        clauses.append(_begins(table.unit, which.division))
    return clauses


def _begins(column: ColumnElement[Any], prefix: str) -> ColumnElement[bool]:
    return and_(column >= prefix, column < prefix + LAST)
