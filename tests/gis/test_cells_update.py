from typing import Any

import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.cells.layout import LINES
from gis.heap.lines import WORDS, FileHeap, MemoryHeap, PrivateHeap
from gis.locate import OutOfFrame, PolygonIndex, Turnover
from tests.coverages import lattice
from tests.gis.hard_points import differences, hard_points


def codes_of(count: int) -> np.ndarray:
    return np.array([f"{k:05d}" for k in range(count)])


def held_everywhere(index: PolygonIndex, polygons: dict[int, Any], codes: dict[int, str], seed: int) -> list[str]:
    """Where the index and one that is built anew from the same polygons disagree."""
    slots = sorted(polygons)
    shapes = np.array([polygons[slot] for slot in slots], dtype=object)
    fresh = PolygonIndex.build(shapes, np.array([codes[slot] for slot in slots]))
    points = hard_points(shapes, index.cells, 60, seed)
    assert differences(fresh, shapes, points) == []
    found = []
    for name in ("holders", "lowest", "near", "edge_distance"):
        of, anew = (
            getattr(each, name)(points, 9.0) if name == "near" else getattr(each, name)(points)
            for each in (index, fresh)
        )
        if name == "lowest":
            anew = np.where(anew < 0, -1, np.array(slots)[anew])
        if name in ("holders", "near"):
            anew = (anew[0], np.array(slots)[anew[1]], *anew[2:])
        if not all(
            np.array_equal(one, other) for one, other in zip(np.atleast_2d(of), np.atleast_2d(anew), strict=True)
        ):
            found.append(name)
    return found


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_an_index_after_any_changes_answers_as_one_built_anew(data):
    shapes, _ = lattice(6, 5, 2)
    polygons = dict(enumerate(shapes))
    codes = dict(enumerate(codes_of(len(shapes)).tolist()))
    index = PolygonIndex.build(shapes, codes_of(len(shapes)))
    free = len(shapes)
    for step in range(data.draw(st.integers(1, 4))):
        slots = data.draw(st.lists(st.sampled_from(sorted(polygons)), min_size=1, max_size=3, unique=True))
        emptied, given_to = [], {}
        for slot in slots:
            deed = data.draw(st.sampled_from(["empty", "shrink", "split", "hole"]))
            polygon = polygons.pop(slot)
            west, south, east, north = polygon.bounds
            middle = (west + east) / 2
            if deed == "empty":
                emptied.append(slot)
            elif deed == "split":
                emptied.append(slot)
                for half in (shapely.box(west, south, middle, north), shapely.box(middle, south, east, north)):
                    given_to[free] = half
                    codes[free] = f"{data.draw(st.integers(0, 99)):02d}-{free}"
                    free += 1
            else:
                core = shapely.affinity.scale(polygon, 0.4, 0.4)
                given_to[slot] = core if deed == "shrink" else shapely.Polygon(polygon.exterior, [core.exterior])
        polygons |= given_to
        change = Turnover(
            tuple(emptied),
            tuple(given_to),
            np.array(list(given_to.values()), dtype=object),
            tuple(codes[slot] for slot in given_to),
            untidy=True,
        )
        index, built = index.update(change)
        assert built <= len(np.unique(index.cells.kernel[1]))
        assert held_everywhere(index, polygons, codes, step) == []


def test_a_change_writes_the_blocks_that_it_touches_and_none_else():
    shapes, _ = lattice(60, 60, 2)
    index = PolygonIndex.build(shapes, codes_of(len(shapes)), trusted=True)
    changed, built = index.update(Turnover((0,), (), np.empty(0, dtype=object), ()))
    before, after = index.cells.kernel[1], changed.cells.kernel[1]
    assert 0 < built == np.count_nonzero(before != after) < len(before) / 4
    inside = shapely.get_coordinates(shapely.point_on_surface(shapes[:2]))
    assert index.lowest(inside).tolist() == [0, 1]  # whoever holds the former index sees what was
    assert changed.lowest(inside).tolist() == [-1, 1]
    assert [changed.codes[0], changed.codes[1]] == ["", "00001"]


def test_blocks_after_changes_are_those_of_an_index_built_anew_to_the_byte():
    shapes, _ = lattice(20, 20, 2)
    codes = codes_of(len(shapes))
    moved = shapely.union(shapes[21], shapes[22]).normalize()
    index = PolygonIndex.build(shapes, codes, trusted=True)
    changed, _ = index.update(Turnover((22,), (21,), np.array([moved], dtype=object), ("00021",)))
    back, _ = changed.update(Turnover((), (21, 22), shapes[21:23], ("00021", "00022")))
    (_, one, _, lines), (_, other, _, other_lines) = index.cells.kernel, back.cells.kernel
    for block, twin in zip(one.tolist(), other.tolist(), strict=True):
        size = int(lines[block * WORDS + LINES]) * WORDS
        assert np.array_equal(lines[block * WORDS :][:size], other_lines[twin * WORDS :][:size])


def test_a_polygon_beyond_the_cells_asks_for_a_new_index():
    shapes, _ = lattice(4, 4)
    index = PolygonIndex.build(shapes, codes_of(16), trusted=True)
    with pytest.raises(OutOfFrame):
        index.update(Turnover((), (16,), np.array([shapely.box(0, 0, 1, 1)], dtype=object), ("x",)))


def test_changes_in_a_file_are_seen_by_whoever_maps_it(tmp_path):
    shapes, _ = lattice(10, 10, 2)
    heap = FileHeap.create(tmp_path / "heap", 1 << 16)
    index = PolygonIndex.build(shapes, codes_of(100), trusted=True, heap=heap)
    reader = FileHeap.open(tmp_path / "heap")
    changed, _ = index.update(Turnover((7,), (100,), shapes[7:8], ("new",)))
    mapped = PolygonIndex.read(reader, changed.tell())
    inside = shapely.get_coordinates(shapely.point_on_surface(shapes[7:8]))
    assert mapped.lowest(inside).tolist() == [100]
    assert mapped.codes[100] == "new"


def test_a_private_change_over_a_file_is_seen_by_nobody_else(tmp_path):
    shapes, _ = lattice(10, 10, 2)
    heap = FileHeap.create(tmp_path / "heap", 1 << 16)
    index = PolygonIndex.build(shapes, codes_of(100), trusted=True, heap=heap)
    told, used = index.tell(), heap.used
    before = (tmp_path / "heap").read_bytes()
    inside = shapely.get_coordinates(shapely.point_on_surface(shapes[7:9]))
    private, _ = index.update(Turnover((7,), (), np.empty(0, dtype=object), ()), PrivateHeap(heap, used))
    assert (tmp_path / "heap").read_bytes() == before
    public, _ = index.update(Turnover((8,), (), np.empty(0, dtype=object), ()))  # goes on where the private one did
    assert private.lowest(inside).tolist() == [-1, 8]
    assert public.lowest(inside).tolist() == [7, -1]
    assert PolygonIndex.read(FileHeap.open(tmp_path / "heap"), told).lowest(inside).tolist() == [7, 8]


def test_slots_may_be_left_out_by_whole_pages():
    shapes, _ = lattice(10, 10, 2)
    index = PolygonIndex.build(shapes, codes_of(100), trusted=True)
    far, _ = index.update(Turnover((7,), (1000,), shapes[7:8], ("far",)))
    inside = shapely.get_coordinates(shapely.point_on_surface(shapes[7:8]))
    for each in (far, far.copied(MemoryHeap())):
        assert len(each) == 1001
        assert each.codes.all().tolist() == [*codes_of(100)[:7], "", *codes_of(100)[8:], *[""] * 900, "far"]
        assert each.lowest(inside).tolist() == [1000]
