"""Whether a delivery lies where its coordinate system says, told by the records in force and by the city's boundary.

Nothing is converted here: what looks wrong is told with its figures and with the system that it is likely in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection

from components.samples import Sample
from components.tables import component
from gis import crs as reference
from gis import likely, recognition
from gis.crs import Crs, CrsLike
from gis.delivery import Delivery
from gis.errors import Fault, Refusal
from gis.metres import Floats
from gis.nearest import FeatureIndex
from gis.recognition import HYPOTHESES, SAID, Verdict
from gis.store.packed import Packed, pack
from gis.store.revisions import Change
from gis.store.scope import EVERYTHING
from gis.store.versions import Query, bounds, read_columns
from gis.store.vicinity import read_uids
from grids.tables import division, unit

MOST = 2_000
"""So many witnesses are heard, spread over the delivery."""
NEIGHBOURS = 300
REACH_M = 50.0
AROUND = 0.02
"""Degrees about the units within which a delivery may lie without being suspect; more than any shift."""
FEW = 0.1


def examine(
    connection: Connection,
    delivery: Delivery,
    sample: Sample,
    crs: CrsLike | None,
    owner: str,
    local: Iterable[Crs] = (),
) -> list[Fault]:
    """What shows that a delivery of features is in another system than it is said to be in.

    Faults: crs_shifted (error) and crs_doubtful (warning) for GCJ-02 and BD-09, crs_contradicted (error) for
    coordinates that lie elsewhere and fit another system. `local` are further systems to try.
    """
    said = crs or sample.crs
    change = next((each for each in delivery.changes if each.table.info.get("spatial")), None)
    if sample.geometry is None or said is None or change is None:
        return []
    area = bounds(connection, unit, Query(EVERYTHING, at=delivery.base))
    packed = pack(change.table, change.created)
    rows = packed.where(packed.has_geometry)
    if area is not None:
        around = (area[0] - AROUND, area[1] - AROUND, area[2] + AROUND, area[3] + AROUND)
        if _is_elsewhere(delivery, sample, rows, around):
            return _contradicted(sample.geometry, str(said), around, local)
    try:
        system = reference.parse(said)
    except Refusal:
        return []
    if not len(rows) or system.name in recognition.SHIFTED:
        return []
    verdict = _judge(connection, delivery, change, rows, owner)
    fault = recognition.fault_of(verdict, system.name)
    return [] if fault is None else [fault]


def trusted(faults: Sequence[Fault]) -> list[Fault]:
    """The same as warnings: a person has said that the system is right all the same."""
    return [replace(fault, severity="warning") for fault in faults]


def _is_elsewhere(delivery: Delivery, sample: Sample, rows: Packed, around: likely.Bounds) -> bool:
    """Whether most of a delivery lies in no place at all, or nearly nothing of it about the units."""
    lost = (fault for fault in delivery.faults if fault.code == "coordinates_out_of_range")
    if any(fault.row is None for fault in lost) or 2 * sample.lost > sample.rows:
        return True
    if not len(rows):
        return False
    lonlat = _places(_sample(rows, MOST))
    return bool(np.mean(shapely.contains_xy(shapely.box(*around), *lonlat.T)) < FEW)


def _contradicted(geometry: NDArray[Any], said: str, around: likely.Bounds, local: Iterable[Crs]) -> list[Fault]:
    there = geometry[~shapely.is_missing(geometry) & ~shapely.is_empty(geometry)]
    if not len(there):
        return []
    xy = np.array([shapely.get_coordinates(each)[0] for each in _sample(there, likely.SAMPLE)])
    candidates = [each for each in likely.find_likely(xy, around, local=local) if each.name != said or each.is_swapped]
    fault = likely.fault_of(candidates, said, xy)
    return [] if fault is None else [fault]


def _judge(connection: Connection, delivery: Delivery, change: Change, rows: Packed, owner: str) -> Verdict:
    is_component = change.table is component
    boundary = _boundary(connection, delivery.base, owner) if is_component else []
    inside = {}
    if boundary:
        inside = recognition.shares_inside(recognition.hypotheses(_places(_sample(rows, MOST))), boundary)
    known = _sample(rows.where(rows.uids != 0), MOST)
    metres: dict[str, Floats] = {}
    if known:
        uids = [row["uid"] for row in known]
        before = {row["uid"]: row["geom"] for row in read_uids(connection, change.table, delivery.base, uids)}
        pairs = [row for row in known if before.get(row["uid"]) is not None]
        if pairs:
            recorded = _centres(np.array([before[row["uid"]] for row in pairs], dtype=object))
            metres = recognition.distances(recognition.hypotheses(_places(pairs)), recorded)
    if delivery.counts.same:  # those that lie where they lay are witnesses too
        count = min(delivery.counts.same, MOST)
        metres = {
            name: np.concatenate([metres.get(name, np.empty(0)), np.full(count, 0.0 if name == SAID else np.inf)])
            for name in HYPOTHESES
        }
    if len(metres.get(SAID, ())) >= recognition.LEAST_VOTES["code"] or not is_component:
        return recognition.judge(metres, "code", inside, len(rows))
    found = _nearest(connection, delivery.base, rows.where(rows.uids == 0))
    return recognition.judge(found, "class", inside, len(rows))


def _nearest(connection: Connection, base: int, rows: Packed) -> dict[str, Floats]:
    """Metres from the nearest record of the class under each hypothesis, of new components that lie close together."""
    if not len(rows):
        return {}
    middles = rows.middles
    near = list(rows.part(np.argsort(np.hypot(*(middles - np.median(middles, axis=0)).T))[:NEIGHBOURS]))
    lonlat = _places(near)
    classes = np.array([f"{row['edition']} {row['class_code']}" for row in near])
    (west, south), (east, north) = lonlat.min(axis=0) - AROUND, lonlat.max(axis=0) + AROUND
    query = Query(EVERYTHING, at=base, box=(float(west), float(south), float(east), float(north)))
    there = read_columns(connection, component, query, ("edition", "class_code", "geom"))
    if not len(there["geom"]):
        return {}
    of = np.array([f"{edition} {code}" for edition, code in zip(there["edition"], there["class_code"], strict=True)])
    index = FeatureIndex.build(there["geom"], of)
    reach = np.full(len(lonlat), REACH_M)
    found = {
        name: np.where((answer := index.nearest(places, classes, reach))[0] >= 0, answer[1], np.inf)
        for name, places in recognition.hypotheses(lonlat).items()
    }
    heard = np.isfinite(np.column_stack(list(found.values()))).any(axis=1)
    return {name: metres[heard] for name, metres in found.items()}


def _boundary(connection: Connection, base: int, owner: str) -> list[Any]:
    """The ground of the owner's division; of the widest divisions that have one where the owner's has none."""
    columns = read_columns(connection, division, Query(EVERYTHING, at=base), ("code", "geom"))
    shapes = {code: geom for code, geom in zip(columns["code"], columns["geom"], strict=True) if geom is not None}
    if owner in shapes:
        return [shapes[owner]]
    shortest = min((len(code) for code in shapes), default=0)
    return [geom for code, geom in shapes.items() if len(code) == shortest]


def _sample(rows: Any, most: int) -> list[Any]:
    if len(rows) <= most:
        return list(rows)
    return [rows[at] for at in np.linspace(0, len(rows) - 1, most).astype(np.int64).tolist()]


def _places(rows: Sequence[Any]) -> Floats:
    return _centres(np.array([row["geom"] for row in rows], dtype=object))


def _centres(geometries: NDArray[Any]) -> Floats:
    return np.asarray(shapely.get_coordinates(shapely.centroid(geometries)), dtype=np.float64)
