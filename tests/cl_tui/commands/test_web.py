"""The browser's way in: a page of its own process, read-only, and for nobody else's pages."""

import asyncio
import base64
import contextlib
import inspect
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pyte
import pytest
from aiohttp.test_utils import TestClient, TestServer
from textual.screen import Screen

from cl_tui.app.app import ClTui
from cl_tui.commands import web as web_module
from cl_tui.commands.web import MOST_CELLS, allowed_hosts
from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes.base import Pane
from cl_tui.screens.home import HomeScreen
from cl_tui.screens.keys_here import declared
from cl_tui.screens.watch import WatchScreen
from tests import first_screens, runs, saved
from tests.conftest import CommandLine
from tests.first_screens import FIRST_SCREENS
from tests.waiting import PATIENCE_SECONDS, on_screen, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web") / "sessions"
    runs.finished(folder, runs.tiny("si"), "calm-otter")
    return folder


@pytest.fixture(scope="module")
def looks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server's pages would remember how they are looked at."""
    return tmp_path_factory.mktemp("preferences")


@pytest.fixture(scope="module")
def address(sessions: Path, looks: Path) -> Iterator[str]:
    """Of a server that watches the one session, as a browser writes it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "cl_tui",
        "web",
        "calm-otter",
        "--port",
        str(port),
        "--sessions-dir",
        str(sessions),
    ]
    environment = os.environ | {"CL_TUI_CONFIG_DIR": str(looks)}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert server.stdout is not None
    assert f":{port} (read-only" in server.stdout.readline()
    with contextlib.closing(socket.socket()) as tried:  # it says so a moment before it listens
        while tried.connect_ex(("127.0.0.1", port)):
            assert server.poll() is None
            time.sleep(0.02)
    yield f"127.0.0.1:{port}"
    server.terminate()
    assert server.wait(PATIENCE_SECONDS) == 0


async def answer(address: str, path: str = "/", **headers: str) -> int:
    async with aiohttp.ClientSession() as client, client.get(f"http://{address}{path}", headers=headers) as response:
        await response.read()
        return response.status


async def screen(address: str, until: str, *keys: str, seconds: float = PATIENCE_SECONDS) -> str:
    """What a terminal of 100×30 shows once ``until`` is on it; the keys are sent when the panes are there."""
    seen = pyte.Screen(100, 30)
    stream = pyte.ByteStream(seen)
    waiting = list(keys)
    where = f"ws://{address}/ws?width=100&height=30"
    try:
        async with asyncio.timeout(seconds), aiohttp.ClientSession() as client, client.ws_connect(where) as page:
            async for message in page:
                if message.type == aiohttp.WSMsgType.BINARY:
                    stream.feed(message.data)
                text = "\n".join(seen.display)
                while waiting and "Accuracy" in text:
                    await page.send_str(json.dumps(["stdin", waiting.pop(0)]))
                if not waiting and re.search(until, text):
                    return text
    except TimeoutError:
        pass
    raise AssertionError(f"{until!r} did not appear:\n" + "\n".join(seen.display))


async def test_the_page_asks_nobody_else_for_anything(address: str) -> None:
    async with aiohttp.ClientSession() as client, client.get(f"http://{address}/") as response:
        page = await response.text()
    assert response.status == 200
    assert set(re.findall(r"(?:https?|wss?)://([^/\"']+)", page)) == {address}


async def test_a_page_shows_the_session_and_answers_keys(address: str, sessions: Path) -> None:
    before = everything(sessions)
    text = await screen(address, "(?s)calm-otter.*Loss and penalty")
    assert "calm-otter" in text
    assert "type to filter" in await screen(address, "─ Help ─", "?")
    assert everything(sessions) == before


async def test_pages_and_names_that_are_not_its_own_are_refused(address: str) -> None:
    port = address.partition(":")[2]
    assert await answer(address) == 200
    assert await answer(address, Host=f"localhost:{port}", Origin=f"http://localhost:{port}") == 200
    assert await answer(address, Origin="http://evil.example") == 403
    assert await answer(address, Host=f"evil.example:{port}") == 403
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with aiohttp.ClientSession() as client:
            await client.ws_connect(f"ws://{address}/ws", headers={"Origin": "http://evil.example"})


async def test_a_browser_is_told_what_the_page_may_do(address: str) -> None:
    async with aiohttp.ClientSession() as client:
        for path, status in (("/", 200), ("/static/js/textual.js", 200), ("/download/none", 404), ("/nothing", 404)):
            async with client.get(f"http://{address}{path}") as response:
                assert response.status == status
                policy = response.headers["Content-Security-Policy"].split("; ")
                assert f"script-src 'self' http://{address}" in policy
                assert {"default-src 'none'", "form-action 'none'", "frame-ancestors 'none'"} <= {*policy}
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert response.headers["Referrer-Policy"] == "no-referrer"
        async with client.post(f"http://{address}/") as response:
            assert response.status == 405


async def test_only_this_machine_is_listened_to(address: str) -> None:
    port = int(address.partition(":")[2])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way_out:
        way_out.connect(("192.0.2.1", 9))
        own = way_out.getsockname()[0]
    with socket.socket() as other:
        assert own.startswith("127.") or other.connect_ex((own, port)) != 0


async def test_a_page_that_asks_for_too_much_gets_what_it_may(address: str) -> None:
    """Its process would keep every cell of the terminal in memory."""
    where = f"ws://{address}/ws?width=1000000&height=1000000"
    sent = b""
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(where, max_msg_size=0) as page,
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        while b"\x1b[%d;1H" % MOST_CELLS["height"] not in sent:
            sent += await page.receive_bytes()
    assert max(map(int, re.findall(rb"\x1b\[(\d+);\d+H", sent))) == MOST_CELLS["height"]


@pytest.mark.parametrize("message", ["null", '["stdin", 5]', '["resize", {"width": "a"}]', "[" * 9999])
async def test_what_no_page_says_ends_the_connection(message: str, address: str) -> None:
    async with aiohttp.ClientSession() as client, client.ws_connect(f"ws://{address}/ws") as page:
        await page.send_str(message)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await page.receive()).type is aiohttp.WSMsgType.BINARY:
                pass
    assert await answer(address) == 200


async def test_more_pages_than_may_be_open_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_module, "MOST_PAGES", 0)
    server = web_module.ReadOnlyServer(["watch"], "127.0.0.1", 8000, None)
    async with TestClient(TestServer(await server._make_app())) as client:
        page = await client.get("/ws", headers={"Host": "127.0.0.1:8000"})
        assert page.status == 503
        assert "close one" in await page.text()


async def test_no_key_of_a_page_changes_anything(address: str, sessions: Path, looks: Path) -> None:
    before = everything(sessions)
    assert "cannot fork" in await screen(address, "read-only", *"tumz0pxskbewF")
    assert everything(sessions) == before
    assert not list(looks.iterdir())


async def test_a_page_offers_only_what_it_can_do(address: str) -> None:
    """In its footer and its help. A finished run cannot be followed."""
    footer = (await screen(address, "space Play.*Palette")).splitlines()[-1]
    assert footer.split("  ")[0].strip() == "space Play z Zoom g Go to ? Help q Quit"


async def test_the_help_of_a_page_lists_only_what_it_can_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTUAL_DRIVER", "textual.drivers.web_driver:WebDriver")
    watched = first_screens.replay(tmp_path)
    assert isinstance(watched, WatchScreen)
    app = ClTui(watched)
    async with app.run_test(size=(100, 30)) as pilot:
        await on_screen(pilot, lambda: watched.replay is not None)
        await pilot.press("question_mark")
        await pilot.pause()
        text = first_screens.helped(app.screen)
    assert "Next pane" in text
    for impossible in ("Start a new session", "Write the pane", "A picture of the pane", "Back to the shell"):
        assert impossible not in text


async def test_a_page_is_as_wide_as_the_device_and_has_the_focus_by_itself(address: str) -> None:
    """A telephone else pretends 980 pixels; and page.js is served."""
    async with aiohttp.ClientSession() as client:
        async with client.get(f"http://{address}/") as response:
            page = await response.text()
        assert 'name="viewport" content="width=device-width' in page
        (where,) = re.findall(r'src="([^"]*page\.js)"', page)
        async with client.get(where) as script:
            assert "focus()" in await script.text()


@pytest.mark.parametrize("first", FIRST_SCREENS)
async def test_a_narrow_window_shows_one_column(first: Callable[[Path], Screen[ExitStatus]], tmp_path: Path) -> None:
    """Which is as wide as the window, and in which every pane can be brought into view."""
    app = ClTui(first(tmp_path))
    async with app.run_test(size=(36, 40)) as pilot:
        await pilot.pause()
        assert not app.first.query_one("#too-small").display
        for _ in app.first.query(Pane):
            await pilot.press("n")
            await pilot.pause(0.1)
            shown = app.first.focused
            assert isinstance(shown, Pane)
            assert shown.size.width >= 30
            assert app.first.query_one("#panes").region.contains_region(shown.region)


async def test_no_key_of_read_only_home_changes_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor what the palette offers."""
    monkeypatch.setenv("TEXTUAL_DRIVER", "textual.drivers.web_driver:WebDriver")
    for name in ("one", "two"):
        saved.stopped(tmp_path / "sessions", name)
    before = everything(tmp_path)
    home = HomeScreen(tmp_path / "sessions", read_only=True)
    app = ClTui(home)
    async with app.run_test(size=(120, 30)) as pilot:
        await on_screen(pilot, lambda: home.current)
        for binding in declared(HomeScreen):  # also those that are not offered
            await pilot.press(binding.key)
            await pilot.pause()
            while app.screen is not home:
                app.pop_screen()
        offered = {command.title for command in app.get_system_commands(home)}
        assert not {"New run", "Resume", "Fork", "Rename", "Delete"} & offered
        assert {"Open", "Compare", "Filter"} <= offered
        for command in app.get_system_commands(home):
            if command.title not in ("Quit", "Suspend", "Screenshot"):
                found = command.callback()
                if inspect.isawaitable(found):
                    await found
                await pilot.pause()
                while app.screen is not home:
                    app.pop_screen()
    assert everything(tmp_path) == before


def everything(folder: Path) -> dict[Path, tuple[int, int]]:
    """The files in ``folder``, when they were last written, and how long they are."""
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


def test_what_may_be_called_this_server() -> None:
    assert "127.0.0.1:80" in allowed_hosts("127.0.0.1", 80, None)
    assert "127.0.0.1" in allowed_hosts("127.0.0.1", 80, None)
    assert "0.0.0.0:8000" not in allowed_hosts("0.0.0.0", 8000, "http://lab:8000")


def test_a_port_or_a_name_that_cannot_be_is_told_in_a_sentence(cl_tui: CommandLine, sessions: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = cl_tui("web", "calm-otter", "--port", str(port), "--sessions-dir", str(sessions))
    assert refused.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}: " in refused.err
    assert cl_tui("web", "nobody", "--sessions-dir", str(sessions)).exit_code == 2
    assert "--public-url" in cl_tui("web", "--host", "0.0.0.0", "--sessions-dir", str(sessions)).err


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_a_real_browser_draws_it(address: str, tmp_path: Path) -> None:
    """Chromium, headless, through its own debugging socket: the terminal's canvas is painted, and a key changes
    it, though nobody has clicked.
    """
    assert asyncio.run(_pictures(address, tmp_path)) is None


async def _pictures(address: str, folder: Path) -> None:
    assert CHROMIUM is not None
    browser = subprocess.Popen(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--remote-debugging-port=0",
            f"--user-data-dir={folder / 'profile'}",
            "--window-size=1200,800",
            "about:blank",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        told = folder / "profile" / "DevToolsActivePort"
        until(lambda: told.exists() and told.read_text().count("\n"))
        port = told.read_text().splitlines()[0]
        async with aiohttp.ClientSession() as client:
            async with client.get(f"http://127.0.0.1:{port}/json/list") as listed:
                page = next(target for target in await listed.json() if target["type"] == "page")
            async with client.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as tab:
                number = 0

                async def call(method: str, **parameters: object) -> dict[str, object]:
                    nonlocal number
                    number += 1
                    await tab.send_json({"id": number, "method": method, "params": parameters})
                    while (found := await tab.receive_json(timeout=PATIENCE_SECONDS)).get("id") != number:
                        pass
                    result: dict[str, object] = found["result"]
                    return result

                async def painted(unlike: bytes = b"") -> bytes:
                    """The picture once it stands still for a second, and is neither the opening page nor ``unlike``."""
                    last = b""
                    for _ in range(60):
                        await asyncio.sleep(1)
                        now = str((await call("Page.captureScreenshot"))["data"]).encode()
                        opened = await call("Runtime.evaluate", expression="document.body.className")
                        if now == last != unlike and "-first-byte" in json.dumps(opened):
                            return now
                        last = now
                    raise AssertionError("the page never stood still, or never changed")

                await call("Page.navigate", url=f"http://{address}/")
                first = await painted()
                key = {"key": "?", "code": "Slash", "windowsVirtualKeyCode": 191, "modifiers": 8}
                await call("Input.dispatchKeyEvent", type="keyDown", text="?", **key)
                await call("Input.dispatchKeyEvent", type="keyUp", **key)
                second = await painted(unlike=first)
                if keep := os.environ.get("CL_TUI_TEST_PICTURES"):
                    for name, drawn in (("web", first), ("web-help", second)):
                        (Path(keep) / f"{name}.png").write_bytes(base64.b64decode(drawn))
                assert len(first) > 20_000  # a bare page of this size is a tenth of that
    finally:
        browser.terminate()
        browser.wait(PATIENCE_SECONDS)
