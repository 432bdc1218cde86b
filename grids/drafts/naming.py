"""Who names a prefix that a draft takes away or makes smaller: rules, keys, and rows that a division keeps."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import shapely
from sqlalchemy import Connection

from grids.checks import Reference
from grids.drafts.doors import Door, Doors
from grids.drafts.recodings import Recoding
from grids.drafts.sketch import Sketch, Standing
from grids.edits.value import DIVISIONS, Feature

Holders = Callable[[Connection], Iterable[Reference]]
"""Who else names prefixes, beside the rows of layers: the keys of callers."""
TOLD_TOGETHER = ("components",)
"""Layers of which a division may keep thousands: told once for each prefix, with how many."""
UNAFFECTED = ("departments", "area_layers")
"""Layers whose rows hold on where their division only became smaller."""


def nobody(_connection: Connection) -> Iterable[Reference]:
    """No further holders."""
    return ()


def references_of(connection: Connection, sketch: Sketch, doors: Doors, holders: Holders) -> tuple[Reference, ...]:
    """What names a prefix, once the edits of a sketch hold, that they take away or from which they take ground."""
    recoding = Recoding.of(sketch.edit, sketch.ground.profile)
    if not recoding.moved:
        return ()
    look = _Look(connection, sketch, recoding)
    found = [each for layer, door in doors.by_layer.items() for each in look.rows(layer, door)]
    found += [look.told(each) for each in holders(connection) if recoding.concerns(each.prefix)]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Look:
    connection: Connection
    sketch: Sketch
    recoding: Recoding

    def told(self, reference: Reference) -> Reference:
        new = self.recoding.new_code(reference.prefix)
        if new is not None:
            return replace(reference, is_gone=True, heirs=(new,))
        return replace(reference, is_gone=self._is_gone(reference.prefix), heirs=self.recoding.lost[reference.prefix])

    def rows(self, layer: str, door: Door) -> Iterator[Reference]:
        standing = Standing(self.connection, self.sketch, self.sketch.ground.placeholder)
        together: dict[str, Reference] = {}
        for row in standing.naming(layer, door, self.recoding):
            for name in filter(self.recoding.concerns, dict.fromkeys(door.names(row))):
                reference = self.told(Reference(row.layer, row.code, name, row.uid))
                if not reference.is_gone and self._is_settled(layer, door, row, reference):
                    continue
                if layer not in TOLD_TOGETHER:
                    yield reference
                elif name in together:
                    together[name] = replace(together[name], count=together[name].count + 1)
                else:
                    together[name] = reference
        yield from together.values()

    def _is_settled(self, layer: str, door: Door, row: Feature, reference: Reference) -> bool:
        """Whether a row of a division that became smaller needs nothing: it lies elsewhere, or was laid down anew."""
        if layer in UNAFFECTED:
            return True
        if row.polygon is not None:
            shapes = [each.polygon for each in self.sketch.edit.begun if each.layer == DIVISIONS]
            codes = [each.code for each in self.sketch.edit.begun if each.layer == DIVISIONS]
            heirs = [shape for shape, code in zip(shapes, codes, strict=True) if code in reference.heirs and shape]
            return not any(shapely.relate_pattern(shape, row.polygon, "T********") for shape in heirs)
        new = [each for each in self.sketch.edit.begun if each.layer == row.layer and each.uid < 0]
        return all(any(heir in door.names(each) for each in new) for heir in reference.heirs)

    def _is_gone(self, code: str) -> bool:
        return self.sketch.on(self.connection).division(code) is None
