import pytest

from sdp.errors import SdpError
from sdp.keying import Crypto, parse_fingerprint


def test_reads_a_crypto_attribute() -> None:
    crypto = Crypto.parse("2 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0|2^20|1:4 KDR=1 UNENCRYPTED_SRTP")
    assert crypto == Crypto(2, "AES_CM_128_HMAC_SHA1_80", "inline:c2VjcmV0|2^20|1:4", ("KDR=1", "UNENCRYPTED_SRTP"))


def test_keys_stay_out_of_representations_and_errors() -> None:
    assert "c2VjcmV0" not in repr(Crypto.parse("1 X inline:c2VjcmV0"))
    with pytest.raises(SdpError) as caught:
        Crypto.parse("inline:c2VjcmV0")
    assert "c2VjcmV0" not in str(caught.value)


@pytest.mark.parametrize("value", ["", "1", "1 AES", "x AES inline:a", "9999999999 AES inline:a"])
def test_refuses_what_is_no_crypto_attribute(value: str) -> None:
    with pytest.raises(SdpError):
        Crypto.parse(value)


def test_fingerprints_are_normalised() -> None:
    assert parse_fingerprint("SHA-256 ab:cd") == ("sha-256", "AB:CD")


@pytest.mark.parametrize("value", ["", "sha-256", "sha-256 AB CD"])
def test_refuses_what_is_no_fingerprint(value: str) -> None:
    with pytest.raises(SdpError):
        parse_fingerprint(value)
