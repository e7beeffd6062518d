from dataclasses import fields
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from b2bua.config import CallLimit, Listener, Media, Registrar, Timers, TrunkHost
from ops.settings import Configuration, load
from ops.settings.build import b2bua_config, own_address, relay_config
from ops.settings.model import RegistrarSettings, TimerSettings


def configuration(secrets_dir: Path | None = None, **settings: Any) -> Configuration:
    return load(secrets_dir=secrets_dir, given=settings)


def test_a_listener_advertises_what_it_is_told_to() -> None:
    chosen = configuration(
        listen=[
            "udp:10.0.0.5:5070",
            {"transport": "tcp", "address": "10.0.0.5", "advertise": "198.51.100.1:5080"},
        ],
        advertise="203.0.113.7",
    )
    assert b2bua_config(chosen, "").listeners == (
        Listener("udp:10.0.0.5:5070", "UDP", "10.0.0.5", 5070, "203.0.113.7", 5070),
        Listener("tcp:10.0.0.5:5060", "TCP", "10.0.0.5", 5060, "198.51.100.1", 5080),
    )


def test_a_listener_on_every_address_never_advertises_that() -> None:
    (listener,) = b2bua_config(configuration(listen="udp:0.0.0.0:5060"), "").listeners
    assert listener.host == "0.0.0.0"
    assert listener.advertised_host == own_address()


def test_a_trunk_is_built(tmp_path: Path) -> None:
    (tmp_path / "carrier").write_text("hunter2\n")
    trunk = {
        "hosts": ["sip.example", "tcp:192.0.2.1"],
        "codecs": ["PCMA"],
        "limits": {"calls": 3, "calls_per_second": 1.5},
        "media": "bypass",
        "username": "me",
        "password_secret": "carrier",
    }
    built = b2bua_config(configuration(tmp_path, trunks={"carrier": trunk}), "").trunks["carrier"]
    assert built.hosts == (TrunkHost("sip.example", 0, "UDP"), TrunkHost("192.0.2.1", 5060, "TCP"))
    assert built.sources == (IPv4Network("192.0.2.1/32"),)
    assert (built.codecs, built.limit, built.media) == (("PCMA",), CallLimit(3, 1.5), Media.BYPASS)
    assert (built.username, built.password) == ("me", "hunter2")


def test_no_sources_at_all_can_be_said() -> None:
    chosen = configuration(trunks={"carrier": {"hosts": "192.0.2.1", "sources": []}})
    assert b2bua_config(chosen, "").trunks["carrier"].sources == ()


def test_a_route_is_built() -> None:
    chosen = configuration(
        trunks={"carrier": {"hosts": "192.0.2.1"}},
        routes=[{"from": "phones", "called": "0(.*)", "rewrite": r"+49\1", "to": "carrier,phones"}],
    )
    (route,) = b2bua_config(chosen, "").routes
    assert (route.source, route.called.pattern, route.rewrite, route.trunks) == (
        "phones",
        "0(.*)",
        r"+49\1",
        ("carrier", "phones"),
    )


def test_every_timer_and_registrar_value_can_be_set_and_has_the_core_s_default() -> None:
    timers, registrar = TimerSettings().model_dump(), RegistrarSettings().model_dump()
    assert timers == {each.name: each.default for each in fields(Timers)}
    assert registrar == {each.name: each.default for each in fields(Registrar)}


def test_media_takes_the_way_of_the_first_sip_socket() -> None:
    (interface,) = relay_config(configuration(listen="udp:10.0.0.5:5060", advertise="203.0.113.7"), "").interfaces
    assert (interface.name, interface.address, interface.signalled) == ("default", "10.0.0.5", "203.0.113.7")


def test_the_relay_is_built() -> None:
    relay = {
        "ng": "127.0.0.1:2300",
        "ports": "30000-30009",
        "interfaces": [{"name": "inside", "address": "10.0.0.5"}, {"name": "inside", "address": "2001:db8::5"}],
        "media_timeout": 7,
    }
    built = relay_config(configuration(relay=relay, redis={"prefix": "p:"}), "redis://x")
    assert (built.ng_host, built.ng_port, built.port_min, built.port_max) == ("127.0.0.1", 2300, 30000, 30009)
    assert [interface.signalled for interface in built.interfaces] == ["10.0.0.5", "2001:db8::5"]
    assert (built.media_timeout_s, built.redis_url, built.redis_prefix) == (7.0, "redis://x", "p:")


def test_the_cluster_key_comes_from_the_secrets_directory(tmp_path: Path) -> None:
    assert relay_config(configuration(), "").cluster_key == ""
    (tmp_path / "cluster_key").write_text("a secret of all nodes\n")
    built = relay_config(configuration(tmp_path), "")
    assert built.cluster_key == "a secret of all nodes"
    assert "a secret" not in repr(built)
