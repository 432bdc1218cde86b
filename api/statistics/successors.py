"""Departments as those that took their place, for who compares years across a merger."""

from typing import Final

from cases.statistics.columns import Coded
from gis.store.engine import Store, reading
from grids.lookup import load_departments
from grids.successors import find_fates

TOOK_OVER: Final = ("ids", "areas", "name")
"""How a successor is known here: whoever was merely above a department that ended did not take its place."""


def succeeded(store: Store, bodies: Coded, at: int) -> Coded:
    """The column (code,) with each department that ended as the one in force at `at` that took its place.

    What has no known successor stays what it is: nothing is guessed, nothing is lost.
    """
    with reading(store.world) as connection:
        in_force = load_departments(connection, at)
        fates = find_fates(connection, (code for (code,) in bodies.keys), at, in_force)
    heirs = {code: each.heir for code, each in fates.items() if each.why in TOOK_OVER}
    return bodies.mapped(lambda key: (heirs.get(key[0]) or key[0],))
