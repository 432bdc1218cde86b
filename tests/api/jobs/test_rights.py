"""Who may have what done: looked at when a job is made, and again when it runs."""

from typing import Any

import httpx
from fastapi import FastAPI

from api.jobs.records import list_jobs
from api.keys import revoke_key
from gis.store.engine import reading, writing
from gis.store.revisions import current_head
from tests.api.conftest import client
from tests.api.jobs.test_imports import NEW, send
from tests.api.jobs.work import As, ended, run_all
from tests.api.small_world import UNITS, collection, square


def test_editors_check_publishers_publish_viewers_export(village: FastAPI, as_key: As) -> None:
    viewer, editor, publisher = (as_key(role) for role in ("viewer", "editor", "publisher"))
    assert send(viewer).json()["code"] == "role_missing"
    assert send(editor).status_code == 202
    assert (send(editor, commit="true").status_code, send(editor, commit="true").json()["code"]) == (
        403,
        "role_missing",
    )
    assert send(publisher, commit="true").status_code == 202
    assert viewer.post("/v1/exports", json={"layer": "units"}).status_code == 202
    assert viewer.post("/v1/checks", json={"layer": "units"}).status_code == 202
    with client(village) as nobody:
        assert nobody.post("/v1/exports", json={"layer": "units"}).status_code == 401
        assert send(nobody).status_code == 401


def test_a_key_publishes_within_its_prefix_only(village: FastAPI, as_key: As) -> None:
    publisher = as_key("publisher", "440305")
    before = current_head(village.state.store)
    assert send(publisher, commit="true").json()["code"] == "prefix_missing"
    assert send(publisher, commit="true", owner="440306").json()["code"] == "prefix_missing"
    assert ended(publisher, village, send(publisher, commit="true", owner="440305"))["state"] == "done"
    assert current_head(village.state.store) == before + 1

    def units(*indexes: int, **asked: Any) -> dict[str, Any]:
        text = collection([({"code": UNITS[at], "note": "新"}, square(at)) for at in indexes])
        return ended(publisher, village, send(publisher, text, "u.geojson", layer="units", commit="true", **asked))

    assert units(0, 1, 2)["state"] == "done", "the outlines of divisions above follow"
    mixed = units(3, 4)
    assert (mixed["state"], mixed["problem"]["code"]) == ("failed", "prefix_missing")
    assert send(publisher, layer="units", scope="44").json()["code"] == "prefix_missing"
    book = "rules:\n  - {code: mine, fallback: true, owner: '%s', to: [{division: street}]}\n"
    for owner, state in (("440306", "failed"), ("440305", "done")):
        text = book % owner
        job = ended(publisher, village, send(publisher, text, "r.yaml", layer="rules", commit="true"))
        assert job["state"] == state, job
    assert current_head(village.state.store) == before + 3


def test_a_key_exports_and_checks_what_it_may_read(village: FastAPI, as_key: As) -> None:
    viewer = as_key("viewer", "440306")
    job = ended(viewer, village, viewer.post("/v1/exports", json={"layer": "units", "format": "geojson"}))
    codes = [each["properties"]["code"] for each in viewer.get(job["links"]["result"]).json()["features"]]
    assert codes == [UNITS[4]]
    job = ended(viewer, village, viewer.post("/v1/checks", json={"layer": "units"}))
    assert job["result"]["rows"] == 1


def test_a_job_is_seen_by_its_maker_and_by_the_admins_over_them(village: FastAPI, as_key: As) -> None:
    maker, other = as_key("editor", "440305"), as_key("editor", "440305")
    admins = {prefix: as_key("admin", prefix) for prefix in ("", "4403", "440305", "440306")}
    where = send(maker, owner="440305").headers["Location"]

    def sees(caller: httpx.Client) -> bool:
        found = caller.get(where).status_code == 200
        assert bool(caller.get("/v1/jobs").json()["items"]) == found
        if not found:
            answers = [caller.get(where), caller.get(f"{where}/report"), caller.delete(where)]
            assert {(each.status_code, each.json()["code"]) for each in answers} == {(404, "job_unknown")}
        return found

    assert sees(maker)
    assert not sees(other)
    assert {prefix for prefix, admin in admins.items() if sees(admin)} == {"", "4403", "440305"}
    assert admins["4403"].delete(where).json()["state"] == "cancelled"


def test_the_job_of_a_key_that_was_revoked_meanwhile_does_nothing(village: FastAPI, as_key: As) -> None:
    admin, publisher = as_key("admin"), as_key("publisher")
    before = current_head(village.state.store)
    where = send(publisher, commit="true").headers["Location"]
    with writing(village.state.store.world) as connection:
        revoke_key(connection, publisher.key_id)  # type: ignore[attr-defined]
    run_all(village)
    job = admin.get(where).json()
    assert (job["state"], job["problem"]["code"]) == ("failed", "job_author_gone")
    assert current_head(village.state.store) == before


def test_a_job_of_this_machine_does_nothing_once_keys_are_needed(village: FastAPI, as_key: As) -> None:
    with client(village) as caller:
        where = send(caller, NEW, commit="true").headers["Location"]
    admin = as_key("admin")
    run_all(village)
    assert admin.get(where).json()["problem"]["code"] == "job_author_gone"
    with reading(village.state.store.log) as connection:
        assert [each.state for each in list_jobs(connection)] == ["failed"]
