"""wangge density: components and cases as surfaces."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pytest
import rasterio

from api.app import create_app
from api.rasters.surfaces import Question, write_density
from api.settings import Settings
from cases.places import read_places
from gis.errors import Refusal
from gis.store.engine import Store, reading
from gis.store.revisions import head
from tests.api.conftest import client
from tests.api.small_world import bring, centre

LAMPS = "code,edition,class_code,name,lon,lat\n" + "".join(
    f"4403050103700{index:04d},2026,01037,路灯,{114.0 + index * 0.0007:.4f},22.505\n" for index in range(60)
)


def test_a_surface_of_a_class_adds_up_and_is_a_cog(store_of_either: Store, tmp_path: Path) -> None:
    store = store_of_either
    with reading(store.world) as connection:
        before = head(connection)
    bring(store, tmp_path, "components", "lamps.csv", LAMPS, crs="CRS84")
    out = tmp_path / "lamps.tif"
    surface = write_density(store, Question("components", 50, 200, class_code="01037"), out)
    assert (surface.total, surface.crs) == (60, "EPSG:4547")
    with rasterio.open(out) as dataset:
        assert dataset.crs.to_epsg() == 4547
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.units == ("per km2",)
        assert dataset.read(1).sum(dtype=np.float64) * 50**2 / 1e6 == pytest.approx(60, rel=1e-5)
    counts = write_density(store, Question("components", 100), out)
    assert counts.sum == 60
    assert write_density(store, Question("components", 100, at=before), out).total == 1
    with pytest.raises(Refusal) as refused:
        write_density(store, Question("components", 100, class_code="99999"), out)
    assert refused.value.code == "density_empty"
    with pytest.raises(Refusal) as refused:
        write_density(store, Question("components", 100), tmp_path / "out.png")
    assert refused.value.code == "format_unknown"
    with pytest.raises(Refusal) as refused:
        write_density(store, Question("components", 100), tmp_path / "nowhere" / "out.tif")
    assert refused.value.code == "file_unwritable"


def take(caller: httpx.Client, name: str, index: int, version: int = 1, class_code: str = "01001") -> None:
    lon, lat = centre(index)
    case = {"source": "t", "id": name, "version": version, "lon": lon, "lat": lat, "crs": "CRS84", "kind": "component"}
    answer = caller.post("/v1/cases", json={**case, "class_code": class_code, "edition": "2026"})
    assert answer.status_code == 201, answer.text


def test_of_cases_the_newest_version_counts_as_it_was_then(store_of_either: Store, tmp_path: Path) -> None:
    store = store_of_either
    with client(create_app(Settings(), store)) as caller:
        take(caller, "a", 0)
        take(caller, "b", 1, class_code="01002")
        then = datetime.now(UTC)
        take(caller, "a", 3, version=2)
    now = np.concatenate(list(read_places(store)))
    assert sorted(now.tolist()) == sorted([list(centre(1)), list(centre(3))])
    assert np.concatenate(list(read_places(store, then))).tolist() == [list(centre(0)), list(centre(1))]
    assert np.concatenate(list(read_places(store, class_code="01002"))).tolist() == [list(centre(1))]
    surface = write_density(store, Question("cases", 100, until=then), tmp_path / "cases.tif")
    assert surface.sum == 2
