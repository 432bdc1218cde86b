"""Read what statistics count: cases as they stand, from the log; components in force, from the world."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from sqlalchemy import Connection, select, type_coerce
from sqlalchemy.types import NullType

from cases.handling import STATES, Handlings
from cases.measured import Asked, conditions_of
from cases.statistics.columns import Coded, Indices, Words, together
from cases.statistics.sums import ADVICE, CaseFacts
from cases.tables import decision, standing
from components.tables import component
from gis.metres import Floats
from gis.store.scope import Scope
from gis.store.types import read_shapes, read_times
from gis.store.versions import Query, conditions

PAGE: Final = 50_000
_TEXTS: Final = ("source", "edition", "kind", "class_code", "unit", "department", "first", "handler")
_NUMBERS: Final = {"returns": np.int64, "passed": np.bool_, "reworks": np.int64, "days_lost": np.float64}
_READ: Final = (*_TEXTS, "state", "outcome", *_NUMBERS, "lon", "lat")
_CLASS: Final = ("edition", "kind", "class_code")
BODIES: Final = {"department", "first", "handler"}


def read_cases(log: Connection, asked: Asked) -> CaseFacts:
    """The cases that were taken in, as columns: some 300 bytes for each while they are read."""
    words = {name: Words() for name in _TEXTS if name not in BODIES} | dict.fromkeys(BODIES, Words())
    parts: list[dict[str, Any]] = [_columns([], words)]
    parts += [_columns(page, words) for page in _pages(log, asked)]
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    coded = {name: words[name].coded(whole[name]) for name in _TEXTS}
    handlings = Handlings(**{name: whole[name] for name in ("state", "first", "handler", *_NUMBERS)})
    columns: dict[str, Any] = {name: whole[name] for name in ("advice", "told", "reported_at", "revision", "lonlat")}
    columns |= {name: coded[name] for name in ("unit", "department", "first", "handler", "source")}
    return CaseFacts(handlings, **columns, classes=together([coded[name] for name in _CLASS]))


def _pages(log: Connection, asked: Asked) -> Iterator[Sequence[Any]]:
    """The rows piece by piece as the store has them: in the order of a key it would look each one up."""
    reported = type_coerce(standing.c.reported_at, NullType()).label("reported_at")  # all at once, not one by one
    chosen = select(*(standing.c[name] for name in _READ), reported, decision.c.advice, decision.c.revision)
    chosen = chosen.join_from(standing, decision, standing.c.decision == decision.c.position)
    rows = log.execute(chosen.where(*conditions_of(asked)), execution_options={"yield_per": PAGE})
    yield from rows.partitions()


def _columns(page: Sequence[Any], words: dict[str, Words]) -> dict[str, Any]:
    names = (*_READ, "reported_at", "advice", "revision")
    held = dict(zip(names, zip(*page, strict=True) if page else [()] * len(names), strict=True))
    made: dict[str, Any] = {name: words[name].number(held[name]) for name in _TEXTS}
    made |= {name: np.array(held[name], dtype=kind) for name, kind in _NUMBERS.items()}
    made["state"] = np.array([STATES.index(each) for each in held["state"]], dtype=np.int64)
    made["advice"] = np.array([ADVICE.index(each) for each in held["advice"]], dtype=np.int64)
    made["told"] = np.array([each is not None for each in held["outcome"]], dtype=np.bool_)
    made["reported_at"] = read_times(held["reported_at"])
    made["revision"] = np.array(held["revision"], dtype=np.int64)
    made["lonlat"] = np.array([held["lon"], held["lat"]], dtype=np.float64).T.reshape(-1, 2)
    return made


@dataclass(frozen=True, slots=True, eq=False)
class Stock:
    """The components of a revision: n columns, and the place (n, 2) of each, of a line or polygon a point on it."""

    columns: dict[str, Coded]
    lonlat: Floats


BODIES_OF: Final = ("supervisor", "owner", "maintainer")


def read_stock(connection: Connection, at: int, scope: Scope) -> Stock:
    """The components in force at revision `at` with their `class` (edition, kind, code), `state` and bodies."""
    texts = ("edition", "class_code", "state", *(f"{name}_code" for name in BODIES_OF))
    column = component.c
    chosen = select(*(column[name] for name in texts), type_coerce(column.geom, NullType()).label("geom"))
    rows = connection.execute(chosen.where(conditions(component, Query(scope, at=at)))).all()
    held = dict(zip((*texts, "geom"), zip(*rows, strict=True) if rows else [()] * (len(texts) + 1), strict=True))
    coded = {name: _coded(held[name]) for name in texts}
    classes = together([coded["edition"], coded["class_code"]]).mapped(lambda key: (key[0], "component", key[1]))
    columns = {"class": classes, "state": coded["state"]} | {name: coded[f"{name}_code"] for name in BODIES_OF}
    return Stock(columns, _places(held["geom"]))


def _coded(values: Sequence[Any]) -> Coded:
    words = Words()
    number: Indices = words.number([each or None for each in values])
    return words.coded(number)


def _places(held: Sequence[Any]) -> Floats:
    shapes = np.fromiter(read_shapes(held), dtype=object, count=len(held))
    points = np.where(shapely.get_type_id(shapes) == 0, shapes, shapely.point_on_surface(shapes))
    return np.column_stack([shapely.get_x(points), shapely.get_y(points)]).reshape(-1, 2)
