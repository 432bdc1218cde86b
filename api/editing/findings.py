"""A layer looked at as a whole, for the command line and for jobs: what was found, what may mend it, both as files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import shapely
from sqlalchemy import Connection

from api.editing.checks import Checked, Progress, State, check_layer, check_named, grid_subject
from api.editing.drafting import DOORS, holders
from api.jobs.reports import counted, write_report
from api.transfer.exports import STORED
from gis.errors import Fault, Refusal, refuse
from gis.formats import WRITABLE, write
from gis.store.engine import Store, reading
from gis.store.revisions import head
from gis.store.scope import EVERYTHING, Scope
from gis.tables import Table
from grids.checks import Repair, repair
from grids.drafts.records import check_open, draft_unknown, find_draft
from grids.drafts.sketch import Sketch
from grids.drafts.workbench import Workbench

TEXTS = ("code", "severity", "thing", "detail", "detail_zh", "hint", "hint_zh")
"""The columns of a layer of faults, beside `things` and `blocks`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which layer, at which revision (None: the newest) or as which draft would have it, seen by whom."""

    layer: str
    at: int | None = None
    draft: str | None = None
    scope: Scope = EVERYTHING
    prefix: str = ""
    keys: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What was found at revision `at`, and a proposal where one was asked for."""

    asked: Asked
    at: int
    checked: Checked
    proposal: Repair | None = None

    @property
    def faults(self) -> tuple[Fault, ...]:
        return self.checked.faults

    @property
    def summary(self) -> dict[str, Any]:
        """The counts."""
        asked = self.asked
        told = {"layer": asked.layer, "revision": self.at, "rows": self.checked.rows}
        if asked.draft is not None:
            told["draft"] = asked.draft
        if self.proposal is not None:
            told["moved"], told["unrepaired"] = len(self.proposal.shifts), len(self.proposal.unrepaired)
        return {**told, **counted(self.checked.members)}

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON members."""
        told = {**self.summary, "faults": list(self.checked.members)}
        return told if self.proposal is None else {**told, "proposal": tell_proposal(self.proposal)}


def look_over(store: Store, asked: Asked, told: Progress = lambda share: None, propose: bool = False) -> Found:
    """Check a layer, and with `propose` (units alone) propose a repair; nothing is changed.

    Errors: Refusal layer_unknown, nothing_to_propose, draft_unknown, draft_closed, draft_conflict.
    """
    check_checkable(asked.layer, propose)
    with reading(store.world) as connection:
        sketch = _sketch(store, connection, asked)
        state = State(connection, sketch, asked.scope, asked.keys)
        checked = check_layer(state, asked.layer, told)
        proposal = repair(grid_subject(state)) if propose else None
    return Found(asked, sketch.at, checked, proposal)


def check_checkable(layer: str, propose: bool) -> None:
    """Errors: Refusal layer_unknown for what has no checks, nothing_to_propose."""
    check_named(layer)
    if propose and layer != "units":
        raise refuse(
            "nothing_to_propose",
            f"Repairs are proposed for units, not for {layer[:60]}.",
            f"修复方案只适用于单元网格（units），不适用于 {layer[:60]}。",
        )


def _sketch(store: Store, connection: Connection, asked: Asked) -> Sketch:
    if asked.draft is None:
        return Sketch.begin(connection, head(connection) if asked.at is None else asked.at)
    draft = find_draft(connection, asked.draft)
    if not draft.owner.startswith(asked.prefix):
        raise draft_unknown(asked.draft)
    check_open(draft)
    work = Workbench(store, DOORS, holders).work_out(connection, draft)
    if work.conflicts:
        raise Refusal(work.conflicts, "conflict")
    return work.sketch


def tell_proposal(proposal: Repair) -> dict[str, Any]:
    """A repair as JSON members: what would move by how much, ground to be named as gaps, what remains."""
    return {
        "shifts": [each.as_dict() for each in proposal.shifts],
        "gaps": [each.fault.as_dict() for each in proposal.gaps],
        "unrepaired": [each.fault.as_dict() for each in proposal.unrepaired],
    }


def edit_of(proposal: Repair) -> dict[str, Any]:
    """The edit that applies a repair to a draft. Errors: Refusal nothing_to_repair."""
    if not proposal.shifts:
        raise refuse(
            "nothing_to_repair",
            "The proposal moves nothing, so there is nothing to put into a draft.",
            "该方案无需移动任何边界，没有可写入草稿的内容。",
            kind="conflict",
        )
    shapes = {
        each.unit.code: orjson.loads(shapely.to_geojson(proposal.polygons[each.unit.uid or 0]))
        for each in proposal.shifts
    }
    return {"op": "redraw", "units": shapes}


def write_found(path: Path, found: Found) -> tuple[Fault, ...]:
    """Write what was found: `.json` is the whole report, any other format a layer of faults at their places.

    Faults without a place have no geometry there. Errors: those of `gis.formats.write`.
    """
    if path.suffix.lower() == ".json":
        write_report(path, found.as_dict())
        return ()
    return write(path, fault_table(found.checked.members), layer="faults")


def fault_table(members: tuple[Mapping[str, Any], ...]) -> Table:
    """Faults as features."""
    columns = {name: _column([each.get(name) for each in members]) for name in TEXTS}
    named = [";".join(thing["code"] for thing in each.get("things", ())) or each.get("thing") for each in members]
    columns["things"] = _column(named)
    columns["blocks"] = _column([bool(each.get("blocks", each["severity"] == "error")) for each in members])
    places = [None if each.get("where") is None else shapely.geometry.shape(each["where"]) for each in members]
    return Table(columns, _column(places), STORED, np.arange(1, len(members) + 1), "faults")


def check_format(name: str) -> None:
    """Refuse what is no format of a report. Errors: Refusal format_unknown."""
    formats = tuple(suffix.removeprefix(".") for suffix in WRITABLE)
    if name not in formats:
        raise refuse(
            "format_unknown",
            f"'{name[:40]}' is no format of a layer of faults; these are: {', '.join(formats)}.",
            f"“{name[:40]}”不是可用的格式；可用格式：{'、'.join(formats)}。",
        )


def _column(values: list[Any]) -> Any:
    return np.fromiter(values, dtype=object, count=len(values))
