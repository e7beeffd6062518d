from struct import pack

from hypothesis import given
from hypothesis import strategies as st

from media_relay.rtp import RTP_FIELDS, ReportBlock, is_rtcp, parse_reports, sender_report_time

BLOCK = pack("!IIIIII", 7, 64 << 24 | 0xFFFFFE, 70000, 160, 1, 65536)
REPORT = ReportBlock(7, 64, -2, 70000, 160, 1, 65536)
SDES = bytes.fromhex("81ca0002") + pack("!I", 9) + b"\x00" * 4


def sender_report(blocks: bytes) -> bytes:
    count = len(blocks) // 24
    return pack("!BBH", 0x80 | count, 200, 6 + 6 * count) + pack("!IQIII", 9, 1, 2, 3, 4) + blocks


def receiver_report(blocks: bytes) -> bytes:
    count = len(blocks) // 24
    return pack("!BBHI", 0x80 | count, 201, 1 + 6 * count, 9) + blocks


def test_fields() -> None:
    assert RTP_FIELDS.unpack_from(bytes.fromhex("800800ff000000a0deadbeef") + b"audio") == (255, 160, 0xDEADBEEF)


def test_rtcp_is_told_by_its_payload_type() -> None:
    assert [second for second in range(256) if is_rtcp(second)] == [*range(64, 96), *range(192, 224)]


def test_reports_in_compound_packets() -> None:
    assert parse_reports(sender_report(BLOCK) + SDES) == [REPORT]
    assert parse_reports(receiver_report(BLOCK * 2) + SDES) == [REPORT, REPORT]
    assert parse_reports(SDES + receiver_report(b"")) == []


def test_a_count_that_exceeds_the_packet_reads_nothing_beyond() -> None:
    lying = bytearray(receiver_report(BLOCK))
    lying[0] = 0x9F
    assert parse_reports(bytes(lying) + SDES * 20) == [REPORT]
    assert parse_reports(receiver_report(BLOCK)[:-1]) == []


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: b"\x81\xc8\x00\x0c" + tail))
def test_arbitrary_bytes(data: bytes) -> None:
    assert len(parse_reports(memoryview(data))) <= 31


def test_the_name_of_a_sender_report() -> None:
    report = pack("!BBHIIIIII", 0x80, 200, 6, 1, 0xAAAABBBB, 0xCCCCDDDD, 0, 0, 0)
    assert sender_report_time(report) == 0xBBBBCCCC
    assert sender_report_time(report[:27]) is None
    assert sender_report_time(report.replace(b"\xc8", b"\xc9", 1)) is None
