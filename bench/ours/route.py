"""The product's routing of a file of cases, Parquet to Parquet, in a process that has the city in memory."""

from pathlib import Path
from time import perf_counter
from typing import Any

from api.bulk import Moment, read_cases, route_table, spell_out
from api.cli.opening import open_settled
from api.settings import Settings
from api.worlds import Worlds
from bench.peers.protocol import serve
from cases.reports import Defaults, parse_zone
from gis.formats import read, write


class Route:
    def prepare(self, store: str, cases: str, out: str) -> dict[str, Any]:
        begin = perf_counter()
        self.cases, self.out = Path(cases), Path(out)
        self.opened = open_settled(Settings(store=store))
        self.worlds = Worlds(self.opened.__enter__())
        self.worlds.newest()
        self.stages: dict[str, float] = {}
        return {"load_s": perf_counter() - begin}

    def run(self) -> int:
        self.stages = {}
        table = self._timed("read_s", lambda: spell_out(read(self.cases), None))
        defaults = Defaults(source="bench", zone=parse_zone("Asia/Shanghai"))
        cases, faults = self._timed("parse_s", lambda: read_cases(table, {}, defaults, None))
        if faults:
            raise ValueError(f"{len(faults)} cases are not read: {faults[0].message}")
        asked: list[Moment] = [None] * len(table)
        answered, routings = self._timed(
            "route_s", lambda: route_table(self.worlds, table, cases, asked, lambda done: None, "en")
        )
        self._timed("write_s", lambda: write(self.out, answered))
        self.routed = sum(routing is not None and routing.department is not None for routing in routings)
        return len(routings)

    def _timed(self, stage: str, work: Any) -> Any:
        begin = perf_counter()
        done = work()
        self.stages[stage] = perf_counter() - begin
        return done

    def answers(self, found: Any) -> None:
        return None

    def figures(self) -> dict[str, Any]:
        return {**self.stages, "routed": self.routed}


if __name__ == "__main__":
    serve(Route())
