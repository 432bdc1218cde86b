"""Bodies in and out: JSON read strictly, answers written fast."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from gis.errors import refuse

M = TypeVar("M", bound=BaseModel)


async def read_body(request: Request) -> bytes:
    """The body, if it is said to be JSON or said to be nothing."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if not (kind == "application/json" or kind.endswith("+json") or kind == "application/octet-stream"):
        shown = kind[:60]
        raise refuse(
            "content_type_wrong",
            f"The body is said to be '{shown}'; send JSON with 'Content-Type: application/json'.",
            f"请求体类型为“{shown}”；请以 Content-Type: application/json 发送 JSON。",
        )
    packed = request.headers.get("content-encoding", "").strip().lower()
    if packed not in ("", "identity"):
        raise refuse(
            "content_type_wrong",
            f"The body is said to be packed ('{packed[:60]}'); send it as it is, without Content-Encoding.",
            f"请求体声明为压缩内容（“{packed[:60]}”）；请不加 Content-Encoding 直接发送。",
        )
    return await request.body()


Body = Annotated[bytes, Depends(read_body)]


def parse_json(body: bytes) -> Any:
    """The JSON value of a body: UTF-8, no NaN or Infinity, no NUL in text. Errors: Refusal json_wrong, text_wrong."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        place, place_zh = f"line {error.lineno}, column {error.colno}", f"第 {error.lineno} 行第 {error.colno} 列"
        raise refuse(
            "json_wrong",
            f"The body is not JSON: {error.msg} ({place}).",
            f"请求体不是有效的 JSON（{place_zh}）：{error.msg}。",
            kind="unreadable",
        ) from None
    if b"\\u0000" in body and any("\0" in text for text in _texts(value)):
        raise refuse("text_wrong", "A text holds a NUL, which no store keeps.", "文本中含有空字符（NUL），无法存储。")
    return value


def read_question(model: type[M], members: Any) -> M:
    """What was asked, or every fault of it. Errors: RequestValidationError, Refusal body_wrong."""
    if not isinstance(members, Mapping):
        raise refuse("body_wrong", "The body must be a JSON object.", "请求体必须是 JSON 对象。")
    try:
        return model.model_validate(members)
    except ValidationError as error:
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from None


def parse_deed(body: bytes) -> Any:
    """The JSON value of a body by which something is done: as `parse_json`, and no member of an object given twice.

    Of two members of one name some readers keep the first and others the last. Errors: those of `parse_json`.
    """
    value = parse_json(body)
    try:
        json.loads(body.decode(), object_pairs_hook=_once, parse_int=float)
    except RecursionError:
        raise refuse("json_wrong", "The body is nested too deeply.", "请求体嵌套过深。", kind="unreadable") from None
    return value


def _once(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        twice = next(name for at, name in enumerate(names) if name in names[:at])[:80]
        raise refuse(
            "json_wrong",
            f"The member {twice} is given twice in one object.",
            f"同一对象中字段 {twice} 出现两次。",
            kind="unreadable",
            thing=twice,
        )


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            waiting += each


def answer(
    content: Any, revision: int | None = None, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON answer; `revision` is the one it was made of."""
    named = {} if revision is None else {"Wangge-Revision": str(revision)}
    body = orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)
    return Response(body, status, {"Cache-Control": "no-cache", **named, **(headers or {})}, "application/json")


def told(body: bytes, revision: int, media_type: str) -> Response:
    """An answer that is written already, made of a revision."""
    return Response(body, 200, {"Cache-Control": "no-cache", "Wangge-Revision": str(revision)}, media_type)
