"""Whatever is wrong with a file or a command is told in a sentence, in both languages, and changes nothing."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

from tests.journeys.commands import Office, Said

WRONG_CALL, INVALID, UNREADABLE, MISSING, CONFLICT, DOWN = 2, 3, 4, 5, 6, 8
STEP = 0.001
Square = list[list[list[float]]]


def square(column: float, row: float, width: float = 1.0) -> Square:
    west, south = 114.05 + column * STEP, 22.54 + row * STEP
    east, north = west + width * STEP, south + STEP
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


BOW_TIE = [[[114.06, 22.55], [114.061, 22.551], [114.061, 22.55], [114.06, 22.551], [114.06, 22.55]]]
NEW = "440305001001009"


def feature(rings: Square | None, **properties: Any) -> dict[str, Any]:
    geometry = rings and {"type": "Polygon", "coordinates": rings}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def collection(*features: dict[str, Any]) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)


GRID = [feature(square(i % 2, i // 2), code=f"44030500100100{i + 1}") for i in range(4)]
AREA = [feature(square(0, 0, 2.0), code="D-1", department="A")]


@dataclass(frozen=True, slots=True)
class Bad:
    """One thing that is wrong: the file, the command (FILE stands for it), and what must be said of it."""

    name: str
    file: str
    content: str | bytes | None
    command: str
    exit: int
    code: str
    row: int | None = None
    placed: bool = False
    settings: dict[str, str] = field(default_factory=dict)


def units(name: str, code: str, *features: dict[str, Any], row: int | None, placed: bool, more: str = "") -> Bad:
    return Bad(name, "u.geojson", collection(*features), f"import units FILE {more}", INVALID, code, row, placed)


UNITS_CSV = "code,name\n"
RULE = "rules:\n- code: a\n  name: a\n"
BAD = [
    Bad("garbage in a GeoPackage", "u.gpkg", b"no geopackage", "import units FILE", UNREADABLE, "file_unreadable"),
    Bad("broken JSON", "u.geojson", '{"type": "Feature', "import units FILE", UNREADABLE, "file_unreadable"),
    Bad("empty GeoJSON", "u.geojson", "", "import units FILE", UNREADABLE, "file_unreadable"),
    Bad("empty CSV", "d.csv", "", "import departments FILE", UNREADABLE, "file_unreadable"),
    Bad("empty GeoPackage", "u.gpkg", b"", "import units FILE", UNREADABLE, "file_unreadable"),
    Bad("heading alone", "d.csv", "code,name\n", "import departments FILE", UNREADABLE, "file_empty"),
    Bad("no features", "a.geojson", collection(), "import areas FILE --area-layer drains", UNREADABLE, "file_empty"),
    Bad("a folder", "u.geojson", None, "import units FILE", UNREADABLE, "file_missing"),
    Bad("a folder of rules", "r.yaml", None, "import rules FILE", UNREADABLE, "unreadable"),
    Bad("no file", "", None, "import units /nowhere/at/all.gpkg", UNREADABLE, "file_missing"),
    Bad("unknown format", "u.doc", "x", "import units FILE", UNREADABLE, "format_unknown"),
    Bad(
        "wrong encoding", "d.csv", "code,name\nC,街道办\n".encode("gbk"), "import departments FILE --encoding utf-8",
        UNREADABLE, "encoding_wrong",
    ),
    Bad("unknown encoding", "d.csv", "code,name\nC,x\n", "import departments FILE --encoding klingon", INVALID,
        "encoding_unknown"),
    Bad("no CRS", "c.csv", "code,class_code,lon,lat\nX,01001,114.05,22.54\n", "import components FILE", INVALID,
        "crs_missing"),
    Bad("unknown CRS", "c.csv", "code,class_code,lon,lat\nX,01001,114.05,22.54\n",
        "import components FILE --crs EPSG:1", INVALID, "crs_unknown"),
    Bad("swapped axes", "c.csv", "code,class_code,lon,lat\nX,01001,22.54,114.05\n",
        "import components FILE --crs EPSG:4490", INVALID, "swapped_axes"),
    units("duplicate code", "code_duplicate", feature(square(2, 0), code=NEW), feature(square(2, 1), code=NEW),
          row=2, placed=True),
    units("bow-tie", "invalid_geometry", feature(BOW_TIE, code=NEW), row=1, placed=True),
    units("no geometry", "missing_geometry", feature(square(2, 0), code=NEW), feature(None, code=NEW[:-1] + "8"),
          row=2, placed=False),
    Bad("NaN coordinate", "c.csv", "code,class_code,lon,lat\nY,01001,114.05,22.54\nX,01001,nan,22.54\n",
        "import components FILE --crs EPSG:4490", INVALID, "coordinate_not_finite", 2),
    Bad("NaN in GeoJSON", "u.geojson", collection(feature(square(2, 0), code=NEW)).replace("114.05199999999999", "NaN"),
        "import units FILE", INVALID, "", 1),
    Bad("no position", "c.csv", "code,class_code,lon,lat\nX,01001,here,there\n",
        "import components FILE --crs EPSG:4490", INVALID, "geometry_unreadable", 1),
    Bad("unknown class", "c.csv", "code,class_code,lon,lat\nX,01999,114.05,22.54\n",
        "import components FILE --crs EPSG:4490", INVALID, "class_unknown", 1),
    Bad("unknown edition", "c.csv", "code,class_code,lon,lat\nX,01001,114.05,22.54\n",
        "import components FILE --crs EPSG:4490 --edition mine", INVALID, "class_unknown", 1),
    Bad("rule naming no department", "r.yaml", RULE + "  to: [{department: Z}]\n", "import rules FILE", INVALID,
        "department_unknown", 1),
    Bad("rule without a target", "r.yaml", RULE, "import rules FILE", INVALID, "", 1),
    Bad("rule for an unknown layer", "r.yaml", RULE + "  to: [{area: pipes}]\n", "import rules FILE", INVALID, "", 1),
    Bad("rules that are no YAML", "r.yaml", "rules: [", "import rules FILE", UNREADABLE, "unreadable"),
    Bad("rules that are a list", "r.yaml", "- a\n", "import rules FILE", INVALID, "rules_missing"),
    Bad("a table as rules", "r.yaml", "code,name\n", "import rules FILE", INVALID, "rules_missing"),
    Bad("unknown layer", "u.geojson", collection(*GRID), "import streets FILE", INVALID, "layer_unknown"),
    Bad("unknown layer in the file", "u.gpkg", b"", "import units FILE --layer x", UNREADABLE, "file_unreadable"),
    Bad("unknown option", "u.geojson", collection(*GRID), "import units FILE --colour red", WRONG_CALL, ""),
    Bad("snap that is no number", "u.geojson", collection(*GRID), "import units FILE --snap wide", WRONG_CALL, ""),
    Bad("negative snap", "u.geojson", collection(*GRID), "import units FILE --snap -1", INVALID, "snap_wrong"),
    Bad("endless snap", "u.geojson", collection(*GRID), "import units FILE --snap inf", INVALID, "snap_wrong"),
    units("overlapping units", "overlap", feature(square(1.5, 0, 1.5), code=NEW), row=1, placed=True),
    units("a gap", "gap",
          *(feature(square(i % 3 + 10, i // 3), code=f"44030500200100{i + 1}") for i in range(9) if i != 4),
          row=None, placed=True),
    units("damaged code as text", "code_damaged", feature(square(2, 0), code="4.40305E+14"), row=1, placed=False),
    Bad("damaged 16-digit code", "a.geojson", collection(feature(square(0, 0), code=9903050010010011.0)),
        "import areas FILE --area-layer drains", INVALID, "code_damaged", 1),
    Bad("damaged code of a component", "c.csv", "code,class_code,lon,lat\nX,01001,1,2\n4.40305E+16,01001,114.05,22.5\n",
        "import components FILE --crs EPSG:4490", INVALID, "code_damaged", 2),
    units("code of the wrong form", "code_form", feature(square(2, 0), code="12"), row=1, placed=True),
    units("unknown profile", "profile_wrong", feature(square(2, 0), code=NEW), row=None, placed=False,
          more="--profile martian"),
    Bad("another profile", "u.geojson", collection(*GRID), "import units FILE --profile fips", CONFLICT,
        "profile_fixed"),
    Bad("effective before the previous", "d.csv", "code,name\nC,x\n",
        "import departments FILE --effective 1990-01-01", CONFLICT, "effective_before_previous"),
    Bad("effective that is no date", "d.csv", "code,name\nC,x\n", "import departments FILE --effective soon", INVALID,
        "time_wrong"),
    units("map of a column that is not there", "column_missing", feature(square(2, 0), code=NEW), row=None,
          placed=False, more="--map code=BGID"),
    units("map of an unknown field", "field_unknown", feature(square(2, 0), code=NEW), row=None, placed=False,
          more="--map colour=code"),
    units("map that is none", "mapping_wrong", feature(square(2, 0), code=NEW), row=None, placed=False,
          more="--map code"),
    Bad("no code column", "d.csv", "nummer,name\nC,x\n", "import departments FILE", INVALID, "column_missing"),
    Bad("no code", "d.csv", "code,name\n,x\n", "import departments FILE", INVALID, "value_missing", 1),
    Bad("wrong date", "u.geojson", collection(feature(square(2, 0), code=NEW, initial_date="31.12.2020")),
        "import units FILE", INVALID, "value_wrong", 1),
    Bad("overlap text", "a.geojson", collection(*AREA), "import areas FILE --area-layer drains --overlap some",
        INVALID, "overlap_unknown"),
    Bad("no --area-layer", "a.geojson", collection(*AREA), "import areas FILE", INVALID, "area_layer_missing"),
    Bad("area of an unknown department", "a.geojson", collection(feature(square(0, 0), code="D", department="Z")),
        "import areas FILE --area-layer drains", INVALID, "department_unknown", 1),
    Bad("departments in a circle", "d.csv", "code,name,parent\nX,x,Y\nY,y,X\n", "import departments FILE", INVALID,
        "department_cycle", 1),
    Bad("gaps that are not there", "u.geojson", collection(*GRID), "import units FILE --gaps /nowhere.gpkg:gaps",
        UNREADABLE, "file_missing"),
    Bad("division of an unknown parent", "v.csv", "code,name\n440399001,x\n", "import divisions FILE", INVALID,
        "division_unknown", 1),
    Bad("kind of a class", "k.csv", "edition,kind,code\nx,thing,1\n", "import catalogue FILE", INVALID,
        "kind_unknown", 1),
    Bad("a class of the nation", "k.csv", "edition,kind,code\n2026,component,01001\n", "import catalogue FILE",
        INVALID, "code_duplicate", 1),
    Bad("report in a folder that is a file", "d.csv", "code,name\nC,x\n",
        "import departments FILE --report /dev/null/r.json", DOWN, "file_unwritable"),
    Bad("locate without a CRS", "p.csv", "lon,lat\n114.05,22.54\n", "locate FILE OUT", INVALID, "crs_missing"),
    Bad("locate without positions", "p.csv", "a,b\n1,2\n", "locate FILE OUT --crs CRS84", INVALID, "missing_geometry"),
    Bad("locate with a column that is not there", "p.csv", "a,b\n1,2\n",
        "locate FILE OUT --crs CRS84 --map lon=a --map lat=c", INVALID, "column_missing"),
    Bad("locate as of an unknown revision", "p.csv", "lon,lat\n114.05,22.54\n",
        "locate FILE OUT --crs CRS84 --as-of 99", MISSING, "revision_unknown"),
    Bad("locate as of nonsense", "p.csv", "lon,lat\n114.05,22.54\n", "locate FILE OUT --crs CRS84 --as-of soon",
        INVALID, "time_wrong"),
    Bad("locate as of a wrong cell", "p.csv", "lon,lat,t\n114.05,22.54,\n114.05,22.54,soon\n",
        "locate FILE OUT --crs CRS84 --as-of t", INVALID, "time_wrong", 2),
    Bad("locate into an unknown format", "p.csv", "lon,lat\n114.05,22.54\n", "locate FILE OUT.doc --crs CRS84",
        UNREADABLE, "format_unknown"),
    Bad("locate swapped points", "p.csv", "lon,lat\n22.54,114.05\n", "locate FILE OUT --crs CRS84", INVALID,
        "swapped_axes"),
    Bad("route with a column that is not there", "p.csv", "lon,lat,crs\n114.05,22.54,CRS84\n",
        "route FILE OUT --map class_code=TYPE", INVALID, "column_missing"),
    Bad("route with a wrong accuracy", "p.csv", "lon,lat\n114.05,22.54\n", "route FILE OUT --accuracy -5", INVALID,
        "accuracy_invalid"),
    Bad("route with a kind that is none", "p.csv", "lon,lat\n114.05,22.54\n", "route FILE OUT --kind thing", INVALID,
        "kind_invalid"),
    Bad("route in an unknown zone", "p.csv", "lon,lat\n114.05,22.54\n", "route FILE OUT --zone Mars/Base", INVALID,
        "zone_unknown"),
    Bad("export of an unknown layer", "", None, "export areas.pipes OUT", MISSING, "layer_unknown"),
    Bad("export into nowhere", "", None, "export rules /nowhere/r.yaml", DOWN, "file_unwritable"),
    Bad("export of units into nowhere", "", None, "export units /nowhere/u.gpkg", DOWN, "file_unwritable"),
    Bad("export in an unknown CRS", "", None, "export units OUT.gpkg --crs EPSG:1", INVALID, "crs_unknown"),
    Bad("wrong store", "d.csv", "code,name\nC,x\n", "import departments FILE", INVALID, "store_url_wrong",
        settings={"WANGGE_STORE": "mysql://root@localhost/wangge"}),
    Bad("store that is no URL", "d.csv", "code,name\nC,x\n", "import departments FILE", INVALID, "store_url_wrong",
        settings={"WANGGE_STORE": "my database"}),
    Bad("store out of reach", "d.csv", "code,name\nC,x\n", "import departments FILE", DOWN, "store_down",
        settings={"WANGGE_STORE": "postgresql+psycopg://nobody@127.0.0.1:1/none"}),
    Bad("store in a folder that is not there", "d.csv", "code,name\nC,x\n", "import departments FILE", DOWN,
        "store_down", settings={"WANGGE_STORE": "sqlite:////nowhere/at/all/wangge.db"}),
    Bad("wrong setting", "d.csv", "code,name\nC,x\n", "import departments FILE", WRONG_CALL, "",
        settings={"WANGGE_PORT": "many"}),
    Bad("unknown zone of the settings", "d.csv", "code,name\nC,x\n",
        "import departments FILE --effective 2030-01-01", INVALID, "zone_unknown",
        settings={"WANGGE_ZONE": "Mars/Base"}),
]  # fmt: skip


def everything(url: str) -> dict[str, list[Any]]:
    """Every row of every table; but for the counter of uids, which may skip some that nobody ever got."""
    found: dict[str, list[Any]] = {}
    urls = [url, url.replace("wangge.db", "wangge-cases.db")] if url.startswith("sqlite") else [url]
    for each in urls:
        engine = create_engine(each, poolclass=NullPool)
        with engine.connect() as connection:
            for table in inspect(engine).get_table_names():
                if table != "spatial_ref_sys":
                    columns = "id, revision" if table == "counter" else "*"
                    rows = connection.execute(text(f"SELECT {columns} FROM {table}")).all()
                    found[f"{each}:{table}"] = sorted(map(repr, rows))
    return found


@pytest.fixture(scope="module")
def town(office: Office) -> Office:
    """Four units, two departments, a layer of areas and a rule; what it is at the end, it was at the beginning."""
    folder = office.folder / "town"
    folder.mkdir()
    (folder / "departments.csv").write_text("code,name\nA,甲\nB,乙\n", encoding="utf-8")
    (folder / "units.geojson").write_text(collection(*GRID), encoding="utf-8")
    (folder / "areas.geojson").write_text(collection(*AREA), encoding="utf-8")
    (folder / "rules.yaml").write_text(RULE + "  fallback: true\n  to: [{area: drains}, {department: B}]\n", "utf-8")
    office.publish("departments", folder / "departments.csv", "--effective", "2020-01-01")
    office.publish("units", folder / "units.geojson")
    office.publish("areas", folder / "areas.geojson", "--area-layer", "drains")
    office.publish("rules", folder / "rules.yaml")
    return office


@pytest.fixture
def before(town: Office) -> dict[str, list[Any]]:
    return everything(town.store)


def arguments(bad: Bad, folder: Path) -> list[str]:
    path = folder / bad.file
    if bad.content is None and bad.file:
        path.mkdir()
    elif isinstance(bad.content, bytes):
        path.write_bytes(bad.content)
    elif bad.content is not None:
        path.write_text(bad.content, encoding="utf-8")
    words = bad.command.split()
    words = [str(path) if word == "FILE" else word for word in words]
    words = [word.replace("OUT", str(folder / "out")) if word.startswith("OUT") else word for word in words]
    words = [f"{word}.csv" if word == str(folder / "out") else word for word in words]
    return [*words, "--commit"] if words[0] == "import" else words


@pytest.mark.parametrize("bad", BAD, ids=[bad.name for bad in BAD])
def test_what_is_wrong_is_told_and_changes_nothing(
    bad: Bad, town: Office, before: dict[str, list[Any]], tmp_path: Path
) -> None:
    words = arguments(bad, tmp_path)
    office = Office(town.store, tmp_path, settings=bad.settings)
    english, chinese = (office.run(*words, language=language) for language in ("en", "zh"))
    for said in (english, chinese):
        assert said.code == bad.exit, said.err
        assert "Traceback" not in said.err + said.out
        if bad.row is not None:
            assert re.search(rf"error .*(?<!\d){bad.row}(?!\d)", said.err), said.err
        assert not bad.placed or re.search(r"error .* @ 114\.\d+,22\.\d+", said.err), said.err
        assert bad.exit == WRONG_CALL or re.search(rf"error \w*{bad.code}", said.err), said.err
    assert english.err.strip()
    assert bad.exit == WRONG_CALL or re.search(r"error \w+: .*[\u4e00-\u9fff]", chinese.err), chinese.err
    assert not list(tmp_path.glob("out*"))
    assert everything(town.store) == before


def test_without_commit_a_good_file_changes_nothing(town: Office, before: dict[str, list[Any]], tmp_path: Path) -> None:
    path = tmp_path / "units.geojson"
    path.write_text(collection(feature(square(2, 0), code=NEW)), encoding="utf-8")
    said = town.do("import", "units", path)
    assert "Add --commit" in said.err
    assert everything(town.store) == before


def test_a_bad_row_does_not_hinder_the_others(town: Office, tmp_path: Path) -> None:
    points = tmp_path / "points.csv"
    points.write_text("id,lon,lat,crs\n1,114.0505,22.5405,CRS84\n2,,22.54,CRS84\n3,x,22.54,CRS84\n", encoding="utf-8")
    for command in ("locate", "route"):
        said: Said = town.do(command, points, tmp_path / f"{command}.csv")
        assert "Row 3" in said.err
        lines = (tmp_path / f"{command}.csv").read_text(encoding="utf-8").splitlines()
        assert len(lines) == 4
        assert "440305001001001" in lines[1]
        assert "440305" not in lines[2] + lines[3]
