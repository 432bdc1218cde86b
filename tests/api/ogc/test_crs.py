"""Axis order and CRS: every CRS out, every CRS of a box, checked against pyproj in the authority's own order."""

from typing import Any

import numpy as np
import pyproj
import pytest
from httpx import Client

from api.ogc.axes import NAMES, OFFERED, find_reference, uri_of
from gis import china
from tests.api.ogc.conftest import SOUTH, STEP, WEST, unit_code

UNITS = "/ogc/collections/units/items"
MATRIX = ("CRS84", "EPSG:4326", "EPSG:4490", "EPSG:3857", "EPSG:4547")
ALL = (*MATRIX, "GCJ-02", "BD-09")


def expected(name: str, lon: float, lat: float) -> tuple[float, float]:
    """A position in the order of the authority, by pyproj itself (or by the formulas of the obfuscations)."""
    match name:
        case "CRS84":
            return lon, lat
        case "EPSG:4326" | "EPSG:4490":
            return lat, lon
        case "GCJ-02":
            return tuple(china.wgs84_to_gcj02(np.array([[lon, lat]]))[0])
        case "BD-09":
            return tuple(china.gcj02_to_bd09(china.wgs84_to_gcj02(np.array([[lon, lat]])))[0])
    base = "EPSG:4326" if name == "EPSG:3857" else "EPSG:4490"
    return pyproj.Transformer.from_crs(base, name, always_xy=False).transform(lat, lon)


def first_ring(feature: dict[str, Any]) -> np.ndarray:
    return np.array(feature["geometry"]["coordinates"][0])


@pytest.mark.parametrize("name", ALL)
def test_geometry_comes_in_the_order_of_the_authority(client: Client, name: str) -> None:
    uri = uri_of(name)
    tolerance = 2e-4 if name in ("EPSG:3857", "EPSG:4547") else 1e-9
    plain = first_ring(client.get(f"{UNITS}/{unit_code(2, 1)}").json())
    wanted = np.array([expected(name, lon, lat) for lon, lat in plain])
    for address in (f"{UNITS}/{unit_code(2, 1)}", f"{UNITS}?code={unit_code(2, 1)}"):
        answer = client.get(
            address, params={"crs": uri} if "?" not in address else {"crs": uri, "code": unit_code(2, 1)}
        )
        assert answer.headers["content-crs"] == f"<{uri}>"
        document = answer.json()
        feature = document["features"][0] if "features" in document else document
        np.testing.assert_allclose(first_ring(feature), wanted, atol=tolerance, rtol=0)


@pytest.mark.parametrize("box_name", ALL)
@pytest.mark.parametrize("out_name", ["CRS84", "EPSG:4326", "EPSG:4490", "EPSG:3857"])
def test_a_box_in_any_crs_finds_the_same_unit_in_any_other(client: Client, box_name: str, out_name: str) -> None:
    low = expected(box_name, WEST + STEP * 1.2, SOUTH + STEP * 1.2)
    high = expected(box_name, WEST + STEP * 1.8, SOUTH + STEP * 1.8)
    box = ",".join(f"{side:.9f}" for side in (*low, *high))
    parameters = {"bbox": box, "bbox-crs": uri_of(box_name), "crs": uri_of(out_name)}
    answer = client.get(UNITS, params=parameters)
    document = answer.json()
    assert [each["id"] for each in document["features"]] == [unit_code(1, 1)]
    assert document["numberMatched"] == 1
    corner = expected(out_name, WEST + STEP, SOUTH + STEP)
    distances = np.abs(first_ring(document["features"][0]) - corner).sum(axis=1)
    assert distances.min() < (1e-3 if out_name == "EPSG:3857" else 1e-8)
    if box_name in ("EPSG:4326", "EPSG:4490"):  # the same numbers in the other order are another place
        swapped = ",".join(f"{side:.9f}" for side in (*low[::-1], *high[::-1]))
        assert client.get(UNITS, params={**parameters, "bbox": swapped}).status_code == 400


def test_a_box_of_a_plane_is_exact_and_not_its_box_in_degrees(client: Client) -> None:
    # At 114.05 E of the zone of 117 E the plane's north is turned by about 1.1 degrees.
    name = "EPSG:4548"
    low = expected(name, WEST + STEP * 0.5, SOUTH + STEP * 0.5)
    northing, easting = low
    far = (northing + 1.0, easting + 300.0)  # a strip of 1 m from the middle of unit 0 eastward
    box = ",".join(f"{side:.4f}" for side in (*low, *far))
    found = client.get(UNITS, params={"bbox": box, "bbox-crs": uri_of(name), "limit": 2}).json()
    assert found["numberMatched"] == 4
    following = next(each["href"] for each in found["links"] if each["rel"] == "next")
    codes = [each["id"] for each in found["features"] + client.get(following).json()["features"]]
    assert codes == [unit_code(column, 0) for column in range(4)]
    # A strip along the row's north edge, 1.7 m below it where it begins: going east it crosses the edge.
    below = expected(name, WEST + STEP * 0.5, SOUTH + STEP - 1.5e-5)
    strip = ",".join(f"{side:.4f}" for side in (*below, below[0] + 0.1, below[1] + 250.0))
    reached = client.get(UNITS, params={"bbox": strip, "bbox-crs": uri_of(name), "limit": 20}).json()["features"]
    codes = {each["id"] for each in reached}
    assert unit_code(2, 1) in codes
    assert unit_code(0, 1) not in codes


@pytest.mark.parametrize("name", NAMES)
def test_the_axis_order_is_what_the_authority_says(name: str) -> None:
    reference = find_reference(uri_of(name), "crs")
    if name.startswith("EPSG:"):
        direction = pyproj.CRS(name).axis_info[0].direction
        assert reference.is_swapped == (direction == "north")
    else:
        assert not reference.is_swapped


def test_every_crs_that_is_listed_can_be_asked_for(client: Client) -> None:
    for uri in OFFERED:
        answer = client.get(UNITS, params={"crs": uri, "limit": 1})
        assert answer.status_code == 200, uri
        assert answer.headers["content-crs"] == f"<{uri}>"
        assert np.isfinite(first_ring(answer.json()["features"][0])).all()


@pytest.mark.parametrize("spelling", ["EPSG:4326", "[EPSG:4326]", "urn:ogc:def:crs:EPSG::4326"])
def test_other_spellings_mean_the_same_crs(client: Client, spelling: str) -> None:
    answer = client.get(UNITS, params={"crs": spelling, "limit": 1})
    assert answer.headers["content-crs"] == f"<{uri_of('EPSG:4326')}>"
