"""Who calls, and what they may do: the one place where roles and prefixes are checked.

A revoked key ends within a second: the store is asked again after KEPT_S, and a pass made of what it said is void after
as long again.
"""

import base64
import binascii
import ipaddress
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from api.keys import LOCAL, Key, find_key, has_keys
from api.settings import Settings
from gis.errors import Refusal, refuse
from gis.store.engine import Store, reading
from gis.store.scope import Scope

KEPT_S = 0.5
KEPT = 10_000
# Where a key may stand in the address: map libraries cannot send headers with every tile.
OPEN_TO_ADDRESS_KEYS = ("/tiles/", "/styles/", "/ogc", "/open311/")
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


@dataclass(slots=True)
class Pass:
    """What a caller who was let in may see, under a mark of all that decided it, and until when that holds."""

    scope: Scope
    renew: float
    void: float


class Doorkeeper:
    """What the store knows of keys, remembered for a moment; while the store is away, for as long as that lasts."""

    def __init__(self, store: Store, kept_s: float = KEPT_S) -> None:
        self.store = store
        self.kept_s = kept_s
        self._known: OrderedDict[str, tuple[float, Key | None]] = OrderedDict()
        self._any: tuple[float, bool] | None = None
        self._passes: OrderedDict[Hashable, Pass] = OrderedDict()
        self._lock = threading.Lock()

    def has_keys(self) -> bool:
        """Whether any key is in use. Errors: Refusal store_down, when that was never known."""
        known = self._any
        if known is not None and monotonic() - known[0] < self.kept_s:
            return known[1]
        try:
            with reading(self.store.world) as connection:
                self._any = (monotonic(), has_keys(connection))
            return self._any[1]
        except Refusal:
            if known is None:
                raise
            return known[1]

    def find(self, secret: str) -> Key | None:
        """The key of a secret, None when there is none. Errors: Refusal store_down, when that was never known."""
        known = self._known.get(secret)
        if known is not None and monotonic() - known[0] < self.kept_s:
            return known[1]
        try:
            with reading(self.store.world) as connection:
                key = find_key(connection, secret)
        except Refusal:
            if known is None:
                raise
            return known[1]
        with self._lock:
            self._known[secret] = (monotonic(), key)
            self._known.move_to_end(secret)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return key

    def know(self, mark: Hashable, store_is_up: bool) -> tuple[Scope | None, bool]:
        """What the caller with this mark may see, None without a pass, and whether that should be renewed now.

        Only the first who asks is told to renew. Asks nobody, so that it may be called where nothing may wait; what
        goes into a mark must be all that `authorize` looks at. While the store is away a pass stays good.
        """
        found = self._passes.get(mark)
        if found is None:
            return None, True
        now = monotonic()
        if now < found.renew or not store_is_up:
            return found.scope, False
        if now < found.void:
            found.renew = found.void
            return found.scope, True
        return None, True

    def remember(self, mark: Hashable, key: Key) -> None:
        """Keep a pass for a caller who was let in."""
        now = monotonic()
        with self._lock:
            self._passes[mark] = Pass(key.scope, now + self.kept_s / 2, now + self.kept_s)
            self._passes.move_to_end(mark)
            while len(self._passes) > KEPT:
                self._passes.popitem(last=False)

    def forget(self, mark: Hashable) -> None:
        """Drop a pass: its caller is not let in any more."""
        with self._lock:
            self._passes.pop(mark, None)


def authorize(request: Request, role: str, owner: str | None = None) -> Key:
    """The caller's key, which has at least `role`, and that over `owner` where the deed concerns one.

    Without any key in the store only programs on this machine may call. Errors: Refusal local_only, key_missing,
    key_wrong, role_missing, prefix_missing.
    """
    key = _identify(request)
    permit(key, role, owner)
    return key


def permit(key: Key, role: str, owner: str | None = None) -> None:
    """Let a key pass that has at least `role`, and that over `owner`. Errors: Refusal role_missing, prefix_missing."""
    if not key.may(role):
        raise refuse(
            "role_missing",
            f"This needs the role {role}; your key '{key.name}' has the role {key.role} here.",
            f"此操作需要 {role} 角色；您的密钥“{key.name}”在此只有 {key.role} 角色。",
            kind="forbidden",
        )
    if not key.may(role, owner):
        raise refuse(
            "prefix_missing",
            f"This concerns {owner}, and your key '{key.name}' is limited to what begins with {key.prefix}.",
            f"此操作涉及 {owner}，而您的密钥“{key.name}”仅限编码以 {key.prefix} 开头的范围。",
            kind="forbidden",
        )


def caller(role: str) -> Callable[[Request], Key]:
    """A dependency of a route: `authorize` with this role."""

    def check(request: Request) -> Key:
        return authorize(request, role)

    return check


Viewer = Annotated[Key, Depends(caller("viewer"))]
Inspector = Annotated[Key, Depends(caller("inspector"))]
Editor = Annotated[Key, Depends(caller("editor"))]
Publisher = Annotated[Key, Depends(caller("publisher"))]


def _identify(request: Request) -> Key:
    door: Doorkeeper = request.app.state.door
    if not door.has_keys():
        if is_this_machine(request):
            return LOCAL
        raise refuse(
            "local_only",
            "No key exists yet, so only programs on the server itself may call. "
            "Make a key there with 'wangge keys create NAME --role viewer' and send it as 'Authorization: Bearer KEY'.",
            "尚未创建任何密钥，仅允许服务器本机访问。请在服务器上运行 "
            "wangge keys create 名称 --role viewer 创建密钥，并以 Authorization: Bearer 密钥 发送。",
            kind="forbidden",
        )
    secret, in_address = _secret(request)
    if secret is None:
        raise refuse(
            "key_missing",
            "Send a key: 'Authorization: Bearer KEY', 'X-API-Key: KEY', or as the password of Basic authentication.",
            "请提供密钥：Authorization: Bearer 密钥、X-API-Key: 密钥，或作为 Basic 认证的密码。",
            kind="forbidden",
        )
    key = door.find(secret)
    if key is None:
        raise refuse(
            "key_wrong",
            "This key is not known here, or it was revoked.",
            "密钥无效或已吊销。",
            kind="forbidden",
        )
    return replace(key, role="viewer") if in_address else key


def _secret(request: Request) -> tuple[str | None, bool]:
    """What the caller sent as a key, and whether it stood in the address."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip(), False
    if scheme.lower() == "basic":
        try:
            password = base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            password = ""
        if password:
            return password, False
    if header := request.headers.get("x-api-key"):
        return header, False
    if in_form := getattr(request.state, "secret", None):
        return in_form, False
    may_be_in_address = request.method in ("GET", "HEAD") and request.url.path.startswith(OPEN_TO_ADDRESS_KEYS)
    asked = request.query_params
    found = asked.get("key") or asked.get("api_key") if may_be_in_address else None
    return found or None, True


def is_this_machine(request: Request) -> bool:
    """Whether a program of this machine calls, and not a proxy for others nor a page of another site in a browser."""
    if request.client is None or not _is_loopback(request.client.host):
        return False
    if any(name in request.headers for name in FORWARDED):
        return False
    settings: Settings = request.app.state.settings
    own = {settings.host, urlsplit(settings.public_url).hostname}
    origin = request.headers.get("origin")
    # A name with a dot may be anybody's and lead here all the same (DNS rebinding).
    hosts = [request.url.hostname, *([urlsplit(origin).hostname] if origin else [])]
    return all(host is not None and (host in own or "." not in host or _is_loopback(host)) for host in hosts)


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


class KeyMask(logging.Filter):
    """Hides the keys in the addresses that the server logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(mask_keys(each) if isinstance(each, str) else each for each in record.args)
        return True


KEY_MASK = KeyMask()


def mask_keys(address: str) -> str:
    """The address with every value of `key` and `api_key` hidden."""
    return re.sub(r"(?i)([?&](?:api_)?key=)[^&\s]*", r"\1***", address)
