"""Answers as JSON or XML, as GeoReport v2 has them."""

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response

from api.http.problems import invalid, language_of, status_of
from gis.errors import Refusal

MEDIA_TYPES = {"json": "application/json; charset=utf-8", "xml": "text/xml; charset=utf-8"}
# What GeoReport wants otherwise than we say: a key that is missing or wrong is 403, a wrong argument 400.
STATUS = {401: 403, 422: 400, 415: 400}
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Content = Mapping[str, Any] | Sequence[Mapping[str, Any]]


def answered(content: Content, form: str, root: str, item: str = "", status: int = 200) -> Response:
    """A list of `item`s in `root`, or one object called `root`. In XML what is in a list `names` is a `name`."""
    headers = {"Cache-Control": "no-cache"}
    if form == "json":
        return Response(orjson.dumps(content), status, headers, MEDIA_TYPES["json"])
    top = Element(root)
    if isinstance(content, Mapping):
        _fill(top, content)
    else:
        for each in content:
            _fill(SubElement(top, item), each)
    return Response(tostring(top, "utf-8", xml_declaration=True), status, headers, MEDIA_TYPES["xml"])


def _fill(element: Element, content: Mapping[str, Any]) -> None:
    for name, value in content.items():
        below = SubElement(element, name)
        if isinstance(value, list | tuple):
            for each in value:
                within = SubElement(below, name.removesuffix("s"))
                if isinstance(each, Mapping):
                    _fill(within, each)
                else:
                    within.text = _text(each)
        elif isinstance(value, Mapping):
            _fill(below, value)
        elif value is not None:
            below.text = _text(value)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else _UNWRITABLE.sub("\ufffd", str(value))


def refused(refusal: Refusal, form: str, language: str) -> Response:
    """A refusal as GeoReport tells errors: a list of codes, which are those of HTTP, and descriptions."""
    status = status_of(refusal)
    status = STATUS.get(status, status)
    told = [{"code": status, "description": f"{each.code}: {each.text(language)}"} for each in refusal.faults[:100]]
    answer = answered(told, form, "errors", "error", status)
    if status == 503:
        answer.headers["Retry-After"] = "1"
    return answer


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class GeoReportRoute(APIRoute):
    """A route whose failures are told as GeoReport has them."""

    def get_route_handler(self) -> Handler:
        """The handler that tells refusals in the format that the address asks for."""
        handle = super().get_route_handler()

        async def tell(request: Request) -> Response:
            form = "json" if request.url.path.endswith(".json") else "xml"
            try:
                return await handle(request)
            except Refusal as refusal:
                return refused(refusal, form, language_of(request.scope))
            except RequestValidationError as error:
                return refused(invalid(error), form, language_of(request.scope))

        return tell
