from hypothesis import given
from hypothesis import strategies as st

from ops.ladder import draw


def entry(time: float, leg: str, direction: str, summary: str) -> dict[str, str]:
    return {"time": str(time), "leg": leg, "direction": direction, "peer": f"host-{leg}:5060", "summary": summary}


def test_a_call_is_drawn() -> None:
    ladder = [
        entry(100.0, "a", "in", "INVITE sip:bob@x"),
        entry(100.001, "relay", "out", "offer"),
        entry(100.25, "b1", "out", "INVITE sip:bob@a.very.long.name.example"),
        entry(101.5, "b1", "in", "486 Busy Here"),
        entry(102, "a", "out", "486 Busy Here"),
    ]
    assert "\n".join(draw(ladder)) == (
        "         A                              Pinhole                             B1\n"
        "         host-a:5060                                                   host-b1:5060\n"
        "   0.000 |------- INVITE sip:bob@x ------->|                                 |\n"
        "   0.001 |                          -> relay: offer                          |\n"
        "   0.250 |                                 |-- INVITE sip:bob@a.very.lo.. -->|\n"
        "   1.500 |                                 |<-------- 486 Busy Here ---------|\n"
        "   2.000 |<-------- 486 Busy Here ---------|                                 |"
    )


def test_a_second_called_party_stands_beside_the_first() -> None:
    first, second = draw([entry(0, "b1", "out", "INVITE"), entry(1, "b2", "in", "200 OK")])[2:]
    assert first.rstrip(" |").endswith("->")
    assert second.endswith("-|")
    assert len(second) == len(first)


def test_without_entries_nothing_is_drawn() -> None:
    assert draw([]) == []


texts = st.text(max_size=60)
entries = st.fixed_dictionaries(
    {
        "time": st.floats(0, 2e9).map(str),
        "leg": st.sampled_from(["a", "b1", "b2", "relay"]),
        "direction": st.sampled_from(["in", "out"]),
        "peer": texts,
        "summary": texts,
    }
)


@given(st.lists(entries, max_size=6))
def test_whatever_a_peer_sends_a_line_stays_a_line(ladder: list[dict[str, str]]) -> None:
    lines = draw(ladder)
    assert all("\n" not in line and "\x1b" not in line for line in lines)
    assert len(lines) == (len(ladder) + 2 if ladder else 0)
