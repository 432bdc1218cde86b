"""Things made of one revision (tile sources, lists), kept for the next caller who asks for the same."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

Made = TypeVar("Made")


class Shelf:
    """Keeps the things asked for last. Callers who ask for the same at once wait for one of them to make it.

    A key must hold all that the thing depends on, the reader's scope too; then nothing on the shelf is ever wrong.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._things: OrderedDict[Hashable, Future[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """The thing of this key, made now unless it is there. What `make` raises, every waiting caller gets."""
        with self._lock:
            place = self._things.get(key)
            mine = place is None
            if place is None:
                place = self._things[key] = Future()
            self._things.move_to_end(key)
            while len(self._things) > self.most:
                self._things.popitem(last=False)
        if mine:
            try:
                place.set_result(make())
            except BaseException as error:
                with self._lock:
                    if self._things.get(key) is place:
                        del self._things[key]
                place.set_exception(error)
        made: Made = place.result()
        return made
