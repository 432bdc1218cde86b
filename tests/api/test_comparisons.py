"""Imports against a base: compared, put into a draft, looked at, published or thrown away; on both stores."""

import csv
import json
from pathlib import Path

import pytest
import shapely

from api.app import create_app
from api.editing.drafting import DOORS
from api.settings import Settings
from api.transfer.comparisons import FILE, Comparison, extent_of, run_comparison
from api.transfer.exports import export_layer
from api.transfer.imports import Options
from gis.errors import Refusal
from gis.store.engine import Store, reading, writing
from gis.store.revisions import head
from grids.drafts.records import close_draft, find_draft
from grids.drafts.tables import draft_delivery
from grids.drafts.workbench import Workbench
from grids.tables import area, department, division, unit
from tests.api.conftest import client
from tests.api.delivering import bring_in, counts, export, held, publish, rewrite
from tests.api.small_world import SIDE, SOUTH, UNITS, WEST, bring

FORMATS = ("gpkg", "geojson", "fgb", "csv", "parquet")
LAYERS = ("units", "divisions", "areas.drainage", "departments", "components")


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_was_exported_just_now_changes_nothing_in_any_format(store: Store, tmp_path: Path, suffix: str) -> None:
    for layer in LAYERS:
        if layer == "departments" and suffix == "fgb":
            continue
        found = bring_in(store, layer.partition(".")[0], export(store, layer, tmp_path / f"{layer}.{suffix}"))
        assert found.is_empty, (layer, counts(found))
        assert counts(found) == {"same": found.rows}, layer
        assert (found.base, found.faults) == (found.at, ())


def test_a_delivery_changes_what_it_changed_and_keeps_what_was_changed_here(
    store_of_either: Store, tmp_path: Path
) -> None:
    store = store_of_either
    path = export(store, "departments", tmp_path / "d.csv")
    heads = "code,name,parent,id.12345"
    ours = f"{heads}\nLIGHT,照明中心,CITY,\nWATER,水务集团,CITY,007\nPARK,公园处,CITY,\nROAD,道路处,CITY,\n"
    bring(store, tmp_path, "departments", "ours.csv", ours)
    rewrite(path, {"STREET": {"name": "南头街道"}, "WATER": {"name": "排水总公司"}, "WATER2": None})
    with path.open("a", encoding="utf-8") as file:
        csv.writer(file).writerows([["GREEN", "绿化处", "CITY", "", ""], ["PARK", "公园管理处", "CITY", "", ""]])
    found = bring_in(store, "departments", path, extent=extent_of("*"), draft=True, allowed=1)
    assert counts(found) == {"same": 2, "changed": 1, "new": 1, "gone": 1, "kept": 2, "conflict": 2}
    assert found.merged.silent == 0
    told = [fault.as_dict() for fault in found.faults if fault.code == "import_conflict"]
    assert {(each["thing"], each["row"]) for each in told} == {("WATER", 5), ("PARK", 7)}
    water = next(each for each in told if each["thing"] == "WATER")
    assert water["fields"] == [{"field": "name", "base": "排水公司", "ours": "水务集团", "theirs": "排水总公司"}]
    assert "水务集团" in water["detail_zh"]
    assert "here 水务集团, delivered 排水总公司" in water["detail"]
    before = held(store, department)
    assert before["STREET"]["name"] == "南头街道办"
    assert found.draft is not None
    publish(store, found.draft.id)
    after = held(store, department)
    names = {code: row["name"] for code, row in after.items()}
    assert names == {
        "CITY": "市城管局",
        "STREET": "南头街道",
        "STREET2": "新安街道办",
        "WATER": "水务集团",
        "LIGHT": "照明中心",
        "PARK": "公园处",
        "GREEN": "绿化处",
        "ROAD": "道路处",
    }
    assert after["STREET"]["uid"] == before["STREET"]["uid"]
    assert after["CITY"]["ids"] == {"12345": "001"}


def test_without_a_scope_nothing_is_retired(store: Store, tmp_path: Path) -> None:
    path = rewrite(export(store, "departments", tmp_path / "d.csv"), {"WATER2": None, "LIGHT": None})
    found = bring_in(store, "departments", path)
    assert counts(found) == {"same": 4}
    assert (found.merged.silent, found.is_empty) == (2, True)


def test_much_gone_is_refused_unless_allowed_by_number(store: Store, tmp_path: Path) -> None:
    path = rewrite(export(store, "departments", tmp_path / "d.csv"), {"WATER2": None, "LIGHT": None})
    refused = bring_in(store, "departments", path, extent=extent_of("*"), draft=True)
    assert (refused.is_acceptable, refused.draft) == (False, None)
    (fault,) = refused.faults
    assert fault.code == "mass_change"
    assert fault.as_dict()["needed"] == 2
    assert not bring_in(store, "departments", path, extent=extent_of("*"), allowed=1).is_acceptable
    allowed = bring_in(store, "departments", path, extent=extent_of("*"), allowed=2)
    assert allowed.is_acceptable
    assert [fault.severity for fault in allowed.faults] == ["warning"]


def test_units_in_a_wrong_system_are_refused(store: Store, tmp_path: Path) -> None:
    path = export(store, "units", tmp_path / "u.geojson")
    moved = {code: {"geometry": shapely.box(*shifted(index))} for index, code in enumerate(UNITS)}
    found = bring_in(store, "units", rewrite(path, moved), draft=True)
    assert [fault.code for fault in found.faults] == ["mass_change", "crs_shifted"]
    assert "m: is the CRS right?" in found.faults[0].en


def shifted(index: int) -> tuple[float, float, float, float]:
    west, south = WEST + 0.005 + SIDE * index, SOUTH - 0.003
    return west, south, west + SIDE, south + SIDE


def test_a_boundary_between_units_is_delivered_and_divisions_follow(store_of_either: Store, tmp_path: Path) -> None:
    store = store_of_either
    path = export(store, "units", tmp_path / "u.gpkg")
    east, top = WEST + 3 * SIDE, SOUTH + SIDE
    middle = east + 0.001
    bent = {
        UNITS[2]: {"geometry": shapely.box(east - SIDE, SOUTH, middle, top)},
        UNITS[3]: {"geometry": shapely.box(middle, SOUTH, east + SIDE, top), "note": "夜市"},
    }
    found = bring_in(store, "units", rewrite(path, bent), draft=True)
    assert counts(found) == {"same": 3, "changed": 2}
    assert found.is_acceptable, found.faults
    assert found.draft is not None
    with client(create_app(Settings(), store)) as http:
        asked = {"lon": east + 0.0005, "lat": SOUTH + 0.005, "crs": "CRS84"}
        assert http.get("/v1/locate", params=asked).json()["unit"] == UNITS[3]
        draft = found.draft.id
        assert http.get("/v1/locate", params={**asked, "draft": draft}).json()["unit"] == UNITS[2]
        checks = http.get(f"/v1/drafts/{draft}/checks").json()
        assert checks["publishable"], checks
        diff = http.get(f"/v1/drafts/{draft}/diff").json()["changes"]
        changed = {each["properties"]["code"] for each in diff["features"]}
        assert changed >= {UNITS[2], UNITS[3], "440305001001", "440305001002"}
        assert not changed & {UNITS[0], UNITS[1], UNITS[4], "440306001001"}
        items = http.get(f"/ogc/drafts/{draft}/collections/units/items", params={"f": "json"})
        if items.status_code == 200:
            assert any(each["properties"].get("note") == "夜市" for each in items.json()["features"])
    publish(store, found.draft.id)
    units = held(store, unit)
    assert units[UNITS[3]]["note"] == "夜市"
    assert units[UNITS[0]]["note"] == "测试"
    first, second = (held(store, division)[code]["geom"] for code in ("440305001001", "440305001002"))
    assert first.bounds[2] == pytest.approx(middle)
    assert second.bounds[0] == pytest.approx(middle)
    assert shapely.coverage_is_valid([each["geom"] for each in units.values()])
    again = bring_in(store, "units", export(store, "units", tmp_path / "again.fgb"))
    assert counts(again) == {"same": 5}


def test_units_that_overlap_come_into_a_draft_which_is_not_published(store: Store, tmp_path: Path) -> None:
    path = export(store, "units", tmp_path / "u.geojson")
    wide = shapely.box(WEST, SOUTH, WEST + 1.2 * SIDE, SOUTH + SIDE)
    found = bring_in(store, "units", rewrite(path, {UNITS[0]: {"geometry": wide}}), draft=True)
    assert "overlap" in {fault.code for fault in found.faults}
    assert found.draft is not None
    with pytest.raises(Refusal) as refused:
        publish(store, found.draft.id)
    assert refused.value.code == "draft_blocked"


def test_a_unit_that_is_no_longer_delivered_is_gone_within_the_scope_alone(store: Store, tmp_path: Path) -> None:
    path = export(store, "units", tmp_path / "u.geojson")
    rewrite(path, {UNITS[0]: None, UNITS[4]: None})
    scope = shapely.box(WEST + 3.5 * SIDE, SOUTH - 1, WEST + 6 * SIDE, SOUTH + 1)
    found = bring_in(store, "units", path, extent=extent_of(scope.wkt), allowed=1, draft=True)
    assert counts(found) == {"same": 3, "gone": 1}
    assert found.merged.silent == 1
    assert found.draft is not None
    publish(store, found.draft.id)
    assert UNITS[4] not in held(store, unit)
    assert held(store, division)["440306001001"]["geom"] is None
    assert held(store, division)["440306"]["geom"] is None


def test_areas_are_compared_and_not_taken_as_the_whole_layer(store_of_either: Store, tmp_path: Path) -> None:
    store = store_of_either
    wide = {"D-1": None, "D-2": {"department": "CITY"}}
    path = rewrite(export(store, "areas.drainage", tmp_path / "a.parquet"), wide)
    found = bring_in(store, "areas", path, draft=True)
    assert counts(found) == {"changed": 1}
    assert found.draft is not None
    publish(store, found.draft.id)
    assert {code: row["department"] for code, row in held(store, area).items()} == {"D-1": "WATER", "D-2": "CITY"}


def test_a_division_gets_a_name_and_keeps_the_shape_of_its_units(store: Store, tmp_path: Path) -> None:
    named = {"440305001": {"name": "南山街道", "geometry": shapely.box(113, 22, 114, 23)}}
    path = rewrite(export(store, "divisions", tmp_path / "d.gpkg"), named)
    before = held(store, division)["440305001"]
    found = bring_in(store, "divisions", path, draft=True)
    assert counts(found) == {"same": 8, "changed": 1}
    assert "division_differs" in {fault.code for fault in found.faults}
    assert found.draft is not None
    publish(store, found.draft.id)
    after = held(store, division)["440305001"]
    assert (after["name"], after["geom"], after["uid"]) == ("南山街道", before["geom"], before["uid"])


def test_a_column_that_the_file_has_not_stays_as_it_is(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("code,state,lon,lat,crs\n44030501037000001,破损,114.0150,22.5050,CRS84\n", encoding="utf-8")
    found = bring_in(store, "components", path, base=6)
    (change,) = found.merged.changes
    assert change.fields == ("state",)
    assert change.row.delivered is not None
    assert (change.row.delivered["name"], change.row.delivered["owner_code"]) == ("路灯", "LIGHT")


def test_a_rejected_row_is_not_gone(store: Store, tmp_path: Path) -> None:
    path = rewrite(export(store, "departments", tmp_path / "d.csv"), {"WATER": {"parent": "NOBODY"}})
    assert not bring_in(store, "departments", path, extent=extent_of("*")).is_acceptable
    options = Options(author="anna", skip_rejected=True)
    found = run_comparison(store, "departments", path, options, Comparison(extent=extent_of("*")))
    assert found.is_acceptable
    assert counts(found) == {"same": 5}


def test_a_file_that_names_no_revision_of_this_layer_and_store_needs_a_base(store: Store, tmp_path: Path) -> None:
    plain = tmp_path / "plain.csv"
    plain.write_text("code,name\nCITY,市城管局\n", encoding="utf-8")
    foreign = export(store, "departments", tmp_path / "foreign.csv")
    beside = tmp_path / "foreign.csv.wangge"
    notes = json.loads(beside.read_text(encoding="utf-8"))
    assert notes["revision"] == 6
    wrong = [
        {**notes, "layer": "units"},
        {**notes, "revision": 99},
        {**notes, "recorded_at": "2020-01-01T00:00:00+00:00"},
    ]
    for path, told in [(plain, None), *((foreign, each) for each in wrong)]:
        if told is not None:
            beside.write_text(json.dumps(told), encoding="utf-8")
        with pytest.raises(Refusal) as refused:
            bring_in(store, "departments", path, base=FILE)
        assert refused.value.code == ("base_missing" if told is None else "base_differs")
    assert counts(bring_in(store, "departments", foreign, base=6)) == {"same": 6}


def test_an_import_of_a_base_publishes_nothing_by_itself(store: Store, tmp_path: Path) -> None:
    path = export(store, "departments", tmp_path / "d.csv")
    with pytest.raises(Refusal) as refused:
        run_comparison(store, "departments", path, Options(commit=True), Comparison())
    assert refused.value.code == "option_with_base"
    with pytest.raises(Refusal) as refused:
        run_comparison(store, "rules", path, Options(), Comparison())
    assert refused.value.code == "option_with_base"
    with pytest.raises(Refusal) as refused:
        bring_in(store, "departments", path, extent=extent_of("POLYGON ((0 0, 1 0, 1 1, 0 0))"))
    assert refused.value.code == "scope_wrong"


def test_a_draft_thrown_away_takes_what_was_imported_with_it(store_of_either: Store, tmp_path: Path) -> None:
    store = store_of_either
    path = rewrite(export(store, "departments", tmp_path / "d.csv"), {"WATER": {"name": "水务"}})
    found = bring_in(store, "departments", path, draft=True)
    assert found.draft is not None
    with writing(store.world) as connection:
        assert connection.execute(draft_delivery.select()).fetchall()
        close_draft(connection, find_draft(connection, found.draft.id), "discarded")
        assert not connection.execute(draft_delivery.select()).fetchall()
    with pytest.raises(Refusal) as refused:
        Workbench(store, DOORS).look(found.draft.id)
    assert (refused.value.code, refused.value.kind) == ("delivery_gone", "gone")


def test_what_others_publish_after_the_comparison_keeps_the_draft_from_being_published(
    store_of_either: Store, tmp_path: Path
) -> None:
    store = store_of_either
    changed = {"WATER": {"name": "水务"}, "LIGHT": {"name": "照明"}}
    path = rewrite(export(store, "departments", tmp_path / "d.csv"), changed)
    found = bring_in(store, "departments", path, draft=True)
    assert found.draft is not None
    bring(store, tmp_path, "departments", "else.csv", "code,name,parent\nCITY,城管局,\n")
    assert Workbench(store, DOORS).look(found.draft.id).conflicts == ()
    bring(store, tmp_path, "departments", "same.csv", "code,name,parent\nWATER,水务局,CITY\n")
    with pytest.raises(Refusal) as refused:
        publish(store, found.draft.id)
    assert (refused.value.code, refused.value.faults[0].thing) == ("draft_conflict", "WATER")
    again = bring_in(store, "departments", path, base=found.base)
    assert counts(again) == {"same": 3, "changed": 1, "kept": 1, "conflict": 1}


def test_edits_go_on_behind_an_import_and_it_can_be_undone(store: Store, tmp_path: Path) -> None:
    path = rewrite(export(store, "departments", tmp_path / "d.csv"), {"WATER": {"name": "水务"}})
    found = bring_in(store, "departments", path, draft=True)
    assert found.draft is not None
    with client(create_app(Settings(), store)) as http:
        edits = f"/v1/drafts/{found.draft.id}/edits"
        put = {"op": "put", "layer": "departments", "code": "WATER", "values": {"parent": "STREET"}}
        assert http.post(edits, json=put).status_code == 200
        (feature,) = http.get(f"/v1/drafts/{found.draft.id}/diff").json()["changes"]["features"]
        attributes = feature["properties"]["attributes"]
        assert (attributes["name"], attributes["parent"]) == ("水务", "STREET")
        for _ in range(2):
            assert http.post(f"/v1/drafts/{found.draft.id}/undo").status_code == 200
        assert http.get(f"/v1/drafts/{found.draft.id}/diff").json()["changes"]["features"] == []
        bad = http.post(edits, json={"op": "import", "layer": "departments", "delivery": "no"})
        assert (bad.status_code, bad.json()["code"]) == (410, "delivery_gone")
        for odd in ({"layer": 7}, {"layer": "units", "delivery": []}, {"layer": "nowhere", "delivery": "x"}):
            assert http.post(edits, json={"op": "import", **odd}).status_code == 422


def test_a_shape_in_the_export_of_another_system_comes_back_the_same(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "u.gpkg"
    with reading(store.world) as connection:
        export_layer(connection, "components", path, at=head(connection), crs="EPSG:4547")
    assert counts(bring_in(store, "components", path)) == {"same": 1}
