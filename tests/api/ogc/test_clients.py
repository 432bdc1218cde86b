"""Clients of others against a live server: OWSLib and GDAL's OAPIF driver."""

import json
import subprocess
import sys
from typing import Any
from urllib.request import urlopen

import numpy as np
import pyogrio
import pytest
from owslib.ogcapi.features import Features

from tests.api.ogc.conftest import SOUTH, STEP, WEST, unit_code


def test_owslib_lists_the_collections_and_pages_through_items(live: str) -> None:
    service = Features(f"{live}/ogc")
    assert {"units", "components", "areas.drainage"} <= set(service.feature_collections())
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in service.conformance()["conformsTo"]
    assert service.api()["openapi"].startswith("3.0")
    assert service.collection("units")["itemType"] == "feature"
    assert "code" in service.collection_queryables("units")["properties"]
    found: list[str] = []
    for offset in range(0, 30, 10):
        page = service.collection_items("components", limit=10, offset=offset)
        found += [each["id"] for each in page["features"]]
    assert found == [f"C{index:04}" for index in range(1, 25)]
    box = [WEST + STEP * 0.2, SOUTH + STEP * 0.2, WEST + STEP * 0.8, SOUTH + STEP * 0.8]
    within = service.collection_items("units", bbox=box)
    assert [each["id"] for each in within["features"]] == [unit_code(0, 0)]
    assert service.collection_item("units", unit_code(0, 0))["properties"]["remark"] == "旧"


@pytest.fixture
def oapif() -> None:
    if "OAPIF" not in pyogrio.list_drivers():
        pytest.skip("the GDAL of the pyogrio wheel has no OAPIF driver")


# In a process of its own: while GDAL waits for an answer it lets no other thread of its process run.
READ = """
import json, sys, pyogrio
source, layer, *box = sys.argv[1:]
found = pyogrio.read_dataframe(source, layer=layer, **({"bbox": tuple(map(float, box))} if box else {}))
bounds = list(found.total_bounds) if hasattr(found, "total_bounds") else None
names = sorted(str(name) for name, _ in pyogrio.list_layers(source))
print(json.dumps({"codes": sorted(found["code"]), "bounds": bounds, "layers": names}))
"""


def read_with_gdal(address: str, layer: str, *box: float) -> dict[str, Any]:
    command = [sys.executable, "-c", READ, f"OAPIF:{address}/ogc", layer, *map(str, box)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout)
    return read


@pytest.mark.usefixtures("oapif")
def test_gdal_reads_layers_with_their_axes_in_the_right_order(live: str) -> None:
    units = read_with_gdal(live, "units")
    assert {"units", "components", "areas.drainage"} <= set(units["layers"])
    assert units["codes"] == sorted(unit_code(column, row) for column in range(4) for row in range(3))
    np.testing.assert_allclose(units["bounds"], (WEST, SOUTH, WEST + STEP * 4, SOUTH + STEP * 3), atol=1e-9)
    box = (WEST + STEP * 1.2, SOUTH + STEP * 0.2, WEST + STEP * 1.8, SOUTH + STEP * 0.8)
    assert read_with_gdal(live, "units", *box)["codes"] == [unit_code(1, 0)]
    assert len(read_with_gdal(live, "components")["codes"]) == 24


def test_the_live_server_answers_with_the_strict_media_type(live: str) -> None:
    with urlopen(f"{live}/ogc/collections/units/items?limit=1") as answer:
        assert answer.headers["content-type"] == "application/geo+json"
