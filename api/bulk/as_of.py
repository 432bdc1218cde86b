"""As of when a file is asked: one revision for the whole, or a column that tells each row's own."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np
import pyarrow as pa
from sqlalchemy import select

from api.worlds import Worlds, world_alone
from gis.errors import Refusal
from gis.formats.columns import from_arrow
from gis.formats.pieces import Piece, plain
from gis.metres import Indices
from gis.store.engine import reading
from gis.store.revisions import list_revisions
from grids.tables import area_layer

BEFORE = "before_history"
EARLY = -1
"""Stands for the revision of what is before history."""
ReadMoment = Callable[[str], int | datetime]


@dataclass(frozen=True)
class AsOf:
    """The revisions that the rows of a file ask for. `number` is that of all rows, where no `column` tells it."""

    worlds: Worlds
    column: str | None
    number: int
    read: ReadMoment

    @classmethod
    def of(cls, worlds: Worlds, as_of: str | None, read: ReadMoment, names: Sequence[str]) -> "AsOf":
        """`as_of` is a revision, a time or one of the `names` of columns. Errors: those of reading it."""
        if as_of is None or as_of in names:
            return cls(worlds, as_of, worlds.newest().revision, read)
        try:
            return cls(worlds, None, worlds.number(read(as_of)), read)
        except Refusal as refusal:
            if refusal.code != BEFORE:
                raise
            return cls(worlds, None, EARLY, read)

    def groups(self, piece: Piece) -> list[tuple[int, Indices | None]]:
        """The revisions of a piece's rows, and which rows are of each; None for all.

        Errors: Refusal of a moment that cannot be read, with its row.
        """
        if self.column is None:
            return [(self.number, None)]
        encoded = plain(piece.column(self.column))
        encoded = encoded.cast(pa.string()) if pa.types.is_null(encoded.type) else encoded
        encoded = encoded.dictionary_encode()
        numbers = np.array(
            [self._number(value, piece, encoded, at) for at, value in enumerate(from_arrow(encoded.dictionary))]
            + [self.number],
            dtype=np.int64,
        )
        missing = len(numbers) - 1
        of = numbers[np.asarray(encoded.indices.fill_null(missing).to_numpy(zero_copy_only=False), dtype=np.int64)]
        found = np.unique(of)
        if len(found) == 1:
            return [(int(found[0]), None)]
        return [(int(number), np.flatnonzero(of == number)) for number in found]

    @property
    def layers(self) -> list[str]:
        """The area layers of the revisions that may be asked for."""
        if self.column is None:
            return [] if self.number == EARLY else list(self.worlds.at(self.number).grid.areas)
        if self.worlds.store is None:
            return list(self.worlds.newest().grid.areas)
        with reading(self.worlds.store.world) as connection:
            return sorted(set(connection.execute(select(area_layer.c.code)).scalars()))

    @cached_property
    def _times(self) -> tuple[list[datetime], list[int]]:
        store = self.worlds.store
        if store is None:
            raise world_alone(self.worlds.newest().revision)
        with reading(store.world) as connection:
            every = list_revisions(connection)
        return [each.effective_at for each in every], [each.number for each in every]

    def _number(self, value: object, piece: Piece, encoded: pa.DictionaryArray, at: int) -> int:
        if value is None or value == "":
            return self.number
        try:
            moment = self.read(str(value))
            if isinstance(moment, int):
                return self.worlds.number(moment)
        except Refusal as refusal:
            row = int(piece.rows[encoded.indices.index(at).as_py()])
            raise Refusal([replace(fault, row=row) for fault in refusal.faults], refusal.kind) from None
        times, numbers = self._times
        place = bisect_right(times, moment)
        return numbers[place - 1] if place else EARLY
