"""Crews learnt from one half of a year of cases, and tried on the other half."""

import csv
import re
from pathlib import Path

import numpy as np
import shapely
import yaml

from examples.model_city import write
from gis.formats import read
from tests.cases.test_schema import VALIDATOR
from tests.journeys.commands import Office

SUBSTITUTES = 0.03
"""The share of cases that another crew took."""


def write_year(folder: Path, units: int, count: int) -> Path:
    """The cases of a model city with the crew of each: by its police area and the major class, at the true position."""
    write(folder, units, count, seed=8)
    with (folder / "cases.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    areas = read(folder / "areas_police.gpkg")
    points = shapely.points([(float(row["true_lon"]), float(row["true_lat"])) for row in rows])
    held = dict(zip(*shapely.STRtree(areas.geometry).query(points, "intersects"), strict=True))
    random = np.random.default_rng(1)
    codes = areas.columns["code"]
    crews = []
    for number, row in enumerate(rows):
        area = codes[held[number]] if number in held else "none"
        swapped = random.random() < SUBSTITUTES
        crews.append(f"crew-{'substitute' if swapped else area}-{row['class_code'][:2]}")
    path = folder / "year.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "crew"])
        writer.writeheader()
        writer.writerows({**row, "crew": crew} for row, crew in zip(rows, crews, strict=True))
    return path


def test_crews_are_learnt_on_one_half_of_a_year_and_agree_on_the_other(tmp_path: Path) -> None:
    folder = tmp_path / "city"
    year = write_year(folder, 600, 12_000)
    office = Office(f"sqlite:///{tmp_path / 'wangge.db'}", tmp_path)
    manifest = yaml.safe_load((folder / "city.yaml").read_text(encoding="utf-8"))
    for layer, file, *rest in manifest["import"]:
        if layer in ("departments", "divisions", "units", "areas"):
            flags = [str(folder / each) if ":" in each else each for each in rest]
            office.publish(layer, folder / file, *flags)
    book = tmp_path / "crews.yaml"
    said = office.do("rules", "learn", year, book, "--department", "crew", "--area-layer", "police", "--half")
    print(said.err)
    numbers = re.search(r"([\d]+) other cases: ([\d]+) decided, ([\d]+) agree", said.err)
    assert numbers is not None
    tried, decided, agreed = map(int, numbers.groups())
    assert tried == 6_000
    assert decided > 0.95 * tried
    assert agreed > 0.90 * tried  # substitutes, positions beyond the true area, pairs that were hardly seen
    learnt = yaml.safe_load(book.read_text(encoding="utf-8"))
    assert VALIDATOR.is_valid(learnt)
    assert len(learnt["rules"]) > 50


def test_a_column_or_a_layer_that_is_not_there_is_told(tmp_path: Path) -> None:
    office = Office(f"sqlite:///{tmp_path / 'wangge.db'}", tmp_path)
    cases = tmp_path / "cases.csv"
    cases.write_text("id,lon,lat,crs,class_code,kind\n1,114,22.5,CRS84,06010,matter\n", encoding="utf-8")
    said = office.run("rules", "learn", cases, tmp_path / "b.yaml", "--department", "crew", "--area-layer", "x")
    assert (said.code, "column_missing" in said.err) == (3, True)
    said = office.run("rules", "learn", cases, tmp_path / "b.yaml", "--department", "kind", "--area-layer", "x")
    assert (said.code, "area_layer_unknown" in said.err) == (3, True)
