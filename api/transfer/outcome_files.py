"""Files of hand-offs, one a row: sorted by case and time, checked as a whole, then kept in pieces."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from api.transfer.case_files import OUTCOMES, Advance, Begun, Manner, Taken
from api.transfer.case_rows import damaged, read_rows
from cases.filing import Told, file_outcomes, sort_outcomes
from cases.handoffs import MEMBERS, read_hand_offs
from cases.instants import in_zone, read_instant
from cases.standing import known_standings
from gis.errors import Fault, Refusal
from gis.store.engine import Store, reading
from gis.store.revisions import head
from gis.store.vicinity import codes_given
from grids.tables import department

FIELDS = ("source", "id", *MEMBERS)
NAMES = ("source", "id", "department")
AT_ONCE = 20_000
"""Hand-offs that are read and kept at once."""
UNSORTED = 2**62
"""Where a time that cannot be read stands in the order: last."""
SCHEMA = pa.schema([("row", pa.int64()), ("at_us", pa.int64()), *((name, pa.string()) for name in FIELDS)])


def import_outcomes(
    store: Store,
    path: Path,
    manner: Manner,
    advance: Advance = lambda rows: None,
    begun: Begun = lambda taken: None,
) -> Taken:
    """Take in what became of cases: every row a hand-off. Those of a case are put in the order of time, then of rows.

    A list takes the place of the one that was told before; of a list that merely lacks what is known already nothing is
    kept. A case with a wrong row is left out whole. Errors: those of reading; store_busy, store_down.
    """
    taken = Taken(OUTCOMES, str(path), skipping=manner.skip_rejected)
    table, bad = _sorted(path, manner, taken)
    with reading(store.world) as connection:
        known = set(codes_given(connection, (department,), head(connection), ""))
    for keeping in (False, True):
        if keeping and not (manner.commit and taken.is_acceptable):
            break
        if keeping:
            begun(taken)
        taken.counts.subtract({name: taken.counts[name] for name in ("new", "changed", "same", "late")})
        for members in _cases(table):
            told, wrong = _told(store, members, manner, known, bad)
            if keeping:
                counts, _ = file_outcomes(store, told, manner.author)
                taken.counts.update(counts)
            else:
                with reading(store.log) as log:
                    _, counts, late = sort_outcomes(log, told)
                taken.count((counts, [*late, *wrong]))
                taken.counts["wrong"] += len({each.thing for each in wrong if each.severity == "error"})
            advance(len(members))
        taken.committed = keeping
    return taken


def _sorted(path: Path, manner: Manner, taken: Taken) -> tuple[pa.Table, dict[int, list[Fault]]]:
    """All rows in columns, by case and time, and what is wrong with the row itself of some; others are told at once."""
    pieces = []
    bad: dict[int, list[Fault]] = {}
    for piece in read_rows(path, replace(manner.how, fields=FIELDS)):
        taken.rows += len(piece.rows)
        there = set(piece.rows)
        for each in piece.faults:
            if each.severity != "error":
                continue
            if each.row in there:
                bad.setdefault(each.row, []).append(each)
            else:  # nobody knows which case it was of
                taken.counts["wrong"] += 1
                taken.add([each])
        for name in NAMES:
            for row, value in zip(piece.rows, piece.columns.get(name, ()), strict=False):
                if (fault := damaged(row, name, value)) is not None:
                    bad.setdefault(row, []).append(fault)
        columns: dict[str, list[Any]] = {name: [_text(each) for each in piece.columns.get(name, ())] for name in FIELDS}
        columns = {name: values or [None] * len(piece.rows) for name, values in columns.items()}
        if manner.defaults.source:
            columns["source"] = [each or manner.defaults.source for each in columns["source"]]
        columns["row"] = list(piece.rows)
        columns["at_us"] = [_moment(each, manner) for each in columns["at"]]
        pieces.append(pa.table({each.name: pa.array(columns[each.name], each.type) for each in SCHEMA}))
    table = pa.concat_tables(pieces) if pieces else SCHEMA.empty_table()
    order = pc.sort_indices(table, [(name, "ascending") for name in ("source", "id", "at_us", "row")])
    return table.take(order), bad


def _moment(text: str | None, manner: Manner) -> int:
    """Microseconds since 1970; what is no time is told when its case is read."""
    written = read_instant(text)
    moment = None if written is None else in_zone(written, manner.defaults.zone or UTC)
    return UNSORTED if moment is None else round(moment.timestamp() * 1e6)


def _cases(table: pa.Table) -> Iterator[list[Mapping[str, Any]]]:
    """The rows in pieces, none of which cuts a case in two."""
    waiting: list[Mapping[str, Any]] = []
    for start in range(0, len(table), AT_ONCE):
        waiting += table.slice(start, AT_ONCE).to_pylist()
        last = _name(waiting[-1])
        cut = next((at for at in range(len(waiting), 0, -1) if _name(waiting[at - 1]) != last), 0)
        if cut and start + AT_ONCE < len(table):
            yield waiting[:cut]
            waiting = waiting[cut:]
    if waiting:
        yield waiting


def _told(
    store: Store,
    rows: Sequence[Mapping[str, Any]],
    manner: Manner,
    departments: set[str],
    bad: Mapping[int, Sequence[Fault]],
) -> tuple[list[Told], list[Fault]]:
    """The lists of hand-offs of whole cases, and what is wrong with others; `thing` tells which case."""
    groups: dict[tuple[str | None, str | None], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(_name(row), []).append(row)
    named = [(source, case_id) for source, case_id in groups if source and case_id]
    with reading(store.log) as log:
        there = known_standings(log, [name for name in named if "\0" not in "".join(name)])
    now, told, faults = datetime.now(UTC), list[Told](), list[Fault]()
    for name, members in groups.items():
        numbers = [int(each["row"]) for each in members]
        source, case_id = name
        if wrong := [each for row in numbers for each in bad.get(row, ())]:
            faults += [replace(each, thing=f"{source}/{case_id}") for each in wrong]
            continue
        if not source or not case_id or not _may_see(there, (source, case_id), manner):
            faults.append(_unknown(source, case_id, numbers[0]))
            continue
        values = [{field: each[field] for field in MEMBERS if each[field] is not None} for each in members]
        try:
            hand_offs, notes = read_hand_offs(values, manner.defaults.zone, departments, now, numbers)
        except Refusal as refusal:
            faults += [replace(each, thing=f"{source}/{case_id}") for each in refusal.faults]
            continue
        faults += [each for each in notes if each.code != "zone_assumed"]
        told.append(Told(numbers[0], (source, case_id), hand_offs))
    return told, faults


def _may_see(there: Mapping[tuple[str, str], str | None], name: tuple[str, str], manner: Manner) -> bool:
    """Whether a case was taken in, and in a unit of whoever tells of it; outside every unit it is for all alone."""
    return name in there and (there[name] or "").startswith(manner.prefix)


def _unknown(source: str | None, case_id: str | None, row: int) -> Fault:
    if not source:
        return Fault(
            "source_missing", "The row names no source.", "该行未给出来源（source）。", row=row, thing=f"{row}"
        )
    if not case_id:
        return Fault("id_missing", "The row names no case.", "该行未给出案件编号（id）。", row=row, thing=f"{row}")
    return Fault(
        "case_unknown",
        f"No case {case_id[:80]} of the source {source[:80]} was taken in; import the cases first.",
        f"未受理过来源 {source[:80]} 的案件 {case_id[:80]}；请先导入案件。",
        row=row,
        thing=f"{source}/{case_id}",
    )


def _name(row: Mapping[str, Any]) -> tuple[str | None, str | None]:
    return row["source"], row["id"]


def _text(value: Any) -> str | None:
    if value is None or value != value:
        return None
    return str(value).strip() or None
