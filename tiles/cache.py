"""Tiles kept in memory as they go over the wire: compressed, with their entity tag."""

import hashlib
import threading
import zlib
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

LEVEL: Final = 4
"""Of gzip: within five per cent of the size that level 6 gives, in half its time on a crowded tile."""
_ENTRY: Final = 512
"""Bytes that a key and its entry take beside the tile, roughly."""
_GZIP: Final = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class PackedTile:
    """`body` is the gzip of a tile, b"" for an empty one (204). `etag` is the strong entity tag, quotes included.

    The tag is blake2b of the tile before compression, so that it is the same on every host, whatever its zlib, and
    after every restart; an edit elsewhere in the layer leaves it as it was. A strong tag names bytes, and the same tile
    not compressed is other bytes: who sends `unpacked()` sends `plain_etag` with it.
    """

    body: bytes
    etag: str
    plain_etag: str
    version: int = 0
    """Of the layer, at which these are the bytes."""

    @classmethod
    def pack(cls, tile: bytes, version: int = 0) -> "PackedTile":
        digest = hashlib.blake2b(tile, digest_size=16).hexdigest()
        return cls(_gzip(tile) if tile else b"", f'"{digest}-gzip"', f'"{digest}"', version)

    def unpacked(self) -> bytes:
        """The tile, for a client that does not take gzip."""
        return zlib.decompress(self.body, _GZIP) if self.body else b""


class TileCache:
    """The tiles asked for last, up to a budget in bytes; any number of threads may use it.

    A key must hold all that the tile depends on: layer, z, x, y, fields, the reader's scope, and the layer's version;
    or, instead of that, what has versions, and then whoever asks sees to it that the version of the tile kept will do.
    So nothing in the cache is ever wrong, and what is out of date falls out unasked. The budget counts compressed tiles
    and an allowance for each entry; a tile larger than the budget is not kept.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._size = 0
        self._tiles: OrderedDict[Hashable, PackedTile] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._tiles)

    @property
    def size(self) -> int:
        """Bytes counted against the budget."""
        return self._size

    def get(self, key: Hashable) -> PackedTile | None:
        """The tile kept under a key, which becomes the last to fall out."""
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
            return tile

    def put(self, key: Hashable, tile: PackedTile) -> None:
        """Keep a tile in place of what the key had; the ones not asked for the longest fall out."""
        with self._lock:
            former = self._tiles.pop(key, None)
            if former is not None:
                self._size -= _cost(former)
            if _cost(tile) > self._budget:
                return
            self._tiles[key] = tile
            self._size += _cost(tile)
            while self._size > self._budget:
                _, oldest = self._tiles.popitem(last=False)
                self._size -= _cost(oldest)

    def clear(self) -> None:
        with self._lock:
            self._tiles.clear()
            self._size = 0


def _cost(tile: PackedTile) -> int:
    return len(tile.body) + _ENTRY


def _gzip(tile: bytes) -> bytes:
    """Gzip without a time in its header: the same tile gives the same bytes."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)
    return packer.compress(tile) + packer.flush()
