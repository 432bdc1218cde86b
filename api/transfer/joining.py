"""A delivery of several parts as one table, and its faults told by file and row of the file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from api.transfer.origins import Origin, moved, of_file
from api.transfer.parts import read_part
from components.catalogue import Class, ClassKey, read_classes
from components.editions import CURRENT
from components.inventory import settle_classes
from components.layers import COMPONENTS
from components.samples import Sample, sample_of
from components.surveys.checking import contradictions
from components.surveys.contents import Contents, Part, opened
from components.surveys.naming import Named, NameTable, name_part, read_names
from gis.crs import STORE
from gis.delivery import Counts, Delivery
from gis.errors import Fault, Refusal, refuse
from gis.formats.columns import to_column
from gis.geometry import prepare
from gis.intake import BLANKS, map_fields
from gis.store.revisions import Change, head
from gis.store.scope import EVERYTHING
from gis.tables import Table, joined
from grids.deliveries.comparing import Incoming

if TYPE_CHECKING:
    from api.transfer.imports import Options


def read_joined(connection: Connection, path: Path, options: "Options") -> tuple[Table, Origin]:
    """All components of a delivery in one table, in the system of the store, each with its edition and class.

    Errors: Refusal file_missing, file_unreadable, delivery_empty, those of reading any part.
    """
    names = None if options.classes is None else read_names(options.classes)
    known = read_classes(connection, EVERYTHING, head(connection))
    with opened(path) as contents:
        tables: list[Table] = []
        files: list[str] = []
        starts = [0]
        columns: list[frozenset[str]] = []
        for part in contents.parts:
            named = name_joined(part, known, options.edition, options.class_code, names)
            try:
                pieces = read_part(connection, part, named, options)
                table = None if pieces is None else joined(list(pieces))
            except Refusal as refusal:
                raise Refusal([of_file(fault, part.name) for fault in refusal.faults], refusal.kind) from refusal
            if table is None:
                continue
            tables.append(_ready(table, part, named, options.edition, starts[-1]))
            files.append(part.name)
            columns.append(frozenset(tables[-1].columns))
            starts.append(starts[-1] + int(table.rows.max(initial=0)))
        ignored = _ignored(contents, files)
    if not tables:
        raise no_layer(path.name)
    whole = joined(tables)
    notes = [table.notes for table in tables if table.notes]
    same = notes[0] if notes and all(each == notes[0] for each in notes) else {}
    origin = Origin(tuple(files), tuple(starts), tuple(columns))
    return replace(whole, faults=(*whole.faults, *ignored), notes=same), origin


def named_alone(
    connection: Connection, path: Path, options: "Options"
) -> tuple["Options", Callable[[Table], Table] | None]:
    """Of a file that is a delivery of one part: the options with the class that its name says, and what tells in a
    table of it what contradicts that; None where the name says nothing.
    """
    if options.class_code is not None:
        return options, None
    names = None if options.classes is None else read_names(options.classes)
    known = read_classes(connection, EVERYTHING, head(connection))
    named = name_joined(Part(path, path.name, options.layer), known, options.edition, None, names)
    if named.class_code is None:
        return options, None
    edition = named.edition or options.edition

    def held_against(table: Table) -> Table:
        if not table.columns:
            return table
        mapped = map_fields(table, COMPONENTS.fields, options.mapping)
        editions, classes = settle_classes(mapped, edition, named.class_code)
        wrong = (fault for fault, _ in contradictions(named, table.rows, mapped.values["code"], editions, classes))
        return replace(table, faults=(*table.faults, *named.faults, *wrong))

    return replace(options, edition=edition, class_code=named.class_code), held_against


def name_joined(
    part: Part, known: Mapping[ClassKey, Class], edition: str, class_code: str | None, names: NameTable | None
) -> Named:
    """The class of a part; one that was said for all goes before its name."""
    named = name_part(part, known, None if edition == CURRENT else edition, names)
    if class_code is None or named.source == "table":
        return named
    return replace(named, edition=edition, class_code=class_code, source="", faults=())


def parts_of(delivery: Delivery, table: Table, origin: Origin) -> Iterator[tuple[str, Delivery, Sample]]:
    """What a delivery writes, by the file that it comes from, with positions of that file; of a single one all."""
    if not origin.files or "code" not in table.columns:
        yield "", delivery, sample_of(table, delivery.faults)
        return
    parts = origin.parts_of(table.rows)
    of_code = dict(zip(map(str, reversed(table.columns["code"].tolist())), reversed(parts.tolist()), strict=True))
    change = next((each for each in delivery.changes if each.table.info.get("spatial")), None)
    created: list[list[Any]] = [[] for _ in origin.files]
    for row in () if change is None else change.created:
        created[of_code.get(row["code"], 0)].append(row)
    for number, file in enumerate(origin.files):
        here = table.part(parts == number)
        rows = set(here.rows.tolist())
        faults = tuple(fault for fault in delivery.faults if fault.row in rows)
        changes = () if change is None else (Change(change.table, change.retired[:0], created[number]),)
        wrong = {fault.row for fault in faults if fault.severity == "error"}
        same = max(0, len(rows) - len(created[number]) - len(wrong))
        yield file, Delivery(delivery.base, Counts(same=same), changes, faults), sample_of(here, faults)


def by_part(incoming: Incoming, origin: Origin) -> Incoming:
    """The delivery, of which each row speaks of what its own file has columns for."""
    if not origin.files:
        return incoming
    always = incoming.spoken.fields - {field.name for field in COMPONENTS.fields}
    whole = incoming.spoken
    spoken = [
        replace(whole, fields=(whole.fields & columns) | always, keys=whole.keys & columns)
        for columns in origin.columns
    ]
    return replace(incoming, apart=lambda key: spoken[origin.part_of(incoming.numbers[key])])


def _ready(table: Table, part: Part, named: Named, edition: str, start: int) -> Table:
    """The table of a part with its geometry in the store's system, its class filled in, and its place in the whole."""
    geometry, found = prepare(table, None, "any")
    columns = dict(table.columns)
    filled = (("class_code", named.class_code), ("edition", named.edition))
    for name, value in filled if named.class_code else ():
        column = columns.get(name)
        given = [None] * len(table) if column is None else column.tolist()
        columns[name] = to_column([value if _is_blank(each) else each for each in given])
    table = replace(table, columns=columns)
    mapped = map_fields(table, COMPONENTS.fields, {})
    editions, classes = settle_classes(mapped, named.edition or edition, named.class_code)
    wrong = [fault for fault, _ in contradictions(named, table.rows, mapped.values["code"], editions, classes)]
    told = (*named.faults, *table.faults, *found, *wrong)
    whole = {(fault.code, fault.en): of_file(fault, part.name) for fault in told if fault.row is None}
    faults = [*whole.values(), *(moved(fault, start) for fault in told if fault.row is not None)]
    return replace(table, geometry=geometry, crs=STORE, rows=table.rows + start, faults=tuple(faults), encoding=None)


def _is_blank(value: Any) -> bool:
    return value is None or value != value or (isinstance(value, str) and not value.strip(BLANKS))


def _ignored(contents: Contents, files: Sequence[str]) -> list[Fault]:
    """One note of all files that are no layers; a warning of archives, which may hold some."""
    left = [*contents.ignored, *(part.name for part in contents.parts if part.name not in files)]
    faults = [packed_within(each) for each in left if is_archive(each)]
    plain = [each for each in left if not is_archive(each)]
    return [*faults, files_ignored(plain)] if plain else faults


def no_layer(name: str) -> Refusal:
    """The refusal of a delivery without any layer."""
    return refuse(
        "delivery_empty",
        f"{name} holds no layer of components.",
        f"{name} 中没有部件图层。",
        kind="unreadable",
    )


def is_archive(file: str) -> bool:
    """Whether a file that was left out may hold layers all the same."""
    return file.lower().endswith((".zip", ".rar", ".7z"))


def packed_within(file: str) -> Fault:
    """The warning of an archive in a delivery."""
    return Fault(
        "packed_within",
        f"{file} is an archive within the delivery and was not opened; unpack it.",
        f"{file} 为交付中的压缩包，未予打开；请先解压。",
        severity="warning",
        members={"file": file},
    )


def files_ignored(files: Sequence[str]) -> Fault:
    """The note of files that are no layers."""
    shown = ", ".join(files[:5]) + (" …" if len(files) > 5 else "")
    return Fault(
        "files_ignored",
        f"{len(files)} files are no layers of components and were left out: {shown}.",
        f"{len(files)} 个文件不是部件图层，已略过：{shown}。",
        severity="note",
    )
