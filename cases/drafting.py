"""The dispatch desk as a draft leaves it."""

from dataclasses import replace

import numpy as np
from sqlalchemy import Connection

from cases.desk import Desk, departments_of
from cases.rules import RuleBook, from_row
from cases.tables import rule
from components.lookup import COLUMNS, Inventory, renew_inventory
from components.tables import component
from gis.heap.lines import Heap
from grids.drafts.grid import drafted_grid
from grids.drafts.sketch import Sketch, Standing


def drafted_desk(connection: Connection, desk: Desk, sketch: Sketch, heap: Heap | None) -> Desk:
    """The desk once the edits of a sketch hold, from that of its revision; `heap` as for `drafted_grid`.

    Only what the draft changes is made anew.
    """
    standing = Standing(connection, sketch, sketch.ground.placeholder)
    grid = drafted_grid(standing, sketch, desk.grid, heap)
    made = replace(desk, grid=grid, departments=departments_of(grid), memo={})
    layers = {each.layer for each in (*sketch.edit.ended, *sketch.edit.begun)}
    if "rules" in layers:
        rows = standing.rows("rules", rule, ("document",))
        made = replace(made, book=RuleBook.compile(from_row(row["document"]) for row in rows))
    if "components" in layers:
        made = replace(made, inventory=_inventory(standing, sketch, desk.inventory))
    return made


def _inventory(standing: Standing, sketch: Sketch, inventory: Inventory) -> Inventory:
    """The inventory with what the draft changes of it."""
    codes = sorted({each.code for each in (*sketch.edit.ended, *sketch.edit.begun) if each.layer == "components"})
    found = [each for code in codes for each in standing.find("components", component, code)]
    held = [{**each.attributes, "code": each.code, "geom": each.polygon} for each in found]
    columns = {name: np.fromiter((row[name] for row in held), dtype=object, count=len(held)) for name in COLUMNS}
    return renew_inventory(inventory, codes, columns)
