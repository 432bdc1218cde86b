"""Washington's 22 layers of street assets, each imported by a saved profile: nothing lost, every owner right."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import shapely

from components.tables import component
from gis.store.engine import open_store, reading
from gis.store.scope import EVERYTHING
from gis.store.versions import Query, read_columns
from tests.journeys.commands import Office
from tests.journeys.dc_assets import ASSETS, EDITION, Asset

pytestmark = pytest.mark.real
SAMPLE = ("guardrails-and-barriers", "triangles-and-medians", "cctv-street-cameras", "traffic-camera")
TYPES = {"point": {"Point"}, "line": {"LineString", "MultiLineString"}, "polygon": {"Polygon", "MultiPolygon"}}
FIELDS = ("name", "state", "owner_code", "owner_name", "maintainer_code", "note")


def chosen(office: Office) -> tuple[Asset, ...]:
    """All layers on SQLite, on PostGIS those with lines, polygons and owners in columns."""
    return ASSETS if office.store.startswith("sqlite") else tuple(each for each in ASSETS if each.file in SAMPLE)


@pytest.fixture(scope="module")
def city(office: Office, shared_data: Path) -> Office:
    """The catalogue of the layers, a profile for each, and the layers imported by them."""
    assets = chosen(office)
    classes = "".join(f"{EDITION},component,{each.file},{each.file},{each.shape}\n" for each in assets)
    (office.folder / "classes.csv").write_text(f"edition,kind,code,name_en,geometry_type\n{classes}", encoding="utf-8")
    office.publish("catalogue", office.folder / "classes.csv")
    for each in assets:
        words = [word for pair in each.columns.items() for word in ("--map", "=".join(pair))]
        words += [word for pair in each.set.items() for word in ("--set", "=".join(pair))]
        office.do("profiles", "add", each.file, *words)
    for each in assets:
        path = shared_data / "dc_assets" / f"{each.file}.geojson"
        office.publish("components", path, "--fields", each.file)
    return office


def features(data: Path, asset: Asset) -> list[dict[str, Any]]:
    """The features of a layer, read by nothing of ours."""
    text = (data / "dc_assets" / f"{asset.file}.geojson").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(text)["features"]
    return found


def test_every_feature_is_a_component_where_it_was_and_with_its_owner(city: Office, shared_data: Path) -> None:
    store = open_store(city.store)
    with reading(store.world) as connection:
        columns = read_columns(connection, component, Query(EVERYTHING), ("code", "class_code", "geom", *FIELDS))
    store.close()
    assets = chosen(city)
    assert Counter(columns["class_code"].tolist()) == {each.file: each.count for each in assets}
    assert sum(each.count for each in ASSETS) == 69_929
    at = {code: index for index, code in enumerate(columns["code"].tolist())}
    for asset in assets:
        for feature in features(shared_data, asset):
            of = feature["properties"]
            index = at[f"{asset.file}-{of[asset.number]}"]
            for field, column in asset.columns.items():
                if field in FIELDS:
                    assert columns[field][index] == said(of[column]), (asset.file, field)
            for field, text in asset.texts.items():
                assert columns[field][index] == text.format(**of), (asset.file, field)
            shape = columns["geom"][index]
            assert shape.geom_type in TYPES[asset.shape]
            there = shapely.bounds(shapely.geometry.shape(feature["geometry"]))
            assert abs(shapely.bounds(shape) - there).max() < 2e-11


def said(value: Any) -> str | None:
    """A value of a file as text, None for blanks."""
    return None if value is None else str(value).strip() or None


def test_a_second_delivery_of_a_layer_by_its_profile_changes_nothing(city: Office, shared_data: Path) -> None:
    for name in SAMPLE[:2]:
        report = city.folder / "again.json"
        city.do("import", "components", shared_data / "dc_assets" / f"{name}.geojson", "--fields", name,
                "--report", report)  # fmt: skip
        told = json.loads(report.read_text(encoding="utf-8"))
        assert (told["same"], told["rows"]) == (told["rows"], told["rows"])


def test_a_profile_shows_what_it_takes_and_is_recognised_unless_others_fit_as_well(
    city: Office, shared_data: Path
) -> None:
    shown = city.do("profiles", "show", "traffic-camera").out.splitlines()
    assert shown[0] == "owner_code=OWNER"
    assert "--set code=traffic-camera-{OBJECTID}" in shown
    path, report = shared_data / "dc_assets" / "cctv-street-cameras.geojson", city.folder / "cctv.json"
    ambiguous = len(chosen(city)) > len(SAMPLE)  # the bicycles' profile reads as many columns, and they are all there
    assert (city.run("import", "components", path, "--report", report).code == 0) != ambiguous
    told = {fault["code"]: fault["detail"] for fault in json.loads(report.read_text(encoding="utf-8"))["faults"]}
    assert ("fields_ambiguous" in told, "fields_recognised" in told) == (ambiguous, not ambiguous)
    assert "cctv-street-cameras" in told["fields_ambiguous" if ambiguous else "fields_recognised"]
