"""A receiver of webhooks: it verifies what comes by itself, keeps it, and answers as a test says."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes ...").decode()


@dataclass(slots=True)
class Receiver:
    """`answers` gives the status for the number of a request; it may sleep, or raise to drop the connection."""

    answers: Callable[[int], int] = lambda number: 204
    secret: str = SECRET
    got: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    requests: int = 0
    at_once: int = 0
    most_at_once: int = 0
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?token=x"

    @property
    def taken(self) -> list[dict[str, Any]]:
        """What it has, doubles dropped by id."""
        return list({each["id"]: each for each in self.got}.values())

    def verify(self, headers: dict[str, str], body: bytes) -> str | None:
        """What is wrong with a request after Standard Webhooks, written from the text of the specification."""
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        said = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
        wanted = base64.b64encode(hmac.digest(key, said, hashlib.sha256)).decode()
        if f"v1,{wanted}" not in headers["webhook-signature"].split(" "):
            return "signature"
        if abs(time.time() - int(headers["webhook-timestamp"])) > 300:
            return "timestamp"
        return None if json.loads(body)["id"] == headers["webhook-id"] else "id"


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        receiver = self.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with receiver.lock:
            receiver.requests += 1
            number = receiver.requests
            receiver.at_once += 1
            receiver.most_at_once = max(receiver.most_at_once, receiver.at_once)
        try:
            status = receiver.answers(number)
            with receiver.lock:
                if wrong := receiver.verify(headers, body):
                    receiver.wrong.append(wrong)
                if 200 <= status < 300:
                    receiver.got.append(json.loads(body))
                    receiver.headers.append(headers)
        finally:
            with receiver.lock:
                receiver.at_once -= 1
        try:
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"http://127.0.0.1:{receiver.port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()
        except OSError:
            pass  # the sender has gone

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiving(**members: Any) -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver(**members)
    handler = type("Handler", (_Handler,), {"receiver": receiver})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
