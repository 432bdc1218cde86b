"""Text files line by line: their encoding found in one reading, without the file in memory."""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from gis import encoding as texts
from gis.formats.arrow_pieces import unreadable

BLOCK = 1 << 20
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def find_codec(path: Path, encoding: str | None) -> tuple[str, bool]:
    """The codec of a text file, by the rules of `gis.encoding.decode_file`, and whether every byte is known to fit it.

    Errors: Refusal encoding_unknown, file_unreadable.
    """
    if encoding is not None:
        forced = texts.forced(encoding)
        forced = "utf-8-sig" if forced == "utf-8" else forced
        return forced, _fits(path, forced)
    with path.open("rb") as file:
        head = file.read(4)
    marked = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
    if marked is None and _has_zero(path):
        raise unreadable(path, "it is no text, or in UTF-16 without a mark", "它不是文本，或是没有标记的 UTF-16")
    codec = marked or ("utf-8-sig" if _fits(path, "utf-8") else "gb18030")
    return codec, _fits(path, codec)


def open_text(path: Path, codec: str, newline: str | None = "") -> TextIO:
    """The file as text; what the codec cannot read stands as U+FFFD."""
    return path.open(encoding=codec, errors="replace", newline=newline)


def _fits(path: Path, codec: str) -> bool:
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        for block in _blocks(path):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _has_zero(path: Path) -> bool:
    return any(b"\0" in block for block in _blocks(path))


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(BLOCK), b"")
