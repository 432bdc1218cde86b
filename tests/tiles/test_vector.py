import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gis.errors import Refusal
from tests.tiles.decoding import BUFFER, EXTENT, clipped, decode, in_tile, message, rings, signed_area
from tiles.drawing import CELL, COARSE
from tiles.matrix import RADIUS, corner, span
from tiles.vector import FULL_ZOOM, TileSource

Z, X, Y = 16, 53970, 24837  # in Beijing
TILES = [(9, 421, 194), (14, 13492, 6209), (Z, X, Y), (24, 2**23 + 5, 2**22 + 9)]
LOW, HIGH = -BUFFER, EXTENT + BUFFER
WHOLE = float((HIGH - LOW) ** 2)


def lonlat(shape: Any, z: int = Z, x: int = X, y: int = Y) -> Any:
    """A geometry drawn in tile units, y down, in degrees."""
    west, north = corner(z, x, y)
    unit = span(z) / EXTENT

    def place(units: NDArray[np.float64]) -> NDArray[np.float64]:
        metres = np.stack([west + units[:, 0] * unit, north - units[:, 1] * unit], axis=1)
        return np.degrees(np.stack([metres[:, 0] / RADIUS, np.arctan(np.sinh(metres[:, 1] / RADIUS))], axis=1))

    return shapely.transform(shape, place)


def build(*shapes: Any, z: int = Z, x: int = X, y: int = Y) -> TileSource:
    """A source of geometries drawn in the units of a tile, ids from 10."""
    placed = np.array([None if shape is None else lonlat(shape, z, x, y) for shape in shapes], dtype=object)
    return TileSource.build(placed, np.arange(10, 10 + len(shapes)), {})


def shapes_in(source: TileSource, z: int = Z, x: int = X, y: int = Y) -> dict[int, Any]:
    tile = source.encode("units", z, x, y)
    return {uid: feature.shape for uid, feature in decode(tile, "units").items()} if tile else {}


def star(rng: np.random.Generator, centre: tuple[float, float], radius: float, points: int, hole: bool) -> Any:
    """A polygon that winds in and out around its centre, perhaps with a hole in the middle."""
    angles = (np.arange(points) + rng.uniform(0, 0.8, points)) * 2 * np.pi / points
    reach = radius * rng.uniform(0.4, 1, points)[:, np.newaxis]
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    shape = shapely.Polygon(centre + around * reach)
    middle = shapely.Polygon(centre + around * radius * 0.2)
    return shape.difference(middle) if hole else shape


def test_a_tile_without_anything_in_it_is_no_bytes() -> None:
    assert build(shapely.box(5000, 5000, 6000, 6000)).encode("units", Z, X, Y) == b""
    assert build(None, shapely.Point(), shapely.Polygon()).encode("units", Z, X, Y) == b""
    assert TileSource.build(np.empty(0, dtype=object), np.empty(0, dtype=np.int64), {}).encode("a", 0, 0, 0) == b""


def test_a_tile_outside_the_matrix_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        build(shapely.Point(1, 1)).encode("units", 3, 8, 0)
    assert caught.value.code == "tile_outside"


def test_ids_come_back_and_features_keep_the_order_of_the_source() -> None:
    boxes = [shapely.box(100 * i, 0, 100 * i + 90, 90) for i in range(20)]
    placed = np.array([lonlat(box) for box in boxes], dtype=object)
    ids = np.array([2**53 - 1 - i for i in range(20)])
    tile = TileSource.build(placed, ids, {}).encode("单元", Z, X, Y)
    assert [feature.id for feature in message(tile).features] == ids.tolist()
    assert message(tile).name == "单元"


def test_ids_that_cannot_be_are_an_error_of_the_caller() -> None:
    places = np.array([shapely.Point(1, 1)], dtype=object)
    with pytest.raises(ValueError, match="negative"):
        TileSource.build(places, np.array([-1]), {})
    with pytest.raises(ValueError, match="2 ids"):
        TileSource.build(places, np.array([1, 2]), {})


def test_a_point_is_where_it_is() -> None:
    shapes = shapes_in(build(shapely.Point(100, 200), shapely.Point(LOW, HIGH), shapely.Point(LOW - 1, 5)))
    assert shapes == {10: shapely.Point(100, 200), 11: shapely.Point(LOW, HIGH)}


def test_points_of_a_multipoint_outside_the_tile_are_left_out() -> None:
    shapes = shapes_in(build(shapely.MultiPoint([(1, 2), (9000, 2), (30, 40)])))
    assert shapes[10] == shapely.MultiPoint([(1, 2), (30, 40)])


def test_a_line_is_cut_into_the_pieces_inside() -> None:
    line = shapely.LineString([(100, 100), (5000, 100), (5000, 200), (100, 200), (100, 300)])
    assert shapes_in(build(line))[10] == shapely.MultiLineString(
        [[(100, 100), (HIGH, 100)], [(HIGH, 200), (100, 200), (100, 300)]]
    )


def test_a_line_that_comes_back_onto_the_border_is_not_joined_across() -> None:
    line = shapely.LineString([(100, 100), (5000, 100), (5000, 900), (HIGH, 1000), (100, 1000)])
    assert shapes_in(build(line))[10] == shapely.MultiLineString(
        [[(100, 100), (HIGH, 100)], [(HIGH, 1000), (100, 1000)]]
    )


def test_a_line_through_the_whole_tile_is_cut_at_both_sides() -> None:
    shapes = shapes_in(build(shapely.LineString([(-9000, 2000), (9000, 2000)])))
    assert shapes[10] == shapely.LineString([(LOW, 2000), (HIGH, 2000)])


def test_outer_rings_run_clockwise_on_the_screen_and_holes_the_other_way() -> None:
    plate = shapely.box(100, 100, 2000, 2000).difference(shapely.box(500, 500, 900, 900))
    for shape in (shapely.orient_polygons(plate), shapely.orient_polygons(plate, exterior_cw=True)):
        (feature,) = message(build(shape).encode("units", Z, X, Y)).features
        outer, hole = rings(feature.geometry)
        assert signed_area(outer) == 1900 * 1900
        assert signed_area(hole) == -400 * 400


def test_a_multipolygon_keeps_its_parts_and_their_holes() -> None:
    left = shapely.box(0, 0, 1000, 1000).difference(shapely.box(100, 100, 300, 300))
    right = shapely.box(2000, 0, 3000, 1000).difference(shapely.box(2100, 100, 2300, 500))
    shape = shapes_in(build(shapely.MultiPolygon([left, right])))[10]
    assert shape.geom_type == "MultiPolygon"
    assert shape.equals(shapely.MultiPolygon([left, right]))


def test_a_polygon_around_the_whole_tile_becomes_the_ring_of_the_buffered_tile() -> None:
    winding = shapely.Polygon([(-9000, -9000), (500, -7000), (700, -300), (900, -8000), (9000, -9000), (7000, 9000)])
    covering = winding.union(shapely.box(-500, -200, 6000, 9000))
    (feature,) = message(build(covering).encode("units", Z, X, Y)).features
    (ring,) = rings(feature.geometry)
    assert {tuple(point) for point in ring} == set(itertools.product((LOW, HIGH), repeat=2))
    assert signed_area(ring) == WHOLE


def test_a_tile_inside_a_hole_is_empty() -> None:
    ring = shapely.Point(2000, 2000).buffer(30_000).difference(shapely.Point(2000, 2000).buffer(20_000))
    assert build(ring).encode("units", Z, X, Y) == b""


def test_rings_that_vanish_on_the_grid_are_dropped_with_their_holes() -> None:
    speck = shapely.box(500.1, 500.1, 500.3, 500.3)
    line = shapely.Polygon([(0, 0.1), (1000, 0.2), (1000, 0.3), (0, 0.2)])
    assert build(speck, line).encode("units", Z, X, Y) == b""
    plate = shapely.box(0, 0, 100, 100).difference(shapely.box(50.1, 50.1, 50.4, 50.4))
    assert shapes_in(build(plate))[10].equals(shapely.box(0, 0, 100, 100))
    assert shapes_in(build(shapely.MultiPolygon([speck, shapely.box(0, 0, 9, 9)])))[10].equals(shapely.box(0, 0, 9, 9))


def test_of_a_collection_the_parts_of_the_highest_dimension_are_drawn() -> None:
    inner = shapely.GeometryCollection([shapely.MultiPolygon([shapely.box(0, 0, 10, 10), shapely.box(20, 0, 30, 10)])])
    collection = shapely.GeometryCollection([shapely.Point(5, 5), shapely.LineString([(0, 0), (9, 9)]), inner])
    assert shapes_in(build(collection))[10].area == 200


def test_height_is_dropped_and_a_coordinate_that_is_no_number_is_never_drawn() -> None:
    box = shapely.force_3d(shapely.box(0, 0, 10, 10), 7.0)
    flat = TileSource.build(
        np.array([shapely.transform(lonlat(box), lambda c: c), shapely.Point(np.nan, 39.9)], dtype=object),
        np.array([1, 2]),
        {},
    )
    assert list(shapes_in(flat)) == [1]


def test_places_beyond_the_square_are_drawn_on_its_edge() -> None:
    source = TileSource.build(np.array([shapely.Point(0.0, 89.0)], dtype=object), np.array([1]), {})
    assert decode(source.encode("a", 0, 0, 0), "a")[1].shape == shapely.Point(2048, 0)


def lattice(side: int, cell: float, seed: int) -> list[Any]:
    """A coverage of quadrilaterals with shared corners that are nowhere on the grid, larger than the tile."""
    rng = np.random.default_rng(seed)
    nodes = np.stack(np.meshgrid(np.arange(side + 1), np.arange(side + 1)), axis=-1) * cell - 300.0
    nodes = nodes + rng.uniform(-0.3, 0.3, nodes.shape) * cell
    return [
        shapely.Polygon([nodes[j, i], nodes[j, i + 1], nodes[j + 1, i + 1], nodes[j + 1, i]])
        for j in range(side)
        for i in range(side)
    ]


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.sampled_from([(14, 13492, 6209), (Z, X, Y), (24, 2**23 + 5, 2**22 + 9), (9, 4, 5)])
)
def test_a_coverage_stays_without_crack_or_overlap_up_to_the_edge_of_the_buffer(seed: int, tile: Any) -> None:
    z, x, y = tile
    shapes = list(shapes_in(build(*lattice(12, 400.0, seed), z=z, x=x, y=y), z, x, y).values())
    assert sum(shape.area for shape in shapes) == WHOLE
    assert shapely.union_all(shapes).area == WHOLE
    assert shapely.coverage_is_valid(shapes)


def test_neighbouring_tiles_round_alike() -> None:
    rng = np.random.default_rng(3)
    points = np.stack([rng.uniform(EXTENT - BUFFER, EXTENT + BUFFER, 500), rng.uniform(0, EXTENT, 500)], axis=1)
    source = build(*map(shapely.Point, points))
    left, right = shapes_in(source, Z, X, Y), shapes_in(source, Z, X + 1, Y)
    both = left.keys() & right.keys()
    assert len(both) > 450
    assert all((left[uid].x - EXTENT, left[uid].y) == (right[uid].x, right[uid].y) for uid in both)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    z=st.integers(7, 24),
    radius=st.floats(1.7, 5),
    points=st.integers(5, 40),
    hole=st.booleans(),
)
def test_any_polygon_decodes_to_what_geos_leaves_of_it(
    seed: int, z: int, radius: float, points: int, hole: bool
) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(30, 2**z - 30, 2).tolist()  # so far inside that no star reaches the edge of the world
    shape = star(rng, tuple(rng.uniform(-2000, 6000, 2)), 10**radius, points, hole)
    source = build(shape, z=z, x=x, y=y)
    (polygon,) = [lonlat(shape, z, x, y)]
    expected = clipped(polygon, z, x, y)
    step = COARSE if z < FULL_ZOOM else 1
    tolerance = step * (expected.length + 8 * step)
    tile = source.encode("units", z, x, y)
    if not tile:
        assert expected.area <= tolerance
        return
    got = decode(tile, "units")
    if max(np.ptp(np.array(in_tile(polygon, z, x, y).bounds).reshape(2, 2), axis=0)) < CELL and z < FULL_ZOOM:
        assert got[10].shape.area == CELL**2
        return
    assert got[10].shape.area == pytest.approx(expected.area, abs=tolerance)
    corners = shapely.get_coordinates(got[10].shape)
    inner = corners[((corners > LOW) & (corners < HIGH)).all(axis=1)]
    assert shapely.covers(expected.buffer(2.0 * step), shapely.points(inner)).all()
    for ring in rings(message(tile).features[0].geometry):
        assert abs(signed_area(ring)) > 0


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 30), reach=st.floats(2, 4.3))
def test_any_line_decodes_to_what_geos_leaves_of_it(seed: int, count: int, reach: float) -> None:
    rng = np.random.default_rng(seed)
    line = shapely.LineString(2000 + rng.uniform(-1, 1, (count, 2)) * 10**reach)
    placed = lonlat(line)
    shape = shapes_in(build(line)).get(10, shapely.LineString())
    assert shape.difference(in_tile(placed, Z, X, Y).buffer(1.5)).is_empty
    # What is missing, if anything, runs along the border: there a rounded line may lie outside that was just inside.
    missing = clipped(placed, Z, X, Y).difference(shape.buffer(1.5))
    assert missing.difference(shapely.box(LOW, LOW, HIGH, HIGH).exterior.buffer(1.5)).is_empty


def test_a_low_tile_of_small_units_is_small_and_still_covered() -> None:
    side, low = 100, FULL_ZOOM - 4
    cells = [shapely.box(10 * i, 10 * j, 10 * i + 10, 10 * j + 10) for j in range(side) for i in range(side)]
    tile = (low, 843, 388)
    source = build(*cells, z=low, x=843, y=388)
    shapes = shapes_in(source, *tile)
    assert len(shapes) == 32**2  # 1000 units of length are 31.25 cells
    assert shapely.union_all(list(shapes.values())).equals(shapely.box(0, 0, 1024, 1024))
    assert min(shapes) == 10
    assert source.encode("units", *tile) == source.encode("units", *tile)


def test_small_units_are_drawn_in_full_from_the_full_zoom_on() -> None:
    tile = (FULL_ZOOM, 13492, 6209)
    cells = [shapely.box(10 * i, 0, 10 * i + 10, 10) for i in range(50)]
    shapes = shapes_in(build(*cells, z=tile[0], x=tile[1], y=tile[2]), *tile)
    assert [shape.bounds for shape in shapes.values()] == [cell.bounds for cell in cells]


def test_points_of_a_low_tile_are_thinned_to_the_first_of_each_cell() -> None:
    low = (FULL_ZOOM - 1, 6746, 3104)
    places = [shapely.Point(x, y) for x, y in [(1, 1), (2, 2), (29, 29), (33, 1), (CELL * 3 + 1, 1)]]
    assert list(shapes_in(build(*places, z=low[0], x=low[1], y=low[2]), *low)) == [10, 13, 14]


def test_small_lines_of_a_low_tile_are_thinned_but_keep_their_shape() -> None:
    low = (FULL_ZOOM - 1, 6746, 3104)
    lines = [shapely.LineString([(4, 4), (12, 12)]), shapely.LineString([(4, 12), (12, 4)])]
    shapes = shapes_in(build(*lines, z=low[0], x=low[1], y=low[2]), *low)
    assert shapes == {10: lines[0]}


def test_threads_encode_the_same_tiles_as_one_alone() -> None:
    source = build(*lattice(12, 400.0, 1))
    tiles = [(Z, X + i % 2, Y + i // 2 % 2) for i in range(40)]
    alone = [source.encode("units", *tile) for tile in tiles]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda tile: source.encode("units", *tile), tiles)) == alone


def test_gdal_reads_the_tile(tmp_path: Path) -> None:
    if "MVT" not in pyogrio.list_drivers(read=True):
        pytest.skip("this build of GDAL has no driver for Mapbox Vector Tiles")
    plate = shapely.box(100, 100, 2000, 2000).difference(shapely.box(500, 500, 900, 900))
    placed = np.array([lonlat(plate), lonlat(shapely.box(3000, 3000, 9000, 9000))], dtype=object)
    source = TileSource.build(placed, np.array([7, 8]), {"name": np.array(["网格一", None], dtype=object)})
    path = tmp_path / str(Z) / str(X) / f"{Y}.mvt"
    path.parent.mkdir(parents=True)
    path.write_bytes(source.encode("units", Z, X, Y))
    frame = pyogrio.read_dataframe(path, layer="units")
    unit = span(Z) / EXTENT
    assert frame.crs.to_epsg() == 3857
    assert frame["mvt_id"].tolist() == [7, 8]
    assert frame["name"].tolist()[0] == "网格一"
    areas = frame.geometry.area.to_numpy() / unit**2
    np.testing.assert_allclose(areas, [1900**2 - 400**2, 1096**2], rtol=1e-6)  # GDAL cuts the buffer off
    (west, north) = corner(Z, X, Y)
    assert frame.geometry[0].bounds[0] == pytest.approx(west + 100 * unit)
    assert frame.geometry[0].bounds[3] == pytest.approx(north - 100 * unit)


@pytest.mark.real
def test_real_communes_lose_no_area(shared_data: Path) -> None:
    files = sorted((shared_data / "fr_communes").rglob("*.geojson"))
    communes = pyogrio.read_dataframe(files[0]).geometry.to_numpy()
    source = TileSource.build(communes, np.arange(len(communes)), {})
    for tile in ((8, 129, 88), (10, 518, 352), (12, 2074, 1409)):
        parts = [clipped(commune, *tile) for commune in communes]
        got = {uid: shape for uid, shape in shapes_in(source, *tile).items() if shape.area != CELL**2}
        assert got
        for uid, shape in got.items():
            assert shape.area == pytest.approx(parts[uid].area, abs=COARSE * (parts[uid].length + 32))
