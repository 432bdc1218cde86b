"""The inventory as a whole: its checks and its year, on both stores."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.editing.findings import Asked, look_over
from api.schemas import components as shapes
from api.settings import Settings
from gis.formats import read
from gis.store.engine import open_store
from tests.api.conftest import client
from tests.api.registry import LAMP, change, look, new_lamp
from tests.api.small_world import DEPARTMENTS, DIVISIONS, UNITS, bring, centre, collection, square

HEADS = "code,edition,class_code,name,state,owner_code,lon,lat,accuracy_m,initial_date"
LAMPS = [f"4403050103700000{n}" for n in range(1, 6)]


def line(code: str, at: int, state: str = "完好", owner: str = "LIGHT", day: str = "2019-05-01") -> str:
    lon, lat = centre(at)
    return f"{code},2026,01037,路灯,{state},{owner},{lon},{lat},0.5,{day}"


@pytest.fixture
def years(made_url: str, tmp_path: Path) -> Iterator[httpx.Client]:
    """Three lamps since 2024; in 2025 one broke, one moved into the next street, one went, and two came."""
    store = open_store(made_url)
    old, then = datetime(2024, 3, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)
    units = collection([({"code": code}, square(index)) for index, code in enumerate(UNITS)])
    bring(store, tmp_path, "departments", "departments.csv", DEPARTMENTS, effective_at=old)
    bring(store, tmp_path, "divisions", "divisions.csv", DIVISIONS, effective_at=old)
    bring(store, tmp_path, "units", "units.geojson", units, effective_at=old)
    first = [line(LAMPS[0], 0), line(LAMPS[1], 1), line(LAMPS[2], 2)]
    later = [
        line(LAMPS[0], 0, "破损"),
        line(LAMPS[1], 4),
        line(LAMPS[3], 3, day="2025-06-01"),
        line(LAMPS[4], 3, owner=""),
    ]
    for number, (rows, since) in enumerate(((first, old), (later, then))):
        text = "\n".join([HEADS, *rows]) + "\n"
        bring(store, tmp_path, "components", f"{number}.csv", text, crs="CRS84", scope="44", effective_at=since)
    with client(create_app(Settings(), store)) as http:
        yield http
    store.close()


def test_a_year_tells_what_came_changed_moved_and_went_by_division_and_class(years: httpx.Client) -> None:
    told = years.get("/v1/reports/components", params={"year": 2025}).json()
    shapes.YearReport.model_validate(told)
    assert told["totals"] == {
        "all": 4, "new": 2, "changed": 1, "moved": 1, "retired": 1, "untouched": 1, "without_owner": 1,
    }  # fmt: skip
    by_street = {each["division"]: each for each in told["items"]}
    assert {name: each["all"] for name, each in by_street.items()} == {"440305001": 3, "440306001": 1}
    assert by_street["440305001"]["division_name"] == "南头街道"
    assert by_street["440305001"]["class_name"]
    before = years.get("/v1/reports/components", params={"year": 2024, "level": "county"}).json()
    assert before["totals"] | {"untouched": 0} == dict.fromkeys(told["totals"], 0) | {"all": 3}
    assert before["totals"]["untouched"] == 3  # since 2019 by their own dates


def test_a_year_is_written_as_a_sheet(years: httpx.Client, tmp_path: Path) -> None:
    for form in ("csv", "xlsx"):
        sent = years.get("/v1/reports/components", params={"year": 2025, "f": form, "lang": "zh"})
        assert sent.status_code == 200, sent.text
        file = tmp_path / f"report.{form}"
        file.write_bytes(sent.content)
        table = read(file)
        assert table.columns["区划代码"].tolist() == ["440305001", "440306001"]
        assert [str(each) for each in table.columns["总数"]] == ["3", "1"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"year": 2023}, "before_history"),
        ({"year": 3000}, "year_wrong"),
        ({"year": 2025, "untouched": 0}, "year_wrong"),
        ({"year": 2025, "level": "galaxy"}, "level_unknown"),
    ],
)
def test_a_year_that_cannot_be_told_is_refused(years: httpx.Client, asked: dict[str, str], code: str) -> None:
    assert years.get("/v1/reports/components", params=asked).json()["code"] == code


def check(http: httpx.Client) -> dict[str, list[str]]:
    """The findings of a check of the components: codes of components by code of the finding."""
    found: dict[str, list[str]] = {}
    app = http._transport.inner.app  # type: ignore[attr-defined]
    for each in look_over(app.state.store, Asked("components")).faults:
        assert each.where is not None
        found.setdefault(each.code, []).append(str(each.thing))
    return found


def test_a_check_of_the_inventory_tells_what_no_single_row_shows(either: httpx.Client) -> None:
    assert check(either) == {}
    lon, lat = look(either)[0]["geometry"]["coordinates"]
    near = either.post("/v1/components", json=new_lamp(point=[lon + 1e-5, lat], accuracy_m=0.6)).json()["code"]
    other = either.post(
        "/v1/components", json=new_lamp(code="灯-9", point=[113.9, 22.5], state="歪斜", owner_code=None)
    )
    assert other.status_code == 201, other.text
    assert check(either) == {
        "component_twins": [LAMP],
        "component_outside": ["灯-9"],
        "component_without_owner": ["灯-9"],
        "state_unlisted": ["灯-9"],
    }
    change(either, near, point=[lon + 2e-5, lat], crs="CRS84")  # two metres, and 1.1 in sum
    assert "component_twins" not in check(either)
    change(either, near, point=list(centre(4)), crs="CRS84")
    assert check(either)["code_elsewhere"] == [near]
