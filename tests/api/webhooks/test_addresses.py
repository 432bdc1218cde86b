"""Which addresses a webhook may have, looked at when it is added and at every connection."""

import socket
from typing import Any

import pytest
from sqlalchemy import select

from api.migrations import migrate
from api.webhooks.records import add_webhook
from api.webhooks.sender import Sender
from api.webhooks.tables import webhook
from gis.errors import Refusal
from gis.store.engine import open_store, reading, writing
from tests.api.webhooks.receiving import SECRET, receiving
from tests.api.webhooks.test_sending import decide, hook


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost:1/",
        "http://10.1.2.3/",
        "http://192.168.0.1/",
        "http://169.254.169.254/latest",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://0.0.0.0/",
        "http://0x7f000001/",
        "http://127.1/",
        "http://224.0.0.1/",
    ],
)
def test_addresses_within_are_refused_when_they_are_added_or_connected_to(tmp_path: Any, url: str) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'wangge.db'}")
    migrate(store)
    try:
        refused = None
        with writing(store.log) as connection:
            try:
                add_webhook(connection, "w", url, "", SECRET, 0, False)
            except Refusal as refusal:
                refused = refusal.code
        if refused is not None:
            assert refused == "webhook_address_private"
            return
        decide(store, 1)
        turn = Sender(store, False, patience_s=1).send_one()
        assert turn is not None
        assert turn[1].refusal is not None
        assert turn[1].refusal.code == "webhook_address_private"
    finally:
        store.close()


def test_a_name_that_leads_to_this_machine_is_refused_at_the_connection(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'wangge.db'}")
    migrate(store)
    try:
        with receiving() as receiver:
            found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", receiver.port))]
            hook(store, receiver, url="http://hooks.example.com/", private=False)
            decide(store, 1)
            monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **more: found)
            turn = Sender(store, False).send_one()
            assert turn is not None
            assert turn[1].refusal is not None
            assert (turn[1].refusal.code, receiver.requests) == ("webhook_address_private", 0)
    finally:
        store.close()


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"url": "ftp://example.com/"}, "webhook_url_wrong"),
        ({"url": "http:///x"}, "webhook_url_wrong"),
        ({"url": "https://user:word@example.com/"}, "webhook_url_wrong"),
        ({"url": "https://example.com/#here"}, "webhook_url_wrong"),
        ({"url": "https://example.com:99999/"}, "webhook_url_wrong"),
        ({"url": "https://exa mple.com/"}, "webhook_url_wrong"),
        ({"url": "https://example.com:0/"}, "webhook_url_wrong"),
        ({"url": "https://exa%00mple.com/"}, "webhook_url_wrong"),
        ({"url": "https://..."}, "webhook_url_wrong"),
        ({"url": f"https://{'a' * 300}/"}, "webhook_url_wrong"),
        ({"url": "https://example.com/\r\nX: y"}, "webhook_url_wrong"),
        ({"url": "file:///etc/passwd"}, "webhook_url_wrong"),
        ({"owner": "4403%"}, "owner_wrong"),
        ({"secret": "whsec_short"}, "webhook_secret_wrong"),
        ({"secret": "x" * 40}, "webhook_secret_wrong"),
    ],
)
def test_a_webhook_that_cannot_work_is_refused(tmp_path: Any, members: dict[str, str], code: str) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'wangge.db'}")
    migrate(store)
    try:
        with receiving() as receiver, pytest.raises(Refusal) as refused:
            hook(store, receiver, **members)
        assert refused.value.code == code
        assert members.get("secret", "-") not in str(refused.value)
        with reading(store.log) as connection:
            assert connection.execute(select(webhook)).all() == []
        with receiving() as receiver:
            hook(store, receiver)
            with pytest.raises(Refusal) as refused:
                hook(store, receiver)
        assert refused.value.code == "webhook_exists"
    finally:
        store.close()
