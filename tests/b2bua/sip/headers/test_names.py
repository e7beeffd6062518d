import pytest

from b2bua.sip.errors import HeaderError
from b2bua.sip.headers.names import COMPACT_FORMS, canonical_name


@pytest.mark.parametrize(("letter", "name"), COMPACT_FORMS.items())
def test_compact_forms_in_either_case(letter: str, name: str) -> None:
    assert canonical_name(letter) == canonical_name(letter.upper()) == name


@pytest.mark.parametrize("text", ["Call-ID", "call-id", "CALL-ID", "cAlL-iD", "Call-Id  ", "i \t"])
def test_known_names_in_any_case(text: str) -> None:
    assert canonical_name(text) == "Call-ID"


def test_unknown_names_keep_their_spelling() -> None:
    assert canonical_name("X-fOO ") == "X-fOO"


@pytest.mark.parametrize("text", ["", " ", " Via", "Vi a", "Via,", "Vía", "a\0"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(HeaderError):
        canonical_name(text)
