"""Whoever asks, in whatever form, of whichever store: a case has one answer."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.app import create_app
from api.editing.replays import Against, replay
from api.settings import Settings
from api.worlds import Worlds
from cases.replay import Which
from cases.reports import Defaults, parse_zone
from gis.store.engine import Store
from tests.api.conftest import client
from tests.api.small_world import SIDE, SOUTH, WEST, bring, make_world
from tests.api.test_streams import ARROW, NDJSON, ROUTE, arrow, lines, rows, told
from tests.fixtures.postgis import database
from tests.journeys.commands import Office
from tests.journeys.washington import answers

BOOK = """rules:
  - {code: drains, edition: "2026", kind: component, class: "01002", to: [{area: drainage}, {component: maintainer}]}
  - {code: lamps, edition: "2026", kind: component, class: "01037", to: [{component: owner}]}
  - {code: broken, class_prefix: "01", condition: 破损, priority: 5, to: [{department: CITY}]}
  - {code: night, class_prefix: "06", when: {hours: "22:00-06:00"}, to: [{department: LIGHT}]}
  - {code: rubbish, kind: matter, class: "06010", place: "440305001001", to: [{division: street}]}
  - {code: rubbish-too, kind: matter, class: "06010", place: "440305001001", to: [{department: CITY}]}
  - {code: wet, class_prefix: "06", area_layer: drainage, area: D-1, to: [{area: drainage}]}
  - {code: catch-all, fallback: true, priority: -9, to: [{division: street}]}
"""
NUMBERS = count()


@dataclass(frozen=True, slots=True)
class Shop:
    """A store of one kind, who may be asked for it over HTTP, and the command line beside it."""

    store: Store
    http: httpx.Client
    office: Office
    worlds: Worlds


@pytest.fixture(scope="module")
def shops(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Shop]]:
    """The same world on SQLite and on PostGIS."""
    server, template = request.getfixturevalue("postgis_server"), request.getfixturevalue("postgis_template")
    with ExitStack() as stack:
        folders = [tmp_path_factory.mktemp(name) for name in ("sqlite", "postgis")]
        urls = [f"sqlite:///{folders[0] / 'wangge.db'}", stack.enter_context(database(server, template))]
        made = []
        for url, folder in zip(urls, folders, strict=True):
            store = make_world(url, folder)
            stack.callback(store.close)
            bring(store, folder, "rules", "book.yaml", BOOK)
            http = stack.enter_context(client(create_app(Settings(), store)))
            made.append(Shop(store, http, Office(url, folder), Worlds(store, folder / "world")))
        yield made


WHEN = ["2026-05-01T08:00:00+08:00", "2026-05-01T23:30:00+08:00", "2026-05-01T23:30:00", None]
PLACES = st.one_of(
    st.floats(-0.2, 5.2).map(lambda x: round(WEST + SIDE * x, 7)),
    st.builds(
        lambda step, off: round(WEST + SIDE * step + off, 7), st.integers(0, 5), st.sampled_from([0, 1e-5, -1e-5])
    ),
    st.just(114.015),
)
CASES = st.fixed_dictionaries(
    {
        "lon": PLACES,
        "lat": st.sampled_from([SOUTH + SIDE / 2, SOUTH + 1e-5, SOUTH, SOUTH - 1e-5]),
        "crs": st.sampled_from(["CRS84", "CRS84", "CRS84", "GCJ-02", None]),
        "accuracy_m": st.sampled_from([0.5, 5.0, 30.0, None]),
        "reported_at": st.sampled_from(WHEN),
        "edition": st.sampled_from(["2026", "2026", "2013", "GB/T 47678.5-2026", None]),
        "kind": st.sampled_from(["component", "matter"]),
        "class_code": st.sampled_from(["01002", "01037", "06010", "06011", "99999", None]),
        "condition": st.sampled_from([None, None, "破损"]),
        "component_code": st.sampled_from([None, None, "44030501037000001", "no such"]),
    }
)


def short(routing: dict[str, Any]) -> tuple[Any, ...]:
    """What every form of an answer has."""
    if "error" in routing:
        return ("error",)
    area, rule, body, meant = (routing[name] for name in ("area", "rule", "department", "component"))
    return (
        routing["unit"],
        body and body["code"],
        routing["advice"],
        rule and rule["code"],
        area and f"{area['layer']}:{area['code']}",
        meant and meant["code"],
        ";".join(routing["flags"]),
        ";".join(each["code"] for each in routing["because"]),
    )


def flat(row: dict[str, Any]) -> tuple[Any, ...]:
    """The same of a row of columns."""
    if row.get("error"):
        return ("error",)
    texts = ("unit", "department", "advice", "rule", "area", "component")
    return (*(row[name] or None for name in texts), row["flags"] or "", row["because"])


def asked_in_every_way(shop: Shop, sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers one by one, and that all other ways give these."""
    alone = []
    for each in sent:
        response = shop.http.post(ROUTE, json=each)
        assert response.status_code in (200, 422), response.text
        alone.append(response.json() if response.status_code == 200 else {"error": response.json()["code"]})
    expected = [short(each) for each in alone]
    array = shop.http.post(ROUTE, json=sent).json()
    *stream, _ = told(shop.http.post(ROUTE, content=lines(*sent), headers=NDJSON))
    for found in (array, stream):
        assert [each if "error" not in each else None for each in found] == [
            each if "error" not in each else None for each in alone
        ]
    types = {name: pa.float64() if name in ("lon", "lat", "accuracy_m") else pa.string() for name in sent[0]}
    body = arrow({name: pa.array([each[name] for each in sent], kind) for name, kind in types.items()})
    coded = rows(shop.http.post(f"{ROUTE}?because=codes", content=body, headers=ARROW))
    assert [flat(each) for each in coded] == expected
    for content, kind in ((body, ARROW), (lines(*sent), {**NDJSON, "Accept": ARROW["Content-Type"]})):
        columns = rows(shop.http.post(ROUTE, content=content, headers=kind))
        assert [flat(each)[:-1] for each in columns] == [each[:-1] for each in expected]
    return alone


@pytest.mark.postgis
@settings(max_examples=20, deadline=None)
@given(st.lists(CASES, min_size=1, max_size=6))
def test_single_batch_stream_arrow_both_stores_and_replay_agree(shops: list[Shop], sent: list[dict[str, Any]]) -> None:
    answers_of = [asked_in_every_way(shop, sent) for shop in shops]
    assert answers_of[0] == answers_of[1]
    source = f"s{next(NUMBERS)}"
    good = [(number, each) for number, each in enumerate(sent) if "error" not in answers_of[0][number]]
    for shop in shops:
        for number, each in good:
            taken = shop.http.post("/v1/cases", json={**each, "source": source, "id": str(number)})
            assert taken.status_code == 201, taken.text
            kept = taken.json()
            kept.pop("similar", None)  # of what else was taken in, which is no part of the question
            assert {**kept, "case": None} == {**answers_of[0][number], "case": None}
        made = replay(shop.store, shop.worlds, Which(source), Against(), Defaults(zone=parse_zone("Asia/Shanghai")))
        assert (made.agreement.cases, made.agreement.same, made.agreement.unreadable) == (len(good), len(good), 0)


@pytest.mark.postgis
@settings(max_examples=6, deadline=None)
@given(st.lists(CASES, min_size=4, max_size=20))
def test_the_command_gives_what_the_server_gives(shops: list[Shop], sent: list[dict[str, Any]]) -> None:
    whole = (each for each in sent if None not in (each["crs"], each["edition"], each["accuracy_m"]))  # no defaults
    answered = [(each, shops[0].http.post(ROUTE, json=each)) for each in whole]
    good = [each for each, response in answered if response.status_code == 200]
    expected = [short(response.json()) for _, response in answered if response.status_code == 200]
    if not good:
        return
    for shop in shops:
        path = shop.office.folder / "cases.ndjson"
        path.write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in good), encoding="utf-8")
        for because in ("codes", "text"):
            out: Path = shop.office.folder / f"{because}.csv"
            shop.office.do("route", path, out, "--because", because)
            found = [flat(row) for row in answers(out)]
            if because == "codes":
                assert found == expected
            assert [each[:-1] for each in found] == [each[:-1] for each in expected]
