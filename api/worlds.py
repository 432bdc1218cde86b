"""The worlds that lookups read: one desk a revision, the newest always at hand, older ones made on demand."""

import threading
from collections import OrderedDict
from datetime import datetime
from time import monotonic

from cases.desk import Desk, load_desk
from gis.errors import Refusal
from gis.store.engine import Store, reading
from gis.store.revisions import head, revision_at

POLL_S = 0.2
KEPT = 4


class Worlds:
    """Desks by revision. Answers go on with the newest one known while the store is away."""

    def __init__(self, store: Store, poll_s: float = POLL_S) -> None:
        self.store = store
        self.poll_s = poll_s
        self.store_is_up = True
        self.watched = False
        """Whether a thread renews the newest desk, so that requests take the one at hand."""
        self._newest: Desk | None = None
        self._desks: OrderedDict[int, Desk] = OrderedDict()
        self._head = -1
        self._polled = -1e9
        self._confirmed = -1e9
        self._loading = threading.Lock()

    def newest(self) -> Desk:
        """The desk of the newest revision, at most `poll_s` old; while one is being read, the one before.

        Errors: store_down when nothing was read yet.
        """
        if self.watched and self._newest is not None:
            return self._newest
        return self.renew()

    def renew(self) -> Desk:
        """The desk of the newest revision, read now when it is new. Errors: store_down when nothing was read yet."""
        self._newest = self._desk(self.newest_number())
        return self._newest

    def newest_number(self) -> int:
        """The newest revision, at most `poll_s` old; while the store is away the last one known. Errors: store_down."""
        if monotonic() - self._polled >= self.poll_s:
            try:
                with reading(self.store.world) as connection:
                    self._head = head(connection)
                self.store_is_up = True
                self._confirmed = monotonic()
            except Refusal:
                self.store_is_up = False
                if self._head < 0:
                    raise
            self._polled = monotonic()
        return self._head

    @property
    def age_s(self) -> float:
        """Seconds since the store last told which revision is the newest."""
        return monotonic() - self._confirmed

    def at(self, when: int | datetime | None) -> Desk:
        """The desk of a revision or of the one in force at a time. Errors: those of `revision_at`."""
        if when is None:
            return self.newest()
        return self._desk(self.number(when))

    def number(self, when: int | datetime) -> int:
        """The revision that a number or a time means."""
        with reading(self.store.world) as connection:
            return revision_at(connection, when)

    def _desk(self, number: int) -> Desk:
        desk = self._desks.get(number)
        if desk is not None:
            return desk
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
