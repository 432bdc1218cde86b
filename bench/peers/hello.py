"""The least that a server can do for a request: a plain ASGI application that always says the same.

`python -m uvicorn bench.peers.hello:app` serves it with uvicorn as it comes, `python -m bench.peers.hello PORT` in the
configuration of our own server.
"""

import sys
from typing import Any

START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"5")],
}
BODY = {"type": "http.response.body", "body": b"hello"}


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send(START)
        await send(BODY)
    else:
        assert (await receive())["type"] == "lifespan.startup"
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        await send({"type": "lifespan.shutdown.complete"})


def serve_as_ours(port: int) -> None:
    """Serve it as the product is served, in the very configuration of `wangge serve`."""
    import uvicorn

    from api.server import configure, listen
    from api.settings import Settings

    settings = Settings(port=port)
    uvicorn.Server(configure(settings, app)).run(sockets=[listen(settings.host, settings.port)])


if __name__ == "__main__":
    serve_as_ours(int(sys.argv[1]))
