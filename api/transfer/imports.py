"""Imports of every layer: read, check, report, and only when asked publish."""

import getpass
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from api.systems import read_systems
from api.transfer.checking import PIECEWISE, Counted, check
from api.transfer.fields import PLACES
from api.transfer.pieces import Pieces, mapped, open_pieces, with_columns
from api.transfer.rejects import place_of, without_reasons, write_rejects
from cases import books
from components.editions import CURRENT
from gis.crs import CrsLike
from gis.delivery import Delivery, with_uids
from gis.errors import Fault, Refusal, refuse
from gis.formats import read
from gis.store.engine import Store, reading
from gis.store.revisions import Publication, Revision, publish
from gis.systems import Systems
from gis.tables import Table
from grids import units

ATTEMPTS = 5
LAYERS = ("divisions", "units", "areas", "departments", "components", "rules", "catalogue")
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
            checked = check(connection, layer, source, options, counted)
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
