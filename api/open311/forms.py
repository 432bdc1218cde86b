"""The form of a request: application/x-www-form-urlencoded, or multipart/form-data without its files."""

from urllib.parse import parse_qsl

from fastapi import Request

from api.http.multipart import FormReader, Part, boundary_of
from gis.errors import Refusal, refuse

URLENCODED = "application/x-www-form-urlencoded"
MOST_FIELDS = 200


async def read_form(request: Request) -> dict[str, str]:
    """The fields of the body; one given twice must say the same. Files are passed over.

    Errors: Refusal content_type_wrong, form_wrong, text_wrong, parameter_wrong.
    """
    kind = request.headers.get("content-type", URLENCODED)
    body = await request.body()
    if kind.partition(";")[0].strip().lower() == URLENCODED:
        try:
            pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
        except ValueError:
            raise _wrong() from None
    elif (boundary := boundary_of(kind)) is not None:
        pairs = _parts(body, boundary)
    else:
        raise refuse(
            "content_type_wrong",
            f"Send the request as a form ({URLENCODED}).",
            f"请以表单（{URLENCODED}）提交。",
        )
    if any("\0" in text for pair in pairs for text in pair):
        raise refuse("text_wrong", "A text holds a NUL, which no store keeps.", "文本中含有空字符（NUL），无法存储。")
    fields: dict[str, str] = {}
    for name, value in pairs:
        if fields.setdefault(name, value) != value:
            raise refuse(
                "parameter_wrong",
                f"The parameter {name[:80]} is given twice, and differently.",
                f"参数 {name[:80]} 给出两次且不一致。",
                thing=name[:80],
            )
    return fields


def _parts(body: bytes, boundary: bytes) -> list[tuple[str, str]]:
    reader, found = FormReader(boundary), list[tuple[str, bytearray]]()
    for piece in reader.feed(body):
        if isinstance(piece, Part):
            found.append((piece.name if piece.filename is None else "", bytearray()))
            if len(found) > MOST_FIELDS:
                raise _wrong()
        elif found[-1][0]:
            found[-1][1].extend(piece)
    reader.end()
    try:
        return [(name, bytes(value).decode("utf-8")) for name, value in found if name]
    except UnicodeDecodeError:
        raise _wrong() from None


def _wrong() -> Refusal:
    return refuse(
        "form_wrong",
        f"The body is no form in UTF-8 of at most {MOST_FIELDS} fields.",
        f"请求体不是 UTF-8 表单，或字段超过 {MOST_FIELDS} 个。",
        kind="unreadable",
    )
