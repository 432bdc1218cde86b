"""How history is told: changes, differences and crosswalks as JSON members and lines of CSV."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
import shapely

from gis.layer import Layer
from grids.crosswalk import Crosswalk
from grids.history import Difference, Entry

CSV = "text/csv"
HEADS = ("from", "to", "area_share", "component_share")
ROWS = 2000


def told_change(layers: Sequence[Layer], entry: Entry) -> dict[str, Any]:
    """A version with all fields of its layer and its shape; of a tombstone only what it is called."""
    row, gone = entry.row, entry.change == "retired"
    (layer,) = [each for each in layers if entry.layer in (each.id, f"{each.id}.{row.get('layer')}")]
    return {
        "revision": entry.place.revision,
        "layer": entry.layer,
        "change": entry.change,
        "uid": row["uid"],
        "code": row["code"],
        "owner": row["owner"],
        "properties": None if gone else {field.name: row[field.name] for field in layer.fields},
        "geometry": None if gone else _geometry(row),
        "cursor": str(entry.place),
    }


def _geometry(row: Mapping[str, Any]) -> orjson.Fragment | None:
    shape = row.get("geom")
    return None if shape is None else orjson.Fragment(shapely.to_geojson(shape))


def told_difference(each: Difference) -> dict[str, Any]:
    """What changed, by names of fields; the shape apart."""
    known = each.after or each.before
    assert known is not None
    before = each.before["code"] if each.before is not None else None
    return {
        "layer": each.layer,
        "change": each.change,
        "uid": known["uid"],
        "code": known["code"],
        "code_before": before if before != known["code"] else None,
        "owner": known["owner"],
        "fields": [name for name in each.fields if name != "geometry"],
        "geometry": "geometry" in each.fields,
    }


def crosswalk_lines(walk: Crosswalk, a: int, b: int, level: str, as_csv: bool) -> Iterator[bytes]:
    """A crosswalk as CSV or as one JSON document, written in pieces."""
    if as_csv:
        yield (",".join(HEADS) + "\r\n").encode()
    else:
        opening = orjson.dumps({"from": a, "to": b, "level": level})
        yield opening[:-1] + b',"items":['
    rows = walk.rows()
    begun = False
    for start in range(0, len(walk), ROWS):
        part = [row for _, row in zip(range(start, min(start + ROWS, len(walk))), rows, strict=False)]
        if as_csv:
            text = io.StringIO(newline="")
            csv.writer(text).writerows(["" if value is None else value for value in row] for row in part)
            yield text.getvalue().encode()
        else:
            written = orjson.dumps([dict(zip(HEADS, row, strict=True)) for row in part])[1:-1]
            yield (b"," if begun else b"") + written
            begun = True
    if not as_csv:
        yield b"]}"
