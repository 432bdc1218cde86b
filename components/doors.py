"""The door through which a draft puts components."""

from functools import partial
from typing import TYPE_CHECKING

from components.catalogue import read_classes
from components.editions import CURRENT
from components.inventory import read_components
from components.numbers import code_reused, was_given
from components.policies import read_policies
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
    policies = read_policies(standing.connection)
    rows, faults = read_components(table, wish.owner, {}, None, CURRENT, None, classes, departments, policies)
    if wish.old is None and was_given(standing.connection, wish.code):
        faults.append(code_reused(wish.code))
    return rows.get((wish.owner, wish.code)), faults


COMPONENT_DOORS = {"components": Door(component, flatten, _check, "any", frozenset({"attributes"}))}
