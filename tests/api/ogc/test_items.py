"""Items: pages, filters, boxes, formats, tags; each on both stores."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
import shapely
from httpx import Client

from api.keys import create_key
from api.ogc.axes import uri_of
from api.settings import Settings
from gis.store.engine import Store, writing
from tests.api.conftest import client as call
from tests.api.ogc.conftest import (
    LATER,
    SOUTH,
    STEP,
    WEST,
    bring,
    cell,
    components,
    feature,
    make_app,
    unit_code,
    units,
)

COMPONENTS = "/ogc/collections/components/items"
UNITS = "/ogc/collections/units/items"
CRS84 = "<http://www.opengis.net/def/crs/OGC/1.3/CRS84>"


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["features"]]


def link(document: dict[str, Any], rel: str) -> str | None:
    return next((each["href"] for each in document["links"] if each["rel"] == rel), None)


def walk(client: Client, address: str) -> list[str]:
    """The ids of every page from this one on."""
    found: list[str] = []
    following: str | None = address
    while following is not None:
        answer = client.get(following)
        found += ids(answer)
        following = link(answer.json(), "next")
    return found


def test_a_page_tells_how_many_there_are_and_where_it_goes_on(client: Client) -> None:
    answer = client.get(COMPONENTS)
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.headers["content-crs"] == CRS84
    page = answer.json()
    assert page["type"] == "FeatureCollection"
    assert (page["numberMatched"], page["numberReturned"], len(page["features"])) == (24, 10, 10)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", page["timeStamp"])
    assert link(page, "self") == f"http://127.0.0.1:8000{COMPONENTS}"
    for rel in ("alternate", "collection", "next"):
        assert client.get(link(page, rel)).status_code == 200


def test_pages_hold_every_feature_once_in_the_order_of_codes(client: Client) -> None:
    expected = [f"C{index:04}" for index in range(1, 25)]
    for limit in (1, 7, 23, 24, 25, 10000, 99999999999999999999999):
        assert walk(client, f"{COMPONENTS}?limit={limit}") == expected
    by_offset = [code for start in range(0, 30, 7) for code in ids(client.get(f"{COMPONENTS}?limit=7&offset={start}"))]
    assert by_offset == expected
    assert walk(client, f"{COMPONENTS}?limit=5&offset=20") == expected[20:]
    assert ids(client.get(f"{COMPONENTS}?offset=99999999999999999999")) == []


def test_a_walk_stays_in_one_revision_while_others_publish(own_world: Store, tmp_path: Path) -> None:
    with call(make_app(own_world)) as client:
        first = client.get(f"{COMPONENTS}?limit=5").json()
        left = components()[:3]
        bring(own_world, tmp_path, "components", "few.geojson", left, LATER, owner="440305", scope="C")
        assert client.get(COMPONENTS).json()["numberMatched"] == 3
        rest = walk(client, link(first, "next"))
        assert [each["id"] for each in first["features"]] + rest == [f"C{index:04}" for index in range(1, 25)]


def test_what_is_published_is_shown_at_once(own_world: Store, tmp_path: Path) -> None:
    with call(make_app(own_world)) as client:
        assert "areas.light" not in client.get("/ogc/collections").text
        before = client.get("/ogc/openapi").json()["paths"]
        bring(
            own_world, tmp_path, "areas", "light.geojson", [feature(cell(0, 0), code="L1", name="灯", department="A1")],
            LATER, owner="440305", area_layer="light",
        )  # fmt: skip
        assert "areas.light" in client.get("/ogc/collections").text
        assert len(client.get("/ogc/openapi").json()["paths"]) == len(before) + 5
        assert ids(client.get("/ogc/collections/areas.light/items")) == ["L1"]


def test_geometry_is_exact_and_may_be_null(client: Client) -> None:
    (unit,) = client.get(f"{UNITS}?code={unit_code(1, 1)}").json()["features"]
    wanted = shapely.normalize(shapely.from_geojson(orjson.dumps(cell(1, 1))))
    assert shapely.normalize(shapely.from_geojson(orjson.dumps(unit["geometry"]))).equals_exact(wanted, 0)
    departments = client.get("/ogc/collections/departments/items").json()["features"]
    assert [each["geometry"] for each in departments] == [None, None]


def test_properties_are_the_fields_the_owner_and_what_came_beyond_them(client: Client) -> None:
    unit = client.get(f"{UNITS}/{unit_code(0, 0)}").json()
    assert unit["properties"]["remark"] == "旧"
    assert "owner" not in unit["properties"]
    assert client.get("/ogc/collections/areas.drainage/items/D-01").json()["properties"]["owner"] == "440305"
    assert client.get("/ogc/collections/departments/items/A1").json()["properties"]["id.crm"] == "77"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("name=换过的井盖", ["C0001"]),
        ("code=C0007&class_code=01001", ["C0007"]),
        ("code=C0007&class_code=02", []),
        ("accuracy_m=0.5&limit=2", ["C0001", "C0002"]),
        ("accuracy_m=5e-1&owner=440305&limit=1", ["C0001"]),
        ("owner=44", []),
    ],
)
def test_a_property_must_equal_what_is_asked(client: Client, query: str, expected: list[str]) -> None:
    assert ids(client.get(f"{COMPONENTS}?{query}")) == expected


def test_filters_go_on_over_pages(client: Client) -> None:
    found = walk(client, "/ogc/collections/divisions/items?limit=1&level=county")
    assert found == ["440305"]
    assert ids(client.get("/ogc/collections/areas.drainage/items?priority=2")) == ["D/02 #东"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=-1", "limit=ten", "limit=1.5", "limit=", "offset=-1", "offset=x", "cursor=x", "cursor=",
        "bbox=1,2,3", "bbox=1,2,3,4,5", "bbox=1,2,3,x", "bbox=", "bbox=nan,1,2,3", "bbox=1,2,3,inf", "bbox=1e999,0,1,1",
        "bbox=1,5,2,4", "bbox=1,2,9,4,5,0", "bbox=22.5,114.0,22.6,114.1", "bbox=190,0,200,1",
        "bbox-crs=EPSG:9999", "crs=EPSG:2000", "crs=", "crs=+proj=longlat", "datetime=", "datetime=yesterday",
        "datetime=2024-13-01", "datetime=2025-01-01/2024-01-01", "datetime=a/b", "datetime=1/2/3", "datetime=..",
        "f=xml", "limit=1&limit=2", "accuracy_m=x", "accuracy_m=1e999", "name=%00", "nonsense=1", "NAME=x", "q=1",
        "bbox=1,1,2,2&bbox-crs=urn:wangge:def:crs:GCJ-02&bbox=1",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_and_never_passed_over(client: Client, query: str) -> None:
    answer = client.get(f"{COMPONENTS}?{query}")
    assert answer.status_code == 400, answer.text
    problem = answer.json()
    assert problem["code"] in {
        "parameter_unknown", "parameter_wrong", "bbox_wrong", "crs_unknown", "time_wrong", "cursor_wrong",
    }  # fmt: skip
    assert problem["detail"] != problem["detail_zh"]


def test_whole_numbers_are_asked_for_as_such(client: Client) -> None:
    address = "/ogc/collections/areas.drainage/items"
    for wrong in ("1.5", "x", "99999999999", "2147483648"):
        assert client.get(f"{address}?priority={wrong}").status_code == 400
    assert client.get(f"{address}?priority=2147483647").json()["numberMatched"] == 0


@pytest.mark.parametrize(
    ("box", "columns"),
    [
        ((0.2, 0.2, 0.8, 0.8), {0}),
        ((0.2, 0.2, 1.8, 0.8), {0, 1}),
        ((1.0, 0.2, 1.5, 0.8), {0, 1}),  # the edge itself is met
        ((1.00001, 0.2, 1.5, 0.8), {1}),
        ((-5, 0.2, -1, 0.8), set()),
        ((2.5, 0.5, 2.5, 0.5), {2}),  # a point
        ((0.5, 0.5, 2.5, 0.5), {0, 1, 2}),  # a line
    ],
)
def test_a_box_finds_what_meets_it_exactly(client: Client, box: tuple[float, ...], columns: set[int]) -> None:
    west, south, east, north = box
    sides = (WEST + STEP * west, SOUTH + STEP * south, WEST + STEP * east, SOUTH + STEP * north)
    text = ",".join(f"{side:.9f}" for side in sides)
    expected = sorted(unit_code(column, 0) for column in columns)
    assert ids(client.get(f"{UNITS}?bbox={text}")) == expected
    with_heights = ",".join(f"{side:.9f}" for side in (*sides[:2], -10, *sides[2:], 5000))
    assert ids(client.get(f"{UNITS}?bbox={with_heights}")) == expected


def test_a_box_across_the_antimeridian_is_two(client: Client) -> None:
    everything = client.get(f"{UNITS}?limit=100")
    assert walk(client, f"{UNITS}?bbox=114.0,-90,-170,90&limit=5") == ids(everything)
    assert walk(client, f"{UNITS}?bbox=170,-90,114.0505,90&limit=5") == sorted(unit_code(0, row) for row in range(3))
    both = client.get(f"{UNITS}?bbox=114.0525,-90,114.0515,90&limit=100")
    assert both.json()["numberMatched"] == 12
    assert ids(both) == ids(everything)
    assert ids(client.get(f"{UNITS}?bbox=170,-90,-170,90")) == []
    assert len(ids(client.get(f"{UNITS}?bbox=114.0,-90,-170,90&limit=5&offset=10"))) == 2


def test_a_box_beyond_the_earth_is_cut_off_where_clients_zoom_out(client: Client) -> None:
    assert client.get(f"{UNITS}?bbox=-400,-200,400,200").json()["numberMatched"] == 12
    huge = f"{UNITS}?bbox=-99999999,-99999999,99999999,99999999&bbox-crs={uri_of('EPSG:3857')}"
    assert client.get(huge).json()["numberMatched"] == 12
    refused = client.get(f"{UNITS}?bbox=-99999999,-99999999,99999999,99999999&bbox-crs={uri_of('EPSG:4547')}")
    assert (refused.status_code, refused.json()["code"]) == (400, "crs_out_of_reach")


def test_one_feature_has_links_and_any_code_can_be_in_its_address(client: Client) -> None:
    page = client.get("/ogc/collections/areas.drainage/items").json()
    odd = page["features"][1]
    assert odd["id"] == "D/02 #东"
    answer = client.get("/ogc/collections/areas.drainage/items/D%2F02%20%23%E4%B8%9C")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.headers["content-crs"] == CRS84
    alone = answer.json()
    assert {key: alone[key] for key in odd} == odd
    for each in alone["links"]:
        assert client.get(each["href"]).status_code == 200
    assert client.get("/ogc/collections/areas.drainage/items?f=html").text.count("D%2F02%20%23%E4%B8%9C") == 1


def test_a_code_that_never_was_is_not_found(client: Client) -> None:
    for code in ("nobody", "x" * 5000, "%00", "a%2Fb", "..%2F.."):
        answer = client.get(f"{UNITS}/{code}")
        assert answer.status_code in (400, 404), code


def test_the_tag_is_of_the_version_and_its_representation(client: Client) -> None:
    address = f"{COMPONENTS}/C0002"
    tag = client.get(address).headers["etag"]
    assert re.fullmatch(r'"\S+"', tag)
    assert client.get(address).headers["etag"] == tag
    others = (
        client.get(address, params={"f": "html"}),
        client.get(address, params={"crs": uri_of("EPSG:4326")}),
        client.get(f"{COMPONENTS}/C0003"),
    )
    assert len({tag, *(each.headers["etag"] for each in others)}) == 4
    for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = client.get(address, headers={"if-none-match": sent})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    assert client.get(address, headers={"if-none-match": '"other"'}).status_code == 200


def test_a_revision_changes_the_tags_of_what_it_changed_alone(own_world: Store, tmp_path: Path) -> None:
    with call(make_app(own_world)) as client:
        tags = [client.get(f"{UNITS}/{unit_code(column, 0)}").headers["etag"] for column in (0, 1)]
        changed = units()
        changed[0]["properties"]["name"] = "新名"
        bring(own_world, tmp_path, "units", "changed.geojson", changed, LATER)
        now = [client.get(f"{UNITS}/{unit_code(column, 0)}").headers["etag"] for column in (0, 1)]
        assert now[0] != tags[0]
        assert now[1] == tags[1]


def test_items_are_shown_as_a_page_with_text_that_cannot_do_harm(own_world: Store, tmp_path: Path) -> None:
    evil = '<script src="//x">&"'
    bring(
        own_world, tmp_path, "areas", "evil.geojson", [feature(cell(0, 0), code=evil, name=evil, department="A1")],
        LATER, owner="440305", area_layer="evil",
    )  # fmt: skip
    with call(make_app(own_world)) as client:
        for path in ("items", "items/%3Cscript%20src%3D%22%2F%2Fx%22%3E%26%22"):
            page = client.get(f"/ogc/collections/areas.evil/{path}?f=html")
            assert page.status_code == 200
            assert "<script" not in page.text
            assert "&lt;script" in page.text


def test_a_key_sees_its_own_prefix_alone(own_world: Store) -> None:
    with writing(own_world.world) as connection:
        _, near = create_key(connection, "near", "viewer", "440305001")
        _, far = create_key(connection, "far", "viewer", "110101")
    with call(make_app(own_world)) as client:
        assert client.get("/ogc").status_code == 401
        for secret, matched in ((near, 24), (far, 0), (near, 24)):
            assert client.get(f"{COMPONENTS}?key={secret}").json()["numberMatched"] == matched
            bearer = {"authorization": f"Bearer {secret}"}
            assert client.get(COMPONENTS, headers=bearer).json()["numberMatched"] == matched
            assert client.get(f"{COMPONENTS}/C0002", headers=bearer).status_code == (200 if matched else 404)
            assert client.get(f"{COMPONENTS}/C0000", headers=bearer).status_code == (410 if matched else 404)
            extent = client.get("/ogc/collections/units", headers=bearer).json()["extent"]
            assert ("spatial" in extent) == bool(matched)
            listed = [each["id"] for each in client.get(f"/ogc/collections?key={secret}").json()["collections"]]
            assert ("areas.drainage" in listed) == bool(matched)
        assert len(walk(client, f"{COMPONENTS}?limit=7&key={near}")) == 24


def test_behind_a_proxy_links_have_the_public_address(world: Store) -> None:
    settings = Settings(public_url="https://grid.example.org/city/")
    with call(make_app(world, settings)) as client:
        for path in ("/ogc", "/ogc/collections", f"{UNITS}?limit=1", "/ogc/openapi"):
            assert "127.0.0.1" not in client.get(path).text
        assert link(client.get(f"{UNITS}?limit=1").json(), "next").startswith("https://grid.example.org/city/ogc/coll")


def test_the_largest_page_of_an_exact_box_says_where_it_goes_on(own_world: Store, tmp_path: Path) -> None:
    """A box of a plane is no box in lon/lat, so the page is picked; the feature behind the page must be seen too."""
    count = 10_003
    places = [[round(WEST + 3e-7 * index, 9), SOUTH] for index in range(count)]
    rows = "".join(f"M{index:05},2026,01001,{x},{y}\n" for index, (x, y) in enumerate(places))
    bring(
        own_world, tmp_path, "components", "many.csv", f"code,edition,class_code,lon,lat\n{rows}", LATER,
        owner="440305", scope="C", crs="EPSG:4490",
    )  # fmt: skip
    uri = uri_of("EPSG:4547")
    box = "2490000,500000,2500000,520000"
    with call(make_app(own_world)) as client:
        address = f"{COMPONENTS}?limit=10000&bbox={box}&bbox-crs={uri}"
        page = client.get(address).json()
        assert (page["numberMatched"], page["numberReturned"]) == (count, 10_000)
        assert len(set(walk(client, address))) == count
