"""One history, published to SQLite and to PostGIS: every question has one answer."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from api.migrations import migrate
from gis.store.engine import Store, open_store, reading
from gis.store.revisions import list_revisions
from gis.store.scope import Scope
from gis.store.versions import Query, bounds, count, read_columns, read_rows
from grids.tables import department, unit
from tests.coverages import lattice
from tests.gis.store.ledger import assert_index_is_whole, change, department_row, put, unit_row

pytestmark = pytest.mark.postgis
FIRST = datetime(2021, 3, 4, 5, 6, 7, 890_123, tzinfo=UTC)


@pytest.fixture
def both(tmp_path: Path, postgis_url: str) -> Iterator[tuple[Store, Store]]:
    stores = open_store(f"sqlite:///{tmp_path / 'wangge.db'}"), open_store(postgis_url)
    for store in stores:
        migrate(store)
        tell_a_history(store)
    yield stores
    for store in stores:
        store.close()


def tell_a_history(store: Store) -> None:
    """Four revisions of 150 units in five owners, the same at every call."""
    random = np.random.default_rng(11)
    polygons, codes = lattice(15, 10, seed=3)
    owners = random.choice(["", "44", "4403", "440305", "4404"], len(codes))
    rows = [
        {**unit_row(n + 1, str(code), polygon, owner), "attributes": {"备注": "空格 ", "n": n / 3}}
        for n, (code, polygon, owner) in enumerate(zip(codes, polygons, owners.tolist(), strict=True))
    ]
    names = ["b", "A", "a", "é", "Z", "区", "10", "9"]
    people = [department_row(n, code, owner="44") for n, code in enumerate(names)]
    put(store, change(unit, rows), change(department, people), effective_at=FIRST)
    moved = [{**row, "geom": shapely.transform(row["geom"], lambda xy: np.round(xy + 0.0004, 9))} for row in rows[::7]]
    put(store, change(unit, moved, [row["uid"] for row in moved]), effective_at=FIRST + timedelta(days=1))
    put(store, change(unit, [], [row["uid"] for row in rows[::5]]), effective_at=FIRST + timedelta(days=2))
    back = [{**row, "code": f"x{row['code']}"} for row in rows[::10]]
    put(store, change(unit, back), effective_at=FIRST + timedelta(days=3))


def questions() -> Iterator[Query]:
    random = np.random.default_rng(5)
    corners = shapely.get_coordinates(lattice(15, 10, seed=3)[0])
    for _ in range(120):
        if random.random() < 0.5:  # from node to node, so that much only touches
            a, b = corners[random.integers(len(corners), size=2)]
        else:
            a, b = corners[random.integers(len(corners))] + random.uniform(-0.002, 0.002, (2, 2))
        if random.random() < 0.1:
            b = a
        box = (*np.minimum(a, b).tolist(), *np.maximum(a, b).tolist())
        owners = tuple(random.choice(["", "44", "4403", "440305", "45"], random.integers(1, 3)).tolist())
        at = random.choice([None, 1, 2, 3, 4])
        limit = random.choice([None, 5])
        yield Query(Scope(owners), at=at, box=box, limit=limit, prefix=str(random.choice(["", "440305", "x"])))


def plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.normalize().wkt if isinstance(value, shapely.Geometry) else value
        for name, value in row.items()
        if name != "row_id"
    }


def test_every_question_has_the_same_answer(both: tuple[Store, Store]) -> None:
    found = 0
    for query in questions():
        answers = []
        for store in both:
            with reading(store.world) as connection:
                rows = [plain(dict(row)) for row in read_rows(connection, unit, query)]
                columns = read_columns(connection, unit, query, ["code", "uid"])
                answers.append((rows, count(connection, unit, query), bounds(connection, unit, query)))
            assert columns["uid"].tolist() == [row["uid"] for row in rows]
        assert answers[0] == answers[1], query
        found += len(answers[0][0])
    assert found > 200


def test_both_keep_the_same_revisions(both: tuple[Store, Store]) -> None:
    kept = []
    for store in both:
        with reading(store.world) as connection:
            made = list_revisions(connection)
        kept.append([replace(each, recorded_at=each.effective_at) for each in made])
    assert kept[0] == kept[1]


def test_both_put_codes_in_the_same_order(both: tuple[Store, Store]) -> None:
    orders = []
    for store in both:
        with reading(store.world) as connection:
            rows = read_rows(connection, department, Query(Scope()))
            orders.append([row["code"] for row in rows])
    assert orders[0] == orders[1] == sorted(orders[0], key=str.encode)


def test_the_index_of_sqlite_holds_the_rows_in_force(both: tuple[Store, Store]) -> None:
    assert_index_is_whole(both[0])
