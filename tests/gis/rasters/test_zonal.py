"""Statistics of zones against exact intersections of polygons with the boxes of pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gis.errors import Refusal
from gis.rasters import zonal as module
from gis.rasters.workshop import Made
from gis.rasters.zonal import FRACTIONS, STATS, read_stats, to_plane, zonal
from tests.gis.rasters.samples import LEFT, PLANE, STEP, TOP, made_of, write

pytest.importorskip("exactextract")

ROWS, COLUMNS = 9, 11
CELLS = np.random.default_rng(5).integers(0, 6, (ROWS, COLUMNS)).astype(np.int16)


def boxes(left: float, top: float, step: float) -> NDArray[Any]:
    row, column = np.mgrid[0:ROWS, 0:COLUMNS]
    west, north = left + step * column, top - step * row
    return shapely.box(west, north - step, west + step, north)


def oracle(polygon: shapely.Geometry, pixels: NDArray[Any], cells: NDArray[Any], step: float) -> dict[str, float]:
    """The statistics by areas of intersection; class 0 is no data."""
    share = shapely.area(shapely.intersection(polygon, pixels)) / step**2
    share = np.where((cells == 0) | (share < 1e-12), 0.0, share)
    total = share.sum()
    if not total:
        return {"count": 0.0, "sum": 0.0} | dict.fromkeys(("mean", "min", "max", "std"), np.nan)
    mean = (share * cells).sum() / total
    std = np.sqrt((share * (cells - mean) ** 2).sum() / total)
    there = cells[share > 0]
    said = {
        "count": total,
        "mean": mean,
        "min": there.min(),
        "max": there.max(),
        "sum": (share * cells).sum(),
        "std": std,
    }
    return said | {f"fraction.{each:g}": share[cells == each].sum() / total for each in np.unique(there)}


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A raster in degrees of the store, so that nothing is projected."""
    step = 0.001
    path = tmp_path_factory.mktemp("zonal") / "flat.tif"
    return made_of(write(path, CELLS, nodata=0, crs="EPSG:4490", transform=(step, 0, 114.0, 0, -step, 22.6)))


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A raster in metres."""
    return made_of(write(tmp_path_factory.mktemp("zonal") / "plane.tif", CELLS, nodata=0))


def shapes() -> st.SearchStrategy[shapely.Geometry]:
    coordinate = st.integers(-30, 140).map(lambda tenths: tenths / 10)
    ring = st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=7)
    return ring.map(lambda points: shapely.MultiPoint(points).convex_hull).filter(lambda hull: hull.area > 0.5)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(shapes(), min_size=1, max_size=4), st.integers(1, 3))
def test_statistics_are_those_of_exact_areas(flat: Made, hulls: list[shapely.Geometry], pages: int) -> None:
    step = 0.001
    holed = [hull.difference(hull.centroid.buffer(0.3)) for hull in hulls]
    polygons = shapely.transform(
        np.array(holed), lambda xy: np.column_stack([114 + xy[:, 0] * step, 22.6 - xy[:, 1] * step])
    )
    found = zonal(flat.path, flat.description, np.array_split(polygons, pages), (*STATS, FRACTIONS)).tables()
    pixels = boxes(114.0, 22.6, step)
    for at, polygon in enumerate(polygons):
        wanted = oracle(polygon, pixels, CELLS, step)
        for name, value in wanted.items():
            assert found[name][at] == pytest.approx(value, abs=2e-5, rel=2e-5, nan_ok=True), name
        shares = [values[at] for name, values in found.items() if name.startswith("fraction.")]
        assert sum(shares) == pytest.approx(1.0 if wanted["count"] else 0.0)


def test_polygons_are_projected_to_the_raster(plane: Made) -> None:
    wanted = shapely.box(LEFT + 13, TOP - 57, LEFT + 88, TOP - 21)
    polygon = _to_degrees(wanted)
    found = zonal(plane.path, plane.description, [np.array([polygon])]).tables()
    for name, value in oracle(wanted, boxes(LEFT, TOP, STEP), CELLS, STEP).items():
        if name in found:
            assert found[name][0] == pytest.approx(value, rel=1e-6), name


def test_a_long_edge_is_bent_as_the_plane_has_it() -> None:
    from gis.rasters.description import Band, Description

    described = Description(10, 10, 0, 0, 1, 1, PLANE, (Band(1, "", "uint8", None),), "none", False, "none", True)
    (moved,) = to_plane(np.array([shapely.box(114.5, 22, 115.5, 22.0001)]), described)
    assert len(moved.exterior.coords) > 300


def test_zones_without_pixels_have_no_values(plane: Made) -> None:
    far = shapely.box(10, 10, 11, 11)
    found = zonal(
        plane.path, plane.description, [np.array([far, None, shapely.Polygon()])], (*STATS, FRACTIONS)
    ).tables()
    assert {name: values.tolist() for name, values in found.items() if name in ("count", "sum")} == {
        "count": [0, 0, 0],
        "sum": [0, 0, 0],
    }
    assert all(np.isnan(found[name]).all() for name in ("mean", "min", "max", "std"))


def test_memory_holds_a_piece_at_a_time(plane: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CELLS", 20)
    told: list[int] = []
    whole = _to_degrees(shapely.box(LEFT, TOP - STEP * ROWS, LEFT + STEP * COLUMNS, TOP))
    found = zonal(plane.path, plane.description, [np.array([whole])], told=told.append).tables()
    assert found["sum"][0] == pytest.approx(CELLS.sum(), rel=1e-6)
    assert len(told) > 4


def test_it_is_stopped_within_a_page(plane: Made) -> None:
    whole = _to_degrees(shapely.box(LEFT, TOP - STEP * ROWS, LEFT + STEP * COLUMNS, TOP))

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        zonal(plane.path, plane.description, [np.array([whole])], told=stop)


def test_what_is_asked_wrongly_is_refused(plane: Made, tmp_path: Path) -> None:
    for stats in ((), ("median",), ("mean", "")):
        with pytest.raises(Refusal) as refused:
            read_stats(stats)
        assert refused.value.code == "stats_unknown"
    with pytest.raises(Refusal) as refused:
        zonal(plane.path, plane.description, [], band=2)
    assert refused.value.code == "raster_band"
    many = made_of(write(tmp_path / "many.tif", np.arange(400, dtype=np.uint16).reshape(20, 20)))
    whole = _to_degrees(shapely.box(LEFT, TOP - 200, LEFT + 200, TOP))
    with pytest.raises(Refusal) as refused:
        zonal(many.path, many.description, [np.array([whole])], (FRACTIONS,))
    assert refused.value.code == "raster_not_classes"


def test_without_the_library_it_says_so(plane: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "exactextract", None)
    monkeypatch.delitem(sys.modules, "gis.rasters.extraction", raising=False)
    monkeypatch.delattr("gis.rasters.extraction", raising=False)
    with pytest.raises(Refusal) as refused:
        zonal(plane.path, plane.description, [])
    assert refused.value.code == "zonal_unavailable"


def _to_degrees(polygon: shapely.Geometry) -> shapely.Geometry:
    from gis import crs as reference

    return shapely.transform(polygon, lambda xy: reference.to_store(xy, reference.parse(PLANE)))
