"""Whatever is done to components in whatever order: where they stand is where they are, and no code comes twice."""

from dataclasses import dataclass, field
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.small_world import SIDE, SOUTH, WEST
from tests.api.test_proposals import People, people  # noqa: F401  (a fixture)

# Within the units, on their edges and corners, and outside of all.
PLACES = st.tuples(st.integers(-2, 12), st.integers(-1, 3)).map(
    lambda at: [round(WEST + SIDE * at[0] / 2, 9), round(SOUTH + SIDE * at[1] / 2, 9)]
)
STATES = st.sampled_from(("完好", "破损", "丢失"))
DEEDS = st.lists(
    st.tuples(
        st.sampled_from(("register", "move", "change", "retire", "accept", "reject")),
        st.sampled_from(("editor", "inspector")),
        st.integers(0, 9),
        PLACES,
        STATES,
    ),
    min_size=3,
    max_size=14,
)


@dataclass
class Life:
    """What is known of the components that there were."""

    people: People
    given: set[str] = field(default_factory=set)
    living: list[str] = field(default_factory=list)

    def caller(self, who: str) -> httpx.Client:
        return self.people.editor if who == "editor" else self.people.inspector

    def do(self, deed: str, who: str, which: int, place: list[float], state: str) -> None:
        http = self.caller(who)
        if deed == "register":
            body = {"class_code": "01037", "state": state, "point": place, "crs": "CRS84"}
            self.see(http.post("/v1/components", json=body), (201, 202, 422))
        elif deed in ("accept", "reject"):
            new = {each["id"] for each in http.get("/v1/proposals").json()["items"] if each["deed"] == "register"}
            mine = self.people.editor.post(f"/v1/proposals/{deed}", json={"filter": {}, "reason": "审核"}).json()
            for each in mine["items"] if deed == "accept" else ():
                if "error" not in each and each["id"] in new:
                    self.come(each["code"])
            self.living = [code for code in self.living if http.get(f"/v1/components/{code}").status_code == 200]
        elif self.living:
            code = self.living[which % len(self.living)]
            tag = {"If-Match": http.get(f"/v1/components/{code}").headers["ETag"]}
            address = f"/v1/components/{code}"
            if deed == "retire":
                done = http.post(f"{address}/retire", json={}, headers=tag)
                if done.status_code == 200:
                    self.living.remove(code)
                assert done.status_code in (200, 202), done.text
            else:
                body: dict[str, Any] = {"state": state} if deed == "change" else {"point": place, "crs": "CRS84"}
                self.see(http.patch(address, json=body, headers=tag), (200, 202, 422))

    def see(self, done: httpx.Response, expected: tuple[int, ...]) -> None:
        assert done.status_code in expected, done.text
        if done.status_code == 422:
            assert done.json()["code"] in ("county_wrong", "nothing_changes"), done.text
        if done.status_code == 201:
            self.come(done.json()["code"])

    def come(self, code: str) -> None:
        assert code not in self.given, "a code was given twice"
        self.given.add(code)
        self.living.append(code)

    def check(self) -> None:
        for code in self.living:
            told = self.people.editor.get(f"/v1/components/{code}").json()
            lon, lat = told["geometry"]["coordinates"]
            where = {"lon": lon, "lat": lat, "crs": "CRS84"}
            assert told["unit"] == self.people.editor.get("/v1/locate", params=where).json()["unit"]


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=DEEDS)
def test_placement_follows_position_and_no_code_comes_twice(people: People, deeds: list[Any]) -> None:  # noqa: F811
    life = Life(people, given=set(CODES.setdefault(id(people), set())))
    for each in deeds:
        life.do(*each)
    life.check()
    CODES[id(people)] |= life.given


CODES: dict[int, set[str]] = {}
"""What was given in the store of a test, through all its examples."""
