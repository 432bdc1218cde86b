"""A layer that grew by changes gives the tiles of one that was read anew, byte for byte."""

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tiles import growth, ranks
from tiles.growth import Growth
from tiles.matrix import covering
from tiles.vector import TileSource

WEST, SOUTH, SIDE = 114.0, 22.5, 0.002
ZOOMS = (0, 8, 12, 13, 15, 16, 18)

Row = tuple[str, int, Any, str | None, float]


def column(values: list[Any]) -> NDArray[Any]:
    return np.fromiter(values, dtype=object, count=len(values))


def parts(rows: list[Row]) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64], dict[str, NDArray[Any]]]:
    names, uids, shapes, notes, numbers = (list(each) for each in zip(*rows, strict=True)) if rows else ([],) * 5
    columns = {"code": column(names), "note": column(notes), "area": column(numbers)}
    return column(names), column(shapes), np.array(uids, dtype=np.int64), columns


def grown(rows: list[Row], version: int = 1) -> Growth:
    return Growth(version, *parts(sorted(rows, key=lambda row: row[:2])))


def anew(rows: list[Row]) -> TileSource:
    _, shapes, uids, columns = parts(sorted(rows, key=lambda row: row[:2]))
    return TileSource.build(shapes, uids, columns)


def advance(layer: Growth, version: int, gone: list[int], rows: list[Row]) -> TileSource | None:
    return layer.advance(version, np.array(gone, dtype=np.int64), *parts(rows))


def tiles_around(zoom: int) -> list[tuple[int, int, int]]:
    return covering((WEST - SIDE, SOUTH - SIDE, WEST + 9 * SIDE, SOUTH + 9 * SIDE), zoom)[:30]


def box(column: int, row: int, wide: float = 1.0) -> Any:
    west, south = WEST + column * SIDE, SOUTH + row * SIDE
    return shapely.box(west, south, west + wide * SIDE, south + SIDE)


places = st.integers(1, 20)
shapes = st.one_of(
    st.builds(box, st.integers(0, 7), st.integers(0, 7), st.sampled_from([0.001, 0.5, 1.0, 3.0])),
    st.builds(lambda c, r: shapely.Point(WEST + c * SIDE / 3, SOUTH + r * SIDE / 3), places, places),
    st.builds(lambda c, r: shapely.LineString([(WEST, SOUTH), (WEST + c * SIDE, SOUTH + r * SIDE)]), places, places),
    st.none(),
)
features = st.tuples(
    st.sampled_from(["a", "ab", "b", "单元", "440305001001001", "440305001001001-a-very-long-name"]),
    shapes,
    st.sampled_from([None, "x", "备注", "440305001001001"]),
    st.sampled_from([0.0, -0.0, 1.0, 2.5, float("nan")]),
)
steps = st.lists(st.tuples(st.lists(st.integers(0, 30), max_size=3), st.lists(features, max_size=4)), max_size=6)


@settings(max_examples=60, deadline=None)
@given(first=st.lists(features, max_size=8), steps=steps)
def test_tiles_after_any_changes_are_those_of_a_source_built_anew(first: Any, steps: Any) -> None:
    rows = {uid: (name, uid, *rest) for uid, (name, *rest) in enumerate(first)}
    layer, next_uid = grown(list(rows.values())), len(rows)
    kept: list[tuple[int, TileSource, dict[tuple[int, int, int], bytes]]] = []
    for version, (touched, new) in enumerate(steps, 2):
        gone = sorted({sorted(rows)[each % len(rows)] for each in touched} if rows else set())
        for uid in gone:
            del rows[uid]
        begun = []
        for name, *rest in new:
            uid = gone[0] if gone and len(begun) == 0 else next_uid  # the first that ends goes on as another
            next_uid += uid == next_uid
            begun.append((name, uid, *rest))
        rows |= {row[1]: row for row in begun}
        source, fresh = advance(layer, version, gone, begun), anew(list(rows.values()))
        assert source is not None
        assert len(source) == len(fresh)
        made = {}
        for zoom in ZOOMS:
            for tile in tiles_around(zoom):
                made[tile] = source.encode("units", *tile)
                assert made[tile] == fresh.encode("units", *tile)
                assert source.encode("units", *tile, ["note"]) == fresh.encode("units", *tile, ["note"])
        for earlier, before, its in kept:
            for tile, former in its.items():
                assert before.encode("units", *tile) == former  # what was handed out stays as it was
                if layer.is_same(*tile, earlier, version):
                    assert former == made[tile]
        kept.append((version, source, made))


def test_a_change_elsewhere_leaves_a_tile_the_same_and_one_within_does_not() -> None:
    layer = grown([("a", 1, box(0, 0), None, 1.0), ("b", 2, box(7, 7), None, 1.0)])
    advance(layer, 2, [2], [("b", 2, box(7, 7, 0.5), None, 1.0)])
    near, far = (covering(shapely.bounds(box(at, at, 0.1)).tolist(), 18)[0] for at in (7, 0))
    assert layer.is_same(*far, 1, 2)
    assert layer.is_same(*far, 2, 1)
    assert not layer.is_same(*near, 1, 2)
    assert layer.is_same(*near, 2, 2)


def test_many_names_between_the_same_two_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "GAP", 4)
    rows: list[Row] = [("a", 1, box(0, 0), None, 1.0), ("z", 2, box(1, 0), None, 1.0)]
    layer = grown(rows)
    for at in range(40):
        rows.append((f"m{at:03}", 3 + at, box(at % 8, 1 + at // 8), None, 1.0))
        source = advance(layer, 2 + at, [], rows[-1:])
        assert source is not None
    fresh = anew(rows)
    for zoom in (12, 15):
        for tile in tiles_around(zoom):
            assert source.encode("units", *tile) == fresh.encode("units", *tile)


def test_an_index_of_many_added_features_is_made_again_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "FEW", 3)
    rows: list[Row] = [("a", 1, box(0, 0), None, 1.0)]
    layer = grown(rows)
    for at in range(12):
        gone, *rows = rows
        rows += [(f"m{at}", 2 + at, box(at % 8, 0), "x", float(at)), (f"n{at}", 50 + at, box(at % 8, 1), "y", 2.0)]
        source, fresh = advance(layer, 2 + at, [gone[1]], rows[-2:]), anew(rows)
        assert source is not None
        for tile in tiles_around(15):
            assert source.encode("u", *tile) == fresh.encode("u", *tile)


def test_what_is_not_there_cannot_end_and_too_much_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = grown([("a", 1, box(0, 0), None, 1.0)])
    with pytest.raises(ValueError, match="only 0 are there"):
        advance(layer, 2, [7], [])
    monkeypatch.setattr(growth, "LARGE", 2)
    assert advance(layer, 2, [1], [(str(at), 10 + at, box(at, 0), None, 1.0) for at in range(2)]) is None
    assert layer.version == 1


def test_features_in_another_order_are_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="order"):
        Growth(1, *parts([("b", 1, None, None, 1.0), ("a", 2, None, None, 1.0)]))
