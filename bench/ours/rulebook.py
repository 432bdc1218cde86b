"""The product's routing of cases in columns by the city's own rule book, or by one that is very much larger.

Both processes hold the same city and the same cases in memory; only the book differs.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from api.bulk.coded import CodedDesk
from api.bulk.dispatcher import CaseColumns
from api.cli.bulk import ENUMERATED
from api.cli.opening import open_worlds
from api.collector import calm
from api.settings import Settings
from api.warm import warm
from bench.ours.books import large_book
from bench.peers.protocol import serve
from cases.clerk import Clerk
from cases.reports import Defaults, parse_zone
from components.editions import CURRENT
from gis.formats.sources import open_source


class Rulebook:
    def prepare(self, store: str, cases: str, data: str, large: bool) -> dict[str, Any]:
        calm()
        warm()
        self.opened = open_worlds(Settings(store=store, data=Path(data)))
        desk = self.opened.__enter__().newest()
        load_s = 0.0
        if large:
            book, load_s = large_book(desk)
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


if __name__ == "__main__":
    serve(Rulebook())
