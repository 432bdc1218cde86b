"""XML that strangers made: what must be known of it before a parser gets to see it."""

import re
from typing import IO

HEAD = 65_536
_ROOT = re.compile(rb"<[A-Za-z_]")


def trouble(file: IO[bytes]) -> tuple[str, str] | None:
    """Why a document is not parsed, in both languages, or None. Reads its head and leaves the file behind it.

    A document type can define entities that grow without end, or that name other files; no format read here has one.
    What stands before the first element is looked through whole, or the document is refused.
    """
    head = file.read(HEAD)
    if b"\0" in head:
        return "its XML is not UTF-8", "其中的 XML 不是 UTF-8 编码"
    root = _ROOT.search(head)
    if root is None:
        return "it holds no XML", "其中没有 XML 内容"
    if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
        return (
            "its XML declares a document type, which is not accepted",
            "其中的 XML 声明了文档类型（DOCTYPE），不予接受",
        )
    return None
