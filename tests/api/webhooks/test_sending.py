"""Events arrive in order, at least once, signed, whatever the receiver and the senders go through."""

import logging
import multiprocessing
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text, update

from api.migrations import migrate
from api.webhooks import claims
from api.webhooks.records import add_webhook, find_webhook, remove_webhook
from api.webhooks.sender import BUSY_S, Sender
from api.webhooks.tables import webhook
from cases.tables import decision
from gis.store.engine import Store, open_store, reading, writing
from gis.store.order import announce_append, settled_end
from tests.api.webhooks.receiving import SECRET, Receiver, receiving

UNIT = "440305001001001"


@pytest.fixture
def store(made_url: str) -> Iterator[Store]:
    opened = open_store(made_url)
    yield opened
    opened.close()


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "PAUSES_S", (0,))


def row(number: int, unit: str | None = UNIT, version: int = 0, round_: int = 0) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "source": "12345",
        "case_id": f"c{number}",
        "version": version,
        "round": round_,
        "rerouted_at": now if round_ else None,
        "digest": "",
        "received_at": now,
        "revision": 1,
        "unit": unit,
        "department": "WATER",
        "advice": "dispatch",
        "report": {},
        "routing": {"unit": unit, "version": version, "round": round_},
    }


def decide(store: Store, *numbers: int, **members: Any) -> None:
    with writing(store.log) as connection:
        announce_append(connection)
        connection.execute(insert(decision), [row(number, **members) for number in numbers])


def hook(store: Store, receiver: Receiver, name: str = "dispatch", **members: Any) -> None:
    given: dict[str, Any] = {"url": receiver.url, "owner": "", "secret": SECRET, "position": 0, "private": True}
    with writing(store.log) as connection:
        add_webhook(connection, name, **{**given, **members})


def state(store: Store, name: str = "dispatch") -> Any:
    with reading(store.log) as connection:
        return find_webhook(connection, name)


def cases_of(receiver: Receiver) -> list[str]:
    return [each["case"]["id"] for each in receiver.got]


def send_all(store: Store, **members: Any) -> int:
    """Let turns pass until nothing is due; how many events were delivered."""
    sender, count = Sender(store, True, **members), 0
    while (turn := sender.send_one()) is not None:
        count += turn[1].delivered
    return count


def test_events_come_in_the_order_of_the_log_and_verify(store: Store) -> None:
    with receiving() as receiver:
        hook(store, receiver)
        decide(store, *range(120))
        assert send_all(store) == 120
        assert cases_of(receiver) == [f"c{number}" for number in range(120)]
        assert receiver.wrong == []
        assert send_all(store) == 0
        decide(store, 200)
        assert send_all(store) == 1
        found = state(store)
        assert (found.delivered, found.failures, found.error) == (121, 0, None)
        assert len({each["id"] for each in receiver.got}) == 121
        first = receiver.got[0]
        assert first["type"] == "case.decided"
        assert first["case"] == {"source": "12345", "id": "c0", "version": 0}
        assert first["decision"] == {"before": None, "after": row(0)["routing"]}
        assert set(first) == {"id", "type", "at", "revision", "case", "decision"}
        assert receiver.headers[0]["content-type"] == "application/json"
        assert receiver.headers[0]["host"] == f"127.0.0.1:{receiver.port}"


def test_an_event_tells_the_decision_before_it(store: Store) -> None:
    with receiving() as receiver:
        hook(store, receiver)
        decide(store, 1)
        decide(store, 1, round_=1, unit="440305001001002")
        decide(store, 1, version=3)
        assert send_all(store) == 3
        assert [each["type"] for each in receiver.got] == ["case.decided", "case.rerouted", "case.decided"]
        told = [each["decision"] for each in receiver.got]
        assert [each["before"] for each in told] == [None, told[0]["after"], told[1]["after"]]


def test_an_owner_hears_of_cases_in_its_units_and_of_those_that_leave_them(store: Store) -> None:
    with receiving() as receiver:
        hook(store, receiver, owner="440305")
        decide(store, 1, unit="440306001001001")
        decide(store, 2, unit=None)
        decide(store, 3)
        decide(store, 3, unit="440306001001001", round_=1)
        decide(store, 4, unit="440306001001001")
        assert send_all(store) == 2
        assert [(each["case"]["id"], each["type"]) for each in receiver.got] == [
            ("c3", "case.decided"),
            ("c3", "case.rerouted"),
        ]
        assert state(store).position == settled_end(store, decision)


def test_what_was_not_taken_is_sent_again_until_it_is_and_nothing_overtakes_it(store: Store, no_pauses: None) -> None:
    def answers(number: int) -> int:
        return (500, 503, 302, 404, 204)[min(number - 3, 4)] if number >= 3 else 200

    with receiving(answers=answers) as receiver:
        hook(store, receiver)
        decide(store, *range(5))
        assert send_all(store) == 5
        assert cases_of(receiver) == [f"c{number}" for number in range(5)]
        assert receiver.requests == 9
        assert state(store).failures == 0


def test_pauses_grow_and_the_error_is_kept_without_secrets(
    store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving(answers=lambda number: 500) as receiver, caplog.at_level(logging.DEBUG, logger="wangge"):
        hook(store, receiver)
        decide(store, 1)
        assert sorted(claims.PAUSES_S) == list(claims.PAUSES_S)
        for number in range(1, 8):
            begun = datetime.now(UTC)
            assert send_all(store) == 0
            found = state(store)
            pause = timedelta(seconds=claims.PAUSES_S[min(number, len(claims.PAUSES_S)) - 1])
            assert begun + pause <= found.not_before <= datetime.now(UTC) + pause
            assert (found.failures, found.error["code"], receiver.requests) == (number, "webhook_rejected", number)
            with writing(store.log) as connection:
                connection.execute(update(webhook).values(not_before=datetime.now(UTC)))
        said = caplog.text + repr(found) + str(found.told(9))
        assert SECRET not in said
        assert SECRET.removeprefix("whsec_") not in said
        assert "token" not in caplog.text


def test_a_receiver_that_hangs_or_drips_is_given_up_in_time_and_heard_again(store: Store, no_pauses: None) -> None:
    gate = threading.Event()

    def answers(number: int) -> int:
        if number == 1:
            gate.wait(5)
        return 200

    with receiving(answers=answers) as receiver:
        hook(store, receiver)
        decide(store, 1, 2)
        begun = time.monotonic()
        claimed = Sender(store, True, patience_s=0.4).send_one()
        assert claimed is not None
        assert claimed[1].refusal is not None
        assert claimed[1].refusal.code == "webhook_timeout"
        assert time.monotonic() - begun < 3
        gate.set()
        assert send_all(store) == 2
        # The first one came twice: late by the request that was given up, and by the next.
        assert [each["case"]["id"] for each in receiver.taken] == ["c1", "c2"]


def test_one_byte_at_a_time_does_not_outlast_the_patience(store: Store, no_pauses: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                while not ended.wait(0.1):
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with receiving() as receiver:
            hook(store, receiver, url=url)
        decide(store, 1)
        begun = time.monotonic()
        turn = Sender(store, True, patience_s=0.6).send_one()
        assert turn is not None
        assert turn[1].refusal is not None
        assert turn[1].refusal.code == "webhook_timeout"
        assert time.monotonic() - begun < 3
        ended.set()
        thread.join()


def test_nobody_there_is_an_error_that_says_so(store: Store) -> None:
    with receiving() as receiver:
        hook(store, receiver)
    decide(store, 1)
    assert send_all(store) == 0
    assert state(store).error["code"] == "webhook_unreachable"


def test_a_webhook_that_is_removed_or_claimed_by_another_is_left_alone(store: Store) -> None:
    def answers(number: int) -> int:
        if number == 2:
            with writing(store.log) as connection:
                remove_webhook(connection, "dispatch")
        return 200

    with receiving(answers=answers) as receiver:
        hook(store, receiver)
        decide(store, *range(10))
        assert send_all(store) <= 2
        assert receiver.requests == 2


def test_a_turn_comes_to_one_event_however_slow_the_store_is(store: Store) -> None:
    with receiving() as receiver:
        hook(store, receiver)
        decide(store, *range(3))
        sender = Sender(store, True, turn_s=-1)  # over before anything was read
        for number in range(1, 4):
            assert sender.send_one() is not None
            assert cases_of(receiver) == [f"c{each}" for each in range(number)]


def test_two_senders_tell_a_webhook_one_after_the_other(store: Store, made_url: str) -> None:
    with receiving(answers=lambda number: (time.sleep(0.005), 200)[1]) as receiver:
        hook(store, receiver)
        other = open_store(made_url)
        senders = [Sender(each, True, turn_s=0.05) for each in (store, other)]
        decide(store, *range(60))
        end = time.monotonic() + 20

        def work(sender: Sender) -> None:
            while len(receiver.got) < 60 and time.monotonic() < end:
                if sender.send_one() is None:
                    time.sleep(0.002)

        threads = [threading.Thread(target=work, args=(sender,)) for sender in senders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        other.close()
        assert cases_of(receiver) == [f"c{number}" for number in range(60)]
        assert receiver.most_at_once == 1


def test_a_receiver_that_hangs_does_not_keep_others_waiting(store: Store) -> None:
    gate = threading.Event()
    with receiving(answers=lambda number: (gate.wait(5), 200)[1]) as slow, receiving() as quick:
        hook(store, slow, "slow")
        hook(store, quick, "quick")
        decide(store, *range(3))
        sender = Sender(store, True)
        sender.begin_turns()
        end = time.monotonic() + 5
        while len(quick.got) < 3 and time.monotonic() < end:
            time.sleep(0.01)
        assert (len(quick.got), len(slow.got)) == (3, 0)
        gate.set()
        sender.stop()


def send_for_ever(url: str) -> None:
    """A sender in a process of its own; it goes on until it is killed."""
    sender = Sender(open_store(url), True, lapse_s=0.3)
    while True:
        if sender.send_one() is None:
            time.sleep(0.01)


def test_senders_that_are_killed_in_the_middle_lose_nothing_and_keep_the_order(store: Store, made_url: str) -> None:
    maker = multiprocessing.get_context("forkserver")
    maker.set_forkserver_preload(["tests.api.webhooks.test_sending"])
    with receiving(answers=lambda number: (time.sleep(0.003), 200)[1]) as receiver:
        hook(store, receiver)
        decide(store, *range(150))
        kills = 0
        end = time.monotonic() + 60
        while len(receiver.taken) < 150 and time.monotonic() < end:
            process = maker.Process(target=send_for_ever, args=(made_url,))
            process.start()
            before, patience = receiver.requests, time.monotonic() + 20
            wanted = before + 40
            while receiver.requests < wanted and len(receiver.taken) < 150 and time.monotonic() < patience:
                time.sleep(0.002)
            kills += len(receiver.taken) < 150
            process.kill()
            process.join()
            process.close()
        assert kills >= 2
        assert [each["case"]["id"] for each in receiver.taken] == [f"c{number}" for number in range(150)]
        assert len(receiver.got) - 150 <= kills, "of each kill at most the event on its way comes twice"
        assert receiver.wrong == []


@pytest.mark.postgis
def test_what_is_committed_late_under_an_earlier_position_is_not_skipped(postgis_url: str) -> None:
    store = open_store(postgis_url)
    migrate(store)
    try:
        with receiving() as receiver:
            hook(store, receiver)
            with store.log.connect() as slow:
                announce_append(slow)
                slow.execute(insert(decision).values(**row(1)))
                decide(store, 2)
                assert send_all(store) == 0, "an earlier position is still open"
                assert receiver.got == []
                slow.commit()
            time.sleep(BUSY_S)
            assert send_all(store) == 2
            assert cases_of(receiver) == ["c1", "c2"]
            with store.log.connect() as given_up:  # a position that is never used does not stop anybody
                announce_append(given_up)
                given_up.execute(insert(decision).values(**row(3)))
                given_up.rollback()
            decide(store, 4)
            assert send_all(store) == 1
    finally:
        store.close()


@pytest.mark.postgis
def test_those_who_append_do_not_wait_for_each_other(postgis_url: str) -> None:
    store = open_store(postgis_url)
    migrate(store)
    try:
        with store.log.connect() as one, store.log.connect() as two:
            announce_append(one)
            announce_append(two)
            assert settled_end(store, decision) is None
            one.execute(text("SELECT 1"))
        assert settled_end(store, decision) == 0
    finally:
        store.close()
