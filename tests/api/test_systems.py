"""Local coordinate systems in use: wherever a CRS is named, and nowhere told."""

import io
import json
import logging
import math
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import httpx
import numpy as np
import pyarrow as pa
import pytest
import shapely
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect, text
from typer.testing import CliRunner, Result

from api.app import create_app
from api.cli.program import app as program
from api.settings import Settings
from api.systems import read_systems
from api.transfer.imports import Options, run_import
from gis import crs as reference
from gis import formats
from gis.crs import Points
from gis.errors import Refusal
from gis.similarity import Similarity, fit
from gis.store.engine import Store, reading
from gis.systems import make_local
from gis.tables import Table
from tests.api.conftest import client
from tests.api.small_world import UNITS, centre
from tests.gis.test_systems import SECRET, TELLING, control

NAME = "sz-local"
LOOKED_AT = (
    "/openapi.json", "/v1/layers", "/v1/revisions", "/v1/changes?since=0", "/v1/crs", "/v1/jobs", "/v1/components/X",
    "/ogc/", "/ogc/conformance", "/ogc/openapi", "/ogc/collections", "/ogc/collections/components",
    "/ogc/collections/components/items", "/tiles/components.json", "/tiles/components/12/3343/1788.mvt",
    "/tiles/units/12/3343/1788.mvt", "/readyz", "/metrics",
)  # fmt: skip
CASE = {"reported_at": "2026-07-02T08:30:00+08:00", "edition": "2026", "kind": "component", "class_code": "01002"}
FORMATS = ("gpkg", "shp", "fgb", "parquet", "csv")


def tells(data: bytes, numbers: list[float]) -> list[str]:
    """What of the secret stands in some bytes, as text or as a number of either order."""
    texts = [each for each in (*TELLING, *(f"{number!r}"[:9] for number in numbers)) if each.encode() in data]
    return texts + [f"{n}" for n in numbers if struct.pack("<d", n) in data or struct.pack(">d", n) in data]


def written(path: Path) -> bytes:
    """What was ever written into a file: the holes, a gigabyte in a world file, hold zeros and are not read."""
    parts, at = [b""], 0
    with path.open("rb", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        while at < size:
            try:
                begin = file.seek(at, os.SEEK_DATA)
            except OSError:  # nothing but a hole is left
                break
            at = file.seek(begin, os.SEEK_HOLE)
            file.seek(begin)
            parts.append(file.read(at - begin))
    return bytes(16).join([*parts, b""])


def in_local(lonlat: Points) -> Points:
    return SECRET.inverse(reference.from_store(lonlat, reference.parse("EPSG:4526")))


def write_points(path: Path, count: int = 5, noise_m: float = 0.0) -> None:
    source, target = control(count, noise_m)
    rows = [
        f"K{i},{a!r},{b!r},{c!r},{d!r}" for i, (a, b, c, d) in enumerate(np.column_stack([source, target]).tolist())
    ]
    path.write_text("name,local_x,local_y,national_x,national_y\n" + "\n".join(rows) + "\n", encoding="utf-8")


class Office:
    """The command line on the store of a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str | Path) -> Result:
        return CliRunner().invoke(program, [str(word) for word in words])

    def add(self, *, count: int = 5, noise_m: float = 0.0, more: tuple[str, ...] = ()) -> Result:
        points = self.folder / "control.csv"
        write_points(points, count, noise_m)
        return self.run("crs", "add", NAME, "--points", points, "--plane", "EPSG:4526", *more)


@pytest.fixture
def office(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setenv("WANGGE_STORE", f"sqlite:///{tmp_path / 'wangge.db'}")
    monkeypatch.setenv("WANGGE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("WANGGE_LANGUAGE", "en")
    monkeypatch.setenv("COLUMNS", "200")
    return Office(tmp_path)


@pytest.fixture
def app(store: Store, tmp_path: Path) -> FastAPI:
    return create_app(Settings(data=tmp_path / "data"), store)


@pytest.fixture
def here(app: FastAPI) -> Iterator[httpx.Client]:
    with client(app) as caller:
        yield caller


def places() -> Points:
    return np.array([centre(index) for index in range(5)])


def test_control_points_make_a_system_and_show_what_is_left_of_each(office: Office) -> None:
    made = office.add(noise_m=0.01)
    assert made.exit_code == 0, made.output
    assert all(f"K{number}" in made.output for number in range(5))
    assert "root mean square" in made.output
    listed = office.run("crs", "list")
    assert NAME in listed.output
    assert "points" in listed.output
    plain, secret = office.run("crs", "show", NAME), office.run("crs", "show", NAME, "--secret")
    assert json.loads(plain.stdout)["points"] == 5
    assert not {"similarity", "definition"} & json.loads(plain.stdout).keys()
    assert json.loads(secret.stdout)["definition"] == "EPSG:4526"
    again = office.add()
    assert isinstance(again.exception, Refusal)
    assert again.exception.code == "crs_name_taken"
    assert office.run("crs", "remove", NAME).exit_code == 0
    gone = office.run("crs", "remove", NAME)
    assert isinstance(gone.exception, Refusal)
    assert gone.exception.code == "crs_missing_here"


def test_points_that_do_not_fit_are_refused_unless_accepted(office: Office) -> None:
    refused = office.add(noise_m=0.5)
    assert isinstance(refused.exception, Refusal)
    assert refused.exception.code == "crs_residuals_large"
    assert "K4" in refused.stdout  # the residuals are shown all the same
    assert NAME not in office.run("crs", "list").output
    assert office.add(noise_m=0.5, more=("--accept-residuals",)).exit_code == 0
    assert NAME in office.run("crs", "list").output


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["crs", "add", NAME], "crs_source_wrong"),
        (["crs", "add", NAME, "--points", "control.csv"], "crs_source_wrong"),
        (["crs", "add", "EPSG:4547", "--proj", "x"], "crs_name_wrong"),
        (["crs", "add", NAME, "--proj", "missing.txt"], "file_unreadable"),
        (["crs", "show", "nobody"], "crs_missing_here"),
    ],
)
def test_a_wrong_call_is_refused_in_a_sentence(office: Office, words: list[str], code: str) -> None:
    found = office.run(*words)
    assert isinstance(found.exception, Refusal)
    assert found.exception.code == code


def test_a_definition_from_a_file_is_taken(office: Office, here: httpx.Client) -> None:
    text = "+proj=tmerc +lat_0=0 +lon_0=114.05 +k=1 +x_0=31234.5678 +y_0=-2400000 +ellps=GRS80 +units=m +no_defs"
    (office.folder / "local.txt").write_text(text, encoding="utf-8")
    assert office.run("crs", "add", "by-text", "--proj", office.folder / "local.txt").exit_code == 0
    x, y = reference.from_store(places()[:1], reference.parse(text))[0]
    assert here.get("/v1/locate", params={"lon": x, "lat": y, "crs": "By-Text"}).json()["unit"] == UNITS[0]


def test_a_local_name_is_a_crs_in_every_lookup(office: Office, here: httpx.Client) -> None:
    asked = {"lon": 1.0, "lat": 2.0, "crs": NAME}
    assert here.get("/v1/locate", params=asked).json()["code"] == "crs_unknown"
    office.add()
    xy = in_local(places())
    units = []
    for x, y in xy.tolist():
        units.append(_until_known(here, {"lon": x, "lat": y, "crs": NAME})["unit"])
    assert units == list(UNITS)
    many = here.post("/v1/locate", json={"points": xy.tolist(), "crs": NAME}).json()
    assert [each["unit"] for each in many["results"]] == list(UNITS)
    lines = "".join(json.dumps(point) + "\n" for point in xy.tolist())
    stream = here.post(f"/v1/locate?crs={NAME}", content=lines, headers={"Content-Type": "application/x-ndjson"})
    assert [json.loads(line).get("unit") for line in stream.text.splitlines()[:-1]] == list(UNITS)
    batch = pa.record_batch({"lon": xy[:, 0], "lat": xy[:, 1]})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    kind = {"Content-Type": "application/vnd.apache.arrow.stream", "Accept": "application/vnd.apache.arrow.stream"}
    answered = pa.ipc.open_stream(here.post(f"/v1/locate?crs={NAME}", content=sink.getvalue(), headers=kind).content)
    assert answered.read_all().column("unit").to_pylist() == list(UNITS)
    case = {"lon": xy[0, 0], "lat": xy[0, 1], "crs": NAME, "reported_at": "2026-07-02T08:30:00+08:00"}
    case |= {"edition": "2026", "kind": "component", "class_code": "01002"}
    assert here.post("/v1/cases/route", json=case).json()["department"]["code"] == "WATER"
    assert here.post("/v1/cases/route", json=[case, case]).json()[1]["department"]["code"] == "WATER"


def _until_known(http: httpx.Client, asked: dict[str, object]) -> dict[str, str]:
    """A name that was asked for just now is looked for again after a second."""
    for _ in range(30):
        found: dict[str, str] = http.get("/v1/locate", params=asked).json()
        if "unit" in found:
            return found
        sleep(0.1)
    raise AssertionError(found)


@pytest.mark.parametrize("kind", ["csv", "parquet", "gpkg"])
def test_files_of_points_and_cases_may_be_in_a_local_system(office: Office, store: Store, kind: str) -> None:
    office.add()
    xy = in_local(places())
    columns = {"id": np.array([str(i) for i in range(5)], dtype=object)}
    with reading(store.world) as connection:
        system = read_systems(connection).parse(NAME)
    table = Table(columns, shapely.points(xy), system, np.arange(1, 6))
    formats.write(office.folder / f"points.{kind}", table)
    out = office.folder / "out.csv"
    for more in ((), ("--crs", NAME)):  # the file says it by itself, or a person does
        found = office.run("locate", office.folder / f"points.{kind}", out, *more)
        assert found.exit_code == 0, (found.output, found.exception)
        assert formats.read(out).columns["unit"].tolist() == list(UNITS)
        found = office.run("route", office.folder / f"points.{kind}", out, *more)
        assert found.exit_code == 0, (found.output, found.exception)
        assert formats.read(out).columns["unit"].tolist() == list(UNITS)


def test_each_row_may_name_a_local_system(office: Office) -> None:
    office.add()
    (x, y), (lon, lat) = in_local(places())[3], centre(4)
    rows = f"id,lon,lat,crs\n1,{x},{y},{NAME.upper()}\n2,{lon},{lat},CRS84\n3,{x},{y},nobody\n"
    (office.folder / "rows.csv").write_text(rows, encoding="utf-8")
    for command in ("locate", "route"):
        office.run(command, office.folder / "rows.csv", office.folder / "out.csv")
        found = formats.read(office.folder / "out.csv").columns["unit"].tolist()
        assert found == [UNITS[3], UNITS[4], None], command


def test_an_import_in_a_local_system_lies_where_it_should_to_a_millimetre(office: Office, store: Store) -> None:
    office.add()
    xy = in_local(places())
    rows = [f"4403050103700010{i},2026,01037,{x!r},{y!r}" for i, (x, y) in enumerate(xy.tolist())]
    path = office.folder / "lamps.csv"
    path.write_text("code,edition,class_code,lon,lat\n" + "\n".join(rows) + "\n", encoding="utf-8")
    report = run_import(store, "components", path, Options(crs=NAME))
    assert [fault.code for fault in report.delivery.faults if fault.severity == "error"] == []
    lonlat = np.array([shapely.get_coordinates(row["geom"])[0] for row in report.delivery.changes[0].created])
    assert np.abs(lonlat - places()).max() * 111_320 < 0.001


def test_what_is_exported_in_a_local_system_is_imported_again_by_its_name(office: Office, store: Store) -> None:
    office.add()
    for kind in FORMATS:
        made = office.run("export", "components", office.folder / f"out.{kind}", "--crs", NAME)
        assert made.exit_code == 0, (made.output, made.exception)
        again = run_import(store, "components", office.folder / f"out.{kind}", Options())
        assert not any(fault.severity == "error" for fault in again.delivery.faults), (kind, again.delivery.faults)
        (row,) = again.delivery.changes[0].created or [None]
        if row is not None:  # at most a micrometre away
            assert np.abs(shapely.get_coordinates(row["geom"])[0] - [114.015, 22.505]).max() < 1e-8


def test_no_answer_log_export_or_error_tells_the_parameters(
    office: Office, store: Store, app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    heard = [office.add().output.encode(), office.run("crs", "list").output.encode()]
    heard.append(office.run("crs", "show", NAME).output.encode())
    heard.append(repr(office.add().exception).encode())
    xy = in_local(places())
    asks = [
        {"lon": xy[0, 0], "lat": xy[0, 1], "crs": NAME},
        {"lon": 9e5, "lat": 9e8, "crs": NAME},
        {"lon": xy[0, 1], "lat": xy[0, 0], "crs": NAME},
        {"lon": 1e12, "lat": 0, "crs": NAME},
        {"lon": 0, "lat": 0, "crs": NAME + "x"},
    ]
    runner = app.state.runner
    runner.start()
    with client(app) as http:
        for asked in asks:
            heard.append(http.get("/v1/locate", params=asked).content)
            heard.append(http.post("/v1/cases/route", json=asked).content)
            heard.append(http.post("/v1/locate", json={"points": [[asked["lon"], asked["lat"]]], "crs": NAME}).content)
        heard += [http.get(path).content for path in LOOKED_AT]
        heard.append(http.get(f"/ogc/collections/units/items?crs={NAME}").content)
        heard.append(http.get(f"/ogc/collections/units/items?bbox=1,2,3,4&bbox-crs={NAME}").content)
        heard.append(http.post("/v1/cases", json={**asks[0], "source": "s", "id": "1", "version": 1, **CASE}).content)
        heard.append(http.get("/v1/cases/s/1").content)
        rows = (
            "code,edition,class_code,lon,lat\n"
            + f"44030501037000109,2026,01037,{xy[0, 0]},{xy[0, 1]}\nbad,2026,x,1e9,5\n"
        )
        sent = {"layer": "components", "filename": "c.csv", "crs": NAME}
        jobs = [http.post("/v1/imports", params=sent, content=rows.encode(), headers={"Content-Type": "text/csv"})]
        orders = [{"layer": "units", "format": kind, "crs": NAME} for kind in (*FORMATS, "geojson")]
        jobs += [http.post("/v1/exports", json=order) for order in orders]
        jobs.append(http.post("/v1/densities", json={"what": "components", "crs": NAME, "cell": 1000}))
        heard.append(http.post("/v1/densities", json={"what": "components", "crs": NAME, "cell": 0}).content)
        for job in jobs:
            assert job.status_code == 202, job.text
            heard += list(_ended(http, job.json()["id"]))
    runner.stop()
    for kind in FORMATS:
        made = office.run("export", "units", office.folder / f"units.{kind}", "--crs", NAME)
        assert made.exit_code == 0, (made.output, made.exception)
        (office.folder / "bad.csv").write_text(f"lon,lat,crs\n1e9,1e9,{NAME}\n", encoding="utf-8")
        heard.append(office.run("locate", office.folder / "bad.csv", office.folder / f"located.{kind}").output.encode())
    heard.append(caplog.text.encode())
    secret = office.run("crs", "show", NAME, "--secret").stdout
    numbers = list(json.loads(secret)["similarity"].values())
    assert len(tells(secret.encode(), numbers)) >= 6, "the search finds what is there"
    assert [found for each in heard if (found := tells(each, numbers))] == []
    heard_of_store = dump(store)
    assert [found for each in heard_of_store if (found := tells(each, numbers))] == []
    files = [path for path in sorted(office.folder.rglob("*")) if path.is_file() and "wangge" not in path.name]
    assert len(files) > 20
    assert {str(path): found for path in files if (found := tells(written(path), numbers))} == {}


def dump(store: Store) -> list[bytes]:
    """Every row of every table of the store, of jobs and decisions too, but for the table that keeps the systems."""
    found: list[bytes] = []
    for engine in {store.world, store.log}:
        with engine.connect() as connection:
            for table in inspect(engine).get_table_names():
                if table != "local_crs":
                    rows = connection.execute(text(f'SELECT * FROM "{table}"')).all()
                    found += [repr(tuple(row)).encode() for row in rows]
    assert len(found) > 50
    return found


def test_the_names_are_listed_for_everybody_and_nothing_else_of_them(office: Office, here: httpx.Client) -> None:
    assert here.get("/v1/crs").json() == {"items": []}
    office.add()
    (item,) = here.get("/v1/crs").json()["items"]
    assert item.keys() == {"name", "created_at"}
    assert item["name"] == NAME
    assert here.post("/v1/crs", json={"name": "x"}).status_code == 405
    assert here.delete(f"/v1/crs/{NAME}").status_code == 404


@settings(deadline=None, max_examples=60)
@given(
    st.floats(-math.pi, math.pi), st.floats(0.9995, 1.0005), st.floats(-1e5, 1e5), st.floats(-1e5, 1e5),
    st.integers(0, 999),
)  # fmt: skip
def test_any_city_plane_fitted_to_control_points_round_trips_below_a_millimetre(
    turn: float, scale: float, x: float, y: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    plane = reference.parse("EPSG:4547")
    lonlat = np.column_stack([random.uniform(113.7, 114.6, 40), random.uniform(22.4, 22.9, 40)])
    known = Similarity(x, y, 5e5, 2.5e6, scale * math.cos(turn), scale * math.sin(turn))
    local = known.inverse(reference.from_store(lonlat, plane))
    found, _ = fit(local[:6], reference.from_store(lonlat[:6], plane))
    made = make_local("invented", "EPSG:4547", found)
    there = reference.from_store(lonlat, made)
    assert np.abs(there - local).max() < 1e-3
    assert np.abs(reference.to_store(there, made) - lonlat).max() * 111_320 < 1e-3
    assert np.abs(reference.to_store(local, made) - lonlat).max() * 111_320 < 1e-3


def _ended(http: httpx.Client, job_id: str) -> Iterator[bytes]:
    """Everything that a job tells, when it has ended."""
    for _ in range(200):
        found = http.get(f"/v1/jobs/{job_id}")
        if found.json()["state"] not in ("waiting", "running"):
            break
        sleep(0.1)
    for path in ("", "/result", "/report"):
        yield http.get(f"/v1/jobs/{job_id}{path}").content
