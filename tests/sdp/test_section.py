import pytest

from sdp.section import LINE_ORDER, Section, attribute_name


def section(*lines: str) -> Section:
    return Section(list(lines))


def test_reads_values_without_stray_spaces() -> None:
    assert section("v=0", "s= call ", "s=second").value("s") == "call"
    assert section("v=0").value("s") is None


@pytest.mark.parametrize(
    ("line", "value"),
    [("a=rtcp-mux", ""), ("a=rtcp-mux \r", ""), ("a=rtcp-mux:", ""), ("a=rtcp-mux: on ", "on")],
)
def test_reads_attributes(line: str, value: str) -> None:
    assert section(line).attribute("rtcp-mux") == value
    assert section(line).has_attribute("rtcp-mux")


def test_a_longer_name_is_another_attribute() -> None:
    assert section("a=rtcp-mux-only", "a=rtcp:5").attributes("rtcp") == ["5"]
    assert not section("a=rtcp-mux-only").has_attribute("rtcp-mux")


def test_attributes_keep_their_order() -> None:
    assert section("a=crypto:1 A", "a=x", "a=crypto:2 B").attributes("crypto") == ["1 A", "2 B"]


def test_a_new_value_goes_where_the_grammar_wants_it() -> None:
    assert LINE_ORDER["session"].index("c") < LINE_ORDER["session"].index("t")
    lines = section("v=0", "o=-", "s=-", "unknown", "t=0 0", "a=x")
    lines.set_value("c", "IN IP4 192.0.2.1")
    assert lines.lines == ["v=0", "o=-", "s=-", "c=IN IP4 192.0.2.1", "unknown", "t=0 0", "a=x"]


def test_an_existing_value_is_replaced_in_place_and_its_repetitions_go() -> None:
    lines = section("v=0", "c=a", "t=0 0", "c=b", "a=x", "c=c")
    lines.set_value("c", "-")
    assert lines.lines == ["v=0", "c=-", "t=0 0", "a=x"]


def test_attributes_are_added_before_trailing_blank_lines() -> None:
    lines = section("v=0", "", " ")
    lines.add_attribute("ptime", "20")
    lines.add_attribute("inactive")
    assert lines.lines == ["v=0", "a=ptime:20", "a=inactive", "", " "]


def test_removal_takes_only_what_is_named() -> None:
    lines = section("v=0", "e=me", "a=ice-lite", "a=ice-lite-x", "a=ice-ufrag:a", "e", "ice-lite")
    lines.remove_attributes({"ice-lite", "ice-ufrag"})
    lines.remove_values("eu")
    assert lines.lines == ["v=0", "a=ice-lite-x", "e", "ice-lite"]


def test_attribute_name() -> None:
    assert attribute_name("a=rtpmap:0 x") == "rtpmap"
    assert attribute_name("a=sendrecv \r") == "sendrecv"
    assert attribute_name("b=AS:64") is None
