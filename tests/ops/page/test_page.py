"""The live page in a real browser: a call from sipp through the real Pinhole, hostile names, ten thousand calls."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from media_relay.e_model import mos
from tests.support.ops import ACT_TOKEN, OPS_SETTINGS, READ_TOKEN, OpsClient, StartOps, put_call, put_calls
from tests.support.pinhole import CALLEE_ADDRESS, StartPinhole, trunks_settings
from tests.support.processes import free_port
from tests.support.redis_server import RedisServer
from tests.support.sipp import Sipp

SCENARIOS = Path(__file__).parents[2] / "interop" / "sipp"
DESKTOP = {"width": 1366, "height": 860}
TELEPHONE = {"width": 390, "height": 844}
HOSTILE = """<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>"""
ID = "0123456789abcdef"


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A tab of its own; whatever the page complains about fails the test."""
    context = browser.new_context(viewport=DESKTOP, color_scheme="light", reduced_motion="reduce")
    tab = context.new_page()
    tab.set_default_timeout(10_000)
    complaints: list[str] = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    yield tab
    context.close()
    assert complaints == []


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: pytest keeps the folders of its last runs."""
    folder = tmp_path / "screenshots"
    folder.mkdir()
    return folder


@pytest.mark.peers
def test_a_call_appears_with_its_ladder_and_is_hung_up(
    page: Any, pictures: Path, sipp: Sipp, redis_server: RedisServer, start_pinhole: StartPinhole
) -> None:
    callee = sipp.serve(SCENARIOS / "callee.xml", address=CALLEE_ADDRESS)
    ops = OpsClient(f"127.0.0.1:{free_port()}")
    settings = trunks_settings(callee.port) | {"ops": {"listen": ops.address, **OPS_SETTINGS}}
    pinhole = start_pinhole(redis_url=redis_server.url, settings=settings)
    pinhole.process.wait_ready(("tcp", int(ops.address.rpartition(":")[2])))
    page.goto(ops.page())
    page.get_by_text("No live calls.").wait_for()
    sipp.call(SCENARIOS / "caller_hung_up.xml", pinhole.target, called="+493012345")

    row = _rows(page)
    row.wait_for()
    page.get_by_role("listbox", name="Live calls").press("ArrowDown")
    page.get_by_role("listbox", name="Live calls").press("Enter")
    page.locator(".arrow").nth(12).wait_for()
    assert page.locator("#detail h2").inner_text() == "+4989123456 → +493012345"
    assert _ladder(page) == [
        "a in: INVITE", "a out: 100", "relay out: offer", "relay in: ok", "b1 out: INVITE", "b1 in: 180", "a out: 180",
        "b1 in: 200", "b1 out: ACK", "relay out: answer", "relay in: ok", "a out: 200", "a in: ACK",
    ]  # fmt: skip
    page.locator(".arrow").first.click()
    assert page.locator(".message code").inner_text().startswith("INVITE sip:+493012345@")
    page.screenshot(path=pictures / "call-desktop.png")
    page.set_viewport_size(TELEPHONE)
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=pictures / "call-telephone.png")
    page.set_viewport_size(DESKTOP)

    page.get_by_role("button", name="Hang up").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert len(redis_server.live_calls()) == 1
    page.get_by_role("button", name="Hang up").click()
    page.get_by_role("dialog").get_by_role("button", name="Hang up").click()
    page.locator("#detail .chip", has_text="ended").wait_for()
    page.get_by_text("No live calls.").wait_for()
    assert [line for line in _ladder(page) if "BYE" in line] == ["a out: BYE", "b1 out: BYE"]
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Ended").click()
    page.get_by_role("cell", name="+493012345").wait_for()
    page.get_by_role("tab", name="Trunks").click()
    assert page.get_by_role("cell", name="callee", exact=True).is_visible()
    page.screenshot(path=pictures / "trunks-desktop.png")
    print(f"screenshots: {sorted(path.name for path in pictures.iterdir())} in {pictures}")


def test_hostile_names_are_text_and_nothing_else(page: Any, redis_server: RedisServer, start_ops: StartOps) -> None:
    client = redis_server.client
    spoofed = "+4930\u202e1\x1b[2J"
    put_call(client, ID, created=time.time(), to=spoofed, **{"from": HOSTILE})
    entry = {"time": f"{time.time()}", "leg": "a", "direction": "in", "peer": HOSTILE, "summary": f"INVITE {HOSTILE}"}
    client.xadd(f"call:{{{ID}}}:ladder", entry)
    client.hset(f"call:{{{ID}}}:bindings", mapping={f"{HOSTILE}.a.packets": "5", f"{HOSTILE}.a.codec": HOSTILE})
    client.xadd("cdr", {"call": "x", "from": HOSTILE, "to": HOSTILE, "reason": HOSTILE})
    page.goto(start_ops(redis_server.url).page())
    _rows(page).click()
    page.locator(".arrow").click()
    page.get_by_role("tab", name="Ended").click()
    page.get_by_role("tab", name="Calls").click()
    assert page.locator("#detail h2").inner_text() == f"{HOSTILE} → +4930\\u{{202e}}1\\u{{1b}}[2J"
    assert HOSTILE in page.locator(".message code").inner_text()
    assert page.title() == "Pinhole"
    assert page.locator("main img, main script").count() == 0


def test_ten_thousand_calls_do_not_slow_it(
    page: Any, redis_server: RedisServer, start_ops: StartOps, pictures: Path
) -> None:
    put_calls(redis_server.client, 10_000, created=time.time() - 100)
    page.goto(start_ops(redis_server.url).page(READ_TOKEN))
    page.get_by_text("10,000 calls").wait_for(timeout=20_000)
    assert _rows(page).count() < 60
    listbox = page.get_by_role("listbox", name="Live calls")
    listbox.press("ArrowDown")
    listbox.press("End")
    page.locator(f"#call-{0:016x}[aria-selected=true]").wait_for()
    start = time.monotonic()
    page.keyboard.press("/")
    page.keyboard.type(f"{4711:016x}")
    page.get_by_text("1 of 10,000 calls").wait_for()
    print(f"search typed and found in {time.monotonic() - start:.2f} s")
    assert _rows(page).count() == 1
    put_call(redis_server.client, f"{4711:016x}f", created=time.time())
    start = time.monotonic()
    page.get_by_text("2 of 10,001 calls").wait_for()
    print(f"a new call was seen after {time.monotonic() - start:.2f} s")
    assert time.monotonic() - start < 1.5
    _rows(page).first.click()
    page.locator("#detail h2").wait_for()
    assert not page.get_by_role("button", name="Hang up").is_visible(), "a reader has nothing to act with"
    page.screenshot(path=pictures / "list-desktop.png")


def test_a_lost_connection_is_told_and_comes_back(page: Any, redis_server: RedisServer, start_ops: StartOps) -> None:
    put_call(redis_server.client, ID, created=time.time())
    ops = start_ops(redis_server.url)
    page.goto(ops.page())
    _rows(page).wait_for()
    redis_server.kill()
    page.get_by_text("Redis is away").wait_for()
    assert _rows(page).count() == 1, "what was known stays"
    redis_server.start()
    page.get_by_text("No live calls.").wait_for()
    assert not page.locator("#trouble").is_visible()
    ops.process.stop()
    page.get_by_text("The page is not up to date").wait_for()
    ops.start()
    page.locator("#link[data-state=up]").wait_for()


def test_signing_in(page: Any, redis_server: RedisServer, start_ops: StartOps) -> None:
    ops = start_ops(redis_server.url)
    page.goto(ops.url)
    page.get_by_label("Token").fill("wrong-wrong-wrong-wrong")
    page.keyboard.press("Enter")
    page.get_by_text("this token is not known").wait_for()
    page.get_by_label("Token").fill(ACT_TOKEN)
    page.keyboard.press("Enter")
    page.get_by_text("No live calls.").wait_for()
    page.reload()
    page.get_by_text("No live calls.").wait_for()
    assert ACT_TOKEN not in page.url
    page.get_by_role("button", name="Sign out").click()
    assert page.get_by_label("Token").is_visible()


def test_the_page_rates_calls_as_the_relay_does(page: Any, redis_server: RedisServer, start_ops: StartOps) -> None:
    page.goto(start_ops(redis_server.url).url)
    for loss, jitter_ms, codec in ((0, 0, "PCMA"), (0.05, 12, "PCMU/8000"), (0.2, 90, "G729"), (1, 0, "opus")):
        shown = page.evaluate("async (x) => (await import('/page/emodel.js')).mos(...x)", [loss, jitter_ms, codec])
        expected = mos(loss=loss, delay_ms=60 + 2 * jitter_ms, codec=codec.partition("/")[0])
        assert shown == pytest.approx(expected)


def _rows(page: Any) -> Any:
    """The calls that exist in the list."""
    return page.get_by_role("listbox", name="Live calls").get_by_role("option")


def _ladder(page: Any) -> list[str]:
    """Leg, direction and first word of every arrow."""
    labels = page.locator(".arrow").evaluate_all("all => all.map((each) => each.getAttribute('aria-label'))")
    lines = [label.partition(", ")[2].removeprefix("leg ") for label in labels]
    return [" ".join(line.split(" ")[:3]) for line in lines]
