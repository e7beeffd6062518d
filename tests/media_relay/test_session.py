import pytest

from media_relay.bindings import call_fields
from media_relay.ng.messages import NgError
from tests.media_relay.harness import RelayBench, audio, ports_in, session


def test_offer_and_answer_put_the_relay_between_the_sides() -> None:
    bench = RelayBench()
    offered = bench.offer(audio("203.0.113.1", 4000))
    answered = bench.answer(audio("203.0.113.2", 5000))
    [for_b], [for_a] = ports_in(offered), ports_in(answered)
    for sdp, port in ((offered, for_b), (answered, for_a)):
        assert "c=IN IP4 192.0.2.1\r\n" in sdp
        assert f"a=rtcp:{port + 1}\r\n" in sdp
        assert "203.0.113" not in sdp
        assert "alice" not in sdp
    facing_a, facing_b = bench.port("192.0.2.1", for_a), bench.port("192.0.2.1", for_b)
    assert facing_a.rtp_exit is facing_b
    assert facing_b.rtp_exit is facing_a
    assert facing_a.latch.destination == ("203.0.113.1", 4000)
    assert facing_b.latch.destination == ("203.0.113.2", 5000)
    assert bench.port("192.0.2.1", for_a + 1).rtcp_exit is bench.port("192.0.2.1", for_b + 1)
    assert bench.port("192.0.2.1", for_b + 1).latch.destination == ("203.0.113.2", 5001)


def test_delete_gives_everything_back() -> None:
    bench = RelayBench()
    bench.offer(audio())
    bench.answer(audio())
    assert bench.relay.changes.updated == {"c"}
    assert len(bench.forwarder.open_ports) == 4
    reply = bench.request("delete", from_tag="a")
    assert "tags" in reply
    assert bench.forwarder.open_ports == {}
    assert bench.relay.interfaces.ports_used == 0
    assert bench.relay.calls == {}
    assert bench.relay.changes.deleted == {"c"}
    assert bench.relay.changes.updated == set()


def test_delete_of_the_unknown_is_ok_with_a_warning_unless_fatal() -> None:
    bench = RelayBench()
    assert b"not found" in bytes(bench.request("delete", from_tag="a")["warning"])  # type: ignore[arg-type]  # is bytes
    with pytest.raises(NgError):
        bench.request("delete", from_tag="a", flags=["fatal"])
    bench.offer(audio())
    assert "warning" in bench.request("delete", from_tag="z")
    assert len(bench.relay.calls) == 1


def test_a_reoffer_from_either_side_keeps_the_ports_and_an_unchanged_version() -> None:
    bench = RelayBench()
    offered, answered = bench.offer(audio()), bench.answer(audio("203.0.113.2", 5000))
    assert bench.offer(audio(version=9), to_tag="b") == offered
    assert bench.answer(audio("203.0.113.2", 5000, version=9)) == answered
    # Roles reversed, b offers: a reads what it read before, so its version stays, too.
    assert bench.offer(audio("203.0.113.2", 5000), from_tag="b", to_tag="a") == answered
    assert bench.answer(audio(), from_tag="b", to_tag="a") == offered
    assert len(bench.forwarder.open_ports) == 4


def test_hold_raises_the_version_by_one_and_keeps_the_session_id() -> None:
    bench = RelayBench()
    origin = bench.offer(audio()).split("\r\n")[1].split()
    bench.answer(audio())
    held = bench.offer(audio("203.0.113.1", 4000, "sendonly"), to_tag="b").split("\r\n")[1].split()
    assert (held[1], int(held[2])) == (origin[1], int(origin[2]) + 1)


def test_an_offerless_invite() -> None:
    bench = RelayBench()
    offered = bench.offer(audio("203.0.113.2", 5000), from_tag="x-b1", to_tag="x-a")
    answered = bench.answer(audio("203.0.113.1", 4000), from_tag="x-b1", to_tag="x-a")
    assert bench.port("192.0.2.1", *ports_in(offered)).latch.destination == ("203.0.113.1", 4000)
    assert bench.port("192.0.2.1", *ports_in(answered)).latch.destination == ("203.0.113.2", 5000)
    fields = call_fields(bench.relay.calls["c"], 0.0)
    assert fields["audio0.a.peer"] == "203.0.113.1:4000"
    assert fields["audio0.b.peer"] == "203.0.113.2:5000"


def test_rejected_sections_keep_their_place_and_free_their_ports() -> None:
    bench = RelayBench()
    media = "m=audio 4000 RTP/AVP 8\r\nm=video 0 RTP/AVP 31\r\nm=video 4010 RTP/AVP 31"
    offered = bench.offer(session("203.0.113.1", media))
    assert [bool(port) for port in ports_in(offered)] == [True, False, True]
    assert len(bench.forwarder.open_ports) == 8
    media = "m=audio 5000 RTP/AVP 8\r\nm=video 0 RTP/AVP 31\r\nm=video 0 RTP/AVP 31"
    answered = bench.answer(session("203.0.113.2", media))
    assert [bool(port) for port in ports_in(answered)] == [True, False, False]
    assert len(bench.forwarder.open_ports) == 4


def test_fax_replaces_audio_on_the_same_ports_and_is_not_taken_for_rtp() -> None:
    bench = RelayBench()
    [audio_port] = ports_in(bench.offer(audio()))
    bench.answer(audio())
    fax = "m=image 4002 udptl t38\r\na=T38FaxVersion:0"
    offered = bench.offer(session("203.0.113.1", fax), to_tag="b")
    bench.answer(session("203.0.113.2", fax.replace("4002", "5002")))
    assert ports_in(offered) == [audio_port]
    assert "a=rtcp" not in offered
    assert "a=T38FaxVersion:0" in offered
    assert not bench.port("192.0.2.1", audio_port).carries_rtp


def test_msrp_over_tcp_passes_by_unchanged() -> None:
    bench = RelayBench()
    msrp = "m=message 7654 TCP/MSRP *\r\na=path:msrp://203.0.113.1:7654/x;tcp"
    offered = bench.offer(session("203.0.113.1", f"m=audio 4000 RTP/AVP 8\r\n{msrp}"))
    assert ports_in(offered)[1] == 7654
    assert offered.endswith(f"{msrp.splitlines()[0]}\r\nc=IN IP4 203.0.113.1\r\n{msrp.splitlines()[1]}\r\n")
    assert len(bench.forwarder.open_ports) == 4


def test_from_ip4_to_ip6_by_address_family_and_by_interface() -> None:
    bench = RelayBench()
    assert "c=IN IP6 2001:db8::1\r\n" in bench.offer(audio(), address_family="IP6")
    assert "c=IN IP4 192.0.2.1\r\n" in bench.answer(audio("2001:db8::9", 5000))
    bench.request("delete")
    assert "c=IN IP4 198.51.100.1\r\n" in bench.offer(audio("2001:db8::9"), direction=["pub", "priv"])
    assert "c=IN IP6 2001:db8::1\r\n" in bench.answer(audio())


def test_unknown_interface() -> None:
    with pytest.raises(NgError, match="unknown interface"):
        RelayBench().offer(audio(), direction=["pub", "nowhere"])


def test_mux_is_passed_through_and_bridged_on_request() -> None:
    bench = RelayBench()
    offered = bench.offer(audio("203.0.113.1", 4000, "rtcp-mux"))
    assert "a=rtcp-mux" in offered
    answered = bench.answer(audio("203.0.113.2", 5000, "rtcp-mux"))
    assert "a=rtcp-mux" in answered
    [for_a], [for_b] = ports_in(answered), ports_in(offered)
    assert f"a=rtcp:{for_a}\r\n" in answered
    assert bench.port("192.0.2.1", for_a).rtcp_exit is bench.port("192.0.2.1", for_b)

    bench.request("delete")
    offered = bench.offer(audio("203.0.113.1", 4000, "rtcp-mux"), rtcp_mux=["demux"])
    assert "a=rtcp-mux" not in offered
    answered = bench.answer(audio("203.0.113.2", 5000))
    assert "a=rtcp-mux" in answered
    [for_a], [for_b] = ports_in(answered), ports_in(offered)
    assert bench.port("192.0.2.1", for_a).rtcp_exit is bench.port("192.0.2.1", for_b + 1)
    assert bench.port("192.0.2.1", for_b + 1).rtcp_exit is bench.port("192.0.2.1", for_a)


def test_mux_that_b_declines_is_declined_to_a() -> None:
    bench = RelayBench()
    bench.offer(audio("203.0.113.1", 4000, "rtcp-mux"))
    assert "a=rtcp-mux" not in bench.answer(audio())


def test_ice_and_bundle_are_taken_out() -> None:
    bench = RelayBench()
    offered = bench.offer(
        audio(
            "203.0.113.1",
            4000,
            "ice-ufrag:x",
            "ice-pwd:y",
            "candidate:1 1 UDP 1 10.1.1.1 4000 typ host",
        )
    )
    assert "ice" not in offered
    assert "10.1.1.1" not in offered


def test_branches_have_ports_of_their_own_and_end_alone() -> None:
    bench = RelayBench()
    first, second = (bench.offer(audio(), via_branch=branch) for branch in ("z1", "z2"))
    assert ports_in(first) != ports_in(second)
    bench.answer(audio("203.0.113.2", 5000), to_tag="b1", via_branch="z1")
    bench.answer(audio("203.0.113.3", 6000), to_tag="b2", via_branch="z2")
    assert bench.port("192.0.2.1", *ports_in(first)).latch.destination == ("203.0.113.2", 5000)
    assert bench.port("192.0.2.1", *ports_in(second)).latch.destination == ("203.0.113.3", 6000)
    fields = call_fields(bench.relay.calls["c"], 0.0)
    assert fields["audio0.b.peer"] == "203.0.113.2:5000"
    assert fields["fork1.audio0.b.peer"] == "203.0.113.3:6000"
    bench.request("delete", from_tag="a", via_branch="z1")
    assert len(bench.forwarder.open_ports) == 4
    bench.request("delete", from_tag="a", to_tag="b2", flags=["to-tag"])
    assert bench.relay.calls == {}


def test_the_last_answer_wins_in_a_fork_we_were_not_told_of() -> None:
    bench = RelayBench()
    [for_b] = ports_in(bench.offer(audio()))
    bench.answer(audio("203.0.113.2", 5000), to_tag="b1")
    bench.answer(audio("203.0.113.3", 6000), to_tag="b2")
    assert bench.port("192.0.2.1", for_b).latch.destination == ("203.0.113.3", 6000)
    bench.answer(audio("203.0.113.2", 5000), to_tag="b1")
    assert bench.port("192.0.2.1", for_b).latch.destination == ("203.0.113.2", 5000)
    assert len(bench.forwarder.open_ports) == 4


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("offer", {"from-tag": "a", "sdp": "hello"}),
        ("offer", {"from-tag": "a", "sdp": "v=0\r\nm=audio x RTP/AVP 0\r\n"}),
        ("offer", {"from-tag": "a"}),
        ("offer", {"sdp": "v=0\r\n"}),
        ("answer", {"from-tag": "a", "to-tag": "b", "sdp": "v=0\r\n"}),
        ("query", {}),
        ("dance", {}),
    ],
)
def test_what_cannot_be_done_leaves_nothing_behind(command: str, fields: dict[str, str]) -> None:
    bench = RelayBench()
    with pytest.raises(NgError):
        bench.request(command, **fields)
    assert bench.relay.calls == {}
    assert bench.forwarder.open_ports == {}


def test_an_answer_that_does_not_fit_the_offer_is_refused() -> None:
    bench = RelayBench()
    bench.offer(audio())
    with pytest.raises(NgError, match="unusable SDP"):
        bench.answer(session("203.0.113.2", "m=audio 1 RTP/AVP 8\r\nm=video 2 RTP/AVP 31"))


def test_no_ports_left() -> None:
    bench = RelayBench(range(30000, 30006))
    with pytest.raises(NgError, match=r"^out of ports"):
        bench.offer(session("203.0.113.1", "m=audio 4000 RTP/AVP 8\r\nm=video 4002 RTP/AVP 31"))
    assert bench.forwarder.open_ports == {}
    bench.now += 31
    bench.offer(audio())


def test_ports_that_another_program_holds_are_passed_over() -> None:
    bench = RelayBench(range(30000, 30010), taken=[30000, 30003])
    assert ports_in(bench.offer(audio())) == [30006]


def test_more_codecs_than_allowed_are_stripped() -> None:
    offered = RelayBench().offer(audio(), codec={"strip": ["all"], "except": ["PCMU"]})
    assert ports_in(offered) == [0]
    sdp = session("203.0.113.1", "m=audio 4000 RTP/AVP 0 8 18")
    assert "m=audio 30002 RTP/AVP 0\r\n" in RelayBench().offer(sdp, codec={"strip": ["all"], "except": ["PCMU"]})


def test_media_timeout_is_told_once_and_again_after_a_signal() -> None:
    bench = RelayBench()
    offered = bench.offer(audio())
    bench.now += 600
    assert bench.relay.silent_calls(bench.now) == []  # still ringing
    bench.answer(audio())
    bench.now += 59
    bench.port("192.0.2.1", *ports_in(offered)).last_seen = bench.now
    bench.now += 59
    assert bench.relay.silent_calls(bench.now) == []
    bench.now += 1
    assert bench.relay.silent_calls(bench.now) == ["c"]
    assert bench.relay.silent_calls(bench.now) == []
    bench.offer(audio(), to_tag="b")
    bench.now += 61
    assert bench.relay.silent_calls(bench.now) == ["c"]


@pytest.mark.parametrize(
    ("held", "answered"),
    [(audio("203.0.113.1", 4000, "inactive"), "inactive"), (audio("0.0.0.0", 4000), "recvonly")],
)
def test_a_held_call_may_be_silent(held: str, answered: str) -> None:
    bench = RelayBench()
    bench.offer(held)
    bench.answer(audio("203.0.113.2", 5000, answered))
    bench.now += 3600
    assert bench.relay.silent_calls(bench.now) == []


def test_one_way_music_on_hold_is_expected() -> None:
    bench = RelayBench()
    bench.offer(audio("203.0.113.1", 4000, "sendonly"))
    bench.answer(audio("203.0.113.2", 5000, "recvonly"))
    bench.now += 61
    assert bench.relay.silent_calls(bench.now) == ["c"]


def test_hold_by_address_sends_nowhere() -> None:
    bench = RelayBench()
    bench.offer(audio())
    [for_a] = ports_in(bench.answer(audio()))
    bench.offer(audio("0.0.0.0", 4000), to_tag="b")
    assert bench.port("192.0.2.1", for_a).latch.destination is None


@pytest.mark.parametrize("address", ["phone.example", "2001:db8::7", "239.1.1.1", "0.0.0.0"])
def test_a_side_that_cannot_be_sent_to_waits_to_be_learned(address: str) -> None:
    bench = RelayBench()
    [for_b] = ports_in(bench.offer(audio()))
    bench.answer(audio(address))
    latch = bench.port("192.0.2.1", for_b).latch
    assert latch.destination is None
    assert latch.admit(("203.0.113.2", 5000), bench.now)


def test_the_sip_source_is_trusted_for_late_media_and_on_request_instead_of_the_sdp() -> None:
    bench = RelayBench()
    [for_b] = ports_in(bench.offer(audio()))
    [for_a] = ports_in(bench.answer(audio("10.9.9.9", 5000), received_from=["IP4", "203.0.113.9"]))
    late = bench.now + 60
    assert not bench.port("192.0.2.1", for_b).latch.admit(("203.0.113.66", 7), late)
    assert bench.port("192.0.2.1", for_b).latch.admit(("203.0.113.9", 7), late)
    bench.offer(audio("10.8.8.8"), to_tag="b", received_from=["IP4", "203.0.113.8"], flags=["SIP-source-address"])
    assert bench.port("192.0.2.1", for_a).latch.destination == ("203.0.113.8", 4000)


def test_query_and_list_tell_what_is_there() -> None:
    bench = RelayBench()
    offered = bench.offer(audio())
    bench.answer(audio("203.0.113.2", 5000))
    port = bench.port("192.0.2.1", *ports_in(offered))
    port.packets, port.octets, port.last_seen = 3, 516, 1002.0
    reply = bench.request("query")
    assert reply["created"] == 1_001_000
    b = reply["tags"]["b"]["medias"][0]["streams"][0]  # type: ignore[call-overload,index]  # as laid out
    assert b["local port"] == port.port
    assert b["endpoint"] == {"family": b"IPv4", "address": b"203.0.113.2", "port": 5000}
    assert (b["last packet"], b["stats"]["packets"], b["stats"]["bytes"]) == (1_001_002, 3, 516)
    assert reply["totals"]["RTP"] == {"packets": 3, "bytes": 516, "errors": 0}  # type: ignore[call-overload,index]
    assert bench.request("list")["calls"] == [b"c"]


def test_a_flood_of_branches_is_bounded() -> None:
    bench = RelayBench(range(30000, 32000))
    for branch in range(32):
        bench.offer(audio(), via_branch=str(branch))
    with pytest.raises(NgError, match="branches"):
        bench.offer(audio(), via_branch="one too many")
    assert len(bench.forwarder.open_ports) == 4 * 32


def test_what_was_deleted_with_a_delay_ends_with_the_process() -> None:
    bench = RelayBench()
    bench.offer(audio())
    bench.relay.end_deleted(bench.now)
    assert list(bench.relay.calls) == ["c"]
    bench.request("delete", from_tag="a")
    bench.relay.end_deleted(bench.now)
    assert bench.forwarder.open_ports == {}
    assert bench.relay.calls == {}
