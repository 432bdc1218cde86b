"""Files that are written: what the system says against it, as a refusal."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gis.errors import refuse


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Tell an error of the system as one of the file that was to be written. Errors: Refusal file_unwritable."""
    try:
        yield
    except OSError as error:
        raise refuse(
            "file_unwritable",
            f"{path} cannot be written: {error.strerror or error}.",
            f"无法写入 {path}：{error.strerror or error}。",
            kind="unavailable",
        ) from error
