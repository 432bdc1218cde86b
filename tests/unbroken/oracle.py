"""What must hold of a published grid, told by GEOS and plain loops, and never by the code that is looked at."""

from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from gis.store.scope import EVERYTHING
from gis.store.tables import WORLD, lineage
from gis.store.versions import Query, read_rows
from grids.tables import division, unit
from tests.gis.hard_points import covers_exactly
from tests.unbroken.towns import holes_of

Row = dict[str, Any]
State = dict[str, dict[int, Row]]
"""What is in force: by table, by uid, all that a row says, geometries as WKB."""
BOOKKEEPING = ("row_id", "from_revision", "to_revision", "earlier")
TABLES = [table for table in WORLD.sorted_tables if "spatial" in table.info]
ROUNDING = 1e-11  # the grid of the store: how far a node may be off the edge that it was put into


def read_state(connection: Connection, at: int | None = None) -> State:
    """Everything in force, or at a revision."""
    return {table.name: {row["uid"]: plain(row) for row in _rows(connection, table, at)} for table in TABLES}


def _rows(connection: Connection, table: Any, at: int | None) -> Iterator[Mapping[str, Any]]:
    return read_rows(connection, table, Query(EVERYTHING, at=at))


def plain(row: Mapping[str, Any]) -> Row:
    """What a row says, without where it lies and when it holds."""
    found = {name: value for name, value in row.items() if name not in BOOKKEEPING}
    if found.get("geom") is not None:
        found["geom"] = shapely.to_wkb(found["geom"])
    return found


def assert_same(one: State, other: State, what: str = "not the same") -> None:
    """Two states are the same to the byte; else it is told of which things what is not."""
    found = []
    for table in one:
        for uid in sorted(one[table].keys() | other[table].keys()):
            a, b = one[table].get(uid, {}), other[table].get(uid, {})
            if a != b:
                told = [name for name in a | b if a.get(name) != b.get(name)]
                found.append(f"{table} {uid}: {[(name, a.get(name), b.get(name)) for name in told]}")
    assert not found, f"{what}: {found}"


def polygons(rows: Mapping[int, Row]) -> NDArray[Any]:
    """Shapes of rows, in their order."""
    found: NDArray[Any] = np.array([shapely.from_wkb(row["geom"]) for row in rows.values()], dtype=object)
    return found


def codes(rows: Mapping[int, Row]) -> list[str]:
    return [row["code"] for row in rows.values()]


def broken_coverage(state: State) -> list[str]:
    """How the units in force are no coverage without gaps; named gaps are where nobody is."""
    shapes = polygons(state["unit"])
    found = [] if shapely.is_valid(shapes).all() else ["invalid unit"]
    if not shapely.coverage_is_valid(shapes):
        return [*found, "no coverage"]
    lakes = list(polygons(state["gap"]))
    for hole in holes_of(shapely.coverage_union_all(shapes)):
        if not any(shapely.covers(lake, hole) for lake in lakes):
            found += [f"a hole without a name at {hole.representative_point()}"]
    for lake in lakes:
        found += ["a named gap over a unit"] * int(shapely.relate_pattern(lake, shapes, "T********").sum())
    return found


def broken_divisions(state: State) -> list[str]:
    """Divisions that are not the outer edges of their units."""
    units = [(row["code"], shapely.from_wkb(row["geom"])) for row in state["unit"].values()]
    found = []
    for row in state["division"].values():
        own = [shape for code, shape in units if code.startswith(row["code"])]
        if not own:
            continue
        wanted = shapely.coverage_union_all(own)
        if row["geom"] is None or not shapely.equals_exact(shapely.from_wkb(row["geom"]), wanted, 0, normalize=True):
            found.append(row["code"])
    return found


def outer(state: State) -> Any:
    """The ground of all units."""
    return shapely.coverage_union_all(polygons(state["unit"]))


def moved_edges(before: Any, after: Any) -> list[str]:
    """How the outer edges differ, once nodes are dropped that lie in an old edge."""
    found = []
    if abs(after.area - before.area) > 1e-9 * before.area:
        found.append(f"area {before.area} became {after.area}")
    known = {tuple(place) for place in shapely.get_coordinates(before).tolist()}
    places = shapely.get_coordinates(after)
    added = np.array([tuple(place) not in known for place in places.tolist()])
    off = shapely.distance(shapely.points(places[added]), before.boundary)
    if added.any() and off.max() > ROUNDING:
        found.append(f"a node {off.max()} beside the edge it was put into")
    if _rings(after, known) != _rings(before, known):
        found.append("other edges")
    return found


def _rings(shape: Any, known: set[tuple[float, ...]]) -> set[tuple[tuple[float, ...], ...]]:
    """The edges between the nodes that were known, each as its two ends; which ring they are of is told by them."""
    found = set()
    for ring in shapely.get_rings(shapely.get_parts(shapely.orient_polygons(shape))):
        nodes = [tuple(place) for place in ring.coords[:-1] if tuple(place) in known]
        found |= set(pairwise([*nodes, *nodes[:1]])) if len(nodes) > 1 else set(nodes)
    return found


def places_to_ask(state: State, random: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Places anywhere, nodes, middles of edges, all edges' places one step of a double aside: (m, 2)."""
    shapes = polygons(state["unit"])
    west, south, east, north = shapely.total_bounds(shapes)
    margin = 0.05 * max(east - west, north - south)
    anywhere = random.uniform((west - margin, south - margin), (east + margin, north + margin), (count, 2))
    nodes, of = shapely.get_coordinates(shapely.get_rings(shapely.get_parts(shapes)), return_index=True)
    first = random.permutation(np.flatnonzero(of[1:] == of[:-1]))[:count]
    middles = (nodes[first] + nodes[first + 1]) / 2
    share = random.random((len(first), 1))
    on_edges = np.concatenate([nodes[first], middles, nodes[first] * share + nodes[first + 1] * (1 - share)])
    aside = np.nextafter(on_edges, on_edges + random.choice([-1.0, 0.0, 1.0], on_edges.shape))
    return np.concatenate([anywhere, on_edges, aside])


def holders(shapes: NDArray[Any], places: NDArray[np.float64]) -> list[set[int]]:
    """The numbers of the shapes that cover each place, boundary included, as GEOS says."""
    found: list[set[int]] = [set() for _ in places]
    tree = shapely.STRtree(shapes)
    for point, shape in zip(*tree.query(shapely.points(places), predicate="intersects").tolist(), strict=True):
        found[point].add(shape)
    return found


def owners(state: State, places: NDArray[np.float64]) -> list[str | None]:
    """The code of the unit that each place belongs to: of those that cover it the lowest in byte order."""
    named = codes(state["unit"])
    return [_lowest(named, each) for each in holders(polygons(state["unit"]), places)]


def _lowest(named: list[str], numbers: set[int]) -> str | None:
    return min((named[number] for number in numbers), key=str.encode, default=None)


def wrongly_told(state: State, places: NDArray[np.float64], told: list[str | None]) -> list[str]:
    """Places of which it was told otherwise than GEOS says, rational arithmetic having the last word."""
    shapes, named, found = polygons(state["unit"]), codes(state["unit"]), []
    for place, said, own in zip(places.tolist(), told, owners(state, places), strict=True):
        if said == own:
            continue
        exact = {number for number, shape in enumerate(shapes) if covers_exactly(shape, *place)}
        if said != _lowest(named, exact):
            found.append(f"{place}: {said} was told, {_lowest(named, exact)} has it")
    return found


def badly_held(state: State, places: NDArray[np.float64]) -> list[str]:
    """Places within two units at once, or on the ground of the town in no unit and in no named gap.

    What is nearer to an edge than the grid of the store is anybody's there.
    """
    shapes, lakes = polygons(state["unit"]), polygons(state["gap"])
    whole = shapely.union_all([shapely.Polygon(part.exterior) for part in shapely.get_parts(outer(state))])
    points = shapely.points(places)
    held, found = holders(shapes, places), []
    inner = shapely.contains(whole, points) & (shapely.distance(whole.boundary, points) > ROUNDING)
    for point, numbers, is_inner in zip(points, held, inner.tolist(), strict=True):
        if len(numbers) > 1 and all(shapely.distance(shapes[each].boundary, point) > ROUNDING for each in numbers):
            found.append(f"{point} is within several units")
        if not numbers and is_inner and not (len(lakes) and shapely.distance(lakes, point).min() <= ROUNDING):
            found.append(f"{point} is in no unit and in no named gap")
    return found


def broken_lineage(connection: Connection) -> list[str]:
    """Pairs that lead from no version to no version, and a cycle among versions."""
    versions: dict[tuple[int, int, str], Any] = {}
    sorter: TopologicalSorter[tuple[int, int]] = TopologicalSorter()
    lives: dict[int, list[tuple[int, int | None]]] = {}
    for table in (unit, division):
        for uid, begun, ended in connection.execute(select(table.c.uid, table.c.from_revision, table.c.to_revision)):
            lives.setdefault(uid, []).append((begun, ended))
            versions[uid, begun, "begun"] = (uid, begun)
            versions[uid, ended, "ended"] = (uid, begun)
    for uid, each in lives.items():
        for one, other in pairwise(sorted(each, key=lambda life: life[0])):
            sorter.add((uid, other[0]), (uid, one[0]))
    found = []
    for row in connection.execute(select(lineage)):
        source = versions.get((row.from_uid, row.revision, "ended"))
        target = versions.get((row.to_uid, row.revision, "begun"))
        if source is None or target is None or row.from_uid == row.to_uid:
            found.append(f"a pair of revision {row.revision} from {row.from_uid} to {row.to_uid}")
        else:
            sorter.add(target, source)
    sorter.prepare()  # CycleError
    return found


def sources(connection: Connection, number: int) -> set[int]:
    """The uids from which the lineage of a revision leads."""
    return set(connection.execute(select(lineage.c.from_uid).where(lineage.c.revision == number)).scalars())


def codes_given_twice(connection: Connection, reused: set[str]) -> list[str]:
    """Codes of units and divisions that several uids had, or two at one revision; `reused` communities apart."""
    found = []
    for table in (unit, division):
        given: dict[str, list[tuple[int, int, float]]] = {}
        chosen = select(table.c.code, table.c.uid, table.c.from_revision, table.c.to_revision)
        for code, uid, begun, ended in connection.execute(chosen):
            given.setdefault(code, []).append((begun, float("inf") if ended is None else ended, uid))
        for code, lives in given.items():
            lives.sort()
            if any(one[1] > other[0] for one, other in pairwise(lives)):
                found.append(f"{code} at one revision")
            if len({uid for _, _, uid in lives}) > 1 and code[:12] not in reused:
                found.append(code)
    return found
