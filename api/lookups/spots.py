"""Lookups of single points at one revision, made ready: the parts that many answers share are kept as encoded JSON.

The answers are those of `api.lookups.answers.locate_answers`, of which the parts are cut; what depends on the point
alone (its place, the unit, the distance, the flags) is written anew. Routings are those of `Desk.route_all`, which is
spared the search for edges where none can be near. One thread asks, so nothing is locked.
"""

from array import array
from dataclasses import dataclass
from typing import Any
from weakref import proxy

import numpy as np
import orjson

from api.http.wire import MEDIA_TYPES
from api.lookups.answers import locate_answers
from cases.desk import Desk, Nearby, Places, near_polygons
from cases.frontiers import Frontier
from cases.reports import Case
from cases.routing import Routing
from gis.cells.shelves import Texts
from gis.spot import SpotTable
from gis.store.scope import Scope
from grids.lookup import AreaLayer, Located

CLEAR_M = 1e-3
"""So far inside its unit a point is surely in its inside, whatever was rounded."""
OUTSIDE_M = 2000.0
"""Outside all units but so near to an edge a point is answered at once."""
MOST_SCOPES = 64
MOST_PLACES = 20_000
"""Cases after which the places that routing remembers are forgotten, so that they take no more memory than that."""
MOST_COMPOSED = 20_000
"""So many sets of members are kept whole, some 30 MB; what is lost is put together anew from its parts."""
TOP = 62
ALL = (1 << TOP + 1) - 1
NONE: list[int] = []
NO_GAP = np.array([-1])
ASKED = np.ones(1, dtype=np.bool_)

Held = tuple[int, ...]
Composed = int | tuple[int, ...]
"""The number of a part, with the areas that its open layers have at a point where there are any."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Members of an answer, encoded: those of `divisions` or of one layer of `areas`, and their departments."""

    members: bytes
    departments: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """What all inner points of a unit share: the divisions, and by layer the areas, None where an edge runs through."""

    divisions: Piece
    layers: tuple[Piece | None, ...]
    wanted: int  # the layers that are None, as bits


class _Units(dict[int, bytes]):
    """The member `unit` of answers with what stands around it, encoded when it is first asked for."""

    def __init__(self, codes: Texts) -> None:
        super().__init__()
        self.codes = codes

    def __missing__(self, unit: int) -> bytes:
        found = self[unit] = b',"unit":%b,' % orjson.dumps(self.codes[unit])
        return found


class Spots:
    """What single lookups need of a desk. To make it takes a moment; it is then asked by one thread."""

    def __init__(self, desk: Desk, before: "Spots | None" = None) -> None:
        """`before` are those of another revision: what does not change is taken from there."""
        self.desk = desk
        grid = desk.grid
        self.table = SpotTable([grid.units, *(layer.index for layer in grid.areas.values())])
        self.units = _Units(grid.units.codes)
        self.names = list(grid.areas)
        self.holders = [layer.index.holders for layer in grid.areas.values()]
        drawn: dict[AreaLayer, Frontier] = (
            {} if before is None else dict(zip(before.desk.grid.areas.values(), before.frontiers, strict=True))
        )
        self.frontiers: list[Frontier] = [
            drawn.get(layer) or Frontier.of(*layer.index.edges()[:2]) for layer in grid.areas.values()
        ]
        owners = (len(owner) for layer in grid.areas.values() for owner in layer.owners)
        self.owner_length = max(owners, default=0)
        self.levels = sorted(level.length for level in grid.profile.levels)
        common = ((b"cache-control", b"no-cache"), (b"wangge-revision", b"%d" % desk.revision))
        self.headers = (*common, (b"content-type", b"application/json"))
        self.fields = b"".join([b"%b: %b\r\n" % each for each in self.headers])
        self.arrow_headers = (*common, (b"content-type", MEDIA_TYPES["arrow"].encode()))
        self.clear_end = b',"flags":[],"revision":%d}' % desk.revision
        self.near_end = b',"flags":["near_boundary"],"revision":%d}' % desk.revision
        self._views: dict[Scope, _View] = {}
        self._last: _View | None = None

    def answer(self, x: float, y: float, accuracy_m: float | None, scope: Scope) -> bytes | None:
        """The answer to a point in degrees of EPSG:4490.

        None where the ordinary way must be taken: far outside all units, or in one that the scope hides.
        """
        lon, lat, unit, metres, count = self.table.find(x, y)
        if unit < 0:
            return self._outside(lon, lat, accuracy_m, scope)
        view = self._last if self._last is not None and self._last.scope is scope else self._view(scope)
        if view.limited and not scope.allows_owner(self.desk.grid.units.codes[unit]):
            return None
        near = accuracy_m is not None and metres < accuracy_m
        parts = (
            b'{"point":',
            orjson.dumps((lon, lat)),
            self.units[unit],
            view.members(unit, lon, lat, metres, count),
            orjson.dumps(round(metres, 3)),
            self.near_end if near else self.clear_end,
        )
        return b"".join(parts)

    def _outside(self, lon: float, lat: float, accuracy_m: float | None, scope: Scope) -> bytes | None:
        """The answer to a point outside the units; None far from them, where looking for an edge takes its time."""
        point = np.array(((lon, lat),))
        if not np.isfinite(self.desk.grid.units.edge_distance(point, OUTSIDE_M)[0]):
            return None
        (place,) = locate_answers(self.desk, point, [accuracy_m], scope)
        return orjson.dumps({**place, "revision": self.desk.revision})

    def route(self, case: Case, scope: Scope) -> Routing:
        """The routing of one case."""
        lon, lat, unit, metres, _ = self.table.find(case.lon, case.lat)
        if unit < 0:
            return self.desk.route_all([case], scope)[0]
        point, accuracy = np.array(((lon, lat),)), np.array((case.accuracy_m,))
        held = [holders(point)[1] for holders in self.holders]
        offsets = [np.array((0, len(areas))) for areas in held]
        located = Located(
            np.array((unit,)), NO_GAP, dict(zip(self.names, zip(offsets, held, strict=True), strict=True))
        )
        places = self._view(scope).places(located)
        grid = self.desk.grid
        near_units: Nearby = {}
        near_areas: dict[str, Nearby] = {}
        if metres <= case.accuracy_m + CLEAR_M:
            near_units = near_polygons(grid.units, point, accuracy)
        for name, frontier in zip(self.names, self.frontiers, strict=True):
            if frontier.may_reach(point, accuracy, ASKED)[0]:
                near_areas[name] = near_polygons(grid.areas[name].index, point, accuracy)
        asset = self.desk.assets([case], point, accuracy).get(0)
        return self.desk.decide(0, case, places, near_units, near_areas, asset)

    def _view(self, scope: Scope) -> "_View":
        view = self._views.get(scope)
        if view is None:
            if len(self._views) >= MOST_SCOPES:
                self._views.clear()
            view = self._views[scope] = _View(self, scope)
        view.scope = scope  # an equal one, but next time the very same may ask: that is quicker to see
        self._last = view
        return view


class _View:
    """The pieces that one scope may see."""

    def __init__(self, spots: Spots, scope: Scope) -> None:
        # No circle: what is dropped must go at once, with the world file that it maps (the collector may be frozen).
        self.spots: Spots = proxy(spots)
        self.scope = scope
        self.limited = "" not in scope.owners
        # Beyond this length a unit's code decides neither which areas count for it nor what of them may be seen.
        self.owner_length = max(spots.owner_length, *(len(prefix) for prefix in scope.owners), 0)
        self.part_of = array("i", [-1]) * len(spots.desk.grid.units)
        self._parts: list[Part] = []
        self._part_numbers: dict[tuple[int, ...], int] = {}
        self._composed: dict[Composed, bytes] = {}
        self._divisions: dict[tuple[int, str], Piece] = {}
        self._layers: list[dict[tuple[Held, str], Piece]] = [{} for _ in spots.names]
        self._places: Places | None = None
        self._placed = 0

    def places(self, located: Located) -> Places:
        """The places of what was located, with what earlier ones left in memory."""
        self._placed += 1
        if self._places is None or self._placed > MOST_PLACES:
            self._places, self._placed = Places(self.spots.desk.grid, located, self.scope), 0
        self._places.located = located
        return self._places

    def members(self, unit: int, lon: float, lat: float, metres: float, count: int) -> bytes:
        """What stands between `unit` and the distance of a point in a unit: its divisions, areas, departments.

        `count` is what the table has just found there of other layers.
        """
        number = self.part_of[unit]
        if number < 0 or metres <= CLEAR_M:
            return self._members_anew(unit, lon, lat, metres, count)
        others = self.spots.table.found(count) if count else NONE
        key = (number, *others) if others else number
        return self._composed.get(key) or self._compose_anew(key, unit, self._parts[number], others, lon, lat)

    def _members_anew(self, unit: int, lon: float, lat: float, metres: float, count: int) -> bytes:
        """The members of a point on the edge, or of the first in its unit."""
        spots = self.spots
        code = spots.desk.grid.units.codes[unit]
        if metres <= CLEAR_M:
            part = self._part(code, ALL, lon, lat)
            return self._compose(part, code, spots.table.others(lon, lat, ALL), lon, lat)
        others = spots.table.found(count)  # before the table is asked something else
        part = self._part(code, spots.table.open_layers(unit), lon, lat)
        self._keep(unit, part)
        return self._compose(part, code, others, lon, lat)

    def _compose_anew(self, key: Composed, unit: int, part: Part, others: list[int], lon: float, lat: float) -> bytes:
        if len(self._composed) >= MOST_COMPOSED:
            self._composed.clear()
        code = self.spots.desk.grid.units.codes[unit]
        found = self._composed[key] = self._compose(part, code, others, lon, lat)
        return found

    def _compose(self, part: Part, code: str, others: list[int], lon: float, lat: float) -> bytes:
        found = list(part.layers)
        if None in found:
            held = _by_layer(others, len(found))
            found = [self._layer(k, held[k], code, lon, lat) if each is None else each for k, each in enumerate(found)]
        told = [each.departments for each in (part.divisions, *found) if each and each.departments]
        areas = b",".join([each.members for each in found if each])
        return b'"divisions":%b,"areas":{%b},"departments":[%b],"gap":null,"boundary_distance_m":' % (
            part.divisions.members,
            areas,
            b",".join(told),
        )

    def _part(self, code: str, wanted: int, lon: float, lat: float) -> Part:
        """What the inner points of a unit share, asked at one of them; the layers `wanted` stay open."""
        length = max((each for each in self.spots.levels if each < len(code)), default=0)
        stem = len(code), code[:length]
        if stem not in self._divisions:
            whole = self._whole(lon, lat)
            self._divisions[stem] = Piece(orjson.dumps(whole["divisions"]), _departments(whole, "division", None))
        count = len(self._layers)
        held = _by_layer(self.spots.table.others(lon, lat, ALL & ~wanted), count)
        layers = (None if wanted >> min(k, TOP) & 1 else self._layer(k, held[k], code, lon, lat) for k in range(count))
        return Part(self._divisions[stem], tuple(layers), wanted)

    def _keep(self, unit: int, part: Part) -> None:
        """Let the unit have the part from now on, or an equal one before it."""
        name = part.wanted, id(part.divisions), *(id(each) for each in part.layers)
        number = self._part_numbers.setdefault(name, len(self._parts))
        if number == len(self._parts):
            self._parts.append(part)
        self.part_of[unit] = number

    def _layer(self, layer: int, held: Held, code: str, lon: float, lat: float) -> Piece:
        key = held, code[: self.owner_length]
        piece = self._layers[layer].get(key)
        if piece is None:
            whole, name = self._whole(lon, lat), self.spots.names[layer]
            areas = orjson.dumps({name: whole["areas"][name]})[1:-1]  # a member without the braces around it
            piece = self._layers[layer][key] = Piece(areas, _departments(whole, "area", name))
        return piece

    def _whole(self, lon: float, lat: float) -> dict[str, Any]:
        return locate_answers(self.spots.desk, np.array(((lon, lat),)), [None], self.scope)[0]


def _by_layer(others: list[int], count: int) -> list[Held]:
    """The areas of each layer, from those of all."""
    held: list[list[int]] = [[] for _ in range(count)]
    for each in others:
        held[each >> 32].append(each & 0xFFFFFFFF)
    return [tuple(each) for each in held]


def _departments(whole: dict[str, Any], role: str, layer: str | None) -> bytes:
    """Some of an answer's departments, without the brackets around them."""
    chosen = [each for each in whole["departments"] if each["role"] == role and layer in (None, each["layer"])]
    return orjson.dumps(chosen)[1:-1]
