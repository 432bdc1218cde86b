"""Open cases routed anew behind what was published: never in its transaction, and resumed wherever it was cut off."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pyarrow as pa

from api.bulk.coded import CodedDesk
from api.layers import REVISIONED
from api.worlds import Worlds
from cases.clerk import Clerk
from cases.desk import Desk
from cases.reach import reach_between
from cases.reports import Case, Defaults, from_records
from cases.rerouting import Mark, Row, keep_mark, keep_rerouted, read_late, read_mark, read_reached
from cases.routing import Routing
from cases.said import split_alike
from cases.tables import decision
from gis.store.engine import Store, reading
from gis.store.order import settled_end
from gis.store.revisions import current_head

PAGE = 5_000


@dataclass(slots=True)
class Rerouted:
    """What was done: up to which revision, how many cases were looked at, and how many have another answer."""

    revision: int
    looked: int = 0
    rerouted: int = 0


def reroute(
    store: Store,
    worlds: Worlds,
    defaults: Defaults,
    told: Callable[[int], None] = lambda looked: None,
) -> Rerouted | None:
    """Route the open cases anew that lie where the revisions since the last time changed something, and those that were
    decided meanwhile on what held before. An answer is another one when the department or the unit is.

    None when there is nothing to go on from, or others append to the log for too long right now. `told` hears how many
    were looked at, and may raise to stop: what was done stays, and the next time goes on. Errors: Refusal store_down.
    """
    with reading(store.log) as log:
        mark = read_mark(log)
    end = settled_end(store, decision)
    if mark is None or end is None:
        return None
    desk = worlds.renew_to(current_head(store))
    made = Rerouted(max(desk.revision, mark.revision))
    if end:
        if desk.revision < mark.revision:
            desk = worlds.renew_to(mark.revision)
        coded, taken = CodedDesk(Clerk(desk)), desk.defaults(defaults)
        for rows in chain(_reached(store, mark, desk.revision, end), _late(store, mark, desk.revision)):
            changed = _changed(coded, rows, taken)
            made.looked += len(rows)
            made.rerouted += keep_rerouted(store, _answers(desk, changed, taken))
            told(made.looked)
    keep_mark(store, Mark(made.revision, end))
    return made


def _reached(store: Store, mark: Mark, upto: int, end: int) -> Iterator[list[Row]]:
    if upto > mark.revision:
        with reading(store.world) as connection:
            reach = reach_between(connection, REVISIONED, mark.revision, upto)
        yield from read_reached(store, reach, end, PAGE)


def _late(store: Store, mark: Mark, upto: int) -> Iterator[list[Row]]:
    """Cases that were decided behind the mark by somebody who did not know the revision yet.

    Those that came before the newest revision did are within reach of it, or not concerned.
    """
    yield from read_late(store, Mark(max(upto, mark.revision), mark.position), mark.position, PAGE)


def _changed(coded: CodedDesk, rows: Sequence[Row], defaults: Defaults) -> list[Row]:
    """Those of the rows whose department or unit is another one now."""
    found: list[Row] = []
    for which, said in split_alike([row["report"] for row in rows]):
        said["source"] = pa.array([rows[at]["source"] for at in which.tolist()], pa.string())
        added, _ = coded.answer(said, np.arange(len(which)), defaults)
        known = added["revision"].is_valid().to_pylist()
        answers = zip(which.tolist(), known, added["department"].to_pylist(), added["unit"].to_pylist(), strict=True)
        for at, is_read, department, unit in answers:
            row = rows[at]
            if is_read and (department, unit) != (row["department"], row["unit"]):
                found.append(row)
    return found


def _answers(desk: Desk, rows: Sequence[Row], defaults: Defaults) -> list[tuple[Row, Case, Routing]]:
    read = from_records((row["report"] for row in rows), defaults).cases
    good = [(row, case) for row, case in zip(rows, read, strict=True) if case is not None]
    routed = desk.route_all([case for _, case in good])
    return [(row, case, routing) for (row, case), routing in zip(good, routed, strict=True)]
