"""The inventory of one revision, ready to be asked which component a report means."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Connection

from components.tables import component
from gis.heap.lines import Heap
from gis.heap.records import get_columns, put_columns
from gis.metres import Floats, Indices
from gis.names import Names
from gis.nearest import FeatureIndex
from gis.store.scope import EVERYTHING
from gis.store.versions import Query, read_changed, read_codes, read_columns

USUAL_ACCURACY_M = 1.0
"""The survey accuracy of a component that states none: the middle class of the surveys (±0.5, ±1, ±10 m)."""

FIELDS = ("code", "edition", "class_code", "state", "supervisor_code", "owner_code", "maintainer_code")


@dataclass(frozen=True, slots=True)
class Inventory:
    """n components. `columns` are FIELDS, columns (n,) of text; `accuracy_m` (n,) float64 has no gaps.

    `names` tells the number of a code, of equal codes the last.
    """

    index: FeatureIndex
    columns: Mapping[str, pa.Array]
    accuracy_m: Floats
    names: Names

    @classmethod
    def of(cls, index: FeatureIndex, columns: Mapping[str, NDArray[Any]], accuracy_m: Floats) -> Self:
        """From an index and FIELDS as object arrays (n,) in its order."""
        texts = {name: _text_column(name, columns[name]) for name in FIELDS}
        return cls(index, texts, accuracy_m, Names.of(texts["code"]))

    @classmethod
    def read(cls, heap: Heap, told: Mapping[str, Any]) -> Self:
        """The inventory that `tell` wrote, read where it lies."""
        columns = get_columns(heap, told["columns"])
        accuracy = columns.pop("accuracy_m").to_numpy()
        return cls(FeatureIndex.read(heap, told["index"]), columns, accuracy, Names.read(heap, told["names"]))

    def tell(self, heap: Heap) -> dict[str, Any]:
        """Write the inventory to a heap; where it is, as JSON values for `read`."""
        columns = put_columns(heap, {**self.columns, "accuracy_m": pa.array(self.accuracy_m)})
        return {"index": self.index.tell(heap), "columns": columns, "names": self.names.tell(heap)}

    def texts(self, name: str) -> NDArray[Any]:
        """A column as an object array (n,), None where there is nothing."""
        found: NDArray[Any] = self.columns[name].cast(pa.string()).to_numpy(zero_copy_only=False).astype(object)
        return found

    def text(self, name: str, member: int) -> str | None:
        """One value of a column."""
        found: str | None = self.columns[name][member].as_py()
        return found

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


MANY, LEAST_MANY = 0.05, 1_000
"""Of how many components, as a share and at least, all are read anew when they change."""
COLUMNS = (*FIELDS, "accuracy_m", "geom")


def load_inventory(connection: Connection, at: int) -> Inventory:
    """Read the components of revision `at`."""
    return make_inventory(read_columns(connection, component, Query(EVERYTHING, at=at), COLUMNS))


def make_inventory(columns: dict[str, NDArray[Any]]) -> Inventory:
    """The inventory of COLUMNS as object arrays (n,)."""
    classes = np.array(
        [class_name(edition, code) for edition, code in zip(columns["edition"], columns["class_code"], strict=True)],
        dtype=object,
    )
    accuracy = _accuracies(columns["accuracy_m"])
    index = FeatureIndex.build(columns.pop("geom"), classes.astype(str))
    return Inventory.of(index, columns, accuracy)


def renew_inventory(inventory: Inventory, codes: Collection[str], columns: dict[str, NDArray[Any]]) -> Inventory:
    """The inventory in which components of some codes are others: those of COLUMNS, by code (and uid), and no more.

    It is the one that `make_inventory` makes of all; the components of other codes are not looked at again.
    """
    known = inventory.columns["code"]
    kept = np.ones(len(inventory), dtype=np.bool_)
    for code in codes:
        kept[_first(known, code) : _first(known, code, behind=True)] = False
    new = columns["code"]
    stay = np.flatnonzero(kept)
    passed = np.concatenate([[0], np.cumsum(kept)])  # how many stay before each place
    places = [int(passed[_first(known, code)]) for code in new]
    order = np.insert(stay, places, len(inventory) + np.arange(len(new))).astype(np.int64)
    classes = [class_name(*each) for each in zip(columns["edition"], columns["class_code"], strict=True)]
    index = inventory.index.renewed(order, columns["geom"], np.array(classes, dtype=str))
    texts = {name: _joined(name, inventory.columns[name], columns[name], order) for name in FIELDS}
    accuracy = np.concatenate([inventory.accuracy_m, _accuracies(columns["accuracy_m"])])[order]
    return Inventory(index, texts, accuracy, Names.of(texts["code"]))


def advance_inventory(connection: Connection, inventory: Inventory, since: int, at: int) -> Inventory:
    """The inventory of revision `at` from that of `since`: what few components changed is read, not all."""
    parts = read_changed(connection, component, since, at, ("code",))
    codes = {code for part in parts for code in part["code"].tolist()}
    if len(codes) > max(LEAST_MANY, MANY * len(inventory)):
        return load_inventory(connection, at)
    return renew_inventory(inventory, codes, read_codes(connection, component, at, codes, COLUMNS))


def _first(codes: pa.Array, code: str, behind: bool = False) -> int:
    """Where a code begins among sorted ones, or where what is behind it does. Texts sort as their UTF-8 bytes do."""
    low, high = 0, len(codes)
    while low < high:
        middle = (low + high) // 2
        held = codes[middle].as_py()
        if held < code or (behind and held == code):
            low = middle + 1
        else:
            high = middle
    return low


def _joined(name: str, old: pa.Array, new: NDArray[Any], order: Indices) -> pa.Array:
    whole = pa.concat_arrays([old.cast(pa.string()), pa.array(new.tolist(), pa.string())]).take(pa.array(order))
    return whole if name == "code" else whole.dictionary_encode()


def _accuracies(metres: NDArray[Any]) -> Floats:
    return np.array([USUAL_ACCURACY_M if each is None else each for each in metres], dtype=np.float64)


def _text_column(name: str, values: NDArray[Any]) -> pa.Array:
    """Codes as they are; what repeats is kept once."""
    column = pa.array(values.tolist(), pa.string())
    return column if name == "code" else column.dictionary_encode()
