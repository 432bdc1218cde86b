"""Where cases and components lie by the boundaries of a revision, or by those of when each case was decided."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from cases.holders import NONE as NO_AREA
from cases.holders import Holdings
from cases.statistics.columns import NONE, Coded, Indices, Key
from gis.metres import Floats
from gis.points import missing
from grids.lookup import AreaLayer, Grid, load_areas
from grids.profiles import CodeProfile
from grids.tables import area, area_layer

UNIT = "unit"


def units_of(grid: Grid, lonlat: Floats) -> Coded:
    """The unit of each place (n, 2) by the tie rule, none outside and where there is no place."""
    found = np.full(len(lonlat), NONE, dtype=np.int64)
    there = ~missing(lonlat)
    found[there] = grid.units.lowest(lonlat[there])
    held, which = np.unique(found, return_inverse=True)
    outside = int(len(held) > 0 and held[0] == NONE)
    keys: list[Key] = [(grid.units.codes[each],) for each in held[outside:].tolist()]
    return Coded(which.astype(np.int64) - outside, keys)


def divisions_of(profile: CodeProfile, units: Coded, level: str) -> Coded:
    """The division of a level that holds each unit, by its code."""
    if level == UNIT:
        return units

    def above(key: Key) -> Key | None:
        return next(((code,) for each, code in profile.ancestors(key[0]) if each.id == level), None)

    return units.mapped(above)


def areas_of(layer: AreaLayer, lonlat: Floats, units: Coded) -> Coded:
    """The first area (owner, code) of a layer that counts at each place (n, 2), in the units (n,) given."""
    number = np.full(len(lonlat), NO_AREA, dtype=np.int64)
    there = np.flatnonzero(~missing(lonlat))
    point, held = layer.index.holders(lonlat[there])
    offsets = np.searchsorted(point, np.arange(len(there) + 1)).astype(np.int64)
    codes = np.fromiter((key[0] for key in units.keys), dtype=object, count=len(units.keys))
    holdings = Holdings(layer, codes)
    number[there] = holdings.number(offsets, held, units.number[there])
    met, which = np.unique(number, return_inverse=True)
    sets = Coded(which.astype(np.int64), [(each,) for each in met.tolist()])

    def first(key: Key) -> Key | None:
        if key[0] == NO_AREA:
            return None
        at = holdings.members(key[0])[0]
        return str(layer.owners[at]), str(layer.codes[at])

    return sets.mapped(first)


def areas_as_decided(connection: Connection, layer: str, revisions: Indices, lonlat: Floats, units: Coded) -> Coded:
    """The same by the areas in force in the revision (n,) of each decision.

    Areas are read once for each time that the layer changed, not for each revision.
    """
    turned = np.array(_turned(connection, layer), dtype=np.int64)
    epoch = np.searchsorted(turned, revisions, side="right")
    number = np.full(len(revisions), NONE, dtype=np.int64)
    known: dict[Key, int] = {}
    for each in np.unique(epoch[epoch > 0]).tolist():
        held = load_areas(connection, int(turned[each - 1]), only=[layer])
        if layer not in held:
            continue
        which: NDArray[np.int64] = np.flatnonzero(epoch == each)
        part = areas_of(held[layer], lonlat[which], units.part(which))
        mine = [known.setdefault(key, len(known)) for key in part.keys]
        number[which] = np.array([*mine, NONE], dtype=np.int64)[part.number]
    return Coded(number, list(known))


def _turned(connection: Connection, layer: str) -> Sequence[int]:
    """The revisions in which a layer of areas began or changed."""
    found: set[int | None] = set()
    for table, column in ((area, area.c.layer), (area_layer, area_layer.c.code)):
        for bound in (table.c.from_revision, table.c.to_revision):
            found |= set(connection.execute(select(bound).where(column == layer).distinct()).scalars())
    return sorted(each for each in found if each is not None)
