"""What a draft may touch: its owner's ground and rows, and no more of the neighbours' than nodes on the common edge."""

import shapely

from gis.errors import Refusal, refuse
from grids.edits.refusals import on
from grids.edits.value import DIVISIONS, GAPS, UNITS, Edit, Feature

NOTHING_DEG2 = 1e-13
"""About a thousandth of a square metre: what a node on the grid of the store may be off an edge, many times over."""


def check_within(edit: Edit, owner: str) -> None:
    """Refuse an edit that changes more than what begins with `owner`. Errors: Refusal edit_outside_draft."""
    if not owner:
        return
    ended = {each.key: each for each in edit.ended}
    begun = {each.key: each for each in edit.begun}
    for key in {**ended, **begun}:  # in their order, so that the same one is named each time
        old, new = ended.get(key), begun.get(key)
        for each in (old, new):
            if each is not None and not _owner(each, owner).startswith(owner) and not _follows(old, new):
                raise _outside(each, owner)


def _owner(feature: Feature, owner: str) -> str:
    if feature.layer in (UNITS, DIVISIONS):
        return feature.code
    return owner if feature.layer == GAPS else str(feature.attributes["owner"])


def _follows(old: Feature | None, new: Feature | None) -> bool:
    """Whether only nodes came to it; a division or area above may also grow with its units."""
    if old is None or new is None or (old.code, old.attributes) != (new.code, new.attributes):
        return False
    if old.layer != UNITS:
        return True
    return bool(shapely.area(shapely.symmetric_difference(old.shape, new.shape)) < NOTHING_DEG2)


def _outside(feature: Feature, owner: str) -> Refusal:
    return refuse(
        "edit_outside_draft",
        f"This edit changes {feature.code} ({feature.layer}), and the draft is of {owner}: draft it for a wider "
        "division.",
        f"此编辑会更改 {feature.code}（{feature.layer}），而草稿归属 {owner}：请以更大范围的区划另起草稿。",
        kind="forbidden",
        thing=feature.code,
        where=None if feature.polygon is None else on(feature.polygon),
    )
