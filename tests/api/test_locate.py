"""`/v1/locate`: one point and many."""

import httpx
import pytest

from api.schemas.answers import LocateAnswer, LocateManyAnswer, Problem
from gis import crs
from tests.api.small_world import UNITS, centre

MEMBERS = {
    "point",
    "unit",
    "divisions",
    "areas",
    "departments",
    "gap",
    "boundary_distance_m",
    "flags",
    "revision",
}


def ask(caller: httpx.Client, **asked: object) -> httpx.Response:
    return caller.get("/v1/locate", params={name: str(value) for name, value in asked.items()})


def test_a_point_is_answered_with_its_unit_divisions_and_areas(either: httpx.Client) -> None:
    lon, lat = centre(0)
    response = ask(either, lon=lon, lat=lat, crs="CRS84")
    answer = response.json()
    assert response.status_code == 200
    assert response.headers["Wangge-Revision"] == str(answer["revision"]) == "6"
    assert set(answer) == MEMBERS
    LocateAnswer.model_validate(answer)
    assert answer["point"] == [lon, lat]
    assert answer["unit"] == UNITS[0]
    assert answer["divisions"]["street"] == {"code": "440305001", "name": "南头街道"}
    assert answer["areas"] == {"drainage": [{"code": "D-1", "name": "西片", "department": "WATER"}]}
    assert {"code": "WATER", "name": "排水公司", "role": "area", "layer": "drainage"} in answer["departments"]


def test_many_points_are_answered_in_their_order_as_they_are_one_by_one(either: httpx.Client) -> None:
    points = [centre(index) for index in (4, 0, 2, 1, 3)]
    answer = either.post("/v1/locate", json={"points": points, "crs": "CRS84"}).json()
    LocateManyAnswer.model_validate(answer)
    assert set(answer) == {"revision", "results"}
    for (lon, lat), result in zip(points, answer["results"], strict=True):
        assert ask(either, lon=lon, lat=lat, crs="CRS84").json() == {**result, "revision": 6}


@pytest.mark.parametrize("system", ["GCJ-02", "BD-09", "EPSG:4547", "EPSG:4490"])
def test_the_same_place_in_any_coordinate_system_is_the_same_unit(http: httpx.Client, system: str) -> None:
    import numpy as np

    ((x, y),) = crs.from_store(np.array([centre(2)]), crs.parse(system)).tolist()
    answer = ask(http, lon=x, lat=y, crs=system).json()
    assert answer["unit"] == UNITS[2]
    assert answer["point"] == pytest.approx(centre(2), abs=2e-9)


def test_an_accuracy_that_reaches_the_boundary_is_flagged(http: httpx.Client) -> None:
    lon, lat = 114.00999, 22.505
    assert ask(http, lon=lon, lat=lat, crs="CRS84", accuracy_m=5).json()["flags"] == ["near_boundary"]
    assert ask(http, lon=lon, lat=lat, crs="CRS84", accuracy_m=0.5).json()["flags"] == []
    sent = {
        "points": [{"lon": lon, "lat": lat, "accuracy_m": 0.5}, [lon, lat]],
        "crs": "CRS84",
        "accuracy_m": 5,
    }
    assert [each["flags"] for each in http.post("/v1/locate", json=sent).json()["results"]] == [
        [],
        ["near_boundary"],
    ]


def test_as_of_takes_a_revision_or_a_time(http: httpx.Client) -> None:
    lon, lat = centre(0)
    assert ask(http, lon=lon, lat=lat, crs="CRS84", as_of=2).json()["unit"] is None
    assert ask(http, lon=lon, lat=lat, crs="CRS84", as_of=3).json()["unit"] == UNITS[0]
    for moment in ("2100-01-01", "2100-01-01T08:00:00+08:00", "2100-01-01T08:00:00"):
        assert ask(http, lon=lon, lat=lat, crs="CRS84", as_of=moment).json()["revision"] == 6
    unescaped = f"/v1/locate?lon={lon}&lat={lat}&crs=CRS84&as_of=2100-01-01T08:00:00+08:00"
    assert http.get(unescaped).status_code == 200
    many = {"points": [centre(0)], "crs": "CRS84", "as_of": 2}
    assert http.post("/v1/locate", json=many).json()["results"][0]["unit"] is None


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"crs": ""}, 422, "crs_missing"),
        ({"crs": "no such thing"}, 422, "crs_unknown"),
        ({"lon": 22.5, "lat": 114.0}, 422, "swapped_axes"),
        ({"lon": 300, "lat": 95}, 422, "coordinates_out_of_range"),
        ({"lon": 1e300}, 422, "coordinates_out_of_range"),
        ({"lon": "nan"}, 422, "parameter_wrong"),
        ({"lon": "-inf"}, 422, "parameter_wrong"),
        ({"lon": "east"}, 422, "parameter_wrong"),
        ({"accuracy_m": 0}, 422, "parameter_wrong"),
        ({"as_of": 99}, 404, "revision_unknown"),
        ({"as_of": "9" * 40}, 422, "time_wrong"),
        ({"as_of": "²"}, 422, "time_wrong"),
        ({"as_of": "soon"}, 422, "time_wrong"),
        ({"as_of": "0001-01-01T00:00:00+08:00"}, 422, "time_wrong"),
        ({"as_of": "1999-01-01"}, 404, "before_history"),
    ],
)
def test_a_wrong_question_is_refused_in_words(
    either: httpx.Client, asked: dict[str, object], status: int, code: str
) -> None:
    response = ask(either, **{"lon": 114.005, "lat": 22.505, "crs": "CRS84", **asked})
    answer = Problem.model_validate(response.json())
    assert (response.status_code, answer.code) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"


def test_a_coordinate_system_is_never_guessed(http: httpx.Client) -> None:
    assert http.get("/v1/locate?lon=114&lat=22.5").json()["code"] == "crs_missing"
    assert http.post("/v1/locate", json={"points": [[114, 22.5]]}).json()["code"] == "crs_missing"


def test_a_bad_point_among_many_is_told_in_its_place(http: httpx.Client) -> None:
    points = [centre(0), [22.5, 114.0], "here", [1], [True, 2], [None, 1], {"lon": 1}, {"x": 1}, centre(1)]
    answer = http.post("/v1/locate", json={"points": points, "crs": "CRS84"}).json()
    LocateManyAnswer.model_validate(answer)
    results = answer["results"]
    assert (results[0]["unit"], results[-1]["unit"]) == (UNITS[0], UNITS[1])
    assert [each["i"] for each in results[1:-1]] == list(range(1, 8))
    assert [each["error"]["code"] for each in results[1:-1]] == ["swapped_axes", *["point_wrong"] * 6]


def test_points_that_are_all_bad_are_refused_together(http: httpx.Client) -> None:
    response = http.post("/v1/locate", json={"points": [[22.5, 114.0], [400, 400]], "crs": "CRS84"})
    answer = response.json()
    assert response.status_code == 422
    assert [(each["code"], each["row"]) for each in answer["errors"]] == [
        ("swapped_axes", 1),
        ("coordinates_out_of_range", 2),
    ]


def test_no_points_are_no_answers(http: httpx.Client) -> None:
    assert http.post("/v1/locate", json={"points": [], "crs": "CRS84"}).json()["results"] == []


def test_more_points_than_the_limit_are_refused(http: httpx.Client) -> None:
    response = http.post("/v1/locate", json={"points": [[114.0, 22.5]] * 100_001, "crs": "CRS84"})
    assert (response.status_code, response.json()["code"]) == (422, "too_many")
