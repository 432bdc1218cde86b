"""Bulk routing and locating in pieces: the same answers as for the whole table, whatever the formats."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from api.bulk.as_of import AsOf
from api.bulk.coded import rounded
from api.bulk.conveyor import convey
from api.bulk.dispatcher import CaseColumns, dispatcher
from api.bulk.files import CODES, ROUTE_COLUMNS, read_cases_as_of, route_table, spell_out
from api.bulk.locator import Locator
from api.bulk.tallies import Tally
from api.lookups.answers import locate_columns
from api.worlds import Worlds
from cases.reports import Defaults, parse_zone
from gis.errors import Refusal
from gis.formats import read
from gis.formats.sinks import written
from gis.formats.sources import open_source
from gis.store.engine import Store

DEFAULTS = Defaults("s", zone=parse_zone("+08:00"), edition="2026")
Row = dict[str, Any]
SUFFIXES = [".parquet", ".arrow", ".arrows", ".csv", ".ndjson"]


def reported(count: int) -> list[Row]:
    """Cases all over the five units and beside them; one of them is bad."""
    rng = np.random.default_rng(1)
    classes = [("component", "01002"), ("component", "01037"), ("matter", "06010"), ("component", "09999")]
    rows = []
    for at in range(count):
        kind, code = classes[at % 4]
        rows.append(
            {
                "id": f"c{at}", "lon": round(float(rng.uniform(113.998, 114.052)), 7),
                "lat": round(float(rng.uniform(22.498, 22.512)), 7), "crs": "CRS84",
                "accuracy_m": float(at % 3 * 20 + 5),
                "reported_at": "2026-05-01T08:30:00", "kind": kind, "class_code": code,
                "component_code": "44030501037000001" if at % 8 == 1 else None,
                "asked": "1" if at % 5 else "2000-01-01",
                "note": "备注, \"quoted\"\nline" if at % 7 == 0 else None,
            }
        )  # fmt: skip
    rows[count // 2]["lat"] = 99.0
    return rows


def save(rows: list[Row], path: Path) -> Path:
    match path.suffix:
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=7)
        case ".arrow" | ".arrows":
            table = pa.Table.from_pylist(rows)
            writer = pa.ipc.new_file if path.suffix == ".arrow" else pa.ipc.new_stream
            with writer(path, table.schema) as sink:
                sink.write_table(table, max_chunksize=11)
        case ".csv":
            with path.open("w", encoding="utf-8", newline="") as file:
                writer_ = csv.DictWriter(file, rows[0])
                writer_.writeheader()
                writer_.writerows(rows)
        case ".ndjson":
            path.write_bytes(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
    return path


def load(path: Path) -> list[Row]:
    match path.suffix:
        case ".parquet":
            return pq.read_table(path).to_pylist()
        case ".arrow" | ".arrows":
            reader = pa.ipc.open_file if path.suffix == ".arrow" else pa.ipc.open_stream
            return reader(path).read_all().to_pylist()
        case ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                return [{name: value or None for name, value in row.items()} for row in csv.DictReader(file)]
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def as_text(rows: list[Row], names: tuple[str, ...] = ROUTE_COLUMNS) -> list[tuple[str, ...]]:
    return [tuple("" if row.get(name) is None else str(row[name]) for name in names) for row in rows]


def whole(worlds: Worlds, path: Path, language: str, moment: Any = None) -> tuple[list[tuple[str, ...]], list[str]]:
    """What the table gives when it is read and routed as a whole."""
    table = spell_out(read(path), None)
    asked = [moment] * len(table)
    cases, faults = read_cases_as_of(worlds, table, {}, DEFAULTS, None, asked)
    answered, _ = route_table(worlds, table, cases, asked, lambda _: None, language)
    columns = [answered.columns[name].tolist() for name in ROUTE_COLUMNS]
    rows = [dict(zip(ROUTE_COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)]
    return as_text(rows), [fault.code for fault in faults]


def now(_: str) -> int:
    raise AssertionError("nobody asked for a moment")


def routed(worlds: Worlds, source: Path, out: Path, because: str, rows: int = 13, as_of: str | None = None) -> Tally:
    opened = open_source(source)
    asked = AsOf.of(worlds, as_of, now if as_of is None else moment_of, opened.names)
    answer = dispatcher(asked, CaseColumns.of(opened, {}, DEFAULTS), because).answer
    with written(out, opened) as sink:
        return convey(opened.pieces(rows), sink, answer, lambda _: None)


def located(
    worlds: Worlds, source: Path, out: Path, rows: int = 7, as_of: str | None = None, crs: str | None = None
) -> Tally:
    opened = open_source(source)
    asked = AsOf.of(worlds, as_of, now if as_of is None else moment_of, opened.names)
    with written(out, opened, crs) as sink:
        return convey(opened.pieces(rows), sink, Locator(asked, opened, crs).answer, lambda _: None)


def moment_of(text: str) -> Any:
    from api.lookups.moments import read_moment

    return read_moment(text, "+08:00")


@pytest.fixture
def worlds(store: Store) -> Worlds:
    return Worlds(store)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("because", [CODES, "en", "zh"])
def test_routing_in_batches_gives_what_the_whole_table_gives(
    worlds: Worlds, tmp_path: Path, suffix: str, because: str
) -> None:
    rows = reported(60)
    source, out = save(rows, tmp_path / f"cases{suffix}"), tmp_path / f"out{suffix}"
    expected, faults = whole(worlds, save(rows, tmp_path / "whole.parquet"), because)
    tally = routed(worlds, source, out, because)
    answers = load(out)
    assert as_text(answers) == expected
    assert [(fault.code, fault.row) for fault in tally.faults] == [(faults[0], 31)]
    assert (tally.rows, tally.total) == (60, 59)
    assert as_text(answers, tuple(rows[0])) == as_text(load(source), tuple(rows[0]))  # what was in the file is kept


def test_codes_and_sentences_give_the_same_counts(worlds: Worlds, tmp_path: Path) -> None:
    source = save(reported(80), tmp_path / "cases.parquet")
    coded, told = (routed(worlds, source, tmp_path / f"{because}.parquet", because) for because in (CODES, "en"))
    for name in ("names", "advice", "flags", "lost", "rows", "total"):
        assert getattr(coded, name) == getattr(told, name), name
    assert sum(coded.lost.values()) > 0


def test_a_bad_row_in_the_middle_of_a_batch_stays_empty_and_is_told_with_its_row(
    worlds: Worlds, tmp_path: Path
) -> None:
    source = save(reported(41), tmp_path / "cases.csv")
    for because in (CODES, "en"):
        tally = routed(worlds, source, tmp_path / "out.csv", because, rows=10)
        answers = load(tmp_path / "out.csv")
        assert [at for at, row in enumerate(answers) if row["revision"] is None] == [20]
        assert set(as_text(answers[20:21])[0]) == {""}
        assert [fault.row for fault in tally.faults] == [21]


@pytest.mark.parametrize("because", [CODES, "en"])
def test_rows_of_several_revisions_stay_in_their_place(worlds: Worlds, tmp_path: Path, because: str) -> None:
    source, out = save(reported(30), tmp_path / "cases.parquet"), tmp_path / "out.parquet"
    routed(worlds, source, out, because, as_of="asked")
    answers = load(out)
    assert [row["id"] for row in answers] == [f"c{at}" for at in range(30)]
    early = [at for at, row in enumerate(answers) if row["asked"] != "1" and at != 15]
    assert {answers[at]["flags"] for at in early} == {"before_history"}
    assert {row["revision"] for at, row in enumerate(answers) if row["asked"] == "1"} == {1}


def test_a_stream_that_is_all_before_history_says_so_in_every_row(worlds: Worlds, tmp_path: Path) -> None:
    source, out = save(reported(9), tmp_path / "cases.parquet"), tmp_path / "out.parquet"
    routed(worlds, source, out, CODES, as_of="1990-01-01")
    assert {row["flags"] for row in load(out)} == {"before_history"}


def expected_places(worlds: Worlds, rows: list[Row]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The columns of a lookup and what they hold for rows in CRS84, None for a bad one: one point after the other."""
    good = [at for at, row in enumerate(rows) if row["lat"] is not None and abs(row["lat"]) <= 90]
    lonlat = np.round([(rows[at]["lon"], rows[at]["lat"]) for at in good], 11)
    columns = locate_columns(worlds.newest().grid, lonlat)
    answers: list[Row] = [{} for _ in rows]
    for place, at in enumerate(good):
        answers[at] = {name: values[place] for name, values in columns.items()}
    return tuple(columns), as_text(answers, tuple(columns))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("crs", [None, "CRS84"])
def test_locating_in_pieces_gives_what_single_points_get(
    worlds: Worlds, tmp_path: Path, suffix: str, crs: str | None
) -> None:
    rows = reported(40)
    names, expected = expected_places(worlds, rows)
    source, out = save(rows, tmp_path / f"points{suffix}"), tmp_path / f"out{suffix}"
    tally = located(worlds, source, out, crs=crs)
    assert as_text(load(out), names) == expected
    assert [(fault.code, fault.row) for fault in tally.faults] == [("coordinates_out_of_range", 21)]
    assert (tally.rows, tally.total) == (40, 39)
    assert as_text(load(out), tuple(rows[0])) == as_text(load(source), tuple(rows[0]))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("to", SUFFIXES)
def test_every_format_goes_into_every_other(worlds: Worlds, tmp_path: Path, suffix: str, to: str) -> None:
    rows = reported(20)
    names, expected = expected_places(worlds, rows)
    source = save(rows, tmp_path / f"points{suffix}")
    located(worlds, source, tmp_path / f"located{to}")
    assert as_text(load(tmp_path / f"located{to}"), names) == expected
    routed(worlds, source, tmp_path / f"routed{to}", CODES)
    again = save(rows, tmp_path / "whole.parquet")
    assert as_text(load(tmp_path / f"routed{to}")) == whole(worlds, again, CODES)[0]


def test_a_file_that_breaks_off_leaves_no_half_of_an_answer(worlds: Worlds, tmp_path: Path) -> None:
    source = save(reported(40), tmp_path / "cases.ndjson")
    source.write_bytes(source.read_bytes() + b'{"lon": 114.0,')
    with pytest.raises(Refusal) as refused:
        routed(worlds, source, tmp_path / "out.ndjson", CODES)
    assert refused.value.code == "file_unreadable"
    assert sorted(path.name for path in tmp_path.glob("*out*")) == []
    assert sorted(path.name for path in tmp_path.glob(".writing*")) == []


def test_an_empty_file_gives_an_empty_file(worlds: Worlds, tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("lon,lat,crs\n", encoding="utf-8")
    save(reported(3), tmp_path / "few.parquet")
    pq.write_table(pq.read_table(tmp_path / "few.parquet").slice(0, 0), tmp_path / "none.parquet")
    for because in (CODES, "en"):
        assert routed(worlds, tmp_path / "none.parquet", tmp_path / "out.parquet", because).rows == 0
        assert load(tmp_path / "out.parquet") == []
        assert routed(worlds, tmp_path / "cases.csv", tmp_path / "out.csv", because).rows == 0
        head = (tmp_path / "out.csv").read_text(encoding="utf-8").strip().split(",")
        assert head == ["lon", "lat", "crs", *ROUTE_COLUMNS]


def test_metres_are_rounded_as_decimals() -> None:
    rng = np.random.default_rng(2)
    metres = np.concatenate([rng.uniform(0, 50, 20_000), np.arange(0, 5000) / 1000, [np.inf, 2.675, 1.005]])
    expected = [each if np.isinf(each) else round(each, 2) for each in metres.tolist()]
    assert rounded(metres).tolist() == expected


def test_pieces_know_the_numbers_of_their_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("lon,lat\n1,2\n\n3,4\n5,6\n", encoding="utf-8")
    assert [piece.rows.tolist() for piece in open_source(tmp_path / "a.csv").pieces(2)] == [[1, 3], [4]]
    save(reported(5), tmp_path / "a.parquet")
    assert [piece.rows.tolist() for piece in open_source(tmp_path / "a.parquet").pieces(3)] == [[1, 2, 3], [4, 5]]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_columns_that_are_named_hold_the_positions(worlds: Worlds, tmp_path: Path, suffix: str) -> None:
    rows = reported(20)
    names, expected = expected_places(worlds, rows)
    renamed = [{"jd": row.pop("lon"), "wd": row.pop("lat"), **row} for row in rows]
    source = open_source(save(renamed, tmp_path / f"p{suffix}"), x_column="jd", y_column="wd")
    with written(tmp_path / f"out{suffix}", source) as sink:
        locator = Locator(AsOf.of(worlds, None, now, source.names), source, None)
        convey(source.pieces(7), sink, locator.answer, lambda _: None)
    assert as_text(load(tmp_path / f"out{suffix}"), names) == expected


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_a_person_says_of_the_crs_goes_before_what_rows_say(worlds: Worlds, tmp_path: Path, suffix: str) -> None:
    rows = reported(20)
    names, expected = expected_places(worlds, rows)
    source = save([{**row, "crs": "GCJ-02"} for row in rows], tmp_path / f"p{suffix}")
    tally = located(worlds, source, tmp_path / f"out{suffix}", 9, crs="CRS84")
    assert as_text(load(tmp_path / f"out{suffix}"), names) == expected
    assert [fault.code for fault in tally.faults] == ["crs_overridden", "coordinates_out_of_range"]
    assert located(worlds, source, tmp_path / f"out{suffix}", 9).total == 19
    assert as_text(load(tmp_path / f"out{suffix}"), names) != expected


def test_an_answer_replaces_the_column_that_is_called_so(worlds: Worlds, tmp_path: Path) -> None:
    rows = [{**row, "unit": "old", "flags": "old"} for row in reported(9)]
    for suffix in SUFFIXES:
        source = save(rows, tmp_path / f"p{suffix}")
        located(worlds, source, tmp_path / f"out{suffix}")
        assert "old" not in {row["unit"] for row in load(tmp_path / f"out{suffix}")}
