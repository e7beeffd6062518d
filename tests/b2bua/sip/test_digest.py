import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.sip.digest import Challenge, Credentials
from b2bua.sip.errors import HeaderError

RFC_7616 = Challenge(
    realm="http-auth@example.org", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", qop=("auth", "auth-int")
)
RFC_2617 = Challenge(realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", qop=("auth",))


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("", "8ca523f5e9506fed4657c9700eebdbec"),
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("md5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616_3_9_1(algorithm: str, response: str) -> None:
    challenge = Challenge(RFC_7616.realm, RFC_7616.nonce, algorithm, RFC_7616.qop)
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    credentials = challenge.answer("GET", "/dir/index.html", "Mufasa", "Circle of Life", cnonce)
    assert credentials.response == response


def test_the_example_of_rfc_2617_3_5() -> None:
    credentials = RFC_2617.answer("GET", "/dir/index.html", "Mufasa", "Circle Of Life", "0a4f113b")
    assert credentials.response == "6629fae49393a05397450978507c4ef1"


def test_without_qop_the_answer_is_that_of_rfc_2069() -> None:
    challenge = Challenge(RFC_2617.realm, RFC_2617.nonce)
    credentials = challenge.answer("GET", "/dir/index.html", "Mufasa", "Circle Of Life", "0a4f113b")
    assert credentials.response == "670fd8c2df070c60b045671b8b24ff02"
    assert (credentials.qop, credentials.nc, credentials.cnonce) == ("", "", "")


@pytest.mark.parametrize(("algorithm", "hashed"), [("MD5-sess", hashlib.md5), ("SHA-256-sess", hashlib.sha256)])
def test_session_variants_hash_the_password_with_the_nonces(algorithm: str, hashed: type) -> None:
    def digest(text: str) -> str:
        return str(hashed(text.encode()).hexdigest())

    credentials = Challenge("realm", "nonce", algorithm, ("auth",)).answer("INVITE", "sip:b@c", "u", "p", "cn", 0xAB)
    who = digest(f"{digest('u:realm:p')}:nonce:cn")
    assert credentials.response == digest(f"{who}:nonce:000000ab:cn:auth:{digest('INVITE:sip:b@c')}")


def test_a_challenge_is_written_and_read() -> None:
    challenge = Challenge('two "words" \\', "n=1,2", "SHA-256", ("auth", "auth-int"), "opaque", stale=True)
    assert Challenge.parse(str(challenge)) == challenge
    assert str(Challenge("r", "n", "MD5", ("auth",))) == 'Digest realm="r", nonce="n", algorithm=MD5, qop="auth"'


def test_what_other_servers_write_is_read() -> None:
    asterisk = Challenge.parse(
        'Digest  realm="asterisk",nonce="1/a", opaque="", stale=FALSE , algorithm=MD5,qop="auth"'
    )
    assert asterisk == Challenge("asterisk", "1/a", "MD5", ("auth",), opaque="")
    loose = Challenge.parse('digest ,REALM = "r" ,, nonce=abc, qop=" auth , auth-int", domain="sip:x", charset=UTF-8,')
    assert loose == Challenge("r", "abc", qop=("auth", "auth-int"))
    assert loose.is_answerable


@pytest.mark.parametrize(
    "text", ['Digest realm="r", nonce="n", algorithm=SHA-512', 'Digest realm="r", nonce="n", qop="auth-int"']
)
def test_what_we_cannot_compute_is_not_answerable(text: str) -> None:
    assert not Challenge.parse(text).is_answerable


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Digest",
        "Digest ",
        'Basic realm="r"',
        'Digest realm="r"',
        'Digest nonce="n"',
        'Digest realm="r", nonce="n", realm="s"',
        'Digest realm="r, nonce=n',
        'Digest realm="r" nonce="n"',
        'Digest realm="r", nonce',
        'Digest realm="r", nonce=, x=y',
    ],
)
def test_a_malformed_challenge_is_refused(text: str) -> None:
    with pytest.raises(HeaderError):
        Challenge.parse(text)


CREDENTIALS = 'Digest username="u", realm="r", nonce="n", uri="sip:r", response="ab"'


@pytest.mark.parametrize(
    "text",
    [
        CREDENTIALS.replace('response="ab"', 'response="xy"'),
        CREDENTIALS.replace('response="ab"', 'response=""'),
        CREDENTIALS.replace(', uri="sip:r"', ""),
        CREDENTIALS + ", qop=auth",
        CREDENTIALS + ', qop=auth, cnonce="c"',
        CREDENTIALS + ', qop=auth, cnonce="c", nc=1',
        CREDENTIALS + ', qop=auth, cnonce="c", nc=0000000g',
        CREDENTIALS + ', username="other"',
    ],
)
def test_malformed_credentials_are_refused(text: str) -> None:
    assert Credentials.parse(CREDENTIALS).username == "u"
    with pytest.raises(HeaderError):
        Credentials.parse(text)


def test_an_unknown_algorithm_cannot_be_computed() -> None:
    with pytest.raises(HeaderError, match="SHA-512"):
        Credentials.parse(CREDENTIALS + ", algorithm=SHA-512").expected_response("INVITE", "p")


# Bytes that are no UTF-8 are read as the surrogates DC80 to DCFF.
quotable = st.text(
    st.characters(exclude_categories=["Cc", "Cs"]) | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(
    st.builds(
        Challenge,
        realm=quotable,
        nonce=quotable,
        algorithm=st.sampled_from(["", "MD5", "MD5-sess", "SHA-256", "SHA-256-sess"]),
        qop=st.sampled_from([(), ("auth",), ("auth-int", "auth")]),
        opaque=st.none() | quotable,
        stale=st.booleans(),
    ),
    quotable,
    quotable,
    quotable.filter(bool),
    st.integers(1, 2**32 - 1),
)
def test_an_answer_read_from_the_wire_proves_the_password(
    challenge: Challenge, username: str, password: str, cnonce: str, nc: int
) -> None:
    asked = Challenge.parse(str(challenge))
    assert asked == challenge
    answer = asked.answer("INVITE", "sip:bob@example.com", username, password, cnonce, nc)
    received = Credentials.parse(str(answer))
    assert received == answer
    assert received.expected_response("INVITE", password) == received.response
    assert received.expected_response("INVITE", password + "x") != received.response
    assert received.expected_response("BYE", password) != received.response


@settings(max_examples=300, deadline=None)
@given(st.text() | st.text(alphabet='digestrealmnonceqop="\\,; \t', max_size=80).map("Digest ".__add__))
def test_any_text_is_read_or_refused(text: str) -> None:
    for kind in (Challenge, Credentials):
        try:
            kind.parse(text)
        except HeaderError:
            pass
