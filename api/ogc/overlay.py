"""Features as a draft would have them: pages of the store's rows, less what the draft ends, with what it begins.

Nothing is read but the page: where it begins among the store's rows follows from how many of the draft's come before.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import shapely
from sqlalchemy import Connection

from api.drafted_rows import FIRST_NEW
from api.ogc.axes import DEFAULT
from api.ogc.parameters import Wanted
from api.ogc.places import Place
from api.ogc.selection import Selection, pick, read_feature, read_page, read_picked, select_features
from gis.errors import refuse
from gis.layer import Layer
from gis.store.scope import Scope
from gis.store.versions import Columns
from grids.drafts.sketch import Sketch
from grids.edits.value import Feature
from grids.features import row_of

Key = tuple[bytes, int]
"""Code and uid: the order of features on both stores."""
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Overlay:
    """What a draft ends and begins of a selection, each by key."""

    selection: Selection
    gone: Sequence[Key]
    new: Mapping[Key, Row]

    @classmethod
    def of(cls, sketch: Sketch, layer: Layer, wanted: Wanted, scope: Scope) -> "Overlay":
        """Of what a request for a layer's features means."""
        selection = select_features(layer, wanted, scope, sketch.at)
        profile = sketch.ground.profile

        def rows(features: Sequence[Feature]) -> dict[Key, Row]:
            mine = (row_of(each, selection.table, profile) for each in features if each.layer == layer.id)
            meant = (row for row in mine if _is_meant(row, wanted, scope))
            return dict(sorted((_key(row), row) for row in meant))

        begun = {key: _told(row) for key, row in rows(sketch.edit.begun).items()}
        return cls(selection, list(rows(sketch.edit.ended)), begun)

    def page(
        self, connection: Connection, count: Callable[[Selection], int], after: Key | None, offset: int, limit: int
    ) -> tuple[Columns, int]:
        """Up to `limit` features behind a key or an offset, and how many there are in all; `count` counts the store's.

        Of a page at an offset more of the store's rows are read than it has: as many as the draft touches.
        """
        if not self.selection.is_plain:
            return self._picked(connection, after, offset, limit)
        matched = count(self.selection) - len(self.gone) + len(self.new)
        new = list(self.new)
        if after is not None:
            stored = read_page(connection, self.selection, (after[0].decode(), after[1]), 0, limit + len(self.gone))
            return self._merged(stored, [key for key in new if key > after], 0, limit), matched
        if offset >= matched:
            return {}, matched
        first = max(0, offset - len(new))
        stored = read_page(connection, self.selection, None, first, offset - first + limit + len(self.gone))
        keys = _keys(stored)
        if keys:
            before = first - bisect_left(self.gone, keys[0]) + (bisect_left(new, keys[0]) if first else 0)
            kept = [key for key in new if not first or key >= keys[0]]
        else:  # the store has none: a page behind its last row is behind the last one of all
            before, kept = 0, new
        return self._merged(stored, kept, offset - before, limit), matched

    def _merged(self, stored: Columns, new: Sequence[Key], skipped: int, limit: int) -> Columns:
        gone, keys = set(self.gone), _keys(stored)
        places = {key: at for at, key in enumerate(keys) if key not in gone}
        chosen = sorted([*places, *new])[skipped : skipped + limit]
        names = [column.name for column in self.selection.table.c]
        rows = [self.new[key] if key in self.new else {n: stored[n][places[key]] for n in names} for key in chosen]
        return columns_of(rows, names)

    def _picked(self, connection: Connection, after: Key | None, offset: int, limit: int) -> tuple[Columns, int]:
        gone = set(self.gone)
        picked = sorted([*(key for key in pick(connection, self.selection) if key not in gone), *self.new])
        first = offset if after is None else bisect_right(picked, after)
        chosen = picked[first : first + limit]
        held = [key for key in chosen if key not in self.new]
        stored = read_picked(connection, self.selection, held, None, 0, limit) if held else {}
        return self._merged(stored, [key for key in chosen if key in self.new], 0, limit), len(picked)


def drafted_feature(connection: Connection, sketch: Sketch, layer: Layer, code: str, scope: Scope) -> Columns:
    """The one version of a code, as `read_feature` gives it. Errors: feature_unknown, feature_retired (gone)."""
    if "\x00" not in code:  # no text of PostgreSQL holds it
        wanted = Wanted(1, 0, None, DEFAULT, None, None, {"code": code})
        found, _ = Overlay.of(sketch, layer, wanted, scope).page(connection, lambda selection: 1, None, 0, 1)
        if found:
            return found
    ended = [each for each in sketch.edit.ended if (each.layer, each.code) == (layer.id, code)]
    if not ended:
        return read_feature(connection, layer, code, scope, sketch.at)
    codes = {each.uid: each.code for each in sketch.edit.begun if each.layer == layer.id}
    heirs = sorted({codes[to] for source, to in sketch.edit.lineage if source == ended[0].uid and to in codes})
    raise refuse(
        "feature_retired",
        f"This draft would retire {code}.",
        f"本草稿将注销 {code}。",
        kind="gone",
        thing=code,
        members={"successors": heirs} if heirs else None,
    )


def columns_of(rows: Sequence[Row], names: Sequence[str]) -> Columns:
    """Rows as one object array a column; nothing at all for no rows."""
    if not rows:
        return {}
    return {name: np.fromiter((row.get(name) for row in rows), dtype=object, count=len(rows)) for name in names}


def _is_meant(row: Row, wanted: Wanted, scope: Scope) -> bool:
    if not scope.allows_owner(str(row["owner"])):
        return False
    return all(row[name] == value for name, value in wanted.equal.items()) and _meets(row.get("geom"), wanted.place)


def _meets(shape: Any, place: Place | None) -> bool:
    if place is None:
        return True
    if shape is None or shape.is_empty:
        return False
    if not any(shapely.intersects(shape, shapely.box(*box)) for box in place.boxes):
        return False
    return place.shape is None or bool(shapely.intersects(place.shape, shape))


def _told(row: Row) -> Row:
    """The row with a number of its own, and in place of a revision what tells this content from any other."""
    said = {str(name): value for name, value in row.items() if name not in ("geom", "uid")}
    shape = str(shapely.to_wkb(row.get("geom"), hex=True)).encode()
    digest = hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS) + shape).hexdigest()[:16]
    return {**row, "uid": _number(row), "from_revision": f"d{digest}"}


def _number(row: Row) -> int:
    return int(row["uid"] if row["uid"] > 0 else FIRST_NEW + row["uid"])


def _key(row: Row) -> Key:
    return str(row["code"]).encode(), _number(row)


def _keys(columns: Columns) -> list[Key]:
    if not columns:
        return []
    return [(code.encode(), int(uid)) for code, uid in zip(columns["code"], columns["uid"], strict=True)]
