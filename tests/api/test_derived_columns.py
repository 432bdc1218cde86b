"""Unit, street and community of components in the heads of the editions: derived on the way out, left aside on the way
in.
"""

import csv
from pathlib import Path

import pytest

from api.transfer.dress import Dress
from api.transfer.exports import export_layer
from api.transfer.imports import Options, run_import
from gis.formats import read
from gis.store.engine import Store, reading
from gis.store.revisions import head
from tests.api.small_world import SIDE, SOUTH, UNITS, WEST, bring, collection, square

CODES = ("44030501037000001", "44030501037000002", "44030501037000003", "44030501037000004")


@pytest.fixture
def town(store_of_either: Store, tmp_path: Path) -> Store:
    """The lamp of the small world in the second unit, one on an edge, a pipe through the fourth, one outside."""
    edge = WEST + SIDE
    line = {
        "type": "LineString",
        "coordinates": [[WEST + 3.2 * SIDE, SOUTH + 0.001], [WEST + 3.8 * SIDE, SOUTH + 0.002]],
    }
    shapes = [
        {"type": "Point", "coordinates": [edge, SOUTH + 0.005]},
        line,
        {"type": "Point", "coordinates": [113, 22]},
    ]
    known = {"edition": "2026", "class_code": "01037", "SZDYWGBSM": "440399999999999", "szsqmc": "旧社区"}
    features = [({"code": code, **known}, shape) for code, shape in zip(CODES[1:], shapes, strict=True)]
    bring(store_of_either, tmp_path, "components", "more.geojson", collection(features))
    return store_of_either


def exported(store: Store, path: Path, heads: str | None, at: int | None = None) -> dict[str, dict[str, object]]:
    with reading(store.world) as connection:
        number = head(connection) if at is None else at
        export_layer(connection, "components", path, at=number, dress=Dress(heads))
    found = read(path)
    head_of_code = {"2026": "GLBJBSM", "2013": "ObjID"}.get(heads or "2026", "code")
    rows = zip(*(column.tolist() for column in found.columns.values()), strict=True)
    told = [dict(zip(found.columns, row, strict=True)) for row in rows]
    return {str(each[head_of_code]): each for each in told}


def test_components_say_where_they_lie_under_the_heads_of_2026(town: Store, tmp_path: Path) -> None:
    found = exported(town, tmp_path / "out.csv", "2026")
    units = [found[code]["SZDYWGBSM"] for code in CODES]
    assert units == [UNITS[1], UNITS[0], UNITS[3], None]  # on an edge the lower code
    lamp, pipe = found[CODES[0]], found[CODES[2]]
    heads = ("SZJDDM", "SZJDMC", "SZSQDM", "SZSQMC")
    assert [lamp[name] for name in heads] == ["440305001", "南头街道", "440305001001", "第一社区"]
    assert [pipe[name] for name in heads] == ["440305001", "南头街道", "440305001002", "第二社区"]
    assert [found[CODES[3]][name] for name in heads] == [None] * 4
    assert list(lamp).count("SZDYWGBSM") == 1


@pytest.mark.parametrize(("heads", "there"), [("2013", {"BGID"}), ("field", set()), ("zh", set())])
def test_other_heads_have_those_of_their_own(town: Store, tmp_path: Path, heads: str, there: set[str]) -> None:
    with reading(town.world) as connection:
        export_layer(connection, "components", tmp_path / "o.csv", at=head(connection), dress=Dress(heads))
    with (tmp_path / "o.csv").open(encoding="utf-8", newline="") as lines:
        row = next(csv.DictReader(lines))
    assert {"BGID", "SZDYWGBSM", "SZJDDM"} & row.keys() == there
    assert row.get("BGID", UNITS[1]) == UNITS[1]


def test_an_earlier_revision_is_told_by_the_units_of_then(town: Store, tmp_path: Path) -> None:
    features = [({"code": code}, square(index)) for index, code in enumerate(UNITS)]
    features[1][0]["code"] = "440305001001009"
    bring(town, tmp_path, "units", "recoded.geojson", collection(features), scope="440305001001")
    with reading(town.world) as connection:
        newest = head(connection)
    assert exported(town, tmp_path / "now.csv", "2026")[CODES[0]]["SZDYWGBSM"] == "440305001001009"
    assert exported(town, tmp_path / "then.csv", "2026", newest - 1)[CODES[0]]["SZDYWGBSM"] == UNITS[1]


@pytest.mark.parametrize("suffix", ["csv", "gpkg", "shp"])
def test_what_was_derived_is_not_taken_over_again(town: Store, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out.{suffix}"
    with reading(town.world) as connection:
        where = Dress("2026")
        if suffix == "shp":  # one type of geometry
            from api.transfer.dress import read_dress

            where = read_dress("2026", False, ["code!=44030501037000003"], ".shp")
        export_layer(connection, "components", path, at=head(connection), dress=where)
    again = run_import(town, "components", path, Options())
    told = [fault for fault in again.delivery.faults if fault.code == "derived_ignored"]
    assert [(fault.severity, fault.row) for fault in told] == [("note", None)]
    assert "SZDYWGBSM" in told[0].en
    counts = again.delivery.counts
    assert (counts.new, counts.changed, counts.same) == (0, 0, 3 if suffix == "shp" else 4), again.delivery.changes


def test_a_column_that_is_mapped_is_taken(town: Store, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(
        "code,edition,class_code,BGID,lon,lat\nM1,2026,01037,x,114.001,22.501\n", encoding="utf-8"
    )
    report = run_import(town, "components", tmp_path / "m.csv", Options(mapping={"note": "BGID"}, crs="CRS84"))
    assert report.delivery.changes[0].created[0]["note"] == "x"
    assert "derived_ignored" not in {fault.code for fault in report.delivery.faults}
