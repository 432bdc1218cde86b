"""Edits on real boundaries: block groups of Washington, DC, and communes around Paris."""

import json

import numpy as np
import pytest
import shapely

from grids.edits.ground import Held, after
from grids.edits.split import split
from grids.edits.value import UNITS, Feature
from grids.profiles import FREE
from tests.grids.edits.cities import BLANK, everything
from tests.grids.edits.invariants import acyclic, attempt, shapes
from tests.grids.edits.test_drafting import REFUSED, wish

FILES = {
    "washington": ("dc_311/boundaries", "census-block-groups-2010*.geojson", "GEOID"),
    "paris": ("fr_communes", "*.geojson", None),
}


def load(folder, pattern, column):
    path = sorted((folder).glob(pattern))[0]
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    found = []
    for number, feature in enumerate(features, 1):
        shape = shapely.orient_polygons(shapely.geometry.shape(feature["geometry"]))
        shape = shapely.transform(shape, lambda xy: np.round(xy, 11))
        code = str(feature["properties"][column]) if column else f"c{number:05d}"
        found.append(Feature(UNITS, number, code, shapely.remove_repeated_points(shape), BLANK))
    return Held.of(FREE, found)


@pytest.mark.real
@pytest.mark.parametrize("name", sorted(FILES))
def test_a_hundred_edits_of_real_boundaries_leave_a_coverage_and_are_undone(name, shared_data):
    folder, pattern, column = FILES[name]
    ground = load(shared_data / folder, pattern, column)
    assert shapely.coverage_is_valid(shapes(everything(ground)))
    random = np.random.default_rng(1)
    now, edits = ground, []
    for step in range(200):
        units = everything(now)
        kind = str(random.choice(["split", "merge", "retire", "move", "reshape"]))
        if kind == "split":
            unit = units[random.integers(len(units))]
            west, south, east, north = unit.shape.bounds
            y = south + (north - south) * random.uniform(0.2, 0.8)
            line = [(west - 1e-3, y), (east + 1e-3, y + (north - south) * random.uniform(-0.1, 0.1))]
            edit = attempt({*REFUSED, "codes_count"}, split, now, unit.code, line, [f"n{step}a", f"n{step}b"])
        elif kind == "merge":
            continue  # codes are free text here, and the wish names none
        else:
            edit = wish(now, kind, int(random.integers(10**6)), int(random.integers(99)), random.uniform(0.2, 0.8), 0.3)
        if edit is not None:
            now = after(now, edit)
            edits.append(edit)
            assert acyclic(edit.lineage)
    assert len(edits) > 100
    assert shapely.coverage_is_valid(shapes(everything(now)))
    assert shapely.is_valid(shapes(everything(now))).all()
    old, new = (shapely.coverage_union_all(shapes(everything(each))) for each in (ground, now))
    assert abs(old.area - new.area) < 1e-4 * old.area  # outer nodes were moved too
    for edit in reversed(edits):
        now = after(now, edit.inverse())
    assert {unit.uid: unit.shape.wkb for unit in everything(now)} == {
        unit.uid: unit.shape.wkb for unit in everything(ground)
    }
