"""A bad row in the middle of a file keeps its place and its number, whatever the format."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from api.bulk.files import CODES
from api.bulk.tallies import Tally
from api.worlds import Worlds
from gis.errors import Refusal
from gis.formats import geoarrow
from gis.store.engine import Store
from tests.api.small_world import UNITS, centre
from tests.api.test_bulk_files import SUFFIXES, load, located, routed, save

Row = dict[str, Any]
COUNT = 24
TEXT, MISSING, BEYOND, UNKNOWN = 9, 11, 14, 17
BAD = {TEXT, MISSING, BEYOND, UNKNOWN}


@pytest.fixture
def worlds(store: Store) -> Worlds:
    return Worlds(store)


def points(spelled: bool) -> list[Row]:
    """Points in the middle of the five units, four of them bad; `spelled` where a column has one type: text."""
    rows: list[Row] = []
    for at in range(COUNT):
        lon, lat = centre(at % 5)
        rows.append({"id": f"p{at}", "lon": lon, "lat": lat, "crs": "CRS84"})
    rows[TEXT - 1]["lon"] = "here"
    rows[MISSING - 1]["lat"] = None
    rows[BEYOND - 1]["lat"] = 99.5
    rows[UNKNOWN - 1]["crs"] = "EPSG:0"
    if spelled:
        for row in rows:
            row["lon"], row["lat"] = (None if row[name] is None else str(row[name]) for name in ("lon", "lat"))
    return rows


def check(tally: Tally, answers: list[Row], codes: dict[int, set[str]]) -> None:
    assert [row["id"] for row in answers] == [f"p{at}" for at in range(COUNT)]
    for at, row in enumerate(answers, 1):
        assert row["unit"] == (None if at in codes else UNITS[(at - 1) % 5]), at
        assert not row["flags"] or at not in codes, at
    assert {fault.row: fault.code for fault in tally.faults}.keys() == codes.keys()
    for fault in tally.faults:
        assert fault.code in codes[fault.row or 0], fault
    assert (tally.rows, tally.total) == (COUNT, COUNT - len(codes))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("size", [4, 100])
def test_bad_rows_of_points_stay_empty_and_are_told(worlds: Worlds, tmp_path: Path, suffix: str, size: int) -> None:
    source = save(points(suffix not in (".csv", ".ndjson")), tmp_path / f"p{suffix}")
    tally = located(worlds, source, tmp_path / f"out{suffix}", size)
    check(tally, load(tmp_path / f"out{suffix}"), {
        TEXT: {"geometry_unreadable"}, MISSING: {"position_missing"}, BEYOND: {"coordinates_out_of_range"},
        UNKNOWN: {"crs_unknown"},
    })  # fmt: skip


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("because", [CODES, "zh"])
def test_bad_rows_of_cases_stay_empty_and_are_told(worlds: Worlds, tmp_path: Path, suffix: str, because: str) -> None:
    source = save(points(suffix not in (".csv", ".ndjson")), tmp_path / f"c{suffix}")
    tally = routed(worlds, source, tmp_path / f"out{suffix}", because, 5)
    answers = load(tmp_path / f"out{suffix}")
    codes = {TEXT: {"not_a_number"}, MISSING: {"position_missing"}, BEYOND: {"coordinates_out_of_range"},
             UNKNOWN: {"crs_unknown"}}  # fmt: skip
    check(tally, [{**row, "flags": row["flags"] or None} if at in codes else row for at, row in enumerate(answers, 1)],
          codes)  # fmt: skip


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_with_one_crs_for_all_bad_rows_are_told_too(worlds: Worlds, tmp_path: Path, suffix: str) -> None:
    rows = points(suffix not in (".csv", ".ndjson"))
    for row in rows:
        del row["crs"]
    source = save(rows, tmp_path / f"p{suffix}")
    tally = located(worlds, source, tmp_path / f"out{suffix}", 6, crs="EPSG:4490")
    check(tally, load(tmp_path / f"out{suffix}"), {
        TEXT: {"geometry_unreadable"}, MISSING: {"position_missing"}, BEYOND: {"coordinates_out_of_range"},
    })  # fmt: skip


ENCODED = ["wkb", "struct", "interleaved", "features"]


def save_geometry(folder: Path, encoded: str) -> tuple[Path, dict[int, set[str]]]:
    """Points whose geometry is missing, beyond, or no point, in each of the ways in which a file holds geometry."""
    lonlat = np.array([centre(at % 5) for at in range(COUNT)])
    lonlat[MISSING - 1] = np.nan
    lonlat[BEYOND - 1, 1] = 99.5
    codes = {MISSING: {"position_missing"}, BEYOND: {"coordinates_out_of_range"}}
    ids = pa.array([f"p{at}" for at in range(COUNT)])
    line = shapely.LineString([(114.0, 22.5), (114.1, 22.5)])
    if encoded == "features":
        path = folder / "p.ndjson"
        features = []
        for at, (x, y) in enumerate(lonlat.tolist()):
            geometry = None if x != x else {"type": "Point", "coordinates": [x, y]}
            features.append({"type": "Feature", "properties": {"id": f"p{at}"}, "geometry": geometry})
        features[TEXT - 1]["geometry"] = orjson.loads(shapely.to_geojson(line))
        features[UNKNOWN - 1]["geometry"] = {"type": "Point", "coordinates": ["here", 1]}
        path.write_bytes(b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in features))
        return path, codes | {TEXT: {"wrong_geometry_type"}, UNKNOWN: {"geometry_unreadable"}}
    path = folder / "p.parquet"
    if encoded == "wkb":
        column = geoarrow.to_wkb(lonlat).to_pylist()
        column[TEXT - 1], column[UNKNOWN - 1] = shapely.to_wkb(line), b"broken"
        codes |= {TEXT: {"wrong_geometry_type"}, UNKNOWN: {"geometry_unreadable"}}
        shapes = pa.array(column, pa.binary())
    elif encoded == "struct":
        values = [None if x != x else {"x": x, "y": y} for x, y in lonlat.tolist()]
        shapes = pa.array(values, pa.struct([("x", pa.float64()), ("y", pa.float64())]))
    else:
        flat = pa.array([None if x != x else [x, y] for x, y in lonlat.tolist()], pa.list_(pa.float64(), 2))
        shapes = flat
    described = {"encoding": "WKB" if encoded == "wkb" else "point", "geometry_types": ["Point"]}
    geo = {"version": "1.1.0", "primary_column": "where", "columns": {"where": described}}
    schema = pa.schema([("where", shapes.type), ("id", pa.string())], metadata={"geo": orjson.dumps(geo)})
    pq.write_table(pa.Table.from_arrays([shapes, ids], schema=schema), path, row_group_size=9)
    return path, codes


@pytest.mark.parametrize("encoded", ENCODED)
def test_a_geometry_that_is_bad_is_told_with_its_row(worlds: Worlds, tmp_path: Path, encoded: str) -> None:
    source, codes = save_geometry(tmp_path, encoded)
    for to in (".parquet", ".arrow", ".csv", ".ndjson"):
        tally = located(worlds, source, tmp_path / f"out{to}", 5)
        answers = load(tmp_path / f"out{to}")
        if to == ".ndjson":
            answers = [each["properties"] for each in answers]
        check(tally, answers, codes)


@pytest.mark.parametrize("encoded", ENCODED)
@pytest.mark.parametrize("because", [CODES, "en"])
def test_cases_take_their_positions_from_the_geometry(
    worlds: Worlds, tmp_path: Path, encoded: str, because: str
) -> None:
    source, codes = save_geometry(tmp_path, encoded)
    routed(worlds, source, tmp_path / "out.parquet", because, 5)
    for at, row in enumerate(load(tmp_path / "out.parquet"), 1):
        assert row["unit"] == (None if at in codes else UNITS[(at - 1) % 5])
        if at not in codes:
            assert "crs_assumed" not in row["flags"].split(";")


def test_points_of_a_file_that_are_mostly_swapped_are_refused_and_leave_nothing(worlds: Worlds, tmp_path: Path) -> None:
    rows = [{"id": f"p{at}", "lon": centre(0)[1], "lat": centre(0)[0]} for at in range(9)]
    source = save(rows, tmp_path / "p.parquet")
    with pytest.raises(Refusal) as refused:
        located(worlds, source, tmp_path / "out.parquet", 4, crs="CRS84")
    assert refused.value.code == "swapped_axes"
    assert not (tmp_path / "out.parquet").exists()
