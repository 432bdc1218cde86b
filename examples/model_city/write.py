"""Make the city and write its files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import yaml

from examples.model_city.areas import Areas, draw_areas
from examples.model_city.cases import HEADING, World, happen
from examples.model_city.components import CLASSES, LOCAL_CLASSES, STATES, Inventory, place_components
from examples.model_city.departments import Roster, found_all
from examples.model_city.divisions import CITY, PROVINCE, Divisions
from examples.model_city.files import one_clock, write_csv, write_layer, write_old_shapefile
from examples.model_city.names import Names
from examples.model_city.rules import as_document, write_book
from examples.model_city.units import River, Units, lay_out

EFFECTIVE = "2026-01-01"
"""Since when the city is as it is; the cases are of the months after."""

MOST_CASES = 20_000
IN_GBK = "sanitation"

TITLES = {
    "enforcement": "执法片区",
    "drainage": "排水片区",
    "sanitation": "环卫标段",
    "greening": "绿化标段",
    "police": "警务片区",
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was written: `commands` are the arguments of `wangge import`, one list a file, in order."""

    folder: Path
    name: str
    seed: int
    effective: str
    counts: dict[str, int]
    commands: list[list[str]]
    cases: str


def write(folder: Path, units: int = 5000, cases: int | None = None, seed: int = 1) -> Manifest:
    """Write the files of a city of about `units` unit grids into `folder`, made if absent; files there are replaced.

    `cases` defaults to two for each unit, at most MOST_CASES. The same arguments give the same files. Raises ValueError
    for a city too small.
    """
    rng = np.random.default_rng(seed)
    names = Names(rng)
    grids, river, divisions = lay_out(rng, names, units)
    areas, hole = draw_areas(rng, names, grids.rings.points)
    roster = found_all(names, divisions, areas)
    inventory = place_components(rng, grids, divisions, areas, roster)
    world = World(grids, river, divisions, areas, hole, roster, inventory, write_book(divisions))
    happened = happen(rng, world, min(2 * len(grids), MOST_CASES) if cases is None else cases)

    folder.mkdir(parents=True, exist_ok=True)
    with one_clock():
        _write_units(folder / "units.gpkg", grids, river, divisions)
        for layer in areas.values():
            _write_areas(folder, layer, roster)
        _write_components(folder / "components.gpkg", inventory, roster)
    division_rows = _division_rows(divisions, roster)
    write_csv(folder / "divisions.csv", ("code", "name", "department"), division_rows)
    write_csv(folder / "departments.csv", ("code", "name", "parent", "id.12345"), roster.rows())
    heading = ("edition", "kind", "code", "name_zh", "name_en", "major_code", "major_name_zh", "evidence")
    write_csv(folder / "local_classes.csv", heading, LOCAL_CLASSES)
    write_csv(folder / "cases.csv", HEADING, happened)
    _write_yaml(folder / "rules.yaml", as_document(world.book, roster))
    counts = {
        "divisions": len(division_rows),
        "units": len(grids),
        "gaps": len(river.names),
        "departments": len(roster),
        **{f"areas.{name}": len(layer.codes) for name, layer in areas.items()},
        "components": len(inventory),
        "rules": len(world.book),
        "cases": len(happened),
    }
    manifest = Manifest(folder, "网格市 Model City", seed, EFFECTIVE, counts, _commands(areas), "cases.csv")
    _write_yaml(
        folder / "city.yaml",
        {
            "name": manifest.name,
            "seed": manifest.seed,
            "effective": manifest.effective,
            "import": manifest.commands,
            "cases": manifest.cases,
            "counts": manifest.counts,
        },
    )
    return manifest


def _commands(areas: dict[str, Areas]) -> list[list[str]]:
    owner = ["--owner", CITY]
    of_areas = (
        ["areas", _area_file(name), "--area-layer", name, "--title", TITLES[name], "--overlap", layer.overlap, *owner]
        + ([] if name == IN_GBK else ["--layer", name])
        for name, layer in areas.items()
    )
    return [
        ["departments", "departments.csv"],
        ["divisions", "divisions.csv"],
        ["units", "units.gpkg", "--layer", "units", "--gaps", "units.gpkg:gaps"],
        *of_areas,
        ["catalogue", "local_classes.csv", *owner],
        ["components", "components.gpkg", *owner],
        ["rules", "rules.yaml"],
    ]


def _area_file(name: str) -> str:
    return f"areas_{name}.{'shp' if name == IN_GBK else 'gpkg'}"


def _division_rows(divisions: Divisions, roster: Roster) -> list[tuple[str, str, str]]:
    return [
        (PROVINCE, "模型省", ""),
        (CITY, "网格市", roster.code("government")),
        *(
            (code, name, roster.code(f"county:{code}"))
            for code, name in zip(divisions.counties.tolist(), divisions.county_names, strict=True)
        ),
        *(
            (code, name, roster.code(f"street:{code}"))
            for code, name in zip(divisions.streets.tolist(), divisions.street_names, strict=True)
        ),
        *(
            (code, name, "")
            for code, name in zip(divisions.communities.tolist(), divisions.community_names, strict=True)
        ),
    ]


def _write_units(path: Path, units: Units, river: River, divisions: Divisions) -> None:
    path.unlink(missing_ok=True)
    name = np.array(divisions.community_names, dtype=object)[units.community]
    number = np.array([f"第{i}网格" for i in range(1000)], dtype=object)[units.codes.astype(np.int64) % 1000]
    columns = {
        "code": units.codes,
        "name": name + number,
        "initial_date": np.full(len(units), EFFECTIVE, dtype=object),
        "note": np.array([None, "跨梅溪河桥梁"], dtype=object)[units.bridge.astype(np.int64)],
    }
    write_layer(path, "units", units.polygons, columns)
    write_layer(path, "gaps", river.polygons, {"name": river.names, "note": ["水域，不划单元网格"] * len(river.names)})


def _write_areas(folder: Path, areas: Areas, roster: Roster) -> None:
    path = folder / _area_file(areas.layer)
    columns: dict[str, Any] = {
        "code": areas.codes,
        "name": areas.names,
        "department": [roster.code(key) for key in areas.department],
        "priority": areas.priority,
    }
    if areas.layer == IN_GBK:
        write_old_shapefile(path, areas.polygons, columns)
    else:
        path.unlink(missing_ok=True)
        write_layer(path, areas.layer, areas.polygons, columns)


def _write_components(path: Path, inventory: Inventory, roster: Roster) -> None:
    path.unlink(missing_ok=True)
    n = len(inventory)
    changed = np.datetime_as_string(inventory.changed, unit="D").astype(object)
    changed[np.isnat(inventory.changed)] = None
    columns = {
        "code": inventory.codes,
        "edition": np.full(n, "2026", dtype=object),
        "class_code": np.array([cls.code for cls in CLASSES], dtype=object)[inventory.cls],
        "name": np.array([cls.name for cls in CLASSES], dtype=object)[inventory.cls],
        "state": STATES[inventory.state],
        "supervisor_code": roster.texts(inventory.supervisor, roster.codes),
        "supervisor_name": roster.texts(inventory.supervisor, roster.names),
        "owner_code": roster.texts(inventory.owner, roster.codes),
        "owner_name": roster.texts(inventory.owner, roster.names),
        "maintainer_code": roster.texts(inventory.maintainer, roster.codes),
        "maintainer_name": roster.texts(inventory.maintainer, roster.names),
        "initial_date": np.datetime_as_string(inventory.initial, unit="D"),
        "change_date": changed,
        "source": np.full(n, "2025年城市部件普查", dtype=object),
        "accuracy_m": np.array([cls.accuracy_m for cls in CLASSES])[inventory.cls],
        "note": np.full(n, None, dtype=object),
    }
    write_layer(path, "components", np.asarray(shapely.points(inventory.points)), columns)


class _Dumper(yaml.SafeDumper):
    """Quotes every text that begins with a digit: 09006 is text to some YAML readers and a number to others."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if text[:1].isdigit() else None)


_Dumper.add_representer(str, _text)


def _write_yaml(path: Path, document: dict[str, Any]) -> None:
    text = yaml.dump(document, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120)
    path.write_text(text, encoding="utf-8")
