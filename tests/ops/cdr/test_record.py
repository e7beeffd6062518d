import csv
import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from ops.cdr.record import FIELDS, HEADING, line
from ops.settings.model import CdrFormat

HOSTILE = st.text(st.characters() | st.sampled_from('\r\n\t",;=+-@\x00\u2028\udcff'), max_size=20)


@given(st.dictionaries(st.sampled_from(FIELDS[1:]), HOSTILE))
@settings(max_examples=80)
def test_whatever_was_sent_is_one_line(fields: dict[str, str]) -> None:
    for form in CdrFormat:
        written = line("1-0", fields, form)
        assert written.decode().splitlines() == [written.decode()[:-1]]
    assert list(json.loads(line("1-0", fields, CdrFormat.JSON))) == list(FIELDS)
    (row,) = csv.reader(io.StringIO(line("1-0", fields, CdrFormat.CSV).decode()))
    assert len(row) == len(HEADING.split(","))


def test_numbers_are_numbers_and_what_is_none_is_null() -> None:
    fields = {"status": "200", "duration": "1.500", "created": "1795449690.166", "answered": "", "ended": "nan"}
    values = json.loads(line("5-1", fields, CdrFormat.JSON))
    assert (values["entry"], values["status"], values["duration"], values["created"]) == (
        "5-1",
        200,
        1.5,
        1795449690.166,
    )
    assert values["answered"] is values["ended"] is None


def test_a_spreadsheet_computes_nothing() -> None:
    fields = {"from": '=HYPERLINK("http://x")', "to": "+493012345", "reason": "@x"}
    (row,) = csv.reader(io.StringIO(line("1-0", fields, CdrFormat.CSV).decode()))
    values = dict(zip(FIELDS, row, strict=True))
    assert (values["from"], values["to"], values["reason"]) == ('\'=HYPERLINK("http://x")', "+493012345", "'@x")
