"""A street is split in two (街道拆分): divisions, units, rules, areas, components, cases in one revision; and back."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import shapely

from api.app import create_app
from api.schemas import drafts as draft_schemas
from api.settings import Settings
from examples.model_city import write
from gis.store.engine import Store, open_store
from gis.store.revisions import current_head
from tests.api.conftest import client
from tests.journeys.commands import Office

OLD, NEW = "449901001", "449901002"
MOVED, MOVED_TO = f"{OLD}003", f"{NEW}001"
STAYING = (f"{OLD}001", f"{OLD}002")
SPLIT = {
    "op": "divide_division",
    "division": OLD,
    "parts": [
        {"code": OLD, "members": list(STAYING)},
        {"code": NEW, "name": "星洲街道", "department": "114499000014481307", "members": {MOVED: MOVED_TO}},
    ],
}
RULES = f"""owner: '449901'
rules:
- {{code: of-the-street, place: '{OLD}', class: '06001', to: [{{division: street}}]}}
- {{code: of-the-community, place: '{MOVED}', class: '06002', to: [{{division: street}}]}}
- {{code: of-another, place: '{STAYING[0]}', class: '06002', to: [{{division: street}}]}}
- {{code: sweeping, class: '06003', area_layer: sweeping, to: [{{area: sweeping}}]}}
- {{code: rest, fallback: true, to: [{{division: county}}]}}
"""
OF_THE_STREET = f"""owner: '{OLD}'
rules:
- {{code: market, class: '06004', to: [{{division: street}}]}}
- {{code: market-rest, class: '06005', to: [{{division: street}}]}}
"""


@pytest.fixture(scope="module")
def city(office: Office) -> Office:
    """A model city whose first street keeps rules, areas and keys of its own."""
    folder = office.folder / "city"
    write(folder, units=60, cases=20)
    for layer, file, *rest in (
        ("departments", "departments.csv"),
        ("divisions", "divisions.csv"),
        ("units", "units.gpkg", "--layer", "units", "--gaps", f"{folder / 'units.gpkg'}:gaps"),
        ("catalogue", "local_classes.csv", "--owner", "4499"),
        ("components", "components.gpkg", "--owner", "4499"),
    ):
        office.publish(layer, folder / file, *rest)
    (folder / "sweeping.geojson").write_text(sweeping(office), encoding="utf-8")
    office.publish("areas", folder / "sweeping.geojson", "--area-layer", "sweeping", "--owner", OLD)
    for name, text in (("rules.yaml", RULES), ("street.yaml", OF_THE_STREET)):
        (folder / name).write_text(text, encoding="utf-8")
        office.publish("rules", folder / name)
    for prefix in (OLD, MOVED, "449902"):
        office.do("keys", "create", f"key of {prefix}", "--role", "editor", "--prefix", prefix)
    return office


def sweeping(office: Office) -> str:
    """One area for each community of the street, and one that reaches over all of it."""
    path = office.folder / "communities.geojson"
    office.do("export", "divisions", path, "--prefix", OLD)
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    shapes = {each["properties"]["code"]: each["geometry"] for each in features}
    made = [(f"S-{code[-3:]}", shapes[code]) for code in sorted(shapes) if len(code) == 12]
    return json.dumps(
        {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "geometry": shape,
                    "properties": {"code": code, "name": code, "department": "114499000014481307"},
                }
                for code, shape in made
            ],
        }
    )


@pytest.fixture
def store(city: Office) -> Iterator[Store]:
    store = open_store(city.store)
    yield store
    store.close()


@pytest.fixture
def http(city: Office, store: Store) -> Iterator[httpx.Client]:
    """A publisher of the whole city."""
    secret = city.do("keys", "create", "office", "--role", "admin").out.split()[-1]
    with client(create_app(Settings(), store), authorization=f"Bearer {secret}") as caller:
        yield caller


def drafted(http: httpx.Client, edit: dict[str, Any]) -> str:
    draft = http.post("/v1/drafts", json={"title": "街道拆分"}).json()["id"]
    done = http.post(f"/v1/drafts/{draft}/edits", json=edit)
    assert done.status_code == 200, done.text
    return str(draft)


def named(found: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """The findings that are about prefixes: check, layer and code."""
    return {
        (each["code"], each["things"][0]["layer"], each["things"][0]["code"])
        for each in found
        if each["code"].startswith("prefix")
    }


KEYS = {("prefix_narrowed", "keys", f"key of {OLD}"), ("prefix_gone", "keys", f"key of {MOVED}")}
ROWS = {
    ("prefix_narrowed", "rules", "of-the-street"),
    ("prefix_gone", "rules", "of-the-community"),
    ("prefix_narrowed", "rules", "market"),
    ("prefix_narrowed", "rules", "market-rest"),
    ("prefix_narrowed", "areas.sweeping", "S-003"),
}


def test_a_split_alone_names_every_rule_area_and_key_that_holds_for_the_old_prefixes(http: httpx.Client) -> None:
    draft = drafted(http, SPLIT)
    report = http.get(f"/v1/drafts/{draft}/checks").json()
    draft_schemas.Checked.model_validate(report)
    assert report["publishable"]
    assert named(report["findings"]) == KEYS | ROWS
    told = next(each for each in report["findings"] if each["things"][0]["code"] == "of-the-community")
    assert MOVED in told["detail"]
    assert MOVED_TO in told["detail_zh"]
    impact = http.get(f"/v1/drafts/{draft}/impact").json()
    draft_schemas.Impact.model_validate(impact)
    assert {(each["layer"], each["code"]) for each in impact["references"]} == {each[1:] for each in KEYS | ROWS}
    assert {each["code"]: each["heirs"] for each in impact["references"]}["of-the-community"] == [MOVED_TO]
    assert http.delete(f"/v1/drafts/{draft}").status_code == 204


def test_the_same_is_told_at_a_terminal(city: Office) -> None:
    draft = city.do("draft", "new", "split").out.strip()
    assert "prefix_gone" in city.do("draft", "edit", draft, json.dumps(SPLIT)).err
    assert named(json.loads(city.do("draft", "checks", draft).out)["findings"]) == KEYS | ROWS
    assert len(json.loads(city.do("draft", "impact", draft).out)["references"]) == len(KEYS | ROWS)
    city.do("draft", "discard", draft)


def place_in(http: httpx.Client, code: str) -> tuple[float, float]:
    items = http.get("/ogc/collections/units/items", params={"limit": 1000}).json()["features"]
    shape = next(each["geometry"] for each in items if each["properties"]["code"].startswith(code))
    return tuple(shapely.point_on_surface(shapely.geometry.shape(shape)).coords[0])  # type: ignore[return-value]


def routed(http: httpx.Client, at: tuple[float, float], class_code: str) -> dict[str, Any]:
    case = {"lon": at[0], "lat": at[1], "crs": "CRS84", "accuracy_m": 1, "edition": "2026", "kind": "matter"}
    return http.post("/v1/cases/route", json={**case, "class_code": class_code}).json()


def test_a_split_that_carries_rows_is_one_revision_in_which_everything_follows(
    http: httpx.Client, city: Office, store: Store, tmp_path: Path
) -> None:
    before, there = current_head(store), place_in(http, MOVED)
    old = {code: routed(http, there, code) for code in ("06001", "06002", "06003", "06004")}
    case = {"source": "hotline", "id": "1", "lon": there[0], "lat": there[1], "crs": "CRS84", "accuracy_m": 1}
    case |= {"edition": "2026", "kind": "matter", "class_code": "06002", "reported_at": "2026-07-01T08:00:00+08:00"}
    assert http.post("/v1/cases", json=case).status_code in (200, 201)
    draft = drafted(http, {**SPLIT, "carry": True})
    assert named(http.get(f"/v1/drafts/{draft}/checks").json()["findings"]) == KEYS
    impact = http.get(f"/v1/drafts/{draft}/impact").json()
    assert [(each["source"], each["id"]) for each in impact["cases"]] == [("hotline", "1")]
    assert impact["components_moved"] > 0
    assert all(each["before"].startswith(MOVED) for each in impact["components"])
    assert all(each["after"].startswith(MOVED_TO) for each in impact["components"])
    tag = http.get(f"/v1/drafts/{draft}").headers["ETag"]
    basis = {"document": "关于设立星洲街道的批复", "number": "12"}
    made = http.post(f"/v1/drafts/{draft}/publish", json={"basis": basis}, headers={"If-Match": tag})
    assert made.status_code == 200, made.text
    assert made.json()["revision"]["number"] == before + 1 == current_head(store)

    units = [each["code"] for each in units_of(http)]
    assert not [code for code in units if code.startswith(MOVED)]
    assert all(f"{MOVED_TO}{number:03d}" in units for number in (1, 2))
    gone = http.get(f"/v1/units/{MOVED}001")
    assert (gone.status_code, gone.json()["successors"]) == (410, [f"{MOVED_TO}001"])
    history = http.get(f"/v1/units/{MOVED_TO}001/history").json()["items"]
    assert {each["code"] for each in history} == {f"{MOVED}001", f"{MOVED_TO}001"}

    city.do("crosswalk", before, before + 1, tmp_path / "codes.csv", "--changed")
    with (tmp_path / "codes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["from"][:12] for row in rows} == {MOVED}
    assert all(row["to"] == MOVED_TO + row["from"][12:] for row in rows)
    assert all((row["area_share"], row["component_share"]) == ("1.0", "1.0") for row in rows)
    city.do("crosswalk", before, before + 1, tmp_path / "streets.csv", "--changed", "--level", "street")
    with (tmp_path / "streets.csv").open(newline="", encoding="utf-8") as file:
        streets = list(csv.DictReader(file))
    assert {(row["from"], row["to"]) for row in streets} == {(OLD, OLD), (OLD, NEW)}
    assert sum(float(row["area_share"]) for row in streets) == pytest.approx(1.0)

    new = {code: routed(http, there, code) for code in old}
    assert {code: each["unit"][:12] for code, each in new.items()} == dict.fromkeys(new, MOVED_TO)
    assert {new[code]["department"]["code"] for code in ("06001", "06002", "06004")} == {"114499000014481307"}
    assert new["06002"]["rule"]["code"] == "of-the-community"
    assert old["06003"]["area"]["code"] == new["06003"]["area"]["code"] == "S-003"
    areas = {each["code"]: each["owner"] for each in http.get("/v1/areas/sweeping").json()["items"]}
    assert areas == {"S-001": OLD, "S-002": OLD, "S-003": NEW}
    assert routed(http, place_in(http, STAYING[0]), "06004")["rule"]["code"] == "market"


def units_of(http: httpx.Client) -> list[dict[str, Any]]:
    items = http.get("/ogc/collections/units/items", params={"limit": 1000}).json()["features"]
    return [each["properties"] for each in items]


def test_the_streets_are_merged_again_at_a_terminal_and_rows_go_with_them(city: Office, store: Store) -> None:
    """Runs last: it goes on where the split ended."""
    before = current_head(store)
    draft = city.do("draft", "new", "merge").out.strip()
    merge = {"op": "merge_divisions", "divisions": [OLD, NEW], "into": OLD, "carry": True}
    city.do("draft", "edit", draft, json.dumps(merge))
    left = named(json.loads(city.do("draft", "checks", draft).out)["findings"])
    assert {each[1] for each in left} <= {"keys"}
    city.do("draft", "publish", draft)
    assert current_head(store) == before + 1
    city.do("export", "rules", city.folder / "merged.yaml")
    assert NEW not in (city.folder / "merged.yaml").read_text(encoding="utf-8").replace(f"-{NEW}", "")
    city.do("export", "areas.sweeping", city.folder / "merged.geojson")
    areas = json.loads((city.folder / "merged.geojson").read_text(encoding="utf-8"))["features"]
    assert {each["properties"]["owner"] for each in areas} == {OLD}
