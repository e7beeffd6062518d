"""The settings of the ops API and of records."""

from pathlib import Path
from typing import Any

import pytest

from ops.settings import SettingsError, load
from ops.settings.build import Bearer, bearers
from ops.settings.model import Role

TOKEN = "0123456789abcdef"


def problem(secrets: Path | None = None, **given: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load(secrets_dir=secrets, given=given)
    return str(caught.value)


def test_tokens_come_from_files_or_from_here(tmp_path: Path) -> None:
    (tmp_path / "night").write_text(f"{TOKEN}-night\n")
    tokens = {"wall": {"token": TOKEN}, "shift": {"role": "act", "token_secret": "night"}}
    chosen = load(secrets_dir=tmp_path, given={"ops": {"tokens": tokens}})
    assert bearers(chosen) == (Bearer("wall", Role.READ, TOKEN), Bearer("shift", Role.ACT, f"{TOKEN}-night"))
    assert TOKEN not in repr(chosen)


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ({}, "needs one of token and token_secret"),
        ({"token": TOKEN, "token_secret": "x"}, "needs one of token and token_secret"),
        ({"token": "short"}, "the token needs 16 or more ASCII characters"),
        ({"token": "with spaces in the middle"}, "the token needs 16 or more ASCII characters"),
        ({"token_secret": "nowhere"}, "there is no file"),
        ({"token": TOKEN, "role": "rule"}, "is not allowed here; allowed: read, act"),
    ],
)
def test_a_token_that_cannot_be_used(tmp_path: Path, token: dict[str, str], expected: str) -> None:
    told = problem(tmp_path, ops={"tokens": {"t": token}})
    assert "ops.tokens.t" in told
    assert expected in told
    assert TOKEN not in told


def test_two_users_have_two_tokens() -> None:
    assert "has the same token as a" in problem(ops={"tokens": {name: {"token": TOKEN} for name in "ab"}})


@pytest.mark.parametrize(
    "url", ["ftp://x/", "http://", "http://host:port/", "https://user:hidden@host/", "http://h/a b"]
)
def test_a_webhook_needs_a_plain_url(url: str) -> None:
    told = problem(cdr={"webhook": {"url": url}})
    assert "url must be http:// or https://" in told
    assert "hidden" not in told
