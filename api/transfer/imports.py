"""Imports of every layer: read, check, report, and only when asked publish."""

import getpass
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection

from api.systems import read_systems
from api.transfer.fields import NONE, PLACES, Meant, find_fields, meant_by, recognised
from api.transfer.rejects import place_of, without_reasons, write_rejects
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
from gis.texts import fill
from grids import areas, departments, divisions, units
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
            "rejected": len({fault.row for fault in self.rejected}),
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
    check_layer(layer)
    told("read", None)
    options = knowing(store, options)
    source: Table | Any
    if layer == "rules":
        source = books.read_book(path, options.layer, options.encoding)
    else:
        source, options = read_delivery(store, layer, path, options)
        if options.rejects is not None:
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
            delivery, source, found = _deliver(connection, layer, source, options)
        rejected += found
        rows = len(source) if isinstance(source, Table) else books.size(source)
        written = None
        if options.rejects is not None and rejected and isinstance(whole, Table):
            written = write_rejects(options.rejects, path, whole, rejected, options.layer, options.encoding)
        report = Report(layer, str(path), rows, delivery, rejected=rejected, rejects=written)
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


def knowing(store: Store, options: Options) -> Options:
    """The options with the local systems of the store known, also the one that they may name."""
    with reading(store.world) as connection:
        systems = read_systems(connection)
    return replace(options, systems=systems, crs=systems.find(options.crs))


def read_delivery(store: Store, layer: str, path: Path, options: Options) -> tuple[Table, Options]:
    """The file as a table, and the options with the columns of the profile that was named, else recognised.

    What is mapped to x and y tells a CSV or a sheet where its points are. Errors: those of `gis.formats.read`,
    fields_unknown.
    """
    with reading(store.world) as connection:
        named = None if options.fields in (None, NONE) else find_fields(connection, str(options.fields), layer)
        places = {name: head for name, head in (named.columns if named else {}).items() if name in PLACES}
        table = read_table(path, options, {**places, **options.mapping})
        if named is not None:
            meant = meant_by(named, table, own_first=False)
        else:
            meant, table = recognised(connection, table, layer) if options.fields is None else (Meant({}, {}), table)
    mapping = {**{name: head for name, head in meant.columns.items() if name not in options.texts}, **options.mapping}
    texts = {**{name: text for name, text in meant.texts.items() if name not in options.mapping}, **options.texts}
    if named is None and not mapping.keys().isdisjoint(PLACES) and options.mapping.keys().isdisjoint(PLACES):
        table = replace(read_table(path, options, mapping), faults=table.faults)
    mapping = {name: head for name, head in mapping.items() if name not in PLACES}
    return table, replace(options, mapping=mapping, texts=texts)


def filled(table: Table, options: Options) -> tuple[Table, Options]:
    """The table with the columns that texts make, and the options with these columns mapped."""
    table, made = fill(table, options.texts)
    return table, replace(options, mapping={**options.mapping, **made}, texts={})


def read_table(path: Path, options: Options, mapping: Mapping[str, str] | None = None) -> Table:
    """The file as a table; what is mapped to x and y, in the options or as given, tells a CSV where its points are."""
    mapping = options.mapping if mapping is None else mapping
    xy = {f"{axis}_column": mapping[name] for axis, name in zip("xy", PLACES, strict=True) if name in mapping}
    table = read(path, layer=options.layer, crs=options.crs, encoding=options.encoding, **xy)
    return without_reasons(replace(table, crs=options.systems.find(table.crs)))


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


def of_owner(table: Table, owner: str) -> Table:
    """The table without the column `owner` that an export writes, once it is sure that it means the same owner.

    A column of that name that holds no division codes is an attribute like any other. Errors: Refusal owner_differs.
    """
    if "owner" not in table.columns or not len(table):
        return table
    named = {"" if value is None else str(value) for value in table.columns["owner"].tolist()}
    if not all(not code or (code.isascii() and code.isdigit()) for code in named):
        return table
    if named != {owner}:
        shown = ", ".join(sorted(code or "''" for code in named))
        raise refuse(
            "owner_differs",
            f"The column owner names {shown}, the command {owner or 'no owner'}: say --owner {shown}, one owner a "
            "file, or give the column another name.",
            f"owner 列为 {shown}，而命令指定的归属为“{owner}”：请用 --owner {shown}（每个文件一个归属），"
            "或将该列改名。",
        )
    return replace(table, columns={name: column for name, column in table.columns.items() if name != "owner"})


def deliver(connection: Connection, layer: str, source: Any, options: Options) -> Delivery:
    """What a delivery would do to the layer, and what is wrong with it; nothing is left out or changed."""
    return LAYERS[layer](connection, source, profile_of(connection, options.profile), options)


def _deliver(
    connection: Connection, layer: str, source: Any, options: Options
) -> tuple[Delivery, Any, tuple[Fault, ...]]:
    """The checked delivery; with `skip_rejected`, of the rows that have no error of their own. And those errors."""
    profile = profile_of(connection, options.profile)
    dropped: list[Fault] = []
    errors: list[Fault] = []
    while True:
        delivery = LAYERS[layer](connection, source, profile, options)
        if isinstance(source, Table):
            delivery = replace(delivery, faults=(*delivery.faults, *examined(connection, delivery, source, options)))
            delivery = replace(delivery, faults=(*source.faults, *dropped, *delivery.faults))
        errors += [fault for fault in delivery.faults if fault.severity == "error" and fault.row]
        bad = {fault.row for fault in delivery.faults if fault.severity == "error" and fault.row}
        if not options.skip_rejected or not bad or not isinstance(source, Table):
            return delivery, source, tuple(errors)
        dropped += [replace(fault, severity="warning") for fault in delivery.faults if fault.row in bad]
        source = _without(source, bad)


def examined(connection: Connection, delivery: Delivery, source: Table, options: Options) -> list[Fault]:
    """What the records and the boundary say of the coordinate system; warnings where a person trusts it."""
    local = options.systems.local.values()
    found = provenance.examine(connection, delivery, source, options.crs, options.owner, local)
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
