"""What the edit of a draft changes in the tables of the store."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import numpy as np
from sqlalchemy import Table

from gis.store.revisions import Change
from grids.drafts.doors import Doors
from grids.edits.drafting import placeholders, with_uids
from grids.edits.value import UNITS, Edit
from grids.features import row_of, table_of
from grids.profiles import CodeProfile


def settled(allocate: Callable[[int], range], edit: Edit) -> Edit:
    """The edit with a uid for each new thing; they are lost if it is not published, which is fine."""
    new = placeholders(edit)
    return with_uids(edit, dict(zip(new, allocate(len(new)), strict=True))) if new else edit


def dated(edit: Edit, since: datetime) -> Edit:
    """The edit with the day since which it holds as the initial date of new units, where they have none."""
    gone = {each.key for each in edit.ended}
    day = since.date().isoformat()

    def begins(attributes: dict[str, object]) -> dict[str, object]:
        return {**attributes, "initial_date": attributes.get("initial_date") or day}

    begun = tuple(
        replace(each, attributes=begins(dict(each.attributes)))
        if each.layer == UNITS and each.key not in gone
        else each
        for each in edit.begun
    )
    return replace(edit, begun=begun)


def changes_of(edit: Edit, doors: Doors, profile: CodeProfile) -> tuple[Change, ...]:
    """One change for each table that the edit concerns."""
    tables: dict[str, Table] = {}
    others = {name: door.table for name, door in doors.by_layer.items()}
    retired: dict[str, list[int]] = {}
    created: dict[str, list[dict[str, object]]] = {}
    for each in (*edit.ended, *edit.begun):
        table = table_of(each.layer, others)
        tables[table.name] = table
    for each in edit.ended:
        retired.setdefault(table_of(each.layer, others).name, []).append(each.uid)
    for each in edit.begun:
        table = table_of(each.layer, others)
        created.setdefault(table.name, []).append(row_of(each, table, profile))
    return tuple(
        Change(table, np.array(retired.get(name, []), dtype=np.int64), created.get(name, []))
        for name, table in tables.items()
    )
