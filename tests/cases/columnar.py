"""Both ways of routing side by side: one case after the other, and in columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cases.batch import BIT, Batch, route_batch
from cases.clerk import Clerk
from cases.codes import worded_advice, worded_flags, worded_outcome, worded_reasons
from cases.reports import Case
from cases.routing import Routing

Row = dict[str, Any]


def as_batch(clerk: Clerk, cases: Sequence[Case]) -> Batch:
    """The cases as columns, made without the reader of columns."""
    classes: dict[Any, int] = {}
    slots = [clerk.desk.book.calendar.slot(case.reported_at) for case in cases]
    keys = [(c.edition, c.kind, c.class_code, c.condition, slot) for c, slot in zip(cases, slots, strict=True)]
    of = [classes.setdefault(key, len(classes)) for key in keys]
    known = {code: number for number, code in enumerate(clerk.desk.inventory.texts("code"))}
    named = [-1 if case.component_code is None else known.get(case.component_code, -2) for case in cases]
    return Batch(
        np.array([(case.lon, case.lat) for case in cases], dtype=np.float64).reshape(-1, 2),
        np.array([case.accuracy_m for case in cases], dtype=np.float64),
        list(classes),
        np.array(of, dtype=np.int32),
        np.array(named, dtype=np.int64),
        np.array([sum(BIT[flag] for flag in case.flags) for case in cases], dtype=np.int64),
    )


def in_columns(clerk: Clerk, cases: Sequence[Case]) -> list[Row]:
    """What `route_batch` answers."""
    answers = route_batch(clerk, as_batch(clerk, cases))
    desk, codes = clerk.desk, clerk.desk.inventory.texts("code")
    department, rule, area = (
        worded_outcome(answers, clerk.told(what)).spelled() for what in ("department", "rule", "area")
    )
    advice, flags = worded_advice(answers).spelled(), worded_flags(answers).spelled()
    because = worded_reasons(clerk, answers).spelled()
    return [
        {
            "unit": desk.grid.unit_code(int(answers.unit[at])),
            "department": department[at],
            "advice": advice[at],
            "rule": rule[at],
            "area": area[at],
            "component": codes[member] if (member := int(answers.component[at])) >= 0 else None,
            "metres": float(answers.metres[at]) if member >= 0 else None,
            "flags": flags[at],
            "because": because[at],
        }
        for at in range(len(cases))
    ]


def one_by_one(clerk: Clerk, cases: Sequence[Case]) -> list[Row]:
    """What `Desk.route_all` answers, in the same words."""
    return [_row(routing) for routing in clerk.desk.route_all(cases)]


def _row(routing: Routing) -> Row:
    return {
        "unit": routing.unit,
        "department": routing.department and routing.department.code,
        "advice": routing.advice,
        "rule": routing.rule and routing.rule[1],
        "area": routing.area and f"{routing.area[0]}:{routing.area[1]}",
        "component": routing.component and routing.component[0],
        "metres": routing.component and routing.component[1],
        "flags": ";".join(routing.flags),
        "because": ";".join(each.code for each in routing.because),
    }
