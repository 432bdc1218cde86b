import gzip
import threading

from tiles.cache import PackedTile, TileCache


def packed(content: bytes) -> PackedTile:
    return PackedTile.pack(content)


def incompressible(seed: int, size: int) -> bytes:
    state = seed
    out = bytearray()
    for _ in range(size):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append(state >> 56)
    return bytes(out)


def test_a_packed_tile_is_gzip_and_unpacks_to_what_it_was() -> None:
    tile = packed(b"tile" * 100)
    assert gzip.decompress(tile.body) == b"tile" * 100
    assert tile.unpacked() == b"tile" * 100


def test_the_same_tile_has_the_same_strong_tag_and_bytes() -> None:
    assert packed(b"a") == packed(b"a")
    assert packed(b"a").etag != packed(b"b").etag
    assert packed(b"a").etag.startswith('"')


def test_the_tile_that_is_not_compressed_has_a_tag_of_its_own() -> None:
    assert packed(b"a").etag != packed(b"a").plain_etag


def test_an_empty_tile_stays_empty() -> None:
    assert packed(b"").body == b""
    assert packed(b"").unpacked() == b""


def test_the_tile_not_asked_for_the_longest_falls_out() -> None:
    tiles = [packed(incompressible(i, 1000)) for i in range(3)]
    cache = TileCache(budget=2 * (len(tiles[0].body) + 600))
    cache.put("a", tiles[0])
    cache.put("b", tiles[1])
    assert cache.get("a") is tiles[0]
    cache.put("c", tiles[2])
    assert cache.get("b") is None
    assert cache.get("a") is tiles[0]
    assert cache.get("c") is tiles[2]


def test_a_tile_put_again_is_counted_once() -> None:
    cache = TileCache(budget=10_000)
    cache.put("a", packed(incompressible(1, 1000)))
    size = cache.size
    cache.put("a", packed(incompressible(2, 1000)))
    assert cache.size == size
    assert len(cache) == 1


def test_a_tile_larger_than_the_budget_is_not_kept_and_drops_no_other() -> None:
    cache = TileCache(budget=3000)
    cache.put("small", packed(b"x"))
    cache.put("large", packed(incompressible(1, 5000)))
    assert cache.get("large") is None
    assert cache.get("small") is not None


def test_clearing_leaves_nothing() -> None:
    cache = TileCache(budget=3000)
    cache.put("a", packed(b"x"))
    cache.clear()
    assert (len(cache), cache.size, cache.get("a")) == (0, 0, None)


def test_threads_together_never_pass_the_budget() -> None:
    cache = TileCache(budget=20_000)
    tiles = [packed(incompressible(i, 500)) for i in range(40)]

    def work(start: int) -> None:
        for i in range(500):
            key = (start * 7 + i) % 40
            if cache.get(key) is None:
                cache.put(key, tiles[key])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 < cache.size <= 20_000
    assert cache.size == sum(len(tiles[key].body) + 512 for key in range(40) if cache.get(key))
