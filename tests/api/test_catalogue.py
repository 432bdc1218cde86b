"""Local classes beside the national ones, and the catalogue over HTTP and at the command line."""

from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from api.cli.program import app
from api.migrations import migrate
from api.schemas import catalogue as catalogue_schemas
from api.transfer.exports import export_layer
from api.transfer.imports import Options, run_import
from components.catalogue import list_classes, read_classes
from gis.store.engine import Store, reading
from gis.store.revisions import head
from gis.store.scope import EVERYTHING, Scope

HEAD = "edition,kind,code,name_zh,geometry_type,accuracy_class\n"


def publish(store: Store, folder: Path, owner: str, rows: str) -> list[str]:
    path = folder / "classes.csv"
    path.write_text(HEAD + rows, encoding="utf-8")
    report = run_import(store, "catalogue", path, Options(owner=owner, commit=True))
    return [fault.code for fault in report.delivery.faults]


def test_a_city_says_how_its_own_classes_are_surveyed(store: Store, tmp_path: Path) -> None:
    migrate(store)
    assert publish(store, tmp_path, "4403", "2026,component,01080,智能井盖,Point,a\n") == []
    with reading(store.world) as connection:
        found = read_classes(connection, EVERYTHING)["2026", "component", "01080"]
    assert (found.owner, found.geometry_type, found.accuracy_class) == ("4403", "point", "A")


def test_a_survey_that_is_none_is_refused_with_the_row(store: Store, tmp_path: Path) -> None:
    migrate(store)
    assert publish(store, tmp_path, "4403", "2026,component,01080,x,cube,A\n2026,component,01081,x,,D\n") == [
        "value_wrong",
        "value_wrong",
    ]


def test_two_owners_may_use_one_code_and_each_division_has_its_own(store: Store, tmp_path: Path) -> None:
    migrate(store)
    for owner, name in (("4403", "市级类别"), ("440305", "区级类别"), ("4401", "别市类别")):
        assert publish(store, tmp_path, owner, f"2026,component,01080,{name},,\n") == []
    key = ("2026", "component", "01080")
    with reading(store.world) as connection:
        assert read_classes(connection, EVERYTHING, owner="440305")[key].name_zh == "区级类别"
        assert read_classes(connection, EVERYTHING, owner="440304")[key].name_zh == "市级类别"
        assert read_classes(connection, EVERYTHING, owner="4401")[key].name_zh == "别市类别"
        assert key not in read_classes(connection, EVERYTHING, owner="4501")
        assert sum(each.key == key for each in list_classes(connection, EVERYTHING)) == 3
        assert sum(each.key == key for each in list_classes(connection, Scope(("440304",)))) == 1


def test_local_classes_are_exported_with_their_owner_and_come_back(store: Store, tmp_path: Path) -> None:
    migrate(store)
    assert publish(store, tmp_path, "4403", "2026,component,01080,智能井盖,point,A\n") == []
    with reading(store.world) as connection:
        export_layer(connection, "catalogue", tmp_path / "out.csv", at=head(connection))
    again = run_import(store, "catalogue", tmp_path / "out.csv", Options(owner="4403"))
    assert (again.delivery.counts.same, again.delivery.faults) == (1, ())


def test_the_catalogue_tells_majors_and_nulls_for_what_is_not_known(http: httpx.Client) -> None:
    found = http.get("/v1/catalogue", params={"q": "xds", "edition": "2026", "kind": "component"}).json()
    catalogue_schemas.Catalogue.model_validate(found)
    first = found["classes"][0]
    assert (first["code"], first["geometry_type"], first["accuracy_class"], first["owner"]) == ("04002", None, None, "")
    assert {"edition": "2026", "kind": "component", "code": "04", "name_zh": "园林绿化设施"}.items() <= (
        found["majors"][0].items()
    )


def test_the_crosswalk_tells_what_is_known_and_what_is_not(http: httpx.Client) -> None:
    whole = http.get("/v1/catalogue/crosswalk").json()
    catalogue_schemas.ClassCrosswalk.model_validate(whole)
    assert (whole["from_edition"], whole["to_edition"], len(whole["lines"])) == ("2013", "2026", 199)
    (line,) = http.get("/v1/catalogue/crosswalk?kind=component&code=0508").json()["lines"]
    assert (line["to_code"], line["to_name_zh"], line["relation"]) == ("01071", "防汛墙", "moved")
    (line,) = http.get("/v1/catalogue/crosswalk?kind=component&code=0504").json()["lines"]
    assert (line["to_code"], line["to_name_zh"], line["relation"]) == (None, None, "unknown")


def test_the_command_finds_classes_and_shows_exceptions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANGGE_STORE", f"sqlite:///{tmp_path / 'w.db'}")
    monkeypatch.setenv("COLUMNS", "300")
    found = CliRunner().invoke(app, ["catalogue", "search", "ludeng", "--edition", "2026", "--kind", "component"])
    assert found.exit_code == 0
    assert "01037" in found.stdout
    shown = CliRunner().invoke(app, ["catalogue", "crosswalk", "--exceptions", "--kind", "component"])
    assert "防汛墙" in shown.stdout
    assert "01001" in shown.stdout  # renamed
    assert "0102 " not in shown.stdout  # the same
