"""What the inventory makes of a file that is compared with a base."""

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection

from components.catalogue import read_classes
from components.heads import without_derived
from components.inventory import KEY, read_components
from components.layers import COMPONENTS
from components.policies import read_policies
from components.tables import component
from gis.crs import CrsLike
from gis.store.scope import EVERYTHING
from gis.tables import Table
from grids.deliveries.comparing import Incoming, Subject
from grids.deliveries.layers import numbers_of, spoken_of
from grids.deliveries.merging import Row
from grids.departments import departments_in_force


def read_delivery(
    connection: Connection,
    table: Table,
    owner: str,
    mapping: Mapping[str, str],
    crs: CrsLike | None,
    edition: str,
    class_code: str | None,
    at: int,
) -> Incoming:
    """The components of a file. Its class is spoken of where it has a column for it or the caller says one."""
    table, ignored = without_derived(table, mapping)
    classes = read_classes(connection, EVERYTHING, at)
    departments = departments_in_force(connection, at)
    policies = read_policies(connection)
    rows, faults = read_components(table, owner, mapping, crs, edition, class_code, classes, departments, policies)
    spoken = spoken_of(table, COMPONENTS, mapping, "attributes")
    if class_code:
        spoken = replace(spoken, fields=spoken.fields | {"class_code"})
    subject = Subject("components", component, KEY, {"owner": owner}, "attributes", class_of=class_of)
    return Incoming(subject, rows, spoken, numbers_of(table, COMPONENTS, mapping, (owner,)), (*ignored, *faults))


def class_of(row: Row) -> str:
    """The class of a component, with its edition."""
    return f"{row['edition']} {row['class_code']}"
