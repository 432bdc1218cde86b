"""The door through which a draft puts components."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from components.catalogue import ACCURACIES, read_classes
from components.editions import CURRENT
from components.inventory import read_components
from components.lookup import USUAL_ACCURACY_M
from components.numbers import code_reused, was_given
from components.policies import NONE, read_policies
from components.tables import component
from components.twins import twins_of
from gis.metres import boxes
from gis.store.revisions import head
from gis.store.scope import EVERYTHING
from grids.drafts.doors import Checked, Door, Wish
from grids.drafts.grid_doors import departments_of, flatten, spread
from grids.edits.ground import bounds
from grids.placing import standpoint

if TYPE_CHECKING:
    from grids.drafts.sketch import Standing


def _check(standing: "Standing", wish: Wish) -> Checked:
    table = Wish(wish.layer, wish.owner, wish.code, spread(wish.values, "attributes"), wish.geometry, None).table()
    classes = read_classes(standing.connection, EVERYTHING, standing.at, wish.owner)
    departments = partial(departments_of, standing)
    # Policies hold from now on: what was drafted on an earlier revision, and published maybe, is told as it was.
    is_newest = standing.at == head(standing.connection)
    policies = read_policies(standing.connection) if is_newest else NONE
    rows, faults = read_components(table, wish.owner, {}, None, CURRENT, None, classes, departments, policies)
    if wish.old is None and was_given(standing.connection, wish.code, standing.at):
        faults.append(code_reused(wish.code))
    row = rows.get((wish.owner, wish.code))
    if row is not None and (wish.old is None or row["geom"] != wish.old.polygon):
        faults += twins_of(row, _around(standing, row))
    return row, faults


def _around(standing: "Standing", row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The components that hold, as far around as the least exact survey may be wrong."""
    reach = (row["accuracy_m"] or USUAL_ACCURACY_M) + max(ACCURACIES.values())
    box = boxes(shapely.get_coordinates(standpoint(row["geom"])), np.array([reach]))[0]
    return standing.around("components", component, bounds(box))


COMPONENT_DOORS = {"components": Door(component, flatten, _check, "any", frozenset({"attributes"}), returns=True)}
