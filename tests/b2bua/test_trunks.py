from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.admission import TrunkLoad
from b2bua.config import CallLimit, Trunk, TrunkHost
from b2bua.trunks import TrunkTable

FIRST, SECOND, THIRD = (TrunkHost(f"192.0.2.{number}", 5060, "UDP") for number in (1, 2, 3))
NOW = 1000.0


def trunk(name: str, *sources: str, hosts: tuple[TrunkHost, ...] = (FIRST, SECOND, THIRD)) -> Trunk:
    return Trunk(name, hosts, tuple(ip_network(source) for source in sources), limit=CallLimit(30, 2.5))


def table(*trunks: Trunk) -> TrunkTable:
    return TrunkTable({each.name: each for each in trunks}, failure_penalty_s=30.0)


def named(found: Trunk | None) -> str | None:
    return found.name if found else None


def test_the_longest_source_prefix_wins() -> None:
    trunks = table(trunk("wide", "10.0.0.0/8"), trunk("one", "10.1.2.3/32"), trunk("narrow", "10.1.0.0/16"))
    assert named(trunks.by_source("10.1.2.3")) == "one"
    assert named(trunks.by_source("10.1.2.4")) == "narrow"
    assert named(trunks.by_source("10.2.0.1")) == "wide"
    assert trunks.by_source("192.0.2.1") is None


def test_ipv6_and_ipv4_sources_do_not_mix() -> None:
    trunks = table(trunk("six", "2001:db8::/32"), trunk("four", "0.0.0.0/0"))
    assert named(trunks.by_source("2001:db8::7")) == "six"
    assert trunks.by_source("2001:db9::7") is None
    assert named(trunks.by_source("::ffff:198.51.100.9")) == "four"


@pytest.mark.parametrize("host", ["", "phone.example", "10.0.0", "10.0.0.1:5060", "\udcff"])
def test_what_is_no_address_is_a_stranger(host: str) -> None:
    assert table(trunk("all", "0.0.0.0/0", "::/0")).by_source(host) is None


def test_two_trunks_cannot_share_a_source() -> None:
    with pytest.raises(ValueError, match="one and two both have the source 192\\.0\\.2\\.0/24"):
        table(trunk("one", "192.0.2.0/24"), trunk("two", "192.0.2.0/24"))


def test_more_strangers_than_the_cache_holds_change_no_answer() -> None:
    trunks = table(trunk("carrier", "198.51.100.0/24"))
    for number in range(10_000):
        assert trunks.by_source(str(ip_address(number))) is None
    assert named(trunks.by_source("198.51.100.1")) == "carrier"
    assert len(trunks._by_source) <= 4096


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)), min_size=1, max_size=12),
    st.data(),
)
def test_lookup_agrees_with_comparing_every_network(prefixes: list[tuple[int, int]], data: st.DataObject) -> None:
    networks = sorted({ip_network((number, length), strict=False) for number, length in prefixes}, key=str)
    trunks = table(*(trunk(str(network), str(network)) for network in networks))
    inside = data.draw(st.sampled_from(networks))
    offset = data.draw(st.integers(0, inside.num_addresses - 1))
    address = data.draw(st.sampled_from([inside[offset], ip_address(offset)]))
    holding = [network for network in networks if address in network]
    expected = str(max(holding, key=lambda network: network.prefixlen)) if holding else None
    assert named(trunks.by_source(str(address))) == expected


def test_hosts_are_tried_as_configured() -> None:
    carrier = trunk("carrier")
    assert table(carrier).candidates(carrier, NOW) == [FIRST, SECOND, THIRD]


def test_a_failed_host_is_tried_last_until_its_penalty_is_over() -> None:
    carrier = trunk("carrier")
    trunks = table(carrier)
    trunks.failed(carrier, FIRST, NOW)
    assert trunks.candidates(carrier, NOW + 29.9) == [SECOND, THIRD, FIRST]
    assert trunks.candidates(carrier, NOW + 30.0) == [FIRST, SECOND, THIRD]


def test_of_two_failed_hosts_the_one_that_rested_longer_comes_first() -> None:
    carrier = trunk("carrier")
    trunks = table(carrier)
    trunks.failed(carrier, SECOND, NOW)
    trunks.failed(carrier, FIRST, NOW + 5)
    assert trunks.candidates(carrier, NOW + 6) == [THIRD, SECOND, FIRST]


def test_a_host_that_answers_has_no_penalty_left() -> None:
    carrier = trunk("carrier")
    trunks = table(carrier)
    trunks.failed(carrier, FIRST, NOW)
    trunks.succeeded(carrier, FIRST)
    trunks.succeeded(carrier, FIRST)
    assert trunks.candidates(carrier, NOW) == [FIRST, SECOND, THIRD]


def test_a_host_of_two_trunks_fails_for_the_one_that_saw_it_fail() -> None:
    one, two = trunk("one"), trunk("two")
    trunks = table(one, two)
    trunks.failed(one, FIRST, NOW)
    assert trunks.candidates(two, NOW) == [FIRST, SECOND, THIRD]


def test_health_goes_from_up_to_degraded_to_down() -> None:
    carrier = trunk("carrier", hosts=(FIRST, SECOND))
    trunks = table(carrier)
    assert trunks.health(carrier, NOW) == "up"
    trunks.failed(carrier, FIRST, NOW)
    assert trunks.health(carrier, NOW) == "degraded"
    trunks.failed(carrier, SECOND, NOW)
    assert trunks.health(carrier, NOW) == "down"
    assert trunks.health(carrier, NOW + 30) == "up"


def test_fields_for_redis_are_plain_text() -> None:
    carrier = trunk("carrier", hosts=(FIRST, TrunkHost("2001:db8::1", 0, "TCP")))
    trunks = table(carrier)
    trunks.failed(carrier, FIRST, NOW)
    assert trunks.fields(carrier, TrunkLoad(calls_in=3, calls_out=4), NOW) == {
        "health": "degraded",
        "hosts": "udp:192.0.2.1:5060 tcp:[2001:db8::1]",
        "failed_hosts": "udp:192.0.2.1:5060",
        "active_calls": "7",
        "active_calls_in": "3",
        "active_calls_out": "4",
        "limit_calls": "30",
        "limit_calls_per_second": "2.5",
    }
