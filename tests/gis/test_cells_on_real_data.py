"""The index of cells against GEOS on real polygons and on those that have broken other programs."""

import warnings
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import shapely

from gis.locate import PolygonIndex
from tests.gis.hard_points import differences, hard_points

pytestmark = pytest.mark.real

LAYERS = [
    "dc_311/boundaries/census-block-groups-2010.geojson",
    "dc_311/boundaries/ward-2012.geojson",
    "dc_311/boundaries/neighborhood-clusters.geojson",
    "dc_311/boundaries/single-member-district-2013.geojson",
    "fr_communes/ile_de_france_1300.geojson",
    "cn_shenzhen_zones",
]


def files_of(shared_data: Path, layer: str) -> list[Path]:
    place = shared_data / layer
    if place.is_dir():
        return sorted(path for path in place.rglob("*") if path.suffix in (".geojson", ".json", ".shp", ".gpkg"))
    return [place]


def polygons_of(geometries) -> np.ndarray:
    """The valid polygons among geometries."""
    polygons = np.asarray(geometries, dtype=object)
    polygons = shapely.force_2d(polygons[np.isin(shapely.get_type_id(polygons), (3, 6)) & ~shapely.is_empty(polygons)])
    return polygons[np.isfinite(shapely.bounds(polygons)).all(axis=1) & shapely.is_valid(polygons)]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857"])
def test_holders_are_those_of_geos_on_hard_points_of_real_layers(shared_data, layer, crs):
    import geopandas

    seen = 0
    for path in files_of(shared_data, layer):
        table = geopandas.read_file(path)
        if not isinstance(table, geopandas.GeoDataFrame) or not table.geometry.notna().any():
            continue
        lonlat = np.abs(table.total_bounds).max() <= 360
        table = table.set_crs("EPSG:4326" if lonlat else "EPSG:3857", allow_override=True).to_crs(crs)
        polygons = polygons_of(table.geometry.values)
        if len(polygons):
            codes = np.array([f"{k:06d}" for k in np.random.default_rng(1).permutation(len(polygons))])
            index = PolygonIndex.build(polygons, codes)
            assert differences(index, polygons, hard_points(polygons, index.cells, 1500)) == []
            seen += 1
    assert seen


def geometry_of(text: str):
    """A geometry from WKT or hexadecimal WKB, None where there is none that shapely knows."""
    try:
        return (shapely.from_wkt if "(" in text else shapely.from_wkb)(text, on_invalid="ignore")
    except (NotImplementedError, shapely.errors.GEOSException):
        return None


def torture_layers(folder: Path):
    """The valid polygons of each case of the GEOS test suite, as one layer a case."""
    for path in sorted(folder.rglob("*.xml")):
        try:
            root = ElementTree.parse(path).getroot()
        except ElementTree.ParseError:
            continue
        for case in root.iter("case"):
            texts = [(case.findtext(name) or "").strip() for name in ("a", "b")]
            read = [each for each in map(geometry_of, texts) if each is not None]
            parts = [part for each in read for part in getattr(each, "geoms", [each])]
            polygons = polygons_of(np.array([*parts, *read], dtype=object))
            if len(polygons):
                yield path.name, polygons


def test_holders_are_those_of_geos_on_the_polygons_of_its_own_test_suite(shared_data):
    layers = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # GEOS reads numbers that overflow
        for name, polygons in torture_layers(shared_data / "geometry_torture" / "geos_xml"):
            index = PolygonIndex.build(polygons, np.array([f"{k:04d}" for k in range(len(polygons))]))
            assert differences(index, polygons, hard_points(polygons, index.cells, 30)) == [], name
            layers += 1
    assert layers > 500
