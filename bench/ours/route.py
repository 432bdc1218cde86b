"""The product's routing of a file of cases, Parquet to Parquet, in a process that has the city in memory.

What runs is what `wangge route CASES OUT --because codes` runs; between two runs the process keeps what that makes of
the city, as a service does that routes file after file.
"""

import resource
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import pyarrow as pa

from api.bulk.as_of import AsOf
from api.bulk.conveyor import convey
from api.bulk.dispatcher import CaseColumns, CodedDispatcher, WordedDispatcher
from api.bulk.files import CODES, ROUTE_COLUMNS
from api.cli.bulk import ENUMERATED
from api.cli.opening import open_worlds
from api.lookups.moments import read_moment
from api.settings import Settings
from api.warm import warm
from bench.ours.books import large_book
from bench.ours.stages import Clock, timed_pieces, watch_routing
from bench.peers.protocol import serve
from cases.reports import Defaults, parse_zone
from components.editions import CURRENT
from gis.formats.pieces import plain
from gis.formats.sinks import written
from gis.formats.sources import open_source

COMPARED = 2_000


class Route:
    def prepare(self, store: str, cases: str, out: str, large: bool = False) -> dict[str, Any]:
        warm()  # as a server does at its start
        begin = perf_counter()
        self.cases, self.out = Path(cases), Path(out)
        settings = Settings(store=store, data=Path(out).parent)
        self.opened = open_worlds(settings)
        worlds = self.opened.__enter__()
        desk = worlds.newest()
        if large:
            worlds.at_hand = replace(desk, book=large_book(desk)[0], memo={})
            worlds.watched = True  # it goes on with the desk at hand
        load_s = perf_counter() - begin
        source = open_source(self.cases, enumerated=ENUMERATED)
        self.asked = AsOf.of(worlds, None, partial(read_moment, zone=settings.zone), source.names)
        defaults = Defaults(
            source=self.cases.stem, zone=parse_zone(settings.zone), edition=CURRENT, stated=frozenset({"edition"})
        )
        self.columns = CaseColumns.of(source, {}, defaults)
        self.coded = CodedDispatcher(self.asked, self.columns)
        self.clock = Clock()
        watch_routing(self.clock)
        return {"load_s": load_s}

    def run(self) -> None:
        self.clock.reset()
        source = open_source(self.cases, enumerated=ENUMERATED)
        with written(self.out, source) as sink:
            self.tally = convey(timed_pieces(self.clock, source), sink, self.coded.answer, lambda _: None)

    def answers(self, found: Any) -> None:
        return None

    def figures(self) -> dict[str, Any]:
        tally = self.tally
        counts = {"rows": tally.rows, "routed": tally.total - sum(tally.lost.values()), "bad": tally.rows - tally.total}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {"stages": self.clock.seconds(), **counts, "peak_bytes": peak, "differences": self._differences}

    @property
    def _differences(self) -> int:
        """How many of the first cases are answered otherwise when they are routed one by one; counted once."""
        if not hasattr(self, "different"):
            whole = next(open_source(self.cases, enumerated=ENUMERATED).pieces())
            piece = replace(whole, columns=whole.columns.slice(0, COMPARED), rows=whole.rows[:COMPARED])
            one_by_one, _ = WordedDispatcher(self.asked, self.columns, CODES).answer(piece)
            coded, _ = self.coded.answer(piece)
            rows = [zip(*(_values(each[name]) for name in ROUTE_COLUMNS), strict=True) for each in (one_by_one, coded)]
            self.different: int = sum(one != other for one, other in zip(*rows, strict=True))
        return self.different


def _values(column: pa.Array) -> list[Any]:
    return [None if value == "" else value for value in plain(column).to_pylist()]


if __name__ == "__main__":
    serve(Route())
