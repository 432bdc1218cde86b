"""Pairs of the lineage: checked as values, staged before the lock, copied under it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, MetaData, Table, insert, literal, select

from gis.errors import refuse
from gis.store.tables import lineage

LineageKind = Literal["split", "merge", "retire", "renumber", "transfer", "undo"]
CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Descent:
    """One pair of the lineage: `from_uid`, whose version ends, gives ground to `to_uid`, whose version begins.

    A thing that lives on with the same uid is not its own heir, so a pair names two uids.
    """

    from_uid: int
    to_uid: int
    kind: LineageKind


STAGED = Table("descents", MetaData(), *(column._copy() for column in lineage.c if column.name != "revision"))


def check_lineage(pairs: Sequence[Descent], ended: set[int], begun: set[int]) -> None:
    """Errors: Refusal lineage_wrong for a pair that does not lead, once, from what ends to another that begins."""
    seen: set[tuple[int, int]] = set()
    for each in pairs:
        pair = (each.from_uid, each.to_uid)
        if each.from_uid not in ended or each.to_uid not in begun or each.from_uid == each.to_uid or pair in seen:
            raise refuse(
                "lineage_wrong",
                f"The lineage from uid {pair[0]} to uid {pair[1]} must lead once from what ends to what begins.",
                f"沿革 {pair[0]} → {pair[1]} 无效：必须由终止的对象指向另一个新生效的对象，且只出现一次。",
                kind="conflict",
            )
        seen.add(pair)


def stage_lineage(connection: Connection, pairs: Sequence[Descent]) -> Table | None:
    """A temporary table of the pairs, None when there are none."""
    if not pairs:
        return None
    connection.exec_driver_sql("CREATE TEMPORARY TABLE descents AS SELECT * FROM lineage WHERE 1 = 0")
    rows = _as_rows(pairs)
    for start in range(0, len(rows), CHUNK):
        connection.execute(insert(STAGED), rows[start : start + CHUNK])
    return STAGED


def copy_lineage(connection: Connection, staged: Table, number: int) -> None:
    """The staged pairs as those of a revision."""
    names = ["from_uid", "to_uid", "kind"]
    new = select(literal(number), *(staged.c[name] for name in names))
    connection.execute(insert(lineage).from_select(["revision", *names], new))


def write_lineage(connection: Connection, pairs: Sequence[Descent], number: int) -> None:
    """A few pairs as those of a revision, without staging them."""
    if pairs:
        connection.execute(insert(lineage), [{"revision": number, **each} for each in _as_rows(pairs)])


def _as_rows(pairs: Sequence[Descent]) -> list[dict[str, Any]]:
    return [{"from_uid": each.from_uid, "to_uid": each.to_uid, "kind": each.kind} for each in pairs]
