"""The inventory of the next revision from the one before: the same, to the last bit, as one made of all anew."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from components.lookup import (
    COLUMNS,
    Inventory,
    advance_inventory,
    load_inventory,
    make_inventory,
    renew_inventory,
)
from components.tables import component
from gis.heap.lines import MemoryHeap
from gis.store.engine import Store, reading
from gis.store.revisions import Change, Publication, allocate_uids, current_head, publish
from tests.api.small_world import make_world

NAMES = [name for name in COLUMNS if name not in ("code", "geom")]
PLACES = st.tuples(*(st.integers(0, 50),) * 2).map(lambda xy: (114 + xy[0] * 1e-4, 22.5 + xy[1] * 1e-4))
SHAPES = st.one_of(
    PLACES.map(shapely.Point),
    PLACES.map(lambda xy: shapely.LineString([xy, (xy[0] + 1e-4, xy[1])])),
    PLACES.map(lambda xy: shapely.box(*xy, xy[0] + 1e-4, xy[1] + 1e-4)),
    PLACES.map(lambda xy: shapely.MultiPoint([xy, (xy[0], xy[1] + 1e-4)])),
)
ROWS = st.fixed_dictionaries(
    {
        "code": st.sampled_from(["a", "b", "B", "灯", "灯1", "\U00010000", "\uffee", "z"]),
        "edition": st.sampled_from(["2026", "2013"]),
        "class_code": st.sampled_from(["01001", "01002", "0101"]),
        "state": st.sampled_from([None, "完好", "破损"]),
        "supervisor_code": st.sampled_from([None, "S"]),
        "owner_code": st.sampled_from([None, "O1", "O2"]),
        "maintainer_code": st.just(None),
        "accuracy_m": st.sampled_from([None, 0.5, 10.0]),
        "geom": SHAPES,
    }
)
STEPS = st.lists(st.dictionaries(st.integers(1, 12), st.one_of(st.none(), ROWS), max_size=5), min_size=1, max_size=5)


def columns(rows: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """Rows by uid as the store gives them: by code in byte order, then by uid."""
    order = sorted(rows, key=lambda uid: (rows[uid]["code"].encode(), uid))
    return {name: np.fromiter((rows[uid][name] for uid in order), dtype=object, count=len(order)) for name in COLUMNS}


def assert_same(one: Inventory, other: Inventory) -> None:
    """Whether two inventories have the same arrays."""
    assert {name: each.to_pylist() for name, each in one.columns.items()} == {
        name: each.to_pylist() for name, each in other.columns.items()
    }
    assert one.index.classes == other.index.classes
    pairs = [
        (one.accuracy_m, other.accuracy_m),
        *((getattr(one.names, name), getattr(other.names, name)) for name in ("slots", "text", "offsets")),
        *(
            (getattr(one.index.paths, name), getattr(other.index.paths, name))
            for name in ("coords", "coord_starts", "path_starts")
        ),
        (one.index.solid, other.index.solid),
        *zip(one.index.single, other.index.single, strict=True),
        (one.index.others.members, other.index.others.members),
        (one.index.others.numbers, other.index.others.numbers),
    ]
    for mine, its in pairs:
        assert mine.dtype == its.dtype
        np.testing.assert_array_equal(mine, its)
    assert one.index.others.wkb() == other.index.others.wkb()


@settings(max_examples=60, deadline=None)
@given(STEPS, st.booleans())
def test_an_inventory_advanced_step_by_step_is_the_one_made_anew(
    steps: list[dict[int, dict[str, Any] | None]], is_read: bool
) -> None:
    rows: dict[int, dict[str, Any]] = {}
    inventory = make_inventory(columns(rows))
    for step in steps:
        codes = {rows[uid]["code"] for uid in step if uid in rows} | {row["code"] for row in step.values() if row}
        rows = {uid: row for uid, row in {**rows, **step}.items() if row is not None}
        inventory = renew_inventory(
            inventory, codes, columns({uid: row for uid, row in rows.items() if row["code"] in codes})
        )
        assert_same(inventory, make_inventory(columns(rows)))
        if is_read:  # as the next process finds it
            heap = MemoryHeap()
            inventory = Inventory.read(heap, inventory.tell(heap))


@pytest.fixture
def world(store_url: str, tmp_path: Path) -> Any:
    (tmp_path / "files").mkdir()
    store = make_world(store_url, tmp_path / "files")
    yield store
    store.close()


def test_a_revision_that_changes_few_components_reads_these_alone(
    world: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = current_head(world)
    with reading(world.world) as connection:
        before = load_inventory(connection, since)
    uids = allocate_uids(world, 40)
    rows = [
        {
            "uid": uid,
            **dict.fromkeys(column.name for column in component.c if column.name not in ("row_id", "uid")),
            "owner": "",
            "code": f"c{number % 30}" if number < 39 else "44030501037000001",
            "edition": "2026",
            "class_code": "01001",
            "name": "井盖",
            "geom": shapely.Point(114 + number * 1e-4, 22.5),
        }
        for number, uid in enumerate(uids[:30])
    ]
    rows = [{name: row[name] for name in row if name not in ("from_revision", "to_revision")} for row in rows]
    publish(world, Publication([Change(component, np.array([], dtype=np.int64), rows)], "test", base=since))
    first = current_head(world)
    moved = [{**row, "geom": shapely.Point(114.02, 22.51)} for row in rows[:3]]
    gone = np.array([row["uid"] for row in (*moved, rows[9])], dtype=np.int64)
    publish(world, Publication([Change(component, gone, moved)], "test", base=first))
    monkeypatch.setattr("components.lookup.load_inventory", None)
    with reading(world.world) as connection:
        for start, inventory in ((since, before), (first, None)):
            inventory = inventory or load_inventory(connection, start)
            assert_same(
                advance_inventory(connection, inventory, start, first + 1), load_inventory(connection, first + 1)
            )
