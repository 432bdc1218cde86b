"""Reading versions: order, paging, filters, boxes."""

import json

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gis.store.engine import Store, reading
from gis.store.scope import EVERYTHING, Scope
from gis.store.versions import Box, Query, bounds, count, read_columns, read_rows
from grids.tables import department, unit
from tests.gis.store.ledger import (
    WEST,
    assert_index_is_whole,
    change,
    codes_at,
    department_row,
    put,
    rows_at,
    square,
    unit_row,
    wipe,
)

# A linguistic order would put a before B, é beside e and 2 beside ２; an order of UTF-16 would put 😀 before ﹏.
MIXED = [
    "b",
    "B",
    "a",
    "A",
    "é",
    "e",
    "10",
    "9",
    "Z",
    "_",
    "-",
    "区",
    "街",
    "一",
    "２",
    "2",
    "a b",
    "ab",
    "﹏",
    "😀",
    "~",
]
IN_BYTE_ORDER = sorted(MIXED, key=str.encode)

LETTERS = st.sampled_from("019aAbBzZ区街é😀﹏ -_")
CODES = st.lists(st.text(LETTERS, min_size=1, max_size=4), unique=True, max_size=12)
LOOSE = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_rows_come_in_the_byte_order_of_their_codes(store: Store) -> None:
    put(store, change(department, [department_row(n, code) for n, code in enumerate(MIXED)]))
    assert codes_at(store, department) == IN_BYTE_ORDER
    assert codes_at(store, department, 1) == IN_BYTE_ORDER


def test_rows_of_one_code_come_in_the_order_of_their_uids(store: Store) -> None:
    rows = [department_row(uid, "A", owner=owner) for uid, owner in ((3, "44"), (1, "4403"), (2, "440305"))]
    put(store, change(department, rows))
    assert [row["uid"] for row in rows_at(store, department)] == [1, 2, 3]


@LOOSE
@given(codes=CODES, size=st.integers(1, 5))
def test_paging_gives_every_row_once_by_key_and_by_offset(store: Store, codes: list[str], size: int) -> None:
    wipe(store, department)
    owners = ("44", "4403")
    rows = [department_row(2 * n + k, code, owner=o) for n, code in enumerate(codes) for k, o in enumerate(owners)]
    put(store, change(department, rows))
    expected = sorted(((row["code"], row["uid"]) for row in rows), key=lambda pair: (pair[0].encode(), pair[1]))
    by_key: list[tuple[str, int]] = []
    while len(by_key) <= len(expected) and (
        page := rows_at(store, department, after=by_key[-1] if by_key else None, limit=size)
    ):
        assert len(page) <= size
        by_key += [(row["code"], row["uid"]) for row in page]
    assert by_key == expected
    by_offset: list[tuple[str, int]] = []
    while page := rows_at(store, department, offset=len(by_offset), limit=size):
        by_offset += [(row["code"], row["uid"]) for row in page]
    assert by_offset == expected


def test_an_offset_needs_no_limit(store: Store) -> None:
    put(store, change(department, [department_row(n, f"D{n}") for n in range(4)]))
    assert codes_at(store, department, offset=3) == ["D3"]
    assert codes_at(store, department, limit=0) == []


@LOOSE
@given(codes=CODES, prefix=st.text(st.sampled_from("01aA区é%_"), max_size=3))
def test_a_prefix_means_the_codes_that_begin_with_it(store: Store, codes: list[str], prefix: str) -> None:
    wipe(store, department)
    put(store, change(department, [department_row(n, code) for n, code in enumerate(codes)]))
    assert set(codes_at(store, department, prefix=prefix)) == {code for code in codes if code.startswith(prefix)}


def test_a_query_may_name_values_one_or_many(store: Store) -> None:
    put(store, change(department, [department_row(n, f"D{n}", name=f"N{n % 2}") for n in range(4)]))
    assert codes_at(store, department, where={"name": "N1"}) == ["D1", "D3"]
    assert codes_at(store, department, where={"code": ["D0", "D3", "D9"], "name": "N1"}) == ["D3"]
    assert codes_at(store, department, where={"code": []}) == []


def test_a_scope_hides_what_it_does_not_allow_everywhere(store: Store) -> None:
    rows = [unit_row(n, code, square(n, 0)) for n, code in enumerate(["440305", "440306", "44"])]
    put(store, change(unit, rows))
    with reading(store.world) as connection:
        query = Query(Scope(("440305",)))
        assert [row["code"] for row in read_rows(connection, unit, query)] == ["44", "440305"]
        assert count(connection, unit, query) == 2
        assert bounds(connection, unit, query) == shapely.union(rows[0]["geom"], rows[2]["geom"]).bounds
        assert count(connection, unit, Query(Scope(()))) == 0


def test_bounds_of_nothing_are_none(store: Store) -> None:
    put(store, change(unit, [unit_row(1, "U1", None)]))
    with reading(store.world) as connection:
        assert bounds(connection, unit, Query(EVERYTHING)) is None
        assert bounds(connection, unit, Query(EVERYTHING, at=99)) is None


def test_columns_are_arrays_of_one_length(store: Store) -> None:
    documents = [{"a": 1}, [1, 2], [3, 4]]
    rows = [{**unit_row(n, f"U{n}", square(n, 0)), "attributes": documents[n]} for n in range(3)]
    put(store, change(unit, rows))
    with reading(store.world) as connection:
        columns = read_columns(connection, unit, Query(EVERYTHING), ["code", "geom", "attributes"])
        nothing = read_columns(connection, unit, Query(EVERYTHING, prefix="X"))
    assert list(columns) == ["code", "geom", "attributes"]
    assert all(column.shape == (3,) and column.dtype == object for column in columns.values())
    assert columns["attributes"].tolist() == documents
    assert shapely.equals_exact(columns["geom"], np.array([row["geom"] for row in rows])).all()
    assert nothing.keys() == {column.name for column in unit.c}
    assert all(column.shape == (0,) for column in nothing.values())


def test_a_row_is_an_ordinary_dict(store: Store) -> None:
    put(store, change(department, [department_row(1, "A")]))
    with reading(store.world) as connection:
        row = next(iter(read_rows(connection, department, Query(EVERYTHING))))
    assert json.loads(json.dumps(row))["code"] == "A"


# Boxes and shapes on a coarse lattice touch, coincide and degenerate often.
TICK = st.integers(0, 8).map(lambda n: round(WEST + n * 0.0005, 9))
FINE = st.floats(114.05, 114.054, allow_nan=False).map(lambda value: round(value, 9))
SIDE = TICK | FINE


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    xs, ys = sorted((draw(SIDE), draw(SIDE))), sorted((draw(SIDE), draw(SIDE)))
    return (xs[0], ys[0], xs[1], ys[1])


@st.composite
def shapes(draw: st.DrawFn) -> shapely.Geometry | None:
    corners = draw(st.lists(st.tuples(SIDE, SIDE), min_size=3, max_size=6, unique=True))
    kind = draw(st.sampled_from(["polygon", "hull", "point", "ring", "none"]))
    if kind == "none":
        return None
    if kind == "point":
        return shapely.Point(corners[0])
    if kind == "polygon":
        polygon = shapely.Polygon(corners)
        assume(polygon.is_valid and polygon.area > 0)
        return polygon
    hull = shapely.convex_hull(shapely.MultiPoint(corners))
    assume(hull.geom_type == "Polygon" and hull.area > 1e-10)
    if kind == "hull":
        return hull
    hole = shapely.set_precision(shapely.buffer(hull.centroid, hull.minimum_clearance / 20, quad_segs=1), 1e-9)
    ring = shapely.Polygon(hull.exterior, [hole.exterior] if hole.geom_type == "Polygon" and not hole.is_empty else [])
    assume(ring.is_valid)
    return ring


def as_shape(box: Box) -> shapely.Geometry:
    """The box as what it is: a point or a line when it has no width or no height."""
    west, south, east, north = box
    if west < east and south < north:
        return shapely.box(*box)
    return shapely.Point(west, south) if box[:2] == box[2:] else shapely.LineString([box[:2], box[2:]])


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    before=st.lists(shapes(), min_size=3, max_size=8),
    after=st.lists(shapes(), max_size=8),
    asked=st.lists(boxes(), min_size=4, max_size=8),
)
def test_a_box_finds_what_meets_it_now_and_in_history(
    store: Store, before: list[shapely.Geometry | None], after: list[shapely.Geometry | None], asked: list[Box]
) -> None:
    wipe(store, unit)
    put(store, change(unit, [unit_row(n, f"U{n:02}", shape) for n, shape in enumerate(before)]))
    changed = [unit_row(n, f"U{n:02}", shape) for n, shape in enumerate(after)]
    put(store, change(unit, changed, range(min(len(before), len(after)))))
    assert_index_is_whole(store)
    now = [*after, *before[len(after) :]]
    for box in asked:
        for at, there in ((None, now), (2, now), (1, before)):
            expected = [f"U{n:02}" for n, shape in enumerate(there) if shapely.intersects(shape, as_shape(box))]
            assert codes_at(store, unit, at, box=box) == expected, (at, box)


@pytest.mark.parametrize("at", [None, 1])
def test_a_box_that_only_touches_meets(store: Store, at: int | None) -> None:
    put(store, change(unit, [unit_row(1, "U1", shapely.box(114, 22, 115, 23))]))
    beside = np.nextafter(115.0, 116)
    assert codes_at(store, unit, at, box=(115, 22.5, 116, 22.6)) == ["U1"]
    assert codes_at(store, unit, at, box=(115, 23, 116, 24)) == ["U1"]
    assert codes_at(store, unit, at, box=(beside, 22.5, 116, 22.6)) == []
    assert codes_at(store, unit, at, box=(114.5, 22.5, 114.5, 22.5)) == ["U1"]
    assert codes_at(store, unit, at, box=(114.5, 21, 114.5, 24)) == ["U1"]
    assert codes_at(store, unit, at, box=(115.5, 21, 115.5, 24)) == []


def test_a_box_asks_the_shape_and_not_only_its_box(store: Store) -> None:
    corner = shapely.Polygon([(114, 22), (115, 22), (114, 23)])
    put(store, change(unit, [unit_row(1, "U1", corner)]))
    assert codes_at(store, unit, box=(114.9, 22.9, 115, 23)) == []
    assert codes_at(store, unit, box=(114.1, 22.1, 114.2, 22.2)) == ["U1"]


def test_the_whole_earth_finds_everything_that_has_a_shape(store: Store) -> None:
    put(store, change(unit, [unit_row(1, "U1", square(0, 0)), unit_row(2, "U2", None)]))
    assert codes_at(store, unit, box=(-180, -90, 180, 90)) == ["U1"]
    assert codes_at(store, unit, 1, box=(-180, -90, 180, 90)) == ["U1"]
