"""A world of five units in two counties, small enough to know by heart, imported from ordinary files.

The units are squares of a hundredth of a degree, from 114.00, 22.50 eastward: 001, 002 and 003 in community
440305001001, then 001 in 440305001002, then one of the other county, 440306001001001. Area D-1 of the layer drainage
holds the two western units, D-2 the third; the others have none.
"""

import json
from pathlib import Path
from typing import Any

from api.migrations import migrate
from api.transfer.imports import Options, Report, run_import
from gis.store.engine import Store, open_store

SIDE = 0.01
WEST, SOUTH = 114.0, 22.5
UNITS = (
    "440305001001001",
    "440305001001002",
    "440305001001003",
    "440305001002001",
    "440306001001001",
)
DIVISIONS = """code,name,department
44,广东省,
4403,深圳市,
440305,南山区,
440305001,南头街道,STREET
440305001001,第一社区,
440305001002,第二社区,
440306,宝安区,
440306001,新安街道,STREET2
440306001001,第三社区,
"""
DEPARTMENTS = """code,name,parent,id.12345
CITY,市城管局,,001
STREET,南头街道办,CITY,
STREET2,新安街道办,CITY,
WATER,排水公司,CITY,007
WATER2,第二排水公司,CITY,
LIGHT,路灯所,CITY,
"""
COMPONENTS = """code,edition,class_code,name,state,owner_code,lon,lat,accuracy_m
44030501037000001,2026,01037,路灯,完好,LIGHT,114.0150,22.5050,0.5
"""
RULES = """rules:
  - code: drainage
    name: 下水道
    edition: "2026"
    kind: component
    class: "01002"
    to: [{area: drainage}]
    basis: {text: 排水条例, number: 深府〔2020〕1号, date: "2020-01-01"}
    time_limit: 4h
  - code: lamps
    edition: "2026"
    kind: component
    class: "01037"
    to: [{component: owner}]
  - code: catch-all
    fallback: true
    to: [{division: street}]
"""


def square(index: int, width: int = 1) -> dict[str, Any]:
    """GeoJSON of a unit's square, or of some side by side. Every corner between them is there."""
    xs = [round(WEST + SIDE * (index + step), 9) for step in range(width + 1)]
    top = round(SOUTH + SIDE, 9)
    ring = [[x, SOUTH] for x in xs] + [[x, top] for x in reversed(xs)]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def centre(index: int) -> tuple[float, float]:
    """The middle of a unit's square."""
    return round(WEST + SIDE * (index + 0.5), 9), SOUTH + SIDE / 2


def collection(features: list[tuple[dict[str, Any], dict[str, Any]]]) -> str:
    return json.dumps(
        {
            "type": "FeatureCollection",
            "features": [
                {"type": "Feature", "properties": properties, "geometry": geometry} for properties, geometry in features
            ],
        },
        ensure_ascii=False,
    )


def make_world(url: str, folder: Path) -> Store:
    """A migrated store at `url` that holds the world; its files are written into `folder`."""
    store = open_store(url)
    migrate(store)
    units = collection([({"code": code, "note": "测试"}, square(index)) for index, code in enumerate(UNITS)])
    drains = [
        ({"code": "D-1", "name": "西片", "department": "WATER", "priority": 0}, square(0, 2)),
        ({"code": "D-2", "name": "东片", "department": "WATER2", "priority": 0}, square(2)),
    ]
    bring(store, folder, "departments", "departments.csv", DEPARTMENTS)
    bring(store, folder, "divisions", "divisions.csv", DIVISIONS)
    bring(store, folder, "units", "units.geojson", units)
    bring(store, folder, "areas", "drainage.geojson", collection(drains), area_layer="drainage")
    bring(store, folder, "components", "components.csv", COMPONENTS, crs="CRS84")
    bring(store, folder, "rules", "rules.yaml", RULES)
    return store


def bring(store: Store, folder: Path, layer: str, name: str, text: str, **options: Any) -> Report:
    """Import a file of this text and publish it."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    report = run_import(store, layer, file, Options(commit=True, author="tests", **options))
    assert report.revision is not None, report.delivery.faults
    return report
