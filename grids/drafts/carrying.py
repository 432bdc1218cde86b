"""Rows that go with the divisions they are kept by or name: what `"carry": true` adds to an edit of divisions.

What is kept by, or made for, something that got another code follows it, and stays the same row. When a division is
divided or merged away, rules that name it are laid down for each division that its ground went to, beside the old one
as long as that is there; areas and components go to the one that holds their middle, and layers of areas are declared
there too.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import shapely

from grids.drafts.doors import Door, Doors
from grids.drafts.recodings import Recoding
from grids.edits.value import DIVISIONS, Edit, Feature

if TYPE_CHECKING:
    from grids.drafts.sketch import Standing

DECLARED = "area_layers"


def carry(standing: "Standing", doors: Doors, edit: Edit, owner: str, copies: bool) -> Edit:
    """The edit with what the rows of all layers become by it, as far as they are kept below `owner`.

    Without `copies` nothing is done for divisions that only gave ground away.
    """
    recoding = Recoding.of(edit, standing.profile)
    carrier = _Carrier(standing, edit, recoding, owner, copies)
    for layer, door in doors.by_layer.items():
        carrier.take(layer, door)
    return carrier.made()


class _Carrier:
    """The rows as they are found, one layer after the other."""

    def __init__(self, standing: "Standing", edit: Edit, recoding: Recoding, owner: str, copies: bool) -> None:
        self.standing, self.edit, self.recoding, self.owner, self.copies = standing, edit, recoding, owner, copies
        self.placeholder = min([standing.placeholder + 1, *(each.uid for each in edit.begun)]) - 1
        self.ended: list[Feature] = []
        self.begun: list[Feature] = []
        self.divisions = {each.code: each for each in edit.begun if each.layer == DIVISIONS}
        gone = {each.code for each in edit.ended if each.layer == DIVISIONS}
        self.gone = gone - self.divisions.keys()

    def made(self) -> Edit:
        return replace(self.edit, ended=(*self.edit.ended, *self.ended), begun=(*self.edit.begun, *self.begun))

    def take(self, layer: str, door: Door) -> None:
        rows = [each for each in self.standing.naming(layer, door, self.recoding) if self._is_own(each)]
        taken = {_key(each) for each in rows}
        for row in rows:
            made = list(self._becomes(row, door))
            if made == [row]:
                continue
            self.ended.append(row)
            for each in made:
                code = each.code
                while (key := _key(each)) != _key(row) and self._is_taken(key, door, taken):
                    each = replace(each, code=f"{code}-{row.attributes['owner'] or self.placeholder}")
                    code = each.code
                taken.add(key)
                self.begun.append(door.renamed(each, {}))

    def _is_own(self, row: Feature) -> bool:
        return str(row.attributes["owner"]).startswith(self.owner)

    def _is_taken(self, key: tuple[str, str, str], door: Door, taken: set[tuple[str, str, str]]) -> bool:
        layer, owner, code = key
        return key in taken or any(
            str(each.attributes["owner"]) == owner for each in self.standing.find(layer, door.table, code)
        )

    def _becomes(self, row: Feature, door: Door) -> Iterator[Feature]:
        """The row as it is once the edit holds, and copies of it."""
        names = door.names(row)
        moved = {name: new for name in names if (new := self.recoding.new_code(name)) is not None}
        row = door.renamed(row, moved) if moved else row
        divided = sorted((name for name in names if name in self.recoding.lost and name not in moved), key=len)
        if not divided or not self.copies:
            yield row
            return
        name = divided[-1]
        stays = name not in self.gone
        if row.polygon is not None:
            yield door.renamed(row, {name: self._holder(row, name, stays)})
            return
        if row.layer == "departments":  # it is one body still; without its division the one above keeps it
            above = self.standing.profile.ancestors(name)
            yield row if stays else door.renamed(row, {name: above[-1][1] if above else ""})
            return
        if stays:
            yield row
        for number, heir in enumerate(self.recoding.lost[name]):
            copy = door.renamed(row, {name: heir})
            if stays or number:
                copy = replace(copy, uid=self.placeholder)
                self.placeholder -= 1
                if row.layer != DECLARED and _key(copy) == _key(row):
                    copy = replace(copy, code=f"{row.code}-{heir}")
            yield copy

    def _holder(self, row: Feature, name: str, stays: bool) -> str:
        """The division that holds the middle of a row's shape, of those that got ground of `name`."""
        heirs: tuple[str, ...] = (*self.recoding.lost[name], *((name,) if stays else ()))
        middle = shapely.point_on_surface(row.polygon)
        for heir in heirs:
            shape = self.divisions[heir].polygon if heir in self.divisions else None
            if shape is not None and bool(shapely.intersects(shape, middle)):
                return heir
        return name if stays else heirs[0]


def _key(row: Feature) -> tuple[str, str, str]:
    return row.layer, str(row.attributes["owner"]), row.code
