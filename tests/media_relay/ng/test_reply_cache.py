from media_relay.ng.reply_cache import ReplyCache

KEY = ("127.0.0.1", b"1")


def test_a_reply_is_known_for_a_while() -> None:
    cache = ReplyCache(ttl_s=10.0)
    cache.put(KEY, b"ok", 0.0)
    assert cache.get(KEY, 9.9) == b"ok"
    assert cache.get(KEY, 10.0) is None
    assert cache.get(("127.0.0.2", b"1"), 1.0) is None


def test_expired_replies_are_dropped_as_others_come() -> None:
    cache = ReplyCache(ttl_s=10.0)
    for n in range(100):
        cache.put(("h", b"%d" % n), b"ok", float(n))
    assert len(cache) == 10


def test_the_size_of_all_replies_is_bounded() -> None:
    cache = ReplyCache(max_bytes=1000)
    for n in range(100):
        cache.put(("h", b"%d" % n), bytes(100), 0.0)
    assert len(cache) == 10
    assert cache.get(("h", b"99"), 0.0) is not None
    cache.put(KEY, bytes(2000), 0.0)
    assert len(cache) == 0


def test_a_reply_put_twice_counts_once() -> None:
    cache = ReplyCache(max_bytes=100)
    for _ in range(5):
        cache.put(KEY, bytes(60), 0.0)
    assert cache.get(KEY, 0.0) is not None
