"""Points of drawings (.dxf, as text): each with its layer, its block and the attributes of the block.

Read here and not by GDAL, which explodes blocks into their lines and leaves Chinese names of blocks undecoded.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from gis import encoding as texts
from gis.errors import Fault, Refusal, refuse
from gis.formats.columns import named_once, to_column
from gis.tables import Table

LONGEST_LINE = 1 << 16
_UNICODE = 1021  # AutoCAD 2007: UTF-8 from here on
_ESCAPED = re.compile(r"\\U\+([0-9A-Fa-f]{4})")
_POINTS = ("POINT", "INSERT")
_UNCOUNTED = frozenset({"ATTRIB", "SEQEND", "VERTEX"})

Pair = tuple[int, bytes]
Entity = dict[int, list[bytes]]


def read(path: Path, encoding: str | None) -> Table:
    """The points and the blocks that are set, in the order of the drawing, in no CRS: a drawing does not say.

    Columns: layer, block, handle, one for each tag of attributes, and what programs attach as `xdata.PROGRAM`. Other
    entities are left out, and told how many. Errors: Refusal file_unreadable, encoding_unknown, encoding_wrong.
    """
    forced = texts.forced(encoding) if encoding else None
    try:
        header, entities, others = _entities(path)
        records = [_record(entity) for entity in entities]
    except ValueError as error:
        raise unreadable(path, f"the drawing is damaged ({error})", f"图形文件已损坏（{error}）") from error
    raw = {text for record in records for pair in record[1].items() for text in pair}
    label = _declared(header)
    used = forced or texts.detect(raw, label)
    rows = np.arange(1, len(records) + 1, dtype=np.int64)
    faults: list[Fault] = [] if not others else [_left_out(others)]
    decoded = []
    for row, (_, record) in zip(rows.tolist(), records, strict=True):
        decoded.append({_text(key, used)[0]: _text(value, used)[0] for key, value in record.items()})
        faults += [texts.replaced(row, _text(key, used)[0]) for key, value in record.items() if _text(value, used)[1]]
    if forced and any(fault.code == "encoding_replaced" for fault in faults):
        raise texts.wrong(forced, min(fault.row or 1 for fault in faults))
    keys = list(dict.fromkeys(["layer", "block", "handle", *(key for record in decoded for key in record)]))
    names = named_once(keys)
    columns = {
        name: to_column([record.get(key) or None for record in decoded]) for name, key in zip(names, keys, strict=True)
    }
    geometry = to_column([shapely.Point(place) for place, _ in records])
    return Table(columns, geometry, None, rows, faults=tuple(faults))


def _entities(path: Path) -> tuple[dict[str, bytes], list[list[Entity]], Counter[str]]:
    """The header's variables, the points (a block with its attributes is one list), and what else there is.

    Errors: ValueError, Refusal file_unreadable.
    """
    header: dict[str, bytes] = {}
    found: list[list[Entity]] = []
    others: Counter[str] = Counter()
    section, variable = "", ""
    current: Entity | None = None
    is_whole = False
    for code, value in _pairs(path):
        if code == 0:
            current = None
            name = value.decode("ascii", errors="replace").strip().upper()
            section = "" if name in ("SECTION", "ENDSEC") else section
            is_whole |= name == "EOF"
            if section == "ENTITIES" and name in _POINTS:
                current = {0: [name.encode()]}
                found.append([current])
            elif section == "ENTITIES" and name == "ATTRIB" and found:
                current = {}
                found[-1].append(current)
            elif section == "ENTITIES" and name not in _UNCOUNTED:
                others[name] += 1
        elif code == 2 and not section and current is None:
            section = value.decode("ascii", errors="replace").strip().upper()
        elif section == "HEADER":
            variable = value.decode("ascii", errors="replace").strip() if code == 9 else variable
            header.setdefault(variable, value) if code != 9 else None
        elif current is not None:
            current.setdefault(code, []).append(value)
    if not is_whole:
        raise unreadable(path, "it is cut short, or no drawing as text", "文件不完整，或不是文本格式的 DXF")
    return header, found, others


def _pairs(path: Path) -> Iterator[Pair]:
    """The group codes with their values. Errors: ValueError, Refusal file_unreadable."""
    with path.open("rb") as file:
        head = file.read(22)
        if head.startswith(b"AutoCAD Binary DXF"):
            raise unreadable(
                path, "it is a binary drawing; save it as DXF in ASCII", "它是二进制 DXF；请另存为 ASCII 格式的 DXF"
            )
        if b"\0" in head or head.startswith(b"AC10"):
            raise unreadable(
                path, "it is no DXF; save the drawing as DXF in ASCII", "它不是 DXF；请将图形另存为 ASCII 格式的 DXF"
            )
        file.seek(3 if head.startswith(b"\xef\xbb\xbf") else 0)
        number = 0
        while line := file.readline(LONGEST_LINE):
            value = file.readline(LONGEST_LINE)
            number += 2
            if len(value) == LONGEST_LINE or len(line) == LONGEST_LINE:
                raise ValueError(f"line {number} is longer than {LONGEST_LINE} bytes")
            code = line.strip()
            if not code and not value.strip():
                continue
            if not re.fullmatch(rb"-?\d{1,4}", code):
                raise ValueError(f"line {number - 1} is no group code")
            yield int(code), value.rstrip(b"\r\n")


def _record(parts: list[Entity]) -> tuple[tuple[float, float], dict[bytes, bytes]]:
    """The place of a point, and its values. Errors: ValueError."""
    entity = parts[0]
    x, y = (float(entity.get(code, [b"0"])[0]) for code in (10, 20))
    if float(entity.get(230, [b"1"])[0]) < 0:  # drawn from below: its own x runs the other way
        x = -x
    record = {b"layer": entity.get(8, [b""])[0]}
    if entity[0][0] == b"INSERT":
        record[b"block"] = entity.get(2, [b""])[0]
    record[b"handle"] = entity.get(5, [b""])[0]
    if 1000 in entity:
        record[b"xdata." + entity.get(1001, [b""])[0]] = b";".join(entity[1000])
    for attribute in parts[1:]:
        tag = attribute.get(2, [b""])[0].strip()
        if tag:
            record[tag] = attribute.get(1, [b""])[0]
    return (x, y), record


def _declared(header: dict[str, bytes]) -> str | None:
    version = header.get("$ACADVER", b"").strip().decode("ascii", errors="ignore").removeprefix("AC")
    if version.isdigit() and int(version) >= _UNICODE:
        return "utf-8"
    return texts.codec(header.get("$DWGCODEPAGE", b"").strip().decode("ascii", errors="ignore").replace("_", " "))


def _text(raw: bytes, encoding: str) -> tuple[str, bool]:
    text, replaced = texts.decode(raw, encoding)
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text), replaced


def unreadable(path: Path, en: str, zh: str) -> Refusal:
    """The refusal of a drawing."""
    return refuse(
        "file_unreadable", f"{path.name} cannot be read: {en}.", f"无法读取 {path.name}：{zh}。", kind="unreadable"
    )


def _left_out(others: Counter[str]) -> Fault:
    kinds: Any = ", ".join(f"{count} {name}" for name, count in others.most_common(8))
    return Fault(
        "entities_left_out",
        f"Only points and blocks of a drawing are read; left out: {kinds}.",
        f"图形文件只读取点和图块；已略过：{kinds}。",
        severity="note",
    )
