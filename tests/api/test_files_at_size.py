"""Deliveries and exports of many pieces: they say and do what one piece would, and stop without a trace."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import shapely
from sqlalchemy import text

from api.transfer import exports, imports
from api.transfer.dress import read_dress
from api.transfer.exports import export_layer
from api.transfer.imports import Options, Report, run_import
from components.tables import component
from gis import findings
from gis.errors import Refusal
from gis.formats import read
from gis.store import staging
from gis.store.engine import Store, open_store, reading
from gis.store.revisions import current_head, head
from gis.store.scope import EVERYTHING
from gis.store.versions import Query, read_rows
from tests.api.small_world import SIDE, SOUTH, WEST, make_world
from tests.gis.store.ledger import assert_index_is_whole

COUNT = 23


@pytest.fixture
def world(store_url: str, tmp_path: Path) -> Iterator[Store]:
    """The small world on either store."""
    make_world(store_url, tmp_path).close()
    store = open_store(store_url)
    yield store
    store.close()


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is done by so many rows is done by few."""
    monkeypatch.setattr(imports, "PIECE", 5)
    monkeypatch.setattr(exports, "PAGE", 4)
    monkeypatch.setattr(staging, "CHUNK", 3)
    monkeypatch.setattr(staging, "MANY", 10)


def line(at: int, name: str = "路灯", code: str = "", of: str = "01037", more: str = "") -> str:
    place = f"{WEST + SIDE * (0.1 + at / 20):.6f},{SOUTH + SIDE / 3:.6f}"
    return f"{code or f'4403050103700{1000 + at}'},2026,{of},{name},{place},{more}"


def lines(**of: str) -> list[str]:
    return [line(at, **of) for at in range(COUNT)]


def bring(store: Store, folder: Path, rows: list[str], **options: Any) -> Report:
    path = folder / "many.csv"
    path.write_text("code,edition,class_code,name,lon,lat,材质\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return run_import(store, "components", path, Options(**{"crs": "CRS84", "commit": True, **options}))


def in_force(store: Store) -> dict[str, dict[str, Any]]:
    with reading(store.world) as connection:
        return {row["code"]: dict(row) for row in read_rows(connection, component, Query(EVERYTHING))}


def kinds(report: Report) -> list[tuple[str, str, int | None]]:
    return [(fault.code, fault.severity, fault.row) for fault in report.delivery.faults]


def test_a_delivery_of_pieces_is_one_revision_and_again_nothing_new(world: Store, tmp_path: Path) -> None:
    before = current_head(world)
    first = bring(world, tmp_path, lines(more="铁"))
    assert first.revision is not None
    assert (first.rows, first.delivery.counts.new, first.revision.number) == (COUNT, COUNT, before + 1)
    assert first.revision.counts["component"] == {"created": COUNT, "changed": 0, "retired": 0}
    held = in_force(world)
    assert len(held) == COUNT + 1
    assert len({row["uid"] for row in held.values()}) == COUNT + 1
    row = held["44030501037001007"]
    assert (row["name"], row["attributes"], row["note"]) == ("路灯", {"材质": "铁"}, None)
    assert row["geom"].equals(shapely.Point(round(WEST + SIDE * 0.45, 6), round(SOUTH + SIDE / 3, 6)))
    assert (row["west"], row["north"]) == (row["geom"].x, row["geom"].y)
    assert_index_is_whole(world, component)
    again = bring(world, tmp_path, lines(more="铁"))
    assert (again.delivery.counts.same, again.revision) == (COUNT, None)


def test_what_changed_is_found_piece_by_piece_and_what_is_gone_at_the_end(world: Store, tmp_path: Path) -> None:
    bring(world, tmp_path, lines())
    rows = lines()
    rows[3], rows[17] = line(3, "新名"), line(17, "新名")
    told = bring(world, tmp_path, [row for at, row in enumerate(rows) if at not in (5, 21)], scope="44030501037001")
    assert told.revision is not None
    counts = told.delivery.counts
    assert (counts.new, counts.changed, counts.same, counts.gone) == (0, 2, COUNT - 4, 2)
    held = in_force(world)
    assert len(held) == COUNT - 2 + 1
    assert [held[f"4403050103700{1000 + at}"]["name"] for at in (3, 4, 17)] == ["新名", "路灯", "新名"]


def test_a_code_that_comes_again_in_a_later_piece_is_told_with_its_first_row(world: Store, tmp_path: Path) -> None:
    rows = lines()
    rows[20] = line(20, code="44030501037001002")
    rows[12] = line(12, of="99999")
    told = bring(world, tmp_path, rows)
    assert kinds(told) == [
        ("class_unknown", "error", 13),
        ("code_class_differs", "warning", 13),
        ("code_duplicate", "error", 21),
    ]
    assert "row 3" in told.delivery.faults[2].en
    assert told.revision is None
    assert told.as_dict()["rejected"] == 2
    kept = bring(world, tmp_path, rows, skip_rejected=True, rejects=tmp_path / "bad")
    assert kept.revision is not None
    assert (kept.rows, kept.delivery.counts.new, kept.as_dict()["rejected"]) == (COUNT - 2, COUNT - 2, 2)
    assert {severity for _, severity, _ in kinds(kept)} == {"warning"}
    assert kept.rejects is not None
    bad = read(kept.rejects)
    assert bad.columns["rej_row"].tolist() == ["13", "21"]
    assert bad.columns["rej_code"].tolist() == ["class_unknown", "code_duplicate"]
    assert bad.geometry is not None
    assert [each.x for each in bad.geometry] == [float(line(at).split(",")[4]) for at in (12, 20)]


def test_faults_without_end_are_counted_and_what_concerns_the_file_is_told_once(
    world: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.transfer.checking.MOST", 4)
    monkeypatch.setattr(findings, "MOST", 4)
    told = bring(world, tmp_path, lines(of="99999"), commit=False)
    found = Counter(fault.code for fault in told.delivery.faults)
    assert found == {"class_unknown": 4, "code_class_differs": 4, "faults_unlisted": 2}
    wrong, differing = told.delivery.faults[-2:]
    assert (wrong.severity, differing.severity) == ("error", "warning")
    assert wrong.en.startswith(f"{COUNT - 4} further findings class_unknown")
    assert told.as_dict()["rejected"] == COUNT
    told = bring(world, tmp_path, lines(), crs=None)
    assert kinds(told) == [("crs_missing", "error", None)]


class Stopped(Exception):
    pass


@pytest.mark.parametrize("step", ["check", "stage", "publish"])
def test_an_import_that_is_stopped_at_any_step_leaves_nothing(world: Store, tmp_path: Path, step: str) -> None:
    path, before, heard = tmp_path / "many.csv", current_head(world), []
    bring(world, tmp_path, lines(), commit=False)

    def stop(at: str, *_: Any) -> None:
        heard.append(at)
        if at == step and (step == "publish" or heard.count(at) == 3):
            raise Stopped

    options = Options(crs="CRS84", commit=True)
    with pytest.raises(Stopped):
        run_import(world, "components", path, options, stop if step == "publish" else lambda *_: None, stop)
    assert current_head(world) == before
    assert len(in_force(world)) == 1
    assert temporary_tables(world) == []
    assert run_import(world, "components", path, options).revision is not None


def temporary_tables(store: Store) -> list[str]:
    asked = (
        "SELECT name FROM sqlite_temp_master"
        if store.dialect == "sqlite"
        else ("SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'")
    )
    with reading(store.world) as connection:
        return list(connection.execute(text(asked)).scalars())


def note(heard: list[tuple[str, int]], step: str, done: int) -> None:
    heard.append((step, done))


def test_an_export_of_pages_holds_every_row_once_in_order(world: Store, tmp_path: Path) -> None:
    bring(world, tmp_path, lines())
    rows = lines()
    rows[19] = line(19, more="铸铁")
    bring(world, tmp_path, rows)
    for ending in ("csv", "gpkg", "parquet", "shp", "xlsx", "kml", "geojson", "fgb"):
        path = tmp_path / "out" / f"x.{ending}"
        path.parent.mkdir(exist_ok=True)
        counted: list[tuple[str, int]] = []
        with reading(world.world) as connection:
            at = head(connection)
            count, _ = export_layer(connection, "components", path, at=at, counted=partial(note, counted))
        assert count == COUNT + 1
        assert counted[-1] == ("write", COUNT + 1)
        found = read(path)
        code = "GLBJBSM" if ending == "shp" else "code"
        if ending != "fgb":  # which sorts by place
            assert found.columns[code].tolist() == sorted(in_force(world))
        assert sorted(each for each in found.columns["材质"].tolist() if each) == ["铸铁"]
        assert found.notes["revision"] == at


def test_an_export_of_an_earlier_revision_goes_on_while_others_publish(world: Store, tmp_path: Path) -> None:
    told = bring(world, tmp_path, lines())
    assert told.revision is not None
    path = tmp_path / "then.csv"

    def publish_more(step: str, done: int) -> None:
        if (step, done) == ("read", 8):
            bring(world, tmp_path, [line(at, "新名") for at in range(COUNT)] + [line(COUNT)])

    with reading(world.world) as connection:
        export_layer(connection, "components", path, at=told.revision.number, counted=publish_more)
    assert set(read(path).columns["name"].tolist()) == {"路灯"}
    assert len(read(path)) == COUNT + 1
    assert len(in_force(world)) == COUNT + 2


def test_a_condition_may_name_what_only_a_later_page_has(world: Store, tmp_path: Path) -> None:
    rows = lines()
    rows[19] = line(19, more="铸铁")
    bring(world, tmp_path, rows)
    path = tmp_path / "iron.csv"
    with reading(world.world) as connection:
        at = head(connection)
        dress = read_dress(None, False, ("材质=铸铁",), ".csv")
        assert export_layer(connection, "components", path, at=at, dress=dress)[0] == 1
        with pytest.raises(Refusal) as refused:
            export_layer(connection, "components", path, at=at, dress=read_dress(None, False, ("x=1",), ".csv"))
    assert refused.value.code == "field_unknown"
    assert "材质" in refused.value.faults[0].en


@pytest.mark.parametrize("step", ["read", "write"])
def test_an_export_that_is_stopped_leaves_no_file(world: Store, tmp_path: Path, step: str) -> None:
    bring(world, tmp_path, lines())
    folder = tmp_path / "out"
    folder.mkdir()

    def stop(at: str, done: int) -> None:
        if at == step and done > 10:
            raise Stopped

    for ending in ("gpkg", "csv", "xlsx"):
        with reading(world.world) as connection:
            at = head(connection)
            with pytest.raises(Stopped):
                export_layer(connection, "components", folder / f"x.{ending}", at=at, counted=stop)
    assert list(folder.iterdir()) == []
