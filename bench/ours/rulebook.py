"""The product's routing of cases in columns by the city's own rule book, or by one that is very much larger.

Both processes hold the same city and the same cases in memory; only the book differs. The large one has a rule for
every national class in each of some areas in each of some windows of time, in front of the city's own rules.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson
import pyarrow as pa

from api.bulk.coded import CodedDesk
from api.bulk.dispatcher import CaseColumns
from api.cli.bulk import ENUMERATED
from api.cli.opening import open_worlds
from api.collector import calm
from api.settings import Settings
from api.warm import warm
from bench.peers.protocol import serve
from cases.clerk import Clerk
from cases.desk import Desk
from cases.reports import Defaults, parse_zone
from cases.rules import Rule, RuleBook, Target, from_row, to_row
from cases.rules.windows import Window, read_dates, read_hours
from components.catalogue import built_in
from components.editions import CURRENT
from gis.formats.sources import open_source

CLASSES, AREAS = 400, 30
WINDOWS = (
    Window("Asia/Shanghai", weekdays=(0, 1, 2, 3, 4), hours=(read_hours("08:00-18:00"),)),
    Window("Asia/Shanghai", weekdays=(4, 5), hours=(read_hours("18:00-02:00"),)),
    Window("Asia/Shanghai", weekdays=(5, 6)),
    Window("Asia/Shanghai", dates=(read_dates("2025-10-01/2025-10-07"), read_dates("2026-10-01/2026-10-07"))),
    Window("Asia/Shanghai", hours=(read_hours("22:00-06:00"),)),
)


class Rulebook:
    def prepare(self, store: str, cases: str, data: str, large: bool) -> dict[str, Any]:
        calm()
        warm()
        self.opened = open_worlds(Settings(store=store, data=Path(data)))
        desk = self.opened.__enter__().newest()
        load_s = 0.0
        if large:
            rows = [orjson.dumps(to_row(each)) for each in (*rules_of(desk), *desk.book.rules)]
            begin = perf_counter()
            book = RuleBook.compile([from_row(orjson.loads(row)) for row in rows])
            load_s = perf_counter() - begin
            desk = replace(desk, book=book)
        self.coded = CodedDesk(Clerk(desk))
        source = open_source(Path(cases), enumerated=ENUMERATED)
        self.defaults = Defaults(zone=parse_zone("Asia/Shanghai"), edition=CURRENT, stated=frozenset({"edition"}))
        columns = CaseColumns.of(source, {}, self.defaults)
        self.pieces = [(columns.read(piece), piece.rows) for piece in source.pieces()]
        self.run()  # what is decided for the first time is decided
        return {"rules": len(desk.book.rules), "load_s": load_s}

    def run(self) -> None:
        self.told: list[pa.Array] = []
        for columns, rows in self.pieces:
            added, _ = self.coded.answer(columns, rows, self.defaults)
            self.told.append(added["rule"])

    def answers(self, found: Any) -> None:
        return None

    def figures(self) -> dict[str, Any]:
        named = {rule for piece in self.told for rule in piece.dictionary.to_pylist()}
        return {"cases": sum(map(len, self.told)), "rules_used": len(named - {None})}


def rules_of(desk: Desk) -> Iterator[Rule]:
    """Rules for classes, areas and windows, of which each leads to the area's own department, else the street's."""
    name, layer = max(desk.grid.areas.items(), key=lambda each: len(each[1].codes))
    step = max(len(layer.codes) // AREAS, 1)
    owner = min((rule.owner for rule in desk.book.rules), key=len)
    to = (Target("area", name), Target("division", "street"))
    for each in [each for each in built_in() if each.edition == CURRENT][:CLASSES]:
        for area in layer.codes[::step][:AREAS].tolist():
            for number, window in enumerate(WINDOWS):
                yield Rule(
                    owner,
                    f"{each.kind}-{each.code}-{area}-{number}",
                    to,
                    edition=each.edition,
                    kind=each.kind,
                    class_code=each.code,
                    area_layer=name,
                    area=area,
                    priority=300,
                    when=window,
                )


if __name__ == "__main__":
    serve(Rulebook())
