"""The door through which a draft puts components."""

from functools import partial
from typing import TYPE_CHECKING

from components.catalogue import read_classes
from components.editions import CURRENT
from components.inventory import read_components
from components.tables import component
from gis.store.scope import EVERYTHING
from grids.drafts.doors import Checked, Door, Wish
from grids.drafts.grid_doors import departments_of, flatten, spread

if TYPE_CHECKING:
    from grids.drafts.sketch import Standing


def _check(standing: "Standing", wish: Wish) -> Checked:
    table = Wish(wish.layer, wish.owner, wish.code, spread(wish.values, "attributes"), wish.geometry, None).table()
    classes = read_classes(standing.connection, EVERYTHING, standing.at, wish.owner)
    departments = partial(departments_of, standing)
    rows, faults = read_components(table, wish.owner, {}, None, CURRENT, None, classes, departments)
    return rows.get((wish.owner, wish.code)), faults


COMPONENT_DOORS = {"components": Door(component, flatten, _check, "any", frozenset({"attributes"}))}
