"""A very large rule book: a rule for every national class in each of some areas in each of some windows of time.

They stand in front of the city's own rules, and lead to the area's own department.
"""

from collections.abc import Iterator
from time import perf_counter

import orjson

from cases.desk import Desk
from cases.rules import Rule, RuleBook, Target, from_row, to_row
from cases.rules.windows import Window, read_dates, read_hours
from components.catalogue import built_in
from components.editions import CURRENT

CLASSES, AREAS = 400, 30
WINDOWS = (
    Window("Asia/Shanghai", weekdays=(0, 1, 2, 3, 4), hours=(read_hours("08:00-18:00"),)),
    Window("Asia/Shanghai", weekdays=(4, 5), hours=(read_hours("18:00-02:00"),)),
    Window("Asia/Shanghai", weekdays=(5, 6)),
    Window("Asia/Shanghai", dates=(read_dates("2025-10-01/2025-10-07"), read_dates("2026-10-01/2026-10-07"))),
    Window("Asia/Shanghai", hours=(read_hours("22:00-06:00"),)),
)


def large_book(desk: Desk) -> tuple[RuleBook, float]:
    """The large book of a desk's city, and the seconds that it took to make from rows as a store has them."""
    rows = [orjson.dumps(to_row(each)) for each in (*rules_of(desk), *desk.book.rules)]
    begin = perf_counter()
    book = RuleBook.compile([from_row(orjson.loads(row)) for row in rows])
    return book, perf_counter() - begin


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
