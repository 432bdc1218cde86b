"""Drafts of edits far from each other: looked at where they are, with all that lies around each, and no more."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.cover import TOUCHING_DEG
from gis.store.engine import Store, reading
from grids.drafts.clusters import ROOMY, clusters
from grids.drafts.findings import surroundings
from grids.drafts.publishing import Wanted, publish_draft
from grids.drafts.workbench import Workbench
from grids.edits.drafting import compose
from grids.edits.ground import Drafted, Held, after, bounds, enclosing
from grids.edits.split import split
from grids.edits.value import GAPS, UNITS, Edit, Feature
from grids.profiles import GBT
from tests.coverages import lattice
from tests.grids.drafts.conftest import DOORS, Begin, drafted, filled
from tests.grids.drafts.test_publishing import across, assert_sound
from tests.grids.edits.cities import BLANK, STREET, city, everything

BOXES = st.lists(st.tuples(*(st.integers(0, 1000),) * 2, *(st.integers(1, 20),) * 2), max_size=60)


def features(boxes: list[tuple[int, int, int, int]]) -> list[Feature]:
    shapes = [shapely.box(x, y, x + width, y + height) for x, y, width, height in boxes]
    shapes = [shapely.transform(shape, lambda xy: xy * 1e-4) for shape in shapes]
    return [Feature(UNITS, uid, str(uid), shape, {}) for uid, shape in enumerate(shapes, 1)]


def room(box: tuple[float, float, float, float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


@given(BOXES)
def test_every_feature_is_in_one_cluster_and_no_cluster_is_mostly_empty(boxes) -> None:
    given_ = features(boxes)
    found = clusters(given_)
    assert sorted(each.uid for group in found for each in group) == [each.uid for each in given_]
    for group in found:
        own = [bounds(each.shape) for each in group]
        middles = {(west + east, south + north) for west, south, east, north in own}
        assert room(enclosing(own)) <= max(1.01e-8, ROOMY * sum(map(room, own)) * 1.01) or len(middles) == 1


def scattered(ground: Held, seed: int) -> tuple[Drafted, Edit]:
    """A ground with some units split from west to east, and what that is as one edit."""
    rng = np.random.default_rng(seed)
    units = everything(ground)
    edits, now = [], after(ground, Edit((), ()))
    for index in rng.choice(len(units), 6, replace=False).tolist():
        west, south, east, north = bounds(units[index].shape)
        middle = (south + north) / 2
        edits.append(split(now, units[index].code, [(west - 1e-4, middle), (east + 1e-4, middle)]))
        now = after(now, edits[-1])
    return now, compose(edits)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_around_each_edit_all_units_are_known_that_touch_what_lies_beside_it(seed: int) -> None:
    now, edit = scattered(city(seed % 5, columns=30, rows=20, plain=True), seed)
    found = surroundings(now, edit)
    units = list(now.units((-180, -90, 180, 90)))
    known = {each.uid for each in found.around}
    tree = shapely.STRtree([each.shape for each in units])
    for each in (*found.touched, *found.beside):
        near = tree.query(each.shape, predicate="dwithin", distance=TOUCHING_DEG)
        assert {units[index].uid for index in near.tolist()} <= known
    assert len(known) < len(units) * 2 / 3  # how much is read around each edit is a choice; all of it is not


RIVER, BANK = 7, 6
"""The row of the river, and of the units on its bank."""


@pytest.fixture
def banks(made_url: str) -> Iterator[Store]:
    """A city of one street whose northern row is a river, one named gap along all of it."""
    columns = 31
    shapes, _ = lattice(columns, RIVER + 1, 3)
    units = [
        Feature(UNITS, n + 1, f"{STREET}{n // columns + 1:03d}{n % columns + 1:03d}", shape, {**BLANK})
        for n, shape in enumerate(shapes[: columns * RIVER])
    ]
    river = Feature(GAPS, 901, "river", shapely.coverage_union_all(shapes[columns * RIVER :]), {"name": "river"})
    yield from filled(made_url, Held.of(GBT, units, [river]))


def unit_at(column: int, row: int) -> str:
    return f"{STREET}{row + 1:03d}{column + 1:03d}"


def test_edits_on_the_bank_of_a_named_river_find_no_gap_where_nobody_looked(banks: Store) -> None:
    bench = Workbench(banks, DOORS)
    draft = drafted(banks)
    # What is read around these three encloses a unit of the bank that no edit is near.
    edits = [across(banks, unit_at(*cell)) for cell in ((8, BANK), (22, BANK), (15, BANK - 4))]
    work, _ = bench.add(draft.id, edits, "anna", None)
    with reading(banks.world) as connection:
        assert bench.check(connection, work).blocks == ()
    publish_draft(bench, draft.id, Wanted(work.draft.version, "anna"))


def test_a_scattered_draft_is_published_as_one_sound_revision(store: Store, bench: Workbench, begin: Begin) -> None:
    draft = begin()
    codes = (f"{STREET}001003", f"{STREET}001012", f"{STREET}002002", f"{STREET}002011")
    work, _ = bench.add(draft.id, [across(store, code) for code in codes], "anna", None)
    made = publish_draft(bench, draft.id, Wanted(work.draft.version, "anna"))
    assert made.revision.counts["unit"]["retired"] == len(codes)
    assert_sound(store)


def test_a_publication_leaves_the_connection_as_it_found_it(store: Store, bench: Workbench, begin: Begin) -> None:
    if store.dialect != "sqlite":
        pytest.skip("PostGIS has no such settings")
    names = ("cache_size", "wal_autocheckpoint")

    def told() -> list[Any]:
        with store.world.connect() as connection:
            return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    before = told()
    draft = begin()
    work, _ = bench.add(draft.id, [across(store, f"{STREET}001003")], "anna", None)
    publish_draft(bench, draft.id, Wanted(work.draft.version, "anna"))
    assert told() == before
