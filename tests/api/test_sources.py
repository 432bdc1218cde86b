"""Sources of cases: declared by command, taken into account wherever a case is read, checked for shifts."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from api.app import create_app
from api.keys import create_key
from api.settings import Settings
from cases.tables import decision
from gis.china import wgs84_to_gcj02
from gis.crs import from_store, parse
from gis.formats import read
from gis.store.engine import Store, reading, writing
from gis.store.revisions import current_head
from tests.api.conftest import client
from tests.api.small_world import SIDE, SOUTH, UNITS, WEST, bring, centre
from tests.api.test_hot import Told
from tests.journeys.commands import Office

ARROW = {"content-type": "application/vnd.apache.arrow.stream"}
LINES = {"content-type": "application/x-ndjson"}
ROUTE = "/v1/cases/route"
SETTINGS = ("--crs", "GCJ-02", "--accuracy", "30", "--zone", "+09:00", "--edition", "2026", "--kind", "component")
COLUMNS = ("unit", "department", "advice", "rule", "flags")


@pytest.fixture
def office(store_of_either: Store, url_of_either: str, tmp_path: Path) -> Office:
    return Office(url_of_either, tmp_path)


def shifted(index: int, **members: Any) -> dict[str, Any]:
    """A case in the middle of a unit as a phone tells it: in GCJ-02, and without a word about it."""
    ((lon, lat),) = wgs84_to_gcj02(np.array([centre(index)])).tolist()
    return {"source": "phones", "id": f"p{index}", "lon": lon, "lat": lat, "class_code": "01002"} | members


def declare(office: Office, *more: object) -> None:
    office.do("sources", "add", "phones", *SETTINGS, *more)


def with_map(folder: Path) -> Path:
    file = folder / "classes.csv"
    file.write_text("code,edition,kind,class_code\nDRAIN,2026,component,01002\nNOISE,2026,matter,06010\n")
    return file


def test_a_source_is_declared_listed_shown_changed_and_removed_each_as_a_revision(
    office: Office, store_of_either: Store, tmp_path: Path
) -> None:
    before = current_head(store_of_either)
    declare(office, "--owner", "44", "--classes", with_map(tmp_path))
    told = json.loads(office.do("sources", "show", "phones").out)
    assert {"code": "NOISE", "edition": "2026", "kind": "matter", "class_code": "06010"} in told["classes"]
    assert (told["crs"], told["accuracy_m"], told["zone"], told["owner"]) == ("GCJ-02", 30.0, "+09:00", "44")
    assert office.run("sources", "add", "phones", "--crs", "BD-09").code == 6
    office.do("sources", "add", "phones", "--accuracy", "20", "--replace")
    changed = json.loads(office.do("sources", "list", "--json").out)
    assert changed == [told | {"accuracy_m": 20.0}]
    assert "phones" in office.do("sources", "list").out
    office.do("sources", "remove", "phones")
    assert json.loads(office.do("sources", "list", "--json").out) == []
    assert office.run("sources", "show", "phones").code == 5
    assert current_head(store_of_either) == before + 3


def test_a_declaration_stands_in_the_feed_and_can_be_taken_back(office: Office, store_of_either: Store) -> None:
    before = current_head(store_of_either)
    declare(office)
    with client(create_app(Settings(), store_of_either)) as http:
        changes = http.get("/v1/changes", params={"since": str(before)}).json()["items"]
    assert [(each["layer"], each["code"], each["change"]) for each in changes] == [("sources", "phones", "created")]
    office.do("undo", before + 1, "--commit")
    assert json.loads(office.do("sources", "list", "--json").out) == []
    office.do("undo", before + 2, "--commit")
    assert json.loads(office.do("sources", "show", "phones").out)["crs"] == "GCJ-02"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--crs", "nonsense"), "crs_unknown"),
        (("--crs", "+proj=longlat +datum=WGS84"), "source_setting_wrong"),
        (("--accuracy", "0"), "source_setting_wrong"),
        (("--zone", "Moon/Crater"), "zone_unknown"),
        (("--kind", "animal"), "source_setting_wrong"),
        (("--owner", "a b"), "source_setting_wrong"),
    ],
)
def test_what_cannot_be_said_of_a_source_is_refused_in_words(
    store: Store, tmp_path: Path, words: tuple[str, ...], code: str
) -> None:
    office = Office(f"sqlite:///{tmp_path / 'wangge.db'}", tmp_path)
    said = office.run("sources", "add", "phones", *words)
    assert (said.code, code in said.err) == (3, True), said.err
    assert office.run("sources", "add", "a/b").code == 3


def test_every_bad_row_of_a_map_of_classes_is_told(store: Store, tmp_path: Path) -> None:
    office = Office(f"sqlite:///{tmp_path / 'wangge.db'}", tmp_path)
    file = tmp_path / "classes.csv"
    file.write_text("code,kind,class_code\nA,component,01002\nA,component,01002\nB,animal,1\n")
    said = office.run("sources", "add", "phones", "--edition", "2026", "--classes", file)
    assert (said.code, "code_duplicate" in said.err, "kind_unknown" in said.err) == (3, True, True)
    file.write_text("code,kind,class_code\nA,component,99998\n")
    said = office.run("sources", "add", "phones", "--edition", "2026", "--classes", file)
    assert (said.code, "class_unknown" in said.err) == (3, True)


def test_every_way_in_takes_the_same_from_the_source(office: Office, store_of_either: Store, tmp_path: Path) -> None:
    declare(office, "--classes", with_map(tmp_path))
    cases = [
        shifted(0),
        shifted(1, class_code="DRAIN", reported_at="2026-05-01T08:00:00"),
        shifted(2, crs="CRS84", lon=centre(2)[0], lat=centre(2)[1], accuracy_m=3, edition="2026"),
        shifted(3, class_code="NOISE"),
        shifted(3, class_code="XXX"),
        shifted(0, source="others"),
        shifted(0, source=None, crs="CRS84", kind="component", edition="2026"),
        shifted(4, kind="matter", class_code="06010"),
    ]
    with client(create_app(Settings(), store_of_either)) as http:
        one_by_one = [http.post(ROUTE, json=each) for each in cases]
        expected = [_row(each.json()) if each.status_code == 200 else None for each in one_by_one]
        assert [each is None for each in expected] == [False] * 4 + [True, True] + [False] * 2
        flags = [each["flags"].split(";") for each in expected if each is not None]
        assert {"assumed_accuracy", "assumed_edition", "crs_assumed", "unmapped_class"} <= set(flags[0])
        assert "assumed_timezone" in flags[1]
        assert "unmapped_class" not in flags[1]
        assert [each["unit"] for each in expected[:3] if each] == list(UNITS[:3])
        codes = {each["errors"][0]["code"] if each.get("errors") else each["code"] for each in (
            answer.json() for answer in one_by_one[4:6])}  # fmt: skip
        assert codes == {"class_unmapped", "crs_missing"}
        listed = http.post(ROUTE, json=cases).json()
        lines = http.post(ROUTE, content="\n".join(map(json.dumps, cases)), headers=LINES)
        streamed = [json.loads(line) for line in lines.text.splitlines()][:-1]
        for answers in (listed, streamed):
            assert [None if "error" in each else _row(each) for each in answers] == expected
        names = dict.fromkeys(name for each in cases for name in each)
        table = pa.table({name: [each.get(name) for each in cases] for name in names})
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        for query in ("", "?because=codes"):
            answer = http.post(ROUTE + query, content=sink.getvalue(), headers=ARROW)
            rows = pa.ipc.open_stream(answer.content).read_all().to_pylist()
            assert [None if each["error"] else _columns(each) for each in rows] == expected, query
        named = [each | {"id": f"k{at}"} for at, each in enumerate(cases) if each["source"]]
        taken = [http.post("/v1/cases", json=each) for each in named]
        assert [_row(each.json()) for each in taken if each.status_code == 201] == [
            each for each, case in zip(expected, cases, strict=True) if each and case["source"]
        ]
    for suffix, ending in ((".csv", ".csv"), (".parquet", ".csv"), (".csv", ".xlsx")):  # the last is read as a whole
        for because in ("text", "codes"):
            assert _routed(office, cases, suffix, ending, because) == expected, (suffix, ending, because)
    world = office.folder / "data"  # its files alone, without the store
    assert _routed(office, cases, ".csv", ".csv", "codes", "--index", world) == expected
    replayed = json.loads(_replayed(office).read_text())
    assert (replayed["cases"], replayed["same"], replayed["unreadable"]) == (5, 5, 0)


def _row(answer: dict[str, Any]) -> dict[str, Any]:
    department, rule = answer["department"], answer["rule"]
    told = {"department": department and department["code"], "rule": rule and rule["code"]}
    return {"unit": answer["unit"], "advice": answer["advice"], "flags": ";".join(answer["flags"])} | told


def _columns(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] or ("" if name == "flags" else None) for name in COLUMNS}


def _routed(
    office: Office, cases: list[dict[str, Any]], suffix: str, ending: str, because: str, *more: object
) -> list[dict[str, Any] | None]:
    """The rows of `wangge route` on a file, None for the bad ones."""
    file, out = office.folder / f"in{suffix}", office.folder / f"out{because}{ending}"
    if suffix == ".parquet":
        names = dict.fromkeys(name for each in cases for name in each)
        pq.write_table(pa.table({name: [each.get(name) for each in cases] for name in names}), file)
    else:
        _write(file, cases)
    office.do("route", file, out, "--because", because, *more)
    table = read(out)
    rows = [dict(zip(table.columns, row, strict=True)) for row in zip(*table.columns.values(), strict=True)]
    return [_columns(each) if each["revision"] else None for each in rows]


def _write(file: Path, rows: list[dict[str, Any]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.DictWriter(text, list(dict.fromkeys(name for each in rows for name in each)))
        writer.writeheader()
        writer.writerows(rows)


def _replayed(office: Office) -> Path:
    report = office.folder / "replay.json"
    office.do("replay", "--report", report)
    return report


def test_the_hot_way_knows_the_sources(store: Store, tmp_path: Path) -> None:
    declare(Office(f"sqlite:///{tmp_path / 'wangge.db'}", tmp_path))
    told = Told(store)
    assert told.is_hot(lambda caller: caller.post(ROUTE, json=shifted(0)))


def test_a_case_is_read_as_its_source_was_declared_at_that_revision(office: Office, store_of_either: Store) -> None:
    before = current_head(store_of_either)
    app = create_app(Settings(data=office.folder / "data"), store_of_either)
    app.state.worlds.poll_s = 0
    with client(app) as http:
        lon, lat = WEST + SIDE - 2e-3, SOUTH + SIDE / 2  # 200 m before the edge: GCJ-02 is 500 m off
        case = shifted(0, lon=lon, lat=lat)
        assert http.post(ROUTE, json=case).json()["code"] == "crs_missing"
        declare(office)  # now only what changed is written to the world files that there are
        assert "crs_assumed" in http.post(ROUTE, json=case).json()["flags"]
        office.do("sources", "add", "phones", "--crs", "CRS84", "--replace")
        assert http.post(f"{ROUTE}?as_of={before}", json=case).json()["code"] == "crs_missing"
        of = {number: http.post(f"{ROUTE}?as_of={number}", json=case).json() for number in (before + 1, before + 2)}
        assert of[before + 2]["unit"] == UNITS[0]
        assert http.post(ROUTE, json=case).json() == of[before + 2]
        places = [http.get("/v1/sources", params={"as_of": number}).json()["items"] for number in of]
        assert [each[0]["crs"] for each in places] == ["GCJ-02", "CRS84"]
        assert http.get("/v1/sources", params={"as_of": before}).json()["items"] == []
    file = office.folder / "in.csv"
    rows = [case | {"asked": number, "id": f"n{number}"} for number in (before, before + 1, before + 2)]
    _write(file, rows)
    for because in ("text", "codes"):
        out = office.folder / f"{because}.csv"
        office.do("route", file, out, "--as-of", "asked", "--because", because)
        with out.open(encoding="utf-8-sig", newline="") as text:
            found = list(csv.DictReader(text))
        assert [each["unit"] or None for each in found] == [None, of[before + 1]["unit"], UNITS[0]]
        assert [each["revision"] for each in found] == ["", str(before + 1), str(before + 2)]


def test_retries_keep_their_decision_when_the_source_is_said_otherwise(office: Office, store_of_either: Store) -> None:
    declare(office)
    with client(create_app(Settings(), store_of_either)) as http:
        first = http.post("/v1/cases", json=shifted(0))
        office.do("sources", "add", "phones", "--crs", "BD-09", "--replace")
        again = http.post("/v1/cases", json=shifted(0))
        office.do("sources", "remove", "phones")
        app = create_app(Settings(), store_of_either)
        with client(app) as later:  # which knows of no source any more
            unread = later.post("/v1/cases", json=shifted(0))
            refused = [later.post("/v1/cases", json=shifted(0, **each)) for each in ({"version": 1}, {"id": "new"})]
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    assert (unread.status_code, unread.json(), unread.headers["Location"]) == (200, first.json(), "/v1/cases/phones/p0")
    assert [each.json()["code"] for each in refused] == ["crs_missing"] * 2


def test_a_local_system_is_named_by_a_source_and_its_parameters_are_told_nowhere(
    office: Office, store_of_either: Store, tmp_path: Path
) -> None:
    definition = "+proj=tmerc +lat_0=22 +lon_0=113.987654 +k=1 +x_0=12345.678 +y_0=54321.987 +ellps=GRS80 +units=m"
    file = tmp_path / "secret.txt"
    file.write_text(definition)
    office.do("crs", "add", "sz-local", "--proj", file)
    office.do("sources", "add", "phones", "--crs", "SZ-Local", "--edition", "2026", "--kind", "component")
    ((x, y),) = from_store(np.array([centre(0)]), parse(definition)).tolist()
    with client(create_app(Settings(), store_of_either)) as http:
        answer = http.post(ROUTE, json=shifted(0, lon=x, lat=y))
        told = http.get("/v1/sources")
        changes = http.get("/v1/changes", params={"since": "0", "limit": 1000})
    assert answer.json()["unit"] == UNITS[0]
    assert told.json()["items"][0]["crs"] == "sz-local"
    shown = office.do("sources", "show", "phones").out + office.do("sources", "list").out
    for text in (answer.text, told.text, changes.text, shown):
        assert not [each for each in ("113.987654", "12345.678", "tmerc") if each in text]


def lamps(count: int) -> str:
    rng = np.random.default_rng(3)
    rows = [
        f"L{at},2026,01037,路灯,完好,LIGHT,{WEST + rng.uniform(0, 0.05):.7f},{SOUTH + rng.uniform(0, 0.01):.7f},0.5"
        for at in range(count)
    ]
    return "\n".join(["code,edition,class_code,name,state,owner_code,lon,lat,accuracy_m", *rows]) + "\n"


def reports_of(text: str, system: str, named: bool) -> list[dict[str, Any]]:
    """A case some metres beside each lamp, in a system, said to be in CRS84."""
    rng, rows = np.random.default_rng(4), list(csv.DictReader(io.StringIO(text)))
    lonlat = np.array([(float(row["lon"]), float(row["lat"])) for row in rows]) + rng.normal(0, 3e-5, (len(rows), 2))
    places = from_store(lonlat, parse(system)).tolist()
    usual = {"source": "phones", "crs": "CRS84", "edition": "2026", "kind": "component", "class_code": "01037"}
    return [
        {**usual, "id": f"{system}{at}", "lon": x, "lat": y, **({"component_code": row["code"]} if named else {})}
        for at, (row, (x, y)) in enumerate(zip(rows, places, strict=True))
    ]


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("system", ["GCJ-02", "BD-09", "CRS84"])
def test_a_source_whose_points_carry_an_undeclared_shift_is_found(
    office: Office, store_of_either: Store, tmp_path: Path, system: str, named: bool
) -> None:
    text = lamps(60)
    bring(store_of_either, tmp_path, "components", "lamps.csv", text, crs="CRS84")
    with client(create_app(Settings(), store_of_either)) as http:
        for each in reports_of(text, system, named):
            assert http.post("/v1/cases", json=each).status_code == 201
    said = office.run("sources", "check", "phones")
    (found,) = json.loads(office.run("sources", "check", "phones", "--json").out)
    if system == "CRS84":
        assert (said.code, found["likely"], found["is_sure"]) == (0, None, False)
        return
    assert (said.code, found["likely"], found["is_sure"]) == (1, system, True)
    assert found["votes"][system] >= 48
    assert f"look like {system}" in " ".join(said.err.split())
    assert f"疑似 {system}" in office.run("sources", "check", language="zh").err
    assert _rows(store_of_either) == 60


def _rows(store: Store) -> int:
    with reading(store.log) as log:
        return len(log.execute(decision.select()).all())


def test_a_shift_that_is_declared_for_nothing_is_found_too(store: Store, tmp_path: Path) -> None:
    office = Office(f"sqlite:///{tmp_path / 'wangge.db'}", tmp_path)
    text = lamps(40)
    bring(store, tmp_path, "components", "lamps.csv", text, crs="CRS84")
    declare(office)
    file = tmp_path / "phones.csv"
    rows = [{name: value for name, value in each.items() if name != "crs"} for each in reports_of(text, "CRS84", True)]
    _write(file, rows)
    (found,) = json.loads(office.run("sources", "check", "phones", "--file", file, "--json").out)
    assert (found["crs"], found["likely"], found["is_sure"]) == ("GCJ-02", "CRS84", True)
    assert office.run("sources", "check", "--file", file).code == 1


def test_where_nothing_can_be_compared_the_check_says_so(store: Store, tmp_path: Path) -> None:
    office = Office(f"sqlite:///{tmp_path / 'wangge.db'}", tmp_path)
    said = office.run("sources", "check")
    assert (said.code, "no cases to check" in said.err) == (0, True)
    with client(create_app(Settings(), store)) as http:
        http.post("/v1/cases", json=shifted(0, crs="CRS84", edition="2026", kind="component"))
    said = office.run("sources", "check")
    assert (said.code, "Nothing tells" in said.err) == (0, True)


def test_who_may_read_another_city_alone_does_not_see_its_neighbours_sources(store: Store, tmp_path: Path) -> None:
    office = Office(f"sqlite:///{tmp_path / 'wangge.db'}", tmp_path)
    for name, owner in (("all", ""), ("province", "44"), ("here", "440305"), ("there", "440306")):
        office.do("sources", "add", name, "--owner", owner)
    with writing(store.world) as connection:
        _, secret = create_key(connection, "viewer", "viewer", "440305")
    with client(create_app(Settings(), store), authorization=f"Bearer {secret}") as http:
        assert [each["name"] for each in http.get("/v1/sources").json()["items"]] == ["all", "here", "province"]
