"""The world files of a host: heaps, of which one is in force, and the 8-byte root word that says where its root lies.

`root` holds the word: the generation of the heap file in 24 bits, the line of the root record in the lower 40.
Whoever reads looks at the word, one aligned load, and knows by it whether anything is new; a writer appends first and
stores the word last, so that a reader sees a whole revision or the one before. `lock` is held by the one writer.

Root records form a chain, each with the CRC-32 of all lines appended since the one before: so a whole file can be
verified. A file that is not what was written, or of another version, is never mended but written anew: the database is
the truth, and files need no fsync. When a heap is full or mostly dead its living parts move to one of the next
generation; readers keep the old file mapped until they let go of it.
"""

import fcntl
import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gis.heap.lines import LINE_BYTES, Damaged, FileHeap, unwritable
from gis.heap.records import end_of, seal, unseal

LINE_BITS = 40
ROOM = 8  # times as much as is written at first fits into a file, before it is compacted
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
    _heaps: dict[int, FileHeap] = field(default_factory=dict)

    def word(self) -> int:
        """The root word, 0 when nothing was published yet."""
        if self._words is None and not self._map():
            return 0
        return self._words[_WORD]  # type: ignore[index]

    def _map(self) -> bool:
        try:
            with (self.path / "root").open("rb") as file:
                if file.read(len(_ROOT_MAGIC)) != _ROOT_MAGIC or os.fstat(file.fileno()).st_size < 2 * LINE_BYTES:
                    return False
                self._words = memoryview(mmap.mmap(file.fileno(), 2 * LINE_BYTES, prot=mmap.PROT_READ)).cast("Q")
        except OSError:
            return False
        return True

    def root(self) -> Root | None:
        """What is in force, None when there is nothing. Errors: Damaged."""
        while word := self.word():
            try:
                heap = self._heap(word >> LINE_BITS)
            except FileNotFoundError:
                if word == self.word():
                    raise Damaged("the file that the root word names is missing") from None
                continue  # it was compacted away meanwhile
            return Root(heap, word, _content(heap, word & (1 << LINE_BITS) - 1))
        return None

    def _heap(self, generation: int) -> FileHeap:
        found = self._heaps.get(generation)
        if found is None:
            found = self._heaps[generation] = FileHeap.open(self._file(generation))
            for old in sorted(self._heaps)[:-2]:
                self._heaps.pop(old).close()
        return found

    def _file(self, generation: int) -> Path:
        return self.path / f"world-{generation:06d}.heap"

    @contextmanager
    def writing(self, *, wait: bool) -> Iterator["Writer | None"]:
        """The right to write, which one process a host has at a time; None when another has it and `wait` is false.

        Errors: Refusal world_unwritable.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise unwritable(self.path, error) from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield None
                return
            yield Writer(self)
        finally:
            os.close(lock)


def _content(heap: FileHeap, line: int) -> Mapping[str, Any]:
    content = unseal(heap, line)
    if not isinstance(content, dict) or not {"begin", "crc", "previous"} <= content.keys():
        raise Damaged("the root record is none")
    return content


def verify(root: Root) -> None:
    """Read all that was ever written to the heap of a root. Errors: Damaged."""
    line = root.line
    while line:
        content = _content(root.heap, line)
        begin = content["begin"]
        if not (0 < begin <= line and content["previous"] < begin) or root.heap.crc(begin, line) != content["crc"]:
            raise Damaged(f"{root.heap.path.name} is not what was written")
        line = content["previous"]


class Writer:
    """Writes to the heap in force, or to a new one. Held by one process at a time."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.heap: FileHeap | None = None
        self._generation = folder.word() >> LINE_BITS
        self._previous = 0
        self._begin = 1

    def go_on(self, root: Root) -> FileHeap:
        """The heap of what is in force, to append to it."""
        self.heap = FileHeap.open(root.heap.path, end_of(root.heap, root.line))
        self._previous, self._begin = root.line, self.heap.used
        return self.heap

    def begin(self, capacity: int) -> FileHeap:
        """A new heap with room for at least `capacity` lines; it counts when the first root is published."""
        taken = [int(each.stem[6:]) for each in self.folder.path.glob("world-*.heap") if each.stem[6:].isdigit()]
        self._generation = (max([self._generation, *taken]) + 1) % (1 << 64 - LINE_BITS) or 1
        self.heap = FileHeap.create(self.folder._file(self._generation), max(capacity, LEAST_ROOM))
        self._previous, self._begin = 0, self.heap.used
        return self.heap

    def publish(self, content: Mapping[str, Any]) -> int:
        """Seal what was appended and let everybody see it; the root word. `content` is JSON."""
        heap = self.heap
        assert heap is not None, "go_on or begin comes first"
        line = seal(heap, {**content, "begin": self._begin, "crc": heap.checksum, "previous": self._previous})
        heap.checksum, self._previous, self._begin = 0, line, heap.used
        word = self._generation << LINE_BITS | line
        self._store(word)
        for each in self.folder.path.glob("world-*.heap"):
            if each != heap.path:
                with suppress(OSError):
                    each.unlink()
        return word

    def forget(self) -> None:
        """Say that nothing is in force, so that nobody trusts what is there."""
        self._store(0)

    def _store(self, word: int) -> None:
        path = self.folder.path / "root"
        try:
            if self.folder._words is None and not self.folder._map():
                fresh = path.with_suffix(".new")
                fresh.write_bytes(_ROOT_MAGIC.ljust(2 * LINE_BYTES, b"\0"))
                fresh.replace(path)
            with path.open("r+b") as file, mmap.mmap(file.fileno(), 2 * LINE_BYTES) as mapped:
                words = memoryview(mapped).cast("Q")
                words[_WORD] = word  # one aligned store: a reader sees the old word or the new one
                words.release()
        except OSError as error:
            raise unwritable(path, error) from error
