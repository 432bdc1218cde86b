"""Reference layers in the store: what is known of each, added, replaced and removed as revisions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from api.layers import FIXED, REVISIONED, last_change, layer_unknown
from api.rasters.tables import raster
from gis.errors import refuse
from gis.layer import Layer
from gis.store.engine import Store, reading
from gis.store.revisions import Publication, Revision, publish
from gis.store.scope import EVERYTHING, Scope
from gis.store.tables import revision
from gis.store.versions import Query, read_rows
from grids.layers import reference_layer as layer_of
from grids.references import Declaration, withdraw
from grids.tables import reference_layer

_NAME = re.compile(r"[^\W_][\w-]{0,59}")
RESERVED = frozenset({each.id for each in (*FIXED, *REVISIONED)} | {"all", "cases", "outcomes", "rasters"})


@dataclass(frozen=True, slots=True)
class Described:
    """A reference layer: its layer, what is said of it, the revision that last changed it, and when that was."""

    layer: Layer
    declaration: Declaration
    changed: int
    updated: datetime

    @property
    def name(self) -> str:
        return self.declaration.name

    def about(self) -> dict[str, Any]:
        """JSON members of where it comes from."""
        said = self.declaration
        return {
            "license": said.license,
            "source": said.source,
            "note": said.note,
            "updated": self.updated.isoformat(),
            "names": said.is_names,
        }


def described_references(connection: Connection, scope: Scope = EVERYTHING, at: int | None = None) -> list[Described]:
    """The reference layers in scope at a revision, by name."""
    rows = list(read_rows(connection, reference_layer, Query(scope, at=at)))
    return [_described(connection, row, at) for row in rows if scope.allows_layer(row["code"])]


def find_reference(connection: Connection, name: str) -> Described:
    """The reference layer of this name. Errors: Refusal layer_unknown (missing)."""
    row = _row(connection, name)
    if row is None:
        raise layer_unknown(name)
    return _described(connection, row, None)


def find_declaration(connection: Connection, name: str) -> Declaration | None:
    """What is said of the reference layer of this name, None where there is none."""
    row = _row(connection, name)
    return None if row is None else Declaration.of(row)


def check_new(connection: Connection, name: str) -> None:
    """Errors: Refusal layer_name_wrong, layer_exists (conflict) for what cannot name a new reference layer."""
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise refuse(
            "layer_name_wrong",
            f"'{name[:60]}' cannot be the name of a reference layer: up to 60 letters, digits, - and _, not first, and "
            f"none of {', '.join(sorted(RESERVED))}.",
            f"“{name[:60]}”不能用作参考图层名称：最多 60 个字母（含汉字）、数字、- 和 _，以字母或数字开头，"
            f"且不能是 {'、'.join(sorted(RESERVED))}。",
        )
    named = connection.execute(select(raster.c.name).where(raster.c.name == name)).first()
    if named is not None or _row(connection, name) is not None:
        raise refuse(
            "layer_exists",
            f"There is a layer {name} already: replace what it holds with 'wangge import {name} FILE --commit', or "
            "remove it first.",
            f"已有图层 {name}：可用 wangge import {name} 文件 --commit 替换其内容，或先移除。",
            kind="conflict",
        )


def remove_reference(store: Store, name: str, author: str) -> Revision:
    """End a reference layer with all its features, as a revision. Errors: Refusal layer_unknown, store_changed."""
    with reading(store.world) as connection:
        find_reference(connection, name)
        base, changes = withdraw(connection, name)
    made, _ = publish(store, Publication(changes, author, f"remove layer {name}", base))
    return made


def _row(connection: Connection, name: str) -> Mapping[str, Any] | None:
    return next(read_rows(connection, reference_layer, Query(EVERYTHING, where={"code": name})), None)


def _described(connection: Connection, row: Mapping[str, Any], at: int | None) -> Described:
    layer = layer_of(row)
    changed = max(row["from_revision"], last_change(connection, layer, 2**53 if at is None else at))
    updated = connection.execute(select(revision.c.recorded_at).where(revision.c.number == changed)).scalar_one()
    return Described(layer, Declaration.of(row), changed, updated)
