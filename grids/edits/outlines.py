"""Divisions that follow units: drawn anew, level by level, from the outlines of what lies directly below."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import shapely

from gis.coverage import dissolve
from grids.edits.ground import Drafted, Ground, after
from grids.edits.rings import Shape
from grids.edits.value import UNITS, Edit, Feature


def with_outlines(ground: Ground, edit: Edit) -> Edit:
    """The edit with new shapes for the divisions above the units that it begins, ends or draws anew.

    A division is united from the divisions directly below it, which have their outlines already, else from its units;
    so only what is touched is looked at in full. One that loses its last unit has no shape any more.
    """
    ended = {each.key: each for each in edit.ended if each.layer == UNITS}
    begun = {each.key: each for each in edit.begun if each.layer == UNITS}
    touched = [each for key, each in {**ended, **begun}.items() if _is_drawn_anew(ended.get(key), begun.get(key))]
    if not touched:
        return edit
    later = after(ground, edit)
    codes = {code for each in touched for _, code in ground.profile.ancestors(each.code)}
    drawn: dict[str, Feature] = {}
    old: list[Feature] = []
    for code in sorted(codes, key=lambda code: (-len(code), code)):  # the narrow ones first
        division = ground.division(code)
        if division is None:
            continue
        shape = _outline(later, code, drawn)
        if _is_same(shape, division.polygon):
            drawn[code] = division
            continue
        old.append(division)
        drawn[code] = replace(division, polygon=shape)
    new = [drawn[each.code] for each in old]
    return replace(edit, ended=(*edit.ended, *old), begun=(*edit.begun, *new))


def _is_drawn_anew(old: Feature | None, new: Feature | None) -> bool:
    return old is None or new is None or (old.code, old.polygon) != (new.code, new.polygon)


def _is_same(one: Shape | None, other: Shape | None) -> bool:
    if one is None or other is None:
        return one is other
    return bool(shapely.equals_exact(one, other, normalize=True))


def _outline(ground: Drafted, code: str, drawn: dict[str, Feature]) -> Shape | None:
    below = [drawn.get(each.code, each) for each in ground.divisions_below(code) if each.code != code]
    direct = [each.polygon for each in _direct(below) if each.polygon is not None]
    shapes = direct or [each.shape for each in ground.units_below(code)]
    if not shapes:
        return None
    _, (outline,) = dissolve(np.array(shapes, dtype=object), np.full(len(shapes), code))
    shape: Shape = shapely.orient_polygons(outline)
    return shape


def _direct(below: Sequence[Feature]) -> list[Feature]:
    """Those of divisions that lie in no other of them."""
    found: list[Feature] = []
    for each in sorted(below, key=lambda division: division.code):
        if not found or not each.code.startswith(found[-1].code):
            found.append(each)
    return found
