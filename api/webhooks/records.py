"""Webhooks in the store: added, listed, removed."""

import base64
import binascii
import ipaddress
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from api.webhooks.tables import webhook
from gis.errors import Refusal, refuse

PREFIX = "whsec_"
SHORTEST_SECRET, LONGEST_SECRET = 24, 64
"""Bytes of a secret, as Standard Webhooks wants them."""
LONGEST_NAME = 100
LONGEST_URL = 2000


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address to which decisions are told: those on cases in units below `owner`, or on all when it is empty.

    `position` is how far in the log of decisions it has come. `secret` signs and is never told.
    """

    row_id: int
    name: str
    url: str
    owner: str
    secret: str = field(repr=False)
    made_at: datetime
    position: int
    delivered: int
    delivered_at: datetime | None
    failures: int
    not_before: datetime
    error: Mapping[str, Any] | None
    worker: str | None
    deadline: datetime | None
    attempt: int

    def told(self, newest: int) -> dict[str, Any]:
        """All but the secret, as JSON members; `newest` is where the log ends."""
        return {
            "name": self.name,
            "url": self.url,
            "owner": self.owner,
            "made_at": self.made_at,
            "state": "failing" if self.failures else "waiting" if self.position < newest else "up to date",
            "position": self.position,
            "behind": newest - self.position,
            "delivered": self.delivered,
            "delivered_at": self.delivered_at,
            "failures": self.failures,
            "next_attempt_at": self.not_before if self.failures else None,
            "last_error": self.error,
        }


_HOST = re.compile(
    r"[0-9a-f.]*:[0-9a-f:.]*|(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.ASCII | re.IGNORECASE
)

COLUMNS = [webhook.c[name] for name in Webhook.__slots__]


def new_secret() -> str:
    """A secret for a webhook, in the form in which Standard Webhooks writes it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """The bytes that sign. Errors: Refusal webhook_secret_wrong, which does not repeat the secret."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else b""
    except binascii.Error:
        key = b""
    if not SHORTEST_SECRET <= len(key) <= LONGEST_SECRET:
        raise refuse(
            "webhook_secret_wrong",
            f"A secret is {PREFIX} followed by {SHORTEST_SECRET} to {LONGEST_SECRET} bytes in base64; leave it out to "
            "have one made.",
            f"密钥须为 {PREFIX} 后接 {SHORTEST_SECRET} 至 {LONGEST_SECRET} 字节的 base64；省略则自动生成。",
        )
    return key


def check_url(url: str, private: bool) -> None:
    """Errors: Refusal webhook_url_wrong; webhook_address_private for an address of this machine or network."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    named = parts.username is not None or parts.password is not None
    printable = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in ("http", "https") or not host or named or parts.fragment or len(url) > LONGEST_URL:
        printable = False
    if port == 0 or not _HOST.fullmatch(host or ""):
        printable = False
    if not printable:
        raise refuse(
            "webhook_url_wrong",
            "The address must be http:// or https:// with a host, in ASCII, without a user, a password or a fragment.",
            "地址须为 http:// 或 https:// 开头、含主机名的 ASCII 地址，且不得含用户名、口令或片段（#）。",
        )
    assert host is not None
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return  # a name is looked up at every connection, since it may lead elsewhere then
    if not private and not is_public(address):
        raise address_private()


Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Whether an address is one of the open network, looking also at an IPv4 address within an IPv6 one."""
    if isinstance(address, ipaddress.IPv6Address):
        within = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        within += [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)] if address in NAT64 else []
        if any(each is not None and not is_public(each) for each in within):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def address_private() -> Refusal:
    """The refusal of an address within."""
    return refuse(
        "webhook_address_private",
        "The address leads to this machine or a private network. If that is meant, set WANGGE_WEBHOOKS_PRIVATE=true.",
        "该地址指向本机或内部网络；如确需使用，请设置 WANGGE_WEBHOOKS_PRIVATE=true。",
        kind="forbidden",
    )


def add_webhook(
    connection: Connection, name: str, url: str, owner: str, secret: str, position: int, private: bool
) -> None:
    """Keep a webhook that is told what comes behind a position of the log.

    Errors: Refusal webhook_name_wrong, owner_wrong, webhook_exists, webhook_url_wrong, webhook_secret_wrong,
    webhook_address_private.
    """
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise refuse(
            "webhook_name_wrong",
            f"A webhook has a name of 1 to {LONGEST_NAME} printable characters.",
            f"推送名称须为 1 至 {LONGEST_NAME} 个可见字符。",
        )
    if owner and not (owner.isascii() and owner.isalnum()):
        raise refuse(
            "owner_wrong",
            f"'{owner[:60]}' is not the code of a division; an owner is one, or empty for the whole store.",
            f"“{owner[:60]}”不是行政区划代码；数据归属须为区划代码，留空表示全库。",
        )
    check_url(url, private)
    key_of(secret)
    now = datetime.now(UTC)
    row = {"name": name, "url": url, "owner": owner, "secret": secret, "position": position}
    counts = {"made_at": now, "not_before": now, "delivered": 0, "failures": 0, "attempt": 0}
    try:
        with connection.begin_nested():
            connection.execute(insert(webhook).values(**row, **counts))
    except IntegrityError:
        raise refuse(
            "webhook_exists",
            f"There is a webhook {name} already; remove it first, or take another name.",
            f"已有名为“{name}”的推送；请先删除或换用其他名称。",
            kind="conflict",
        ) from None


def list_webhooks(connection: Connection) -> list[Webhook]:
    """All webhooks, by name."""
    return [Webhook(**row) for row in connection.execute(select(*COLUMNS).order_by(webhook.c.name)).mappings()]


def find_webhook(connection: Connection, name: str) -> Webhook:
    """The webhook of this name. Errors: Refusal webhook_unknown."""
    row = connection.execute(select(*COLUMNS).where(webhook.c.name == name)).mappings().first()
    if row is None:
        raise webhook_unknown(name)
    return Webhook(**row)


def remove_webhook(connection: Connection, name: str) -> None:
    """Forget a webhook; an event that is on its way may still arrive. Errors: Refusal webhook_unknown."""
    if connection.execute(delete(webhook).where(webhook.c.name == name)).rowcount == 0:
        raise webhook_unknown(name)


def webhook_unknown(name: str) -> Refusal:
    """The refusal of a name that no webhook has."""
    return refuse("webhook_unknown", f"There is no webhook {name[:60]}.", f"没有推送“{name[:60]}”。", kind="missing")
