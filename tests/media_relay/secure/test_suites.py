from base64 import b64encode

import pytest

from media_relay.secure.suites import SUITES, KeyingError, MasterKey
from sdp.keying import Crypto

SUITE = SUITES["AES_CM_128_HMAC_SHA1_80"]
SECRET = bytes(range(30))
TEXT = b64encode(SECRET).decode()


def line(key_params: str, suite: str = SUITE.name, *session_params: str) -> Crypto:
    return Crypto(1, suite, key_params, session_params)


def test_a_key_as_sdp_writes_it() -> None:
    # RFC 4568 6.1: the example of AES_CM_128_HMAC_SHA1_80
    key = MasterKey.of(line("inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20"))
    assert key == MasterKey(SUITE, b"YS___semctl () {\t220;}\n}\nunles")
    assert MasterKey.of(line(key.to_inline())) == key
    assert MasterKey.of(line(key.to_inline(lifetime=True))) == key
    assert key.to_inline(lifetime=True).endswith("|2^31")


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_padding_may_be_left_out(suite) -> None:  # type: ignore[no-untyped-def]  # a parameter of the table above
    key = MasterKey(suite, bytes(suite.master))
    assert len(key.to_inline().removeprefix("inline:")) % 4 == 0
    assert MasterKey.of(line(key.to_inline(), suite.name)) == key
    assert MasterKey.of(line(key.to_inline().rstrip("="), suite.name)) == key


@pytest.mark.parametrize(
    ("crypto", "reason"),
    [
        (line(f"inline:{TEXT}", "F8_128_HMAC_SHA1_80"), "suite"),
        (line(f"inline:{TEXT}|2^20|1:4"), "identifier"),
        (line(f"inline:{TEXT};inline:{TEXT}"), "base64"),
        (line(f"inline:{TEXT}", SUITE.name, "UNENCRYPTED_SRTP"), "session"),
        (line(f"inline:{TEXT[:-4]}"), "27 bytes"),
        (line("inline:"), "0 bytes"),
        (line("inline:%%%%"), "base64"),
        (line("inline:" + "A" * 100_000), "inline"),
        (line(f"prompt:{TEXT}"), "inline"),
        (line(f"inline:{TEXT}|soon"), "identifier"),
    ],
)
def test_keys_that_cannot_be_used(crypto: Crypto, reason: str) -> None:
    with pytest.raises(KeyingError, match=reason) as caught:
        MasterKey.of(crypto)
    assert TEXT[:8] not in str(caught.value)


def test_a_key_stays_out_of_its_representation() -> None:
    assert "secret" not in repr(MasterKey(SUITE, SECRET))


def test_session_parameters_that_change_nothing() -> None:
    assert MasterKey.of(line(f"inline:{TEXT}", SUITE.name, "WSH=64"))
