"""The thread that follows the log and the revisions: cases are routed anew, webhooks are told."""

import logging
import threading

from api.jobs.rerouting import Lookout
from api.settings import Settings
from api.webhooks.sender import Sender
from gis.errors import Refusal
from gis.store.engine import Store

LOG = logging.getLogger("wangge.webhooks")
POLL_S = 1.0


class Follower:
    """Looks every second, from `start` to `stop`."""

    def __init__(self, store: Store, settings: Settings, poll_s: float = POLL_S) -> None:
        self.lookout = Lookout(store, settings)
        self.sender = Sender(store, settings.webhooks_private)
        self.poll_s = poll_s
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Follow in a thread of its own."""
        self._thread = threading.Thread(target=self._go_on, name="follower", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more."""
        self._end.set()
        self.sender.stop()
        if self._thread is not None:
            self._thread.join(5)

    def _go_on(self) -> None:
        told = ""
        while not self._end.wait(self.poll_s):
            try:
                self.lookout.look()
                self.sender.begin_turns()
                told = ""
            except Refusal as refusal:  # the store is away: that may pass
                if refusal.code != told:  # once is enough
                    LOG.warning("nothing is followed: %s", refusal)
                told = refusal.code
            except Exception:  # the thread must outlive whatever one look met
                LOG.exception("following failed")
