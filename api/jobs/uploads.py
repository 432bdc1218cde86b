"""Files that callers send, streamed to disk: as the body itself, or as a form with fields."""

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from api.http.multipart import FormReader, Part, boundary_of
from api.jobs.folders import PARTS, unwritable
from gis.errors import Refusal, refuse

MOST_FIELDS = 200
LONGEST_FIELDS = 200_000
LONGEST_NAME = 60
BUFFER = 2**20


@dataclass(slots=True)
class Sent:
    """What came: the fields, and the names of the files in the folder."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)


async def receive(request: Request, folder: Path, name: str | None) -> Sent:
    """Write what is sent into `folder`; `name` is that of a file which is the body itself.

    Errors: Refusal upload_missing, form_wrong, field_unknown, body_too_large, file_unwritable.
    """
    boundary = boundary_of(request.headers.get("content-type", ""))
    sent = Sent()
    try:
        if boundary is None:
            await _receive_body(request, folder, name, sent)
        else:
            await _Form(folder, sent).receive(request, FormReader(boundary))
    except OSError as error:
        raise unwritable(folder, error) from error
    if "file" not in sent.files:
        raise _missing()
    return sent


async def _receive_body(request: Request, folder: Path, name: str | None, sent: Sent) -> None:
    if not name:
        raise refuse(
            "upload_missing",
            "Say what the file is called, with its ending: ?filename=units.gpkg. Or send a form with a file.",
            "请给出文件名（含扩展名）：?filename=units.gpkg；或以表单提交文件。",
        )
    sink = _Sink(folder, "file", name)
    try:
        async for chunk in request.stream():
            await sink.write(chunk)
        await sink.flush()
    finally:
        sink.close()
    if sink.size:
        sent.files["file"] = f"file/{sink.path.name}"


class _Form:
    """A form that is coming in."""

    def __init__(self, folder: Path, sent: Sent) -> None:
        self.folder, self.sent = folder, sent
        self.sink: _Sink | None = None
        self.text = b""
        self.part: Part | None = None
        self.taken = 0

    async def receive(self, request: Request, reader: FormReader) -> None:
        try:
            async for chunk in request.stream():
                for piece in reader.feed(chunk):
                    if isinstance(piece, Part):
                        await self._begin(piece)
                    elif self.sink is not None:
                        await self.sink.write(piece)
                    else:
                        self.text += piece
                        self._count(len(piece))
            reader.end()
            await self._finish()
        finally:
            if self.sink is not None:
                self.sink.close()

    async def _begin(self, part: Part) -> None:
        await self._finish()
        self.part, self.text = part, b""
        self._count(LONGEST_FIELDS // MOST_FIELDS)
        if part.filename is None:
            return
        if part.name not in PARTS or part.name in self.sent.files:
            raise refuse(
                "field_unknown",
                f"The form has a file '{part.name[:60]}'; it may have 'file', 'gaps_file', 'scope_file', once each.",
                f"表单中有文件“{part.name[:60]}”；只能有一个 file、一个 gaps_file 和一个 scope_file。",
            )
        if not part.filename:  # a form whose file was not chosen
            return
        self.sink = _Sink(self.folder, part.name, part.filename)

    async def _finish(self) -> None:
        if self.part is None:
            return
        if self.sink is not None:
            await self.sink.flush()
            self.sink.close()
            if self.sink.size:
                self.sent.files[self.part.name] = f"{self.part.name}/{self.sink.path.name}"
            self.sink = None
        elif self.part.filename is None:
            self.sent.fields.append((self.part.name, self.text.decode("utf-8", errors="replace")))

    def _count(self, size: int) -> None:
        self.taken += size
        if self.taken > LONGEST_FIELDS:
            raise refuse(
                "form_wrong",
                "The form has too many fields, or too long ones.",
                "表单字段过多或过长。",
                kind="unreadable",
            )


class _Sink:
    """A file that is written in a thread, a megabyte at a time."""

    def __init__(self, folder: Path, part: str, name: str) -> None:
        (folder / part).mkdir()
        self.path, self.size = folder / part / clean_name(name), 0
        self._file: BinaryIO = self.path.open("wb")
        self._waiting = bytearray()

    async def write(self, data: bytes) -> None:
        self._waiting += data
        self.size += len(data)
        if len(self._waiting) >= BUFFER:
            await self.flush()

    async def flush(self) -> None:
        data, self._waiting = bytes(self._waiting), bytearray()
        await run_in_threadpool(self._file.write, data)

    def close(self) -> None:
        self._file.close()


def clean_name(name: str) -> str:
    """A name of a file that leads nowhere else, with its ending."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    plain = "".join("_" if unicodedata.category(each)[0] == "C" else each for each in last).strip(" .")
    stem, dot, suffix = plain.rpartition(".")
    return f"{(stem or 'file')[:LONGEST_NAME]}{dot}{suffix[:12]}" if dot else (plain or "file")[:LONGEST_NAME]


def _missing() -> Refusal:
    return refuse(
        "upload_missing",
        "No file was sent, or an empty one: send it as the body with ?filename=, or as 'file' of a form.",
        "未收到文件或文件为空：请以请求体（并给出 ?filename=）或表单的 file 字段提交。",
    )
