"""World files of a folder: whole revisions or none, and nothing that is damaged is ever trusted."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gis.errors import Refusal
from gis.heap.folder import LINE_BITS, Folder, Root, verify
from gis.heap.lines import LINE_BYTES, Damaged
from gis.heap.records import get_array, put_arrays

AGAIN = [HealthCheck.function_scoped_fixture]


def write(folder: Path, *revisions: int, whole: bool = False) -> list[int]:
    """Publish revisions with an array each, in one file or each in its own; the root words."""
    words = []
    for number in revisions:
        here = Folder(folder)
        with here.writing(wait=True) as writer:
            assert writer is not None
            root = here.root()
            heap = writer.begin(1) if root is None or whole else writer.go_on(root)
            told = put_arrays(heap, {"array": np.full(50 * number, number, np.int64)})
            words.append(writer.publish({"number": number, "told": told}))
    return words


def read(folder: Path) -> int | None:
    """The revision in the files, every value of which is right. Errors: Damaged."""
    root = Folder(folder).root()
    if root is None:
        return None
    verify(root)
    number = root.content["number"]
    array = get_array(root.heap, root.content["told"]["array"])
    assert array.tolist() == [number] * (50 * number)
    return int(number)


def heap_file(folder: Path) -> Path:
    (found,) = folder.glob("world-*.heap")
    return found


def test_each_revision_is_seen_when_it_is_published_and_the_former_stays_readable(tmp_path: Path) -> None:
    reader = Folder(tmp_path)
    assert (reader.word(), reader.root()) == (0, None)
    roots: list[Root] = []
    for number in range(1, 5):
        (word,) = write(tmp_path, number, whole=number == 3)
        root = reader.root()
        assert root is not None
        assert (root.word, root.content["number"]) == (word, number)
        assert root.generation == 1 + (number >= 3)
        roots.append(root)
    for number, root in enumerate(roots, 1):
        verify(root)
        assert get_array(root.heap, root.content["told"]["array"]).tolist() == [number] * (50 * number)
    assert len(list(tmp_path.glob("world-*.heap"))) == 1


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three revisions in one file; copy it."""
    folder = tmp_path_factory.mktemp("written")
    write(folder, 1, 2, 3)
    return folder


@settings(max_examples=300, deadline=None, suppress_health_check=AGAIN)
@given(st.data())
def test_a_damaged_byte_anywhere_is_found_and_no_value_is_trusted(
    written: Path, tmp_path: Path, data: st.DataObject
) -> None:
    word = Folder(written).word()
    end = (word & (1 << LINE_BITS) - 1) * LINE_BYTES
    content = data.draw(st.booleans(), "in the root record")
    root_bytes = 16 + int(np.fromfile(heap_file(written), np.int64, 1, offset=end + 8)[0])
    place = data.draw(st.integers(end, end + root_bytes - 1) if content else st.integers(LINE_BYTES, end - 1))
    shutil.copy(written / "root", tmp_path / "root")
    damaged = tmp_path / heap_file(written).name
    with heap_file(written).open("rb") as file:
        held = bytearray(file.read(end + root_bytes))
    held[place] ^= data.draw(st.integers(1, 255))
    damaged.write_bytes(held.ljust(-(-len(held) // LINE_BYTES) * LINE_BYTES, b"\0"))
    with pytest.raises(Damaged):
        read(tmp_path)


@settings(max_examples=200, deadline=None, suppress_health_check=AGAIN)
@given(st.integers(1, 2**64 - 1))
def test_a_root_word_that_points_to_nonsense_is_damage(written: Path, tmp_path: Path, word: int) -> None:
    with heap_file(written).open("rb") as file:
        (tmp_path / heap_file(written).name).write_bytes(file.read(1 << 14))
    for nonsense in (word, (1 << LINE_BITS) | word & (1 << LINE_BITS) - 1, (1 << LINE_BITS) | word % 200):
        held = bytearray((written / "root").read_bytes())
        held[64:72] = nonsense.to_bytes(8, "little")
        (tmp_path / "root").write_bytes(held)
        try:  # by chance it may point to a revision that was in force once, and is whole
            found = read(tmp_path)
            assert found in (1, 2, 3)
            assert nonsense >> LINE_BITS == 1
        except Damaged:
            pass


def cut(size: int) -> Callable[[Path], None]:
    return lambda folder: os.truncate(heap_file(folder), size)


def poke(name: str, place: int) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = heap_file(folder) if name == "heap" else folder / name
        with path.open("rb") as file:
            held = file.read(1 << 16)
        path.write_bytes(held[:place] + bytes([held[place] ^ 1]) + held[place + 1 :])

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [cut(0), cut(64), cut(65), cut(1024), cut(10 * 64), poke("heap", 0), poke("heap", 12)],
    ids=["empty", "one_line", "no_lines", "short", "shorter", "magic", "version"],
)
def test_a_file_that_is_no_whole_heap_of_this_version_is_damaged(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path, 1, 2, 3)
    spoil(tmp_path)
    with pytest.raises(Damaged):
        read(tmp_path)
    with pytest.raises(Damaged):
        read(tmp_path)  # however often it is tried


def test_a_missing_heap_file_is_damage_and_a_missing_root_is_nothing(tmp_path: Path) -> None:
    write(tmp_path, 1)
    heap_file(tmp_path).unlink()
    with pytest.raises(Damaged):
        read(tmp_path)
    (tmp_path / "root").unlink()
    assert read(tmp_path) is None
    write(tmp_path, 2)
    assert read(tmp_path) == 2


@pytest.mark.parametrize("size", [0, 20, 127])
def test_a_root_file_that_is_cut_or_of_another_version_is_nothing(size: int, tmp_path: Path) -> None:
    write(tmp_path, 1)
    for held in ((tmp_path / "root").read_bytes()[:size], b"wangge root 0\n".ljust(128, b"\1")):
        (tmp_path / "root").unlink()
        (tmp_path / "root").write_bytes(held)
        assert read(tmp_path) is None
    write(tmp_path, 2)
    assert read(tmp_path) == 2


def test_a_folder_that_is_made_anew_is_seen_by_the_next_who_writes(tmp_path: Path) -> None:
    folder = tmp_path / "world"
    write(folder, 1)
    held = Folder(folder)
    assert held.word()
    shutil.rmtree(folder)
    (word,) = write(folder, 2)  # in a file of the same name
    with held.writing(wait=True):
        root = held.root()
    assert root is not None
    assert (root.word, root.content["number"]) == (word, 2)
    verify(root)


def test_to_go_on_with_a_file_that_somebody_deleted_is_damage(tmp_path: Path) -> None:
    write(tmp_path, 1)
    folder = Folder(tmp_path)
    root = folder.root()
    assert root is not None
    heap_file(tmp_path).unlink()
    with folder.writing(wait=True) as writer:
        assert writer is not None
        with pytest.raises(Damaged):
            writer.go_on(root)


def test_only_one_writes_at_a_time(tmp_path: Path) -> None:
    with Folder(tmp_path).writing(wait=True) as first:
        assert first is not None
        with Folder(tmp_path).writing(wait=False) as second:
            assert second is None
    with Folder(tmp_path).writing(wait=False) as second:
        assert second is not None


def test_what_was_begun_and_not_published_is_taken_away(tmp_path: Path) -> None:
    write(tmp_path, 1)
    kept = heap_file(tmp_path)

    def fail() -> None:
        with Folder(tmp_path).writing(wait=True) as writer:
            assert writer is not None
            writer.begin(1)
            writer.begin(1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert heap_file(tmp_path) == kept
    assert read(tmp_path) == 1


# Where nothing can be written


def refused(work: Callable[[], Any]) -> str:
    with pytest.raises(Refusal) as refusal:
        work()
    assert refusal.value.code == "world_unwritable"
    return str(refusal.value)


def test_a_folder_that_cannot_be_made_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    said = refused(lambda: write(tmp_path / "file" / "world", 1))
    assert str(tmp_path / "file" / "world") in said
    assert "WANGGE_DATA" in said


def test_a_full_disk_leaves_what_is_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 1)
    word = Folder(tmp_path).word()
    with monkeypatch.context() as full:

        def fail(*_: object) -> int:
            raise OSError(28, "No space left on device")

        full.setattr(os, "pwritev", fail)
        for whole in (False, True):
            assert "No space left" in refused(lambda whole=whole: write(tmp_path, 2, whole=whole))  # type: ignore[misc]
    assert (Folder(tmp_path).word(), read(tmp_path)) == (word, 1)
    assert heap_file(tmp_path).name == "world-000001.heap"
    write(tmp_path, 2)
    assert read(tmp_path) == 2


LIMITED = """
import resource, sys
from pathlib import Path
from gis.errors import Refusal
from tests.gis.test_heap_folder import write
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    write(Path(sys.argv[1]), 2, whole=sys.argv[3] == "whole")
except Refusal as refusal:
    print(refusal.code)
"""


@pytest.mark.parametrize("how", ["whole", "on"])
def test_a_file_that_may_not_grow_leaves_what_is_in_force(tmp_path: Path, how: str, project_root: Path) -> None:
    write(tmp_path, 1)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), str(1 << 10), how],
        cwd=project_root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "world_unwritable", done.stderr
    assert read(tmp_path) == 1
    assert heap_file(tmp_path).name == "world-000001.heap"


def test_a_file_system_without_room_leaves_what_is_in_force(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        write(small, 1)
        assert "No space left" in refused(lambda: write(small, 100))
        assert "No space left" in refused(lambda: write(small, 100, whole=True))
        assert read(small) == 1
        write(small, 2)
        assert read(small) == 2
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
