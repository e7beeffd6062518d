"""What the relay reads of RTP and RTCP packets (RFC 3550, RFC 5761). Pure."""

from struct import Struct
from typing import NamedTuple

MIN_RTP = 12
"""Bytes of an RTP header without contributing sources (RFC 3550 5.1)."""
MAX_EVENT = MIN_RTP + 4
"""Bytes of an RTP packet with a telephone event (RFC 4733 2.3); audio has more, but for comfort noise."""
MIN_RTCP = 8
"""Bytes of an empty receiver report (RFC 3550 6.4.2)."""

SENDER_REPORT = 200
RECEIVER_REPORT = 201

RTP_FIELDS = Struct("!2xHII")
"""Sequence number, timestamp and SSRC in a packet's first 12 bytes."""

_REPORT_HEADER = Struct("!BBH")
_REPORT_BLOCK = Struct("!IIIIII")
_SENDER_REPORT_OFFSET = 28
_RECEIVER_REPORT_OFFSET = 8
_MAX_BLOCKS = 31


_NTP_MIDDLE = Struct("!I")
_NTP_MIDDLE_OFFSET = 10


class ReportBlock(NamedTuple):
    """What a receiver says about a stream it gets (RFC 3550 6.4.1).

    ``fraction_lost`` is in 1/256, ``lost`` counts packets and may be negative after duplicates, ``jitter`` is in
    timestamp units, ``last_sr`` and ``delay_since_last_sr`` are in 1/65536 s and serve to compute the round trip.
    """

    ssrc: int
    fraction_lost: int
    lost: int
    highest_sequence: int
    jitter: int
    last_sr: int
    delay_since_last_sr: int


def is_rtcp(second_byte: int) -> bool:
    """Tell RTCP from RTP on one port by the payload type, 64 to 95 (RFC 5761 4)."""
    return 64 <= second_byte & 0x7F <= 95


def sender_report_time(packet: bytes | memoryview) -> int | None:
    """The middle 32 bits of the NTP time of a sender report, by which its receivers name it; None if it is none."""
    if len(packet) < _SENDER_REPORT_OFFSET or packet[1] != SENDER_REPORT:
        return None
    middle: int = _NTP_MIDDLE.unpack_from(packet, _NTP_MIDDLE_OFFSET)[0]
    return middle


def parse_reports(packet: bytes | memoryview) -> list[ReportBlock]:
    """The report blocks of the sender and receiver reports in a compound RTCP packet.

    Parsing ends without complaint where the packet makes no sense: it is relayed all the same.
    """
    blocks: list[ReportBlock] = []
    at, size = 0, len(packet)
    while size - at >= MIN_RTCP and len(blocks) < _MAX_BLOCKS:
        first, kind, words = _REPORT_HEADER.unpack_from(packet, at)
        end = at + 4 * (words + 1)
        if first >> 6 != 2 or end > size:
            break
        if kind == SENDER_REPORT:
            _read_blocks(packet, at + _SENDER_REPORT_OFFSET, end, first & 0x1F, blocks)
        elif kind == RECEIVER_REPORT:
            _read_blocks(packet, at + _RECEIVER_REPORT_OFFSET, end, first & 0x1F, blocks)
        at = end
    return blocks


def _read_blocks(packet: bytes | memoryview, at: int, end: int, count: int, blocks: list[ReportBlock]) -> None:
    for start in range(at, min(at + count * _REPORT_BLOCK.size, end - _REPORT_BLOCK.size + 1), _REPORT_BLOCK.size):
        ssrc, loss, highest, jitter, last_sr, delay = _REPORT_BLOCK.unpack_from(packet, start)
        lost = loss & 0xFFFFFF
        if lost & 0x800000:
            lost -= 0x1000000
        blocks.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, last_sr, delay))
