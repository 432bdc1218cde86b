"""Features as a draft would have them: pages of the store's rows, less what the draft ends, with what it begins.

Of the store little more is read than the page: where it begins among the store's rows follows from how many of the
draft's come before.
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

from api.editing.drafted_rows import FIRST_NEW
from api.ogc.axes import DEFAULT
from api.ogc.parameters import Wanted
from api.ogc.places import Place
from api.ogc.selection import Selection, pick, read_feature, read_page, read_picked, select_features
from gis.errors import refuse
from gis.layer import Layer
from gis.store.scope import Scope
from gis.store.versions import Columns, read_columns
from grids.drafts.sketch import Sketch
from grids.edits.value import Feature
from grids.features import row_of
from grids.profiles import CodeProfile

Key = tuple[bytes, int]
"""Code and uid: the order of features on both stores."""
Row = Mapping[str, Any]


FEW = 1_000
"""Of so many features that a draft touches a page at an offset is found by reading as many rows more."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """What a draft ends and begins of a selection, each by key."""

    selection: Selection
    profile: CodeProfile
    gone: Sequence[Key]
    new: Mapping[Key, Feature]

    @classmethod
    def of(cls, sketch: Sketch, layer: Layer, wanted: Wanted, scope: Scope) -> "Overlay":
        """Of what a request for a layer's features means."""
        selection, profile = select_features(layer, wanted, scope, sketch.at), sketch.ground.profile

        def meant(features: Sequence[Feature]) -> dict[Key, Feature]:
            mine = [each for each in features if scope.allows_owner(str(each.attributes.get("owner", each.code)))]
            if wanted.equal:
                rows = (row_of(each, selection.table, profile) for each in mine)
                same = [all(row[name] == value for name, value in wanted.equal.items()) for row in rows]
                mine = [each for each, is_same in zip(mine, same, strict=True) if is_same]
            return dict(sorted((_key(each), each) for each in _meeting(mine, wanted.place)))

        ended = [each for each in sketch.edit.ended if each.layer == layer.id]
        return cls(selection, profile, list(meant(ended)), meant(sketch.part(layer.id).begun))

    def page(
        self, connection: Connection, count: Callable[[Selection], int], after: Key | None, offset: int, limit: int
    ) -> tuple[Columns, int]:
        """Up to `limit` features behind a key or an offset, and how many in all; `count` counts those of the store."""
        many = offset > 0 and len(self.gone) + len(self.new) > FEW
        if many or not self.selection.is_plain:
            return self._picked(connection, after, offset, limit)
        matched = count(self.selection) - len(self.gone) + len(self.new)
        new = list(self.new)
        if after is not None or offset == 0:
            stored = self._behind(connection, after, limit)
            start = 0 if after is None else bisect_right(new, after)
            return self._merged(stored, new[start : start + limit], 0, limit), matched
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

    def _behind(self, connection: Connection, after: Key | None, limit: int) -> Columns:
        """The store's rows behind a key, `limit` of them that the draft does not end, or all there are."""
        gone, parts, kept, step = set(self.gone), list[Columns](), 0, limit
        while True:
            pair = None if after is None else (after[0].decode(), after[1])
            part = read_page(connection, self.selection, pair, 0, step)
            keys = _keys(part)
            parts.append(part)
            kept += sum(key not in gone for key in keys)
            if len(keys) < step or kept >= limit:
                return {name: np.concatenate([each[name] for each in parts]) for name in part}
            after, step = keys[-1], step * 2

    def _merged(self, stored: Columns, new: Sequence[Key], skipped: int, limit: int) -> Columns:
        gone, keys = set(self.gone), _keys(stored)
        places = {key: at for at, key in enumerate(keys) if key not in gone}
        chosen = sorted([*places, *new])[skipped : skipped + limit]
        names = [column.name for column in self.selection.table.c]
        rows = [self._told(key) if key in self.new else {n: stored[n][places[key]] for n in names} for key in chosen]
        return columns_of(rows, names)

    def _told(self, key: Key) -> Row:
        return _told(row_of(self.new[key], self.selection.table, self.profile), key[1])

    def _picked(self, connection: Connection, after: Key | None, offset: int, limit: int) -> tuple[Columns, int]:
        """The page by way of the keys of all that is selected."""
        gone = set(self.gone)
        picked = sorted([*(key for key in self._all(connection) if key not in gone), *self.new])
        first = offset if after is None else bisect_right(picked, after)
        chosen = picked[first : first + limit]
        held = [key for key in chosen if key not in self.new]
        stored = read_picked(connection, self.selection, held, None, 0, limit) if held else {}
        return self._merged(stored, [key for key in chosen if key in self.new], 0, limit), len(picked)

    def _all(self, connection: Connection) -> list[Key]:
        if self.selection.place is not None:
            return pick(connection, self.selection)
        return _keys(read_columns(connection, self.selection.table, self.selection.query, ("code", "uid")))


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


def _meeting(features: list[Feature], place: Place | None) -> list[Feature]:
    """Those that meet a place."""
    if place is None or not features:
        return features
    shapes = np.array([each.polygon for each in features], dtype=object)
    meets = np.zeros(len(features), dtype=bool)
    for box in place.boxes:
        meets |= shapely.intersects(shapes, shapely.box(*box))
    if place.shape is not None:
        meets &= shapely.intersects(shapes, place.shape)
    return [each for each, met in zip(features, meets.tolist(), strict=True) if met]


def _told(row: Row, uid: int) -> Row:
    """The row with a number of its own, and in place of a revision what tells this content from any other."""
    said = {str(name): value for name, value in row.items() if name not in ("geom", "uid")}
    shape = str(shapely.to_wkb(row.get("geom"), hex=True)).encode()
    digest = hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS) + shape).hexdigest()[:16]
    return {**row, "uid": uid, "from_revision": f"d{digest}"}


def _key(feature: Feature) -> Key:
    return feature.code.encode(), feature.uid if feature.uid > 0 else FIRST_NEW + feature.uid


def _keys(columns: Columns) -> list[Key]:
    if not columns:
        return []
    return [(code.encode(), int(uid)) for code, uid in zip(columns["code"], columns["uid"], strict=True)]
