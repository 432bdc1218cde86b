"""The inventory of one revision, ready to be asked which component a report means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from components.tables import component
from gis.metres import Floats, Indices
from gis.nearest import FeatureIndex
from gis.store.scope import EVERYTHING
from gis.store.versions import Query, read_columns

USUAL_ACCURACY_M = 1.0
"""The survey accuracy of a component that states none: the middle class of the surveys (±0.5, ±1, ±10 m)."""

FIELDS = ("code", "edition", "class_code", "state", "supervisor_code", "owner_code", "maintainer_code", "accuracy_m")


@dataclass(frozen=True, slots=True)
class Inventory:
    """n components. `columns` are FIELDS, object arrays (n,); `accuracy_m` (n,) float64 has no gaps."""

    index: FeatureIndex
    columns: Mapping[str, NDArray[Any]]
    accuracy_m: Floats
    by_code: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.accuracy_m)

    def within(self, lonlat: Floats, classes: NDArray[Any], accuracy_m: Floats) -> tuple[Indices, Indices, Floats]:
        """The components that reports (m,) of a class ("edition code") at `lonlat` (m, 2) may mean.

        A component is in reach when it lies within the report's accuracy plus its own. Gives (report (k,), component
        (k,), metres (k,)), by report, then by distance, then in the order of codes.
        """
        widest = float(self.accuracy_m.max(initial=0.0))
        report, found, metres = self.index.within(lonlat, classes, accuracy_m + widest)
        meant = metres <= accuracy_m[report] + self.accuracy_m[found]
        report, found, metres = report[meant], found[meant], metres[meant]
        order = np.lexsort((found, metres, report))
        return report[order], found[order], metres[order]

    def distance(self, lonlat: Floats, member: int) -> float:
        """Metres from one point (2,) to one component."""
        return float(self.index.paths.distances(lonlat[None], np.zeros(1, np.int64), np.array([member]))[0])


def class_name(edition: str, code: str) -> str:
    """How the index names a class: the same code means different things in different editions."""
    return f"{edition} {code}"


def load_inventory(connection: Connection, at: int) -> Inventory:
    """Read the components of revision `at`."""
    columns = read_columns(connection, component, Query(EVERYTHING, at=at), (*FIELDS, "geom"))
    classes = np.array(
        [class_name(edition, code) for edition, code in zip(columns["edition"], columns["class_code"], strict=True)],
        dtype=object,
    )
    accuracy = [USUAL_ACCURACY_M if metres is None else metres for metres in columns["accuracy_m"]]
    return Inventory(
        FeatureIndex.build(columns.pop("geom"), classes.astype(str)),
        columns,
        np.array(accuracy, dtype=np.float64),
        {code: number for number, code in enumerate(columns["code"])},
    )
