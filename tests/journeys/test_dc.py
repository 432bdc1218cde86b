"""Washington, DC, from the command line: its real cases must fall where its own clerks say that they do."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import shapely
from sqlalchemy import insert

from api.worlds import Worlds
from cases.tables import decision
from gis.crs import DECIMALS
from gis.store.engine import open_store, writing
from tests.journeys import oracle, washington
from tests.journeys.commands import Office, Said
from tests.journeys.washington import Row, answers

pytestmark = pytest.mark.real
Label = Callable[[Row], str | None]
NUMBER = {name: str(number) for number, name in enumerate(
    ("FIRST", "SECOND", "THIRD", "FOURTH", "FIFTH", "SIXTH", "SEVENTH"), 1)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Washington:
    """The cases located now and as of 2010, the requests routed, and what the commands said."""

    office: Office
    now: list[Row]
    then: list[Row]
    permits: list[Row]
    routed: list[Row]
    said: Said


@pytest.fixture(scope="module")
def boundaries(shared_data: Path) -> Path:
    return shared_data / "dc_311" / "boundaries"


@pytest.fixture(scope="module")
def city(office: Office, shared_data: Path) -> Washington:
    kinds = washington.gather(shared_data)
    assert {kind: len(features) for kind, features in kinds.items()} == {
        "requests": 22_577,
        "crimes": 2_897,
        "permits": 3_460,
    }
    washington.load(office, shared_data)
    washington.load_rules(office, kinds["requests"])
    paths = washington.write_cases(kinds, office.folder)

    def locate(kind: str, *options: str) -> list[Row]:
        out = office.folder / f"{kind}-{'-'.join(options).strip('-')}.csv"
        office.do("locate", paths[kind], out, *options)
        return answers(out)

    out = office.folder / "routed.csv"
    said = office.do(
        "route", paths["requests"], out, "--map", "id=SERVICEREQUESTID", "--map", "class_code=SERVICECODE",
        "--edition", washington.EDITION, "--kind", "matter", "--accuracy", 15,
    )  # fmt: skip
    return Washington(
        office,
        [row for kind in kinds for row in locate(kind)],
        [row for kind in kinds for row in locate(kind, "--as-of", "2010-01-01")],
        locate("permits", "--as-of", "APPLICATIONDATETIME"),
        answers(out),
        said,
    )


def agreement(rows: list[Row], label: Label, answer: Label) -> tuple[int, float]:
    """How many rows have a position and a label, and the per cent of them that are answered so."""
    labelled = [row for row in rows if row["lon"] is not None and label(row) is not None]
    share = 100 * sum(label(row) == answer(row) for row in labelled) / len(labelled)
    print(f"{len(labelled)} rows: {share:.3f} % agree")
    return len(labelled), round(share, 3)


def column(name: str) -> Label:
    return lambda row: row.get(name)


def ward(row: Row) -> str | None:
    return row.get("WARD") if row.get("WARD") in set("12345678") else None


def digits(text: str | None) -> str | None:
    found = "".join(each for each in text or "" if each.isdigit())
    return str(int(found)) if found else None


def smd(row: Row) -> str | None:
    own = row.get("FILE") == "public-space-permits-last-30-days" and row.get("SMD") != "NONE"
    return row.get("SMD") if own else None


def unit_label(row: Row) -> str | None:
    return row["unit"] and f"{row['unit'][5:11]} {row['unit'][11]}"


def test_cases_fall_into_the_wards_of_their_day(city: Washington) -> None:
    assert agreement(city.now, ward, column("area.ward")) == (28_634, 99.846)


def test_as_of_2010_the_wards_are_those_of_2002(city: Washington) -> None:
    assert agreement(city.then, ward, column("area.ward")) == (28_634, 96.242)


def test_cases_fall_into_their_clusters(city: Washington) -> None:
    found = agreement(
        city.now, lambda row: digits(row.get("NEIGHBORHOODCLUSTER")), lambda row: digits(row["area.cluster"])
    )
    assert found == (6_128, 100.0)


def test_crimes_fall_into_their_tracts_and_block_groups(city: Washington) -> None:
    tract = agreement(
        city.now,
        lambda row: row.get("CENSUS_TRACT") and row["CENSUS_TRACT"].zfill(6),
        lambda row: row["tract"] and row["tract"][5:],
    )
    group = agreement(city.now, column("BLOCK_GROUP"), unit_label)
    assert (tract, group) == ((2_894, 100.0), (2_894, 100.0))


def test_crimes_fall_into_their_voting_precincts(city: Washington) -> None:
    found = agreement(city.now, column("VOTING_PRECINCT"), column("area.precinct"))
    assert found == (2_897, 100.0)


def test_cases_fall_into_their_police_districts(city: Washington) -> None:
    found = agreement(city.now, lambda row: NUMBER.get(row.get("DISTRICT") or ""), column("area.police"))
    assert found == (6_204, 99.484)


@pytest.mark.parametrize(("year", "share"), [(2002, 98.617), (2013, 66.279)])
def test_permits_know_the_districts_that_were_already_old(city: Washington, year: int, share: float) -> None:
    located = city.then if year == 2002 else city.permits
    assert agreement(located, smd, column("area.smd")) == (3_182, share)


def test_every_request_goes_to_the_agency_of_its_service(city: Washington) -> None:
    routed = [row for row in city.routed if row["department"] is not None]
    assert len(routed) == 22_576
    assert all(row["department"] == row["ORGANIZATIONACRONYM"] == row["department_name"] for row in routed)
    assert {row["rule"] for row in routed} == {row["SERVICECODE"] for row in routed}


def test_requests_that_their_agencies_dealt_with_are_replayed_and_agree(city: Washington) -> None:
    """Every eighth request in the log as its agency had it, sent again; then with one service left to nobody."""
    sample = [row for row in city.routed if row["department"] is not None][::8]
    store = open_store(city.office.store)
    try:
        with writing(store.log) as log:
            log.execute(insert(decision), [decided(row) for row in sample])
    finally:
        store.close()
    said = city.office.do("replay", "--source", "dc-311")
    print(said.err)
    assert f"{len(sample)} cases: {len(sample)} agree (100.0 %), 0 move" in said.err
    code = max({row["SERVICECODE"] for row in sample}, key=[row["SERVICECODE"] for row in sample].count)
    draft = city.office.do("draft", "new", "without one").out.strip()
    city.office.do("draft", "edit", draft, json.dumps({"op": "remove", "layer": "rules", "code": code}))
    said = city.office.do("replay", "--source", "dc-311", "--draft", draft)
    print(said.err)
    moved = sum(row["SERVICECODE"] == code for row in sample)
    assert f"{len(sample) - moved} agree" in said.err
    assert f"{moved} move" in said.err


def decided(row: Row) -> dict[str, object]:
    """The request as the log has one that its agency dealt with."""
    report = {
        "source": "dc-311", "id": row["SERVICEREQUESTID"], "lon": float(row["lon"]), "lat": float(row["lat"]),
        "crs": "CRS84", "accuracy_m": 15, "edition": washington.EDITION, "kind": "matter",
        "class_code": row["SERVICECODE"],
    }  # fmt: skip
    return {
        "source": "dc-311", "case_id": row["SERVICEREQUESTID"], "version": 0, "digest": "-",
        "received_at": datetime(2016, 8, 15, tzinfo=UTC), "revision": 1, "unit": row["unit"],
        "department": row["ORGANIZATIONACRONYM"], "advice": "dispatch", "report": report, "routing": {},
    }  # fmt: skip


def test_the_empty_request_is_named_as_a_bad_row(city: Washington) -> None:
    bad = [number for number, row in enumerate(city.routed, 1) if row["department"] is None]
    assert len(bad) == 1
    assert "1 bad row" in city.said.err
    assert f"Row {bad[0]}" in city.said.err
    assert city.routed[bad[0] - 1]["unit"] is None


def test_every_vertex_of_the_grid_lies_where_geos_says(city: Washington, boundaries: Path) -> None:
    features = json.loads((boundaries / "census-block-groups-2010.geojson").read_text(encoding="utf-8"))["features"]
    shapes = np.array([shapely.geometry.shape(each["geometry"]) for each in features], dtype=object)
    polygons = shapely.transform(shapes, lambda xy: xy.round(DECIMALS))
    codes = np.array([each["properties"]["GEOID"] for each in features], dtype=object)
    points = oracle.vertices(polygons)
    store = open_store(city.office.store)
    try:
        grid = Worlds(store).newest().grid
        found = [grid.unit_code(index) for index in grid.units.lowest(points).tolist()]
    finally:
        store.close()
    assert found == oracle.lowest(polygons, codes, points)


def test_a_time_before_history_is_flagged(city: Washington) -> None:
    out = city.office.folder / "before.csv"
    said = city.office.run("locate", city.office.folder / "crimes.geojson", out, "--as-of", "2001-01-01")
    assert said.code == 0
    assert {row["flags"] for row in answers(out)} == {"before_history"}


def test_the_two_rings_that_touch_themselves_are_told(office: Office, shared_data: Path, city: Washington) -> None:
    path = shared_data / "dc_311" / "boundaries" / "business-improvement-districts.geojson"
    said = office.do("import", "areas", path, "--area-layer", "bid", "--map", "code=GIS_ID", "--overlap", "allowed")
    assert "warning ring_touches_itself: Row 9" in said.err
