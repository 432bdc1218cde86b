"""Imports of every layer: read, check, report, and only when asked publish."""

import getpass
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection

from api.transfer.joining import parts_of
from api.transfer.origins import Origin, of_file, only_new
from api.transfer.reading import filled, knowing, of_owner, read_delivery
from api.transfer.references import find_declaration
from api.transfer.rejects import place_of, write_rejects
from cases import books
from components import catalogue, inventory, provenance
from components.editions import CURRENT
from gis.crs import CrsLike
from gis.delivery import Delivery, with_uids
from gis.errors import Fault, Refusal, refuse
from gis.formats import read
from gis.store.engine import Store, reading
from gis.store.revisions import Publication, Revision, publish, read_settings
from gis.systems import Systems
from gis.tables import Table
from grids import areas, departments, divisions, references, units
from grids.profiles import GBT, CodeProfile, read_profile

ATTEMPTS = 5
WIDEST_SNAP_M = 1.0  # more would move edges that people have drawn
OWNED = frozenset({"areas", "departments", "components", "catalogue"})  # what --owner is for; rules name their own


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller says of a delivery beside the file itself. Defaults are those of the command line."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    fields: str | None = None
    profile: str | None = None
    layer: str | None = None
    owner: str = ""
    crs: CrsLike | None = None
    encoding: str | None = None
    area_layer: str | None = None
    title: str | None = None
    overlap: str = "none"
    gaps: str | None = None
    scope: str | None = None
    snap_m: float = units.SNAP_M
    edition: str = CURRENT
    class_code: str | None = None
    classes: Path | None = None
    skip_rejected: bool = False
    trust_crs: bool = False
    rejects: Path | None = None
    commit: bool = False
    effective_at: datetime | None = None
    author: str = field(default_factory=getpass.getuser)
    note: str = ""
    basis: Mapping[str, Any] | None = None
    ticket: str | None = None
    systems: Systems = field(default_factory=Systems)
    reference: references.Declaration | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What an import found, and what it did: `revision` is set when it was published.

    `rejected` are the errors of rows, left out or not; `rejects` is the file they were written to.
    """

    layer: str
    source: str
    rows: int
    delivery: Delivery
    revision: Revision | None = None
    held_s: float = 0.0
    rejected: tuple[Fault, ...] = ()
    rejects: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        counts = self.delivery.counts
        return {
            "layer": self.layer,
            "source": self.source,
            "rows": self.rows,
            "new": counts.new,
            "changed": counts.changed,
            "same": counts.same,
            "gone": counts.gone,
            "rejected": len({((fault.members or {}).get("file"), fault.row) for fault in self.rejected}),
            "rejects": self.rejects and self.rejects.name,
            "acceptable": self.delivery.is_acceptable,
            "committed": self.revision is not None,
            "revision": self.revision.number if self.revision else None,
            "lock_held_s": round(self.held_s, 3),
            "faults": [fault.as_dict() for fault in self.delivery.faults],
        }


Told = Callable[[str, Report | None], None]
"""Hears of every step: "read", "check", "checked" and "publish", the last two with the report; may raise to stop."""


def run_import(
    store: Store, layer: str, path: Path, options: Options, told: Told = lambda step, report: None
) -> Report:
    """Import a file into a layer. Without `options.commit`, or with any error found, nothing is changed.

    With `options.ticket` it is published once at most.

    Errors: Refusal when the file cannot be read or the call itself is wrong; faults of the data are in the report.
    """
    options = declared(store, knowing(store, options), layer)
    told("read", None)
    source: Table | Any
    origin = Origin()
    if layer == "rules":
        source = books.read_book(path, options.layer, options.encoding)
    else:
        source, options, origin = read_delivery(store, layer, path, options)
        if options.rejects is not None and origin.files:
            options = replace(options, rejects=place_of(options.rejects, None, None))
        elif options.rejects is not None:
            options = replace(options, rejects=place_of(options.rejects, path, options.layer))
    if isinstance(source, Table) and not len(source) and not source.faults:
        raise _no_rows(path)
    whole = source
    if isinstance(source, Table):
        source, options = filled(source, options)
    if layer in OWNED:
        source = of_owner(source, options.owner)
    rejected: tuple[Fault, ...] = ()
    for _ in range(ATTEMPTS):
        told("check", None)
        with reading(store.world) as connection:
            delivery, source, found = _deliver(connection, layer, source, options, origin)
        rejected += found
        rows = len(source) if isinstance(source, Table) else books.size(source)
        written = None
        if options.rejects is not None and rejected and isinstance(whole, Table):
            written = write_rejects(options.rejects, path, whole, rejected, options.layer, options.encoding, origin)
        told_delivery = replace(delivery, faults=origin.tell_all(delivery.faults))
        report = Report(layer, str(path), rows, told_delivery, rejected=origin.tell_all(rejected), rejects=written)
        told("checked", report)
        if not options.commit or not delivery.is_acceptable or delivery.is_empty:
            return report
        told("publish", report)
        changes = with_uids(store, delivery.changes)
        note = options.note or f"import {layer} {path.name}"
        publication = Publication(
            changes,
            options.author,
            note,
            delivery.base,
            options.effective_at,
            options.basis,
            delivery.settings,
            options.ticket,
        )
        try:
            revision, held = publish(store, publication)
        except Refusal as refusal:
            if refusal.code == "store_changed":
                continue  # somebody published meanwhile: check against what holds now
            raise
        return replace(report, revision=revision, held_s=held)
    raise refuse(
        "store_busy",
        f"Others published {ATTEMPTS} times while this was checked; nothing was changed. Try again.",
        f"检查期间其他人已发布 {ATTEMPTS} 次；未做任何更改，请稍后重试。",
        kind="unavailable",
    )


def declared(store: Store, options: Options, layer: str) -> Options:
    """The options with the reference layer known that is meant. Errors: layer_unknown."""
    if layer in LAYERS:
        return options
    with reading(store.world) as connection:
        found = options.reference or find_declaration(connection, layer)
    if found is None:
        check_layer(layer)
    return replace(options, reference=found)


def check_layer(layer: str) -> None:
    """Errors: Refusal layer_unknown for what is no layer to import."""
    if layer not in LAYERS:
        raise refuse(
            "layer_unknown",
            f"There is no layer {layer} to import; the layers are {', '.join(LAYERS)}.",
            f"没有可导入的图层 {layer}；可用图层：{'、'.join(LAYERS)}。",
        )


def _no_rows(path: Path) -> Refusal:
    return refuse(
        "file_empty",
        f"{path.name} has no rows: there is nothing to import.",
        f"{path.name} 中没有数据行，无可导入。",
        kind="unreadable",
    )


def deliver(connection: Connection, layer: str, source: Any, options: Options) -> Delivery:
    """What a delivery would do to the layer, and what is wrong with it; nothing is left out or changed."""
    return LAYERS.get(layer, _references)(connection, source, profile_of(connection, options.profile), options)


def _deliver(
    connection: Connection, layer: str, source: Any, options: Options, origin: Origin
) -> tuple[Delivery, Any, tuple[Fault, ...]]:
    """The checked delivery; with `skip_rejected`, of the rows that have no error of their own. And those errors."""
    profile = profile_of(connection, options.profile)
    dropped: list[Fault] = []
    errors: list[Fault] = []
    while True:
        delivery = LAYERS.get(layer, _references)(connection, source, profile, options)
        if isinstance(source, Table):
            found = [*only_new(source, delivery.faults), *examined(connection, delivery, source, options, origin)]
            delivery = replace(delivery, faults=(*source.faults, *dropped, *found))
        errors += [fault for fault in delivery.faults if fault.severity == "error" and fault.row]
        bad = {fault.row for fault in delivery.faults if fault.severity == "error" and fault.row}
        if not options.skip_rejected or not bad or not isinstance(source, Table):
            return delivery, source, tuple(errors)
        dropped += [replace(fault, severity="warning") for fault in delivery.faults if fault.row in bad]
        source = _without(source, bad)


def examined(
    connection: Connection, delivery: Delivery, source: Table, options: Options, origin: Origin
) -> list[Fault]:
    """What the records and the boundary say of the coordinate system; warnings where a person trusts it.

    Each part of a delivery is looked at for itself.
    """
    local = options.systems.local.values()
    found: list[Fault] = []
    for file, part, table in parts_of(delivery, source, origin):
        told = provenance.examine(connection, part, table, options.crs, options.owner, local)
        found += [of_file(fault, file) for fault in told] if file else told
    return provenance.trusted(found) if options.trust_crs else found


def _without(table: Table, rows: set[int]) -> Table:
    kept = ~np.isin(table.rows, list(rows))
    columns = {name: column[kept] for name, column in table.columns.items()}
    geometry = None if table.geometry is None else table.geometry[kept]
    faults = tuple(fault for fault in table.faults if fault.row not in rows)
    return replace(table, columns=columns, geometry=geometry, rows=table.rows[kept], faults=faults)


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


def _divisions(connection: Connection, table: Table, profile: CodeProfile, options: Options) -> Delivery:
    return divisions.deliver(connection, table, profile, options.mapping, options.crs)


def _units(connection: Connection, table: Table, profile: CodeProfile, options: Options) -> Delivery:
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


def _areas(connection: Connection, table: Table, profile: CodeProfile, options: Options) -> Delivery:
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


def _departments(connection: Connection, table: Table, profile: CodeProfile, options: Options) -> Delivery:
    return departments.deliver(connection, table, options.owner, options.mapping)


def _components(connection: Connection, table: Table, profile: CodeProfile, options: Options) -> Delivery:
    return inventory.deliver(
        connection,
        table,
        options.owner,
        options.mapping,
        options.crs,
        options.scope,
        options.edition,
        options.class_code,
    )


def _catalogue(connection: Connection, table: Table, profile: CodeProfile, options: Options) -> Delivery:
    return catalogue.deliver(connection, table, options.owner, options.mapping)


def _references(connection: Connection, table: Table, profile: CodeProfile, options: Options) -> Delivery:
    assert options.reference is not None
    return references.deliver(connection, table, options.reference, options.crs)


def _rules(connection: Connection, document: Any, profile: CodeProfile, options: Options) -> Delivery:
    return books.deliver(connection, document, options.owner or None, profile)


LAYERS: Mapping[str, Callable[[Connection, Any, CodeProfile, Options], Delivery]] = {
    "divisions": _divisions,
    "units": _units,
    "areas": _areas,
    "departments": _departments,
    "components": _components,
    "rules": _rules,
    "catalogue": _catalogue,
}
