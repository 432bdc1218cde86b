"""Rows that were refused, as a file of the delivery's own kind: mended, it is imported like any other."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from api.transfer.origins import Origin
from gis.errors import Fault, refuse
from gis.formats import WRITABLE, read_cells, suffix_of, write
from gis.formats.columns import to_column
from gis.formats.dbf import LONGEST_TEXT
from gis.tables import Table, joined

REASONS = ("rej_row", "rej_code", "rej_zh", "rej_en")
"""Columns that say why: the row in the delivery, the codes, the sentences. They are left out when it is imported."""
FILE = "rej_file"
"""The file of the row, where a delivery has several; left out likewise."""
_OWN_IN = {".txt": ".csv", ".dbf": ".csv", ".kmz": ".kml"}


def without_reasons(table: Table) -> Table:
    """The table of a mended file without the columns that said what was wrong with it."""
    if not set(REASONS) <= table.columns.keys():
        return table
    return replace(
        table, columns={name: column for name, column in table.columns.items() if name not in (*REASONS, FILE)}
    )


def place_of(out: Path, source: Path | None, layer: str | None) -> Path:
    """Where rejected rows of a delivery go: as `out` says; without an ending in the delivery's own format.

    A delivery of several files has no `source`: its rows go to a GeoPackage.

    Formats that are only read give way: drawings and FileGDB to GeoPackage. Errors: Refusal format_unknown.
    """
    if not out.suffix and source is None:
        return out.with_name(out.name + ".gpkg")
    if not out.suffix:
        assert source is not None
        own = suffix_of(source, layer)
        own = _OWN_IN.get(own, own)
        return out.with_name(out.name + (own if own in WRITABLE else ".gpkg"))
    if out.suffix.lower() not in WRITABLE:
        raise refuse(
            "format_unknown",
            f"Rejected rows cannot be written as '{out.suffix}'; these can: {', '.join(WRITABLE)}.",
            f"被拒绝的行不能写为“{out.suffix}”；可用格式：{'、'.join(WRITABLE)}。",
        )
    return out


def write_rejects(
    out: Path,
    source: Path,
    tables: Iterable[Table],
    faults: Sequence[Fault],
    layer: str | None,
    encoding: str | None,
    origin: Origin,
) -> Path:
    """Write the rows that have errors, with all columns of the delivery and REASONS, in its CRS.

    Cells of text and sheets are those of the file itself, also where they could not be made out. Errors: Refusal of
    writing.
    """
    cells = None if origin.files else read_cells(source, layer, encoding)
    if cells is not None:
        tables = (without_reasons(replace(each, crs=None)) for each in cells)
    of_row: dict[int, list[Fault]] = {}
    for fault in faults:
        if fault.row is not None:
            of_row.setdefault(fault.row, []).append(fault)
    wrong = np.array(sorted(of_row), dtype=np.int64)
    table = joined([each.part(np.isin(each.rows, wrong)) for each in tables])
    reasons = [of_row[row] for row in table.rows.tolist()]
    columns = {name: column for name, column in table.columns.items() if name not in REASONS}
    rows = table.rows
    columns["rej_row"] = to_column([origin.row_of(row) if origin.files else row for row in rows.tolist()])
    if origin.files:
        columns[FILE] = to_column([origin.files[origin.part_of(row)] for row in rows.tolist()])
    columns["rej_code"] = _joined([[fault.code for fault in each] for each in reasons], " ")
    columns["rej_zh"] = _joined([[fault.zh for fault in each] for each in reasons], "")
    columns["rej_en"] = _joined([[fault.en for fault in each] for each in reasons], " ")
    geometry = table.geometry
    rejected = Table(columns, geometry, table.crs, rows, notes=table.notes)
    used = "utf-8-sig" if out.suffix.lower() in (".csv", ".tsv") else None
    write(out, rejected, layer=layer, encoding=used, crs=table.crs if geometry is not None else None, notes=table.notes)
    return out


def _joined(texts: Sequence[Sequence[str]], between: str) -> "np.ndarray[tuple[int], np.dtype[np.object_]]":
    """One text a row, not longer than a dbf holds."""
    joined = (between.join(dict.fromkeys(each)) for each in texts)
    return to_column([text.encode()[:LONGEST_TEXT].decode(errors="ignore") for text in joined])
