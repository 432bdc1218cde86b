"""The world files of a host: heaps, of which one is in force, and the 8-byte root word that says where its root lies.

`root` holds the word: the generation of the heap file in 24 bits, the line of the root record in the lower 40.
Whoever reads looks at the word, one aligned load, and knows by it whether anything is new; a writer appends first and
stores the word last, so that a reader sees a whole revision or the one before. `lock` is held by the one writer.

Root records form a chain, each with the CRC-32 of all lines from the one before up to itself: so a whole file can be
verified. A file that is not what was written, or of another version, is never mended but written anew: the database is
the truth, and files need no fsync. When a heap is full or mostly dead its living parts move to one of the next
generation; readers keep the old file mapped until they let go of it.
"""

import fcntl
import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gis.heap.lines import LINE_BYTES, Damaged, FileHeap, unwritable
from gis.heap.records import end_of, seal, unseal

LINE_BITS = 40
LEAST_ROOM = 1 << 22  # lines, 256 MB; the file is sparse
_ROOT_MAGIC = b"wangge root 1\n"
_WORD = 8  # the root word among the 8-byte words of its file


@dataclass(frozen=True, slots=True)
class Root:
    """One state of the world: which heap, where its root record lies, and what that says."""

    heap: FileHeap
    word: int
    content: Mapping[str, Any]

    @property
    def line(self) -> int:
        return self.word & (1 << LINE_BITS) - 1

    @property
    def generation(self) -> int:
        return self.word >> LINE_BITS


@dataclass(slots=True)
class Folder:
    """The files as one process sees them; safe to share between threads as far as it is read."""

    path: Path
    _words: memoryview | None = None
    _inode: int = 0  # of the root file that is mapped
    _heap: FileHeap | None = None

    def word(self) -> int:
        """The root word, 0 when nothing was published yet."""
        words = self._words or self._map()
        return 0 if words is None else words[_WORD]

    def _map(self) -> memoryview | None:
        """Map the root file that is there now, if it is one."""
        self._words = None
        with suppress(OSError), (self.path / "root").open("rb") as file:
            told = os.fstat(file.fileno())
            if file.read(len(_ROOT_MAGIC)) == _ROOT_MAGIC and told.st_size >= 2 * LINE_BYTES:
                self._inode = told.st_ino
                self._words = memoryview(mmap.mmap(file.fileno(), 2 * LINE_BYTES, prot=mmap.PROT_READ)).cast("Q")
        return self._words

    def _map_anew(self) -> None:
        """Map the root file again if it is another one: somebody may have deleted all files and written new ones."""
        try:
            same = (self.path / "root").stat().st_ino == self._inode
        except OSError:
            same = False
        if not same:
            self._map()

    def root(self) -> Root | None:
        """What is in force, None when there is nothing. Errors: Damaged."""
        while word := self.word():
            try:
                heap = self._open(self._file(word >> LINE_BITS))
            except FileNotFoundError:
                if word == self.word():
                    raise Damaged("the file that the root word names is missing") from None
                continue  # it was compacted away meanwhile
            return Root(heap, word, _content(heap, word & (1 << LINE_BITS) - 1))
        return None

    def _open(self, path: Path) -> FileHeap:
        heap = self._heap
        if heap is None or heap.path != path or not heap.is_there():
            heap = self._heap = FileHeap.open(path)
        return heap

    def _file(self, generation: int) -> Path:
        return self.path / f"world-{generation:06d}.heap"

    @contextmanager
    def writing(self, *, wait: bool) -> Iterator["Writer | None"]:
        """The right to write, which one process a host has at a time; None when another has it and `wait` is false.

        What was begun and not published is gone at the end. Errors: Refusal world_unwritable.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise unwritable(self.path, error) from error
        try:
            if not _locked(lock, self.path, wait):
                yield None
                return
            self._map_anew()
            writer = Writer(self)
            try:
                yield writer
            finally:
                writer.close()
        finally:
            os.close(lock)


def _locked(lock: int, path: Path, wait: bool) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:  # a file system that knows no locks
        raise unwritable(path, error) from error
    return True


def _content(heap: FileHeap, line: int) -> Mapping[str, Any]:
    content = unseal(heap, line)
    if not isinstance(content, dict) or not {"crc", "previous"} <= content.keys():
        raise Damaged("the root record is none")
    return content


def verify(root: Root) -> None:
    """Read all that was ever written to the heap of a root. Errors: Damaged."""
    line = root.line
    while line:
        content = _content(root.heap, line)
        before = content["previous"]
        if not 0 <= before < line or root.heap.crc(before or 1, line) != content["crc"]:
            raise Damaged(f"{root.heap.path.name} is not what was written")
        line = before


class Writer:
    """Writes to the heap in force, or to a new one. Held by one process at a time."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.heap: FileHeap | None = None
        self._published = True  # or the file of the heap is ours to take away
        self._previous = 0

    def go_on(self, root: Root) -> FileHeap:
        """The heap of what is in force, to append to it. Errors: Damaged; Refusal world_unwritable."""
        self.close()
        try:
            self.heap = FileHeap.open(root.heap.path, end_of(root.heap, root.line))
        except FileNotFoundError:
            raise Damaged("the file to go on with is missing") from None
        self._follow(root.line)
        return self.heap

    def begin(self, capacity: int) -> FileHeap:
        """A new heap with room for at least `capacity` lines; it counts when the first root is published.

        Errors: Refusal world_unwritable.
        """
        self.close()
        word = self.folder.word()
        taken = [int(each.stem[6:]) for each in self.folder.path.glob("world-*.heap") if each.stem[6:].isdigit()]
        generation = (max([word >> LINE_BITS, *taken]) + 1) % (1 << 64 - LINE_BITS) or 1
        self._sweep(self.folder._file(word >> LINE_BITS) if word else None)  # what killed writers left would fill disks
        self.heap = FileHeap.create(self.folder._file(generation), max(capacity, LEAST_ROOM))
        self._published, self._previous = False, 0
        return self.heap

    def publish(self, content: Mapping[str, Any]) -> int:
        """Seal what was appended and let everybody see it; the root word. `content` is JSON.

        Errors: HeapFull; Refusal world_unwritable. Then what was in force stays so.
        """
        heap = self.heap
        assert heap is not None, "go_on or begin comes first"
        line = seal(heap, {**content, "crc": heap.checksum, "previous": self._previous})
        word = int(heap.path.stem[6:]) << LINE_BITS | line
        self._published = True
        self._store(word)
        self._follow(line)
        self._sweep(heap.path)
        return word

    def _follow(self, line: int) -> None:
        """Begin the checksum of the next root record with the one at a line, which is the last that was written."""
        assert self.heap is not None
        self._previous, self.heap.checksum = line, self.heap.crc(line, self.heap.used)

    def forget(self) -> None:
        """Say that nothing is in force, so that nobody trusts what is there."""
        self._store(0)

    def close(self) -> None:
        """Append no more, and take away what was begun and not published."""
        if self.heap is not None:
            self.heap.close()
            if not self._published:
                self._sweep_one(self.heap.path)
        self.heap, self._published = None, True

    def _sweep(self, kept: Path | None) -> None:
        for each in self.folder.path.glob("world-*.heap"):
            if each != kept:
                self._sweep_one(each)

    def _sweep_one(self, path: Path) -> None:
        with suppress(OSError):
            path.unlink()

    def _store(self, word: int) -> None:
        path = self.folder.path / "root"
        try:
            if self.folder._words is None and self.folder._map() is None:
                fresh = path.with_suffix(".new")
                fresh.write_bytes(_ROOT_MAGIC.ljust(2 * LINE_BYTES, b"\0"))
                fresh.replace(path)
            with path.open("r+b") as file, mmap.mmap(file.fileno(), 2 * LINE_BYTES) as mapped:
                words = memoryview(mapped).cast("Q")
                words[_WORD] = word  # one aligned store: a reader sees the old word or the new one
                words.release()
        except OSError as error:
            raise unwritable(path, error) from error
