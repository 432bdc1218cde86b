"""What is exported and imported again is the same, in every format and under all heads; and what people get to see."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.transfer.dress import Dress, chosen, dressed, read_dress
from api.transfer.exports import export_layer, feature_table
from api.transfer.fields import recognised
from api.transfer.imports import Options, run_import
from components.catalogue import built_in
from components.inventory import read_components
from components.layers import COMPONENTS
from gis.errors import Fault
from gis.formats import WRITABLE, read, write
from gis.store.engine import Store, reading
from gis.store.revisions import head
from gis.tables import Table
from tests.gis.samples import column, refusal, table

FORMATS = [suffix for suffix in WRITABLE if suffix not in (".json", ".ndjson", ".jsonl")]
CLASSES = {each.key: each for each in built_in()}
NASTY = (
    *(
        "=1+1",
        "a\r\nb",
        "a\nb",
        '"',
        "'",
        "''",
        "0",
        "007",
        "1e5",
        "4.4E+16",
        "NULL",
        "nan",
        "true",
        ",;\t|",
        "𠀀",
        "😀",
    ),
    *("_x000D_", "<![CDATA[]]>", "&amp;", "\\", "{}", "字" * 84, "-0", "é", "\u202e", "#REF!", "[1]", "2026-05-01"),
)

texts = st.sampled_from(NASTY) | st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff\ufffd"), min_size=1, max_size=60
)
lonlats = st.tuples(st.floats(73, 134), st.floats(4, 53)).map(lambda xy: np.round(xy, 11) + 0.0)
rows = st.fixed_dictionaries(
    {
        "name": texts | st.none(),
        "state": texts | st.none(),
        "owner_code": st.sampled_from(["C1", "00123", "440305001001001", "91440300MA5EQ2RT7X"]) | st.none(),
        "initial_date": st.dates().map(lambda day: day.isoformat()) | st.none(),
        "accuracy_m": st.integers(0, 10_000).map(lambda value: value / 100) | st.none(),
        "note": texts | st.none(),
        "attributes": st.dictionaries(st.sampled_from(["材质", "=k", "a b"]), texts, max_size=3),
        "place": lonlats,
    }
)


def taken_in(found: Table, mapping: dict[str, str]) -> tuple[dict[str, dict[str, Any]], list[Fault]]:
    incoming, faults = read_components(found, "", mapping, None, "2026", None, CLASSES, lambda: ["C1"])
    return {code: row for (_, code), row in incoming.items()}, faults


def inventory(given_rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The rows as the store would hold them: what an import makes of them."""
    names = [name for name in given_rows[0] if name not in ("attributes", "place")]
    columns = {name: [row[name] for row in given_rows] for name in names}
    columns["code"] = [f"0440305010370{index:05d}" for index in range(len(given_rows))]
    columns["class_code"] = ["01037"] * len(given_rows)
    for key in ("材质", "=k", "a b"):
        columns[key] = [row["attributes"].get(key) for row in given_rows]
    found, _ = taken_in(table(columns, [shapely.Point(row["place"]) for row in given_rows]), {})
    return found


def same(found: dict[str, dict[str, Any]], wanted: dict[str, dict[str, Any]]) -> None:
    assert found.keys() == wanted.keys()
    for code, row in wanted.items():
        other = {name: value for name, value in found[code].items() if name not in ("geom", "attributes")}
        assert other == {name: value for name, value in row.items() if name not in ("geom", "attributes")}
        assert (found[code]["attributes"] or {}) == (row["attributes"] or {})
        assert shapely.equals_exact(found[code]["geom"], row["geom"])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(rows, min_size=1, max_size=4), st.sampled_from(["field", "2026", "2013", "zh", "en", None]))
@pytest.mark.parametrize("suffix", FORMATS)
def test_what_goes_out_comes_in_the_same(
    store: Store, tmp_path: Path, suffix: str, given_rows: list[dict[str, Any]], heads: str | None
) -> None:
    if suffix == ".shp":
        heads = "2013" if heads in ("field", "zh", "en") else heads  # whose names a dbf holds
        for row in given_rows:  # a dbf fills up with blanks
            row["attributes"] = {key: text.rstrip(" ") for key, text in row["attributes"].items() if text.rstrip(" ")}
    wanted = inventory(given_rows)
    columns = {name: column(*(row[name] for row in wanted.values())) for name in next(iter(wanted.values()))}
    path = tmp_path / f"any{suffix}"
    out = dressed(feature_table(COMPONENTS, columns), COMPONENTS, Dress(heads), path)
    faults = write(path, out)
    assert [fault for fault in faults if fault.code != "text_cut"] == []
    if faults:
        return  # longer than a dbf holds, and told
    with reading(store.world) as connection:
        meant, found = recognised(connection, read(path), "components")
    styled = heads in ("2026", "2013", "zh", "en") or suffix == ".shp"
    assert ("fields_recognised" in {fault.code for fault in found.faults}) == styled
    kept = {name: values for name, values in found.columns.items() if name != "owner"}
    back = Table(kept, found.geometry, found.crs, found.rows)
    incoming, told = taken_in(back, dict(meant.columns))
    assert [fault for fault in told if fault.severity == "error"] == []
    same(incoming, wanted)


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".geojson", ".parquet", ".xlsx", ".csv", ".shp"])
def test_a_projected_export_comes_back_within_a_micrometre(tmp_path: Path, suffix: str) -> None:
    points = table({"code": ["1"]}, [shapely.Point(114.05, 22.54)])
    write(tmp_path / f"a{suffix}", points, crs="EPSG:4547")
    found = read(tmp_path / f"a{suffix}")
    assert found.crs == "EPSG:4547"
    write(tmp_path / "back.csv", found, crs="EPSG:4490")
    back = read(tmp_path / "back.csv").geometry
    assert back is not None
    assert shapely.distance(back[0], shapely.Point(114.05, 22.54)) < 1e-10


# Which rows


def some() -> Table:
    return table(
        {
            "code": ["a", "b", "c"],
            "class_code": ["01037", "01001", "02001"],
            "n": [1, 2, None],
            "材质": ["铁", None, "铁"],
        }
    )


@pytest.mark.parametrize(
    ("where", "codes"),
    [
        ([], "abc"),
        (["class_code=01*"], "ab"),
        (["class_code=01037"], "a"),
        (["class_code=01037", "class_code=02*"], "ac"),
        (["class_code=0*", "材质=铁"], "ac"),
        (["class_code!=01*"], "c"),
        (["材质="], "b"),
        (["n=2"], "b"),
        (["code=x"], ""),
    ],
)
def test_rows_are_chosen_by_fields_and_attributes(where: list[str], codes: str) -> None:
    found = chosen(some(), read_dress(None, False, where, ".csv").where)
    assert "".join(found.columns["code"]) == codes


def test_what_is_wrong_with_an_export_is_told() -> None:
    assert refusal(read_dress, "fr", False, (), ".csv").code == "heads_unknown"
    assert refusal(read_dress, None, True, (), ".gpkg").code == "for_people_wrong"
    assert refusal(read_dress, None, False, ("code",), ".csv").code == "where_wrong"
    assert refusal(chosen, some(), read_dress(None, False, ("colour=red",), ".csv").where).code == "field_unknown"


# For people


def test_csv_for_people_runs_no_formula_and_rounds_no_code(tmp_path: Path) -> None:
    values = ["=cmd()", "+1+1", "-2", "@x", "44030501001000001", "007", "0", "正常", "\t=1", "-a"]
    out = dressed(table({"code": values}), COMPONENTS, Dress(for_people=True), tmp_path / "a.csv")
    write(tmp_path / "a.csv", out, encoding="utf-8-sig")
    raw = (tmp_path / "a.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as lines:
        found = [row["code"] for row in csv.DictReader(lines)]
    assert found == ["'=cmd()", "'+1+1", "-2", "'@x", "\t44030501001000001", "\t007", "0", "正常", "'\t=1", "'-a"]


@given(texts)
def test_no_text_for_people_begins_like_a_formula(text: str) -> None:
    out = dressed(table({"code": [text]}), COMPONENTS, Dress(for_people=True), Path("a.csv"))
    first = out.columns["code"][0].lstrip()
    assert first[:1] not in tuple("=+@") or not first
    assert first[:1] != "-" or first[1:].replace(".", "").isdigit()


# Of a store


@pytest.mark.parametrize("suffix", FORMATS)
def test_importing_an_export_of_a_store_changes_nothing(store: Store, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"components{suffix}"
    with reading(store.world) as connection:
        export_layer(connection, "components", path, at=head(connection))
    report = run_import(store, "components", path, Options())
    assert report.delivery.is_acceptable
    assert (report.delivery.counts.same, report.delivery.is_empty) == (1, True)
