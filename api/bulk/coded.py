"""`wangge route --because codes`: batches routed in columns, and the answers as Arrow columns."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from api.bulk.tallies import UNROUTED, Tally
from cases.batch import Answers, route_batch
from cases.clerk import Clerk
from cases.codes import Worded, flags_of, worded_advice, worded_flags, worded_outcome, worded_reasons
from cases.columns import read_columns
from cases.reports import Defaults
from gis.metres import Floats

HALF = 1e-6
"""How near a number of last decimals must come to a half for its rounding to be done in decimals."""


class CodedDesk:
    """A clerk with the texts of its desk as Arrow arrays."""

    def __init__(self, clerk: Clerk) -> None:
        self.clerk = clerk
        self.units = pa.array(clerk.desk.grid.units.codes.all().tolist(), pa.string())
        self.components = clerk.desk.inventory.columns["code"]
        self.names = clerk.desk.inventory.names

    def answer(
        self, columns: Mapping[str, pa.Array], rows: NDArray[np.int64], defaults: Defaults
    ) -> tuple[dict[str, pa.Array], Tally]:
        """The columns that `route` adds to a batch of n rows, a bad row's empty; and the counts."""
        clerk = self.clerk
        read = read_columns(columns, defaults, rows, self.names, clerk.desk.book.calendar)
        answers = route_batch(clerk, read.batch)
        count = len(rows)
        worded = {
            "department": worded_outcome(answers, clerk.told("department")),
            "department_name": worded_outcome(answers, clerk.told("name")),
            "advice": worded_advice(answers),
            "rule": worded_outcome(answers, clerk.told("rule")),
            "area": worded_outcome(answers, clerk.told("area")),
            "flags": worded_flags(answers),
            "because": worded_reasons(clerk, answers),
        }
        scatter = None if len(read.rows) == count else (read.rows, count)
        metres = _spread(np.where(answers.component >= 0, rounded(answers.metres), np.nan), scatter, np.nan)
        known = _spread(np.ones(len(read.rows), dtype=np.bool_), scatter, False)
        added = {name: _dictionary(each, scatter) for name, each in worded.items()}
        added |= {
            "unit": self.units.take(_indices(_spread(answers.unit, scatter, -1))),
            "component": self.components.take(_indices(_spread(answers.component, scatter, -1))),
            "component_distance_m": pa.array(metres, mask=np.isnan(metres)),
            "revision": pa.array(np.full(count, clerk.desk.revision, dtype=np.int64), mask=~known),
        }
        tally = self._tally(answers, worded)
        tally.rows = count
        tally.add_faults(read.faults)
        return added, tally

    def _tally(self, answers: Answers, worded: Mapping[str, Worded]) -> Tally:
        tally = Tally(total=len(answers.unit))
        tally.names = counted(worded["department_name"])
        tally.advice = counted(worded["advice"])
        masks, counts = np.unique(answers.flags, return_counts=True)
        for mask, times in zip(masks.tolist(), counts.tolist(), strict=True):
            tally.flags.update(dict.fromkeys(flags_of(mask), times))
        told = self.clerk.told("department")
        nobody = np.array([text is None for text in told.texts], dtype=np.bool_)[told.numbers[answers.outcome]]
        unit, gap, outcome = (each[nobody] for each in (answers.unit, answers.gap, answers.outcome))
        tally.lost[UNROUTED[0]] = int(((unit < 0) & (gap < 0)).sum())
        tally.lost[UNROUTED[1]] = int(((unit < 0) & (gap >= 0)).sum())
        numbers, counts = np.unique(outcome[unit >= 0], return_counts=True)
        for number, times in zip(numbers.tolist(), counts.tolist(), strict=True):
            reasons = self.clerk.outcomes[number].reasons
            tally.lost[next(code for code in UNROUTED if code in reasons)] += times
        tally.lost = +tally.lost
        return tally


def counted(worded: Worded) -> Counter[str]:
    """How often each text stands in a column."""
    counts = np.bincount(worded.number, minlength=len(worded.texts)).tolist()
    return Counter({text: n for text, n in zip(worded.texts, counts, strict=True) if text is not None and n})


def rounded(metres: Floats, decimals: int = 2) -> Floats:
    """Metres (n,) to so many decimals as `round` gives them, which looks at the decimal value and not at a product."""
    scale = 10.0**decimals
    with np.errstate(invalid="ignore"):
        scaled = metres * scale
        found: Floats = np.rint(scaled) / scale
        near = np.flatnonzero(np.abs(scaled - np.floor(scaled) - 0.5) < HALF)
    found[near] = [round(each, decimals) for each in metres[near].tolist()]
    return found


def _spread(values: NDArray, scatter: tuple[NDArray[np.int64], int] | None, empty: float) -> NDArray:
    if scatter is None:
        return values
    rows, count = scatter
    whole = np.full(count, empty, dtype=values.dtype)
    whole[rows] = values
    return whole


def _indices(numbers: NDArray) -> pa.Array:
    return pa.array(numbers, mask=numbers < 0)


def _dictionary(worded: Worded, scatter: tuple[NDArray[np.int64], int] | None) -> pa.Array:
    number = _spread(worded.number, scatter, -1)
    none = [at for at, text in enumerate(worded.texts) if text is None]
    mask = number < 0
    for at in none:
        mask |= number == at
    return pa.DictionaryArray.from_arrays(
        pa.array(number, pa.int32(), mask=mask), pa.array([text or "" for text in worded.texts], pa.string())
    )
