import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.config import User
from b2bua.sip.auth import (
    AuthenticationRequiredError,
    DigestAuthenticator,
    UnanswerableChallengeError,
    UnfitCredentialsError,
    WrongCredentialsError,
    answer_challenge,
    is_stale,
)
from b2bua.sip.digest import Challenge
from b2bua.sip.errors import HeaderError, SipError
from b2bua.sip.message import Headers, Request, Response

USERS = {"alice": User("alice", "wonderland"), "bob": User("bob", "builder")}
URI = "sip:pinhole.example"
NOW = 1_700_000_000.25


def authenticator(lifetime_s: float = 300.0, capacity: int = 100_000, secret: bytes = b"s3cret") -> DigestAuthenticator:
    return DigestAuthenticator("pinhole", secret, USERS.get, nonce_lifetime_s=lifetime_s, max_remembered=capacity)


def request(*headers: tuple[str, str], method: str = "REGISTER", uri: str = URI) -> Request:
    return Request(method, uri, Headers(headers))


def challenged(door: DigestAuthenticator, now: float = NOW, *, proxy: bool = False) -> Response:
    with pytest.raises(AuthenticationRequiredError) as refusal:
        door.verify(request(), now, proxy=proxy)
    return Response(refusal.value.status, refusal.value.reason, Headers(refusal.value.headers))


def answered(response: Response, user: str = "alice", password: str = "wonderland", nc: int = 1) -> Request:
    return request(answer_challenge(response, "REGISTER", URI, user, password, "c0ffee", nc))


def test_who_says_nothing_is_challenged_for_both_algorithms_the_stronger_first() -> None:
    response = challenged(authenticator())
    challenges = [Challenge.parse(value) for value in response.headers.get_all("WWW-Authenticate")]
    assert response.status == 401
    assert [challenge.algorithm for challenge in challenges] == ["SHA-256", "MD5"]
    assert all(challenge.qop == ("auth",) and challenge.realm == "pinhole" for challenge in challenges)
    assert not is_stale(response)


@pytest.mark.parametrize("proxy", [False, True])
def test_the_right_answer_names_the_user(proxy: bool) -> None:
    door = authenticator()
    response = challenged(door, proxy=proxy)
    assert response.status == (407 if proxy else 401)
    assert door.verify(answered(response), NOW + 1, proxy=proxy) == "alice"


def test_a_phone_that_knows_only_md5_answers_the_second_challenge() -> None:
    door = authenticator()
    md5 = challenged(door).headers.get_all("WWW-Authenticate")[1]
    assert door.verify(answered(Response(401, "", Headers([("WWW-Authenticate", md5)]))), NOW) == "alice"


def test_phones_that_give_up_at_an_unknown_first_algorithm_can_be_offered_md5_first() -> None:
    door = DigestAuthenticator("pinhole", b"k", USERS.get, algorithms=("MD5", "SHA-256"))
    offered = [Challenge.parse(value).algorithm for _, value in door.challenge(NOW).headers]
    assert offered == ["MD5", "SHA-256"]
    assert door.verify(answered(challenged(door)), NOW) == "alice"


def test_an_algorithm_that_was_not_offered_is_challenged_again() -> None:
    door = authenticator()
    challenge = Challenge.parse(challenged(door).headers.get_all("WWW-Authenticate")[0])
    asked = Challenge(challenge.realm, challenge.nonce, "MD5-sess", ("auth",))
    with pytest.raises(AuthenticationRequiredError):
        door.verify(answered(Response(401, "", Headers([("WWW-Authenticate", str(asked))]))), NOW)


@pytest.mark.parametrize(("user", "password"), [("alice", "builder"), ("mallory", "wonderland"), ("", "")])
def test_a_wrong_password_and_an_unknown_user_look_the_same(user: str, password: str) -> None:
    door = authenticator()
    with pytest.raises(WrongCredentialsError) as refusal:
        door.verify(answered(challenged(door), user, password), NOW)
    assert (refusal.value.status, refusal.value.reason) == (403, "Forbidden")


def test_credentials_are_good_for_their_method_only() -> None:
    door = authenticator()
    copied = answered(challenged(door))
    copied.method = "INVITE"
    with pytest.raises(WrongCredentialsError):
        door.verify(copied, NOW)


def test_credentials_are_good_for_their_request_uri_only() -> None:
    door = authenticator()
    copied = answered(challenged(door))
    copied.uri = "sip:elsewhere.example"
    with pytest.raises(UnfitCredentialsError) as refusal:
        door.verify(copied, NOW)
    assert refusal.value.status == 400


def test_the_request_uri_may_be_written_otherwise() -> None:
    door = authenticator()
    same = answered(challenged(door))
    same.uri = "SIP:PINHOLE.example"
    assert door.verify(same, NOW) == "alice"


def test_an_exact_copy_is_challenged_as_stale() -> None:
    door = authenticator()
    good = answered(challenged(door))
    door.verify(good, NOW)
    with pytest.raises(AuthenticationRequiredError) as refusal:
        door.verify(good, NOW)
    assert is_stale(Response(401, "", Headers(refusal.value.headers)))


def test_a_nonce_is_used_again_with_a_higher_count_and_in_any_order() -> None:
    door = authenticator()
    response = challenged(door)
    for nc in (1, 3, 2):
        assert door.verify(answered(response, nc=nc), NOW) == "alice"


def test_two_phones_may_share_a_nonce() -> None:
    door = authenticator()
    response = challenged(door)
    assert door.verify(answered(response), NOW) == "alice"
    assert door.verify(answered(response, "bob", "builder"), NOW) == "bob"


def test_an_old_nonce_is_stale_and_the_new_one_is_good() -> None:
    door = authenticator(lifetime_s=60)
    response = challenged(door)
    assert door.verify(answered(response), NOW + 59) == "alice"
    with pytest.raises(AuthenticationRequiredError) as refusal:
        door.verify(answered(response, nc=2), NOW + 61)
    fresh = Response(401, "", Headers(refusal.value.headers))
    assert is_stale(fresh)
    assert door.verify(answered(fresh), NOW + 61) == "alice"


def test_a_wrong_password_on_an_old_nonce_is_not_called_stale() -> None:
    door = authenticator(lifetime_s=60)
    response = challenged(door)
    with pytest.raises(WrongCredentialsError):
        door.verify(answered(response, password="guess"), NOW + 100)


@pytest.mark.parametrize("nonce", ["", "made-up", "6553f100-" + "0" * 32, "f" * 16 + "-" + "0" * 32])
def test_a_nonce_that_nobody_issued_is_stale(nonce: str) -> None:
    door = authenticator()
    forged = Response(401, "", Headers([("WWW-Authenticate", str(Challenge("pinhole", nonce, "MD5", ("auth",))))]))
    with pytest.raises(AuthenticationRequiredError) as refusal:
        door.verify(answered(forged), NOW)
    assert is_stale(Response(401, "", Headers(refusal.value.headers)))


def test_nodes_with_one_secret_know_each_other_s_nonces() -> None:
    response = challenged(authenticator())
    assert authenticator().verify(answered(response), NOW - 2) == "alice"
    with pytest.raises(AuthenticationRequiredError):
        authenticator(secret=b"another").verify(answered(response), NOW)


def test_a_full_memory_forgets_no_replay() -> None:
    door = authenticator(capacity=8)
    response = challenged(door)
    first = answered(response)
    door.verify(first, NOW + 10)
    for nc in range(2, 40):
        try:
            door.verify(answered(response, nc=nc), NOW + 10 + nc)
        except AuthenticationRequiredError:
            response = challenged(door, NOW + 10 + nc)
        with pytest.raises(AuthenticationRequiredError):
            door.verify(first, NOW + 10 + nc)
    remembered = len(door._used._young) + len(door._used._old)
    assert remembered <= 8


def test_memory_is_given_back_when_nonces_have_died() -> None:
    door = authenticator(lifetime_s=60)
    for minute in range(0, 600, 10):
        door.verify(answered(challenged(door, NOW + minute)), NOW + minute)
    assert len(door._used._young) + len(door._used._old) <= 14


def test_credentials_for_another_realm_are_passed_over() -> None:
    door = authenticator()
    name, ours = answer_challenge(challenged(door), "REGISTER", URI, "alice", "wonderland", "c")
    other = str(Challenge("elsewhere", "n").answer("REGISTER", URI, "alice", "x", "c"))
    assert door.verify(request((name, "Basic abc"), (name, other), (name, ours)), NOW) == "alice"
    with pytest.raises(AuthenticationRequiredError):
        door.verify(request((name, other)), NOW)


def test_auth_int_was_not_offered() -> None:
    door = authenticator()
    name, value = answer_challenge(challenged(door), "REGISTER", URI, "alice", "wonderland", "c")
    with pytest.raises(UnfitCredentialsError):
        door.verify(request((name, value.replace("qop=auth", "qop=auth-int"))), NOW)


def test_a_phone_without_qop_may_use_a_nonce_once() -> None:
    door = authenticator()
    challenge = Challenge.parse(challenged(door).headers.get_all("WWW-Authenticate")[1])
    old = answered(Response(401, "", Headers([("WWW-Authenticate", str(Challenge("pinhole", challenge.nonce)))])))
    assert door.verify(old, NOW) == "alice"
    with pytest.raises(AuthenticationRequiredError):
        door.verify(old, NOW)


def test_malformed_credentials_are_a_bad_request() -> None:
    with pytest.raises(HeaderError):
        authenticator().verify(request(("Authorization", "Digest nonsense")), NOW)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200).map("Digest ".__add__) | st.text())
def test_no_credentials_but_the_right_ones_let_in(value: str) -> None:
    with pytest.raises(SipError):
        authenticator().verify(request(("Authorization", value)), NOW)


def test_a_407_is_answered_in_proxy_authorization() -> None:
    response = Response(407, "", Headers([("Proxy-Authenticate", 'Digest realm="r", nonce="n", algorithm=md5')]))
    name, value = answer_challenge(response, "INVITE", "sip:1@t", "u", "p", "c")
    assert name == "Proxy-Authorization"
    assert "algorithm=md5" in value


def test_the_first_challenge_we_can_compute_is_answered() -> None:
    values = ['Basic realm="r"', "Digest broken", 'Digest realm="r", nonce="1", algorithm=SHA-512-256']
    values += ['Digest realm="r", nonce="2", qop="auth-int,auth"', 'Digest realm="r", nonce="3"']
    response = Response(401, "", Headers([("WWW-Authenticate", value) for value in values]))
    name, answer = answer_challenge(response, "INVITE", "sip:1@t", "u", "p", "c", 2)
    assert name == "Authorization"
    assert 'nonce="2"' in answer
    assert "qop=auth, nc=00000002" in answer
    unanswerable = Response(401, "", Headers([("WWW-Authenticate", value) for value in values[:3]]))
    with pytest.raises(UnanswerableChallengeError) as refusal:
        answer_challenge(unanswerable, "INVITE", "sip:1@t", "u", "p", "c")
    assert refusal.value.status == 502


@settings(max_examples=50, deadline=None)
@given(
    user=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20),
    password=st.text(max_size=20),
    cnonce=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20),
    nc=st.integers(1, 2**32 - 1),
    index=st.integers(0, 1),
)
def test_our_client_satisfies_our_server(user: str, password: str, cnonce: str, nc: int, index: int) -> None:
    door = DigestAuthenticator('pin "hole"', b"k", lambda name: User(user, password) if name == user else None)
    offered = door.challenge(NOW).headers[index]
    header = answer_challenge(Response(401, "", Headers([offered])), "INVITE", URI, user, password, cnonce, nc)
    assert door.verify(request(header, method="INVITE"), NOW + 3) == user
