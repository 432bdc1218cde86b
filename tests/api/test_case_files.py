"""`wangge import cases` and `outcomes`: whole files into the log, as if each row were sent alone."""

import csv
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import select

from api.transfer import case_rows, outcome_files
from cases.tables import decision, outcome, standing
from gis.formats import write
from gis.formats.columns import to_column
from gis.store.engine import Store, reading
from gis.tables import Table
from tests.api.test_cases import case
from tests.journeys.commands import Office, Said

HEADS = ("source", "id", "department", "at", "result", "reason", "by")


def rows_of(count: int) -> list[dict[str, Any]]:
    """Cases of all units, as a file has them: everything is text."""
    return [
        {
            **{name: str(value) for name, value in case(at % 5).items()},
            "source": "12345",
            "id": f"{at:04}",
            "version": "1",
        }
        for at in range(count)
    ]


def save(file: Path, rows: list[dict[str, Any]]) -> Path:
    if file.suffix == ".csv":
        with file.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return file
    columns = {name: to_column([row[name] for row in rows]) for name in rows[0]}
    write(file, Table(columns, None, None, np.arange(1, len(rows) + 1)))
    return file


@pytest.fixture
def office(store_of_either: Store, tmp_path: Path) -> Office:
    url = store_of_either.world.url.render_as_string(hide_password=False)
    return Office(url, tmp_path)


def report(office: Office, *arguments: object, code: int = 0) -> dict[str, Any]:
    """What an import reported."""
    place = office.folder / "report.json"
    said: Said = office.run("import", *arguments, "--report", place, "--author", "anna")
    assert said.code == code, said.err
    return dict(json.loads(place.read_text(encoding="utf-8")))


def counts(told: dict[str, Any]) -> tuple[int, ...]:
    return tuple(told[name] for name in ("rows", "new", "changed", "same", "late", "wrong"))


def decided(store: Store) -> list[Any]:
    with reading(store.log) as log:
        return list(log.execute(select(decision).order_by(decision.c.position)).mappings().all())


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".xlsx"])
def test_cases_of_a_file_are_decided_as_if_sent_alone(
    office: Office, either: httpx.Client, store_of_either: Store, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_rows, "PIECE", 7)
    rows = rows_of(20)
    file = save(office.folder / f"cases{ending}", rows)
    assert counts(report(office, "cases", file)) == (20, 20, 0, 0, 0, 0)
    assert decided(store_of_either) == []
    told = report(office, "cases", file, "--commit")
    assert (counts(told), told["committed"]) == ((20, 20, 0, 0, 0, 0), True)
    assert counts(report(office, "cases", file, "--commit")) == (20, 0, 0, 20, 0, 0)
    kept = {row["case_id"]: row for row in decided(store_of_either)}
    for at in (0, 3, 4, 19):
        sent = {**case(at % 5), "source": "alone", "id": f"{at:04}", "version": 1}
        answer = either.post("/v1/cases", json=sent).json()
        found = dict(kept[f"{at:04}"]["routing"])
        assert found["case"].pop("source") != answer["case"].pop("source")
        answer.pop("similar")
        assert found == answer
    again = {**case(0), "source": "12345", "id": "0000", "version": 1, "accuracy_m": 5.0}
    assert either.post("/v1/cases", json=again).status_code == 200


def test_with_a_wrong_row_nothing_is_kept_unless_it_may_be_left_out(office: Office, store_of_either: Store) -> None:
    rows = rows_of(6)
    rows[1]["lon"] = "east"
    rows[2]["id"] = ""
    rows[4] = {**rows[3], "class_code": "01001"}  # the same version, saying something else
    file = save(office.folder / "cases.csv", rows)
    told = report(office, "cases", file, "--commit", code=3)
    assert counts(told) == (6, 3, 0, 0, 0, 3)
    assert [(each["row"], each["code"]) for each in told["faults"]] == [
        (2, "not_a_number"),
        (3, "id_missing"),
        (5, "version_conflict"),
    ]
    assert decided(store_of_either) == []
    told = report(office, "cases", file, "--commit", "--skip-rejected")
    assert (counts(told), told["committed"]) == ((6, 3, 0, 0, 0, 3), True)
    assert [row["case_id"] for row in decided(store_of_either)] == ["0000", "0003", "0005"]


def test_what_is_said_of_the_whole_file_stands_in_every_report(office: Office, store_of_either: Store) -> None:
    row = {"id": "1", "lon": "114.005", "lat": "22.505", "class_code": "01002", "kind": "component", "contact": "李四"}
    file = save(office.folder / "cases.csv", [row])
    report(office, "cases", file, "--crs", "CRS84", "--source", "12345", "--commit")
    (kept,) = decided(store_of_either)
    assert kept["report"] == {
        "id": "1",
        "lon": 114.005,
        "lat": 22.505,
        "class_code": "01002",
        "kind": "component",
        "crs": "CRS84",
        "source": "12345",
        "edition": "2026",
    }
    assert kept["department"] == "WATER"
    assert office.do("replay").err.count("1 agree") == 1


def test_an_older_version_comes_too_late(office: Office, store_of_either: Store) -> None:
    rows = [{**rows_of(1)[0], "version": version} for version in ("2", "1", "3")]
    told = report(office, "cases", save(office.folder / "cases.csv", rows), "--commit")
    assert counts(told) == (3, 2, 0, 0, 1, 0)
    assert [each["severity"] for each in told["faults"]] == ["warning"]
    with reading(store_of_either.log) as log:
        assert log.execute(select(standing.c.decision)).scalars().all() == [decided(store_of_either)[-1]["position"]]


def hand_off(number: int, department: str, hour: int, result: str, **more: str) -> dict[str, Any]:
    when = f"2026-05-01 {hour:02}:00"
    return dict.fromkeys(HEADS, "") | {
        "source": "12345",
        "id": f"{number:04}",
        "department": department,
        "at": when,
        "result": result,
        **more,
    }


def test_hand_offs_of_a_file_are_sorted_into_the_lists_of_their_cases(
    office: Office, store_of_either: Store, either: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_files, "AT_ONCE", 3)
    report(office, "cases", save(office.folder / "cases.csv", rows_of(4)), "--commit")
    rows = [hand_off(at, "WATER2", 12, "handled", by="王五") for at in range(4)]
    rows += [hand_off(at, "WATER", 9, "dispatched") for at in range(4)]
    rows += [hand_off(1, "WATER", 10, "returned", reason="非我方"), hand_off(1, "WATER2", 11, "dispatched")]
    file = save(office.folder / "outcomes.csv", rows)
    assert counts(report(office, "outcomes", file)) == (10, 4, 0, 0, 0, 0)
    told = report(office, "outcomes", file, "--commit")
    assert (counts(told), told["committed"]) == ((10, 4, 0, 0, 0, 0), True)
    assert counts(report(office, "outcomes", file, "--commit")) == (10, 0, 0, 4, 0, 0)
    found = either.get("/v1/cases/12345/0001/outcome").json()
    assert [each["result"] for each in found["hand_offs"]] == ["dispatched", "returned", "dispatched", "handled"]
    assert found["hand_offs"][0]["at"] == "2026-05-01T01:00:00+00:00"
    assert (found["author"], found["measures"]["returns"], found["measures"]["handler"]) == ("anna", 1, "WATER2")
    older = save(office.folder / "older.csv", [hand_off(1, "WATER", 9, "dispatched")])
    assert counts(report(office, "outcomes", older, "--commit")) == (1, 0, 0, 0, 1, 0)
    other = save(office.folder / "other.csv", [hand_off(2, "CITY", 9, "handled")])
    assert counts(report(office, "outcomes", other, "--commit")) == (1, 0, 1, 0, 0, 0)
    with reading(store_of_either.log) as log:
        assert len(log.execute(select(outcome)).all()) == 5


def test_hand_offs_that_cannot_be_are_told_with_their_rows(office: Office, store_of_either: Store) -> None:
    report(office, "cases", save(office.folder / "cases.csv", rows_of(3)), "--commit")
    rows = [
        hand_off(0, "WATER", 9, "dispatched"),
        hand_off(1, "NOBODY", 9, "dispatched"),
        hand_off(1, "WATER", 9, "sent"),
        hand_off(9, "WATER", 9, "handled"),
        hand_off(2, "WATER", 9, "handled", at="noon"),
    ]
    file = save(office.folder / "outcomes.csv", rows)
    told = report(office, "outcomes", file, "--commit", code=3)
    assert (counts(told), told["committed"]) == ((5, 1, 0, 0, 0, 3), False)
    assert {(each["row"], each["code"]) for each in told["faults"]} == {
        (2, "department_unknown"),
        (3, "result_unknown"),
        (4, "case_unknown"),
        (5, "time_invalid"),
    }
    with reading(store_of_either.log) as log:
        assert log.execute(select(outcome)).all() == []
    told = report(office, "outcomes", file, "--commit", "--skip-rejected")
    assert (counts(told), told["committed"]) == ((5, 1, 0, 0, 0, 3), True)


def lines(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return file


def test_texts_and_ids_that_no_store_keeps_are_told_with_their_rows(office: Office, store_of_either: Store) -> None:
    good = {**case(), "source": "12345", "id": "1"}
    bad = [
        ({"id": "a\0b"}, "id_wrong"),
        ({"id": "1/texts"}, "id_wrong"),
        ({"source": ".."}, "source_wrong"),
        ({"description": "a\0b"}, "text_wrong"),
        ({"condition": "a\0b"}, "text_wrong"),
        ({"class_code": "x" * 201}, "text_too_long"),
        ({"id": "1.2345678901234570E+17"}, "code_damaged"),
        ({"component_code": "4.4E+16"}, "code_damaged"),
        ({"reported_at": "9999-12-31T23:59:59Z"}, "time_invalid"),
    ]
    rows = [good, *({**good, "id": f"n{at}", **members} for at, (members, _) in enumerate(bad))]
    told = report(office, "cases", lines(office.folder / "cases.ndjson", rows), "--commit", code=3)
    assert {(each["row"], each["code"]) for each in told["faults"]} == {
        (at, code) for at, (_, code) in enumerate(bad, 2)
    }
    assert decided(store_of_either) == []


def test_hand_offs_that_lost_or_won_a_cell_leave_out_their_case(office: Office, store_of_either: Store) -> None:
    report(office, "cases", save(office.folder / "cases.csv", rows_of(3)), "--commit")
    file = save(office.folder / "outcomes.csv", [hand_off(at, "WATER", 9, "dispatched") for at in range(2)])
    with file.open("a", encoding="utf-8") as out:
        out.write(",".join(hand_off(1, "WATER", 10, "handled").values()) + ",more\n")
        out.write(",".join({**hand_off(2, "WATER", 9, "handled"), "id": "2.0E+16"}.values()) + "\n")
    told = report(office, "outcomes", file, "--commit", code=3)
    assert {(each["row"], each["code"]) for each in told["faults"]} == {(3, "cells_uneven"), (4, "code_damaged")}
    assert (told["committed"], told["wrong"]) == (False, 2)
    told = report(office, "outcomes", file, "--commit", "--skip-rejected")
    assert counts(told) == (4, 1, 0, 0, 0, 2)
    rows = [{**hand_off(2, "WATER", 9, "handled"), "reason": "a\0b"}]
    told = report(office, "outcomes", lines(office.folder / "outcomes.ndjson", rows), "--commit", code=3)
    assert [(each["row"], each["code"]) for each in told["faults"]] == [(1, "text_wrong")]


@pytest.mark.parametrize(
    "options",
    [
        ("cases", "--effective", "2026-01-01"),
        ("cases", "--draft"),
        ("cases", "--set", "kind=matter"),
        ("outcomes", "--owner", "44"),
        ("units", "--source", "12345"),
    ],
)
def test_an_option_that_means_nothing_is_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    layer, *others = options
    file = save(tmp_path / "file.csv", rows_of(1))
    said = Office(f"sqlite:///{tmp_path / 'none.db'}", tmp_path).run("import", layer, file, *others)
    assert (said.code, "option_unfit" in said.err, others[0] in said.err) == (3, True, True)
