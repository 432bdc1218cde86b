"""Take a revision back: checked against everything that stands in force, published only when asked."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from cases.rules import check, from_row
from cases.tables import rule
from components.catalogue import read_classes
from components.tables import component, local_class
from gis.delivery import with_uids
from gis.errors import Fault, Refusal
from gis.store.engine import Store, reading
from gis.store.revisions import Publication, Revision, publish, read_settings
from gis.store.scope import EVERYTHING
from grids.profiles import FREE, read_profile
from grids.tables import area_layer, department, division
from grids.undo import MOST, Undo, in_use, undo


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo is made of and, when it was published, its revision and the seconds that the lock was held."""

    undo: Undo
    revision: Revision | None = None
    held_s: float = 0.0


def run_undo(store: Store, number: int, author: str, note: str = "", commit: bool = False) -> Undone:
    """The inverse of a revision; with `commit` published as a new one.

    Errors: Refusal of `grids.undo.undo`; undo_in_use and those of a rule book that would no longer hold; store_changed.
    """
    with reading(store.world) as connection:
        made = undo(connection, number)
        _check_classes(connection, made)
        _check_rules(connection, made)
    if not commit or not made.changes:
        return Undone(made)
    made = replace(made, changes=with_uids(store, made.changes))
    publication = Publication(
        made.changes, author, note or f"undo of revision {number}", made.base, lineage=made.lineage
    )
    revision, held = publish(store, publication)
    return Undone(made, revision, held)


def _classes(connection: Connection, made: Undo) -> set[tuple[str, str, str]]:
    """Edition, kind and code of every class that there would be."""
    local = {(row["edition"], row["kind"], row["code"]) for row in made.rows_after(connection, local_class)}
    now = set(read_classes(connection, EVERYTHING, made.base))
    for change in (each for each in made.changes if each.table is local_class):
        ended = set(change.retired.tolist())
        stored = connection.execute(local_class.select().where(local_class.c.to_revision.is_(None))).mappings()
        now -= {(row["edition"], row["kind"], row["code"]) for row in stored if row["uid"] in ended}
    return now | local


def _check_classes(connection: Connection, made: Undo) -> None:
    if not made.retired(local_class):
        return
    known = _classes(connection, made)
    faults: list[Fault] = []
    for row in made.rows_after(connection, component):
        if (row["edition"], "component", row["class_code"]) not in known and len(faults) < MOST:
            faults.append(in_use("component", row["code"], f"{row['edition']} {row['class_code']}"))
    if faults:
        raise Refusal(faults, "conflict")


def _check_rules(connection: Connection, made: Undo) -> None:
    """Errors: Refusal of the rules that would name what is no more."""
    if not any(made.retired(table) for table in (department, area_layer, division, local_class)):
        return
    profile = read_profile(read_settings(connection).get("profile", FREE.name))
    faults = check(
        [from_row(row["document"]) for row in made.rows_after(connection, rule)],
        {row["code"] for row in made.rows_after(connection, department)},
        {row["code"] for row in made.rows_after(connection, area_layer)},
        {level.id for level in profile.levels},
        {row["code"] for row in made.rows_after(connection, division)},
        _classes(connection, made),
    )
    errors = [fault for fault in faults if fault.severity == "error"]
    if errors:
        raise Refusal(errors[:MOST], "conflict")
