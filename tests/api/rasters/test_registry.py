"""The registry: what is added once, kept under its digest, and noticed when it vanishes or changes."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from pyproj import CRS

from api.app import create_app
from api.rasters.keeping import Files, Order, add_raster, remove_raster
from api.rasters.records import Raster, find_raster, list_rasters
from api.settings import Settings
from api.systems import add_system, remove_system
from gis import crs as reference
from gis.errors import Refusal
from gis.store.engine import Store, reading, writing
from gis.store.scope import Scope
from gis.systems import make_local
from tests.api.conftest import client
from tests.api.rasters.conftest import MOST, heights, put
from tests.gis.rasters.samples import write


def look(store: Store, name: str = "heights") -> Raster:
    with reading(store.world) as connection:
        return find_raster(connection, name)


def test_a_raster_is_kept_under_its_digest_and_removed_with_it(store_of_either: Store, tmp_path: Path) -> None:
    store = store_of_either
    files = put(store, tmp_path / "data", heights(tmp_path), owner="440305", note="survey")
    found = look(store)
    assert (found.source, found.owner, found.note, found.title) == ("heights.tif", "440305", "survey", "heights")
    path = files.path(found)
    assert path.name == f"{found.digest}.tif"
    assert files.verify(found) == path
    assert found.describe(lambda crs: crs).crs == "EPSG:4490"
    remove_raster(store, files, "heights")
    assert list(files.folder.iterdir()) == []
    with pytest.raises(Refusal) as refused:
        remove_raster(store, files, "heights")
    assert refused.value.code == "raster_unknown"


def test_two_names_share_a_file_until_the_last_is_removed(store: Store, tmp_path: Path) -> None:
    file = heights(tmp_path)
    files = put(store, tmp_path / "data", file, "a")
    put(store, tmp_path / "data", file, "b")
    assert look(store, "a").digest == look(store, "b").digest
    remove_raster(store, files, "a")
    assert files.path(look(store, "b")).is_file()
    remove_raster(store, files, "b")
    assert list(files.folder.iterdir()) == []


def test_a_name_is_given_once_also_to_two_at_a_time(store: Store, tmp_path: Path) -> None:
    file = heights(tmp_path)
    said: list[str] = []

    def add() -> None:
        try:
            put(store, tmp_path / "data", file)
            said.append("added")
        except Refusal as refused:
            said.append(refused.code)

    threads = [threading.Thread(target=add) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(said) == ["added", "raster_exists"]
    assert [each.name for each in (tmp_path / "data" / "rasters").iterdir()] == [f"{look(store).digest}.tif"]
    with pytest.raises(Refusal) as refused:
        put(store, tmp_path / "data", tmp_path / "missing.tif")
    assert refused.value.code == "raster_exists"


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a b", "-a", "x" * 61, "a\n"])
def test_a_name_that_is_none_is_refused(store: Store, tmp_path: Path, name: str) -> None:
    with pytest.raises(Refusal) as refused:
        put(store, tmp_path / "data", tmp_path / "missing.tif", name)
    assert refused.value.code == "raster_name_wrong"


def test_a_refused_file_leaves_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "bad.tif").write_bytes(b"II*\0" + b"\xff" * 60)
    with pytest.raises(Refusal) as refused:
        put(store, tmp_path / "data", tmp_path / "bad.tif")
    assert refused.value.code == "raster_damaged"
    assert list((tmp_path / "data" / "rasters").iterdir()) == []
    with reading(store.world) as connection:
        assert list_rasters(connection) == []


def test_a_file_that_vanished_or_changed_is_noticed(store: Store, tmp_path: Path) -> None:
    files = put(store, tmp_path / "data", heights(tmp_path))
    found, path = look(store), None
    path = files.path(found)
    content = path.read_bytes()

    os.utime(path, ns=(0, 0))  # as a backup may bring it back
    assert Files(tmp_path / "data").path(found) == path

    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(Refusal) as refused:
        Files(tmp_path / "data").path(found)
    assert refused.value.code == "raster_changed"

    path.write_bytes(content[:-1])
    with pytest.raises(Refusal) as refused:
        files.path(found)
    assert refused.value.code == "raster_changed"

    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(found.stamp, found.stamp))  # nothing shows from outside
    assert files.path(found) == path
    with pytest.raises(Refusal) as refused:
        files.verify(found)
    assert refused.value.code == "raster_changed"

    path.unlink()
    with pytest.raises(Refusal) as refused:
        files.path(found)
    assert (refused.value.code, refused.value.kind) == ("raster_gone", "unavailable")


def test_a_scope_sees_what_lies_above_and_below_it(store_of_either: Store, tmp_path: Path) -> None:
    file = heights(tmp_path)
    for name, owner in (("all", ""), ("city", "4403"), ("here", "440305"), ("there", "440306")):
        add_raster(store_of_either, Files(tmp_path / "data"), Order(name, file, owner=owner), MOST)
    with reading(store_of_either.world) as connection:
        assert [each.name for each in list_rasters(connection, Scope(("440305",)))] == ["all", "city", "here"]
        with pytest.raises(Refusal) as refused:
            find_raster(connection, "there", Scope(("440305",)))
    assert refused.value.code == "raster_unknown"


def test_a_local_system_is_a_name_in_answers_and_in_the_file(store_of_either: Store, tmp_path: Path) -> None:
    store = store_of_either
    definition = "+proj=tmerc +lat_0=0 +lon_0=113.87654 +k=1 +x_0=123456.789 +y_0=-2345678.9 +ellps=GRS80 +units=m"
    local = make_local("金城系", definition)
    with writing(store.world) as connection:
        add_system(connection, local, {})
    x, y = reference.from_store(np.array([[114.005, 22.505]]), local)[0]
    file = write(tmp_path / "local.tif", np.full((2, 2), 7, np.uint8), crs=None, transform=(9, 0, x - 9, 0, -9, y + 9))
    put(store, tmp_path / "data", file, "local", crs="金城系")
    app = create_app(Settings(data=tmp_path / "data"), store)
    with client(app) as caller:
        answers = [caller.get("/v1/rasters"), caller.get("/v1/rasters/local")]
        point = caller.get("/v1/rasters/local/value", params={"lon": x, "lat": y, "crs": "金城系"})
    assert answers[1].json()["crs"] == "金城系"
    assert answers[1].json()["bounds"][0] == pytest.approx(114.005, abs=1e-3)
    assert point.json() == {"raster": "local", "values": [7], "outside": False}
    kept = next((tmp_path / "data" / "rasters").iterdir()).read_bytes()
    for secret in ("113.87654", "123456.789", "2345678.9"):
        assert all(secret not in each.text for each in answers)
        assert secret.encode() not in kept
    with writing(store.world) as connection:
        remove_system(connection, "金城系")
    with client(create_app(Settings(data=tmp_path / "data"), store)) as caller:
        assert caller.get("/v1/rasters").json()["items"][0]["bounds"] is None
        refused = caller.get("/v1/rasters/local/value", params={"lon": 114, "lat": 22.5, "crs": "CRS84"})
    assert (refused.status_code, refused.json()["code"]) == (422, "crs_unknown")


def test_of_a_definition_in_a_file_the_name_alone_is_shown(store: Store, tmp_path: Path) -> None:
    wkt = CRS.from_proj4("+proj=tmerc +lat_0=0 +lon_0=113.87654 +x_0=490000 +ellps=GRS80 +units=m").to_wkt()
    put(store, tmp_path / "data", write(tmp_path / "own.tif", np.ones((2, 2), np.uint8), crs=wkt), "own")
    shown = look(store, "own").as_dict(lambda crs: crs)
    assert "113.87654" not in str(shown)
    assert shown["crs"] == "unknown"
