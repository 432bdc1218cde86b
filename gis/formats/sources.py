"""Files that are read in pieces, told by their ending."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gis.formats.arrow_pieces import ARROW, PARQUET, open_arrow
from gis.formats.csv_pieces import DELIMITED, open_csv
from gis.formats.json_pieces import LINES, open_json
from gis.formats.pieces import Source
from gis.formats.sinks import WRITTEN

READ = (*PARQUET, *ARROW, *DELIMITED, *LINES)


def is_streamed(source: Path, out: Path) -> bool:
    """Whether both files can be handled in pieces. Others (databases, documents) are read as a whole."""
    return source.is_file() and source.suffix.lower() in READ and out.suffix.lower() in WRITTEN


def open_source(
    path: Path,
    encoding: str | None = None,
    x_column: str | None = None,
    y_column: str | None = None,
    enumerated: Sequence[str] = (),
) -> Source:
    """The file, ready to be read in pieces. `x_column` and `y_column` hold the positions, whatever else does, where one
    is named; `enumerated` are columns of few distinct texts, where it is worth to know.

    Errors: Refusal file_unreadable, encoding_unknown, column_missing, crs_unknown.
    """
    suffix = path.suffix.lower()
    if suffix in DELIMITED:
        return open_csv(path, encoding, x_column, y_column)
    axes = (x_column or "lon", y_column or "lat") if x_column or y_column else None
    if suffix in LINES:
        return replace(open_json(path, encoding), axes=axes)
    return replace(open_arrow(path, enumerated), axes=axes)
