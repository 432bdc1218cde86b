"""Open what the commands work on: the store of the settings, times and mappings as people type them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from api.migrations import check_schema
from api.moments import read_moment
from api.settings import Settings
from api.worlds import Worlds, find_folder, folder_of
from gis.errors import refuse
from gis.store.engine import Store, open_store


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


def read_time(text: str, zone: str) -> datetime:
    """A time or a date as ISO text; without an offset it is of `zone`. Errors: Refusal time_wrong."""
    moment = read_moment(text, zone)
    if isinstance(moment, int):
        raise refuse(
            "time_wrong",
            f"'{text}' is no time: write 2026-07-01 or 2026-07-01T08:00:00+08:00.",
            f"“{text}”不是有效时间：请写 2026-07-01 或 2026-07-01T08:00:00+08:00。",
        )
    return moment


def read_mapping(pairs: Sequence[str]) -> dict[str, str]:
    """`field=column`, repeated. Errors: Refusal mapping_wrong."""
    mapping = {}
    for pair in pairs:
        name, separator, column = pair.partition("=")
        if not separator or not name.strip() or not column.strip():
            raise refuse(
                "mapping_wrong",
                f"'{pair}' is no mapping: write --map field=column.",
                f"“{pair}”不是有效映射：请写 --map 字段=列名。",
            )
        mapping[name.strip()] = column.strip()
    return mapping
