"""Survey deliveries, checked: every fault with the firm's own row; the report; samples; on both stores."""

from pathlib import Path
from typing import Any

import pytest
import shapely
from openpyxl import load_workbook

from api.surveys.checking import Checked, checked
from api.surveys.report import checked_faults, summary, write_layer, write_workbook
from api.transfer.imports import Options, run_import
from components.surveys.rules import default_limits, read_limits
from gis.errors import Refusal
from gis.formats import read
from gis.store.engine import Store
from tests.api.surveys.deliveries import code, deliver, packed, row, rows, whole

LAMPS = "照明/01037路灯.shp"


def faults_of(store: Store, path: Path, **options: Any) -> dict[str, list[tuple[str, int | None]]]:
    """The codes of the faults, each with its files and rows; notes apart."""
    with checked(store, path, asked(**options), default_limits()) as found:
        return told(found)


def asked(**options: Any) -> Options:
    return Options(**{"edition": "", **options})


def told(found: Checked) -> dict[str, list[tuple[str, int | None]]]:
    by_code: dict[str, list[tuple[str, int | None]]] = {}
    for line in checked_faults(found):
        if line["severity"] != "note":
            by_code.setdefault(line["code"], []).append((line["file"], line.get("row")))
    return by_code


def test_a_delivery_without_a_fault_passes_every_rule(store_of_either: Store, tmp_path: Path) -> None:
    with checked(store_of_either, whole(tmp_path / "成果"), asked(), default_limits()) as found:
        assert told(found) == {}
        assert found.passed
        assert found.rows == 30
        layers = {seen.part.file: (seen.named.class_code, seen.named.source) for seen in found.parts if seen.is_layer}
        assert layers == {
            "01001供水井盖.shp": ("01001", "name"),
            "01002污水井盖.shp": ("01002", "name"),
            LAMPS: ("01037", "name"),
        }
        assert [seen.encoding for seen in found.parts if seen.is_layer] == ["gb18030"] * 3
        assert found.contents.ignored == ("说明.docx",)
        assert [seen.part.file for seen in found.parts if not seen.is_layer] == ["清单.csv"]


def test_a_zip_with_names_in_gbk_is_the_same_delivery_as_its_folder(store: Store, tmp_path: Path) -> None:
    folder = whole(tmp_path / "成果")
    with checked(store, folder, asked(), default_limits()) as one:
        told_one = summary(one)
    with checked(store, packed(folder, tmp_path / "成果.zip"), asked(), default_limits()) as other:
        told_other = summary(other)
        assert {seen.part.file for seen in other.parts if seen.is_layer} >= {"成果/01001供水井盖.shp", f"成果/{LAMPS}"}
    assert told_one["digest"] == told_other["digest"]
    assert {**told_one, "delivery": ""} == {**told_other, "delivery": ""}


def test_each_fault_is_told_with_file_and_row(store_of_either: Store, tmp_path: Path) -> None:
    folder = whole(tmp_path / "d")
    wells, drains, lamps = rows("01001"), rows("01002"), rows("01037")
    wells[2]["GLBJBSM"] = code("01002", 77)  # of another class than file
    wells[3]["GLBJBSM"] = "4403050100100000"  # a digit short
    wells[4]["GLBJMC"] = None
    wells[5]["geometry"] = shapely.Point(113.0, 22.0)  # far from every unit
    drains[6]["GLBJBSM"] = code("01002", 1)  # given twice in the file
    drains[7]["geometry"] = shapely.Point(114.0455, 22.505)  # in the other county
    lamps[1]["GLBJBSM"] = code("01001", 1)  # given in another file, of another class
    lamps[8]["geometry"] = shapely.Point(lamps[7]["geometry"].x + 1e-6, lamps[7]["geometry"].y)
    lamps[9]["CSRQ"] = "开春"
    deliver(folder / "01001供水井盖.shp", wells)
    deliver(folder / "01002污水井盖.shp", drains)
    deliver(folder / LAMPS, lamps)
    found = faults_of(store_of_either, folder)
    assert found == {
        "class_contradicted": [("01001供水井盖.shp", 3), (LAMPS, 2)],
        "code_form": [("01001供水井盖.shp", 4)],
        "value_missing": [("01001供水井盖.shp", 5)],
        "outside_units": [("01001供水井盖.shp", 6)],
        "code_duplicate": [("01002污水井盖.shp", 7), (LAMPS, 2)],
        "code_elsewhere": [("01002污水井盖.shp", 8)],
        "near_duplicate": [(LAMPS, 9)],
        "value_wrong": [(LAMPS, 10)],
    }


def test_a_code_given_in_another_file_names_that_file_and_row(store: Store, tmp_path: Path) -> None:
    lamps = rows("01037")
    lamps[1]["GLBJBSM"] = code("01001", 4)
    folder = whole(tmp_path / "d")
    deliver(folder / LAMPS, lamps)
    with checked(store, folder, asked(), default_limits()) as found:
        (line,) = [each for each in checked_faults(found) if each["code"] == "code_duplicate"]
    assert "row 4 of 01001供水井盖.shp" in line["detail"]
    assert "01001供水井盖.shp 第 4 行" in line["detail_zh"]


def test_what_is_wrong_with_a_whole_file_is_told_of_it(store: Store, tmp_path: Path) -> None:
    folder = whole(tmp_path / "d")
    cut = folder / "01001供水井盖.dbf"
    cut.write_bytes(cut.read_bytes()[:-50])
    swapped = [{**each, "geometry": shapely.Point(each["geometry"].y, each["geometry"].x)} for each in rows("01002")]
    deliver(folder / "01002污水井盖.shp", swapped)
    (folder / LAMPS).with_suffix(".prj").unlink()
    (folder / "更多.zip").write_bytes(b"PK")
    found = faults_of(store, folder)
    assert found["file_unreadable"] == [("01001供水井盖.shp", None)]
    assert found["swapped_axes"] == [("01002污水井盖.shp", None)]
    assert found["crs_missing"] == [(LAMPS, None)]
    assert found["packed_within"] == [("更多.zip", None)]


def test_a_file_in_another_system_than_asked_for_is_told_and_so_is_one_in_none(store: Store, tmp_path: Path) -> None:
    folder = whole(tmp_path / "d")
    deliver(folder / LAMPS, rows("01037"), crs="EPSG:4547")
    with checked(store, folder, asked(), default_limits()) as found:
        assert told(found) == {}
        assert {seen.crs for seen in found.parts if seen.is_layer} == {"EPSG:4490", "EPSG:4547"}
    demanded = faults_of(store, folder, crs="EPSG:4547")
    assert {file for file, _ in demanded["crs_overridden"]} == {"01001供水井盖.shp", "01002污水井盖.shp"}


def test_a_file_in_gcj_02_that_does_not_say_so_is_found_by_the_records(store: Store, tmp_path: Path) -> None:
    folder = whole(tmp_path / "d")
    run_import(store, "components", folder, Options(commit=True, author="tests"))
    deliver(tmp_path / "shifted" / "01001供水井盖.csv", rows("01001"), crs="GCJ-02")
    text = (tmp_path / "shifted" / "01001供水井盖.csv").read_text(encoding="utf-8")
    (tmp_path / "shifted" / "01001供水井盖.csv").write_text(text.replace("GCJ-02", "CRS84"), encoding="utf-8")
    deliver(tmp_path / "shifted" / "01002污水井盖.shp", rows("01002"))
    found = faults_of(store, tmp_path / "shifted")
    assert found["crs_shifted"] == [("01001供水井盖.csv", None)]


def test_places_are_told_in_the_system_of_the_file(store: Store, tmp_path: Path) -> None:
    lamps = rows("01037")
    lamps[3]["GLBJMC"] = None
    deliver(tmp_path / "d" / "01037路灯.shp", lamps, crs="EPSG:4547")
    with checked(store, tmp_path / "d", asked(), default_limits()) as found:
        (line,) = list(checked_faults(found))
    delivered = read(tmp_path / "d" / "01037路灯.shp").geometry
    assert delivered is not None
    assert (line["x"], line["y"]) == (delivered[3].x, delivered[3].y)
    assert (line["lon"], line["lat"]) == pytest.approx((lamps[3]["geometry"].x, lamps[3]["geometry"].y), abs=1e-9)


def test_the_report_is_a_workbook_for_the_firm(store: Store, tmp_path: Path) -> None:
    folder = whole(tmp_path / "d")
    wells = rows("01001")
    wells[4]["GLBJMC"] = None
    deliver(folder / "01001供水井盖.shp", wells)
    with checked(store, folder, asked(), default_limits()) as found:
        write_workbook(tmp_path / "r.xlsx", found)
        assert write_layer(tmp_path / "r.gpkg", found) == ()
        assert not found.passed
    book = load_workbook(tmp_path / "r.xlsx")
    assert book.sheetnames == ["汇总", "问题清单", "文件"]
    verdicts = {line[0]: line[6] for line in book["汇总"].iter_rows(min_row=2, values_only=True)}
    assert verdicts["总体 overall"] == "不合格 fail"
    assert verdicts["必填项 Required fields"] == "不合格 fail"
    assert verdicts["编码唯一 Codes given once"] == "合格 pass"
    heads, fault = book["问题清单"].iter_rows(values_only=True)
    line = dict(zip(heads, fault, strict=True))
    assert (line["文件 file"], line["行号 row"]) == ("01001供水井盖.shp", 5)
    assert line["问题说明"] == "第 5 行缺少名称。"
    assert line["标识码 code"] == code("01001", 5)
    files = [each[0] for each in book["文件"].iter_rows(min_row=2, values_only=True)]
    assert files == ["01001供水井盖.shp", "01002污水井盖.shp", "清单.csv", LAMPS, "说明.docx"]
    layer = read(tmp_path / "r.gpkg")
    assert layer.columns["row"].tolist() == [5]
    assert layer.geometry is not None
    assert layer.geometry[0].equals(wells[4]["geometry"])


def test_the_limits_decide_whether_a_rule_passes(store: Store, tmp_path: Path) -> None:
    lamps = rows("01037")
    lamps[3]["GLBJMC"] = None
    deliver(tmp_path / "d" / "01037路灯.shp", lamps)
    kinder = tmp_path / "limits.yaml"
    for share, passes in (("10%", True), ("9%", False)):
        kinder.write_text(f"rules: {{required: {share}}}\n", encoding="utf-8")
        with checked(store, tmp_path / "d", asked(), read_limits(kinder)) as found:
            assert found.passed == passes


@pytest.mark.parametrize(
    "text",
    [
        "rules: {no_such: 1%}",
        "rules: {required: 200%}",
        "required: [colour]",
        "geometry: {'01': cube}",
        "- x",
        "a: [",
        "no: 1",
    ],
)
def test_limits_that_make_no_sense_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "limits.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(Refusal) as refused:
        read_limits(tmp_path / "limits.yaml")
    assert refused.value.code == "limits_wrong"


def test_geometry_and_accuracy_are_demanded_by_the_limits_where_no_catalogue_says(store: Store, tmp_path: Path) -> None:
    lamps = rows("01037")
    for each in lamps:
        each["accuracy_m"] = 0.4
    lamps[0]["accuracy_m"] = 3.0
    lines = [{**row("01002", 1), "geometry": shapely.LineString([(114.001, 22.501), (114.0012, 22.501)])}]
    deliver(tmp_path / "d" / "01037路灯.gpkg", lamps)
    deliver(tmp_path / "d" / "01002污水井盖.gpkg", lines)
    limits = tmp_path / "limits.yaml"
    limits.write_text("geometry: {'01': point}\naccuracy: {'01037': A}\n", encoding="utf-8")
    with checked(store, tmp_path / "d", asked(), read_limits(limits)) as found:
        assert told(found) == {
            "geometry_type_differs": [("01002污水井盖.gpkg", 1)],
            "accuracy_exceeded": [("01037路灯.gpkg", 1)],
        }


def test_the_class_may_stand_in_a_table_or_in_a_field(store: Store, tmp_path: Path) -> None:
    deliver(tmp_path / "d" / "a.gpkg", rows("01037"))
    deliver(tmp_path / "d" / "b.gpkg", [{**each, "class_code": "01002"} for each in rows("01002")])
    (tmp_path / "classes.csv").write_text("文件,标准版,类别代码\na.gpkg,2026,01037\nb,2026,01001\n", encoding="utf-8")
    found = faults_of(store, tmp_path / "d", classes=tmp_path / "classes.csv")
    assert found == {"class_contradicted": [("b.gpkg", number) for number in range(1, 11)]}


def test_a_delivery_without_a_layer_is_refused_and_an_empty_layer_is_a_fault(store: Store, tmp_path: Path) -> None:
    (tmp_path / "清单.csv").write_text("文件,行数\n", encoding="utf-8")
    with pytest.raises(Refusal) as refused, checked(store, tmp_path / "清单.csv", asked(), default_limits()):
        pass
    assert refused.value.code == "delivery_empty"
    folder = whole(tmp_path / "d")
    (folder / "01004雨水箅子.csv").write_text("code,lon,lat\n", encoding="utf-8")
    assert faults_of(store, folder)["file_empty"] == [("01004雨水箅子.csv", None)]
