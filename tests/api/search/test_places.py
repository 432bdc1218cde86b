"""`wangge locate --names`: the place in words as a column, whatever the file is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from typer.testing import CliRunner

from api.cli.program import app
from api.search.places import Toponymy
from gis.errors import Refusal
from gis.formats import read, write
from gis.store.engine import Store
from gis.store.scope import Scope
from grids.references import Declaration
from tests.api.small_world import SOUTH, WEST
from tests.api.test_references import FEATURES, NORTH_SOUTH, ROADS, publish
from tests.gis.samples import table

POINTS = f"""id,lon,lat,at
a,{WEST + 0.0158},{SOUTH + 0.005},7
b,{WEST + 0.03},{SOUTH + 0.005},7
c,,,
d,0,0,7
e,{WEST + 0.03},{SOUTH + 0.005},6
"""


@pytest.fixture
def roads(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    assert publish(store, tmp_path, FEATURES, reference=ROADS).revision is not None
    monkeypatch.setenv("WANGGE_STORE", f"sqlite:///{tmp_path / 'wangge.db'}")
    monkeypatch.setenv("WANGGE_DATA", str(tmp_path / "data"))
    return store


def run(*words: Any) -> Any:
    return CliRunner().invoke(app, ["locate", *map(str, words)])


def places(path: Path) -> list[str | None]:
    return [value or None for value in read(path).columns["place"].tolist()]


def test_a_file_of_points_gets_the_place_in_words(roads: Store, tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text(POINTS)
    done = run(tmp_path / "points.csv", tmp_path / "out.csv", "--crs", "CRS84", "--names")
    assert done.exit_code == 0, done.output
    expected = ["中山路与解放路口东80米", "中山路上", None, None, "中山路上"]
    assert places(tmp_path / "out.csv") == expected
    plain = run(tmp_path / "points.csv", tmp_path / "plain.csv", "--crs", "CRS84")
    assert plain.exit_code == 0
    assert "place" not in read(tmp_path / "plain.csv").columns
    dated = run(tmp_path / "points.csv", tmp_path / "dated.csv", "--crs", "CRS84", "--names", "--as-of", "at")
    assert dated.exit_code == 0, dated.output
    assert places(tmp_path / "dated.csv") == [*expected[:4], None]


def test_formats_that_are_read_as_a_whole_get_the_same(roads: Store, tmp_path: Path) -> None:
    points = [shapely.Point(WEST + 0.0158, SOUTH + 0.005), shapely.Point(WEST + 0.03, SOUTH + 0.005)]
    write(tmp_path / "points.gpkg", table({"id": ["a", "b"]}, points, "EPSG:4490"))
    done = run(tmp_path / "points.gpkg", tmp_path / "out.gpkg", "--names")
    assert done.exit_code == 0, done.output
    assert places(tmp_path / "out.gpkg") == ["中山路与解放路口东80米", "中山路上"]


def test_world_files_alone_hold_no_names(roads: Store, tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text(POINTS)
    assert run(tmp_path / "points.csv", tmp_path / "out.csv", "--crs", "CRS84").exit_code == 0
    index = next((tmp_path / "data" / "world").iterdir())
    refused = run(tmp_path / "points.csv", tmp_path / "n.csv", "--crs", "CRS84", "--names", "--index", index)
    assert isinstance(refused.exception, Refusal)
    assert refused.exception.code == "names_need_store"


def test_who_may_not_see_a_layer_is_told_no_names_of_it(roads: Store, tmp_path: Path) -> None:
    lane = Declaration("lane", owner="440306", is_names=True, mapping={"name": "RNAME"})
    file = [({"RNAME": "内部路"}, NORTH_SOUTH)]
    report = publish(roads, tmp_path, file, reference=lane)
    assert report.revision is not None
    number = report.revision.number
    toponymy, lonlat = Toponymy(roads), np.array([[WEST + 0.015, SOUTH + 0.0049]])

    def said(scope: Scope) -> str | None:
        (found,) = toponymy.words(number, lonlat, scope)
        return found and found.zh

    assert said(Scope()) is not None
    assert said(Scope(("440305",))) == "中山路与解放路口南10米"
    assert said(Scope(layers=frozenset({"units"}))) is None


def test_an_index_is_made_once_for_each_version_of_the_layers(roads: Store, tmp_path: Path) -> None:
    toponymy = Toponymy(roads)
    first = toponymy.index(7)
    assert toponymy.index(7) is first
    renamed = [({**FEATURES[0][0], "RNAME": "长安街"}, FEATURES[0][1])]
    report = publish(roads, tmp_path, renamed)
    assert report.revision is not None
    second = toponymy.index(report.revision.number)
    assert second is not first
    assert toponymy.index(7) is first
    assert toponymy.index(6) is None
