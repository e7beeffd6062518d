"""Our relay as a client of nobody: Kamailio's own rtpengine module drives it through a call with audio.

sipp calls baresip by way of Kamailio and sends back whatever audio reaches it: the tone that baresip plays is in
baresip's recording only if the relay forwarded both directions.
"""

from pathlib import Path

import pytest

from ops.phone.audio import listen_for
from tests.support.baresip import TONE_HZ, Account, StartBaresip
from tests.support.kamailio import StartKamailio
from tests.support.ng import NgPeer
from tests.support.pinhole import CALLEE_ADDRESS, StartPinhole
from tests.support.processes import wait_for
from tests.support.redis_server import RedisServer
from tests.support.sipp import Sipp

pytestmark = pytest.mark.peers

SCENARIOS = Path(__file__).parent / "sipp"
ENOUGH_PACKETS = 50
"""One second of audio."""

CALL_MS = 3000
HEARD_S = 1.5
"""How much of the tone must be heard: the call without its start and a margin for a busy machine."""


def test_kamailio_relays_a_call_through_our_relay(
    sipp: Sipp,
    redis_server: RedisServer,
    start_pinhole: StartPinhole,
    start_kamailio: StartKamailio,
    start_baresip: StartBaresip,
) -> None:
    relay = start_pinhole(command="relay", redis_url=redis_server.url)
    phone = start_baresip(Account("bob"), address=CALLEE_ADDRESS)
    kamailio = start_kamailio(f"{CALLEE_ADDRESS}:{phone.port}", relay=f"127.0.0.1:{relay.ng_port}")
    peer = NgPeer(("127.0.0.1", relay.ng_port))
    caller = sipp.call(
        SCENARIOS / "caller.xml", kamailio.target, called="bob", options=["-rtp_echo", "-d", str(CALL_MS)]
    )

    def relayed() -> bool:
        calls = peer.request(command="list")["calls"]
        return bool(calls) and min(peer.packets_by_tag(calls[0]).values()) >= ENOUGH_PACKETS

    wait_for(relayed, CALL_MS / 1000, "audio goes through the relay both ways")
    caller.assert_all_successful(1)

    peer.close()
    phone.stop()
    assert listen_for(phone.recording(), TONE_HZ).tone_s > HEARD_S


@pytest.mark.parametrize("suite", ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_256_GCM"])
def test_srtp_on_one_side_and_a_hold(
    suite: str,
    sipp: Sipp,
    redis_server: RedisServer,
    start_pinhole: StartPinhole,
    start_kamailio: StartKamailio,
    start_baresip: StartBaresip,
) -> None:
    """sipp in clear, baresip with SRTP and nothing else; held and resumed, so that keys are negotiated three times."""
    relay = start_pinhole(command="relay", redis_url=redis_server.url)
    phone = start_baresip(Account("bob", encryption="srtp-mand"), address=CALLEE_ADDRESS)
    kamailio = start_kamailio(
        f"{CALLEE_ADDRESS}:{phone.port}", relay=f"127.0.0.1:{relay.ng_port}", relay_flags=f"RTP/SAVP SDES-only-{suite}"
    )
    caller = sipp.call(
        SCENARIOS / "caller_holds.xml", kamailio.target, called="bob", options=["-rtp_echo", "-d", str(CALL_MS)]
    )
    peer = NgPeer(("127.0.0.1", relay.ng_port))

    def relayed() -> bool:
        calls = peer.request(command="list")["calls"]
        return bool(calls) and min(peer.packets_by_tag(calls[0]).values()) >= ENOUGH_PACKETS

    wait_for(relayed, CALL_MS / 1000, "audio is decrypted and encrypted")
    caller.assert_all_successful(1)

    peer.close()
    phone.stop()
    assert listen_for(phone.recording(), TONE_HZ).tone_s > HEARD_S
    assert phone.packets_heard() > 50 * 2 * HEARD_S, "before and after the hold, and nothing failed to decrypt"
    assert "failed to decrypt" not in phone.process.log_path.read_text(errors="replace")
