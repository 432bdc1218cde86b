import numpy as np
import orjson
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.cells.build import find_untidy
from gis.cells.layout import CELLS, HEADS, LINES, OWNER_MASK, RECORDS_LINE, Cells
from gis.cells.lookup import holders_many, lowest_many, lowest_one
from gis.heap.lines import WORDS, FileHeap, MemoryHeap
from gis.locate import PolygonIndex, warm
from tests.coverages import lattice
from tests.gis.hard_points import covers_exactly, differences, hard_points

DEEDS = ["keep", "gap", "overlap", "island", "lake", "multi", "sliver", "tee", "twin", "star", "cover"]
PLACES = {
    "where it is": lambda xy: xy,
    "around 0/0": lambda xy: xy - [114.052, 22.5415],
    "on the antimeridian": lambda xy: xy - [114.052 - 180, 0],
    "at the western end": lambda xy: xy - [180 + 114.052, 0],
    "in latitude 80": lambda xy: xy - [0, 22.54 - 80],
    "in projected metres": lambda xy: np.round((xy - [114, 22]) * 111_320 + [500_000, 2_500_000], 3),
    "in metres with a zone": lambda xy: np.round((xy - [114, 22]) * 111_320 + [38_500_000, 4_400_000], 3),
    "very small": lambda xy: (xy - [114.052, 22.5415]) * 1e-9,
    "subnormal in part": lambda xy: (xy - [114.052, 22.5415]) * 1e-200,
}


def codes_for(polygons) -> np.ndarray:
    return np.array([f"{k:04d}" for k in np.random.default_rng(len(polygons)).permutation(len(polygons))])


def shrunk(polygon, share: float):
    middle = shapely.get_coordinates(polygon).mean(axis=0)
    return shapely.transform(polygon, lambda xy: np.round(middle + (xy - middle) * share, 9))


def done_to(polygon, deed: str) -> list:
    """What becomes of one unit: nothing, itself, or something untidy beside or in place of it."""
    nodes = shapely.get_coordinates(polygon)
    if deed == "gap":
        return []
    if deed == "overlap":
        return [polygon, shapely.transform(polygon, lambda xy: np.round(xy - [-3e-4, 2e-4], 9))]
    if deed in ("island", "lake"):
        core = shrunk(polygon, 0.3)
        return [shapely.Polygon(polygon.exterior, [core.exterior]), *([core] if deed == "island" else [])]
    if deed == "sliver":
        return [polygon, shapely.Polygon([nodes[0], nodes[1], nodes[1] + [0, 1e-9]])]
    if deed == "tee":
        return [shapely.segmentize(polygon, 1.7e-4)]
    if deed == "twin":
        return [polygon, shapely.reverse(polygon)]
    if deed == "star":
        angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
        reach = np.where(np.arange(120) % 2, 6e-4, 2e-5)
        return [polygon, shapely.Polygon(nodes[0] + np.column_stack([np.cos(angle), np.sin(angle)]) * reach[:, None])]
    if deed == "cover":
        return [polygon, shapely.box(*(np.array(polygon.bounds) - [2e-3, 2e-3, -2e-3, -2e-3]))]
    return [polygon]


@st.composite
def coverages(draw):
    """A lattice with holes, islands, slivers, gaps, overlaps, missing nodes and twins, somewhere in the world."""
    polygons, _ = lattice(4, 3, draw(st.integers(0, 10_000)))
    deeds = draw(st.lists(st.sampled_from(DEEDS), min_size=12, max_size=12))
    made = []
    for polygon, deed in zip(polygons, deeds, strict=True):
        if deed == "multi" and made and shapely.disjoint(made[-1], polygon):
            made[-1] = shapely.MultiPolygon([*shapely.get_parts(made[-1]), polygon])
        else:
            made += done_to(polygon, deed)
    moved = shapely.transform(np.array(made or [polygons[0]]), PLACES[draw(st.sampled_from(list(PLACES)[:-1]))])
    valid = moved[shapely.is_valid(moved)]
    return valid if len(valid) else polygons[:1]


@settings(max_examples=60, deadline=None)
@given(coverages(), st.integers(0, 1000))
def test_holders_are_those_of_geos_on_hard_points_of_any_coverage(polygons, seed):
    index = PolygonIndex.build(polygons, codes_for(polygons))
    assert differences(index, polygons, hard_points(polygons, index.cells, 40, seed)) == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("trusted", [False, True])
def test_a_coverage_answers_as_geos_does_anywhere_in_the_world(place, trusted):
    polygons = shapely.transform(lattice(12, 10, 3)[0], PLACES[place])
    if trusted and not shapely.coverage_is_valid(polygons):
        pytest.skip("numbers this small make it no coverage")
    polygons = polygons[shapely.is_valid(polygons)]
    index = PolygonIndex.build(polygons, codes_for(polygons), trusted=trusted)
    assert differences(index, polygons, hard_points(polygons, index.cells, 1000)) == []


def heads_of(cells: Cells) -> np.ndarray:
    _, tiles, _, lines = cells.kernel
    blocks = np.unique(tiles)
    return np.concatenate([lines[b * WORDS + HEADS : b * WORDS + HEADS + CELLS] for b in blocks.tolist()])


def test_a_valid_coverage_has_no_general_records_and_an_untidy_polygon_has_them_where_it_is():
    polygons, codes = lattice(12, 12, 3)
    cells = PolygonIndex.build(polygons, codes).cells
    _, tiles, _, lines = cells.kernel
    block = int(tiles[0])
    records = lines[(block + RECORDS_LINE) * WORDS :][: WORDS * int(lines[block * WORDS + 2])]
    assert not (records[::WORDS] & OWNER_MASK == OWNER_MASK).any()
    assert not find_untidy(polygons).any()
    doubled = np.append(polygons, shrunk(polygons[70], 0.5))
    assert np.flatnonzero(find_untidy(doubled)).tolist() == [144]


def test_polygons_of_very_different_size_take_a_bounded_number_of_cells():
    small, _ = lattice(6, 6, 1)
    world = shapely.Polygon(shapely.box(-180, -90, 180, 90).exterior, [shapely.box(114, 22.5, 114.2, 22.7).exterior])
    dust = shapely.box(10, 10, 10 + 1e-9, 10 + 1e-9)
    polygons = np.array([*small, world, dust])
    index = PolygonIndex.build(polygons, codes_for(polygons))
    assert index.cells.nbytes < 30e6
    assert differences(index, polygons, hard_points(polygons, index.cells, 300)) == []


def test_tiles_inside_one_polygon_share_one_block():
    polygons = np.array([shapely.Point(0, 0).buffer(10, quad_segs=4000)])
    index = PolygonIndex.build(polygons, np.array(["a"]))
    inside = index.cells.kernel[1]
    assert len(np.unique(inside)) < len(inside)
    assert differences(index, polygons, hard_points(polygons, index.cells, 500)) == []


def test_many_polygons_on_one_place_are_all_held_and_the_lowest_wins():
    polygons = np.array([shapely.box(0, 0, 1, 1)] * 300)
    codes = codes_for(polygons)
    index = PolygonIndex.build(polygons, codes)
    points, held = index.holders(np.array([[0.5, 0.5], [2, 2], [1, 0.3]]))
    assert np.bincount(points).tolist() == [300, 0, 300]
    assert codes[held[:300]].tolist() == sorted(codes)
    assert index.lowest_one(1.0, 1.0) == np.argmin(codes)


def test_a_polygon_that_crosses_itself_holds_what_it_encloses_an_odd_number_of_times():
    twisted = shapely.Polygon(
        [(0, 0), (4, 0), (4, 3), (1, 3), (1, 1), (3, 1), (3, 4), (0, 4)]
    )  # winds twice in the middle
    index = PolygonIndex.build(np.array([twisted]), np.array(["a"]))
    grid = np.array([[x + 0.5, y + 0.5] for x in range(4) for y in range(4)])
    assert (index.lowest(grid) == 0).tolist() == [covers_exactly(twisted, x, y) for x, y in grid]


def test_an_index_in_a_file_gives_the_same_answers_by_the_same_kernels_after_it_was_opened_again(tmp_path):
    polygons, codes = lattice(8, 8, 5)
    index = PolygonIndex.build(polygons, codes)
    points = hard_points(polygons, index.cells, 300)
    points.flags.writeable = False
    kernels = (lowest_many, holders_many, lowest_one)
    lowest, held = index.lowest(points), np.array(index.holders(points))
    near, outside = index.near(points, 7.0), index.edge_distance(points + 0.01)
    index.lowest_one(*points[0].tolist())
    before = [len(kernel.signatures) for kernel in kernels]
    written = PolygonIndex.build(polygons, codes, heap=FileHeap.create(tmp_path / "heap", 1 << 16))
    told = orjson.loads(orjson.dumps(written.tell()))
    mapped = PolygonIndex.read(FileHeap.open(tmp_path / "heap"), told)
    assert np.array_equal(mapped.lowest(points), lowest)
    assert np.array_equal(mapped.holders(points), held)
    assert all(np.array_equal(one, other) for one, other in zip(mapped.near(points, 7.0), near, strict=True))
    assert np.array_equal(mapped.edge_distance(points + 0.01), outside)
    assert mapped.lowest_one(*points[0].tolist()) == lowest[0]
    assert mapped.codes.all().tolist() == codes.tolist()
    assert [len(kernel.signatures) for kernel in kernels] == before


def test_blocks_do_not_depend_on_where_they_lie_or_on_the_number_of_threads():
    polygons, codes = lattice(30, 30, 2)
    one, two = (PolygonIndex.build(polygons, codes, threads=threads).cells for threads in (1, 2))
    used = one.heap.used * WORDS
    assert np.array_equal(one.kernel[3][:used], two.kernel[3][:used])
    assert np.array_equal(one.kernel[1], two.kernel[1])
    frame, tiles, pages, lines = one.kernel
    heap, moved = MemoryHeap(), tiles.copy()
    heap.append(lines[WORDS:used])  # shapes and slots stay where they were
    for block in np.unique(tiles)[::-1].tolist():  # every block to another place
        size = int(lines[block * WORDS + LINES])
        moved[tiles == block] = heap.append(lines[block * WORDS : (block + size) * WORDS])[0]
    points = hard_points(polygons, one, 500)
    points.flags.writeable = False
    arrays = Cells.of(heap, one.count, frame, moved, pages).kernel
    assert np.array_equal(holders_many(points, arrays), np.array(PolygonIndex.build(polygons, codes).holders(points)))


@pytest.mark.parametrize("wrong", [np.inf, 1e200])
def test_coordinates_that_are_on_no_map_are_refused(wrong):
    polygon = shapely.Polygon([(0, 0), (1, 0), (wrong, 1)])
    with pytest.raises(ValueError, match="coordinate"):
        PolygonIndex.build(np.array([polygon]), np.array(["a"]))


def test_after_warming_nothing_more_is_compiled():
    warm()
    kernels = (lowest_many, holders_many, lowest_one)
    before = [len(kernel.signatures) for kernel in kernels]
    index = PolygonIndex.build(*lattice(3, 3))
    points = np.array([[114.0505, 22.5405]])
    frozen = points.copy()
    frozen.flags.writeable = False
    for each in (points, frozen, points.tolist(), np.asfortranarray(points), points.astype(np.float32)):
        index.lowest(np.asarray(each))
        index.holders(np.asarray(each))
    index.lowest_one(114, 22.5)
    index.lowest_one(np.float64(114), np.float64(22.5))
    assert [len(kernel.signatures) for kernel in kernels] == before
