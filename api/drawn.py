"""The layers as tiles are drawn from them: the newest version of each goes on from the one before."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from api.layers import query_of, table_of
from api.shelf import Shelf
from gis.layer import Layer
from gis.store.engine import Store, reading
from gis.store.scope import Scope
from gis.store.versions import Columns, read_changed, read_columns
from tiles.growth import Growth
from tiles.vector import TileSource

MOST = 24
OLD = 8

Name = tuple[str, Scope, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A layer at a version. `growth` is that of which the source is a version, None for one read for itself."""

    source: TileSource
    version: int
    growth: Growth | None

    def shows(self, version: int, z: int, x: int, y: int) -> bool:
        """Whether a tile of another version of the same growth has the same bytes in this one."""
        if version == self.version:
            return True
        return self.growth is not None and self.growth.is_same(z, x, y, version, self.version)


@dataclass(slots=True)
class _Place:
    lock: threading.Lock = field(default_factory=threading.Lock)
    growth: Growth | None = None


class DrawnLayers:
    """Tile sources by layer, scope and version. Safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._places: OrderedDict[Name, _Place] = OrderedDict()
        self._old = Shelf(OLD)
        self._lock = threading.Lock()

    def get(self, layer: Layer, scope: Scope, version: int) -> Drawn:
        """A layer as the revision `version`, the last one that changed it, left it.

        A version after the newest one known is made of that and of what changed; one before it is read for itself.
        """
        fields = tuple(each.name for each in layer.told)
        name = layer.id, scope, fields
        place = self._place(name)
        found = _at(place.growth, version)
        if found is None:
            with place.lock:
                if place.growth is None or place.growth.version < version:
                    place.growth = self._next(place.growth, layer, scope, version)
                found = _at(place.growth, version)
        if found is None:
            source = self._old.get((name, version), lambda: self._next(None, layer, scope, version).newest[1])
            found = Drawn(source, version, None)
        return found

    def _next(self, growth: Growth | None, layer: Layer, scope: Scope, version: int) -> Growth:
        with reading(self._store.world) as connection:
            if growth is not None and _advance(connection, growth, layer, scope, version):
                return growth
            return _read(connection, layer, scope, version)

    def _place(self, name: Name) -> _Place:
        with self._lock:
            place = self._places.setdefault(name, _Place())
            self._places.move_to_end(name)
            while len(self._places) > MOST:
                self._places.popitem(last=False)
            return place


def _at(growth: Growth | None, version: int) -> Drawn | None:
    """The newest version of a growth when it is this one."""
    if growth is None:
        return None
    newest, source = growth.newest
    return Drawn(source, version, growth) if newest == version else None


def _read(connection: Connection, layer: Layer, scope: Scope, version: int) -> Growth:
    """All of a layer."""
    columns = read_columns(connection, table_of(layer), query_of(layer, scope, version), _wanted(layer))
    return Growth(version, *_parts(layer, columns))


def _advance(connection: Connection, growth: Growth, layer: Layer, scope: Scope, version: int) -> bool:
    """Let a layer go on to a version; whether that is worth it."""
    query = query_of(layer, scope)
    over, begun = read_changed(connection, table_of(layer), growth.version, version, _wanted(layer), query)
    return growth.advance(version, over["uid"].astype("int64"), *_parts(layer, begun)) is not None


def _wanted(layer: Layer) -> tuple[str, ...]:
    within = ("attributes",) if layer.further else ()
    return "uid", *dict.fromkeys(("code", *(each.name for each in layer.shown))), *within, "geom"


def _parts(layer: Layer, columns: Columns) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64], Columns]:
    fields = {each.name: columns[each.name] for each in layer.shown}
    for each in layer.further:
        held = [(document or {}).get(each.name) for document in columns["attributes"]]
        fields[each.name] = np.fromiter(held, dtype=object, count=len(held))
    return columns["code"], columns["geom"], columns["uid"].astype("int64"), fields
