"""The form of a request: application/x-www-form-urlencoded, or multipart/form-data without its files."""

from urllib.parse import parse_qsl

from fastapi import Request

from api.http.multipart import FormReader, Part, boundary_of
from gis.errors import refuse

URLENCODED = "application/x-www-form-urlencoded"
MOST_FIELDS = 200


async def read_form(request: Request) -> dict[str, str]:
    """The fields of the body, the last of each name. Errors: Refusal content_type_wrong, form_wrong, text_wrong."""
    kind = request.headers.get("content-type", URLENCODED)
    body = await request.body()
    if kind.partition(";")[0].strip().lower() == URLENCODED:
        try:
            pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
        except ValueError:
            raise refuse(
                "form_wrong",
                f"The body is no form in UTF-8 of at most {MOST_FIELDS} fields.",
                f"请求体不是 UTF-8 表单，或字段超过 {MOST_FIELDS} 个。",
                kind="unreadable",
            ) from None
        fields = dict(pairs)
    elif (boundary := boundary_of(kind)) is not None:
        fields = _parts(body, boundary)
    else:
        raise refuse(
            "content_type_wrong",
            f"Send the request as a form ({URLENCODED}).",
            f"请以表单（{URLENCODED}）提交。",
        )
    if any("\0" in text for pair in fields.items() for text in pair):
        raise refuse("text_wrong", "A text holds a NUL, which no store keeps.", "文本中含有空字符（NUL），无法存储。")
    return fields


def _parts(body: bytes, boundary: bytes) -> dict[str, str]:
    reader, fields, name = FormReader(boundary), dict[str, bytearray](), ""
    for piece in reader.feed(body):
        if isinstance(piece, Part):
            name = piece.name if piece.filename is None else ""
            fields[name] = bytearray()
        elif name:
            fields[name] += piece
    reader.end()
    fields.pop("", None)
    return {name: bytes(value).decode("utf-8", errors="replace") for name, value in fields.items()}
