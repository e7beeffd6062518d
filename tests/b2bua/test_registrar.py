from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.config import Registrar as RegistrarConfig
from b2bua.registrar import RegisterResult, Registrar
from b2bua.sip.hop import Hop
from b2bua.sip.message import Headers, Request

NAT = Hop("UDP", "203.0.113.7", 40001, listener="edge")
CONFIG = RegistrarConfig(min_expires=60, max_expires=3600, default_expires=300, max_contacts=3)
NOW = 1000.0


def registrar() -> Registrar:
    return Registrar(CONFIG)


def request(
    *contacts: str,
    cseq: int = 1,
    call_id: str = "reg-1",
    expires: str | None = None,
    to: str = "<sip:alice@pinhole.example>",
    from_: str = "<sip:alice@pinhole.example>;tag=1",
    extra: tuple[tuple[str, str], ...] = (),
) -> Request:
    headers = [
        ("Via", "SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bK1;rport=40001"),
        ("From", from_),
        ("To", to),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} REGISTER"),
        *(("Contact", contact) for contact in contacts),
        *extra,
    ]
    if expires is not None:
        headers.append(("Expires", expires))
    return Request("REGISTER", "sip:pinhole.example", Headers(headers))


def contacts_of(result: RegisterResult) -> list[str]:
    return [value for name, value in result.headers if name == "Contact"]


def test_a_phone_registers_and_is_found_where_its_packets_came_from() -> None:
    place = registrar()
    result = place.register(request("<sip:alice@192.168.1.20:5060>"), NAT, "alice", NOW)
    assert (result.status, result.reason, result.changed) == (200, "OK", True)
    assert result.headers == [("Contact", "<sip:alice@192.168.1.20:5060>;expires=300")]
    (binding,) = place.bindings("alice", NOW)
    assert (binding.contact, binding.hop, binding.expires_at) == ("sip:alice@192.168.1.20:5060", NAT, NOW + 300)


def test_without_contact_the_bindings_are_asked_for() -> None:
    place = registrar()
    assert place.register(request(), NAT, "alice", NOW) == RegisterResult(200, "OK", [], changed=False)
    place.register(request("<sip:a@h>"), NAT, "alice", NOW)
    result = place.register(request(call_id="other"), NAT, "alice", NOW + 100)
    assert contacts_of(result) == ["<sip:a@h>;expires=200"]
    assert not result.changed


def test_every_binding_is_listed_with_what_is_left_of_it() -> None:
    place = registrar()
    place.register(request("<sip:a@one>;q=0.2;expires=60, <sip:a@two>", expires="600"), NAT, "alice", NOW)
    result = place.register(request("<sip:a@three>", call_id="other"), NAT, "alice", NOW + 10)
    assert contacts_of(result) == [
        "<sip:a@one>;q=0.2;expires=50",
        "<sip:a@two>;expires=590",
        "<sip:a@three>;expires=300",
    ]


def test_the_most_preferred_contact_comes_first_and_of_equals_the_latest() -> None:
    place = registrar()
    place.register(request("<sip:a@one>;q=0.2", "<sip:a@two>", "<sip:a@three>"), NAT, "alice", NOW)
    assert [binding.contact for binding in place.bindings("alice", NOW)] == ["sip:a@three", "sip:a@two", "sip:a@one"]


@pytest.mark.parametrize(
    ("contact", "expires", "granted"),
    [
        ("<sip:a@h>", None, 300),
        ("<sip:a@h>", "120", 120),
        ("<sip:a@h>;expires=90", "120", 90),
        ("<sip:a@h>;expires=60", None, 60),
        ("<sip:a@h>", "99999", 3600),
        ("<sip:a@h>;expires=4294967295", None, 3600),
        ("<sip:a@h>;expires=soon", None, 3600),
        ("<sip:a@h>;expires", None, 3600),
        ("<sip:a@h>;expires=" + "9" * 5000, None, 400),
    ],
)
def test_how_long_a_binding_lives(contact: str, expires: str | None, granted: int) -> None:
    result = registrar().register(request(contact, expires=expires), NAT, "alice", NOW)
    if granted == 400:
        assert result.status == 400
    else:
        assert contacts_of(result) == [f"<sip:a@h>;expires={granted}"]


def test_too_brief_an_interval_is_refused_with_min_expires() -> None:
    place = registrar()
    result = place.register(request("<sip:a@one>", "<sip:a@two>;expires=59"), NAT, "alice", NOW)
    assert (result.status, result.headers, result.changed) == (423, [("Min-Expires", "60")], False)
    assert place.bindings("alice", NOW) == []


def test_expires_0_takes_one_contact_away() -> None:
    place = registrar()
    place.register(request("<sip:a@one>", "<sip:a@two>"), NAT, "alice", NOW)
    result = place.register(request("<sip:a@ONE>;expires=0", cseq=2), NAT, "alice", NOW)
    assert contacts_of(result) == ["<sip:a@two>;expires=300"]
    assert result.changed
    assert place.register(request("<sip:a@never>;expires=0", cseq=3), NAT, "alice", NOW).changed is False


def test_a_star_takes_all_away() -> None:
    place = registrar()
    place.register(request("<sip:a@one>", "<sip:a@two>"), NAT, "alice", NOW)
    result = place.register(request("*", expires="0", cseq=2), NAT, "alice", NOW)
    assert result == RegisterResult(200, "OK", [], changed=True)
    assert place.bindings("alice", NOW) == []


@pytest.mark.parametrize(
    ("contacts", "expires"), [(("*",), None), (("*",), "60"), (("*", "<sip:a@one>"), "0"), (("*", "*"), "0")]
)
def test_a_star_in_any_other_shape_is_a_bad_request(contacts: tuple[str, ...], expires: str | None) -> None:
    place = registrar()
    place.register(request("<sip:a@one>"), NAT, "alice", NOW)
    assert place.register(request(*contacts, expires=expires, cseq=2), NAT, "alice", NOW).status == 400
    assert len(place.bindings("alice", NOW)) == 1


@pytest.mark.parametrize("contact", ["<sip:a@h>", "<sip:a@h>;expires=0", "*"])
def test_an_overtaken_register_changes_nothing(contact: str) -> None:
    place = registrar()
    place.register(request("<sip:a@h>", cseq=5), NAT, "alice", NOW)
    for cseq in (4, 5):
        late = request(contact, cseq=cseq, expires="0" if contact == "*" else None)
        assert place.register(late, NAT, "alice", NOW).status == 500
    assert len(place.bindings("alice", NOW)) == 1
    assert place.register(request("<sip:a@h>", cseq=1, call_id="rebooted"), NAT, "alice", NOW).status == 200


def test_one_overtaken_contact_stops_the_whole_request() -> None:
    place = registrar()
    place.register(request("<sip:a@one>", cseq=5), NAT, "alice", NOW)
    assert place.register(request("<sip:a@two>", "<sip:a@one>", cseq=5), NAT, "alice", NOW).status == 500
    assert [binding.contact for binding in place.bindings("alice", NOW)] == ["sip:a@one"]


def test_the_same_contact_twice_in_a_request_is_one_binding() -> None:
    result = registrar().register(request("<sip:a@h>;expires=60", "<sip:a@H>;expires=90"), NAT, "alice", NOW)
    assert contacts_of(result) == ["<sip:a@H>;expires=90"]


def test_third_party_registration_needs_the_credentials_of_the_address_of_record() -> None:
    place = registrar()
    by_secretary = request("<sip:a@h>", from_="<sip:secretary@pinhole.example>;tag=1")
    assert place.register(by_secretary, NAT, "secretary", NOW).status == 403
    assert place.register(by_secretary, NAT, "alice", NOW).status == 200
    assert place.bindings("secretary", NOW) == []


@pytest.mark.parametrize("to", ["<sip:bob@pinhole.example>", "<sip:pinhole.example>", "<tel:alice>", "<sip:ALICE@p>"])
def test_another_address_of_record_is_forbidden(to: str) -> None:
    assert registrar().register(request("<sip:a@h>", to=to), NAT, "alice", NOW).status in (400, 403)


def test_the_domain_and_escapes_of_the_address_of_record_do_not_matter() -> None:
    assert registrar().register(request("<sip:a@h>", to="<sip:%61lice@10.0.0.1:5080>"), NAT, "alice", NOW).status == 200


def test_more_contacts_than_allowed_are_refused_and_the_old_ones_stay() -> None:
    place = registrar()
    place.register(request("<sip:a@1.example>", "<sip:a@2.example>", "<sip:a@3.example>"), NAT, "alice", NOW)
    assert place.register(request("<sip:a@4.example>", call_id="x"), NAT, "alice", NOW).status == 403
    many = ", ".join(f"<sip:a@{number}.example>;expires=0" for number in range(2000))
    assert place.register(request(many, call_id="x"), NAT, "alice", NOW).status == 403
    assert len(place.bindings("alice", NOW)) == 3
    assert place.register(request("<sip:a@4.example>", call_id="x"), NAT, "alice", NOW + 301).status == 200


@pytest.mark.parametrize(
    ("contact", "status"), [("<tel:+4930>", 416), ("<mailto:a@b>", 416), ("<sip:a@b", 400), ("<sip:@>", 400)]
)
def test_a_contact_that_cannot_be_called_is_refused(contact: str, status: int) -> None:
    assert registrar().register(request(contact), NAT, "alice", NOW).status == status


PATH = ("Path", "<sip:edge1.example;lr>, <sip:edge2.example;lr>")


def test_path_is_kept_and_told_to_a_phone_that_supports_it() -> None:
    place = registrar()
    result = place.register(request("<sip:a@h>", extra=(PATH, ("Supported", "gruu, path"))), NAT, "alice", NOW)
    assert PATH in result.headers
    assert place.bindings("alice", NOW)[0].path == ("<sip:edge1.example;lr>", "<sip:edge2.example;lr>")


def test_path_is_kept_but_not_told_to_a_phone_that_does_not_know_it() -> None:
    place = registrar()
    result = place.register(request("<sip:a@h>", extra=(PATH,)), NAT, "alice", NOW)
    assert PATH not in result.headers
    assert place.bindings("alice", NOW)[0].path


def test_forty_phones_behind_one_nat_are_told_apart_by_their_ports() -> None:
    place = registrar()
    for number in range(40):
        same_private_address = request("<sip:phone@192.168.1.2>", to=f"<sip:p{number}@x>", call_id=f"c{number}")
        place.register(same_private_address, NAT._replace(port=40000 + number), f"p{number}", NOW)
    assert [place.bindings(f"p{number}", NOW)[0].hop.port for number in range(40)] == list(range(40000, 40040))


def test_a_refresh_from_another_port_moves_the_phone() -> None:
    place = registrar()
    place.register(request("<sip:a@192.168.1.2>"), NAT, "alice", NOW)
    place.register(request("<sip:a@192.168.1.2>", cseq=2), NAT._replace(port=50000), "alice", NOW)
    assert [binding.hop.port for binding in place.bindings("alice", NOW)] == [50000]


def test_expired_bindings_are_not_found_and_reported_once() -> None:
    place = registrar()
    place.register(request("<sip:a@one>;expires=60", "<sip:a@two>;expires=120"), NAT, "alice", NOW)
    assert place.expire(NOW + 59.9) == []
    assert [binding.contact for binding in place.bindings("alice", NOW + 60)] == ["sip:a@two"]
    assert place.expire(NOW + 60) == ["alice"]
    assert place.expire(NOW + 60) == []
    assert place.expire(NOW + 120) == ["alice"]
    assert place.expire(NOW + 10_000) == []


def test_refreshes_do_not_pile_up() -> None:
    place = registrar()
    for second in range(2000):
        expires = "60" if second % 2 else "3600"
        place.register(request("<sip:a@h>", cseq=second + 1, expires=expires), NAT, "alice", NOW + second)
        place.expire(NOW + second)
    assert len(place._agenda) <= 4
    assert place.bindings("alice", NOW + 1999)


def test_a_refreshed_binding_outlives_its_first_expiry() -> None:
    place = registrar()
    place.register(request("<sip:a@h>"), NAT, "alice", NOW)
    place.register(request("<sip:a@h>", cseq=2), NAT, "alice", NOW + 200)
    assert place.expire(NOW + 300) == []
    assert place.expire(NOW + 499) == []
    assert place.expire(NOW + 500) == ["alice"]


def test_a_lost_connection_takes_the_phones_behind_it_away() -> None:
    place = registrar()
    flow = Hop("TCP", "203.0.113.7", 40001, flow=9)
    place.register(request("<sip:a@192.168.1.2;transport=tcp>"), flow, "alice", NOW)
    place.register(request("<sip:a@other>", call_id="x"), NAT, "alice", NOW)
    place.register(request("<sip:b@192.168.1.3>", to="<sip:bob@x>"), flow, "bob", NOW)
    place.register(request("<sip:c@203.0.113.7:5062>", to="<sip:carol@x>"), flow, "carol", NOW)
    assert sorted(place.flow_lost(9)) == ["alice", "bob", "carol"]
    assert [binding.contact for binding in place.bindings("alice", NOW)] == ["sip:a@other"]
    assert place.bindings("bob", NOW) == []
    assert place.bindings("carol", NOW)[0].hop == Hop("TCP", "203.0.113.7", 5062)
    assert place.flow_lost(9) == []


def test_a_phone_that_has_moved_to_a_new_connection_does_not_miss_the_old() -> None:
    place = registrar()
    place.register(request("<sip:a@192.168.1.2>"), Hop("TCP", "203.0.113.7", 40001, flow=9), "alice", NOW)
    place.register(request("<sip:a@192.168.1.2>", cseq=2), Hop("TCP", "203.0.113.7", 40002, flow=10), "alice", NOW)
    assert place.flow_lost(9) == []
    assert place.bindings("alice", NOW)[0].hop.flow == 10


def test_what_one_process_dumped_another_loads() -> None:
    place, other = registrar(), registrar()
    place.register(request("<sip:a@one>;q=0.5;expires=60", "<sip:a@two>", extra=(PATH,)), NAT, "alice", NOW)
    fields = place.dump("alice", NOW, 1_700_000_000.0)
    assert fields["0.contact"] == "<sip:a@one>;q=0.5"
    assert fields["1.source"] == "udp:203.0.113.7:40001"
    other.load("alice", fields, 50.0, 1_700_000_030.0)
    assert [(each.contact, each.hop) for each in other.bindings("alice", 50.0)] == [
        ("sip:a@two", NAT),
        ("sip:a@one", NAT),
    ]
    assert other.expire(80.0) == ["alice"]
    assert other.register(request("<sip:a@two>", cseq=1), NAT, "alice", 90.0).status == 500
    assert registrar().dump("alice", NOW, 0.0) == {}


def test_what_cannot_be_read_or_has_expired_is_not_loaded() -> None:
    place = registrar()
    place.register(request("<sip:a@one>", "<sip:a@two>"), NAT, "alice", NOW)
    fields = place.dump("alice", NOW, 0.0)
    other = registrar()
    other.load("alice", {**fields, "0.cseq": "x", "7.contact": "<", "junk": ""}, NOW, 0.0)
    assert [binding.contact for binding in other.bindings("alice", NOW)] == ["sip:a@two"]
    other.load("alice", fields, NOW, 300.0)
    assert other.bindings("alice", NOW) == []


class Step(NamedTuple):
    after_s: int
    phone: int
    cseq: int
    expires: int


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.builds(
            Step, st.integers(0, 200), st.integers(0, 2), st.integers(1, 6), st.sampled_from([0, 30, 60, 300, 9999])
        ),
        max_size=25,
    )
)
def test_the_registrar_agrees_with_a_table_of_contacts(steps: list[Step]) -> None:
    place = registrar()
    table: dict[str, tuple[float, int]] = {}
    now = NOW
    for step in steps:
        now += step.after_s
        before = dict(table)
        table = {contact: row for contact, row in table.items() if row[0] > now}
        assert place.expire(now) == (["alice"] if table != before else [])
        contact = f"sip:a@host{step.phone}"
        result = place.register(request(f"<{contact}>;expires={step.expires}", cseq=step.cseq), NAT, "alice", now)
        if 0 < step.expires < CONFIG.min_expires:
            assert result.status == 423
        elif contact in table and step.cseq <= table[contact][1]:
            assert result.status == 500
        else:
            assert result.status == 200
            table.pop(contact, None)
            if step.expires:
                table[contact] = (now + min(step.expires, CONFIG.max_expires), step.cseq)
            assert sorted(contacts_of(result)) == sorted(
                f"<{each}>;expires={round(row[0] - now)}" for each, row in table.items()
            )
        assert {(each.contact, each.expires_at) for each in place.bindings("alice", now)} == {
            (each, row[0]) for each, row in table.items()
        }
