"""What stands around every request, as plain ASGI: limits of bodies and addresses, and word of a store that is away."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import problem_response
from api.http.wire import is_stream
from api.worlds import Worlds
from gis.errors import Refusal, refuse

UPLOADED = frozenset({"/v1/imports", "/v1/rasters"})


class Limits:
    """Refuses bodies beyond a limit, announced or not, and addresses with a NUL, which no store can look up.

    A stream has no limit as a whole: whoever reads it limits its lines and batches. A file that goes to disk as it
    comes has one of its own.
    """

    def __init__(self, app: ASGIApp, max_body: int, max_upload: int) -> None:
        self.app = app
        self.max_body = max_body
        self.max_upload = max_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_stream(scope):
            await self.app(scope, receive, send)
            return
        most = self.max_upload if scope["path"] in UPLOADED else self.max_body
        announced = Headers(scope=scope).get("content-length", "0")
        refusal = None
        if "\0" in scope["path"] or b"%00" in scope.get("query_string", b""):
            refusal = refuse(
                "address_wrong", "The address holds a NUL.", "地址中含有空字符（NUL）。", kind="unreadable"
            )
        elif not (announced.isascii() and announced.isdigit()) or len(announced) > 15 or int(announced) > most:
            refusal = _too_large(most)
        if refusal is not None:
            await problem_response(refusal, scope)(scope, receive, send)
            return
        taken = 0

        async def receive_some() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise _too_large(most)
            return message

        await self.app(scope, receive_some, send)


class StoreWord:
    """Says `Wangge-Store: down` with every answer given while the store is away."""

    def __init__(self, app: ASGIApp, worlds: Worlds) -> None:
        self.app = app
        self.worlds = worlds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_word(message: Message) -> None:
            if message["type"] == "http.response.start" and not self.worlds.store_is_up:
                MutableHeaders(scope=message)["Wangge-Store"] = "down"
            await send(message)

        await self.app(scope, receive, send_word)


def _too_large(most: int) -> Refusal:
    megabytes = f"{most / 1e6:g}"
    return refuse(
        "body_too_large",
        f"The body is larger than {megabytes} MB: send it in parts, or use the command line for whole files.",
        f"请求体超过 {megabytes} MB：请分批发送，整个文件请用命令行处理。",
    )
