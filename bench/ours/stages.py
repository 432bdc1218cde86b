"""Where the time of routing goes: seconds that threads spend in some functions, less those in watched ones they call.

Two threads answer while a third reads and writes, so the stages add up to more than the time of the whole. A function
that is not there any more is passed over: its time is then part of what calls it.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import wraps
from time import perf_counter
from typing import Any

import api.bulk.coded
import cases.batch
import cases.clerk
import cases.tree
import gis.formats.sinks
import gis.locate
from gis.formats.pieces import Piece, Source

WATCHED = (
    (gis.formats.sinks.ArrowSink, "write", "write"),
    (gis.formats.sinks.ArrowSink, "close", "write"),
    (api.bulk.coded, "read_columns", "parse"),
    (gis.locate.PolygonIndex, "lowest", "locate"),
    (cases.batch._Work, "_hold", "areas"),
    (cases.batch, "_assets", "components"),
    (cases.batch._Work, "_by_rivals", "components"),
    (cases.batch._Work, "_across_units", "boundaries"),
    (cases.batch._Work, "_across_areas", "boundaries"),
    (cases.batch._Work, "_at_corners", "boundaries"),
    (api.bulk.coded, "route_batch", "decide"),
    (cases.clerk.Clerk, "roots", "decide"),
    (cases.tree.Tree, "leaves", "decide"),
    (api.bulk.coded.CodedDesk, "__init__", "tables"),
    (cases.clerk.Clerk, "__init__", "tables"),
    (api.bulk.coded.CodedDesk, "answer", "words"),
)
"""Of whom what is watched, and as part of which stage."""
ORDER = ("read", "tables", "parse", "locate", "areas", "components", "boundaries", "decide", "words", "write")


class Clock:
    """Seconds by stage, over all threads."""

    def __init__(self) -> None:
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._lock = threading.Lock()
        self._own = threading.local()

    def reset(self) -> None:
        self._spent.clear()

    def seconds(self) -> dict[str, float]:
        """By stage, in the order of the work."""
        return {stage: self._spent[stage] for stage in ORDER if stage in self._spent}

    def timed(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its time counted."""

        @wraps(work)
        def watched(*given: Any, **named: Any) -> Any:
            inner = self._own.__dict__.setdefault("inner", [])
            inner.append(0.0)
            begin = perf_counter()
            try:
                return work(*given, **named)
            finally:
                seconds = perf_counter() - begin
                own = seconds - inner.pop()
                if inner:
                    inner[-1] += seconds
                with self._lock:
                    self._spent[stage] += own

        return watched


def watch_routing(clock: Clock) -> None:
    """Count the time of everything that takes part in routing a file, from now on in this process."""
    for owner, name, stage in WATCHED:
        if hasattr(owner, name):
            setattr(owner, name, clock.timed(stage, getattr(owner, name)))


def timed_pieces(clock: Clock, source: Source) -> Iterator[Piece]:
    """The pieces of a source, the time of reading them counted."""
    begun = source.pieces()
    step = clock.timed("read", lambda: next(begun, None))
    yield from iter(step, None)
