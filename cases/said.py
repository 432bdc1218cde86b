"""What the reports of the log say, in columns: as if they had come as a file."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import json as arrow_json

from cases.instants import in_zone, read_instant
from cases.reports import FIELDS
from cases.rules.calendar import NEVER
from cases.times import plain_times, seconds_of
from gis.store.types import read_times

Columns = dict[str, pa.Array]
Which = NDArray[np.int64]
_NUMBERS: Final = ("lon", "lat", "accuracy_m")
_NAMES: Final = tuple(name for name in FIELDS if name not in ("source", "id", "version"))
"""Names are left out: the source is known without asking the report, the others are for nobody who routes."""
_USUAL: Final = pa.schema([(name, pa.float64() if name in _NUMBERS else pa.string()) for name in _NAMES])
_OPTIONS: Final = arrow_json.ParseOptions(explicit_schema=_USUAL, unexpected_field_behavior="ignore")


def read_reports(reports: Sequence[str]) -> Iterator[tuple[Which, Columns]]:
    """Reports, JSON texts (n,), in groups whose members are of the same types: which they are, and what they say.

    Most say numbers as numbers and texts as texts, and are one group, read at once.
    """
    usual = _read_usual(reports)
    if usual is not None:
        yield np.arange(len(reports)), usual
        return
    yield from split_alike([orjson.loads(each) for each in reports])


def _read_usual(reports: Sequence[str]) -> Columns | None:
    """The reports in columns where every value is of its usual type, or not there; None where one is not."""
    text = "\n".join(reports).encode()
    try:
        table = arrow_json.read_json(
            pa.BufferReader(text), arrow_json.ReadOptions(block_size=len(text) + 1), _OPTIONS
        ).combine_chunks()
    except pa.ArrowInvalid:
        return None
    if table.num_rows != len(reports):
        return None
    return {name: table[name].combine_chunks() for name in _NAMES}


def split_alike(reports: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Which, Columns]]:
    """Reports (n,) in groups whose members are of the same types: which they are, and what they say.

    A column holds one type; senders write a number now as a number and now as text.
    """
    groups: dict[tuple[type, ...], list[int]] = {}
    for at, report in enumerate(reports):
        groups.setdefault(tuple(type(report.get(name)) for name in _NAMES), []).append(at)
    for which in groups.values():
        said = [name for name in _NAMES if reports[which[0]].get(name) is not None]
        columns = {name: pa.array([reports[at][name] for at in which]) for name in said}
        yield np.array(which, dtype=np.int64), columns


def moments_of(said: Columns, received: Sequence[Any], zones: Sequence[tzinfo | None]) -> NDArray[np.datetime64]:
    """When cases (n,) were reported, or else received, as datetime64[us] in UTC.

    `received` as a column of times comes from the store; `zones` are those of times that name none.
    """
    moments = read_times(received)
    times = said.get("reported_at")
    if times is None or not pa.types.is_string(times.type):
        return moments
    plain, naive = plain_times(times)
    numbers = {id(zone): zone for zone in zones}
    of = np.array([id(zone) for zone in zones])
    for number, zone in numbers.items():
        mine = of == number
        seconds = seconds_of(times, plain, zone)
        usual = mine & (seconds != NEVER) & ~(naive & (zone is None))
        moments[usual] = seconds[usual].astype("datetime64[s]")
        for at in np.flatnonzero(mine & ~plain).tolist():
            moment = moment_of(times[at].as_py(), zone)
            if moment is not None:
                moments[at] = moment.astimezone(UTC).replace(tzinfo=None)
    return moments


def moment_of(said: Any, zone: tzinfo | None) -> datetime | None:
    """The instant that a report names, None where it names no time, or one of no zone."""
    moment = read_instant(said) if isinstance(said, str) else None
    return None if moment is None else in_zone(moment, zone)
