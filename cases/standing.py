"""How cases stand now: one row each, kept with every decision and outcome, and what is looked up in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, and_, bindparam, insert, select, update

from cases.handling import STATES, HandOffs, measure
from cases.handoffs import HandOff
from cases.reports import Case
from cases.tables import standing
from gis.metres import per_degree

CELL_DEG: Final = 0.002
"""The side of a cell: 220 m from south to north, so that a usual search looks at one to four."""
PER_ROW: Final = 1 << 18
"""More than the cells of a parallel, 180,000."""
NEAR_M: Final = 30.0
WINDOW: Final = timedelta(days=7)
MOST_SIMILAR: Final = 20
MOST_LOOKED_AT: Final = 2000
AT_ONCE: Final = 300
KEY: Final = ("source", "case_id")
UNTOLD: Final[Mapping[str, Any]] = {
    "is_open": True,
    "outcome": None,
    "state": STATES[0],
    "first": None,
    "handler": None,
    "returns": 0,
    "passed": False,
    "reworks": 0,
    "days_lost": 0.0,
}
"""What stands of a case of which no hand-off was told."""


@dataclass(frozen=True, slots=True)
class Similar:
    """An open case that may be the same as another, `distance_m` metres from it."""

    source: str
    case_id: str
    distance_m: float
    reported_at: datetime
    department: str | None
    component: str | None
    unit: str | None

    def as_dict(self) -> dict[str, Any]:
        """JSON members."""
        return {
            "source": self.source,
            "id": self.case_id,
            "distance_m": round(self.distance_m, 1),
            "reported_at": self.reported_at.astimezone(UTC).isoformat(),
            "department": self.department,
            "component": self.component,
            "unit": self.unit,
        }


def cell_of(lon: float, lat: float) -> int:
    """The number of the cell that holds a place; those of a parallel follow each other."""
    return _line(lat) * PER_ROW + _column(lon)


def _line(lat: float) -> int:
    return int(np.floor((lat + 90) / CELL_DEG))


def _column(lon: float) -> int:
    return int(np.floor((lon + 180) / CELL_DEG))


def standing_row(
    case: Case | None,
    name: tuple[str, str],
    position: int,
    received_at: datetime,
    unit: str | None,
    department: str | None,
    component: str | None,
) -> dict[str, Any]:
    """The row of a case as its decision leaves it, without what its outcome says; `case` None for an unreadable one."""
    row: dict[str, Any] = {"source": name[0], "case_id": name[1], "decision": position, "unit": unit}
    row |= {"department": department, "component": component, "reported_at": received_at}
    row |= dict.fromkeys(("edition", "kind", "class_code", "lon", "lat", "accuracy_m", "cell"))
    if case is not None:
        row |= {"edition": case.edition, "kind": case.kind, "class_code": case.class_code}
        row |= {"lon": case.lon, "lat": case.lat, "accuracy_m": case.accuracy_m, "cell": cell_of(case.lon, case.lat)}
        row["reported_at"] = case.reported_at or received_at
        row["component"] = component or case.component_code
    return row


def put_standings(log: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep the rows of `standing_row`, in the place of those of older versions; what an outcome said stays."""
    known = known_standings(log, [(row["source"], row["case_id"]) for row in rows])
    new = [{**row, **UNTOLD} for row in rows if (row["source"], row["case_id"]) not in known]
    old = [row for row in rows if (row["source"], row["case_id"]) in known]
    if new:
        log.execute(insert(standing), new)
    for row in old:
        values = {name: value for name, value in row.items() if name not in KEY}
        log.execute(update(standing).where(_is(row["source"], row["case_id"])).values(**values))


def put_outcomes(log: Connection, told: Sequence[tuple[str, str, int, Sequence[HandOff]]]) -> None:
    """Keep what the newest lists of hand-offs come to: source, id, the outcome's position and the list of each case."""
    numbers: dict[str, int] = {}
    found = measure(HandOffs.of([hand_offs for *_, hand_offs in told], numbers))
    codes = list(numbers)
    rows = []
    for at, (source, case_id, position, hand_offs) in enumerate(told):
        first, handler = int(found.first[at]), int(found.handler[at])
        state = STATES[int(found.state[at])]
        rows.append(
            {
                "b_source": source,
                "b_case_id": case_id,
                "is_open": state not in ("closed", "void") or not hand_offs,
                "outcome": position,
                "state": state,
                "first": None if first < 0 else codes[first],
                "handler": None if handler < 0 else codes[handler],
                "returns": int(found.returns[at]),
                "passed": bool(found.passed[at]),
                "reworks": int(found.reworks[at]),
                "days_lost": float(found.days_lost[at]),
            }
        )
    if rows:
        mine = and_(standing.c.source == bindparam("b_source"), standing.c.case_id == bindparam("b_case_id"))
        values: dict[str, Any] = {name: bindparam(name) for name in UNTOLD}
        log.execute(update(standing).where(mine).values(values), rows)


def known_standings(log: Connection, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str | None]:
    """Those of the cases (source, id) that were taken in, with their units."""
    columns = (standing.c.source, standing.c.case_id, standing.c.unit)
    found: dict[tuple[str, str], str | None] = {}
    by_source: dict[str, list[str]] = {}
    for source, case_id in names:
        by_source.setdefault(source, []).append(case_id)
    for source, ids in by_source.items():
        for start in range(0, len(ids), AT_ONCE):
            meant = and_(standing.c.source == source, standing.c.case_id.in_(ids[start : start + AT_ONCE]))
            found |= {(row[0], row[1]): row[2] for row in log.execute(select(*columns).where(meant))}
    return found


def find_similar(log: Connection, case: Case, component: str | None, at: datetime) -> list[Similar]:
    """The open cases of the class or component of a case, within its accuracy + 30 m and 7 days of `at`, nearest first.

    At most MOST_SIMILAR. Found by index: by class and cell, and by component; never by looking at every case.
    """
    reach = case.accuracy_m + NEAR_M
    per_lon, per_lat = (float(each) for each in per_degree(case.lat))
    rows: dict[tuple[str, str], Any] = {}
    for meant in _searches(case, component, reach / per_lon, reach / per_lat):
        chosen = select(*(standing.c[name] for name in COLUMNS)).where(
            standing.c.is_open.is_(True), meant, standing.c.reported_at.between(at - WINDOW, at + WINDOW)
        )
        for row in log.execute(chosen.limit(MOST_LOOKED_AT)):
            rows[row.source, row.case_id] = row
    rows.pop((case.source, case.id), None)
    found = []
    for row in rows.values():
        metres = float(np.hypot((row.lon - case.lon) * per_lon, (row.lat - case.lat) * per_lat))
        if metres <= reach:
            told = (row.reported_at, row.department, row.component, row.unit)
            found.append(Similar(row.source, row.case_id, metres, *told))
    return sorted(found, key=lambda each: (each.distance_m, each.source, each.case_id))[:MOST_SIMILAR]


COLUMNS = ("source", "case_id", "lon", "lat", "reported_at", "department", "component", "unit")


def _searches(case: Case, component: str | None, half_lon: float, half_lat: float) -> list[Any]:
    """Conditions that one index each answers: a line of cells of the class, or the component."""
    searches = []
    column = standing.c
    if case.class_code is not None:
        alike = [column.class_code == case.class_code, column.kind == case.kind, column.edition == case.edition]
        first, last = _column(case.lon - half_lon), _column(case.lon + half_lon)
        for line in range(_line(case.lat - half_lat), _line(case.lat + half_lat) + 1):
            within = column.cell.between(line * PER_ROW + first, line * PER_ROW + last)
            searches.append(and_(*alike, within))
    named = component or case.component_code
    if named is not None:
        searches.append(and_(column.component == named, column.lon.is_not(None)))
    return searches


def _is(source: str, case_id: str) -> Any:
    return and_(standing.c.source == source, standing.c.case_id == case_id)


def find_standing(log: Connection, source: str, case_id: str) -> Mapping[str, Any] | None:
    """How a case stands, None when none of this name was taken in."""
    found = log.execute(select(standing).where(_is(source, case_id))).mappings().first()
    return None if found is None else dict(found)
