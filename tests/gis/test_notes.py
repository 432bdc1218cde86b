"""What a file says of itself travels with it, in it or beside it."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import shapely

from gis.formats import WRITABLE, read, write
from gis.tables import Table

NOTES = {"layer": "单元", "revision": 7, "recorded_at": "2026-11-23T06:12:51.474711+00:00"}
BESIDE = (".csv", ".tsv", ".shp", ".geojsonl", ".ndjson", ".jsonl")


def table() -> Table:
    names = np.array(["a", "b"], dtype=object)
    return Table({"name": names}, shapely.points([[114.0, 22.5], [114.1, 22.6]]), "EPSG:4490", np.array([1, 2]))


@pytest.mark.parametrize("suffix", WRITABLE)
def test_every_format_keeps_what_it_is_told_of_itself(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"file{suffix}"
    write(path, table(), notes=NOTES)
    assert dict(read(path).notes) == NOTES
    assert (tmp_path / f"file{suffix}.wangge").exists() == (suffix in BESIDE)
    write(path, table())
    assert dict(read(path).notes) == {}
    assert len(read(path)) == 2


def test_what_others_have_written_in_that_place_is_no_note(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    write(path, table())
    for content in (b"no json", b"[1]", b"\xff\xfe", b'"text"'):
        (tmp_path / "file.csv.wangge").write_bytes(content)
        assert dict(read(path).notes) == {}


def test_notes_beside_a_shapefile_go_into_its_zip(tmp_path: Path) -> None:
    write(tmp_path / "file.shp", table(), notes=NOTES)
    with zipfile.ZipFile(tmp_path / "file.zip", "w") as packed:
        for part in tmp_path.glob("file.s*"):
            packed.write(part, part.name)
        packed.write(tmp_path / "file.dbf", "file.dbf")
    assert dict(read(tmp_path / "file.zip").notes) == NOTES
