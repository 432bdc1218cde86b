"""Rasters in the registry: who has which, and what is known of each."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from api.rasters.tables import raster
from gis.crs import CrsLike
from gis.errors import Refusal, refuse
from gis.rasters.description import Description, name_of
from gis.store.scope import EVERYTHING, Scope

_NAME = re.compile(r"[^\W_][\w-]{0,59}")
Find = Callable[[CrsLike], CrsLike | None]
MEMBERS = ("name", "owner", "title", "note", "source", "digest", "bytes", "author", "added_at")


@dataclass(frozen=True, slots=True)
class Raster:
    """A raster as the registry has it. `stamp` is when the file was last changed, in nanoseconds."""

    name: str
    owner: str
    title: str
    note: str
    source: str
    digest: str
    bytes: int
    stamp: int
    description: Mapping[str, Any]
    author: str
    added_at: datetime

    def describe(self, find: Find) -> Description:
        """What it is; `find` knows the local systems."""
        return Description.from_dict(self.description, find)

    def as_dict(self, find: Find) -> dict[str, Any]:
        """JSON members, as the API and the command line show them; of a CRS its name alone."""
        about = self.describe(find)
        told: dict[str, Any] = {name: getattr(self, name) for name in MEMBERS}
        told["added_at"] = self.added_at.isoformat()
        plain = about.as_dict()
        bands = plain.pop("bands")
        place = {name: plain.pop(name) for name in ("left", "top", "x_step", "y_step")}
        return {
            **told,
            **plain,
            "extent": list(about.extent),
            "resolution": [place["x_step"], place["y_step"]],
            **_placed(about),
            "bands": bands,
        }


def _placed(about: Description) -> dict[str, Any]:
    try:
        return {"crs": name_of(about.crs), "bounds": about.bounds()}
    except Refusal:  # a local system that is no longer known
        return {"bounds": None}


COLUMNS = [raster.c[name] for name in Raster.__slots__]


def check_name(name: str) -> None:
    """Errors: Refusal raster_name_wrong."""
    if not _NAME.fullmatch(name):
        raise refuse(
            "raster_name_wrong",
            f"'{name[:60]}' cannot be the name of a raster: up to 60 letters, digits, - and _, not first.",
            f"“{name[:60]}”不能用作栅格名称：最多 60 个字母（含汉字）、数字、- 和 _，以字母或数字开头。",
        )


def check_new(connection: Connection, name: str) -> None:
    """Errors: Refusal raster_exists."""
    if connection.execute(select(raster.c.name).where(raster.c.name == name)).first() is not None:
        raise exists(name)


def put_raster(connection: Connection, new: Raster) -> None:
    """Register a raster. The name must be new: two that are put at once meet an IntegrityError."""
    connection.execute(insert(raster).values({name: getattr(new, name) for name in Raster.__slots__}))


def list_rasters(connection: Connection, scope: Scope = EVERYTHING) -> list[Raster]:
    """The rasters in scope, by name."""
    chosen = select(*COLUMNS).where(scope.clause(raster.c.owner)).order_by(raster.c.name)
    found = [Raster(**row) for row in connection.execute(chosen).mappings()]
    return [each for each in found if scope.allows_layer(f"rasters.{each.name}")]


def find_raster(connection: Connection, name: str, scope: Scope = EVERYTHING) -> Raster:
    """The raster of this name. Errors: Refusal raster_unknown."""
    chosen = select(*COLUMNS).where(raster.c.name == name, scope.clause(raster.c.owner))
    row = connection.execute(chosen).mappings().first()
    if row is None or not scope.allows_layer(f"rasters.{name}"):
        raise refuse("raster_unknown", f"There is no raster {name[:60]}.", f"没有栅格 {name[:60]}。", kind="missing")
    return Raster(**row)


def drop_raster(connection: Connection, name: str) -> bool:
    """Forget a raster; whether no other one has the same file. Errors: Refusal raster_unknown."""
    found = find_raster(connection, name)
    connection.execute(delete(raster).where(raster.c.name == name))
    same = select(func.count()).where(raster.c.digest == found.digest)
    return connection.execute(same).scalar_one() == 0


def exists(name: str) -> Refusal:
    return refuse(
        "raster_exists",
        f"There is a raster {name} already. Remove it first, or take another name.",
        f"已有名为 {name} 的栅格。请先移除，或换一个名称。",
        kind="conflict",
    )
