"""What a delivery is checked by: every layer by its own rules, and all of them by where they lie."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Connection

from api.transfer.joining import parts_of
from api.transfer.origins import of_file
from api.transfer.pieces import Pieces
from cases import books
from components import catalogue, inventory, provenance
from components.samples import Sample, sample_of
from gis.delivery import Delivery
from gis.errors import Fault, refuse
from gis.findings import MOST
from gis.formats import read
from gis.store.revisions import read_settings
from gis.tables import Table, only_new
from grids import areas, departments, divisions, references, units
from grids.profiles import GBT, CodeProfile, read_profile

if TYPE_CHECKING:
    from api.transfer.imports import Options

WIDEST_SNAP_M = 1.0  # more would move edges that people have drawn
PIECEWISE = frozenset({"components"})  # of these there are millions: checked piece by piece, they fit into any memory
Counted = Callable[[str, int, int | None], None]
"""Hears within the steps "check" and "stage" of how many rows, of how many, it has done; may raise to stop."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A delivery of `rows` rows, those left out not counted; the errors of `bad` rows, left out or not."""

    delivery: Delivery
    rows: int
    rejected: tuple[Fault, ...] = ()
    bad: int = 0


def check(connection: Connection, layer: str, source: Any, options: "Options", counted: Counted) -> Checked:
    """The checked delivery; with `skip_rejected`, of the rows that have no error of their own."""
    profile = profile_of(connection, options.profile)
    if layer in PIECEWISE:
        return _check_pieces(connection, source, options, counted)
    if layer == "rules":
        return Checked(_WHOLE[layer](connection, source, profile, options), books.size(source))
    (table,) = source
    dropped: list[Fault] = []
    errors: list[Fault] = []
    while True:
        delivery = _WHOLE.get(layer, _references)(connection, table, profile, options)
        parts = [("", delivery, sample_of(table, delivery.faults))]
        found = (*only_new(table, delivery.faults), *examined(connection, parts, options))
        delivery = replace(delivery, faults=(*table.faults, *dropped, *found))
        errors += [fault for fault in delivery.faults if fault.severity == "error" and fault.row]
        bad = {fault.row for fault in delivery.faults if fault.severity == "error" and fault.row}
        if not options.skip_rejected or not bad:
            return Checked(delivery, len(table), tuple(errors), len({fault.row for fault in errors}))
        dropped += [replace(fault, severity="warning") for fault in delivery.faults if fault.row in bad]
        table = table.part(~np.isin(table.rows, list(bad)))


def _check_pieces(connection: Connection, source: Pieces, options: "Options", counted: Counted) -> Checked:
    count, done = source.count, 0

    def told(rows: int) -> None:
        nonlocal done
        done += rows
        counted("check", done, count)

    taken = inventory.take(
        connection,
        source,
        options.owner,
        options.mapping,
        options.crs,
        options.scope,
        options.edition,
        options.class_code,
        skip=options.skip_rejected,
        most=MOST if options.rejects is None else None,
        told=told,
    )
    parts: Iterable[tuple[str, Delivery, Sample]] = [("", taken.delivery, taken.sample)]
    if source.only is not None and source.origin.files:
        parts = parts_of(taken.delivery, source.only, source.origin)
    found = examined(connection, parts, options)
    delivery = replace(taken.delivery, faults=(*taken.delivery.faults, *found))
    return Checked(delivery, taken.rows, taken.rejected, taken.bad)


def examined(connection: Connection, parts: Iterable[tuple[str, Delivery, Sample]], options: "Options") -> list[Fault]:
    """What the records and the boundary say of the coordinate system of each part of a delivery, by the name of its
    file; warnings where a person trusts it.
    """
    local = options.systems.local.values()
    found: list[Fault] = []
    for file, part, sample in parts:
        told = provenance.examine(connection, part, sample, options.crs, options.owner, local)
        found += [of_file(fault, file) for fault in told] if file else told
    return provenance.trusted(found) if options.trust_crs else found


def profile_of(connection: Connection, asked: str | None) -> CodeProfile:
    """The store's profile; the first import of divisions or units decides it."""
    kept = read_settings(connection).get("profile")
    if kept is None:
        return read_profile(asked) if asked else GBT
    if asked is not None and read_profile(asked) != read_profile(kept):
        raise refuse(
            "profile_fixed",
            f"This store has the code profile {kept}; one store has one profile.",
            f"本库的编码方案为 {kept}；一个库只能有一种编码方案。",
            kind="conflict",
        )
    return read_profile(kept)


def _divisions(connection: Connection, table: Table, profile: CodeProfile, options: "Options") -> Delivery:
    return divisions.deliver(connection, table, profile, options.mapping, options.crs)


def _units(connection: Connection, table: Table, profile: CodeProfile, options: "Options") -> Delivery:
    if not 0 <= options.snap_m <= WIDEST_SNAP_M:
        raise refuse(
            "snap_wrong",
            f"--snap must be from 0 to {WIDEST_SNAP_M:g} metres, not {options.snap_m:g}.",
            f"--snap 必须在 0 至 {WIDEST_SNAP_M:g} 米之间，现为 {options.snap_m:g}。",
        )
    gaps = None
    if options.gaps is not None:
        path, _, layer = (options.gaps, "", "") if Path(options.gaps).exists() else options.gaps.rpartition(":")
        gaps = read(Path(path), layer=layer or None, crs=options.crs)
        gaps = replace(gaps, crs=options.systems.find(gaps.crs))
    return units.deliver(connection, table, profile, options.mapping, options.crs, gaps, options.scope, options.snap_m)


def _areas(connection: Connection, table: Table, profile: CodeProfile, options: "Options") -> Delivery:
    if not options.area_layer:
        raise refuse(
            "area_layer_missing",
            "Say which layer of areas this is: --area-layer NAME.",
            "请用 --area-layer 指明责任片区图层名称。",
        )
    return areas.deliver(
        connection,
        table,
        options.owner,
        options.area_layer,
        options.overlap,
        options.mapping,
        options.crs,
        options.title,
    )


def _departments(connection: Connection, table: Table, profile: CodeProfile, options: "Options") -> Delivery:
    return departments.deliver(connection, table, options.owner, options.mapping)


def _catalogue(connection: Connection, table: Table, profile: CodeProfile, options: "Options") -> Delivery:
    return catalogue.deliver(connection, table, options.owner, options.mapping)


def _rules(connection: Connection, document: Any, profile: CodeProfile, options: "Options") -> Delivery:
    return books.deliver(connection, document, options.owner or None, profile)


def _references(connection: Connection, table: Table, profile: CodeProfile, options: "Options") -> Delivery:
    assert options.reference is not None
    return references.deliver(connection, table, options.reference, options.crs)


_WHOLE: Mapping[str, Callable[[Connection, Any, CodeProfile, "Options"], Delivery]] = {
    "divisions": _divisions,
    "units": _units,
    "areas": _areas,
    "departments": _departments,
    "rules": _rules,
    "catalogue": _catalogue,
}
"""Layers that are checked as a whole: what is right of a row depends on others."""
