"""The worlds that lookups read: one desk a revision, the newest always at hand, older ones made on demand.

The newest lies in the world files of the host (`gis.heap.folder`), which all processes map and one writes: whoever
first learns of a new revision and gets the right to write. To ask whether the files hold another one is to read their
root word. Without files, or where they cannot be written, each process keeps a world of its own in memory.
"""

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

from cases.desk import Desk, advance_desk, load_desk
from gis.cells.layout import MAGIC as LAYOUT
from gis.errors import Refusal, refuse
from gis.heap.folder import LINE_BITS, Folder, Root, Writer, verify
from gis.heap.lines import LINE_BYTES, Damaged, FileHeap, HeapFull, PrivateHeap
from gis.heap.records import end_of, seal, unseal
from gis.store.engine import Store, reading
from gis.store.revisions import head, read_recorded, revision_at

LOG = logging.getLogger("wangge.worlds")
POLL_S = 0.2
KEPT = 4
FORMAT = f"3 {LAYOUT:x}"  # of the world files; a change of what is in them changes it
DEAD_SHARE, DEAD_LINES = 3, 1 << 16
"""Files that have grown to so many times what was alive at first, and 4 MB more, are compacted."""
FIRST_BYTES = 2**30
"""Of a new world file, which is sparse; where that is too little it is begun again with four times as much."""


def folder_of(data: Path, store: Store) -> Path:
    """Where the world files of a store lie: each store has a folder of its own, so that none reads another's."""
    url = store.world.url
    if store.dialect == "sqlite":  # the same relative path means another file in another working folder
        url = url.set(database=str(Path(str(url.database)).resolve()))
    name = url.render_as_string(hide_password=True)
    return data / "world" / hashlib.sha256(name.encode()).hexdigest()[:12]


def find_folder(path: Path) -> Path:
    """The folder of world files that a path means, itself or one below it. Errors: world_missing, world_several."""
    if (path / "root").is_file():
        return path
    found = sorted({each.parent for pattern in ("*/root", "world/*/root") for each in path.glob(pattern)})
    if len(found) > 1:
        names = ", ".join(str(each) for each in found)
        raise refuse(
            "world_several",
            f"There are several world files below {path}, of one store each: name one of {names}.",
            f"{path} 下有多个索引（每个数据库一个），请指定其中之一：{names}。",
        )
    if not found:
        raise _missing(path)
    return found[0]


class Worlds:
    """Desks by revision. Answers go on with the newest one known while the store is away."""

    def __init__(self, store: Store | None, folder: Path | None = None, poll_s: float = POLL_S) -> None:
        """Of a store, with files in `folder` if there are to be any; or of files alone."""
        self.store = store
        self.poll_s = poll_s
        self.store_is_up = store is not None
        self.watched = False
        """Whether a thread renews the newest desk, so that requests take the one at hand."""
        self._files = Folder(folder) if folder else None
        self.at_hand: Desk | None = None  # the newest that this process knows
        self._word = 0  # of the files from which the newest desk was read, 0 when it is in memory
        self._read_last: tuple[Desk, Mapping[str, Any]] | None = None  # from the files, with what was told of it
        self._recorded = ""  # when the revision that was read last was recorded
        self._verified: FileHeap | None = None  # the file that this process has verified or written
        self._refused = 0  # a word of damaged files
        self._agreed: tuple[int, int] = (-1, 0)  # a revision of the store and the word that was found to be of it
        self._desks: OrderedDict[int, Desk] = OrderedDict()
        self._head = -1
        self._refusal: Refusal | None = None
        self._polled = -1e9
        self._confirmed: float | None = None
        self._written_at = time()
        self._loading = threading.RLock()

    def newest(self) -> Desk:
        """The desk of the newest revision, at most `poll_s` old; while one is being read, the one before.

        Errors: store_down when nothing was read yet; world_missing when there are files alone, and none.
        """
        known = self.at_hand if self.watched else None
        if known is not None and self.is_behind():
            known = self.at_hand if self.follow() else None
        return known or self.renew()

    def is_behind(self) -> bool:
        """Whether the files hold another revision than the newest desk: one load of their root word."""
        return self._files is not None and self._files.word() not in (self._word, self._refused, 0)

    def renew(self) -> Desk:
        """The desk of the newest revision, read now when it is new. Errors: those of `newest`."""
        with self._loading:
            refusal = self._poll()
            desk = self._mapped()
            if refusal is None:
                try:
                    desk = self._of_store(desk)
                except Refusal as late:  # the store went away meanwhile
                    refusal = late
            if desk is None:
                raise refusal or self._nothing()
            self.at_hand = desk
            return desk

    def _of_store(self, desk: Desk | None) -> Desk:
        """The desk at hand when it is of the store's newest revision, else that one, from files or from memory."""
        if desk is not None and self._is_of_store(desk):
            return desk
        desk = self._written() if self._files is not None else None
        if desk is None:
            desk, self._word = self._desk(self._head), 0
        return desk

    def follow(self) -> bool:
        """Take the desk in the files when it is another one; whether it is. Asks no store and waits for nobody.

        New files take a moment to be verified: that is left to who may wait.
        """
        known = self._files is not None and self._files.word() >> LINE_BITS == self._word >> LINE_BITS
        if not known or not self.is_behind() or not self._loading.acquire(blocking=False):
            return False
        try:
            before, self.at_hand = self.at_hand, self._mapped()
            return self.at_hand is not before
        finally:
            self._loading.release()

    def renew_to(self, number: int, within_s: float = 2.0) -> Desk:
        """The desk of revision `number` or a later one, which this process has just published.

        The store is asked whatever was heard a moment ago. Whoever is writing the files right now is waited for, up to
        `within_s` seconds; then the desk may be the one before.
        """
        end = monotonic() + within_s
        while True:
            with self._loading:
                self._polled = -1e9
                desk = self.renew()
            if desk.revision >= number or monotonic() > end:
                return desk
            sleep(0.005)

    def private_heap(self, desk: Desk) -> PrivateHeap | None:
        """A heap that goes on from the files in which a desk lies, seen by nobody else; None for one in memory."""
        with self._loading:
            root = self._files.root() if self._files is not None else None
            if root is None or root.heap is not desk.grid.units.cells.heap:
                return None
            return PrivateHeap(root.heap, end_of(root.heap, root.line))

    def newest_number(self) -> int:
        """The newest revision, at most `poll_s` old; while the store is away the last one known. Errors: store_down."""
        # Where revisions are watched it is that of the newest desk, so that all answers of a moment are of one.
        if self.watched and self.at_hand is not None:
            return self.newest().revision
        refusal = self._poll()
        if refusal is None:
            return self._head
        if self.at_hand is None:
            raise refusal
        return self.at_hand.revision

    @property
    def age_s(self) -> float:
        """Seconds since the store last told which revision is the newest, or since the files were written."""
        return time() - self._written_at if self._confirmed is None else monotonic() - self._confirmed

    def at(self, when: int | datetime | None) -> Desk:
        """The desk of a revision or of the one in force at a time. Errors: those of `revision_at`."""
        if when is None:
            return self.newest()
        number = self.number(when)
        newest = self.newest()
        return newest if newest.revision == number else self._desk(number)

    def number(self, when: int | datetime) -> int:
        """The revision that a number or a time means. Errors: those of `revision_at`; world_alone."""
        if self.store is None:
            newest = self.newest().revision
            if when == newest:
                return newest
            raise world_alone(newest)
        with reading(self.store.world) as connection:
            return revision_at(connection, when)

    def _poll(self) -> Refusal | None:
        """Ask the store for its newest revision, unless it was just asked; what it refused with."""
        if self.store is None:
            return self._nothing()
        if monotonic() - self._polled >= self.poll_s:
            try:
                with reading(self.store.world) as connection:
                    self._head = head(connection)
                self._refusal, self.store_is_up, self._confirmed = None, True, monotonic()
            except Refusal as refusal:
                self._refusal, self.store_is_up = refusal, False
                self._agreed = (-1, 0)  # it may come back as another one
            self._polled = monotonic()
        return self._refusal

    def _is_of_store(self, desk: Desk) -> bool:
        """Whether a desk is that of the store's newest revision, by the number and by when it was recorded."""
        if desk.revision != self._head:
            return False
        if self._word and self._agreed != (self._head, self._word):
            assert self.store is not None
            with reading(self.store.world) as connection:
                if [self._recorded] != read_recorded(connection, self._head):
                    return False  # of a store that another one took the place of
            self._agreed = self._head, self._word
        return True

    def _nothing(self) -> Refusal:
        return _missing(self._files.path if self._files else Path())

    def _mapped(self) -> Desk | None:
        """The desk in the files, read again when their root word has changed; without one the newest one known."""
        if self._files is None:
            return self.at_hand
        word = self._files.word()
        if word in (0, self._refused):
            return self.at_hand
        if word == self._word and self._read_last is not None:
            return self._read_last[0]
        try:
            root = self._files.root()
            return self.at_hand if root is None else self._read(root)
        except Damaged as damage:
            LOG.warning("the world files in %s are not used: %s", self._files.path, damage)
            self._refused = word
            return self.at_hand

    def _read(self, root: Root) -> Desk:
        """The desk of a root. Errors: Damaged."""
        if root.content.get("format") != FORMAT:
            raise Damaged("they are of another version")
        if root.heap is not self._verified:
            verify(root)
            self._verified = root.heap
        told, before = unseal(root.heap, root.content["desk"]), self._read_last
        same_heap = before is not None and before[0].grid.units.cells.heap is root.heap
        desk = Desk.read(root.heap, told, before if same_heap else None)
        self._read_last = desk, told
        self._word, self._written_at = root.word, root.content["written_at"]
        self._recorded = root.content["recorded_at"]
        return desk

    def _written(self) -> Desk | None:
        """The store's newest revision, written to the files or read from them after another process wrote it.

        None when another process is writing it and there is an older one to go on with, or nothing can be written.
        """
        assert self._files is not None
        try:
            with self._files.writing(wait=self.at_hand is None) as writer:
                if writer is None:
                    return self.at_hand
                self._polled = -1e9  # the store may have gone on while another process wrote
                if refusal := self._poll():
                    raise refusal
                desk = self._mapped()  # another process may have been faster
                if desk is not None and self._is_of_store(desk):
                    return desk
                if self._head == 0:  # what the files hold is of another store
                    writer.forget()
                    return None
                return self._advance(writer) or self._write(writer)
        except Refusal as refusal:
            if refusal.code != "world_unwritable":
                raise
            LOG.warning("%s", refusal)
            self._files, self._word = None, 0
            return None

    def _advance(self, writer: Writer) -> Desk | None:
        """Write what changed in the store behind what the files hold; None when they must be written anew."""
        assert self.store is not None
        assert self._files is not None
        if self._read_last is None or self._files.word() != self._word:
            return None
        desk, told = self._read_last
        if desk.revision >= self._head:
            return None
        try:
            root = self._files.root()
            if root is None:
                return None
            with reading(self.store.world) as connection:
                recorded = read_recorded(connection, desk.revision, self._head)
                if self._recorded != recorded[0]:
                    return None
                heap = writer.go_on(root)
                new = advance_desk(connection, heap, desk, told, self._head)
            if new is None:
                return None
            content = {**root.content, "revision": self._head, "recorded_at": recorded[1]}
            writer.publish({**content, "written_at": time(), "desk": seal(heap, new)})
        except (HeapFull, Damaged):  # Damaged: somebody deleted the file
            return None
        root = self._files.root()
        assert root is not None
        new_desk, self._agreed = self._read(root), (self._head, root.word)
        return new_desk

    def _write(self, writer: Writer) -> Desk:
        """Read the newest revision from the store into new files."""
        assert self.store is not None
        with reading(self.store.world) as connection:
            (recorded_at,) = read_recorded(connection, self._head)
            return self._begin(writer, lambda heap: load_desk(connection, self._head, heap), recorded_at)

    def compact(self) -> None:
        """Move what is alive to new files. Readers go on with the old ones until they look again."""
        assert self._files is not None
        with self._loading, self._files.writing(wait=True) as writer:
            root = self._files.root()
            if writer is not None and root is not None:
                desk = self._read(root)
                self.at_hand = self._begin(writer, desk.copied, root.content["recorded_at"])

    def tidy(self) -> None:
        """Compact the files when what was left behind takes more room than what is alive."""
        root = self._files.root() if self._files is not None else None
        if root is not None and root.line > DEAD_SHARE * root.content["alive"] + DEAD_LINES:
            self.compact()

    def _begin(self, writer: Writer, make: Callable[[FileHeap], Desk], recorded_at: str) -> Desk:
        """Write a desk to new files, as large as it takes, and read it from there."""
        assert self._files is not None
        room = FIRST_BYTES
        while True:
            try:
                heap = writer.begin(room // LINE_BYTES)
                desk = make(heap)
                content = {"format": FORMAT, "revision": desk.revision, "recorded_at": recorded_at}
                line = seal(heap, desk.tell(heap))
                writer.publish({**content, "alive": line, "written_at": time(), "desk": line})
                break
            except HeapFull:
                room *= 4
        root = self._files.root()
        assert root is not None
        self._verified = root.heap
        return self._read(root)

    def _desk(self, number: int) -> Desk:
        desk = self._desks.get(number)
        if desk is not None:
            return desk
        assert self.store is not None
        with self._loading:
            if number not in self._desks:
                with reading(self.store.world) as connection:
                    self._desks[number] = load_desk(connection, number)
                self._forget(number)
            return self._desks[number]

    def _forget(self, number: int) -> None:
        """Keep few worlds: the newest, and those used last."""
        for old in [each for each in self._desks if each not in (number, self._head)][
            : max(0, len(self._desks) - KEPT)
        ]:
            del self._desks[old]


def world_alone(number: int) -> Refusal:
    """The refusal of a moment that files alone cannot answer."""
    return refuse(
        "world_alone",
        f"World files hold one revision, here {number}: other ones and times need the store.",
        f"索引文件只含一个数据版本（此处为 {number}）：其他版本或时间需要连接数据库。",
    )


def _missing(path: Path) -> Refusal:
    return refuse(
        "world_missing",
        f"There are no world files in {path}, or none that this version reads: let the server or a command without "
        "--index write them first.",
        f"{path} 中没有可用的索引文件，或其版本不符：请先运行服务，或运行不带 --index 的命令生成。",
        kind="unavailable",
    )
