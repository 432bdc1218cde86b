"""Every failure as problem+json (RFC 9457): one table from what was refused to the status, one shape for all."""

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Scope

from gis.errors import Fault, Kind, Refusal, refuse

STATUS: Mapping[Kind, int] = {
    "invalid": 422,
    "unreadable": 400,
    "missing": 404,
    "gone": 410,
    "conflict": 409,
    "forbidden": 403,
    "unavailable": 503,
}
# What HTTP itself wants otherwise than the kind says.
STATUS_OF_CODE: Mapping[str, int] = {
    "key_missing": 401,
    "key_wrong": 401,
    "method_not_allowed": 405,
    "draft_changed": 412,
    "draft_conflict": 412,
    "component_changed": 412,
    "outcome_changed": 412,
    "body_too_large": 413,
    "content_type_wrong": 415,
    "if_match_missing": 428,
    "internal": 500,
}
TITLES: Mapping[int, tuple[str, str]] = {
    400: ("The request cannot be read", "无法读取请求"),
    401: ("A key is needed", "需要访问密钥"),
    403: ("Not allowed", "没有权限"),
    404: ("There is no such thing", "未找到"),
    405: ("The method does not fit the address", "该地址不支持此方法"),
    409: ("In conflict with what is there", "与现有内容冲突"),
    410: ("No longer in force", "已注销"),
    412: ("What the request is about was changed meanwhile", "内容其间已被更改"),
    413: ("The body is too large", "请求体过大"),
    415: ("The kind of content is not understood", "不支持的内容类型"),
    422: ("The request is not valid", "请求内容无效"),
    428: ("Say which state is meant", "须注明所依据的状态"),
    500: ("A fault of the server", "服务器内部错误"),
    503: ("The service is not available", "服务暂不可用"),
}
OTHER = ("The request failed", "请求失败")
MEDIA_TYPE = "application/problem+json"
SHOWN = 100
"""So many of a refusal's faults are listed."""


def status_of(refusal: Refusal) -> int:
    """The HTTP status of a refusal."""
    return STATUS_OF_CODE.get(refusal.code, STATUS[refusal.kind])


def problem(refusal: Refusal, language: str = "en") -> dict[str, Any]:
    """The members of a refusal's problem document.

    `title` and `detail` are in `language` (zh or en). `detail_zh` is always there, and `detail_en` where `detail` is
    not English. `errors` lists the faults when there are several.
    """
    status, first = status_of(refusal), refusal.faults[0]
    members: dict[str, Any] = {
        "type": f"/docs/errors#{first.code}",
        "title": TITLES.get(status, OTHER)[language == "zh"],
        "status": status,
        **_said(first, language),
        "code": first.code,
        **_place(first),
    }
    if len(refusal.faults) > 1:
        members["errors"] = [
            {"code": each.code, "severity": each.severity, **_said(each, language), **_place(each)}
            for each in refusal.faults[:SHOWN]
        ]
    return members


def _said(fault: Fault, language: str) -> dict[str, str]:
    if language == "zh":
        return {"detail": fault.zh, "detail_zh": fault.zh, "detail_en": fault.en}
    return {"detail": fault.en, "detail_zh": fault.zh}


def _place(fault: Fault) -> dict[str, Any]:
    members = {"row": fault.row, "thing": fault.thing, "where": fault.where, **(fault.members or {})}
    return {name: value for name, value in members.items() if value is not None}


def problem_response(refusal: Refusal, scope: Scope, headers: Mapping[str, str] | None = None) -> Response:
    """The problem document as an answer to the request of `scope`."""
    status = status_of(refusal)
    fixed = {"Cache-Control": "no-store", "Vary": "Accept-Language"}
    if status == 401:
        # A Basic challenge makes browsers ask by themselves, which is wanted where people browse and nowhere else.
        basic = 'Basic realm="Wangge", charset="UTF-8", ' if scope.get("path", "").startswith("/ogc") else ""
        fixed["WWW-Authenticate"] = f'{basic}Bearer realm="Wangge"'
    if status == 503:
        fixed["Retry-After"] = "1"
    body = orjson.dumps(problem(refusal, language_of(scope)))
    return Response(body, status, {**fixed, **(headers or {})}, MEDIA_TYPE)


def language_of(scope: Scope) -> str:
    """zh or en: as `?lang` says, else whichever the caller prefers in Accept-Language, else en."""
    asked = QueryParams(scope.get("query_string", b"")).get("lang", "")
    if asked[:2] in ("zh", "en"):
        return asked[:2]
    best, language = 0.0, "en"
    for part in Headers(scope=scope).get("accept-language", "").lower().split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            preference = float(weight or 1)
        except ValueError:
            continue
        if tag[:2] in ("zh", "en") and preference > best:
            best, language = preference, tag[:2]
    return language


def add_handlers(app: FastAPI) -> None:
    """Let every failure of the application, foreseen or not, be answered as a problem."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return problem_response(error, request.scope)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(invalid(error), request.scope)


def invalid(error: RequestValidationError) -> Refusal:
    """The refusal of parameters, or of members of a body, that are not what they must be."""
    return Refusal([_fault(each) for each in error.errors()])


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem_response(_known(error.status_code, request), request.scope, error.headers)


def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # to nobody: the caller left in the middle of the request, which is no fault


def _unexpected(request: Request, error: Exception) -> Response:
    return problem_response(_known(500, request), request.scope)


def _known(status: int, request: Request) -> Refusal:
    path = _shown(request.url.path)
    match status:
        case 404:
            return refuse("not_found", f"There is nothing at {path}.", f"地址 {path} 不存在。", kind="missing")
        case 405:
            return refuse(
                "method_not_allowed",
                f"{path} does not take {request.method}.",
                f"{path} 不支持 {request.method} 方法。",
            )
        case 500:
            return refuse(
                "internal",
                "The server failed at this request; what happened is in its log. Nothing was changed by halves.",
                "服务器处理该请求时出错，详情见服务器日志；未留下不完整的更改。",
                kind="unavailable",
            )
    return refuse("request_wrong", "The request cannot be read.", "无法读取该请求。", kind="unreadable")


# By the type of pydantic's error: what is wrong, in both languages, with the words of its context.
SENTENCES: Mapping[str, tuple[str, str]] = {
    "missing": ("must be given", "必须给出"),
    "float_parsing": ("must be a number", "必须是数字"),
    "finite_number": ("must be a finite number", "必须是有限的数字"),
    "int_parsing": ("must be a whole number", "必须是整数"),
    "int_parsing_size": ("must be a whole number of reasonable size", "必须是大小合理的整数"),
    "greater_than": ("must be more than {gt}", "必须大于 {gt}"),
    "greater_than_equal": ("must be at least {ge}", "不得小于 {ge}"),
    "less_than_equal": ("must be at most {le}", "不得大于 {le}"),
    "string_too_long": ("must have at most {max_length} characters", "最多 {max_length} 个字符"),
    "literal_error": ("must be {expected}", "必须是 {expected}"),
    "bool_parsing": ("must be true or false", "必须是 true 或 false"),
    "extra_forbidden": ("is not known here", "不存在"),
    "string_type": ("must be text", "必须是文本"),
}
UNKNOWN = ("is not valid", "无效")


def _fault(error: Mapping[str, Any]) -> Fault:
    """One of pydantic's findings about a parameter."""
    name = _shown(".".join(str(part) for part in error["loc"][1:]) or "?")
    sentences = SENTENCES.get(error["type"], UNKNOWN)
    en, zh = (sentence.format_map(error.get("ctx") or {}) for sentence in sentences)
    given = error.get("input")
    but, but_zh = ("", "") if error["type"] == "missing" else (f", not '{_shown(given)}'", f"，现为“{_shown(given)}”")
    code = "parameter_missing" if error["type"] == "missing" else "parameter_wrong"
    return Fault(code, f"The parameter {name} {en}{but}.", f"参数 {name} {zh}{but_zh}。", thing=name)


def _shown(value: Any, most: int = 80) -> str:
    text = str(value).replace("\0", "\\0")
    return text if len(text) <= most else text[: most - 1] + "…"
