"""The inventory: components with a code, a class and the bodies that supervise, own and maintain them."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from components.attributes import read_attributes
from components.catalogue import Class, ClassKey, check_classes, read_classes
from components.codes import check_forms, class_in
from components.editions import CURRENT, normalise_edition
from components.heads import without_derived
from components.layers import COMPONENTS
from components.policies import NONE, Policies, read_policies
from components.samples import Sample, Sampling
from components.tables import component
from gis.crs import CrsLike
from gis.delivery import Counts, Delivery, Key, compare, rows_among
from gis.errors import Fault
from gis.findings import MOST, Findings
from gis.geometry import prepare
from gis.intake import Mapped, map_fields
from gis.store.packed import Packing
from gis.store.revisions import Change, head
from gis.store.scope import EVERYTHING
from gis.store.versions import Query, has_rows, read_columns
from gis.store.vicinity import former_uids
from gis.tables import Table, only_new
from grids.codes import check_codes
from grids.departments import check_departments, departments_in_force

KEY = ("owner", "code")
BODIES = ("supervisor_code", "owner_code", "maintainer_code")


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery of `rows` rows, those left out not counted. `rejected` are the errors of rows, left out or not, of
    which there are `bad`; `sample` shows where it lies.
    """

    delivery: Delivery
    rows: int
    rejected: tuple[Fault, ...]
    bad: int
    sample: Sample


def take(
    connection: Connection,
    pieces: Iterable[Table],
    owner: str,
    mapping: Mapping[str, str],
    crs: CrsLike | None,
    scope: str | None = None,
    edition: str = CURRENT,
    class_code: str | None = None,
    *,
    skip: bool = False,
    most: int | None = MOST,
    told: Callable[[int], None] = lambda rows: None,
) -> Taken:
    """Check a delivery of components of any geometry, piece by piece: what is kept of it is packed.

    Where a row names no edition it is of `edition`; where it names no class, its class is `class_code`, else the part
    of its code that says so. Components that are not in it stay, but for those whose code begins with `scope`. With
    `skip` rows that have errors are left out, and these are warnings. At most `most` faults of a kind are listed.
    `told` hears of every piece that is done, and may raise to stop.
    """
    base = head(connection)
    classes = read_classes(connection, EVERYTHING, base, owner)
    departments = departments_in_force(connection, base)
    policies = read_policies(connection)
    is_first = not has_rows(connection, component, {"owner": owner})
    seen: dict[str, int] = {}
    delivered: set[str] = set()
    packing, sampling = Packing(component), Sampling()
    findings, rejected, bad_rows = Findings(most), Findings(most), set[int]()
    counts, rows, retired = Counts(), 0, [np.empty(0, dtype=np.int64)]
    for table in pieces:
        incoming, found = read_components(
            table, owner, mapping, crs, edition, class_code, classes, departments, policies, seen
        )
        found = [*table.faults, *only_new(table, found)]
        errors = [fault for fault in found if fault.severity == "error" and fault.row is not None]
        bad = {int(fault.row or 0) for fault in errors}
        rejected.add(errors)
        bad_rows |= bad
        if skip and bad:
            found = [replace(fault, severity="warning") if fault.row in bad else fault for fault in found]
            incoming = {key: row for key, row in incoming.items() if seen[key[1]] not in bad}
        findings.add(found)
        codes = [code for _, code in incoming]
        current = {} if is_first else rows_among(connection, component, base, KEY, codes, {"owner": owner})
        change, more = compare(component, current, incoming)
        if not is_first:
            change = _come_back(connection, base, owner, change)
        counts, rows = counts + more, rows + len(table) - (len(bad) if skip else 0)
        retired.append(change.retired)
        packing.add(change.created)
        sampling.add(table)
        if scope is not None:
            delivered.update(codes)
        told(len(table))
    if scope is not None:
        gone = _gone(connection, base, owner, scope, delivered)
        counts, retired = counts + Counts(gone=len(gone)), [*retired, gone]
    seen.clear()  # before all columns are put together
    change = Change(component, np.concatenate(retired), packing.done())
    sample = sampling.done(rows, 0 if skip else findings.counts["coordinates_out_of_range"])
    return Taken(Delivery(base, counts, (change,), findings.all()), rows, rejected.all(), len(bad_rows), sample)


def _gone(connection: Connection, base: int, owner: str, scope: str, delivered: Collection[str]) -> NDArray[np.int64]:
    """The uids of what is in force within the scope and was not delivered."""
    query = Query(EVERYTHING, at=base, where={"owner": owner}, prefix=scope)
    held = read_columns(connection, component, query, ("code", "uid"))
    gone = [uid for code, uid in zip(held["code"], held["uid"], strict=True) if code not in delivered]
    return np.array(gone, dtype=np.int64)


def _come_back(connection: Connection, base: int, owner: str, change: Change) -> Change:
    """The change in which a component that comes back is itself: its code goes to no other."""
    former = former_uids(connection, component, base, [row["code"] for row in change.created if row["uid"] == 0])
    created = [row if row["uid"] else {**row, "uid": former.get((owner, row["code"]), 0)} for row in change.created]
    return replace(change, created=created)


@dataclass(frozen=True, slots=True)
class Listed:
    """The rows (n,) of a table as components: their fields, shapes in the store's system (None where wrong), editions
    and classes; `good` are those that can be taken over.
    """

    mapped: Mapped
    geometries: NDArray[Any]
    editions: NDArray[Any]
    classes: NDArray[Any]
    good: NDArray[np.intp]
    faults: tuple[Fault, ...]

    @property
    def codes(self) -> NDArray[Any]:
        """Codes of components (n,), None where there is none."""
        return self.mapped.values["code"]


def list_components(
    table: Table,
    mapping: Mapping[str, str],
    crs: CrsLike | None,
    edition: str,
    class_code: str | None,
    known: Mapping[ClassKey, Class],
    departments: Callable[[], Collection[str]],
    seen: dict[str, int] | None = None,
) -> Listed:
    """The components in a table, and what is wrong.

    `known` are the classes that there are, `departments` gives the codes of those in force; `seen` is that of
    `read_components`.
    """
    table, _ = without_derived(table, mapping)
    mapped = map_fields(table, COMPONENTS.fields, mapping)
    geometries, found = prepare(table, crs, "any")
    faults = [*mapped.faults, *found]
    codes = mapped.values["code"]
    good = check_codes(codes, table.rows, geometries, bool, ("any text", "任意文本"), faults, seen)
    good = good[[geometries[index] is not None for index in good]] if len(good) else good
    editions, classes = settle_classes(mapped, edition, class_code)
    faults += check_classes(known, editions, classes, table.rows)
    for body in BODIES:
        unknown = check_departments(departments, mapped.values[body], table.rows)
        faults += [replace(fault, severity="warning") for fault in unknown]  # older data name bodies of every kind
    return Listed(mapped, geometries, editions, classes, good, tuple(faults))


def read_components(
    table: Table,
    owner: str,
    mapping: Mapping[str, str],
    crs: CrsLike | None,
    edition: str,
    class_code: str | None,
    known: Mapping[ClassKey, Class],
    departments: Callable[[], Collection[str]],
    policies: Policies = NONE,
    seen: dict[str, int] | None = None,
) -> tuple[dict[Key, dict[str, Any]], list[Fault]]:
    """The rows of the components in a table by their key, and what is wrong; as `list_components`.

    What `policies` want of a class is asked of its codes and further attributes; `seen` is for the pieces of one
    delivery: the row of every code so far.
    """
    table, ignored = without_derived(table, mapping)
    listed = list_components(table, mapping, crs, edition, class_code, known, departments, seen)
    mapped, codes, faults = listed.mapped, listed.codes, [*ignored, *listed.faults]
    wanted = [policies.of(owner, *each) for each in zip(listed.editions, listed.classes, strict=True)]
    standard = [each.codes == "standard" for each in wanted]
    faults += check_forms(codes, listed.editions, listed.classes, table.rows, standard)
    plain = [name for name in mapped.values if name not in ("code", "edition", "class_code", "attributes")]
    incoming: dict[Key, dict[str, Any]] = {}
    for index in listed.good:
        fields = {name: mapped.values[name][index] for name in plain}
        attributes, schema = dict(mapped.extra[index]), wanted[index].schema
        if schema is not None:
            attributes, wrong = read_attributes(schema, attributes, int(table.rows[index]), codes[index])
            faults += wrong
        incoming[owner, codes[index]] = {
            "owner": owner,
            "code": codes[index],
            "edition": listed.editions[index],
            "class_code": listed.classes[index],
            **fields,
            "attributes": attributes or None,
            "geom": listed.geometries[index],
        }
    return incoming, faults


def settle_classes(mapped: Mapped, edition: str, class_code: str | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """The edition and the class of every row, as the row says, as the caller says, or as the code shows."""
    edition = normalise_edition(edition)
    editions = np.array(
        [normalise_edition(text) if text else edition for text in mapped.values["edition"]], dtype=object
    )
    classes = mapped.values["class_code"].copy()
    for index, (code, of) in enumerate(zip(mapped.values["code"], editions, strict=True)):
        if classes[index] is None:
            classes[index] = class_code or class_in(code, of)
    return editions, classes
