"""A delivery of several files imported as one: one revision or one draft, faults by file and row; on both stores."""

import json
import zipfile
from pathlib import Path

import pytest
import shapely

from api.transfer.comparisons import Comparison, extent_of, run_comparison
from api.transfer.imports import Options, Report, run_import
from components.tables import component
from gis.errors import Fault, Refusal
from gis.formats import archive, read, write
from gis.store.engine import Store, reading
from gis.store.revisions import head, list_revisions
from grids.deliveries.merging import Outcome
from tests.api.delivering import counts, held, publish
from tests.api.surveys.deliveries import code, deliver, packed, row, rows, whole

LAMPS = "照明/01037路灯.shp"


def bring(store: Store, path: Path, **options: object) -> Report:
    return run_import(store, "components", path, Options(author="anna", **{"commit": True, **options}))  # type: ignore[arg-type]


def errors(faults: tuple[Fault, ...]) -> list[tuple[str, str, int | None]]:
    return [(f.code, str((f.members or {}).get("file")), f.row) for f in faults if f.severity == "error"]


def test_a_folder_is_published_as_one_revision(store_of_either: Store, tmp_path: Path) -> None:
    store = store_of_either
    folder = whole(tmp_path / "d")
    deliver(folder / LAMPS, rows("01037"), crs="EPSG:4547")  # each file in its own system
    with reading(store.world) as connection:
        before = head(connection)
    report = bring(store, folder)
    assert report.revision is not None, report.delivery.faults
    assert (report.rows, report.delivery.counts.new, report.revision.number) == (30, 30, before + 1)
    there = held(store, component)
    assert len(there) == 31
    for of in ("01001", "01037"):
        for number, each in enumerate(rows(of), 1):
            found = there[code(of, number)]
            assert (found["edition"], found["class_code"]) == ("2026", of)
            assert found["geom"].equals_exact(each["geometry"], 1e-8)
    assert bring(store, folder).delivery.is_empty
    with reading(store.world) as connection:
        assert [each.note for each in list_revisions(connection)][-1] == "import components d"


def test_a_zip_is_imported_like_its_folder(store: Store, tmp_path: Path) -> None:
    report = bring(store, packed(whole(tmp_path / "d"), tmp_path / "d.zip"))
    assert report.delivery.counts.new == 30


def test_the_class_comes_from_the_name_of_the_layer_where_the_code_says_none(store: Store, tmp_path: Path) -> None:
    free = [{**each, "GLBJBSM": f"L{number}"} for number, each in enumerate(rows("01037"))]
    old = [{**row("0102", number), "GLBJBSM": code("0102", number)} for number in range(1, 4)]
    deliver(tmp_path / "d" / "01037路灯.shp", free)
    deliver(tmp_path / "d" / "0102污水井盖.shp", old)
    assert bring(store, tmp_path / "d").revision is not None
    there = held(store, component)
    assert (there["L3"]["edition"], there["L3"]["class_code"]) == ("2026", "01037")
    assert (there[code("0102", 2)]["edition"], there[code("0102", 2)]["class_code"]) == ("2013", "0102")


def test_a_single_file_tells_its_class_by_its_name_too(store: Store, tmp_path: Path) -> None:
    free = [{**each, "GLBJBSM": f"L{number}"} for number, each in enumerate(rows("01037"))]
    assert bring(store, deliver(tmp_path / "01037路灯.shp", free)).revision is not None
    assert held(store, component)["L3"]["class_code"] == "01037"
    wrong = bring(store, deliver(tmp_path / "01001供水井盖.shp", rows("01002", 2)))
    assert [(fault.code, fault.row) for fault in wrong.delivery.faults if fault.severity == "error"] == [
        ("class_contradicted", 1),
        ("class_contradicted", 2),
    ]


def test_faults_are_told_by_file_and_row_and_nothing_is_changed(store: Store, tmp_path: Path) -> None:
    folder = whole(tmp_path / "d")
    lamps, drains = rows("01037"), rows("01002")
    lamps[1]["GLBJBSM"] = code("01001", 4)
    lamps[2]["geometry"] = shapely.Point()
    drains[5]["CSRQ"] = "开春"
    deliver(folder / LAMPS, lamps)
    deliver(folder / "01002污水井盖.shp", drains)
    report = bring(store, folder)
    assert report.revision is None
    assert sorted(errors(report.delivery.faults)) == [
        ("class_contradicted", LAMPS, 2),
        ("code_duplicate", LAMPS, 2),
        ("missing_geometry", LAMPS, 3),
        ("value_wrong", "01002污水井盖.shp", 6),
    ]
    repeated = next(fault for fault in report.delivery.faults if fault.code == "code_duplicate")
    given = code("01001", 4)
    assert repeated.en == f"{LAMPS}: Row 2: the code {given} was already given to row 4 of 01001供水井盖.shp."
    assert repeated.zh == f"{LAMPS}：第 2 行：编码 {given} 与 01001供水井盖.shp 第 4 行重复。"
    assert report.as_dict()["rejected"] == 3
    assert len(held(store, component)) == 1


def test_rows_that_are_wrong_are_left_out_and_written_with_their_file(store: Store, tmp_path: Path) -> None:
    folder = whole(tmp_path / "d")
    drains = rows("01002")
    drains[5]["CSRQ"] = "开春"
    deliver(folder / "01002污水井盖.shp", drains)
    report = bring(store, folder, skip_rejected=True, rejects=tmp_path / "rejected")
    assert report.delivery.counts.new == 29
    assert report.rejects == tmp_path / "rejected.gpkg"
    table = read(tmp_path / "rejected.gpkg")
    told = {name: table.columns[name].tolist() for name in ("rej_file", "rej_row", "rej_code", "code", "class_code")}
    assert told == {
        "rej_file": ["01002污水井盖.shp"],
        "rej_row": [6],
        "rej_code": ["value_wrong"],
        "code": [code("01002", 6)],
        "class_code": ["01002"],
    }
    table.columns["initial_date"][:] = "2026-03-01"
    write(tmp_path / "mended.gpkg", table)
    assert bring(store, tmp_path / "mended.gpkg").delivery.counts.new == 1
    assert "rej_file" not in (held(store, component)[code("01002", 6)]["attributes"] or {})


def test_a_part_that_does_not_lie_where_it_says_is_refused_by_its_name(store: Store, tmp_path: Path) -> None:
    folder = whole(tmp_path / "d")
    bring(store, folder)
    plain = deliver(tmp_path / "d" / "01001供水井盖.csv", rows("01001"), crs="GCJ-02")
    plain.write_text(plain.read_text(encoding="utf-8").replace("GCJ-02", "CRS84"), encoding="utf-8")
    for part in folder.glob("01001供水井盖.[!c]*"):
        part.unlink()
    report = bring(store, folder)
    assert errors(report.delivery.faults) == [("crs_shifted", "01001供水井盖.csv", None)]
    assert bring(store, folder, trust_crs=True, commit=False).delivery.is_acceptable


def test_a_delivery_is_compared_as_a_whole_with_what_it_was_begun_from(store_of_either: Store, tmp_path: Path) -> None:
    store = store_of_either
    folder = whole(tmp_path / "d")
    bring(store, folder)
    with reading(store.world) as connection:
        base = head(connection)
    ours = rows("01002")
    ours[0]["GLBJZT"] = "破损"  # by both, differently
    ours[1]["GLBJZT"] = "丢失"  # here alone
    bring(store, deliver(tmp_path / "ours.gpkg", ours[:2]))
    theirs = rows("01002")
    theirs[0]["GLBJZT"] = "废弃"
    theirs[2]["GLBJZT"] = "破损"
    deliver(folder / "01002污水井盖.shp", [*theirs[:9], row("01002", 11, lat=22.502)])
    lamps = [{name: value for name, value in each.items() if name != "GLBJMC"} for each in rows("01037")]
    deliver(folder / LAMPS, lamps)  # without names: nothing is said of them
    wanted = Comparison(base, extent_of("440305"), 1, draft=True)
    found = run_comparison(store, "components", folder, Options(author="anna"), wanted)
    # Gone are the drain that was left out and the lamp that this world began with.
    assert counts(found) == {"same": 26, "changed": 1, "new": 1, "gone": 2, "kept": 1, "conflict": 1}
    (conflict,) = [fault for fault in found.faults if fault.code == "import_conflict"]
    assert (conflict.row, (conflict.members or {})["file"]) == (1, "01002污水井盖.shp")
    assert found.draft is not None
    publish(store, found.draft.id)
    assert held(store, component)[code("01037", 3)]["name"] == "路灯"


def test_only_what_a_delivery_covers_can_be_gone(store: Store, tmp_path: Path) -> None:
    folder = whole(tmp_path / "d")
    bring(store, folder)
    for file in folder.glob("01002*"):
        file.unlink()
    with reading(store.world) as connection:
        base = head(connection)
    without = run_comparison(store, "components", folder, Options(), Comparison(base))
    assert counts(without) == {"same": 20}
    within = run_comparison(store, "components", folder, Options(), Comparison(base, extent_of("44030501002")))
    assert within.merged.counts[Outcome.gone] == 10


def test_a_draft_of_several_files_is_published_as_one(store: Store, tmp_path: Path) -> None:
    with reading(store.world) as connection:
        base = head(connection)
    wanted = Comparison(base, draft=True)
    found = run_comparison(store, "components", whole(tmp_path / "d"), Options(author="anna"), wanted)
    assert found.draft is not None, found.faults
    assert publish(store, found.draft.id) == base + 1
    assert len(held(store, component)) == 31


def test_a_file_that_cannot_be_read_refuses_the_whole_by_its_name(store: Store, tmp_path: Path) -> None:
    folder = whole(tmp_path / "d")
    cut = folder / "01001供水井盖.dbf"
    cut.write_bytes(cut.read_bytes()[:-50])
    with pytest.raises(Refusal) as refused:
        bring(store, folder)
    assert refused.value.code == "file_unreadable"
    assert "01001供水井盖.dbf" in refused.value.faults[0].en
    assert json.loads(json.dumps(refused.value.faults[0].as_dict()))["file"] == "01001供水井盖.shp"


def test_a_folder_without_layers_is_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "说明.docx").write_bytes(b"x")
    with pytest.raises(Refusal) as refused:
        bring(store, tmp_path / "d")
    assert refused.value.code == "delivery_empty"


@pytest.mark.parametrize("name", ["../01001供水井盖.csv", "/tmp/01001供水井盖.csv", "a/../../b.csv", "..\\b.csv"])
def test_a_zip_whose_names_lead_out_of_it_is_refused(store: Store, tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as packed_up:
        packed_up.writestr("good.csv", "code,lon,lat\n1,114,22.5\n")
        packed_up.writestr(name, "code\n1\n")
    with pytest.raises(Refusal) as refused:
        bring(store, tmp_path / "d.zip")
    assert refused.value.code == "file_unreadable"
    assert "leads out of the folder" in refused.value.faults[0].en


def test_a_zip_that_unpacks_to_too_much_is_refused(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "LARGEST", 1_000_000)
    with zipfile.ZipFile(tmp_path / "d.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("a.csv", "code\n" + "0" * 2_000_000)
    with pytest.raises(Refusal) as refused:
        bring(store, tmp_path / "d.zip")
    assert refused.value.code == "file_unreadable"
