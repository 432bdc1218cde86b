"""The world files of a host: written by one process, mapped by all, trusted only as long as they are the store's."""

import json
import logging
import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, update

import api.worlds
from api.app import create_app
from api.settings import Settings
from api.worlds import Worlds, find_folder, folder_of
from gis.errors import Refusal, refuse
from gis.heap.folder import Folder
from gis.heap.lines import LINE_BYTES
from gis.store.engine import Store, open_store, writing
from gis.store.tables import counter, revision
from tests.api.conftest import client
from tests.api.looking import HEAD, change, file_of, flip, note_loads, units_of
from tests.api.small_world import UNITS, centre
from tests.api.test_cases import case


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "world" / "0"


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The revisions that were read from the store."""
    return note_loads(monkeypatch.setattr)


def test_who_waited_for_the_writer_does_not_write_an_older_revision_over_a_newer(
    store: Store, folder: Path, tmp_path: Path, loads: list[int]
) -> None:
    late = Worlds(store, folder, poll_s=3600)
    late._poll()  # asks the store, and then others are faster
    number = change(store, tmp_path / "in", "新城管局")
    assert Worlds(store, folder).newest().revision == number
    word = Folder(folder).word()
    assert late.newest().revision == number
    assert (Folder(folder).word(), loads) == (word, [number])


def test_a_process_goes_on_with_the_revision_before_while_another_one_writes(store: Store, folder: Path) -> None:
    worlds = Worlds(store, folder, poll_s=0)
    assert worlds.newest().revision == HEAD
    number = change(store, folder.parent / "in", "新城管局")
    with Folder(folder).writing(wait=True):
        assert worlds.newest().revision == HEAD
    assert worlds.newest().revision == number


def test_the_second_process_reads_the_files_and_not_the_store(store: Store, folder: Path, loads: list[int]) -> None:
    first, second = Worlds(store, folder), Worlds(store, folder)
    assert units_of(first.newest()) == units_of(second.newest()) == list(UNITS)
    assert loads == [HEAD]


# What is not to be trusted


@pytest.mark.parametrize("spoil", ["byte", "short", "empty", "gone", "magic", "root", "nonsense"])
def test_damaged_files_are_written_anew_and_the_log_says_so(
    spoil: str, store: Store, folder: Path, loads: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    Worlds(store, folder).newest()
    file, word = file_of(folder), Folder(folder).word()
    root = Folder(folder).root()
    assert root is not None
    if spoil == "byte":
        flip(file, root.line * LINE_BYTES // 2)
    elif spoil == "short":
        os.truncate(file, root.line * LINE_BYTES // 2)
    elif spoil == "empty":
        os.truncate(file, 0)
    elif spoil == "gone":
        file.unlink()
    elif spoil == "magic":
        flip(file, 3)
    elif spoil == "root":
        flip(folder / "root", 3)
    else:
        flip(folder / "root", 64)
    with caplog.at_level(logging.WARNING, "wangge.worlds"):
        desk = Worlds(store, folder).newest()
    assert units_of(desk) == list(UNITS)
    assert loads == [HEAD, HEAD]
    assert Folder(folder).word() != word
    assert file_of(folder).name != file.name
    if spoil != "root":  # which then is no root file at all
        assert "are not used" in caplog.text
    assert Worlds(store, folder).newest().revision == HEAD
    assert loads == [HEAD, HEAD]


def test_files_of_another_format_are_written_anew(
    store: Store, folder: Path, loads: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as former:
        former.setattr(api.worlds, "FORMAT", 0)
        Worlds(store, folder).newest()
    assert units_of(Worlds(store, folder).newest()) == list(UNITS)
    assert loads == [HEAD, HEAD]
    assert "another version" in caplog.text


def test_files_of_another_store_are_not_taken_for_its_own(
    store_of_either: Store, folder: Path, tmp_path: Path, loads: list[int]
) -> None:
    Worlds(store_of_either, folder).newest()
    with writing(store_of_either.world) as connection:  # the same revision, made at another time: of another store
        former = datetime(2020, 1, 1, tzinfo=UTC)
        connection.execute(update(revision).where(revision.c.number == HEAD).values(recorded_at=former))
    assert Worlds(store_of_either, folder).newest().revision == HEAD
    assert loads == [HEAD, HEAD]


def test_a_store_that_was_restored_to_an_older_state_is_read_anew(
    store_of_either: Store, folder: Path, tmp_path: Path, loads: list[int]
) -> None:
    worlds = Worlds(store_of_either, folder, poll_s=0)
    assert worlds.newest().revision == HEAD
    with writing(store_of_either.world) as connection:
        connection.execute(update(counter).values(revision=HEAD - 1))
        connection.execute(delete(revision).where(revision.c.number == HEAD))
    assert worlds.newest().revision == HEAD - 1
    assert Worlds(store_of_either, folder).newest().revision == HEAD - 1
    assert loads == [HEAD, HEAD - 1]


def test_files_of_a_store_that_is_empty_now_are_forgotten(store: Store, folder: Path) -> None:
    Worlds(store, folder).newest()
    with writing(store.world) as connection:
        connection.execute(update(counter).values(revision=0))
    worlds = Worlds(store, folder, poll_s=0)
    assert [worlds.newest().revision, worlds.newest().revision] == [0, 0]
    assert Folder(folder).word() == 0
    with pytest.raises(Refusal) as refused:
        Worlds(None, folder).newest()
    assert refused.value.code == "world_missing"


def test_stores_under_the_same_relative_name_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = set()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        store = open_store("sqlite:///wangge.db")
        found.add(folder_of(tmp_path, store))
        store.close()
    assert len(found) == 2


def test_everything_may_be_deleted_even_under_a_process_that_reads(
    store: Store, folder: Path, loads: list[int]
) -> None:
    worlds = Worlds(store, folder, poll_s=0)
    worlds.newest()
    shutil.rmtree(folder)
    assert units_of(worlds.newest()) == list(UNITS)  # what is mapped stays
    other = Worlds(store, folder, poll_s=0)
    other.newest()
    number = change(store, folder.parent / "in", "新城管局")
    assert [worlds.newest().revision, other.newest().revision] == [number, number]
    assert worlds._word == other._word == Folder(folder).word()
    assert loads == [HEAD, HEAD, number]


# While the store is away


def take_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(engine: object) -> Any:
        raise refuse("store_down", "away", "离线", kind="unavailable")

    for module in ("api.worlds", "api.auth", "api.layers", "api.migrations", "api.routers.tiles"):
        monkeypatch.setattr(f"{module}.reading", away, raising=False)


def test_a_server_that_starts_while_the_store_is_away_answers_from_the_files(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data=tmp_path / "data")
    where = f"/v1/locate?lon={centre(0)[0]}&lat={centre(0)[1]}&crs=CRS84"

    def ask(caller: httpx.Client) -> list[httpx.Response]:
        return [caller.get(where), caller.post("/v1/cases/route", json=case())]

    before = create_app(settings, store)
    before.state.watch.look()
    was = ask(client(before))
    assert [each.status_code for each in was] == [200, 200]
    time.sleep(0.01)
    take_away(monkeypatch)
    app = create_app(settings, store)
    app.state.door = before.state.door  # who may call is asked of the store
    app.state.watch.look()
    caller = client(app)
    for now, then in zip(ask(caller), was, strict=True):
        assert (now.status_code, now.content) == (200, then.content)
        assert (now.headers["Wangge-Store"], now.headers["Wangge-Revision"]) == ("down", str(HEAD))
    ready = caller.get("/readyz")
    assert ready.status_code == 200
    told = ready.json()
    assert (told["status"], told["store"], told["revision"]) == ("degraded", "down", HEAD)
    assert 0 < told["age_s"] < 300


def test_damaged_files_are_no_answer_while_the_store_is_away(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Worlds(store, folder).newest()
    flip(file_of(folder), 64 * 10)
    take_away(monkeypatch)
    with pytest.raises(Refusal) as refused:
        Worlds(store, folder).newest()
    assert refused.value.code == "store_down"


def test_a_store_that_goes_away_between_two_questions_leaves_the_desk_at_hand(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds = Worlds(store, folder, poll_s=0)
    desk = worlds.newest()
    change(store, folder.parent / "in", "新城管局")

    def fail(*_: object) -> Any:
        raise refuse("store_down", "away", "离线", kind="unavailable")

    monkeypatch.setattr(api.worlds, "load_desk", fail)
    monkeypatch.setattr(api.worlds, "advance_desk", fail)
    assert worlds.newest() is desk


# Where nothing can be written


def a_file_is_in_the_way(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.parent.parent.mkdir()
    folder.parent.write_text("in the way")


def the_disk_is_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, parts: Any, place: int) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwritev", full)


@pytest.mark.parametrize("prevent", [a_file_is_in_the_way, the_disk_is_full])
def test_where_nothing_can_be_written_the_world_is_in_memory_and_the_log_says_so(
    prevent: Callable[[Path, pytest.MonkeyPatch], None],
    store: Store,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    prevent(folder, monkeypatch)
    worlds = Worlds(store, folder, poll_s=0)
    with caplog.at_level(logging.WARNING, "wangge.worlds"):
        assert units_of(worlds.newest()) == list(UNITS)
        assert worlds.newest() is worlds.newest()
    assert len(caplog.records) == 1
    assert "world_unwritable" in caplog.text or "cannot be written" in caplog.text
    assert not list(folder.glob("world-*.heap")) if folder.parent.is_dir() else True
    number = change(store, folder.parent.parent / "in", "新城管局")
    assert worlds.newest().revision == number


# Compaction


def test_what_is_alive_moves_to_a_new_file_and_readers_go_on(store: Store, folder: Path) -> None:
    writer, reader = Worlds(store, folder, poll_s=0), Worlds(store, folder, poll_s=0)
    before = reader.newest()
    writer.newest()
    was, answers = file_of(folder), [units_of(before)]
    writer.compact()
    assert not was.exists()
    assert file_of(folder) != was
    answers.append(units_of(before))
    after = reader.newest()
    assert after is not before
    answers += [units_of(after), units_of(before), units_of(writer.newest())]
    assert answers == [list(UNITS)] * 5
    assert after.revision == before.revision == HEAD
    assert after.inventory.texts("code").tolist() == before.inventory.texts("code").tolist()
    assert Worlds(None, folder).newest().revision == HEAD


# Without a store


def test_world_files_are_found_by_their_folder_or_by_one_above(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as missing:
        find_folder(tmp_path)
    assert missing.value.code == "world_missing"
    assert str(tmp_path) in str(missing.value)
    one, other = tmp_path / "world" / "a", tmp_path / "world" / "b"
    for each in (one, other):
        with Folder(each).writing(wait=True) as writer:
            assert writer is not None
            writer.forget()
        if each is one:
            assert [find_folder(path) for path in (tmp_path, tmp_path / "world", one)] == [one] * 3
    with pytest.raises(Refusal) as several:
        find_folder(tmp_path)
    assert several.value.code == "world_several"
    assert f"{one}, {other}" in str(several.value)
    assert find_folder(other) == other


def test_files_alone_answer_for_their_revision_and_for_no_other(store: Store, folder: Path) -> None:
    Worlds(store, folder).newest()
    alone = Worlds(None, folder)
    assert alone.at(HEAD).revision == alone.at(None).revision == alone.newest_number() == HEAD
    assert not alone.store_is_up
    with pytest.raises(Refusal) as refused:
        alone.at(HEAD - 1)
    assert refused.value.code == "world_alone"
    assert json.dumps(str(refused.value)).count(str(HEAD))
