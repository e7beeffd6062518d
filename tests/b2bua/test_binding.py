import pytest

from b2bua.binding import Binding, dump_binding, load_binding
from b2bua.sip.headers.name_address import NameAddress
from b2bua.sip.hop import Hop
from b2bua.sip.message import Headers, Request

PUBLIC = Hop("UDP", "203.0.113.7", 40001, listener="edge")
PRIVATE = "sip:alice@192.168.1.20:5060"


def binding(contact: str = f"<{PRIVATE}>", hop: Hop = PUBLIC, path: tuple[str, ...] = ()) -> Binding:
    address = NameAddress.parse(contact)
    return Binding(address.uri, hop, 1300.0, "call-1", 7, address.params, path)


def sent(via: str = "SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bK1;rport=40001") -> Request:
    return Request("REGISTER", "sip:pinhole.example", Headers([("Via", via)]))


NO_RPORT = sent("SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bK1")


@pytest.mark.parametrize(
    ("parameter", "q"), [("", 1.0), (";q=0.5", 0.5), (";q=0", 0.0), (";q=1.0", 1.0), (";q=7", 1.0), (";q=x", 1.0)]
)
def test_preference_is_read_leniently(parameter: str, q: float) -> None:
    assert binding(f"<{PRIVATE}>{parameter}").q == q


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("<sip:a@h>", "<sip:a@H>", True),
        ("<sip:a@h>", "<sip:b@h>", False),
        ("<sip:a@h>", "<sip:a@h:5060>", False),
        ("<sip:a@h>", "<sip:a@h;transport=tcp>", False),
        ('<sip:a@h>;+sip.instance="<urn:1>"', '<sip:a@h>;+sip.instance="<urn:2>"', False),
        ('<sip:a@h>;+sip.instance="<urn:1>"', "<sip:a@h>", True),
        ('<sip:a@h:1>;+sip.instance="<urn:1>"', '<sip:a@h:2>;+sip.instance="<urn:1>"', False),
        ('<sip:a@h:1>;+sip.instance="<urn:1>";reg-id=1', '<sip:a@h:2>;+sip.instance="<urn:1>";reg-id=1', True),
        ('<sip:a@h>;+sip.instance="<urn:1>";reg-id=1', '<sip:a@h>;+sip.instance="<urn:1>";reg-id=2', False),
    ],
)
def test_which_binding_replaces_which(one: str, other: str, same: bool) -> None:
    assert binding(one).is_same(binding(other)) is same
    assert binding(other).is_same(binding(one)) is same


def test_a_phone_behind_a_nat_is_reached_at_its_source_port() -> None:
    assert binding().aimed_by(sent()).hop == PUBLIC
    assert binding().aimed_by(NO_RPORT).hop == PUBLIC


def test_a_phone_without_nat_that_sends_from_another_port_is_reached_where_it_listens() -> None:
    assert binding("<sip:alice@203.0.113.7>").aimed_by(NO_RPORT).hop == PUBLIC._replace(port=5060)
    assert binding("<sip:alice@203.0.113.7:5080>").aimed_by(NO_RPORT).hop == PUBLIC._replace(port=5080)
    assert binding("<sip:alice@203.0.113.7:5080>").aimed_by(sent()).hop == PUBLIC


def test_a_proxy_that_names_itself_in_path_is_reached_at_that_port_and_no_other_host() -> None:
    assert binding(path=("<sip:203.0.113.7:5070;lr>",)).aimed_by(sent()).hop == PUBLIC._replace(port=5070)
    assert binding(path=("<sip:127.0.0.1:6379;lr>",)).aimed_by(sent()).hop == PUBLIC
    assert binding(path=("garbage",)).aimed_by(sent()).hop == PUBLIC


def test_ipv6_hosts_are_compared_as_addresses() -> None:
    hop = Hop("UDP", "2001:db8::7", 40001)
    assert binding("<sip:a@[2001:DB8:0::7]:5062>", hop).aimed_by(NO_RPORT).hop.port == 5062


def test_without_its_connection_only_a_phone_that_can_be_connected_to_is_left() -> None:
    flow = Hop("TCP", "203.0.113.7", 40001, flow=9, listener="edge")
    assert binding(hop=PUBLIC).without_flow() == binding(hop=PUBLIC)
    assert binding(hop=flow).without_flow() is None
    left = binding("<sip:alice@203.0.113.7:5062;transport=tcp>", flow).without_flow()
    assert left is not None
    assert left.hop == Hop("TCP", "203.0.113.7", 5062, 0, "edge")


def test_the_contact_of_a_200_has_its_parameters_and_the_time_left() -> None:
    value = binding(f'"Alice" <{PRIVATE};ob>;q=0.3;+sip.instance="<urn:1>"').contact_value(1000.4)
    assert value == f'<{PRIVATE};ob>;q=0.3;+sip.instance="<urn:1>";expires=300'


@pytest.mark.parametrize("host", ["203.0.113.7", "2001:db8::7"])
def test_a_binding_is_dumped_and_loaded_by_the_wall_clock(host: str) -> None:
    original = binding(f"<{PRIVATE}>;q=0.3", Hop("UDP", host, 40001, listener="edge"), ("<sip:p;lr>", "<sip:q;lr>"))
    fields = dump_binding(original, now=1000.0, now_wall=1_700_000_000.0)
    assert fields["expires_at"] == "1700000300.000"
    loaded = load_binding(fields, now=50.0, now_wall=1_700_000_100.0)
    assert loaded is not None
    assert loaded.expires_at == pytest.approx(250.0)
    assert (loaded.contact, loaded.hop, loaded.path, loaded.q) == (original.contact, original.hop, original.path, 0.3)
    assert (loaded.call_id, loaded.cseq) == ("call-1", 7)


def test_a_connection_of_another_process_is_not_loaded() -> None:
    fields = dump_binding(binding(hop=Hop("TCP", "203.0.113.7", 40001, flow=9)), 0.0, 0.0)
    assert fields["flow"] == "9"
    assert load_binding(fields, 0.0, 0.0) is None
