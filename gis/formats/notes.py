"""What a file says of itself beside its rows: where it comes from. Under one name in every format that has room for it.

GeoPackage and FlatGeobuf: metadata of the layer. GeoParquet: metadata of the schema. GeoJSON: a member of the
collection. Excel: a property of the workbook. KML: data of the document. Formats without room (CSV, shapefile, GeoJSON
lines): a small file beside it, called like it and `.wangge`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAME = "wangge"
SUFFIX = ".wangge"
LARGEST = 65_536

Notes = Mapping[str, Any]


def spell(notes: Notes) -> str:
    """The notes as text."""
    return json.dumps(dict(notes), ensure_ascii=False)


def parse(text: Any) -> Notes:
    """The notes in a text, none where it holds no object: whoever made the file need not know of them."""
    try:
        found = json.loads(text) if isinstance(text, str | bytes) else text
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def beside(path: Path) -> Path:
    """Where the notes of a file lie that has no room for them."""
    return path.with_name(path.name + SUFFIX)


def read_beside(path: Path) -> Notes:
    """The notes that lie beside a file."""
    try:
        with beside(path).open("rb") as file:
            return parse(file.read(LARGEST))
    except (OSError, UnicodeDecodeError):
        return {}


def write_beside(path: Path, notes: Notes) -> None:
    """Put notes beside a file; none are no file."""
    if notes:
        beside(path).write_text(spell(notes) + "\n", encoding="utf-8")
