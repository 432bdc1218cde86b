"""Short ways to publish invented rows and to read them back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Table, delete, text, update

from gis.store.engine import Store, reading, writing
from gis.store.revisions import Change, Publication, Revision, current_head, publish
from gis.store.scope import EVERYTHING
from gis.store.tables import counter, revision
from gis.store.versions import Query, read_rows
from grids.tables import department, unit

WEST, SOUTH = 114.05, 22.54


def square(column: float, line: float, size: float = 0.001) -> Any:
    west, south = round(WEST + column * size, 9), round(SOUTH + line * size, 9)
    return shapely.box(west, south, round(west + size, 9), round(south + size, 9))


def unit_row(
    uid: int, code: str, geom: Any = None, owner: str | None = None, name: str | None = None
) -> dict[str, Any]:
    return {
        "uid": uid,
        "owner": code if owner is None else owner,
        "code": code,
        "name": name,
        "area_m2": 1.0,
        "initial_date": None,
        "end_date": None,
        "note": None,
        "attributes": None,
        "geom": geom,
    }


def department_row(uid: int, code: str, name: str = "x", owner: str = "44") -> dict[str, Any]:
    return {"uid": uid, "owner": owner, "code": code, "name": name, "parent": None, "ids": {}}


def change(table: Table, created: Iterable[Mapping[str, Any]] = (), retired: Iterable[int] = ()) -> Change:
    return Change(table, np.array(list(retired), dtype=np.int64), list(created))


def put(store: Store, *changes: Change, **rest: Any) -> Revision:
    """Publish on the head there is."""
    made, _held = publish(store, Publication(changes, "tester", **{"base": current_head(store), **rest}))
    return made


def put_departments(store: Store, codes: Sequence[str], first_uid: int, owner: str = "44") -> Revision:
    rows = [department_row(first_uid + index, code, owner=owner) for index, code in enumerate(codes)]
    return put(store, change(department, rows))


def rows_at(store: Store, table: Table, at: int | None = None, **query: Any) -> list[dict[str, Any]]:
    with reading(store.world) as connection:
        return [dict(row) for row in read_rows(connection, table, Query(EVERYTHING, at=at, **query))]


def codes_at(store: Store, table: Table, at: int | None = None, **query: Any) -> list[str]:
    return [row["code"] for row in rows_at(store, table, at, **query)]


def assert_index_is_whole(store: Store, table: Table = unit) -> None:
    """On SQLite: the R*Tree is sound and holds exactly the rows in force that have a geometry."""
    if store.dialect != "sqlite":
        return
    with reading(store.world) as connection:
        assert connection.execute(text(f"SELECT rtreecheck('{table.name}_rtree')")).scalar_one() == "ok"
        boxes = connection.execute(text(f"SELECT id, xmin, xmax, ymin, ymax FROM {table.name}_rtree")).all()
        rows = connection.execute(
            text(
                f"SELECT row_id, west, east, south, north FROM {table.name} "
                "WHERE to_revision IS NULL AND west IS NOT NULL"
            )
        ).all()
    assert sorted(box[0] for box in boxes) == sorted(row[0] for row in rows)
    exact = {row[0]: row[1:] for row in rows}
    for key, xmin, xmax, ymin, ymax in boxes:
        west, east, south, north = exact[key]
        assert xmin <= west <= east <= xmax
        assert ymin <= south <= north <= ymax


def wipe(store: Store, *tables: Table) -> None:
    """As after the first migration: a property test begins every example with it."""
    with writing(store.world) as connection:
        for table in (*tables, revision):
            connection.execute(delete(table))
            if store.dialect == "sqlite" and table.info.get("spatial"):
                connection.execute(text(f"DELETE FROM {table.name}_rtree"))
        connection.execute(update(counter).values(revision=0))
