"""The sender: claims webhooks that are behind the log, and tells them the events in order until they are not."""

import logging
import os
import secrets
import socket
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic

from api.webhooks.claims import claim_webhook, fail, give_back, move_on
from api.webhooks.events import Event, read_events
from api.webhooks.posting import PATIENCE_S, post
from api.webhooks.records import Webhook
from cases.tables import decision
from gis.errors import Refusal
from gis.store.engine import Store, reading
from gis.store.order import settled_end

LOG = logging.getLogger("wangge.webhooks")
LAPSE_S = 60.0
"""A claim holds for so long after each event, which takes no longer than the patience with a receiver."""
TURN_S = 20.0
"""So long a webhook has its turn before another one that waits."""
PAGE = 50
TRIES, BUSY_S = 5, 0.3
"""How often a turn asks where the log ends while others append, and how long it is put off when they do not end."""
AT_ONCE = 8
"""Webhooks to which a process sends at the same time: one receiver that hangs does not keep the others waiting."""


@dataclass(slots=True)
class Turn:
    """What came of a turn of one webhook."""

    delivered: int = 0
    refusal: Refusal | None = None


class Sender:
    """Sends what webhooks are to be told. Two never tell one webhook at the same time, but for a lapsed claim."""

    def __init__(
        self,
        store: Store,
        private: bool,
        *,
        lapse_s: float = LAPSE_S,
        turn_s: float = TURN_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.store, self.private = store, private
        self.lapse_s, self.turn_s, self.patience_s = lapse_s, turn_s, patience_s
        self.worker = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.stopping = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhooks")
        self._running: set[Future[None]] = set()

    def begin_turns(self) -> None:
        """Let every webhook that is due have its turn, in threads beside this one. Errors: Refusal store_down."""
        self._running = {each for each in self._running if not each.done()}
        while len(self._running) < AT_ONCE and not self.stopping.is_set():
            claimed = claim_webhook(self.store, self.worker, self.lapse_s)
            if claimed is None:
                return
            self._running.add(self._pool.submit(self._in_thread, claimed))

    def stop(self) -> None:
        """Begin nothing more; what is on its way ends by itself, or is told again by whoever comes after."""
        self.stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def send_one(self) -> tuple[Webhook, Turn] | None:
        """Give the next webhook that is due its turn, in this thread; None when there is none."""
        claimed = claim_webhook(self.store, self.worker, self.lapse_s)
        return None if claimed is None else (claimed, self.send(claimed))

    def _in_thread(self, claimed: Webhook) -> None:
        try:
            self.send(claimed)
        except Refusal as refusal:  # the store is away: the claim lapses, and somebody goes on from the position
            LOG.warning("webhook %s: %s", claimed.name, refusal)
        except Exception:
            LOG.exception("webhook %s failed", claimed.name)

    def send(self, claimed: Webhook) -> Turn:
        """Tell a claimed webhook what is behind its position, in order; ends at the first event that is not taken.

        A turn comes to one event at least, however slow the store is.
        """
        turn, position, end = Turn(), claimed.position, monotonic() + self.turn_s
        upto = self._settled_end()
        while upto is not None and position < upto and not self._is_over(end, position > claimed.position):
            with reading(self.store.log) as log:
                events = read_events(log, position, upto, PAGE)
            if not events:  # the positions that are left were never used
                move_on(self.store, claimed, upto, 0, self.lapse_s)
                break
            for event in events:
                if self._is_over(end, position > claimed.position):
                    break
                if event.concerns(claimed.owner):
                    turn.refusal = self._tell(claimed, event, claimed.failures if not turn.delivered else 0)
                    if turn.refusal is not None:
                        return turn
                    turn.delivered += 1
                position = event.after.position
                is_last = event is events[-1]
                if (event.concerns(claimed.owner) or is_last) and not move_on(
                    self.store, claimed, position, int(event.concerns(claimed.owner)), self.lapse_s
                ):
                    return turn  # removed, or another sender goes on with it
        give_back(self.store, claimed, 0 if upto is not None else BUSY_S)
        return turn

    def _is_over(self, end: float, has_moved: bool) -> bool:
        return self.stopping.is_set() or (has_moved and monotonic() > end)

    def _settled_end(self) -> int | None:
        """Up to where the log can be told, None when others have been appending to it all the time."""
        for _ in range(TRIES):
            upto = settled_end(self.store, decision)
            if upto is not None:
                return upto
        return None

    def _tell(self, claimed: Webhook, event: Event, failures: int) -> Refusal | None:
        """Deliver one event, or put down why that failed."""
        try:
            post(
                claimed.url,
                claimed.secret,
                event.id,
                event.body,
                private=self.private,
                patience_s=self.patience_s,
            )
        except Refusal as refusal:
            error = {"code": refusal.code, "detail": refusal.faults[0].en, "detail_zh": refusal.faults[0].zh}
            fail(self.store, claimed, failures + 1, error)
            LOG.warning("webhook %s, event %s: %s", claimed.name, event.id, refusal)
            return refusal
        return None
