"""Jobs of deliveries of many pieces: how far they are, and that they end between two of them."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.jobs import importing
from api.transfer import imports
from gis.store import staging
from gis.store.revisions import current_head
from tests.api.test_files_at_size import lines


def test_a_job_tells_how_far_it_is_and_is_cancelled_between_pieces(
    here: httpx.Client, town: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "PIECE", 5)
    monkeypatch.setattr(staging, "CHUNK", 3)
    monkeypatch.setattr(staging, "MANY", 1)  # as a delivery at size is staged
    body = "code,edition,class_code,name,lon,lat,材质\n" + "\n".join(lines()) + "\n"
    asked = {"layer": "components", "filename": "many.csv", "crs": "CRS84", "commit": "true"}
    answer = here.post("/v1/imports", params=asked, content=body.encode())
    told: list[tuple[str, int]] = []
    progress = importing.Context.progress

    def heard(context: Any, done: int = 0, total: int | None = None, step: str = "") -> None:
        told.append((step, done))
        if told.count(("stage", done)) and len([each for each in told if each[0] == "stage"]) == 4:
            here.delete(answer.headers["Location"])
            context.signs.cancelled = True
        progress(context, done, total, step)

    monkeypatch.setattr(importing.Context, "progress", heard)
    before = current_head(town.state.store)
    town.state.runner.run_one()
    job = here.get(answer.headers["Location"]).json()
    assert job["state"] == "cancelled"
    assert current_head(town.state.store) == before
    checked = [done for step, done in told if step == "check"]
    assert checked == sorted(checked)
    assert checked[-1] == 60
    assert [done for step, done in told if step == "stage"] == [63, 65, 68, 70]
