"""Every broken vector file and every raster, sent to a running server: read right or refused with a sentence, one after
the other, while the same process goes on answering.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import rasterio

from gis.formats import READABLE
from gis.store.engine import open_store
from tests.api.jobs.test_known_bad import packed
from tests.api.jobs.test_server import settle
from tests.api.small_world import UNITS, make_world
from tests.api.test_workers import WHERE, answered, free_port, program
from tests.conftest import ROOT
from tests.gis.rasters.test_real import REFUSED as RASTERS_REFUSED
from tests.gis.test_known_bad import FILES, REFUSED, TOLD, VECTOR

pytestmark = pytest.mark.real
RASTERS = sorted(path for path in (ROOT.parent / "shared" / "data" / "raster").rglob("*") if path.is_file())
MOST_MB = 1_200
NO_FAULT = {"crs_missing", "multipart", "ring_touches_itself", "z_dropped"}
OF_A_TABLE = {"column_missing", "missing_geometry"}
"""These files have no codes, and some no shapes: as components they cannot be taken."""
ROWS = {
    "coutwildrnp": 67, "curves_line": 9, "issue627": 3, "comma_separated": 7, "duplicate_fields": 5,
    "eucjp": 2, "ne_10m_time_zones": 120, "periphereies": 13, "shiftjis": 2, "POLYGON": 2, "ex1": 6, "three_points": 3,
    "data_corruption_error": 8, "max_callstack_error": 138, "points": 2, "geo_lines": 6, "six_counties": 6,
    "two_states": 2, "two_states_mercator": 2,
}  # fmt: skip
"""So many rows these have, by themselves (a header of a dbf, an index of shapes, features in JSON); all others one."""
OTHERS = {"fiona/test_tin.csv": 3, "mapshaper/dbf/cpg/shiftjis.dbf": 1}
WHOLE = [name for name in VECTOR if not (name.endswith(".dbf") and name.removesuffix("dbf") + "shp" in VECTOR)]
"""A dbf beside a shapefile is a part of it."""
ALONE = {"201404_13SED190110_201404_0x1500m_CL_1_extmask.tif"}
"""Its mask lies in a file of its own, which is not sent."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server of its own process, and a caller."""

    caller: httpx.Client
    pid: int

    def check_alive(self, answer: httpx.Response | None = None) -> None:
        """That the process is there, answers lookups, and has not taken more memory than it may."""
        found = self.caller.get(WHERE)
        assert (found.status_code, found.json()["unit"]) == (200, UNITS[0])
        status = Path(f"/proc/{self.pid}/status").read_text()
        peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        assert peak / 1024 < MOST_MB

    def end(self, answer: httpx.Response) -> dict[str, Any]:
        """The job, ended at its first attempt: no worker died of it."""
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = settle(self.caller, answer.headers["Location"])
        assert job["attempt"] == 1
        if job["problem"] is not None:
            check_problem(job["problem"])
        return job


def check_problem(problem: dict[str, Any]) -> None:
    assert problem["code"] != "internal", problem
    assert problem["detail"].strip()
    assert any("\u4e00" <= letter <= "\u9fff" for letter in problem["detail_zh"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    make_world(f"sqlite:///{folder / 'wangge.db'}", folder).close()
    store = open_store(f"sqlite:///{folder / 'wangge.db'}")
    port = free_port()
    with program(store, "--port", str(port)) as process:
        assert answered(process, port).status_code == 200
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as caller:
            yield Server(caller, process.pid)
            assert process.poll() is None
        process.terminate()
        said, _ = process.communicate(timeout=30)
    store.close()
    assert "Traceback" not in said, said


def send(server: Server, path: Path, **asked: str) -> httpx.Response:
    whole = path.suffix in (".shp", ".dbf")  # with the .cpg that says the encoding
    filename = f"{path.stem}.zip" if whole else path.name
    params = {"layer": "components", "filename": filename, "set": "class_code=01037", **asked}
    return server.caller.post("/v1/imports", params=params, content=packed(path) if whole else path.read_bytes())


@pytest.mark.parametrize("name", WHOLE)
def test_a_broken_delivery_ends_its_job_as_it_should(shared_data: Path, server: Server, name: str) -> None:
    path = shared_data / "known_bad" / name
    answer = send(server, path)
    if name in REFUSED:
        problem = answer.json() if answer.status_code == 400 else server.end(answer)["problem"]
        check_problem(problem)
        assert problem["code"] == "file_unreadable"
        server.check_alive()
        return
    job = server.end(answer)
    assert job["state"] == "done", job
    report = server.caller.get(job["links"]["report"]).json()
    told = {fault["code"] for fault in report["faults"]}
    assert told - NO_FAULT - OF_A_TABLE == TOLD.get(name, set())
    assert job["result"]["rows"] == OTHERS.get(name, ROWS.get(path.stem, 1))
    assert not job["result"]["acceptable"]
    server.check_alive()


@pytest.mark.parametrize("name", [name for name in FILES if Path(name).suffix.lower() not in READABLE])
def test_a_part_of_a_file_is_refused_at_once(shared_data: Path, server: Server, name: str) -> None:
    answer = send(server, shared_data / "known_bad" / name)
    assert (answer.status_code, answer.json()["code"]) in ((400, "format_unknown"), (422, "upload_missing"))
    check_problem(answer.json())


def test_a_delivery_that_is_right_is_still_published_after_all_of_them(server: Server, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("code,name\nX,部门\n", encoding="utf-8")
    asked = {"layer": "departments", "commit": "true"}
    answer = server.caller.post(
        "/v1/imports", params={**asked, "filename": "d.csv"}, content=(tmp_path / "d.csv").read_bytes()
    )
    assert server.end(answer)["result"]["committed"]


@pytest.mark.parametrize("path", RASTERS, ids=lambda path: path.name)
def test_a_raster_is_registered_as_it_is_or_refused(server: Server, path: Path) -> None:
    asked = {"filename": path.name, "name": f"r{RASTERS.index(path)}"}
    answer = server.caller.post("/v1/rasters", params=asked, content=path.read_bytes())
    code = None if path.name in ALONE else RASTERS_REFUSED.get(path.name)
    if code is not None:
        problem = answer.json() if answer.status_code != 202 else server.end(answer)["problem"]
        assert problem["code"] == code
        check_problem(problem)
    else:
        made = server.end(answer)["result"]
        with rasterio.open(path) as before:
            assert (made["width"], made["height"]) == (before.width, before.height)
            shown = [each for each in before.colorinterp if each.name != "alpha"]
            assert len(made["bands"]) == len(shown)
        assert server.caller.get(f"/v1/rasters/r{RASTERS.index(path)}").json()["digest"] == made["digest"]
    server.check_alive()
