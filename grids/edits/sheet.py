"""The sheet an edit is drawn on: the shapes around, into which nodes and ways are put for all that share an edge.

Whatever is put into an edge is put into every unit, named gap, division and following area that has this edge, so that
they go on meeting node by node. A node on the grid of the store does not lie exactly on the old edge, and a ring as
thin as a micrometre could be turned by it: so every changed shape is looked at again, and the edit is refused where one
is no longer valid, runs the other way round, or overlaps what is around.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.errors import Fault, Refusal, refuse
from gis.metres import per_degree, widest_degrees
from grids.edits.exact import Edge, Place, along, rounded
from grids.edits.ground import Box, Ground, Key, bounds, enclosing, meet
from grids.edits.refusals import at, on
from grids.edits.rings import Parts, Ring, Shape, mapped, parts_of, shape_of, with_chain, with_nodes
from grids.edits.value import DIVISIONS, GAPS, UNITS, Edit, Feature

SNAP_M = 0.2
"""A given place so near to a node or an edge is meant to be on it: QGIS writes six decimals of a degree, 0.11 m."""

NARROWEST_M = 0.01  # edges nearer to each other than this count as a gap when a coverage is checked
NAMED_AT_MOST = 4


class Sheet:
    """The shapes whose box meets `box`, and their changes. It lives as long as one edit is worked out."""

    def __init__(self, ground: Ground, box: Box) -> None:
        self.ground = ground
        self.features = {each.key: each for each in (*ground.units(box), *ground.followers(box))}
        self.boxes = {key: bounds(each.shape) for key, each in self.features.items()}
        self.changed: dict[Key, Parts] = {}
        self.notes: list[Fault] = []
        self._parts: dict[Key, Parts] = {}

    def parts(self, key: Key) -> Parts:
        """The rings of a shape as they are now."""
        if key in self.changed:
            return self.changed[key]
        if key not in self._parts:
            self._parts[key] = parts_of(self.features[key].shape)
        return self._parts[key]

    def shape(self, key: Key) -> Shape:
        """A shape as it is now; the stored one itself when nothing was put into it."""
        stored = self.features[key].shape
        if key not in self.changed:
            return stored
        return shape_of(self.changed[key], stored.geom_type == "MultiPolygon")

    def sharing(self, *places: Place) -> list[Key]:
        """Who has all these places as nodes."""
        return [key for key in self.features if self._shares(key, places)]

    def insert(self, edge: Edge, places: Iterable[Place]) -> None:
        """Put nodes into an edge of everyone who has it, with a note for each node that others get."""
        nodes = along(edge, places)
        added = {edge: nodes, (edge[1], edge[0]): nodes[::-1]}
        getting: list[Key] = []
        # Units first: an edge between two of them is no edge of what has both of them, or none.
        for key in sorted(self.features, key=lambda key: key[0] != UNITS):
            if (key[0] != UNITS and self._is_inner(key, getting)) or not self._shares(key, edge):
                continue
            before = self.parts(key)
            after = mapped(before, lambda ring: with_nodes(ring, added))
            if after != before:
                self.changed[key] = after
                getting.append(key)
        self.notes += [self._inserted(node, getting) for node in nodes]

    def replace(self, old: Sequence[Place], new: Sequence[Place]) -> list[Key]:
        """Put one way in place of another for everyone who has the whole old one; who that is."""
        found = []
        for key in self.sharing(old[0], old[1]):
            parts = self.parts(key)
            drawn = [[with_chain(ring, old, new) for ring in rings] for rings in parts]
            if any(ring is not None for rings in drawn for ring in rings):
                self.changed[key] = [
                    [ring if way is None else way for ring, way in zip(rings, ways, strict=True)]
                    for rings, ways in zip(parts, drawn, strict=True)
                ]
                found.append(key)
        return found

    def move(self, source: Place, target: Place) -> list[Key]:
        """Move a node of everyone who has it; who that is."""
        keys = self.sharing(source)

        def moved(ring: Ring) -> Ring:
            return [target if place == source else place for place in ring]

        for key in keys:
            self.changed[key] = mapped(self.parts(key), moved)
        return keys

    def nearest(self, place: Place, edges: Sequence[Edge], reach_m: float) -> tuple[Place, Edge | None, float] | None:
        """The node of edges within reach of a place, else the place on an edge, on the grid of the store.

        With the edge that it must be put into (None for a node) and how far away it is in metres.
        """
        if not edges:
            return None
        ends = np.array(edges)
        scale = np.array([float(each) for each in per_degree(place[1])])
        nodes = (ends - place) * scale
        far = np.hypot(nodes[..., 0], nodes[..., 1])
        index, end = divmod(int(far.argmin()), 2)
        if far[index, end] <= reach_m:
            return edges[index][end], None, float(far[index, end])
        p, way = nodes[:, 0], nodes[:, 1] - nodes[:, 0]
        share = np.clip(-(p * way).sum(axis=1) / np.maximum((way * way).sum(axis=1), 1e-300), 0.0, 1.0)
        beside = p + share[:, None] * way
        far = np.hypot(beside[:, 0], beside[:, 1])
        index = int(far.argmin())
        if not far[index] <= reach_m:
            return None
        x, y = ends[index, 0] + share[index] * (ends[index, 1] - ends[index, 0])
        target = rounded(float(x), float(y))
        return target, None if target in edges[index] else edges[index], float(far[index])

    def finish(
        self, ended: Sequence[Feature], begun: Sequence[Feature], lineage: Iterable[tuple[int, int]] = ()
    ) -> Edit:
        """The edit: `ended` and `begun`, and new versions of all else that was changed, once all of it is sound.

        Errors: Refusal shape_broken or units_overlap, with the place.
        """
        done = {each.key for each in (*ended, *begun)}
        others = [self.features[key] for key in self.changed if key not in done]
        redrawn = [replace(each, polygon=self.shape(each.key)) for each in others]
        edit = Edit((*ended, *others), (*begun, *redrawn), tuple(lineage), tuple(self.notes))
        self._check(edit)
        return edit

    def _is_inner(self, key: Key, sides: Sequence[Key]) -> bool:
        """Whether an edge that these have lies inside or outside a named gap or division, not on its boundary."""
        units = [self.features[side].code for side in sides if side[0] == UNITS]
        if len(units) < 2 or key[0] not in (GAPS, DIVISIONS):
            return False
        return key[0] == GAPS or len({code.startswith(self.features[key].code) for code in units}) == 1

    def _shares(self, key: Key, places: Sequence[Place]) -> bool:
        west, south, east, north = self.boxes[key]
        if not all(west <= x <= east and south <= y <= north for x, y in places):
            return False
        if key not in self.changed and key not in self._parts and key[0] != UNITS:
            # Followers may have very many nodes: most need not be unpacked.
            xy = shapely.get_coordinates(self.features[key].shape)
            return all(bool(((xy[:, 0] == x) & (xy[:, 1] == y)).any()) for x, y in places)
        rings = [ring for part in self.parts(key) for ring in part]
        return all(any(place in ring for ring in rings) for place in places)

    def _inserted(self, node: Place, keys: Sequence[Key]) -> Fault:
        codes = sorted({self.features[key].code for key in keys})
        en, zh = listed(codes)
        return Fault(
            "node_added",
            f"Got a node on their common edge: {en}.",
            f"公共边上增加了一个节点：{zh}。",
            severity="note",
            thing=codes[0] if codes else None,
            where=at(node),
        )

    def _check(self, edit: Edit) -> None:
        for key in self.changed:
            stored = self.features[key]
            if _turns(stored.shape) != _turns(self.shape(key)):
                raise _broken(stored.code, on(stored.shape))
        old = {each.key: each.polygon for each in edit.ended}
        for each in edit.begun:
            if each.polygon is not None and old.get(each.key) is not each.polygon:
                check_shape(each.code, each.polygon)
        check_coverage(self, edit)


def listed(codes: Sequence[str]) -> tuple[str, str]:
    """A few codes in a sentence of each language."""
    more = len(codes) - NAMED_AT_MOST
    first = codes[:NAMED_AT_MOST]
    return ", ".join(first) + (f" and {more} more" if more > 0 else ""), "、".join(first) + ("等" if more > 0 else "")


def check_shape(code: str, shape: Shape) -> None:
    """Refuse a shape that is not valid. Errors: Refusal shape_broken, where it crosses or touches itself."""
    if shape.is_valid:
        return
    numbers = re.findall(r"-?[\d.]+(?:e[-+]?\d+)?", shapely.is_valid_reason(shape).partition("[")[2])
    where = at(rounded(float(numbers[0]), float(numbers[1]))) if len(numbers) == 2 else on(shape)
    raise _broken(code, where)


def check_coverage(sheet: Sheet, edit: Edit) -> None:
    """Refuse units that overlap or do not meet node by node. Errors: Refusal units_overlap, gap_overlaps_unit."""
    gone = {each.key for each in edit.ended}
    units = [each for each in edit.begun if each.layer == UNITS]
    if not units:
        return
    boxes = [bounds(each.shape) for each in units]
    whole = enclosing(boxes)
    beside = [each for each in sheet.ground.units(whole) if each.key not in gone]
    shapes = np.array([each.shape for each in (*units, *beside)], dtype=object)
    width = widest_degrees(shapes, NARROWEST_M)
    sound = shapely.coverage_is_valid(shapes, gap_width=width)
    if not sound and not shapely.coverage_is_valid(shapes):
        edges = shapely.coverage_invalid_edges(shapes)
        bad = [index for index in range(len(shapes)) if not edges[index].is_empty]
        codes = sorted((*units, *beside)[index].code for index in bad)
        en, zh = listed(codes)
        raise refuse(
            "units_overlap",
            f"After this edit these units would overlap or not meet node by node: {en}. Draw it clear of them.",
            f"此编辑会使下列网格重叠或公共边节点不一致：{zh}。请避开后重画。",
            thing=codes[0] if codes else None,
            where=on(shapely.union_all(edges[bad])) if bad else None,
        )
    if not sound:
        _check_strips(edit, units, beside, shapes, width)
    _check_gaps(sheet, edit, units, boxes, whole)


def _check_strips(
    edit: Edit, units: Sequence[Feature], beside: Sequence[Feature], shapes: NDArray[Any], width: float
) -> None:
    """Refuse strips between edges that the edit made so narrow that a check of the coverage takes them for gaps."""
    ended = [each for each in edit.ended if each.layer == UNITS]
    old = np.array([each.shape for each in (*ended, *beside)], dtype=object)
    before = shapely.union_all(shapely.coverage_invalid_edges(old, gap_width=width))
    after = shapely.union_all(shapely.coverage_invalid_edges(shapes, gap_width=width)[: len(units)])
    made = shapely.difference(after, before)
    if made.is_empty:
        return
    raise refuse(
        "strip_too_narrow",
        f"At this edge {units[0].code} or a neighbour would be narrower than {NARROWEST_M} m; draw it farther away.",
        f"{units[0].code} 或其相邻网格在此边处将窄于 {NARROWEST_M} 米；请离远一些重画。",
        thing=units[0].code,
        where=on(made),
    )


def _check_gaps(sheet: Sheet, edit: Edit, units: Sequence[Feature], boxes: Sequence[Box], whole: Box) -> None:
    gone = {each.key for each in edit.ended}
    gaps = [each for each in edit.begun if each.layer == GAPS]
    gaps += [each for each in sheet.ground.gaps(whole) if each.key not in gone]
    old = [each.shape for each in edit.ended if each.layer == UNITS]
    for gap in gaps:
        for unit, box in zip(units, boxes, strict=True):
            if not meet(bounds(gap.shape), box) or not shapely.relate_pattern(gap.shape, unit.shape, "T********"):
                continue
            # A gap that was delivered with other nodes may overlap its units by slivers all along.
            if any(shapely.relate_pattern(gap.shape, each, "T********") for each in old):
                continue
            raise refuse(
                "gap_overlaps_unit",
                f"After this edit {unit.code} would lie on the named gap {gap.code}; edit the gap first.",
                f"此编辑会使 {unit.code} 压盖命名空洞 {gap.code}；请先修改该空洞。",
                thing=unit.code,
                where=on(shapely.intersection(gap.shape, unit.shape)),
            )


def _turns(shape: Shape) -> list[bool]:
    return [bool(shapely.is_ccw(ring)) for ring in shapely.get_rings(shapely.get_parts(shape))]


def _broken(code: str, where: Mapping[str, Any]) -> Refusal:
    return refuse(
        "shape_broken",
        f"After this edit the boundary of {code} would cross or touch itself here; draw it farther away.",
        f"此编辑会使 {code} 的边界在此处自相交或自相接；请离远一些重画。",
        thing=code,
        where=where,
    )
