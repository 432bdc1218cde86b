"""Sources of cases in the store: declared, removed, and those of a revision."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from sqlalchemy import Connection

from cases.positions import ReadCrs
from cases.reports import WORST_ACCURACY_M
from cases.sources import KINDS, SETTINGS, Source, Sources, make_sources, parse_zone
from cases.tables import case_source
from components.catalogue import ClassKey, read_classes
from components.editions import normalise_edition
from components.tables import local_class
from gis.delivery import compare, rows_in_force
from gis.errors import Fault, Refusal, refuse
from gis.intake import map_fields
from gis.layer import Field
from gis.store.revisions import Change, head
from gis.store.scope import EVERYTHING, Scope
from gis.store.versions import Query, read_rows
from gis.tables import Table

LONGEST = 200
LONGEST_CRS = 60
MAP_FIELDS = (
    Field("code", "code", "code of the source", "来源的类别代码", required=True, aliases=("来源代码", "代码")),
    Field("edition", "text", "edition", "标准版", aliases=("标准版",)),
    Field("kind", "text", "kind", "种类", aliases=("种类",)),
    Field("class_code", "code", "class", "类别代码", required=True, aliases=("class", "类别代码", "类别")),
)


def read_sources(connection: Connection, scope: Scope, at: int | None = None) -> list[Source]:
    """The sources of the owners in scope, by name."""
    rows = read_rows(connection, case_source, Query(scope, at=at))
    return sorted((_source(row) for row in rows), key=lambda each: each.name)


def find_source(connection: Connection, name: str, at: int | None = None) -> Source:
    """The source of this name. Errors: Refusal source_unknown."""
    row = next(read_rows(connection, case_source, Query(EVERYTHING, at=at, where={"code": name})), None)
    if row is None:
        shown = name if len(name) <= 60 else name[:60] + "…"
        raise refuse("source_unknown", f"No source {shown} is declared.", f"没有登记来源 {shown}。", kind="missing")
    return _source(row)


def load_sources(connection: Connection, at: int) -> Sources:
    """All sources of revision `at`, ready for reading cases."""
    return make_sources(read_sources(connection, EVERYTHING, at), read_classes(connection, EVERYTHING, at).keys())


def is_changed(tables: set[str]) -> bool:
    """Whether changes of these tables make other sources of them."""
    return not tables.isdisjoint((case_source.name, local_class.name))


def declare(
    connection: Connection, source: Source, read_crs: ReadCrs, *, replaces: bool = False
) -> tuple[int, tuple[Change, ...]]:
    """What keeps a source as it is said, and the revision that this was seen at; no change where it is so already.

    Errors: Refusal source_wrong, source_setting_wrong, crs_unknown, zone_unknown, class_unknown; source_exists
    (conflict) for a name that is there, unless it `replaces` it.
    """
    base = head(connection)
    settled = _settled(source, read_crs)
    _check_classes(connection, settled, base)
    current = rows_in_force(connection, case_source, base, ("code",), {"code": source.name})
    if current and not replaces:
        raise refuse(
            "source_exists",
            f"There is a source {source.name} already: say --replace to change what is said of it.",
            f"来源 {source.name} 已登记：如需修改请加 --replace。",
            kind="conflict",
        )
    row = {"owner": settled.owner, "code": settled.name, "document": settled.to_document()}
    change, _ = compare(case_source, current, {(settled.name,): row})
    return base, (change,) if change.created else ()


def withdraw(connection: Connection, name: str) -> tuple[int, tuple[Change, ...]]:
    """What ends a source, and the revision that this was seen at. Errors: Refusal source_unknown."""
    base = head(connection)
    find_source(connection, name, base)
    rows = rows_in_force(connection, case_source, base, ("code",), {"code": name})
    return base, (Change(case_source, np.array([row["uid"] for row in rows.values()], dtype=np.int64), ()),)


def read_class_map(table: Table, edition: str | None, kind: str | None) -> dict[str, ClassKey]:
    """The map of classes in a table: a row for each code of the source, with edition, kind, class_code.

    What a row does not say of edition and kind is that of the source. Errors: Refusal with every bad row
    (column_missing, value_missing, value_wrong, code_damaged, kind_unknown, code_duplicate).
    """
    mapped = map_fields(table, MAP_FIELDS, {})
    faults = [*(each for each in table.faults if each.severity == "error"), *mapped.faults]
    found: dict[str, ClassKey] = {}
    values = (mapped.values[field.name].tolist() for field in MAP_FIELDS)
    for row, code, own, what, target in zip(table.rows.tolist(), *values, strict=True):
        if code is None or target is None:
            continue
        its_edition, its_kind = own or edition, what or kind
        if its_edition is None:
            faults.append(_row_fault("value_missing", row, code, "has no edition", "缺少标准版"))
        elif its_kind not in KINDS:
            faults.append(
                _row_fault("kind_unknown", row, code, "is neither component nor matter", "种类须为component或matter")
            )
        elif code in found:
            faults.append(_row_fault("code_duplicate", row, code, "is there twice", "重复"))
        else:
            found[code] = (normalise_edition(its_edition), its_kind, target)
    if faults:
        raise Refusal(faults)
    return found


def _row_fault(code: str, row: int, thing: str, en: str, zh: str) -> Fault:
    return Fault(code, f"Row {row}: the class {thing} {en}.", f"第 {row} 行：类别 {thing} {zh}。", row=row, thing=thing)


def _source(row: Mapping[str, Any]) -> Source:
    return Source.of(row["code"], row["owner"], row["document"])


def _settled(source: Source, read_crs: ReadCrs) -> Source:
    """The source as it is kept. Errors: those of `declare` but for its classes."""
    name = source.name
    if not name or name != name.strip() or "/" in name or not name.isprintable() or len(name) > LONGEST:
        raise refuse(
            "source_wrong",
            f"A source is named by up to {LONGEST} characters, without a slash and without blanks around it.",
            f"来源名称最多 {LONGEST} 个字符，不得含斜杠，首尾不得有空格。",
        )
    if source.owner and not (source.owner.isascii() and source.owner.isalnum()):
        raise _wrong("owner", "a division code, or empty", "区划代码或留空")
    crs = source.crs
    if crs is not None:
        if len(crs) > LONGEST_CRS or any(each in crs for each in "[]{}+="):
            # A definition would be shown to everybody who may read sources.
            raise _wrong("crs", "the name of a system: EPSG:4547, GCJ-02, one of your own", "坐标系名称，而非定义文本")
        crs = read_crs(crs).name
    if source.accuracy_m is not None and not 0 < source.accuracy_m <= WORST_ACCURACY_M:
        raise _wrong("accuracy_m", f"more than 0 and at most {WORST_ACCURACY_M:g} metres", "大于 0 且不超过 10000 米")
    if source.zone is not None:
        parse_zone(source.zone)
    if source.kind is not None and source.kind not in KINDS:
        raise _wrong("kind", "component or matter", "component（部件）或 matter（事项）")
    edition = None if source.edition is None else normalise_edition(source.edition)
    if edition is not None and not 0 < len(edition) <= LONGEST_CRS:
        raise _wrong("edition", "a short text", "不超过 60 个字符的文本")
    said = {each: getattr(source, each) for each in SETTINGS} | {"crs": crs, "edition": edition}
    return Source(name, source.owner, **said, classes=source.classes)


def _check_classes(connection: Connection, source: Source, at: int) -> None:
    """Errors: Refusal class_unknown for classes that their edition does not have, where it has any at all."""
    if source.classes:
        faults = list(_unknown(source, read_classes(connection, EVERYTHING, at).keys()))
        if faults:
            raise Refusal(faults)


def _unknown(source: Source, there: Any) -> Iterator[Fault]:
    editions = {edition for edition, _, _ in there}
    for code, key in source.classes.items():
        if key not in there and key[0] in editions:
            edition, kind, wanted = key
            yield Fault(
                "class_unknown",
                f"Class {code} of the source leads to {wanted}, which the edition {edition} does not have ({kind}).",
                f"来源类别 {code} 对应 {wanted}，但标准版 {edition} 中没有该类别（{kind}）。",
                thing=code,
            )


def _wrong(name: str, en: str, zh: str) -> Refusal:
    return refuse("source_setting_wrong", f"{name} of a source must be {en}.", f"来源的 {name} 须为{zh}。", thing=name)
