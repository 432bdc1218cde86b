"""One signed POST, to where it may go: no redirect is followed, no proxy asked, and it ends in time.

Headers and signature are those of Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`.
"""

import base64
import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import time
from urllib.parse import urlsplit

from api.webhooks.records import address_private, is_public, key_of
from gis.errors import Refusal, refuse

PATIENCE_S = 10.0
AGENT = "Wangge-Webhooks/1"


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of the header webhook-signature."""
    said = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key_of(secret), said, hashlib.sha256).digest()).decode()


def post(
    url: str, secret: str, message_id: str, body: bytes, *, private: bool = False, patience_s: float = PATIENCE_S
) -> None:
    """Deliver a message: the receiver answered with 2xx within `patience_s` seconds.

    Errors: Refusal webhook_unreachable, webhook_timeout, webhook_rejected (another status, redirects among them),
    webhook_address_private. None repeats the address, the secret or what the receiver said.
    """
    timestamp = int(time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": AGENT,
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, message_id, timestamp, body),
    }
    parts = urlsplit(url)
    assert parts.hostname is not None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    spent = threading.Event()
    try:
        plain = _open(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80), private, patience_s)
        with _connected(plain, parts.scheme, parts.hostname, parts.port, patience_s, spent) as connection:
            connection.request("POST", path, body, headers)
            status = connection.getresponse().status
    except TimeoutError:
        raise _late(patience_s) from None
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        if spent.is_set():
            raise _late(patience_s) from None
        raise _unreachable(error) from None
    if not 200 <= status < 300:
        raise _rejected(status)


@contextmanager
def _connected(
    plain: socket.socket, scheme: str, host: str, port: int | None, patience_s: float, spent: threading.Event
) -> Iterator[http.client.HTTPConnection]:
    """A connection over a socket whose address was looked at. It is cut when time is over, and `spent` set."""
    secure = scheme == "https"
    connection = (http.client.HTTPSConnection if secure else http.client.HTTPConnection)(host, port)
    connection.auto_open = 0  # it must not look the name up by itself
    connection.sock = plain

    def cut() -> None:  # a timeout of a socket is for each read alone: one byte a second would last for ever
        spent.set()
        with suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(patience_s, cut)
    watch.daemon = True
    watch.start()
    try:
        if secure:
            context = ssl.create_default_context()
            connection.sock = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
            connection.sock.do_handshake()
        yield connection
    finally:
        watch.cancel()
        connection.close()
        plain.close()


def _open(host: str, port: int, private: bool, patience_s: float) -> socket.socket:
    """A socket to the first address of the host that answers; all of them must be allowed."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not private and not all(is_public(ipaddress.ip_address(str(each[4][0]).partition("%")[0])) for each in found):
        raise address_private()
    last: OSError | None = None
    for family, kind, protocol, _, address in found:
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(patience_s / 2)
            made.connect(address)
            made.settimeout(patience_s)
            return made
        except OSError as error:
            made.close()
            last = error
            if isinstance(error, TimeoutError):
                break
    raise last or OSError("no address")


def _late(patience_s: float) -> Refusal:
    return refuse(
        "webhook_timeout",
        f"The receiver did not answer within {patience_s:g} seconds.",
        f"接收方未在 {patience_s:g} 秒内应答。",
        kind="unavailable",
    )


def _unreachable(error: Exception) -> Refusal:
    name = error.__class__.__name__
    return refuse(
        "webhook_unreachable",
        f"The receiver cannot be reached: {name}.",
        f"无法连接接收方：{name}。",
        kind="unavailable",
    )


def _rejected(status: int) -> Refusal:
    hint = ("; redirects are not followed, give the final address", "；不跟随重定向，请改用最终地址")
    more, more_zh = hint if 300 <= status < 400 else ("", "")
    return refuse(
        "webhook_rejected",
        f"The receiver answered with the status {status}{more}.",
        f"接收方应答状态码 {status}{more_zh}。",
        kind="unavailable",
    )
