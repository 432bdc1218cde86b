"""Imports as edits: a file compared with the revision it was begun from, and the result put into a draft."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from api.editing.drafting import DOORS, holders
from api.transfer.checking import examined, profile_of
from api.transfer.conflicts import tell_conflict, tell_mass
from api.transfer.imports import Options, check_layer
from api.transfer.joining import by_part, parts_of
from api.transfer.origins import Origin
from api.transfer.reading import knowing, open_delivery
from components.deliveries import read_delivery as read_components
from components.tables import component
from gis.delivery import Counts, Delivery
from gis.errors import Fault, Refusal, Severity, refuse
from gis.formats import READABLE, read
from gis.geometry import prepare
from gis.store.engine import Store, reading, writing
from gis.store.revisions import Change, head, revision_at
from gis.store.tables import revision
from gis.tables import Table, only_new
from grids.deliveries import layers
from grids.deliveries.comparing import Incoming, Merged, compare
from grids.deliveries.extents import Extent, is_shape, read_extent, scope_wrong, within
from grids.deliveries.merging import Outcome
from grids.drafts.deliveries import IMPORT, keep_delivery
from grids.drafts.records import Draft, create_draft, find_draft, list_edits, move_draft
from grids.drafts.workbench import ATTEMPTS, Workbench
from grids.profiles import CodeProfile
from grids.tables import area, division, unit

FILE = "file"
"""As a base: the revision that the file itself names."""
COMPARABLE = ("divisions", "units", "areas", "departments", "components")
COVERED = frozenset({"gap", "overlap", "unmatched_edge", "gap_overlaps_unit"})
"""What the checks of a draft find again, and what edits in it can mend."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a file is to be compared. `base` is a revision, a time, FILE, or None: what the file names.

    `draft` asks for a draft, of what begins with `owner`; a `draft_id` makes it once however often it is tried.
    """

    base: int | datetime | str | None = None
    extent: Extent | None = None
    allowed: int = 0
    draft: bool = False
    owner: str = ""
    draft_id: str | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison found, and the draft that was made of it, if one was."""

    layer: str
    source: str
    rows: int
    base: int
    at: int
    merged: Merged
    faults: tuple[Fault, ...]
    draft: Draft | None = None

    @property
    def is_acceptable(self) -> bool:
        return all(fault.severity != "error" for fault in self.faults)

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return not any(self.merged.counts.get(each) for each in (Outcome.changed, Outcome.new, Outcome.gone))

    def as_dict(self) -> dict[str, Any]:
        return {
            "layer": self.layer,
            "source": self.source,
            "rows": self.rows,
            "base": self.base,
            "at": self.at,
            **{each.value: self.merged.counts.get(each, 0) for each in Outcome},
            "silent": self.merged.silent,
            "acceptable": self.is_acceptable,
            "committed": False,
            "revision": None,
            "draft": self.draft.id if self.draft else None,
            "faults": [fault.as_dict() for fault in self.faults],
        }


TABLES = {"divisions": division, "units": unit, "areas": area, "components": component}
"""Where the shapes of a layer lie."""

Told = Callable[[str, Compared | None], None]
"""Hears of "read", "check", "checked" and "draft", the last two with what was found; may raise to stop."""


def run_comparison(
    store: Store,
    layer: str,
    path: Path,
    options: Options,
    wanted: Comparison,
    told: Told = lambda step, found: None,
) -> Compared:
    """Compare a file with what it was begun from and with what holds now, and put what it changes into a draft.

    Conflicts are told and stay as they are here. Nothing is published. Errors: Refusal base_missing, base_differs,
    base_wrong, option_with_base, layer_unknown, those of reading a file and of a draft; faults of the data are in the
    report.
    """
    check_options(layer, options)
    told("read", None)
    pieces, options = open_delivery(store, layer, path, knowing(store, options), None)
    (table,), origin = pieces, pieces.origin
    if layer == "departments" and wanted.extent is not None and wanted.extent.polygon is not None:
        raise scope_wrong("departments have no shapes")
    for _ in range(ATTEMPTS):
        told("check", None)
        with reading(store.world) as connection:
            found = _compare(connection, layer, path, table, options, wanted, origin)
            found = replace(found, faults=origin.tell_all(found.faults))
        told("checked", found)
        if not wanted.draft or not found.is_acceptable or found.is_empty:
            return found
        told("draft", found)
        draft = _begun(store, found, options, wanted)
        if draft is not None:
            document = _kept(store, draft, found)
            found = replace(found, merged=replace(found.merged, changes=()))  # they are in the store now
            bench = Workbench(store, DOORS, holders)
            return replace(found, draft=bench.fill(draft, [document], options.author).draft)
    raise refuse(
        "store_busy",
        f"Others published {ATTEMPTS} times while this was compared; nothing was changed. Try again.",
        f"比对期间其他人已发布 {ATTEMPTS} 次；未做任何更改，请稍后重试。",
        kind="unavailable",
    )


def check_options(layer: str, options: Options) -> None:
    """What does not go with a base. Errors: Refusal layer_unknown, option_with_base."""
    check_layer(layer)
    if layer not in COMPARABLE:
        raise refuse(
            "option_with_base",
            f"{layer} are not compared with a base; layers that are: {', '.join(COMPARABLE)}.",
            f"{layer} 不支持与基准版本比对；支持：{'、'.join(COMPARABLE)}。",
        )
    given = {
        "commit": options.commit,
        "effective": options.effective_at,
        "basis": options.basis,
        "gaps": options.gaps,
        "rejects": options.rejects,
    }
    wrong = [name for name, value in given.items() if value]
    if wrong:
        names = ", ".join(wrong)
        raise refuse(
            "option_with_base",
            f"Not with a base or a draft: {names}. The result is a draft; publish that, and say there since when it "
            "holds and what it rests on. Named gaps are edits of their own.",
            f"不能与基准版本或草稿同用：{names}。结果为草稿；生效时间与依据在发布草稿时给出，命名空洞请单独编辑。",
        )


def achieved_draft(connection: Connection, draft_id: str) -> Draft | None:
    """The draft that an earlier attempt has made, with its import in it."""
    try:
        draft = find_draft(connection, draft_id)
    except Refusal:
        return None
    return draft if list_edits(connection, draft_id) else None


def extent_of(text: str | None, file: Path | None = None, crs: str | None = None) -> Extent | None:
    """The extent that a scope says, or that the polygons in a file are. Errors: scope_wrong, those of a file."""
    if file is None:
        return None if text is None else read_extent(text)
    table = read(file, crs=crs)
    shapes, faults = prepare(table, None, "polygon")
    wrong = [fault for fault in (*table.faults, *faults) if fault.severity == "error"]
    if wrong:
        raise Refusal(wrong)
    return within(list(shapes), file.name)


def scope_file(text: str | None) -> Path | None:
    """The file that a scope on the command line names: one that there is, or that has the ending of one."""
    if text is None or is_shape(text):
        return None
    path = Path(text)
    return path if path.suffix.lower() in READABLE or path.is_file() else None


def scope_without_base(text: str) -> Refusal:
    """The refusal of polygons as the scope of an import that is not compared with a base."""
    return refuse(
        "scope_without_base",
        f"The scope '{text[:60]}' is no prefix of codes; polygons go with --base or --draft alone.",
        f"范围“{text[:60]}”不是编码前缀；面范围须与 --base 或 --draft 同用。",
    )


def _compare(
    connection: Connection,
    layer: str,
    path: Path,
    table: Table,
    options: Options,
    wanted: Comparison,
    origin: Origin,
) -> Compared:
    at = head(connection)
    base = _base(connection, layer, table, options, wanted.base)
    profile = profile_of(connection, options.profile)
    incoming = by_part(_incoming(connection, layer, table, profile, options, at), origin)
    faults = [*table.faults, *only_new(table, incoming.faults)]
    bad = {fault.row for fault in faults if fault.severity == "error" and fault.row}
    if options.skip_rejected and bad:
        faults = [replace(each, severity="warning") if each.row in bad else each for each in faults]
        incoming = layers.without(incoming, bad)
    merged = compare(connection, incoming, base, at, wanted.extent)
    parts = parts_of(_as_delivery(layer, merged, at, faults), table, origin)
    placed = examined(connection, parts, options)
    if any(fault.severity == "error" for fault in faults):
        return Compared(layer, str(path), len(table), base, at, merged, (*faults, *placed))
    masses = _masses(merged, wanted.allowed)
    if layer == "units" and not any(fault.severity == "error" for fault in masses):
        merged, found = layers.cover(connection, merged, incoming.numbers, profile, at, options.snap_m)
        faults += [replace(each, severity="warning") if each.code in COVERED else each for each in found]
    faults += [*masses, *placed]
    conflicts = [tell_conflict(each, incoming, base) for each in merged.conflicts]
    return Compared(layer, str(path), len(table), base, at, merged, (*faults, *conflicts))


def _as_delivery(layer: str, merged: Merged, at: int, faults: Sequence[Fault]) -> Delivery:
    """What the delivery would write, as an import has it."""
    rows = [each.row for each in merged.changes if each.row.delivered is not None]
    written = [{**(row.delivered or {}), "uid": row.now["uid"] if row.now else 0} for row in rows]
    changes = (Change(TABLES[layer], np.empty(0, dtype=np.int64), written),) if layer in TABLES else ()
    return Delivery(at, Counts(same=merged.counts.get(Outcome.same, 0)), changes, tuple(faults))


def _masses(merged: Merged, allowed: int) -> list[Fault]:
    needed = sum(each.count for each in merged.masses)
    severity: Severity = "error" if needed > allowed else "warning"
    return [replace(tell_mass(each, merged.shifts, needed), severity=severity) for each in merged.masses]


def _base(
    connection: Connection, layer: str, table: Table, options: Options, asked: int | datetime | str | None
) -> int:
    """The revision that the delivery was begun from. Errors: base_missing, base_differs, revision_unknown, …"""
    if asked is not None and not isinstance(asked, str):
        return revision_at(connection, asked)
    number, recorded = table.notes.get("revision"), table.notes.get("recorded_at")
    if not isinstance(number, int) or isinstance(number, bool):
        raise refuse(
            "base_missing",
            "The file does not say from which revision it was begun: say --base with a revision or a date.",
            "文件未说明其基准版本：请用 --base 给出版本号或日期。",
        )
    name = f"areas.{options.area_layer}" if layer == "areas" else layer
    known = connection.execute(select(revision.c.recorded_at).where(revision.c.number == number)).scalar()
    if table.notes.get("layer") != name or known is None or known.isoformat() != recorded:
        raise refuse(
            "base_differs",
            f"The file says that it is {table.notes.get('layer')} of revision {number}, recorded at {recorded}; that "
            "is not of this store or not of this layer. Say --base with a revision or a date.",
            f"文件标明其为 {table.notes.get('layer')} 版本 {number}（记录于 {recorded}），与本库或本图层不符；"
            "请用 --base 给出版本号或日期。",
            kind="conflict",
        )
    return number


def _incoming(
    connection: Connection, layer: str, table: Table, profile: CodeProfile, options: Options, at: int
) -> Incoming:
    mapping, crs, owner = options.mapping, options.crs, options.owner
    match layer:
        case "divisions":
            return layers.read_divisions(connection, table, profile, mapping, crs, at)
        case "units":
            return layers.read_units(table, profile, mapping, crs)
        case "areas":
            if not options.area_layer:
                raise refuse(
                    "area_layer_missing",
                    "Say which layer of areas this is: --area-layer NAME.",
                    "请用 --area-layer 指明责任片区图层名称。",
                )
            return layers.read_areas(connection, table, owner, options.area_layer, mapping, crs, at)
        case "departments":
            return layers.read_departments(connection, table, owner, mapping, at)
    return read_components(connection, table, owner, mapping, crs, options.edition, options.class_code, at)


def _begun(store: Store, found: Compared, options: Options, wanted: Comparison) -> Draft | None:
    """A new draft, or that which an earlier attempt has begun and left empty.

    None when somebody published meanwhile, so that the file must be compared again.
    """
    title = options.note or f"import {found.layer} {Path(found.source).name}"
    with writing(store.world) as connection:
        if head(connection) != found.at:
            return None
        if wanted.draft_id is not None:
            try:
                return move_draft(connection, find_draft(connection, wanted.draft_id), found.at)
            except Refusal as refusal:
                if refusal.code != "draft_unknown":
                    raise
        return create_draft(connection, wanted.owner, title[:200], options.author, wanted.draft_id)


def _kept(store: Store, draft: Draft, found: Compared) -> dict[str, Any]:
    """The edit that names what the file changes, once that is put down."""
    layer = found.merged.layer
    return {
        "op": IMPORT,
        "layer": layer,
        "delivery": keep_delivery(store, draft.id, layer, found.merged.changes),
        "base": found.base,
        "source": Path(found.source).name,
        "counts": {each.value: found.merged.counts.get(each, 0) for each in Outcome},
    }
