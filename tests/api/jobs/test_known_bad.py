"""Files that others have met broken, sent as deliveries: the job ends, with a sentence where it fails, and the next one
runs.
"""

import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.settings import Settings
from gis.store.engine import open_store
from gis.store.revisions import current_head
from tests.api.conftest import client
from tests.api.jobs.work import ended
from tests.api.small_world import make_world
from tests.gis.test_known_bad import VECTOR

PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FastAPI, httpx.Client]]:
    """One application on the small world that gets all of them, one after the other."""
    folder = tmp_path_factory.mktemp("known_bad")
    url = f"sqlite:///{folder / 'wangge.db'}"
    make_world(url, folder).close()
    store = open_store(url)
    app = create_app(Settings(data=folder / "data"), store)
    with client(app) as caller:
        yield app, caller
    store.close()


@pytest.mark.real
@pytest.mark.parametrize("name", VECTOR)
def test_no_broken_delivery_stops_the_runner(
    shared_data: Path, office: tuple[FastAPI, httpx.Client], name: str
) -> None:
    app, caller = office
    path = shared_data / "known_bad" / name
    before = current_head(app.state.store)
    asked = {"layer": "components", "class": "01037", "commit": "true", "map": "code=NO_SUCH_COLUMN"}
    whole = path.suffix == ".shp"
    sent = packed(path) if whole else path.read_bytes()
    filename = f"{path.stem}.zip" if whole else path.name
    answer = caller.post("/v1/imports", params={**asked, "filename": filename}, content=sent)
    job = ended(caller, app, answer)
    assert job["state"] == "failed"
    problem = job["problem"]
    assert problem["code"] != "internal", problem
    assert problem["detail"]
    assert problem["detail_zh"]
    assert str(app.state.settings.data) not in problem["detail"]
    assert current_head(app.state.store) == before


def packed(path: Path) -> bytes:
    """A shapefile with the parts that lie beside it."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for part in path.parent.glob(f"{path.stem}.*"):
            if part.suffix in PARTS:
                archive.write(part, part.name)
    return content.getvalue()
