from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.settings import Configuration, Problem, SettingsError, load

MINIMAL = """
users:
  alice: {password: wonderland}
"""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("PINHOLE_"):
            monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pinhole.yaml"


def loaded(file: Path, text: str, secrets: Path | None = None) -> Configuration:
    file.write_text(text)
    return load(file, secrets_dir=secrets)


def problems(file: Path, text: str, secrets: Path | None = None) -> tuple[Problem, ...]:
    with pytest.raises(SettingsError) as caught:
        loaded(file, text, secrets)
    return caught.value.problems


def only_problem(file: Path, text: str) -> str:
    (problem,) = problems(file, text)
    return str(problem).removeprefix(f"{file}:")


def test_the_shipped_example_is_valid() -> None:
    configuration = load(Path(__file__).parents[3] / "pinhole.example.yaml")
    assert list(configuration.settings.trunks) == ["carrier"]


def test_environment_wins_over_secrets_and_those_over_the_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "redis__prefix").write_text("from-secrets:\n")
    (secrets / "node").write_text("from-secrets")
    monkeypatch.setenv("PINHOLE_NODE", "from-environment")
    settings = loaded(file, "node: from-file\nredis: {prefix: 'from-file:', ladder_kept: 5}", secrets).settings
    assert (settings.node, settings.redis.prefix, settings.redis.ladder_kept) == (
        "from-environment",
        "from-secrets:",
        5,
    )


def test_given_values_win_over_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINHOLE_LOGS__LEVEL", "error")
    file.write_text(MINIMAL)
    assert load(file, given={"logs": {"level": "debug"}}).settings.logs.level == "debug"


def test_lists_in_the_environment_may_be_commas_yaml_or_json(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("udp:127.0.0.1:5061,tcp:[::1]:5062", "[udp:127.0.0.1:5061, 'tcp:[::1]:5062']"):
        monkeypatch.setenv("PINHOLE_LISTEN", value)
        first, second = loaded(file, MINIMAL).settings.listen
        assert (first.address, first.port, second.transport, second.address) == ("127.0.0.1", 5061, "tcp", "::1")


def test_an_environment_variable_reaches_inside_a_trunk(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINHOLE_TRUNKS__CARRIER__LIMITS__CALLS", "7")
    settings = loaded(file, "trunks: {carrier: {hosts: 'udp:192.0.2.1'}}").settings
    assert settings.trunks["carrier"].limits.calls == 7


def test_a_relative_data_directory_begins_at_the_file(file: Path) -> None:
    assert loaded(file, MINIMAL).data_dir == file.parent / "var"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lisen: x", "1: lisen: unknown key; did you mean 'listen'? known here: node, data_dir, listen,"),
        ("listen: ['udp:0.0.0.0:99999']", "1: listen[0]: 'udp:0.0.0.0:99999': port '99999' is not within 1-65535"),
        ("listen: 'sctp:0.0.0.0:5060'", "does not begin with a transport; allowed: udp, tcp"),
        (
            "listen: [{transport: tls, address: 10.0.0.1}]",
            "listen[0].transport: 'tls' is not allowed here; allowed: udp",
        ),
        ("listen: ['udp:sip.example:5060']", "1: listen[0]: 'sip.example' is not an address"),
        ("listen: ['udp:127.0.0.1:5060', 'udp:127.0.0.1']", "1: listen[1]: is the same socket as listen[0]"),
        ("trunks:\n  t:\n    hosts: ['a b']", "3: trunks.t.hosts[0]: 'a b' is neither an address nor a host name"),
        (
            "trunks: {t: {hosts: x, media: proxy}}",
            "1: trunks.t.media: 'proxy' is not allowed here; allowed: relay, bypass",
        ),
        ("trunks: {t: {hosts: x, sources: 192.0.2.1/24}}", "trunks.t.sources[0]: 192.0.2.1/24 has host bits set"),
        ("trunks: {t: {media: relay}}", "1: trunks.t.hosts: is required"),
        (
            "trunks: {t: {hosts: x, username: me}}",
            "1: trunks.t: needs username and password (or password_secret) together",
        ),
        ("trunks: {phones: {hosts: x}}", "1: trunks.phones: 'phones' is what the registered phones are called"),
        (
            "trunks: {a: {hosts: 192.0.2.1}, b: {hosts: 192.0.2.1}}",
            "1: trunks.b: the source 192.0.2.1/32 belongs to the",
        ),
        ("routes: [{to: carrier}]", "1: routes[0].to[0]: there is no trunk 'carrier'; known: phones"),
        ("routes: [{from: x, to: phones}]", "1: routes[0].from: there is no trunk 'x'; known: phones"),
        (
            "routes: [{to: phones, called: '0(\\d+'}]",
            "1: routes[0].called: '0(\\\\d+' is no regular expression: missing )",
        ),
        (
            "routes: [{to: phones, called: '(\\d+)+x'}]",
            "1: routes[0].called: the pattern (\\d+)+x can be matched in too many",
        ),
        (
            "routes: [{to: phones, called: '0.*', rewrite: '\\1'}]",
            "1: routes[0].rewrite: the rewriting asks for group 1",
        ),
        ("users: {'a b': {password: x}}", "1: users.a b: this name is not allowed here; must match ^[A-Za-z0-9"),
        ("users: {alice: {}}", "1: users.alice: needs password or password_secret"),
        ("users: {alice: {password: 12345}}", "1: users.alice.password: must be text; put it in quotes"),
        ("users: {alice: {password_secret: alice}}", "1: users.alice.password_secret: no secrets directory is given"),
        ("registrar: {min_expires: 400}", "1: registrar: needs min_expires <= default_expires <= max_expires"),
        ("timers: {t1: 0}", "1: timers.t1: 0 must be greater than 0"),
        ("relay: {ports: 40000-20000}", "1: relay.ports: '40000-20000': both ports must be within 1024-65535"),
        ("relay: {interfaces: [{address: eth0}]}", "1: relay.interfaces[0].address: 'eth0' is not an IPv4 or IPv6"),
        ("redis: {url: 'http://x'}", "1: redis.url: unknown scheme 'http' in the Redis URL"),
        ("logs: verbose", "1: logs: must be a mapping with the keys level, format, but is text"),
        ("logs: {level: chatty}", "1: logs.level: 'chatty' is not allowed here; allowed: debug, info, warning, error"),
        ("node: a\nnode: b", "2: node: is set twice, first in line 1"),
        ("node: [", "is not YAML: expected the node content"),
        ("- node", "1: must be a mapping of settings"),
    ],
)
def test_a_wrong_file_is_told_where_and_why(file: Path, text: str, message: str) -> None:
    assert message in only_problem(file, text)


def test_all_problems_are_told_at_once_in_the_order_of_the_file(file: Path) -> None:
    found = problems(file, "logs: {level: x}\ntimers: {t1: -1}\nlimits: {calls: -1}\n")
    assert [(problem.line, problem.path) for problem in found] == [
        (1, "logs.level"),
        (2, "timers.t1"),
        (3, "limits.calls"),
    ]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PINHOLE_LISEN", "x", "environment: PINHOLE_LISEN: unknown variable; did you mean PINHOLE_LISTEN?"),
        ("PINHOLE_LOGS__LEVL", "x", "environment: PINHOLE_LOGS__LEVL: unknown key; did you mean 'level'?"),
        ("PINHOLE_LOGS__LEVEL", "x", "environment: PINHOLE_LOGS__LEVEL: 'x' is not allowed here; allowed: debug, info"),
        ("PINHOLE_TRUNKS__T__MEDI", "x", "environment: PINHOLE_TRUNKS__T__MEDI: unknown key; did you mean 'media'?"),
        ("PINHOLE_TRUNKS", "{t: {hosts: 'a b'}}", "environment: PINHOLE_TRUNKS (t.hosts[0]): 'a b' is neither"),
        ("PINHOLE_TRUNKS", "{t", "environment: trunks: a list or mapping there is not valid YAML or JSON"),
    ],
)
def test_a_wrong_variable_is_told_by_its_name(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    assert message in str(problems(file, "trunks: {t: {hosts: x}}")[0])


def test_variables_that_kubernetes_sets_for_a_service_are_none_of_ours(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PINHOLE_SERVICE_HOST", "PINHOLE_SERVICE_PORT_SIP", "PINHOLE_PORT", "PINHOLE_PORT_5060_UDP_ADDR"):
        monkeypatch.setenv(name, "10.0.0.1")
    loaded(file, MINIMAL)


def test_a_password_may_be_in_a_file_of_the_secrets_directory(file: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    configuration = loaded(file, "users: {alice: {password_secret: pinhole.yaml}}", tmp_path)
    assert configuration.settings.users["alice"].password_secret == "pinhole.yaml"
    (missing,) = problems(file, "users: {alice: {password_secret: nowhere}}", tmp_path)
    (empty,) = problems(file, "users: {alice: {password_secret: empty}}", tmp_path)
    assert "there is no file" in missing.message
    assert "is empty" in empty.message


@pytest.mark.parametrize(
    "text",
    [
        "users: {alice: hunter2}",
        "users: hunter2",
        "users: {alice: {password: [hunter2]}}",
        "users: {alice: {pasword: hunter2}}",
        "users: {alice: {password: hunter2, password_secret: x}}",
        "trunks: {t: hunter2}",
        "redis: {url: 'redis+x://:hunter2@example'}",
        "redis: hunter2",
        "redis: {url: {password: hunter2}}",
        "pasword: hunter2",
    ],
)
def test_no_error_shows_a_password(file: Path, text: str) -> None:
    assert "hunter2" not in "".join(map(str, problems(file, text)))


def test_settings_do_not_print_passwords(file: Path) -> None:
    assert "wonderland" not in repr(loaded(file, MINIMAL))


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "hosts", "password", "to", "called"]) | st.text(max_size=3), inner, max_size=3
        )
    ),
    max_leaves=6,
)
sections = st.sampled_from(["listen", "trunks", "routes", "users", "relay", "redis", "limits", "node", "advertise"])


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(sections, values, max_size=4))
def test_any_data_is_accepted_or_refused_with_a_reason(data: dict[str, object]) -> None:
    with suppress(SettingsError):
        load(given=data)
