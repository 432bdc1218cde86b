import math

import morecantile
import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis.errors import Refusal
from tiles import matrix

lons = st.floats(-180, 180)
lats = st.floats(-89, 89)


def test_the_document_is_the_well_known_tile_matrix_set() -> None:
    document = matrix.document()
    assert document["id"] == "WebMercatorQuad"
    assert document["uri"].endswith("/WebMercatorQuad")
    assert [item["id"] for item in document["tileMatrices"]] == [str(z) for z in range(25)]
    assert document["tileMatrices"][24]["matrixWidth"] == 2**24


@pytest.mark.parametrize(
    ("z", "x", "y"), [(-1, 0, 0), (25, 0, 0), (0, 1, 0), (3, 8, 0), (3, 0, 8), (3, -1, 0), (24, 0, 2**24)]
)
def test_a_tile_outside_the_matrix_is_refused_in_both_languages(z: int, x: int, y: int) -> None:
    with pytest.raises(Refusal) as caught:
        matrix.check_tile(z, x, y)
    assert caught.value.code == "tile_outside"
    assert caught.value.kind == "missing"
    (fault,) = caught.value.faults
    assert str(z) in fault.en
    assert str(z) in fault.zh


def test_the_first_and_the_last_tile_of_every_zoom_are_there() -> None:
    for z in range(25):
        matrix.check_tile(z, 0, 0)
        matrix.check_tile(z, 2**z - 1, 2**z - 1)


def test_mercator_is_what_proj_computes() -> None:
    lonlat = np.array([[116.4, 39.9], [-180.0, -85.0], [180.0, 85.0], [0.0, 0.0], [114.05, 22.54]])
    project = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True)
    expected = np.stack(project.transform(lonlat[:, 0], lonlat[:, 1]), axis=1)
    np.testing.assert_allclose(matrix.mercator(lonlat), expected, atol=1e-6)


def test_latitudes_beyond_the_square_are_moved_onto_its_edge() -> None:
    metres = matrix.mercator(np.array([[0.0, 90.0], [0.0, -90.0], [0.0, 86.0]]))
    np.testing.assert_allclose(metres[:, 1], [matrix.HALF, -matrix.HALF, matrix.HALF], rtol=1e-12)


@given(lons, lats, st.integers(0, 24))
def test_a_point_lies_in_the_one_tile_that_covers_it(lon: float, lat: float, z: int) -> None:
    ((_, x, y),) = matrix.covering((lon, lat, lon, lat), z)
    west, south, east, north = matrix.bounds(z, x, y)
    tolerance = 1e-9
    assert west - tolerance <= lon <= east + tolerance
    clamped = max(-matrix.MAX_LATITUDE, min(matrix.MAX_LATITUDE, lat))
    assert south - tolerance <= clamped <= north + tolerance


def test_covering_gives_the_tiles_that_morecantile_gives() -> None:
    box = (113.7, 22.4, 114.7, 22.9)
    theirs = morecantile.tms.get("WebMercatorQuad").tiles(*box, [12])
    assert set(matrix.covering(box, 12)) == {(tile.z, tile.x, tile.y) for tile in theirs}


def test_a_box_across_the_antimeridian_is_covered_on_both_sides() -> None:
    tiles = matrix.covering((179.0, -1.0, -179.0, 1.0), 3)
    assert tiles == [(3, 0, 3), (3, 7, 3), (3, 0, 4), (3, 7, 4)]
    assert matrix.limits((179.0, -1.0, -179.0, 1.0), 3) == (0, 3, 7, 4)


def test_limits_say_the_rows_and_columns_of_every_zoom() -> None:
    documents = matrix.limits_document((113.7, 22.4, 114.7, 22.9), 0, 12)
    assert documents[0] == {"tileMatrix": "0", "minTileRow": 0, "maxTileRow": 0, "minTileCol": 0, "maxTileCol": 0}
    assert [item["tileMatrix"] for item in documents] == [str(z) for z in range(13)]
    assert documents[12]["minTileCol"] == math.floor((113.7 + 180) / 360 * 4096)
    with pytest.raises(Refusal):
        matrix.limits((0, 0, 1, 1), 25)
