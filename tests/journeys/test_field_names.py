"""Files come under the heads of either edition or under those of a firm; refused rows go back and forth."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import shapely

from gis.formats import read, write
from gis.store.engine import open_store, writing
from gis.store.revisions import keep_setting
from tests.gis.samples import table
from tests.journeys.commands import Office, Said

GOOD = {
    "2026": "GLBJBSM,GLBJMC,GLBJZT,ZGBMDM,ZGBMMC,CSRQ,SZDYWGBSM,lon,lat,crs",
    "2013": "ObjID,ObjName,ObjState,DeptCode1,DeptName1,ORDate,BGID,lon,lat,crs",
}
ROW = "44030501037000001,路灯,完好,12440300MB2C00000A,城管局,20260501,440305001001001,114.05,22.54,EPSG:4490"
OLD = "4403050137000001,路灯,完好,12440300MB2C00000A,城管局,20260501,440305001001001,114.05,22.54,EPSG:4490"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(f"sqlite:///{tmp_path / 'wangge.db'}", tmp_path)


def deliver(office: Office, text: str, *options: object, name: str = "c.csv") -> Said:
    path = office.folder / name
    path.write_text(text, encoding="utf-8")
    return office.run("import", "components", path, *options)


def exported(office: Office) -> list[dict[str, str]]:
    path = office.folder / "out.csv"
    office.do("export", "components", path)
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize(("profile", "row", "edition"), [("2026", ROW, "2026"), ("2013", OLD, "2013")])
def test_the_heads_of_an_edition_are_recognised_and_told(office: Office, profile: str, row: str, edition: str) -> None:
    said = deliver(office, f"{GOOD[profile]}\n{row}\n", "--edition", edition, "--commit")
    assert said.code == 0, said.err
    assert f"fields_recognised: The heads are those of the profile {profile}" in said.err
    found = exported(office)[0]
    assert (found["name"], found["state"], found["supervisor_name"], found["initial_date"]) == (
        "路灯",
        "完好",
        "城管局",
        "2026-05-01",
    )


def test_a_firms_own_heads_are_saved_by_name_and_then_recognised(office: Office) -> None:
    text = "管井编号,类别,X坐标,Y坐标\n甲1,01037,114.05,22.54\n"
    said = deliver(office, text, "--crs", "EPSG:4490")
    assert "column_missing" in said.err
    mapping = ("code=管井编号", "class_code=类别", "lon=X坐标", "lat=Y坐标")
    office.do("profiles", "add", "勘测院", *(word for each in mapping for word in ("--map", each)))
    assert office.do("profiles", "show", "勘测院").out.split() == list(mapping)
    assert "勘测院" in office.do("profiles", "list").out
    for options in ((), ("--fields", "勘测院")):
        said = deliver(office, text, "--crs", "EPSG:4490", *options)
        assert said.code == 0, said.err
        assert ("fields_recognised" in said.err) == (not options)
    assert "column_missing" in deliver(office, text, "--crs", "EPSG:4490", "--fields", "none").err
    office.do("profiles", "remove", "勘测院")
    said = deliver(office, text, "--fields", "勘测院")
    assert (said.code, "fields_unknown" in said.err) == (5, True)


def test_a_profile_that_is_named_needs_its_columns(office: Office) -> None:
    office.do("profiles", "add", "a", "--map", "code=NR", "--map", "name=WAS")
    said = deliver(office, "code,NR,lon,lat,crs\nx,y,114,22,EPSG:4490\n", "--fields", "a")
    assert "column_missing" in said.err


def test_two_profiles_that_fit_equally_are_both_named_and_none_is_taken(office: Office) -> None:
    for name in ("a", "b"):
        office.do("profiles", "add", name, "--map", "code=NR")
    said = deliver(office, "NR,class_code,lon,lat,crs\ny,01037,114,22,EPSG:4490\n")
    assert "fields_ambiguous" in said.err
    assert "column_missing" in said.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("add", "2026", "--map", "code=A"), "fields_name"),
        (("add", "a", "--map", "colour=A"), "field_unknown"),
        (("add", "a", "--map", "code"), "mapping_wrong"),
        (("show", "a"), "fields_unknown"),
        (("remove", "a"), "fields_unknown"),
    ],
)
def test_what_is_wrong_with_a_profile_is_told(office: Office, words: tuple[str, ...], code: str) -> None:
    said = office.run("profiles", *words)
    assert said.code in (3, 5)
    assert code in said.err


def test_a_name_is_taken_once(office: Office) -> None:
    office.do("profiles", "add", "a", "--map", "code=A")
    said = office.run("profiles", "add", "a", "--map", "code=B")
    assert (said.code, "fields_taken" in said.err) == (6, True)


# Refused rows


ROWS = (
    ["44030501037000001", "01037", "好", 114.05, 22.54],
    ["44030501037000002", "01999", "=坏的类别", 114.06, 22.54],
    ["44030501037000003", "01037", "没有位置", None, 22.54],
    ["44030501037000004", "01037", "好", 114.07, 22.54],
)


def csv_delivery(folder: Path) -> Path:
    rows = [["" if value is None else str(value) for value in row] for row in ROWS]
    rows[2][3] = "此处"
    lines = ["编号;class_code;name;lon;lat;crs", *(";".join([*row, "EPSG:4490"]) for row in rows)]
    path = folder / "普查.csv"
    path.write_bytes("\n".join(lines).encode("gbk"))
    return path


def excel_delivery(folder: Path) -> Path:
    book = openpyxl.Workbook()
    book.active.append(["编号", "class_code", "name", "lon", "lat", "crs"])
    for row in ROWS:
        book.active.append([*row, "EPSG:4490"])
    book.active["C3"].data_type = "s"  # text that begins like a formula
    book.active["D4"] = "此处"
    book.save(folder / "普查.xlsx")
    return folder / "普查.xlsx"


def shape_delivery(folder: Path) -> Path:
    places = [None if row[3] is None else shapely.Point(500000 + float(str(row[3])), 2500000) for row in ROWS]
    columns = {name: [row[index] for row in ROWS] for index, name in enumerate(("编号", "class_code", "name"))}
    write(folder / "普查.shp", table(columns, places, "EPSG:4547"), encoding="gbk")
    return folder / "普查.shp"


@pytest.mark.parametrize("make", [csv_delivery, excel_delivery, shape_delivery])
def test_refused_rows_are_written_mended_and_come_in(office: Office, make: Callable[[Path], Path]) -> None:
    delivery = make(office.folder)
    out, report = office.folder / f"退回{delivery.suffix}", office.folder / "report.json"
    words = ("--map", "code=编号", "--skip-rejected", "--commit", "--report", report)
    said = office.do("import", "components", delivery, *words, "--rejects", office.folder / "退回")
    assert f"rejected: 2 -> {out}" in said.err
    told = json.loads(report.read_text(encoding="utf-8"))
    assert (told["new"], told["rejected"], told["rejects"]) == (2, 2, out.name)
    refused = read(out)
    assert refused.columns["编号"].tolist() == ["44030501037000002", "44030501037000003"]
    assert list(map(int, refused.columns["rej_row"])) == [2, 3]
    assert refused.columns["rej_code"][0] == "class_unknown"
    assert "01999" in refused.columns["rej_zh"][0]
    mend(out)
    office.do("import", "components", out, *words)
    found = {row["code"]: row for row in exported(office)}
    assert len(found) == 4
    assert found["44030501037000002"]["name"] == "=坏的类别"
    assert not [name for name in found["44030501037000002"] if name.startswith("rej_")]


def mend(path: Path) -> None:
    """What the firm does: the class put right, the place filled in."""
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path)
        book.active["B2"], book.active["D3"] = "01037", 114.065
        book.save(path)
    elif path.suffix == ".csv":
        text = path.read_text(encoding="utf-8-sig")
        path.write_text(text.replace("01999", "01037").replace("此处", "114.065"), encoding="utf-8-sig")
    else:
        found = read(path)
        found.columns["class_code"][0] = "01037"
        assert found.geometry is not None
        found.geometry[1] = shapely.Point(500100, 2500000)
        write(path, found)


def test_without_errors_no_file_is_written(office: Office) -> None:
    said = deliver(office, f"{GOOD['2026']}\n{ROW}\n", "--rejects", office.folder / "r.csv")
    assert said.code == 0
    assert not (office.folder / "r.csv").exists()


def test_rejects_in_a_format_that_is_only_read_are_refused_before_anything_is_published(office: Office) -> None:
    said = deliver(office, f"{GOOD['2026']}\n{ROW}\n", "--rejects", office.folder / "r.dxf", "--commit")
    assert (said.code, "format_unknown" in said.err) == (3, True)
    assert exported(office) == []


def test_a_profile_says_what_no_column_holds(office: Office) -> None:
    text = "NR,BODY,EAST,NORTH\n7,DPW,114.05,22.54\n,DPW,114.06,22.54\n"
    given = ("--set", "code=LAMP-{NR}", "--set", "class_code=01037", "--set", "note={{city}}")
    office.do("profiles", "add", "lamps", "--map", "owner_code=BODY", "--map", "lon=EAST", "--map", "lat=NORTH", *given)
    assert office.do("profiles", "show", "lamps").out.splitlines()[-3:] == [
        "--set code=LAMP-{NR}",
        "--set class_code=01037",
        "--set note={{city}}",
    ]
    said = deliver(
        office, text, "--crs", "EPSG:4490", "--skip-rejected", "--rejects", office.folder / "bad", "--commit"
    )
    assert said.code == 0, said.err
    assert "fields_recognised: The heads are those of the profile lamps" in said.err
    assert "value_missing: Row 2" in said.err
    (row,) = exported(office)
    assert (row["code"], row["class_code"], row["owner_code"], row["note"]) == ("LAMP-7", "01037", "DPW", "{city}")
    assert row["NR"] == "7"
    refused = (office.folder / "bad.csv").read_text(encoding="utf-8-sig").splitlines()
    assert refused[0].startswith("NR,BODY,EAST,NORTH,rej_row")  # the columns of the delivery, and no others
    said = deliver(office, text, "--crs", "EPSG:4490", "--set", "code=L{NR}", "--map", "note=BODY", "--skip-rejected")
    assert said.code == 0, said.err
    assert "value_missing: Row 2" in said.err


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--set", "code"), "mapping_wrong"),
        (("--set", "code={"), "mapping_wrong"),
        (("--set", "code=x", "--map", "code=NR"), "mapping_wrong"),
        (("--set", "lon=114"), "mapping_wrong"),
        (("--set", "colour=x"), "field_unknown"),
        (("--set", "code={WHAT}"), "column_missing"),
    ],
)
def test_a_text_that_leads_nowhere_is_refused(office: Office, options: tuple[str, ...], code: str) -> None:
    said = deliver(office, "NR,lon,lat\n7,114.05,22.54\n", "--crs", "EPSG:4490", *options)
    assert said.code == 3
    assert f"error {code}" in said.err


def test_a_profile_of_an_earlier_version_is_read_as_it_was(office: Office) -> None:
    office.do("migrate")
    store = open_store(office.store)
    with writing(store.world) as connection:
        keep_setting(connection, "fields.old", '{"code": "NR", "lon": "X", "lat": "Y"}')
    store.close()
    assert office.do("profiles", "show", "old").out.split() == ["code=NR", "lon=X", "lat=Y"]
    said = deliver(office, "NR,class,X,Y\n7,01037,114.05,22.54\n", "--crs", "EPSG:4490", "--fields", "old")
    assert said.code == 0, said.err
