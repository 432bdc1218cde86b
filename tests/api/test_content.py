"""Layers, catalogue, revisions, divisions, departments, areas, units; health."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.schemas import answers as schemas
from api.schemas import catalogue as catalogue_schemas
from api.settings import Settings
from gis.errors import refuse
from gis.store.engine import Store, open_store
from tests.api.conftest import client
from tests.api.small_world import SIDE, SOUTH, UNITS, WEST, bring, collection, square
from tests.api.test_cases import case
from tests.api.test_tiles import address

WHERE = "/v1/locate?lon=114.005&lat=22.505&crs=CRS84"


def test_layers_tell_what_the_page_needs(either: httpx.Client) -> None:
    answer = either.get("/v1/layers").json()
    schemas.LayerList.model_validate(answer)
    layers = {each["id"]: each for each in answer["layers"]}
    assert set(layers) == {"units", "divisions", "gaps", "components", "departments", "areas.drainage"}
    assert layers["units"]["count"] == 5
    assert layers["units"]["bounds"] == pytest.approx([WEST, SOUTH, WEST + 5 * SIDE, SOUTH + SIDE])
    assert layers["departments"]["bounds"] is None
    assert layers["units"]["title"] == {"zh": "单元网格", "en": "Unit grids"}
    assert set(layers["units"]["fields"][0]) == {"name", "title", "type"}
    assert either.get("/v1/layers?as_of=2").json()["layers"][0]["count"] == 0


def test_the_catalogue_is_searched_in_both_languages_and_by_code(http: httpx.Client) -> None:
    whole = http.get("/v1/catalogue").json()
    catalogue_schemas.Catalogue.model_validate(whole)
    assert len(whole["classes"]) > 300
    assert whole["classes"][0]["edition"] == "2026"

    def found(**asked: str) -> set[tuple[str, str]]:
        classes = http.get("/v1/catalogue", params={"kind": "component", "edition": "2026", **asked}).json()["classes"]
        return {(each["code"], each["name_zh"]) for each in classes}

    assert ("01037", "路灯") in found(q="路灯")
    assert ("01037", "路灯") in found(q="STREET light")
    assert found(q="01037") == {("01037", "路灯")}
    assert found(q="no such class") == set()
    assert found(edition="GB/T 47678.5-2026", q="01037") == found(q="01037")
    assert http.get("/v1/catalogue?kind=animal").status_code == 422


def test_lists_are_paged_by_key_without_loss_or_repetition(either: httpx.Client) -> None:
    for path, shape in (
        ("/v1/divisions", schemas.DivisionList),
        ("/v1/departments", schemas.DepartmentList),
        ("/v1/areas/drainage", schemas.AreaList),
        ("/v1/revisions", schemas.RevisionList),
    ):
        whole = either.get(path).json()
        shape.model_validate(whole)
        assert whole["next"] is None
        for size in (1, 2, 5):
            items: list[Any] = []
            after = None
            while True:
                asked = {"limit": size, **({"after": after} if after else {})}
                page = either.get(path, params=asked).json()
                assert len(page["items"]) <= size
                items += page["items"]
                after = page["next"]
                if after is None:
                    break
            assert items == whole["items"]


def test_lists_are_narrowed(http: httpx.Client) -> None:
    def codes(path: str) -> list[str]:
        return [each["code"] for each in http.get(path).json()["items"]]

    assert codes("/v1/divisions?level=county") == ["440305", "440306"]
    assert codes("/v1/divisions?prefix=440306") == ["440306", "440306001", "440306001001"]
    assert codes("/v1/departments?prefix=WATER") == ["WATER", "WATER2"]
    assert codes("/v1/departments?as_of=1&limit=1") == ["CITY"]
    assert codes("/v1/areas/areas.drainage") == ["D-1", "D-2"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/areas/nothing", 404, "layer_unknown"),
        ("/v1/divisions?after=x", 422, "after_wrong"),
        ("/v1/divisions?after=99999999999999999~44", 422, "after_wrong"),
        ("/v1/divisions?limit=0", 422, "parameter_wrong"),
        ("/v1/divisions?limit=1001", 422, "parameter_wrong"),
        ("/v1/revisions?after=-1", 422, "parameter_wrong"),
        ("/v1/units/nothing", 404, "unit_unknown"),
        ("/v1/units/%00", 400, "address_wrong"),
        ("/v1/catalogue?q=%00", 400, "address_wrong"),
    ],
)
def test_what_is_not_there_is_refused(either: httpx.Client, path: str, status: int, code: str) -> None:
    response = either.get(path)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_a_unit_is_answered_with_its_shape_and_its_own_tag(either: httpx.Client) -> None:
    response = either.get(f"/v1/units/{UNITS[0]}")
    answer = response.json()
    schemas.Unit.model_validate(answer)
    assert answer["divisions"]["community"] == {"code": "440305001001", "name": "第一社区"}
    assert answer["geometry"]["type"] == "Polygon"
    assert answer["from_revision"] == 3
    tag = response.headers["etag"]
    assert either.get(f"/v1/units/{UNITS[0]}", headers={"if-none-match": tag}).status_code == 304


def test_a_retired_unit_is_gone_and_tells_who_has_its_ground(store_of_either: Store, tmp_path: Path) -> None:
    merged = collection([({"code": "440305001001009"}, square(0, 2)), ({"code": UNITS[2]}, square(2))])
    bring(store_of_either, tmp_path, "units", "merged.geojson", merged, scope="440305001001")
    with client(create_app(Settings(), store_of_either)) as caller:
        response = caller.get(f"/v1/units/{UNITS[1]}")
        answer = schemas.Problem.model_validate(response.json())
        assert (response.status_code, answer.code, answer.thing) == (410, "unit_retired", UNITS[1])
        assert "440305001001009" in answer.detail
        assert UNITS[2] not in answer.detail
        assert answer.where is not None
        assert caller.get(f"/v1/units/{UNITS[1]}?as_of=6").status_code == 200
        assert caller.get("/v1/units/440305001001009").status_code == 200


def test_the_process_lives_and_is_ready(http: httpx.Client) -> None:
    assert http.get("/healthz").json() == {"status": "ok"}
    answer = http.get("/readyz").json()
    schemas.Ready.model_validate(answer)
    assert (answer["revision"], answer["store"]) == (6, "up")


def test_a_store_that_was_never_reached_is_not_ready(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'no folder' / 'wangge.db'}")
    with client(create_app(Settings(), store)) as caller:
        assert caller.get("/healthz").status_code == 200
        response = caller.get("/readyz")
        assert (response.status_code, response.json()["code"]) == (503, "store_down")
        assert response.headers["Retry-After"] == "1"
        assert caller.get(WHERE).status_code == 503
    store.close()


def test_lookups_go_on_while_the_store_is_away(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    app.state.worlds.poll_s = 0
    app.state.door.kept_s = 0
    tile = address("units")
    asked = ("/readyz", WHERE, "/v1/layers", "/v1/catalogue", tile, "/tiles/units.json", "/styles/all.json")
    with client(app) as caller:
        before = {path: caller.get(path) for path in asked}
        routed = caller.post("/v1/cases/route", json=case()).json()
        assert all("Wangge-Store" not in each.headers for each in before.values())
        assert before["/readyz"].json()["store"] == "up"

        def away(engine: object) -> Any:
            raise refuse("store_down", "The store does not answer.", "数据库没有响应。", kind="unavailable")

        for module in ("api.worlds", "api.auth", "api.routers.layers", "api.routers.tiles", "cases.log"):
            monkeypatch.setattr(f"{module}.reading", away)
        for path in asked[1:]:
            after = caller.get(path)
            assert (after.status_code, after.content) == (200, before[path].content)
            assert after.headers["Wangge-Store"] == "down"
        assert caller.post("/v1/cases/route", json=case()).json() == routed
        assert caller.get("/readyz").json()["store"] == "down"
        response = caller.post("/v1/cases", json=case(source="s", id="1"))
        assert (response.status_code, response.json()["code"]) == (503, "store_down")
