"""`datetime`: the state in force at an instant, or at the end of an interval. The change is of 2025-06-01, 00:00Z."""

import pytest
from httpx import Client

COMPONENTS = "/ogc/collections/components/items"
OLD, NEW = 25, 24


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("2025-05-31T23:59:59Z", OLD),
        ("2025-06-01T00:00:00Z", NEW),
        ("2025-06-01T07:59:59+08:00", OLD),
        ("2025-06-01T07:59:59%2B08:00", OLD),
        ("2025-06-01T08:00:00.5%2B08:00", NEW),
        ("2025-06-01T07:59:59", OLD),  # without an offset: the zone of the settings, Asia/Shanghai
        ("2025-06-01t00:00:00z", NEW),
        ("2025-05-31", OLD),
        ("2025-06-01", NEW),  # the whole day, so its end
        ("2024-01-01T00:00:00Z", OLD),
        ("../2025-01-01", OLD),
        ("/2025-01-01", OLD),
        ("2024-05-01/2025-05-31", OLD),
        ("2024-05-01/2025-06-02T00:00:00Z", NEW),
        ("2025-06-01/2025-06-01", NEW),
        ("2024-05-01/..", NEW),
        ("2024-05-01/", NEW),
        ("../..", NEW),
        ("2019-01-01/2025-01-01T00:00:00Z", OLD),
        ("2020-01-01/9999-12-31T00:00:00Z", NEW),
        ("9999-12-31", NEW),
        ("9999-12-31T23:59:59-12:00", NEW),
        ("2999-01-01/..", NEW),
        ("2023-12-31T23:59:59Z", 0),  # before history there was nothing
        ("../2020-01-01", 0),
        ("0001-01-01T00:00:00+14:00", 0),
    ],
)
def test_datetime_picks_the_state_in_force(client: Client, text: str, matched: int) -> None:
    answer = client.get(f"{COMPONENTS}?datetime={text}&limit=100")
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["numberMatched"] == page["numberReturned"] == matched
    names = {each["id"]: each["properties"]["name"] for each in page["features"]}
    if matched:
        assert ("C0000" in names) == (matched == OLD)
        assert names["C0001"] == ("井盖 1" if matched == OLD else "换过的井盖")


def test_old_states_are_paged_and_boxed_like_the_newest(client: Client) -> None:
    first = client.get(f"{COMPONENTS}?datetime=2024-05-01&limit=20").json()
    following = next(each["href"] for each in first["links"] if each["rel"] == "next")
    rest = client.get(following).json()
    assert [each["id"] for each in first["features"] + rest["features"]] == [f"C{index:04}" for index in range(25)]
    boxed = client.get(f"{COMPONENTS}?datetime=2024-05-01&bbox=114.05,22.54,114.0501,22.5401").json()
    assert [each["id"] for each in boxed["features"]] == ["C0000"]


def test_a_retired_feature_is_gone_now_and_there_as_of_then(client: Client) -> None:
    now = client.get(f"{COMPONENTS}/C0000")
    assert (now.status_code, now.json()["code"]) == (410, "feature_retired")
    then = client.get(f"{COMPONENTS}/C0000?datetime=2025-05-31T00:00:00Z")
    assert then.status_code == 200
    assert then.json()["properties"]["name"] == "井盖 0"
    assert client.get(f"{COMPONENTS}/C0000?datetime=2025-06-02").status_code == 410
    before = client.get(f"{COMPONENTS}/C0000?datetime=2020-01-01")
    assert (before.status_code, before.json()["code"]) == (404, "before_history")


def test_one_feature_is_shown_as_it_was(client: Client) -> None:
    old = client.get(f"{COMPONENTS}/C0001?datetime=2024-05-01")
    new = client.get(f"{COMPONENTS}/C0001")
    assert (old.json()["properties"]["name"], new.json()["properties"]["name"]) == ("井盖 1", "换过的井盖")
    assert old.headers["etag"] != new.headers["etag"]


def test_as_of_means_here_what_it_means_everywhere(client: Client) -> None:
    def names(asked: str) -> list[str]:
        answer = client.get(f"{COMPONENTS}?{asked}&limit=100")
        assert answer.status_code == 200, answer.text
        return [f"{each['id']} {each['properties']['name']}" for each in answer.json()["features"]]

    old, new = names("datetime=2025-01-01"), names("datetime=2025-06-02")
    assert names("as_of=2025-01-01T00:00:00Z") == old
    assert names("as_of=9999-01-01") == new
    by_number = []
    while client.get(f"{COMPONENTS}?as_of={len(by_number) + 1}").status_code == 200:
        by_number.append(names(f"as_of={len(by_number) + 1}"))
    assert by_number[-1] == new
    assert old in by_number
    assert client.get(f"{COMPONENTS}/C0000?as_of=2025-05-01").json()["properties"]["name"] == "井盖 0"
    for asked, status, code in (
        ("as_of=1&datetime=2025-01-01", 400, "parameter_wrong"),
        ("as_of=999", 404, "revision_unknown"),
        ("as_of=1999-01-01", 404, "before_history"),
        ("as_of=soon", 422, "time_wrong"),
    ):
        answer = client.get(f"{COMPONENTS}?{asked}")
        assert (answer.status_code, answer.json()["code"]) == (status, code)
