"""Bulk routing and locating in batches: the same answers as for the whole table, whatever the format."""

import csv
import gc
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from api.bulk import CODES, ROUTE_COLUMNS, locate_table, read_cases, read_points, route_table, spell_out
from api.coded import rounded
from api.streaming import Asked, CodedRouter, locator, names_of, stream, text_router
from api.streams import is_streamed, pieces
from api.tallies import Tally
from api.worlds import Worlds
from cases.reports import Defaults, parse_zone
from gis.errors import Refusal
from gis.formats import read
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
    table = pa.Table.from_pylist(rows)
    match path.suffix:
        case ".parquet":
            pq.write_table(table, path, row_group_size=7)
        case ".arrow" | ".arrows":
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
    cases, faults = read_cases(table, {}, DEFAULTS, None)
    answered, _ = route_table(worlds, table, cases, [moment] * len(table), lambda _: None, language)
    columns = [answered.columns[name].tolist() for name in ROUTE_COLUMNS]
    rows = [dict(zip(ROUTE_COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)]
    return as_text(rows), [fault.code for fault in faults]


def now(_: str) -> int:
    raise AssertionError("nobody asked for a moment")


def routed(worlds: Worlds, source: Path, out: Path, because: str, rows: int = 13, as_of: str | None = None) -> Tally:
    asked = Asked.of(worlds, as_of, now if as_of is None else moment_of, names_of(source))
    if because == CODES:
        return stream(source, out, CodedRouter(asked, DEFAULTS, {}).answer, lambda _: None, rows)
    return stream(source, out, text_router(asked, DEFAULTS, {}, None, because), lambda _: None, rows)


def moment_of(text: str) -> Any:
    from api.moments import read_moment

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
    assert is_streamed(source, out, None, None)
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


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_locating_in_batches_gives_what_the_whole_table_gives(worlds: Worlds, tmp_path: Path, suffix: str) -> None:
    rows = reported(40)
    source, out = save(rows, tmp_path / f"points{suffix}"), tmp_path / f"out{suffix}"
    table = read(save(rows, tmp_path / "whole.csv"))
    lonlat, _ = read_points(table, None)
    answered = locate_table(worlds, table, lonlat, [None] * len(table), lambda _: None)
    added = tuple(name for name in answered.columns if name not in table.columns)
    columns = [answered.columns[name].tolist() for name in added]
    expected = [dict(zip(added, row, strict=True)) for row in zip(*columns, strict=True)]
    asked = Asked.of(worlds, None, now, names_of(source))
    tally = stream(source, out, locator(asked, None, None, None), lambda _: None, 7)
    assert as_text(load(out), added) == as_text(expected, added)
    assert [fault.row for fault in tally.faults] == [21]


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


def test_what_holds_a_geometry_or_other_text_than_utf8_is_read_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    (tmp_path / "a.csv").write_bytes("lon,lat,备注\n1,2,好\n".encode("gbk"))
    assert not is_streamed(tmp_path / "a.csv", out, None, None)
    (tmp_path / "b.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    assert not is_streamed(tmp_path / "b.csv", out, None, None)
    assert is_streamed(tmp_path / "b.csv", out, None, None, {"lon": "x", "lat": "y"})
    assert not is_streamed(tmp_path / "c.geojson", out, None, None)
    feature = b'{"type":"Feature","geometry":null,"properties":{}}\n'
    (tmp_path / "d.ndjson").write_bytes(feature)
    assert not is_streamed(tmp_path / "d.ndjson", tmp_path / "out.ndjson", None, None)


def test_metres_are_rounded_as_decimals() -> None:
    rng = np.random.default_rng(2)
    metres = np.concatenate([rng.uniform(0, 50, 20_000), np.arange(0, 5000) / 1000, [np.inf, 2.675, 1.005]])
    expected = [each if np.isinf(each) else round(each, 2) for each in metres.tolist()]
    assert rounded(metres).tolist() == expected


def test_pieces_know_the_numbers_of_their_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("lon,lat\n1,2\n\n3,4\n5,6\n", encoding="utf-8")
    assert [piece.rows.tolist() for piece in pieces(tmp_path / "a.csv", 2)] == [[1, 3], [4]]
    save(reported(5), tmp_path / "a.parquet")
    assert [piece.rows.tolist() for piece in pieces(tmp_path / "a.parquet", 3)] == [[1, 2, 3], [4, 5]]


@pytest.mark.campaign
def test_memory_does_not_grow_with_the_length_of_the_file(worlds: Worlds, tmp_path: Path) -> None:
    measured: Callable[[], int] = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # noqa: E731
    table = pa.Table.from_pylist([row for row in reported(20_000) if row["lat"] < 90])
    peaks = []
    for times in (10, 50, 100):
        with pq.ParquetWriter(tmp_path / "cases.parquet", table.schema) as writer:
            for _ in range(times):
                writer.write_table(table)
        assert routed(worlds, tmp_path / "cases.parquet", tmp_path / "out.parquet", CODES, rows=50_000).rows > 0
        gc.collect()
        peaks.append(measured())
    assert peaks[2] - peaks[1] < 100, peaks
