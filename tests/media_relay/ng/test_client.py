from media_relay.ng.client import NgClient
from media_relay.ng.messages import pack, unpack


def client() -> NgClient:
    return NgClient("x", retransmit_s=0.25, timeout_s=2.0)


def test_a_request_is_sent_once_and_answered_once() -> None:
    ng = client()
    cookie = ng.request({"command": "ping"}, 10.0)
    [datagram] = ng.datagrams_to_send(10.0)
    assert unpack(datagram) == (cookie.encode(), {"command": b"ping"})
    assert ng.datagrams_to_send(10.1) == []
    reply = pack(cookie.encode(), {"result": "pong"})
    assert ng.receive(reply, 10.1) == [(cookie, {"result": b"pong"})]
    assert ng.receive(reply, 10.2) == []
    assert ng.next_deadline() is None
    assert ng.expired(20.0) == []


def test_retransmission_at_doubled_intervals_until_it_expires() -> None:
    ng = client()
    cookie = ng.request({"command": "ping"}, 0.0)
    sent, expired = [], []
    ng.datagrams_to_send(0.0)
    while (now := ng.next_deadline()) is not None:
        sent += [(now, datagram[: len(cookie)]) for datagram in ng.datagrams_to_send(now)]
        expired += [(now, gone) for gone in ng.expired(now)]
    assert sent == [(0.25, cookie.encode()), (0.75, cookie.encode()), (1.75, cookie.encode())]
    assert expired == [(2.0, cookie)]
    assert ng.receive(pack(cookie.encode(), {"result": "pong"}), 2.1) == []


def test_cookies_differ_and_replies_find_their_request() -> None:
    ng = client()
    first, second = ng.request({"command": "ping"}, 0.0), ng.request({"command": "ping"}, 0.0)
    assert first != second
    assert ng.receive(pack(second.encode(), {"n": 2}), 0.1) == [(second, {"n": 2})]
    assert ng.receive(pack(first.encode(), {"n": 1}), 0.1) == [(first, {"n": 1})]


def test_a_deadline_of_an_answered_request_does_not_wake_anyone() -> None:
    ng = client()
    first = ng.request({"command": "ping"}, 0.0)
    ng.request({"command": "ping"}, 0.1)
    assert ng.next_deadline() == 0.25
    ng.receive(pack(first.encode(), {}), 0.2)
    assert ng.next_deadline() == 0.35


def test_garbage_is_ignored() -> None:
    ng = client()
    cookie = ng.request({"command": "ping"}, 0.0).encode()
    for datagram in (b"", b" ", cookie, cookie + b" ", cookie + b" i1e", b"\xff\xfe d1:a1:be", cookie + b" d1:a"):
        assert ng.receive(datagram, 0.1) == []
    assert ng.next_deadline() == 0.25
