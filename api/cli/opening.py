"""Open what the commands work on: the store of the settings, times and mappings as people type them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.lookups.moments import read_time
from api.migrations import check_schema
from api.settings import Settings
from api.transfer.fields import read_mapping, read_texts
from api.worlds import Worlds, find_folder, folder_of
from gis.errors import refuse
from gis.store.engine import Store, open_store

__all__ = ["open_settled", "open_worlds", "read_mapping", "read_text", "read_texts", "read_time"]


@contextmanager
def open_settled(settings: Settings) -> Iterator[Store]:
    """The store of the settings, with its schema made when it is new, closed at the end."""
    store = open_store(settings.store, settings.wait_s)
    try:
        check_schema(store)
        yield store
    finally:
        store.close()


@contextmanager
def open_worlds(settings: Settings, index: Path | None = None) -> Iterator[Worlds]:
    """The worlds of the store of the settings, or of world files alone, which then need no store.

    Errors: those of opening a store; world_missing, world_several.
    """
    if index is not None:
        yield Worlds(None, find_folder(index))
    else:
        with open_settled(settings) as store:
            yield Worlds(store, folder_of(settings.data, store))


def read_text(path: Path) -> str:
    """What a small file says, in UTF-8. Errors: Refusal file_unreadable."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise refuse(
            "file_unreadable",
            f"{path.name} cannot be read as text: {error.__class__.__name__}.",
            f"无法读取文本文件 {path.name}。",
            kind="unreadable",
        ) from None
