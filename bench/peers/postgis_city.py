"""`python -m bench.peers.postgis_city URL FOLDER`: load the files of a model city into PostGIS, indexed."""

import sys
from pathlib import Path
from typing import Any

import geopandas
import pandas as pd
import psycopg
import shapely
import yaml

LEVELS = {2: "province", 4: "city", 6: "county", 9: "street", 12: "community"}
TABLES = """
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE TABLE units (code text, geom geometry(Polygon, 4490));
CREATE TABLE areas (layer text, code text, name text, department text, priority int, geom geometry(Geometry, 4490));
CREATE TABLE divisions (code text PRIMARY KEY, level text, name text, department text);
CREATE TABLE departments (code text PRIMARY KEY, name text);
"""
INDEXES = """
ALTER TABLE units ADD edge geometry(Geometry, 4547);
UPDATE units SET edge = ST_Transform(ST_Boundary(geom), 4547);
CREATE INDEX ON units USING gist (geom);
CREATE INDEX ON units USING gist (edge);
CREATE INDEX ON areas USING gist (geom);
"""


def load(url: str, folder: Path) -> None:
    manifest = yaml.safe_load((folder / "city.yaml").read_text(encoding="utf-8"))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLES)
        units = geopandas.read_file(folder / "units.gpkg", layer="units", columns=["code"])
        _copy(connection, "units (code, geom)", units["code"], _ewkb(units))
        for layer, file, *flags in manifest["import"]:
            if layer == "areas":
                _load_areas(connection, folder / file, flags[flags.index("--area-layer") + 1])
        divisions = pd.read_csv(folder / "divisions.csv", dtype=str, keep_default_na=False)
        levels = [LEVELS[len(code)] for code in divisions["code"]]
        named = "divisions (code, level, name, department)"
        _copy(connection, named, divisions["code"], levels, divisions["name"], divisions["department"])
        bodies = pd.read_csv(folder / "departments.csv", dtype=str, keep_default_na=False)
        _copy(connection, "departments (code, name)", bodies["code"], bodies["name"])
        connection.execute(INDEXES)
        connection.execute("VACUUM (FULL, ANALYZE)")


def _load_areas(connection: Any, path: Path, layer: str) -> None:
    areas = geopandas.read_file(path, encoding="gbk") if path.suffix == ".shp" else geopandas.read_file(path)
    columns = (areas[name] for name in ("code", "name", "department", "priority"))
    _copy(connection, "areas (layer, code, name, department, priority, geom)", [layer] * len(areas), *columns,
          _ewkb(areas))  # fmt: skip


def _ewkb(frame: Any) -> Any:
    return shapely.to_wkb(shapely.set_srid(frame.geometry.to_numpy(), 4490), hex=True, include_srid=True)


def _copy(connection: Any, table: str, *columns: Any) -> None:
    with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
        for row in zip(*columns, strict=True):
            copy.write_row(row)


if __name__ == "__main__":
    load(sys.argv[1], Path(sys.argv[2]))
