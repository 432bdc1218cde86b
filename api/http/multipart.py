"""multipart/form-data (RFC 7578) read as it comes, so that a file goes to disk and never into memory."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from gis.errors import Refusal, refuse

LONGEST_HEAD = 16_000
_PARAMETER = re.compile(r';\s*(name|filename)="((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_BARE = re.compile(r";\s*(name|filename)=([^\s;\"]+)", re.IGNORECASE)
_ENCODED = re.compile(r";\s*filename\*=utf-8'[^']*'([^\s;]+)", re.IGNORECASE)
_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """The beginning of a part: a field, or with `filename` a file."""

    name: str
    filename: str | None


Piece = Part | bytes
"""The beginning of a part, or some of the content of the one that was begun last."""


def boundary_of(content_type: str) -> bytes | None:
    """The boundary that the header Content-Type of a form tells; None when it is no form."""
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        return None
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise _wrong("it names no boundary", "未给出 boundary")
    return (found[1] or found[2]).encode("latin-1")


class FormReader:
    """Takes the body of a form in chunks of any length, and gives what they hold."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._rest = b"\r\n"  # so that the first delimiter is one like the others
        self._state = "before"

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        """What can be told after this chunk. Errors: Refusal form_wrong."""
        self._rest += chunk
        going = True
        while going:
            match self._state:
                case "before" | "content":
                    pieces, going = self._content()
                    yield from pieces
                case "delimiter":
                    going = self._delimited()
                case "head":
                    part = self._head()
                    going = part is not None
                    if part is not None:
                        yield part
                case _:
                    self._rest, going = b"", False

    def end(self) -> None:
        """To be called after the last chunk. Errors: Refusal form_wrong for a form that was cut off."""
        if self._state != "after":
            raise _wrong("it ends too early", "内容不完整")

    def _content(self) -> tuple[list[bytes], bool]:
        at = self._rest.find(self._delimiter)
        if at < 0:  # its last bytes may be the beginning of a delimiter
            at = max(0, len(self._rest) - len(self._delimiter) + 1)
            found, self._rest = self._rest[:at], self._rest[at:]
            going = False
        else:
            found, self._rest = self._rest[:at], self._rest[at + len(self._delimiter) :]
            going = True
        pieces = [found] if found and self._state == "content" else []
        self._state = "delimiter" if going else self._state
        return pieces, going

    def _delimited(self) -> bool:
        """What follows a delimiter: two hyphens at the end of the form, else the end of the line."""
        if len(self._rest) < 2:
            return False
        if self._rest.startswith(b"--"):
            self._state = "after"
            return True
        at = self._rest.find(b"\r\n")
        if at < 0 and len(self._rest) < LONGEST_HEAD:
            return False
        if at < 0 or self._rest[:at].strip(b" \t"):
            raise _wrong("a delimiter is broken", "分隔符错误")
        self._rest = self._rest[at:]
        self._state = "head"
        return True

    def _head(self) -> Part | None:
        """The header of a part, whose last line is followed by an empty one."""
        at = self._rest.find(b"\r\n\r\n")
        if at < 0 and len(self._rest) < LONGEST_HEAD:
            return None
        if at < 0 or at > LONGEST_HEAD:
            raise _wrong("a part has no header, or too long a one", "某部分缺少头部或头部过长")
        lines = self._rest[:at].decode("utf-8", errors="replace").split("\r\n")
        self._rest = self._rest[at + 4 :]
        self._state = "content"
        return _part(next((each for each in lines if each.lower().startswith("content-disposition:")), ""))


def _part(disposition: str) -> Part:
    named = {name.lower(): value for name, value in _BARE.findall(disposition)}
    for name, value in _PARAMETER.findall(disposition):
        # Browsers write a quote as %22; curl and others put a backslash before it.
        named[name.lower()] = re.sub(r"\\(.)", r"\1", value).replace("%22", '"')
    if encoded := _ENCODED.search(disposition):
        named["filename"] = unquote(encoded[1])
    if "name" not in named:
        raise _wrong("a part has no name", "某部分没有名称")
    return Part(named["name"], named.get("filename"))


def _wrong(en: str, zh: str) -> Refusal:
    return refuse(
        "form_wrong",
        f"The body is no whole multipart/form-data: {en}.",
        f"请求体不是完整的 multipart/form-data：{zh}。",
        kind="unreadable",
    )
