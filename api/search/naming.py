"""The names of a revision by kind, as word lists that are made again only for what changed."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from api.layers import AREAS, last_change, query_of, table_of
from api.shelf import Shelf
from api.transfer.references import Described, described_references
from components.catalogue import Class, list_classes
from components.layers import CATALOGUE
from gis.layer import Layer
from gis.store.engine import Store, reading
from gis.store.scope import EVERYTHING, Scope
from gis.store.tables import BOX
from gis.store.versions import Columns, in_force, read_changed, read_where
from gis.wordlist import Found, WordList
from grids.layers import DEPARTMENTS, DIVISIONS, UNITS

Kind = Literal["coordinates", "division", "unit", "area", "department", "class", "component", "case", "place"]
FIXED: tuple[tuple[Kind, Layer], ...] = (
    ("division", DIVISIONS),
    ("unit", UNITS),
    ("area", AREAS),
    ("department", DEPARTMENTS),
)
NEAR_DEG = 0.002
"""Parts of one name that lie within this of each other are one thing: some 200 metres."""
MOST_PARTS = 2_000
MOST_LATER = 5_000
"""Changes up to which a list is kept and told what changed, which is quicker than to make it anew."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that has a name. `box` is where it lies in lon, lat, None for what lies nowhere."""

    kind: Kind
    layer: str
    code: str
    name: str | None
    owner: str
    uid: int = 0
    box: tuple[float, float, float, float] | None = None
    known: Class | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """The entries of a list, and the words they are found by. What is `gone` counts no more, what is `later` too."""

    entries: Sequence[Entry]
    words: WordList
    gone: frozenset[int] = frozenset()
    later: "Named | None" = None

    def find(self, typed: str, most: int, scope: Scope) -> list[tuple[Entry, Found]]:
        """The entries in scope that are meant, the closest first, those of later ones behind."""

        def allowed(number: int) -> bool:
            entry = self.entries[number]
            return entry.uid not in self.gone and scope.allows_owner(entry.owner) and scope.allows_layer(entry.layer)

        found = [(self.entries[each.number], each) for each in self.words.find(typed, most, allowed)]
        return found if self.later is None else [*found, *self.later.find(typed, most, scope)]

    def renewed(self, over: Collection[int], begun: Sequence[Entry]) -> "Named":
        """The list without the things whose versions are over, and with what has begun."""
        held = () if self.later is None else self.later.entries
        gone = self.gone | frozenset(over)
        return replace(self, gone=gone, later=named([each for each in held if each.uid not in over] + list(begun)))


def named(entries: Sequence[Entry]) -> Named:
    """The entries found by their names."""
    return Named(entries, WordList.build([(each.name,) for each in entries]))


Before = tuple[int, Named]
"""A list and the revision that it is of."""


class Naming:
    """The word lists of the newest revision of a store; what did not change since the one before is kept.

    Safe to share between threads: one makes what is new while the others wait for it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lists = Shelf(1)
        self._kept: dict[tuple[Kind, str], Before] = {}

    def lists(self, number: int) -> list[tuple[Kind, Named]]:
        """The lists at a revision: of divisions, units, areas, departments, classes, and each layer of names."""
        found: list[tuple[Kind, Named]] = self._lists.get(number, lambda: self._at(number))
        return found

    def _at(self, number: int) -> list[tuple[Kind, Named]]:
        kept: dict[tuple[Kind, str], Before] = {}

        def keep(kind: Kind, layer: str, changed: int, make: Callable[[Before | None], Named]) -> None:
            before = self._kept.get((kind, layer))
            kept[kind, layer] = before if before is not None and before[0] == changed else (changed, make(before))

        with reading(self._store.world) as connection:
            for kind, layer in FIXED:
                changed = last_change(connection, layer, number)
                keep(kind, layer.id, changed, partial(_rows, connection, kind, layer, changed))
            changed = last_change(connection, CATALOGUE, number)
            keep("class", CATALOGUE.id, changed, partial(_classes, connection, number))
            for each in described_references(connection, EVERYTHING, number):
                if each.declaration.is_names:
                    keep("place", each.name, each.changed, partial(_places, connection, each, number))
        self._kept = kept
        return [(kind, named) for (kind, _), (_, named) in kept.items()]


def _rows(connection: Connection, kind: Kind, layer: Layer, changed: int, before: Before | None) -> Named:
    """What has a name in a layer as revision `changed` left it; made of the list before where little changed."""
    table = table_of(layer)
    names = ("uid", "code", "name", "owner", *(("layer",) if layer is AREAS else ()))
    names += BOX if table.info["spatial"] else ()
    if before is not None and before[0] < changed:
        over, begun = read_changed(connection, table, before[0], changed, names)
        later = 0 if before[1].later is None else len(before[1].later.entries)
        if len(over["uid"]) + len(begun["uid"]) + later <= MOST_LATER:
            return before[1].renewed(set(over["uid"].tolist()), _entries(kind, layer, begun))
    meant = in_force(table, changed) & table.c.name.is_not(None)
    return named(_entries(kind, layer, read_where(connection, table, meant, names)))


def _entries(kind: Kind, layer: Layer, columns: Columns) -> list[Entry]:
    count = len(columns["uid"])
    ids = [f"areas.{name}" for name in columns["layer"]] if layer is AREAS else [layer.id] * count
    boxes = _boxes(columns) if "west" in columns else [None] * count
    rows = zip(ids, *(columns[name] for name in ("code", "name", "owner", "uid")), boxes, strict=True)
    return [Entry(kind, *row) for row in rows if row[2] is not None]


def _boxes(columns: Columns) -> list[Any]:
    sides = zip(*(columns[side] for side in BOX), strict=True)
    return [None if box[0] is None else box for box in sides]


def _classes(connection: Connection, number: int, _before: Before | None) -> Named:
    classes = list_classes(connection, EVERYTHING, number)
    entries = [Entry("class", "catalogue", each.code, each.name_zh, each.owner, known=each) for each in classes]
    return Named(entries, WordList.build([(each.code, each.name_zh, each.name_en) for each in classes]))


def _places(connection: Connection, described: Described, number: int, _before: Before | None) -> Named:
    """The names of a reference layer; lines of one name that lie together are one thing."""
    layer = described.layer
    table, query = table_of(layer), query_of(layer, EVERYTHING, number)
    meant = in_force(table, number) & (table.c.layer == (query.where or {})["layer"]) & table.c.name.is_not(None)
    columns = read_where(connection, table, meant, ("code", "name", "name_en", "owner", "uid", *BOX))
    boxes = np.array(_boxes(columns), dtype=np.float64).reshape(-1, 4)
    entries, names = list[Entry](), list[tuple[str | None, ...]]()
    for rows in _together(columns["name"], boxes, layer.geometry == "line"):
        first = rows[0]
        box = (*boxes[rows, :2].min(axis=0).tolist(), *boxes[rows, 2:].max(axis=0).tolist())
        code, name, owner, uid = (columns[member][first] for member in ("code", "name", "owner", "uid"))
        entries.append(Entry("place", layer.id, code, name, owner, uid, box))
        names.append((columns["name"][first], columns["name_en"][first]))
    return Named(entries, WordList.build(names))


def _together(names: NDArray[Any], boxes: NDArray[np.float64], is_joined: bool) -> Iterator[list[int]]:
    """The rows of each thing: of lines those of one name whose boxes are near each other, else each row alone."""
    if not is_joined:
        yield from ([row] for row in range(len(names)))
        return
    by_name: dict[str, list[int]] = {}
    for row, name in enumerate(names.tolist()):
        by_name.setdefault(name, []).append(row)
    for rows in by_name.values():
        waiting = rows if len(rows) <= MOST_PARTS else []
        if not waiting:
            yield rows
        while waiting:
            group, fresh = [waiting[0]], [waiting[0]]
            waiting = waiting[1:]
            while fresh and waiting:
                rest = boxes[waiting]
                near = np.zeros(len(waiting), dtype=bool)
                for west, south, east, north in boxes[fresh]:
                    near |= (rest[:, 0] <= east + NEAR_DEG) & (rest[:, 2] >= west - NEAR_DEG) & (
                        rest[:, 1] <= north + NEAR_DEG
                    ) & (rest[:, 3] >= south - NEAR_DEG)  # fmt: skip
                fresh = [row for row, is_near in zip(waiting, near.tolist(), strict=True) if is_near]
                waiting = [row for row, is_near in zip(waiting, near.tolist(), strict=True) if not is_near]
                group += fresh
            yield group
