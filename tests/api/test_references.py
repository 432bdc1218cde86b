"""Reference layers: added, shown everywhere like other layers, replaced, removed, and asked as of before."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import mapbox_vector_tile
import morecantile
import pytest
from typer.testing import CliRunner

from api.app import create_app
from api.cli.program import app
from api.editing.undo import run_undo
from api.schemas import answers as schemas
from api.settings import Settings
from api.transfer.exports import export_layer
from api.transfer.imports import Options, Report, run_import
from api.transfer.references import check_new, find_declaration, remove_reference
from api.worlds import Worlds
from gis.errors import Refusal
from gis.store.engine import Store, reading
from grids.references import Declaration
from tests.api.conftest import client
from tests.api.rasters.conftest import heights
from tests.api.small_world import SOUTH, WEST, collection

ROADS = Declaration(
    "roads",
    title="道路",
    title_en="Roads",
    is_names=True,
    license="ODbL",
    source="测绘院",
    note="2026 年普查",
    mapping={"name": "RNAME", "name_en": "REN"},
)
EAST_WEST = {"type": "LineString", "coordinates": [[WEST, SOUTH + 0.005], [WEST + 0.05, SOUTH + 0.005]]}
NORTH_SOUTH = {"type": "LineString", "coordinates": [[WEST + 0.015, SOUTH], [WEST + 0.015, SOUTH + 0.01]]}
FEATURES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"RNAME": "中山路", "REN": "Zhongshan Rd", "lanes": 4, "width": 12.5, "oneway": True}, EAST_WEST),
    ({"RNAME": "解放路", "REN": "Jiefang Rd", "lanes": 2, "width": 7}, NORTH_SOUTH),
]


def publish(
    store: Store, folder: Path, features: list[tuple[dict[str, Any], dict[str, Any]]], **options: Any
) -> Report:
    file = folder / "roads.geojson"
    file.write_text(collection(features), encoding="utf-8")
    return run_import(store, "roads", file, Options(**{"commit": True, "author": "tests", **options}))


@pytest.fixture
def roads(store_of_either: Store, tmp_path: Path) -> Iterator[Store]:
    """The small world with a layer of two named roads, on either store."""
    report = publish(store_of_either, tmp_path, FEATURES, reference=ROADS)
    assert report.revision is not None, report.delivery.faults
    return store_of_either


@pytest.fixture
def http(roads: Store) -> Iterator[httpx.Client]:
    with client(create_app(Settings(), roads)) as caller:
        yield caller


def test_a_reference_layer_is_listed_with_its_fields_and_where_it_comes_from(http: httpx.Client) -> None:
    answer = http.get("/v1/layers").json()
    schemas.LayerList.model_validate(answer)
    layer = next(each for each in answer["layers"] if each["id"] == "roads")
    assert layer["title"] == {"zh": "道路", "en": "Roads"}
    assert (layer["geometry"], layer["count"]) == ("line", 2)
    assert {each["name"]: each["type"] for each in layer["fields"]} == {
        "code": "code",
        "name": "text",
        "name_en": "text",
        "lanes": "integer",
        "width": "number",
        "oneway": "text",
    }
    about = layer["about"]
    assert (about["license"], about["source"], about["note"], about["names"]) == ("ODbL", "测绘院", "2026 年普查", True)
    assert all("about" not in each for each in answer["layers"] if each["id"] != "roads")


def test_it_is_a_collection_with_features_and_a_schema(http: httpx.Client) -> None:
    found = http.get("/ogc/collections/roads").json()
    assert found["title"] in ("道路", "Roads")
    assert "ODbL" in found["description"]
    schema = http.get("/ogc/collections/roads/schema").json()
    assert schema["properties"]["geometry"]["format"] == "geometry-linestring-or-multilinestring"
    assert schema["properties"]["lanes"]["type"] == "integer"
    items = http.get("/ogc/collections/roads/items").json()
    assert items["numberMatched"] == 2
    properties = items["features"][0]["properties"]
    assert (properties["name"], properties["lanes"], properties["width"], properties["oneway"]) == (
        "中山路",
        4,
        12.5,
        "true",
    )
    box = f"{WEST + 0.014},{SOUTH},{WEST + 0.016},{SOUTH + 0.002}"
    assert [each["id"] for each in http.get(f"/ogc/collections/roads/items?bbox={box}").json()["features"]] == ["2"]
    assert http.get("/ogc/collections/roads/items?name=解放路").json()["numberMatched"] == 1


def test_its_tiles_tilejson_and_style_are_those_of_any_layer(http: httpx.Client) -> None:
    tile = morecantile.tms.get("WebMercatorQuad").tile(WEST + 0.015, SOUTH + 0.005, 14)
    answer = http.get(f"/tiles/roads/{tile.z}/{tile.x}/{tile.y}.mvt")
    features = mapbox_vector_tile.decode(answer.content)["roads"]["features"]
    assert {each["properties"]["name"] for each in features} == {"中山路", "解放路"}
    assert {each["properties"]["lanes"] for each in features} == {2, 4}
    described = http.get("/tiles/roads.json?lang=en").json()
    assert set(described["vector_layers"][0]["fields"]) >= {"code", "name", "lanes"}
    looks = {each["id"] for each in http.get("/styles/all.json").json()["layers"]}
    assert "roads-line" in looks


def test_what_is_routed_and_located_is_as_before(http: httpx.Client) -> None:
    where = {"lon": WEST + 0.005, "lat": SOUTH + 0.004, "crs": "CRS84"}
    before = http.get("/v1/locate", params={**where, "as_of": "6"}).json()
    now = http.get("/v1/locate", params=where).json()
    assert now["revision"] == 7
    assert {**before, "revision": 7} == now
    assert "place" not in now


def test_lookups_go_on_with_the_index_of_units_that_they_had(roads: Store, tmp_path: Path) -> None:
    worlds = Worlds(roads, tmp_path / "world", poll_s=0)
    before = worlds.newest()
    report = publish(roads, tmp_path, FEATURES[:1])
    assert report.revision is not None
    after = worlds.newest()
    assert after.revision == report.revision.number == before.revision + 1
    assert after.grid.units is before.grid.units
    assert after.inventory is before.inventory


def test_replacing_the_content_makes_a_version_and_keeps_the_one_before(
    roads: Store, http: httpx.Client, tmp_path: Path
) -> None:
    changed = [({**FEATURES[0][0], "lanes": 6}, EAST_WEST), FEATURES[1], ({"RNAME": "新路", "lanes": 1}, NORTH_SOUTH)]
    report = publish(roads, tmp_path, changed)
    assert report.revision is not None
    counts = report.delivery.counts
    assert (counts.new, counts.changed, counts.same, counts.gone) == (1, 1, 1, 0)
    layers = {each["id"]: each for each in http.get("/v1/layers").json()["layers"]}
    assert (layers["roads"]["count"], layers["roads"]["title"]["zh"]) == (3, "道路")
    old = http.get("/ogc/collections/roads/items?as_of=7").json()["features"]
    assert [each["properties"]["lanes"] for each in old] == [4, 2]
    assert http.get("/v1/layers?as_of=6").json()["layers"][-1]["id"] != "roads"


def test_the_same_file_again_changes_nothing(roads: Store, tmp_path: Path) -> None:
    report = publish(roads, tmp_path, FEATURES)
    assert report.revision is None
    assert report.delivery.is_empty


def test_an_import_with_an_error_changes_nothing(roads: Store, http: httpx.Client, tmp_path: Path) -> None:
    empty = {"type": "LineString", "coordinates": []}
    report = publish(roads, tmp_path, [*FEATURES, ({"RNAME": "无"}, empty)])
    assert report.revision is None
    assert [fault.row for fault in report.delivery.faults if fault.severity == "error"] == [3]
    assert next(each for each in http.get("/v1/layers").json()["layers"] if each["id"] == "roads")["count"] == 2
    taken = publish(roads, tmp_path, [*FEATURES, ({"RNAME": "无"}, empty)], skip_rejected=True)
    assert taken.delivery.is_empty


def test_a_removed_layer_is_gone_from_every_list_and_there_as_of_before(roads: Store, http: httpx.Client) -> None:
    revision = remove_reference(roads, "roads", "tests")
    assert "roads" not in {each["id"] for each in http.get("/v1/layers").json()["layers"]}
    assert http.get("/tiles/roads.json").status_code == 404
    assert http.get("/ogc/collections/roads").status_code == 404
    assert "roads" in {each["id"] for each in http.get(f"/v1/layers?as_of={revision.number - 1}").json()["layers"]}
    with reading(roads.world) as connection:
        assert find_declaration(connection, "roads") is None
        check_new(connection, "roads")


def test_its_changes_are_in_the_feed_and_can_be_undone(roads: Store, http: httpx.Client) -> None:
    items = http.get("/v1/changes?since=6").json()["items"]
    assert [(each["layer"], each["code"]) for each in items] == [
        ("reference_layers", "roads"),
        ("references", "1"),
        ("references", "2"),
    ]
    assert len(http.get("/v1/changes?since=6&layer=roads").json()["items"]) == 2
    run_undo(roads, 7, "tests", commit=True)
    assert "roads" not in {each["id"] for each in http.get("/v1/layers").json()["layers"]}


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "csv", "shp"])
def test_an_export_comes_in_again_as_it_went_out(roads: Store, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"out.{suffix}"
    with reading(roads.world) as connection:
        export_layer(connection, "roads", file, at=7)
    mapping = {"code": "code", "name": "name", "name_en": "name_en"}
    again = Declaration("again", mapping=mapping)
    report = run_import(roads, "again", file, Options(commit=True, author="tests", reference=again, crs=None))
    assert report.revision is not None, report.delivery.faults
    with client(create_app(Settings(), roads)) as http:
        one, other = (http.get(f"/ogc/collections/{name}/items").json()["features"] for name in ("roads", "again"))
    assert [each["properties"]["name"] for each in one] == [each["properties"]["name"] for each in other]
    lanes = [[str(each["properties"]["lanes"]) for each in features] for features in (one, other)]
    assert lanes[0] == lanes[1]  # in a CSV numbers are text


@pytest.mark.parametrize(
    "name", ["units", "rules", "all", "areas", "cases", "-a", "", "a.b", "x" * 61, "a/b", "a b", "%_"]
)
def test_a_name_that_means_something_else_or_cannot_stand_in_an_address_is_refused(store: Store, name: str) -> None:
    with reading(store.world) as connection, pytest.raises(Refusal) as refused:
        check_new(connection, name)
    assert refused.value.code == "layer_name_wrong"


def test_a_name_is_given_once(roads: Store) -> None:
    with reading(roads.world) as connection, pytest.raises(Refusal) as refused:
        check_new(connection, "roads")
    assert refused.value.code == "layer_exists"


def test_columns_are_chosen_and_one_that_is_not_there_is_told(store: Store, tmp_path: Path) -> None:
    chosen = Declaration("roads", mapping={"name": "RNAME", "fields": ["lanes"]})
    assert publish(store, tmp_path, FEATURES, reference=chosen).revision is not None
    with client(create_app(Settings(), store)) as http:
        properties = http.get("/ogc/collections/roads/items/1").json()["properties"]
    assert set(properties) == {"code", "name", "owner", "lanes"}
    wrong = Declaration("other", mapping={"name": "NOPE", "fields": ["lanes", "color"]})
    report = publish(store, tmp_path, FEATURES, reference=wrong)
    assert report.revision is None
    assert [fault.code for fault in report.delivery.faults if fault.severity == "error"] == ["column_missing"] * 2


def test_codes_are_found_where_every_row_has_one_else_rows_are_numbered(store: Store, tmp_path: Path) -> None:
    def codes(features: list[Any], **mapping: str) -> tuple[list[str], list[str]]:
        report = publish(store, tmp_path, features, reference=Declaration("roads", mapping=mapping), commit=False)
        change = report.delivery.changes[1]
        return sorted(row["code"] for row in change.created), [fault.code for fault in report.delivery.faults]

    with_ids = [({**properties, "osm_id": 70 + at}, shape) for at, (properties, shape) in enumerate(FEATURES)]
    alike = [({**properties, "osm_id": 70}, shape) for properties, shape in FEATURES]
    assert codes(with_ids) == (["70", "71"], [])
    assert codes(alike) == (["1", "2"], ["codes_numbered"])
    assert codes(alike, code="osm_id")[1] == ["code_duplicate"]


def test_attributes_called_like_what_answers_mean_get_another_name(store: Store, tmp_path: Path) -> None:
    odd = [({"owner": "甲", "layer": "x", "uid": 1, "geom": "g"}, EAST_WEST)]
    assert publish(store, tmp_path, odd, reference=Declaration("roads")).revision is not None
    with client(create_app(Settings(), store)) as http:
        properties = http.get("/ogc/collections/roads/items/1").json()["properties"]
    assert {name: properties[name] for name in ("owner_", "layer_", "uid_", "geom_")} == {
        "owner_": "甲",
        "layer_": "x",
        "uid_": 1,
        "geom_": "g",
    }
    assert properties["owner"] == ""


def test_the_command_line_adds_lists_shows_replaces_and_removes(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("WANGGE_STORE", f"sqlite:///{tmp_path / 'wangge.db'}")
    monkeypatch.setenv("WANGGE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("WANGGE_LANGUAGE", "en")
    file = tmp_path / "roads.geojson"
    file.write_text(collection(FEATURES), encoding="utf-8")
    runner = CliRunner()

    def run(*words: str) -> Any:
        return runner.invoke(app, list(words))

    added = run("layers", "add", "roads", str(file), "--title", "道路", "--names", "RNAME", "--license", "ODbL")
    assert added.exit_code == 0, added.output
    assert "roads" in run("layers", "list").stdout
    shown = json.loads(run("layers", "show", "roads").stdout)
    assert (shown["count"], shown["license"], shown["names"], shown["revision"]) == (2, "ODbL", True, 1)
    checked = run("import", "roads", str(file))
    assert checked.exit_code == 0
    assert run("import", "streets", str(file)).exception.code == "layer_unknown"
    assert run("layers", "add", "roads", str(file)).exception.code == "layer_exists"
    assert run("layers", "remove", "roads").exit_code == 0
    assert run("layers", "show", "roads").exception.code == "layer_unknown"


def test_a_geotiff_becomes_a_raster_that_is_listed_beside_the_layers(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("WANGGE_STORE", f"sqlite:///{tmp_path / 'wangge.db'}")
    monkeypatch.setenv("WANGGE_DATA", str(tmp_path / "data"))
    runner = CliRunner()
    photo = heights(tmp_path)
    about = ["--title", "正射影像", "--license", "CC BY 4.0", "--source", "测绘院"]
    added = runner.invoke(app, ["layers", "add", "photo", str(photo), *about])
    assert added.exit_code == 0, added.output
    assert "photo" in runner.invoke(app, ["layers", "list"]).stdout
    shown = json.loads(runner.invoke(app, ["layers", "show", "photo"]).stdout)
    assert (shown["title"], shown["note"]) == ("正射影像", "测绘院 · CC BY 4.0")
    again = runner.invoke(app, ["layers", "add", "photo", str(photo)])
    assert isinstance(again.exception, Refusal)
    assert again.exception.code == "layer_exists"
    assert runner.invoke(app, ["layers", "remove", "photo"]).exit_code == 0
    gone = runner.invoke(app, ["layers", "show", "photo"])
    assert isinstance(gone.exception, Refusal)
    assert gone.exception.code == "layer_unknown"
