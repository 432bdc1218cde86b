"""The dispatch desk as a draft leaves it."""

from dataclasses import replace

from sqlalchemy import Connection

from cases.desk import Desk, departments_of
from cases.rules import RuleBook, from_row
from cases.tables import rule
from components.lookup import COLUMNS, make_inventory
from components.tables import component
from gis.heap.lines import Heap
from grids.drafts.grid import columns_of, drafted_grid
from grids.drafts.sketch import Sketch, Standing


def drafted_desk(connection: Connection, desk: Desk, sketch: Sketch, heap: Heap | None) -> Desk:
    """The desk once the edits of a sketch hold, from that of its revision; `heap` as for `drafted_grid`.

    Only what the draft changes is made anew; components, when it changes any, all of them.
    """
    standing = Standing(connection, sketch, sketch.ground.placeholder)
    grid = drafted_grid(standing, sketch, desk.grid, heap)
    made = replace(desk, grid=grid, departments=departments_of(grid), memo={})
    layers = {each.layer for each in (*sketch.edit.ended, *sketch.edit.begun)}
    if "rules" in layers:
        rows = standing.rows("rules", rule, ("document",))
        made = replace(made, book=RuleBook.compile(from_row(row["document"]) for row in rows))
    if "components" in layers:
        names = tuple(name for name in COLUMNS if name != "code")
        made = replace(made, inventory=make_inventory(columns_of(standing, "components", component, names)))
    return made
