"""Imports of every layer: read, check, report, and only when asked publish."""

import getpass
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from api.transfer.checking import PIECEWISE, Counted, check
from api.transfer.pieces import Pieces
from api.transfer.reading import knowing, open_delivery
from api.transfer.references import find_declaration
from api.transfer.rejects import place_of, write_rejects
from cases import books
from components.editions import CURRENT
from gis.crs import CrsLike
from gis.delivery import Delivery, with_uids
from gis.errors import Fault, Refusal, refuse
from gis.formats import PIECE
from gis.store.engine import Store, reading
from gis.store.revisions import Publication, Revision, publish
from gis.systems import Systems
from grids import references, units

ATTEMPTS = 5
LAYERS = ("divisions", "units", "areas", "departments", "components", "rules", "catalogue")


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
    options = declared(store, knowing(store, options), layer)
    told("read", None)
    source, options = _open(store, layer, path, options)
    for _ in range(ATTEMPTS):
        told("check", None)
        with reading(store.world) as connection:
            checked = check(connection, layer, source, options, counted)
        delivery, rejected, written = checked.delivery, checked.rejected, None
        if isinstance(source, Pieces):
            if options.rejects is not None and rejected:
                tables, origin = source.as_delivered(), source.origin
                written = write_rejects(
                    options.rejects, path, tables, rejected, options.layer, options.encoding, origin
                )
            delivery = replace(delivery, faults=source.origin.tell_all(delivery.faults))
            rejected = source.origin.tell_all(rejected)
        report = Report(layer, str(path), checked.rows, delivery, rejected=rejected, bad=checked.bad, rejects=written)
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


def declared(store: Store, options: Options, layer: str) -> Options:
    """The options with the reference layer known that is meant. Errors: layer_unknown."""
    if layer in LAYERS:
        return options
    with reading(store.world) as connection:
        found = options.reference or find_declaration(connection, layer)
    if found is None:
        check_layer(layer)
    return replace(options, reference=found)


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
    pieces, options = open_delivery(store, layer, path, options, PIECE if layer in PIECEWISE else None)
    if pieces.only is not None and not len(pieces.only) and not pieces.only.faults:
        raise _no_rows(path)
    if options.rejects is not None:
        source, part = (None, None) if pieces.origin.files else (path, options.layer)
        options = replace(options, rejects=place_of(options.rejects, source, part))
    return pieces, options


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
