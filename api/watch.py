"""A thread that looks for new revisions, so that no request has to: it asks the store and makes ready what is new."""

import gc
import logging
import threading

from api.lookups.spots import Spots
from api.worlds import Worlds
from gis.errors import Refusal

LOG = logging.getLogger("wangge.watch")


class Watch:
    """Keeps `spots`, what single lookups need of the newest revision; None while nothing was read or published yet.

    While a newer revision is being read the one before goes on answering, and so it does while the store is away.
    """

    def __init__(self, worlds: Worlds) -> None:
        self.worlds = worlds
        self.spots: Spots | None = None
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Look once, then again and again in a thread of its own. Returns when the first answer can be given."""
        self.look()
        self.worlds.watched = True
        self._thread = threading.Thread(target=self._go_on, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; lookups look for themselves again."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(5)
        self.worlds.watched, self.spots = False, None

    def look(self) -> None:
        """Ask the store once, and make ready what is new."""
        try:
            desk = self.worlds.renew()
        except Refusal:
            return  # the store is away or empty, and nothing is known: requests say so
        if self.spots is None or self.spots.desk is not desk:
            first = self.spots is None
            self.spots = Spots(desk, self.spots) if desk.revision else None
            if first:
                # A desk is many objects that stay: the collector must not go through them again and again.
                gc.collect()
                gc.freeze()

    def current(self) -> Spots | None:
        """The spots of the newest revision, as soon as this process or another one of the host has published it."""
        if self.worlds.is_behind():
            self.worlds.follow()
        desk, spots = self.worlds.at_hand, self.spots
        if spots is not None and desk is not None and spots.desk is not desk and desk.revision:
            self.spots = Spots(desk, spots)
        return self.spots

    def _go_on(self) -> None:
        while not self._end.wait(self.worlds.poll_s):
            try:
                self.look()
                self.worlds.tidy()
            except Exception:  # the thread must outlive whatever one look met; the next one may do better
                LOG.exception("looking for a new revision failed")
