"""Redraw: several units get new shapes at once, as a repair proposes them. Divisions above follow; codes and uids stay.

Everything around must go on meeting the new shapes node by node, which is looked at, not mended. Areas keep theirs.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import shapely
from shapely import MultiPolygon, Polygon

from gis.errors import refuse
from grids.edits.exact import Edge
from grids.edits.ground import Ground, after, bounds, enclosing
from grids.edits.lines import place
from grids.edits.refusals import known, nothing_changes, on
from grids.edits.rings import Shape, edges_of, faces, parts_of, shape_of, walks
from grids.edits.sheet import Sheet, check_shape
from grids.edits.value import DIVISIONS, GAPS, UNITS, Edit, Feature

NOTHING_DEG2 = 1e-13
"""About a thousandth of a square metre: what is left or right of an edge by rounding, many times over."""


def redraw(ground: Ground, shapes: Mapping[str, Shape]) -> Edit:
    """Give the units of these codes new shapes (lon, lat).

    Errors: Refusal unit_unknown, unit_retired, shape_broken, units_overlap, gap_overlaps_unit, gap (ground between
    units would be nobody's), nothing_changes.
    """
    old = [known(ground, code) for code in shapes]
    new = [replace(each, polygon=_on_grid(shapes[each.code])) for each in old]
    pairs = [(was, now) for was, now in zip(old, new, strict=True) if not _is_same(was, now)]
    if not pairs:
        raise nothing_changes(", ".join(list(shapes)[:3]))
    for _, now in pairs:
        check_shape(now.code, now.shape)
    ended, begun = [was for was, _ in pairs], [now for _, now in pairs]
    sheet = Sheet(ground, enclosing([bounds(each.shape) for each in (*ended, *begun)]))
    edit = sheet.finish(ended, begun)
    _leaves_nothing(ground, edit)
    above = _above(ground, edit, pairs)
    return replace(edit, ended=(*edit.ended, *above[0]), begun=(*edit.begun, *above[1]))


def _on_grid(shape: Shape) -> Shape:
    """The shape with its places on the grid of the store, shells counterclockwise."""
    parts = [[[place(x, y) for x, y, *_ in ring] for ring in rings] for rings in parts_of(shape)]
    return shapely.orient_polygons(shape_of(parts, shape.geom_type == "MultiPolygon"))


def _is_same(was: Feature, now: Feature) -> bool:
    return bool(shapely.equals_exact(was.polygon, now.polygon, 0.0, normalize=True))


def _leaves_nothing(ground: Ground, edit: Edit) -> None:
    """Refuse ground between units that nobody has any more. What is drawn back from the open country may be left."""
    old, new = ([each.shape for each in side if each.layer == UNITS] for side in (edit.ended, edit.begun))
    lost = shapely.difference(shapely.union_all(old), shapely.union_all(new))
    if lost.area <= NOTHING_DEG2:
        return
    later, box = after(ground, edit), bounds(lost)
    gaps = [each for each in later.followers(box) if each.layer == GAPS]
    around = shapely.get_parts(shapely.union_all([each.shape for each in (*later.units(box), *gaps)]))
    holes = [Polygon(ring) for part in around for ring in part.interiors]
    left = shapely.intersection(lost, shapely.union_all(holes)) if holes else Polygon()
    if left.area > NOTHING_DEG2:
        near = next(each for each in edit.ended if each.layer == UNITS and each.shape.intersects(left))
        raise refuse(
            "gap",
            f"Between {near.code} and its neighbours ground would be left that belongs to nobody; draw them up to "
            "each other.",
            f"{near.code} 与相邻网格之间将留下无归属的空隙；请使其边界重合。",
            thing=near.code,
            where=on(left),
        )


def _above(ground: Ground, edit: Edit, pairs: list[tuple[Feature, Feature]]) -> tuple[list[Feature], list[Feature]]:
    """The divisions whose outline changes with the units, before and after; those on the sheet are none of them."""
    drawn = {each.key for each in edit.begun if each.layer == DIVISIONS}
    codes = {code for _, now in pairs for _, code in ground.profile.ancestors(now.code)}
    ended, begun = [], []
    for code in sorted(codes):
        division = ground.division(code)
        if division is None or division.key in drawn or division.polygon is None:
            continue
        inside = [pair for pair in pairs if pair[1].code.startswith(code)]
        shape = _outline(after(ground, edit), division, inside)
        if not shapely.equals_exact(shape, division.polygon, 0.0, normalize=True):
            ended.append(division)
            begun.append(replace(division, polygon=shape))
    return ended, begun


def _outline(ground: Ground, division: Feature, pairs: list[tuple[Feature, Feature]]) -> Shape:
    """The outer edges of a division whose units were drawn anew: its edges, less those of the old, with the new."""
    count: Counter[Edge] = Counter()
    for edge in edges_of(division.shape):
        _add(count, edge, 1)
    for was, now in pairs:
        for edge in edges_of(was.shape):
            _add(count, edge, -1)
        for edge in edges_of(now.shape):
            _add(count, edge, 1)
    try:
        left = [edge if times > 0 else (edge[1], edge[0]) for edge, times in count.items() if times]
        if any(abs(times) > 1 for times in count.values()):
            raise ValueError("an edge comes twice")
        shape = shape_of([parts_of(part)[0] for part in faces(walks(left))])
        if shape.is_valid:
            return shape
    except ValueError:
        pass  # its outline was drawn apart from its units, or these did not meet before
    below = [each.shape for each in ground.units_below(division.code)]
    whole = shapely.orient_polygons(shapely.coverage_union_all(below))
    assert isinstance(whole, Polygon | MultiPolygon)
    return whole


def _add(count: Counter[Edge], edge: Edge, times: int) -> None:
    """Count an edge under the one of its directions that sorts first; the other direction counts against it."""
    p, q = edge
    if p <= q:
        count[p, q] += times
    else:
        count[q, p] -= times
