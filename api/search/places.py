"""Places in words, told by the layers of names of a revision."""

from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from api.layers import query_of, table_of
from api.shelf import Shelf
from api.transfer.references import Described, described_references
from gis.errors import refuse
from gis.metres import Floats
from gis.store.engine import Store, reading
from gis.store.scope import EVERYTHING, Scope
from gis.store.versions import read_columns
from gis.toponyms import Toponyms, Words

INDEXES = 4
LISTS = 64


class Toponymy:
    """The indexes of names that are asked for, made once for each version of the layers of names. Safe to share."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._indexes = Shelf(INDEXES)
        self._known = Shelf(LISTS)

    def words(self, number: int, lonlat: Floats, scope: Scope = EVERYTHING) -> list[Words | None]:
        """The places (n, 2) in words, by the layers of names in scope at a revision; None where no name is near."""
        index = self.index(number, scope)
        return [None] * len(lonlat) if index is None else index.words(lonlat)

    def index(self, number: int, scope: Scope = EVERYTHING) -> Toponyms | None:
        """The names at a revision, None where there is no layer of names."""
        layers = self._known.get((number, scope), lambda: self._named(number, scope))
        if not layers:
            return None
        version = tuple((each.name, each.changed) for each in layers), scope
        found: Toponyms = self._indexes.get(version, lambda: self._make(layers, number))
        return found

    def _named(self, number: int, scope: Scope) -> list[Described]:
        with reading(self._store.world) as connection:
            return [each for each in described_references(connection, scope, number) if each.declaration.is_names]

    def _make(self, layers: list[Described], number: int) -> Toponyms:
        parts = []
        with reading(self._store.world) as connection:
            for each in layers:
                query = query_of(each.layer, EVERYTHING, number)
                parts.append(read_columns(connection, table_of(each.layer), query, ("name", "name_en", "geom")))
        columns = [np.concatenate([part[name] for part in parts]) for name in ("geom", "name", "name_en")]
        return Toponyms.build(*columns)

    def column(self, language: str, number: int, lonlat: Floats) -> pa.Array:
        """The places (n, 2) as a column of text in a language."""
        found = self.words(number, lonlat)
        return pa.array([each and (each.zh if language == "zh" else each.en) for each in found], pa.string())


def column_of_places(store: Store | None, language: str) -> Any:
    """What `wangge locate --names` adds: a function of a revision and places. Errors: Refusal names_need_store."""
    if store is None:
        raise refuse(
            "names_need_store",
            "Places are told by the layers of names, which are in the store and not in world files: leave --index out.",
            "地点描述来自数据库中的地名图层，索引文件不含地名：请去掉 --index。",
        )
    return partial(Toponymy(store).column, language)
