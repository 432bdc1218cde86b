"""Which class a part is of: told by the name of its layer (`0101上水井盖`), or by a table that lists the files."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from components.catalogue import Class, ClassKey
from components.editions import CURRENT, EDITIONS, normalise_edition
from components.surveys.contents import Part
from gis.errors import Fault, Refusal
from gis.formats import read
from gis.intake import map_fields
from gis.layer import Field

DIGITS: Mapping[int, str] = {4: "2013", 5: "2026"}
"""How long the codes of classes are -> the edition that has such."""
TABLE = (
    Field("file", "text", "file or layer", "文件或图层", required=True, aliases=("layer", "文件", "图层", "name")),
    Field("edition", "text", "edition", "标准版", aliases=("标准版",)),
    Field("class_code", "code", "class", "类别代码", aliases=("class", "类别代码", "代码")),
    Field("crs", "text", "coordinate system", "坐标系", aliases=("坐标系",)),
    Field("encoding", "text", "encoding", "编码方式", aliases=("文字编码",)),
)
_HAN = re.compile("[\u3400-\u9fff]+")
_CODE = re.compile(
    rf"(?P<before>{_HAN.pattern})?[\s_.-]*(?<![0-9A-Za-z])(?P<code>\d{{4,5}})(?!\d)[\s_.-]*(?P<han>{_HAN.pattern})?"
)


@dataclass(frozen=True, slots=True)
class Named:
    """What is known of a part beside its rows. `source` says from where: its name, a table, or nothing."""

    edition: str | None = None
    class_code: str | None = None
    source: Literal["name", "table", ""] = ""
    crs: str | None = None
    encoding: str | None = None
    faults: tuple[Fault, ...] = ()


NameTable = Mapping[str, Named]


def read_names(path: Path) -> dict[str, Named]:
    """A table of files or layers and their classes, by the name in it.

    Errors: those of reading a file; column_missing, value_missing, value_wrong.
    """
    table = read(path)
    mapped = map_fields(table, TABLE, {})
    wrong = [fault for fault in (*table.faults, *mapped.faults) if fault.severity == "error"]
    if wrong:
        raise Refusal(wrong)
    found = {}
    for file, edition, code, crs, encoding in zip(*(mapped.values[each.name] for each in TABLE), strict=True):
        found[file] = Named(edition and normalise_edition(edition), code, "table" if code else "", crs, encoding)
    return found


def name_part(
    part: Part, classes: Mapping[ClassKey, Class], edition: str | None, table: NameTable | None = None
) -> Named:
    """The class of a part, as the table says, else as its name says; of `edition` where one is demanded.

    Faults: class_unknown, class_name_differs.
    """
    names = (part.name, part.file, part.path.name, part.title, part.path.stem)
    told = next((table[each] for each in names if each in table), Named()) if table else Named()
    if told.class_code is None:
        found = class_in_name(part.title, classes, told.edition or edition)
        return Named(found.edition, found.class_code, found.source, told.crs, told.encoding, found.faults)
    of = told.edition or edition or DIGITS.get(len(told.class_code), CURRENT)
    faults = () if (of, "component", told.class_code) in classes else (_unknown(part.name, of, told.class_code),)
    return Named(of, told.class_code, "table", told.crs, told.encoding, faults)


def class_in_name(title: str, classes: Mapping[ClassKey, Class], edition: str | None) -> Named:
    """The class that a name says: a code that is all of it or stands before Chinese or behind the name of its class,
    else the whole Chinese name of a class. (`部件_2026_0101` is a date.)

    Without an edition four digits are of 2013 and five of 2026. Digits that are no class of it say nothing, but where
    they are one of the other edition that is a fault.
    """
    edition = edition and normalise_edition(edition)
    elsewhere: tuple[str, str] | None = None
    for found in _CODE.finditer(title):
        code = found["code"]
        usual = DIGITS[len(code)]
        of = edition or usual
        known = classes.get((of, "component", code))
        behind = known is not None and known.name_zh and (found["before"] or "").endswith(known.name_zh)
        if not (found["han"] or behind or found[0].strip() == title.strip()):
            continue
        if known is not None:
            return Named(of, code, "name", faults=_differing(title, known))
        if (usual, "component", code) in classes:
            elsewhere = of, code
    if elsewhere is not None:
        return Named(faults=(_unknown(title, *elsewhere),))
    words = "".join(_HAN.findall(title))
    named = [each for each in _of_editions(classes.values(), edition) if words and each.name_zh == words]
    return Named(named[0].edition, named[0].code, "name") if named else Named()


def _of_editions(classes: Iterable[Class], edition: str | None) -> list[Class]:
    """Classes of components of the edition, else of all, the newest first."""
    wanted = (edition,) if edition else tuple(EDITIONS)
    return [each for of in wanted for each in classes if (each.edition, each.kind) == (of, "component")]


def _differing(title: str, known: Class) -> tuple[Fault, ...]:
    words = "".join(_HAN.findall(title))
    if not words or not known.name_zh or known.name_zh in words or words in known.name_zh:
        return ()
    return (
        Fault(
            "class_name_differs",
            f"'{title[:60]}' says class {known.code}, which is {known.name_zh} in the edition {known.edition}.",
            f"“{title[:60]}”中的类别代码 {known.code} 在标准版 {known.edition} 中为“{known.name_zh}”，名称不符。",
            severity="warning",
            thing=known.code,
        ),
    )


def _unknown(name: str, edition: str, code: str) -> Fault:
    return Fault(
        "class_unknown",
        f"'{name[:60]}' is of class {code}, which the edition {edition} does not have.",
        f"“{name[:60]}”标明类别 {code}，标准版 {edition} 中没有该类别。",
        thing=code,
    )
