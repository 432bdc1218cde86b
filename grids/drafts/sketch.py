"""What the edits of a draft come to on one revision: worked out in order, each on what those before it leave."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, cast

import shapely
from sqlalchemy import Connection

from gis.errors import refuse
from gis.store.scope import EVERYTHING
from gis.store.types import box_shape
from gis.store.versions import Box, Query, read_columns
from gis.store.vicinity import read_around, read_coded, read_owned, read_uids
from grids.drafts.carrying import carry
from grids.drafts.deliveries import IMPORT, apply_import
from grids.drafts.doors import Door, Doors, owner_of
from grids.drafts.recodings import Recoding
from grids.edits.drafting import compose
from grids.edits.ground import Drafted, Ground, Key, after
from grids.edits.operations import apply
from grids.edits.outlines import with_outlines
from grids.edits.value import DIVISIONS, GAPS, UNITS, Edit, Feature
from grids.features import AREAS, feature_of
from grids.ground import Reading, StoreGround
from grids.profiles import CodeProfile

PUT, REMOVE = "put", "remove"
CARRYING = {"divide_division": True, "merge_divisions": True, "transfer": False}
"""The edits of divisions with which rows may go, and whether these go with ground that is only given away."""


@dataclass(frozen=True, slots=True)
class Part:
    """Of one layer: the uids whose versions end, what begins, and of that what has a shape, with an index of it."""

    gone: frozenset[int]
    begun: tuple[Feature, ...]
    drawn: tuple[Feature, ...]
    tree: shapely.STRtree

    def meeting(self, box: Box) -> list[Feature]:
        """What begins and has a shape whose box meets `box`."""
        return [self.drawn[index] for index in sorted(self.tree.query(box_shape(*box)).tolist())]


@dataclass(frozen=True, slots=True)
class Sketch:
    """Edits applied to revision `at`: each by itself, and all of them as one.

    `ground` is the grid as they leave it, without a store below: `on` puts it on one. `named` is what they asked for by
    code, `placed` the (layer, code) of what they put without its being there.
    """

    at: int
    steps: tuple[Edit, ...]
    edit: Edit
    ground: Drafted
    named: frozenset[Key] = frozenset()
    placed: frozenset[tuple[str, str]] = frozenset()
    parts: dict[str, "Part"] = field(default_factory=dict, compare=False, repr=False)
    """Filled as they are asked for: see `part`."""

    def part(self, layer: str) -> "Part":
        """What the edits end and begin of one layer, found once: an import may bring a hundred thousand rows."""
        if layer not in self.parts:
            begun = tuple(each for each in self.edit.begun if each.layer == layer)
            drawn = [each for each in begun if each.polygon is not None]
            tree = shapely.STRtree([each.shape for each in drawn])
            gone = frozenset(each.uid for each in self.edit.ended if each.layer == layer)
            self.parts[layer] = Part(gone, begun, tuple(drawn), tree)
        return self.parts[layer]

    @classmethod
    def begin(
        cls, connection: Connection, at: int, profile: CodeProfile | None = None, reading: Reading | None = None
    ) -> Self:
        """No edits yet. `reading` is what was read of the revision before, and takes what is read later."""
        ground = after(StoreGround(connection, at, profile, reading), Edit((), ()))
        return cls(at, (), Edit((), ()), _alone(ground))

    def on(self, connection: Connection) -> Drafted:
        """The grid as the edits leave it, over the store."""
        base = cast(_Nowhere, self.ground.base)
        return replace(self.ground, base=StoreGround(connection, self.at, base.profile, base.reading))

    def then(self, connection: Connection, document: Mapping[str, Any], doors: Doors, owner: str = "") -> "Sketch":
        """One edit more. Errors: those of the edit; nothing of this sketch changes."""
        ground = self.on(connection)
        standing = Standing(connection, self, ground.placeholder)
        placed = self.placed
        delivered = document.get("op") in (PUT, REMOVE, IMPORT)
        if document.get("op") == IMPORT:
            edit = with_outlines(ground, apply_import(standing, document, doors))
        elif delivered:
            edit = doors.edit(standing, document, owner)
        else:
            edit = _applied(ground, standing, document, doors, owner)
        ended = {each.key for each in edit.ended}
        rows = (each for each in edit.begun if delivered or each.layer not in (UNITS, GAPS, DIVISIONS))
        placed |= {(each.layer, each.code) for each in rows if each.key not in ended}
        base = ground.base
        assert isinstance(base, StoreGround)
        shown = Edit(_of_ground(edit.ended), _of_ground(edit.begun))
        lowest = min([ground.placeholder + 1, *(each.uid for each in edit.begun)]) - 1
        later = replace(after(ground, shown), placeholder=lowest)
        return Sketch(
            self.at,
            (*self.steps, edit),
            compose((self.edit, edit)),
            _alone(later),
            self.named | base.named,
            placed,
        )


def _applied(ground: Drafted, standing: "Standing", document: Mapping[str, Any], doors: Doors, owner: str) -> Edit:
    """An edit of units or divisions, and of the rows that are to go with these."""
    if document.get("op") not in CARRYING or document.get("carry") is None:
        return apply(ground, document)
    if not isinstance(document["carry"], bool):
        raise refuse(
            "edit_wrong",
            f"{document['op']}: carry must be true or false.",
            f"{document['op']}：carry 应为 true 或 false。",
        )
    edit = apply(ground, {name: value for name, value in document.items() if name != "carry"})
    return carry(standing, doors, edit, owner, CARRYING[document["op"]]) if document["carry"] else edit


@dataclass(frozen=True, slots=True)
class _Nowhere:
    """What stands below the ground of a sketch while it is kept: no store, only what was read of the revision."""

    profile: CodeProfile
    reading: Reading


def _alone(ground: Drafted) -> Drafted:
    base = cast(StoreGround, ground.base)
    return replace(ground, base=cast(Ground, _Nowhere(base.profile, base.reading)))


def _of_ground(features: tuple[Feature, ...]) -> tuple[Feature, ...]:
    """Those that lie on the ground of the grid; the others have no edges that edits could share."""
    layers = (UNITS, GAPS, DIVISIONS)
    return tuple(each for each in features if each.layer in layers or each.layer.startswith(AREAS))


class Standing:
    """The rows that hold once the edits of a sketch do, for whoever checks one row more."""

    def __init__(self, connection: Connection, sketch: Sketch, placeholder: int) -> None:
        self.connection, self.at, self.placeholder = connection, sketch.at, placeholder
        self.profile = sketch.ground.profile
        self._gone = {each.key for each in sketch.edit.ended}
        self._new = {each.key: each for each in sketch.edit.begun}

    def find(self, layer: str, table: Any, code: str) -> list[Feature]:
        """The rows of a layer that have this code, of every owner."""
        stored = (feature_of("areas" if layer.startswith(AREAS) else layer, row) for row in self._coded(table, code))
        held = [each for each in stored if each.layer == layer and each.key not in self._gone]
        return held + [each for each in self._new.values() if (each.layer, each.code) == (layer, code)]

    def features(self, layer: str, table: Any, uids: Collection[int]) -> list[Feature]:
        """The rows of a layer that have these uids; those that do not hold are left out."""
        own = [self._new[layer, uid] for uid in uids if (layer, uid) in self._new]
        read = [uid for uid in uids if (layer, uid) not in self._gone and (layer, uid) not in self._new]
        name = "areas" if layer.startswith(AREAS) else layer
        return own + [feature_of(name, row) for row in read_uids(self.connection, table, self.at, read)]

    def put_codes(self, layer: str) -> set[str]:
        """The codes that the edits before give to new rows of a layer."""
        return {each.code for each in self._new.values() if each.layer == layer and each.uid < 0}

    def _coded(self, table: Any, code: str) -> list[Mapping[str, Any]]:
        return read_coded(self.connection, table, self.at, code)

    def rows(self, layer: str, table: Any, columns: Collection[str]) -> Iterator[Mapping[str, Any]]:
        """The named columns of all rows of a layer, uid and code among them."""
        where = {"layer": layer.removeprefix(AREAS)} if layer.startswith(AREAS) else None
        query = Query(EVERYTHING, at=self.at, where=where)
        found = read_columns(self.connection, table, query, ("uid", "code", *columns))
        for values in zip(*found.values(), strict=True):
            row = dict(zip(found, values, strict=True))
            if (layer, row["uid"]) not in self._gone:
                yield row
        for each in self._new.values():
            if each.layer == layer:
                its = {**each.attributes, "geom": each.polygon}
                yield {"uid": each.uid, "code": each.code, **{name: its.get(name) for name in columns}}

    def around(self, layer: str, table: Any, box: Box) -> list[Mapping[str, Any]]:
        """The rows of a layer whose own box meets `box`, as the store has rows."""
        near = [
            row for row in read_around(self.connection, table, self.at, box) if (layer, row["uid"]) not in self._gone
        ]
        window = box_shape(*box)
        own = (each for each in self._new.values() if each.layer == layer and each.polygon is not None)
        drawn = [each for each in own if bool(shapely.intersects(shapely.envelope(each.polygon), window))]
        return near + [{"uid": each.uid, "code": each.code, **each.attributes, "geom": each.polygon} for each in drawn]

    def naming(self, layer: str, door: Door, recoding: Recoding) -> list[Feature]:
        """The rows of a door that name a prefix which moved or lost ground."""
        # Rows are kept by divisions; what names anything beside is few, and read as a whole.
        owners = recoding.owners(self.profile) if door.names is owner_of else ("",)
        rows = {row["uid"]: row for owner in owners for row in read_owned(self.connection, door.table, self.at, owner)}
        stored = (feature_of(layer, row) for row in rows.values())
        held = [each for each in stored if each.key not in self._gone]
        held += [each for each in self._new.values() if self._is_of(each.layer, layer)]
        return [each for each in held if any(map(recoding.concerns, door.names(each)))]

    def _is_of(self, name: str, layer: str) -> bool:
        return name.startswith(AREAS) if layer == "areas" else name == layer

    def codes(self, layer: str, table: Any) -> set[str]:
        """The codes of all rows of a layer."""
        return {str(row["code"]) for row in self.rows(layer, table, ())}
