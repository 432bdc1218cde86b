"""The field sample of a delivery as a file for inspectors, and what they bring back."""

from pathlib import Path
from typing import Any

import numpy as np
import shapely

from api.surveys.checking import Checked
from api.transfer.exports import STORED
from components.surveys.rules import read_share
from components.surveys.sampling import COLUMNS, Draw, Judged, draw, foreign, judge, read_result
from gis import crs as reference
from gis.errors import Fault, refuse
from gis.formats import read, write
from gis.formats.columns import to_column
from gis.tables import Table

IN_CELLS = (".xlsx", ".csv", ".tsv")
"""Formats in which a sample has no geometry of its own, for its columns say the place."""


def read_draw(share: str, seed: int) -> Draw:
    """How a sample is to be drawn. Errors: Refusal share_wrong."""
    try:
        found = read_share(share)
    except ValueError:
        found = 0.0
    if not found:
        raise refuse(
            "share_wrong",
            f"'{share[:20]}' is no share of a sample: write 5% or 0.05.",
            f"“{share[:20]}”不是有效的抽样比例：请写 5% 或 0.05。",
        )
    return Draw(found, seed)


def write_sample(path: Path, checked: Checked, how: Draw) -> int:
    """Write the components drawn, with empty columns for the inspector; how many they are. Errors: those of writing."""
    entries = checked.entries
    drawn = draw(entries, how)
    mark = how.mark(checked.contents.digest)
    names, numbers = entries.class_names(), entries.class_numbers()
    frames = [seen.frame for seen in checked.parts]
    rows: list[dict[str, Any]] = []
    for number, at in enumerate(drawn.tolist(), 1):
        part = int(entries.parts[at])
        edition, _, code = str(names[numbers[at]]).partition(" ")
        known = checked.ground.classes.get((edition, "component", code))
        spot = entries.lonlat[at]
        rows.append(
            {
                "number": number,
                "file": checked.parts[part].part.name,
                "row": int(entries.rows[at]),
                "code": entries.codes[at].as_py(),
                "edition": edition,
                "class_code": code,
                "class_name": known.name_zh if known else None,
                **_in_file(spot, frames[part]),
                "crs_file": checked.parts[part].crs or None,
                "sample": mark,
            }
        )
    plain = path.suffix.lower() in IN_CELLS
    heads = {each.name: each.zh if plain else each.name for each in COLUMNS}
    columns = {heads[each.name]: to_column([row.get(each.name) for row in rows]) for each in COLUMNS}
    geometry = None
    if not plain:
        spots = [None if np.isnan(spot[0]) else shapely.Point(spot) for spot in entries.lonlat[drawn]]
        geometry = to_column(spots)
    table = Table(columns, geometry, STORED, np.arange(1, len(rows) + 1), "sample")
    write(path, table, layer="sample", encoding="utf-8-sig" if path.suffix.lower() in (".csv", ".tsv") else None)
    return len(rows)


def judge_sample(path: Path, checked: Checked) -> tuple[list[Judged], list[Fault]]:
    """What came back of a sample of this delivery, by class and as a whole.

    Errors: Refusal sample_foreign, sample_wrong, those of reading.
    """
    mark, results = read_result(read(path))
    try:
        digest, how = Draw.read(mark)
    except ValueError as error:
        raise foreign("its mark cannot be read", "抽样标识无法识别") from error
    if digest != checked.contents.digest:
        raise foreign(
            f"it was drawn from {digest}, and this is {checked.contents.digest}",
            f"该抽样出自 {digest}，而本次交付为 {checked.contents.digest}",
        )
    entries = checked.entries
    drawn = draw(entries, how)
    names, numbers = entries.class_names(), entries.class_numbers()
    pairs = [(str(names[numbers[at]]), str(entries.codes[at].as_py())) for at in drawn.tolist()]
    judged = judge(pairs, results, checked.limits, {name: _accuracy(checked, name) for name, _ in pairs})
    missing = sum(each.drawn - each.inspected for each in judged if each.name)
    faults = [_incomplete(missing, len(pairs))] if missing else []
    return judged, faults


def _accuracy(checked: Checked, name: str) -> float | None:
    edition, _, code = name.partition(" ")
    known = checked.ground.classes.get((edition, "component", code))
    return checked.limits.known_accuracy(code, known.accuracy_class if known else "")


def _in_file(spot: Any, frame: reference.Crs | None) -> dict[str, Any]:
    if frame is None or np.isnan(spot[0]):
        return {}
    x, y = reference.from_store(spot[None], frame)[0].round(9 if frame.is_geographic else 3).tolist()
    return {"x_file": x, "y_file": y}


def _incomplete(missing: int, total: int) -> Fault:
    return Fault(
        "sample_incomplete",
        f"Of {total} sampled components {missing} are not inspected: the sample is not complete.",
        f"抽样的 {total} 个部件中有 {missing} 个未检查，抽样未完成。",
        severity="warning",
    )
