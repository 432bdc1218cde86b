"""What holds after every edit, told without the code that makes edits."""

import numpy as np
import shapely

from gis.coverage import check
from gis.errors import Refusal
from gis.locate import PolygonIndex
from grids.edits.ground import after
from grids.edits.value import DIVISIONS, GAPS, UNITS
from tests.grids.edits.cities import around_all, everything


def shapes(features):
    found = np.empty(len(features), dtype=object)
    found[:] = [each.polygon for each in features]
    return found


def codes(features):
    return np.array([each.code for each in features])


def assert_sound(ground, edit, same_ground=True):
    """A valid coverage without gaps, divisions that are the outlines of their units, sound lineage, and a full undo."""
    new = after(ground, edit)
    units, followers = everything(new), around_all(new)
    gaps = [each for each in followers if each.layer == GAPS]
    assert shapely.coverage_is_valid(shapes(units))
    faults = check(shapes(units), codes(units), (shapes(gaps), codes(gaps)))
    assert [fault.en for fault in faults if fault.severity == "error"] == []
    assert len({unit.code for unit in units}) == len({unit.uid for unit in units}) == len(units)
    for each in (*units, *followers):
        assert each.polygon.is_valid
        assert_on_the_grid(each.polygon)
    assert_divisions_follow(units, followers)
    if same_ground:
        assert_same_outer_edges(everything(ground), units)
    assert_lineage(edit)
    assert_undone(ground, edit)
    return new


def assert_on_the_grid(polygon):
    xy = shapely.get_coordinates(polygon)
    assert np.array_equal(xy, np.round(xy, 11))


def assert_divisions_follow(units, followers):
    for division in (each for each in followers if each.layer == DIVISIONS):
        own = [unit.polygon for unit in units if unit.code.startswith(division.code)]
        wanted = shapely.coverage_union_all(np.array(own, dtype=object))
        assert shapely.equals_exact(division.polygon, wanted, 0.0, normalize=True), division.code


def assert_same_outer_edges(before, later):
    """The ground is the same: nodes that an edit put into outer edges lie within a micrometre of them."""
    old, new = (shapely.coverage_union_all(shapes(each)) for each in (before, later))
    assert abs(new.area - old.area) <= 1e-9 * old.area
    nodes = shapely.points(shapely.get_coordinates(new))
    assert shapely.distance(nodes, old.boundary).max() <= 1e-11
    kept = {tuple(xy) for xy in shapely.get_coordinates(new).tolist()}
    assert {tuple(xy) for xy in shapely.get_coordinates(old).tolist()} <= kept


def assert_lineage(edit):
    ended, begun = ({each.uid for each in versions} for versions in (edit.ended, edit.begun))
    for source, target in edit.lineage:
        assert source != target
        assert source in ended
        assert target in begun
    assert acyclic(edit.lineage)
    retired = {each.uid for each in edit.ended if each.layer in (UNITS, DIVISIONS)} - begun
    assert retired <= {source for source, _ in edit.lineage}, "who is retired has an heir"


def attempt(codes, call, *arguments, **options):
    """What the call gives, or None when it is refused for one of the reasons in `codes`, with the place."""
    try:
        return call(*arguments, **options)
    except Refusal as refused:
        if refused.code not in codes or not (refused.faults[0].where or refused.code == "nothing_changes"):
            raise
        return None


def acyclic(pairs):
    left = set(pairs)
    while True:
        targets = {target for _, target in left}
        free = {pair for pair in left if pair[0] not in targets}
        if not free:
            return not left
        left -= free


def snapshot(ground):
    return {
        each.key: (each.code, None if each.polygon is None else shapely.to_wkb(each.polygon), str(each.attributes))
        for each in (*everything(ground), *around_all(ground))
    }


def assert_undone(ground, edit):
    assert snapshot(after(after(ground, edit), edit.inverse())) == snapshot(ground)


def holders(ground, points):
    """The code of the unit that each point belongs to by the tie rule, None where there is none."""
    units = everything(ground)
    found = PolygonIndex.build(shapes(units), codes(units)).lowest(points)
    return [None if index < 0 else units[index].code for index in found.tolist()]
