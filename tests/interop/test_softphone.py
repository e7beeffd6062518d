"""baresip as the called phone: registered at Pinhole, called from a trunk, heard in both directions.

sipp sends back whatever audio reaches it, so the tone that baresip plays is in its own recording only if both
directions went through the relay.
"""

from pathlib import Path

import pytest

from ops.phone.audio import listen_for
from tests.support.baresip import TONE_HZ, Account, StartBaresip
from tests.support.namespaces import Namespaces
from tests.support.pinhole import CALLER_ADDRESS, StartPinhole
from tests.support.redis_server import RedisServer
from tests.support.sipp import Sipp

pytestmark = pytest.mark.peers

SCENARIOS = Path(__file__).parent / "sipp"
PASSWORD = "long-enough-secret"
CALL_MS = 4000
HEARD_S = 2.5
"""How much of the tone must be heard: the call without its start and a margin for a busy machine."""


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_trunk_calls_a_registered_phone(
    transport: str, sipp: Sipp, redis_server: RedisServer, start_pinhole: StartPinhole, start_baresip: StartBaresip
) -> None:
    settings = {
        "trunks": {"callers": {"hosts": [f"udp:{CALLER_ADDRESS}"]}},
        "routes": [{"from": "callers", "to": "phones"}],
        "users": {"bob": {"password": PASSWORD}},
    }
    pinhole = start_pinhole(redis_url=redis_server.url, settings=settings)
    phone = start_baresip(Account("bob", PASSWORD, pinhole.target, transport), address="127.0.0.3")

    sipp.call(
        SCENARIOS / "caller.xml", pinhole.target, called="bob", options=["-rtp_echo", "-d", str(CALL_MS)]
    ).assert_all_successful(1)

    phone.stop()
    assert listen_for(phone.recording(), TONE_HZ).tone_s > HEARD_S


@pytest.mark.root
def test_a_phone_behind_nat_is_called_and_heard(
    sipp: Sipp,
    namespaces: Namespaces,
    start_pinhole: StartPinhole,
    start_baresip: StartBaresip,
) -> None:
    """home 192.168.7.0/24 - router that masquerades to new ports - internet 198.51.100.0/24 with Pinhole and caller."""
    home, router, internet = (namespaces.add(label) for label in ("home", "router", "internet"))
    namespaces.join(home, "192.168.7.2/24", router, "192.168.7.1/24")
    outside, _ = namespaces.join(router, "198.51.100.7/24", internet, "198.51.100.1/24")
    home.route_default("192.168.7.1")
    router.masquerade(outside)
    settings = {
        "trunks": {"callers": {"hosts": ["udp:127.0.0.1"]}},
        "routes": [{"from": "callers", "to": "phones"}],
        "users": {"bob": {"password": PASSWORD}},
    }
    pinhole = start_pinhole(address="198.51.100.1", port=5060, settings=settings, prefix=internet.prefix)
    phone = start_baresip(
        Account("bob", PASSWORD, pinhole.target), address="192.168.7.2", port=5060, prefix=home.prefix
    )

    sipp.call(
        SCENARIOS / "caller.xml",
        pinhole.target,
        called="bob",
        prefix=internet.prefix,
        options=["-rtp_echo", "-d", str(CALL_MS)],
    ).assert_all_successful(1)

    phone.stop()
    assert listen_for(phone.recording(), TONE_HZ).tone_s > HEARD_S
