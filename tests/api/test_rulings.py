"""`wangge rulings add`: what was settled on site, from the command to the next answer, through a draft."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from gis.store.engine import Store
from gis.store.revisions import current_head
from tests.api.small_world import UNITS
from tests.api.test_cases import case
from tests.api.test_drafts import publish
from tests.journeys.commands import Office

RULINGS = f"""rulings:
  - number: 城管确〔2026〕12号
    date: "2026-08-01"
    document: 现场确权会议纪要
    text: 该处雨水井由路灯所代管
    department: LIGHT
    edition: "2026"
    kind: component
    class: "01002"
    place: "{UNITS[0]}"
  - {{number: 13号, date: "2026-08-02", department: WATER, area_layer: drainage, area: D-2}}
"""


@pytest.fixture
def office(url_of_either: str, tmp_path: Path) -> Office:
    return Office(url_of_either, tmp_path)


def routed(http: httpx.Client, index: int, **asked: Any) -> Any:
    return http.post("/v1/cases/route", json=case(index), params=asked).json()


def test_rulings_of_a_file_wait_in_a_draft_and_then_decide(
    either: httpx.Client, store_of_either: Store, office: Office, tmp_path: Path
) -> None:
    path = tmp_path / "rulings.yaml"
    path.write_text(RULINGS, encoding="utf-8")
    before = current_head(store_of_either)
    said = office.do("rulings", "add", path)
    draft = said.out.strip()
    assert "城管确〔2026〕12号" in said.err
    assert "areas.drainage D-2" in said.err
    assert current_head(store_of_either) == before
    assert [routed(either, at)["department"]["code"] for at in (0, 2)] == ["WATER", "WATER2"]
    would = [routed(either, at, draft=draft) for at in (0, 1, 2)]
    assert [each["department"]["code"] for each in would] == ["LIGHT", "WATER", "WATER"]
    assert would[0]["basis"] == {
        "text": "该处雨水井由路灯所代管", "document": "现场确权会议纪要", "number": "城管确〔2026〕12号",
        "date": "2026-08-01", "url": None,
    }  # fmt: skip
    assert publish(either, either.get(f"/v1/drafts/{draft}").json()).status_code == 200
    assert routed(either, 0)["rule"]["code"].startswith("ruling-城管确〔2026〕12号")
    areas = office.do("export", "areas.drainage", tmp_path / "out.geojson")
    assert areas.code == 0
    assert "13号 2026-08-02" in (tmp_path / "out.geojson").read_text(encoding="utf-8")


def test_a_case_that_was_settled_settles_its_like(either: httpx.Client, office: Office) -> None:
    taken = either.post("/v1/cases", json=case(2, source="12345", id="c-1"))
    assert taken.json()["department"]["code"] == "WATER2"
    said = office.do(
        "rulings", "add", "--case", "12345", "c-1", "--department", "CITY", "--number", "14号", "--date", "2026-08-03",
        "--basis", "现场确认",
    )  # fmt: skip
    draft = {"id": said.out.strip()}
    assert routed(either, 2)["department"]["code"] == "WATER2"
    assert publish(either, draft).status_code == 200
    answer = routed(either, 2)
    assert (answer["department"]["code"], answer["basis"]["text"], answer["flags"]) == ("CITY", "现场确认", [])
    assert routed(either, 0)["department"]["code"] == "WATER"


@pytest.mark.parametrize(
    ("arguments", "code", "fault"),
    [
        ((), 3, "ruling_wrong"),
        (("--case", "12345", "none"), 3, "ruling_wrong"),
        (("--case", "12345", "none", "--department", "CITY"), 5, "case_unknown"),
        (("rulings.yaml", "--draft", "none"), 5, "draft_unknown"),
        (("nowhere.yaml",), 4, "unreadable"),
        (("wrong.yaml",), 3, "ruling_incomplete"),
        (("gone.yaml",), 3, "department_unknown"),
    ],
)
def test_what_cannot_be_taken_in_is_told_and_leaves_no_draft(
    http: httpx.Client, store: Store, tmp_path: Path, arguments: tuple[str, ...], code: int, fault: str
) -> None:
    (tmp_path / "rulings.yaml").write_text(RULINGS, encoding="utf-8")
    (tmp_path / "wrong.yaml").write_text(RULINGS.replace("    department: LIGHT\n", ""), encoding="utf-8")
    (tmp_path / "gone.yaml").write_text(RULINGS.replace("LIGHT", "NOBODY"), encoding="utf-8")
    office = Office(f"sqlite:///{tmp_path / 'wangge.db'}", tmp_path)
    named = [str(tmp_path / each) if each.endswith(".yaml") else each for each in arguments]
    said = office.run("rulings", "add", *named)
    assert (said.code, fault in said.err) == (code, True), said.err
    assert http.get("/v1/drafts").json()["items"] == []
