"""Imports of every layer: read, check, report, and only when asked publish."""

import getpass
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection

from api.systems import read_systems
from api.transfer.fields import PLACES
from api.transfer.pieces import Pieces, mapped, open_pieces, with_columns
from api.transfer.rejects import place_of, without_reasons, write_rejects
from cases import books
from components import catalogue, inventory, provenance
from components.editions import CURRENT
from components.samples import Sample
from gis.crs import CrsLike
from gis.delivery import Delivery, with_uids
from gis.errors import Fault, Refusal, refuse
from gis.findings import MOST
from gis.formats import read
from gis.store.engine import Store, reading
from gis.store.revisions import Publication, Revision, publish, read_settings
from gis.systems import Systems
from gis.tables import Table
from grids import areas, departments, divisions, units
from grids.profiles import GBT, CodeProfile, read_profile

ATTEMPTS = 5
WIDEST_SNAP_M = 1.0  # more would move edges that people have drawn
LAYERS = ("divisions", "units", "areas", "departments", "components", "rules", "catalogue")
PIECEWISE = frozenset({"components"})  # of these there are millions: checked piece by piece, they fit into any memory
OWNED = frozenset({"areas", "departments", "components", "catalogue"})  # what --owner is for; rules name their own


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller says of a delivery beside the file itself. Defaults are those of the command line."""

    mapping: Mapping[str, str] = field(default_factory=dict)
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

    `rejected` are the errors of rows, left out or not, of which there are `bad`; `rejects` is the file they were
    written to.
    """

    layer: str
    source: str
    rows: int
    delivery: Delivery
    revision: Revision | None = None
    held_s: float = 0.0
    rejected: tuple[Fault, ...] = ()
    bad: int = 0
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
            "rejected": self.bad,
            "rejects": self.rejects and self.rejects.name,
            "acceptable": self.delivery.is_acceptable,
            "committed": self.revision is not None,
            "revision": self.revision.number if self.revision else None,
            "lock_held_s": round(self.held_s, 3),
            "faults": [fault.as_dict() for fault in self.delivery.faults],
        }


Told = Callable[[str, Report | None], None]
"""Hears of every step: "read", "check", "checked" and "publish", the last two with the report; may raise to stop."""
Counted = Callable[[str, int, int | None], None]
"""Hears within the steps "check" and "stage" of how many rows, of how many, it has done; may raise to stop."""


def run_import(
    store: Store,
    layer: str,
    path: Path,
    options: Options,
    told: Told = lambda step, report: None,
    counted: Counted = lambda step, done, total: None,
) -> Report:
    """Import a file into a layer. Without `options.commit`, or with any error found, nothing is changed.

    With `options.ticket` it is published once at most.

    Errors: Refusal when the file cannot be read or the call itself is wrong; faults of the data are in the report.
    """
    check_layer(layer)
    told("read", None)
    options = knowing(store, options)
    source, options = _open(store, layer, path, options)
    for _ in range(ATTEMPTS):
        told("check", None)
        with reading(store.world) as connection:
            checked = _check(connection, layer, source, options, counted)
        delivery = checked.delivery
        written = None
        if options.rejects is not None and checked.rejected:
            tables = source.as_delivered()
            written = write_rejects(options.rejects, path, tables, checked.rejected, options.layer, options.encoding)
        report = Report(
            layer, str(path), checked.rows, delivery, rejected=checked.rejected, bad=checked.bad, rejects=written
        )
        told("checked", report)
        if not options.commit or not delivery.is_acceptable or delivery.is_empty:
            return report
        publication = Publication(
            with_uids(store, delivery.changes),
            options.author,
            options.note or f"import {layer} {path.name}",
            delivery.base,
            options.effective_at,
            options.basis,
            delivery.settings,
            options.ticket,
        )
        try:
            ready = partial(told, "publish", report)
            revision, held = publish(store, publication, _staging(publication, counted), ready)
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


def _staging(publication: Publication, counted: Counted) -> Callable[[int], None]:
    total, done = sum(len(change.created) for change in publication.changes), 0

    def told(rows: int) -> None:
        nonlocal done
        done += rows
        counted("stage", done, total)

    return told


def _open(store: Store, layer: str, path: Path, options: Options) -> tuple[Any, Options]:
    """What is delivered, rules as a document and all else as tables, and the options as they then are."""
    if layer == "rules":
        return books.read_book(path, options.layer, options.encoding), options
    own = partial(of_owner, owner=options.owner) if layer in OWNED else _as_it_is
    if layer in PIECEWISE:
        pieces, options = open_pieces(store, layer, path, options, own)
    else:
        table, options = read_delivery(store, layer, path, options)
        pieces = Pieces(path, options, None, own, only=table)
    if pieces.only is not None and not len(pieces.only) and not pieces.only.faults:
        raise _no_rows(path)
    if options.rejects is not None:
        options = replace(options, rejects=place_of(options.rejects, path, options.layer))
    return pieces, options


def _as_it_is(table: Table) -> Table:
    return table


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
    table, mapping = mapped(store, layer, options, lambda named: read_table(path, options, named))
    return table, with_columns(options, mapping)


def read_table(path: Path, options: Options, mapping: Mapping[str, str] | None = None) -> Table:
    """The file as a table; what is mapped to x and y, in the options or as given, tells a CSV where its points are."""
    mapping = options.mapping if mapping is None else mapping
    xy = {f"{axis}_column": mapping[name] for axis, name in zip("xy", PLACES, strict=True) if name in mapping}
    table = read(path, layer=options.layer, crs=options.crs, encoding=options.encoding, **xy)
    return without_reasons(replace(table, crs=options.systems.find(table.crs)))


def read_mapping(pairs: Sequence[str]) -> dict[str, str]:
    """`field=column`, repeated. Errors: Refusal mapping_wrong."""
    mapping = {}
    for pair in pairs:
        name, separator, column = pair.partition("=")
        if not separator or not name.strip() or not column.strip():
            raise refuse(
                "mapping_wrong",
                f"'{pair}' is no mapping: write --map field=column.",
                f"“{pair}”不是有效映射：请写 --map 字段=列名。",
            )
        mapping[name.strip()] = column.strip()
    return mapping


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


@dataclass(frozen=True, slots=True)
class Checked:
    """A delivery of `rows` rows, those left out not counted; the errors of `bad` rows, left out or not."""

    delivery: Delivery
    rows: int
    rejected: tuple[Fault, ...] = ()
    bad: int = 0


def _check(connection: Connection, layer: str, source: Any, options: Options, counted: Counted) -> Checked:
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
        delivery = _WHOLE[layer](connection, table, profile, options)
        lost = sum(fault.code == "coordinates_out_of_range" for fault in delivery.faults)
        sample = Sample(table.geometry, table.crs, len(table), lost)
        delivery = replace(delivery, faults=(*delivery.faults, *examined(connection, delivery, sample, options)))
        delivery = replace(delivery, faults=(*table.faults, *dropped, *delivery.faults))
        errors += [fault for fault in delivery.faults if fault.severity == "error" and fault.row]
        bad = {fault.row for fault in delivery.faults if fault.severity == "error" and fault.row}
        if not options.skip_rejected or not bad:
            return Checked(delivery, len(table), tuple(errors), len({fault.row for fault in errors}))
        dropped += [replace(fault, severity="warning") for fault in delivery.faults if fault.row in bad]
        table = table.part(~np.isin(table.rows, list(bad)))


def _check_pieces(connection: Connection, source: Pieces, options: Options, counted: Counted) -> Checked:
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
    found = examined(connection, taken.delivery, taken.sample, options)
    delivery = replace(taken.delivery, faults=(*taken.delivery.faults, *found))
    return Checked(delivery, taken.rows, taken.rejected, taken.bad)


def examined(connection: Connection, delivery: Delivery, sample: Sample, options: Options) -> list[Fault]:
    """What the records and the boundary say of the coordinate system; warnings where a person trusts it."""
    local = options.systems.local.values()
    found = provenance.examine(connection, delivery, sample, options.crs, options.owner, local)
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


def _catalogue(connection: Connection, table: Table, profile: CodeProfile, options: Options) -> Delivery:
    return catalogue.deliver(connection, table, options.owner, options.mapping)


def _rules(connection: Connection, document: Any, profile: CodeProfile, options: Options) -> Delivery:
    return books.deliver(connection, document, options.owner or None, profile)


_WHOLE: Mapping[str, Callable[[Connection, Any, CodeProfile, Options], Delivery]] = {
    "divisions": _divisions,
    "units": _units,
    "areas": _areas,
    "departments": _departments,
    "rules": _rules,
    "catalogue": _catalogue,
}
"""Layers that are checked as a whole: what is right of a row depends on others."""
