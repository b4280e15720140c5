"""``cl-tui web``: home and watch in a browser, read-only, through textual-serve.

Each open page has its own process, which shows what the same command shows in a terminal.
"""

import shlex
import socket
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from textual_serve.app_service import AppService
from textual_serve.server import Server

from engine.errors import ConfigError, EngineError

PAGE = Path(__file__).parent / "web_page"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MOST_PAGES = 20
"""Most pages open at a time; each is a process."""
MOST_CELLS = {"width": 500, "height": 200}
"""Largest terminal of a page, which its process keeps in memory."""


class ReadOnlyServer(Server):
    """Serves ``arguments`` of cl-tui to its own pages only."""

    def __init__(self, arguments: list[str], host: str, port: int, public_url: str | None) -> None:
        command = [sys.executable, "-m", "cl_tui", *arguments]
        line = subprocess.list2cmdline(command) if sys.platform == "win32" else shlex.join(command)
        super().__init__(line, _bracketed(host), port, "cl-tui", public_url, templates_path=PAGE)
        self._bound_to = host
        self.allowed = allowed_hosts(host, port, public_url)
        """The names that browsers may use for this server, as host:port."""
        self._pages = 0

    def initialize_logging(self) -> None:
        """Sets up no logging: problems in a page's process are printed on stdout."""

    async def on_startup(self, app: web.Application) -> None:
        print(f"cl-tui web: {self.public_url} (read-only; Ctrl-C ends it)", flush=True)

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.router.add_get("/page.js", _script)
        app.middlewares.append(_only_own_pages(self.allowed))
        app.on_response_prepare.append(self._restrict)
        self.host = self._bound_to
        return app

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        if self._pages >= MOST_PAGES:
            raise web.HTTPServiceUnavailable(text=f"cl-tui web: {MOST_PAGES} pages are already open: close one")
        self._pages += 1
        try:
            url = request.rel_url.update_query(_size(request.query))
            return await super().handle_websocket(request.clone(rel_url=url))
        finally:
            self._pages -= 1

    async def _process_messages(self, websocket: web.WebSocketResponse, app_service: AppService) -> None:
        """Runs until the page is closed, or sends a message that no page of this server sends."""
        async for message in websocket:
            try:
                said = message.json()
            except (TypeError, ValueError, RecursionError):
                return
            match said:
                case ["stdin", str(keys)]:
                    await app_service.send_bytes(keys.encode("utf-8", "replace"))
                case ["resize", {"width": int(), "height": int()} as size]:
                    await app_service.set_terminal_size(**_size(size))
                case ["ping", content]:
                    await websocket.send_json(["pong", content])
                case ["focus", *_]:
                    await app_service.focus()
                case ["blur", *_]:
                    await app_service.blur()
                case _:
                    return

    async def _restrict(self, request: web.Request, response: web.StreamResponse) -> None:
        """Tells the browser to load only this server's scripts, and not to show its pages inside others."""
        address = urlsplit(self.public_url)
        here = f"'self' {address.scheme}://{address.netloc}"
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src {here}; style-src {here} 'unsafe-inline'; font-src {here}; "
            f"connect-src {here} {address.scheme.replace('http', 'ws')}://{address.netloc}; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"


async def _script(request: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE / "page.js")


def _size(asked: Mapping[str, object]) -> dict[str, int]:
    """Columns and lines that a page asks for, within bounds; anything but a number means the usual terminal.

    >>> _size({"width": "100000", "height": -1}), _size({"width": "wide"})
    ({'width': 500, 'height': 1}, {'width': 80, 'height': 24})
    """
    usual = {"width": 80, "height": 24}
    digits = {name: str(asked.get(name, "")).removeprefix("-").isdecimal() for name in usual}
    wanted = {name: int(str(asked[name])[:9]) if digits[name] else usual[name] for name in usual}
    return {name: min(max(1, cells), MOST_CELLS[name]) for name, cells in wanted.items()}


def _only_own_pages(allowed: Collection[str]) -> Middleware:
    """Refuses other names for this server (DNS rebinding) and pages of other sites."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if request.host not in allowed or (origin is not None and urlsplit(origin).netloc not in allowed):
            raise web.HTTPForbidden(text="cl-tui web: this page is not allowed to show these sessions")
        return await handler(request)

    return check


def allowed_hosts(host: str, port: int, public_url: str | None) -> frozenset[str]:
    """The values of a Host header that name this server.

    >>> sorted(allowed_hosts("127.0.0.1", 8000, None))
    ['127.0.0.1:8000', '[::1]:8000', 'localhost:8000']
    >>> "tracker.lab" in allowed_hosts("0.0.0.0", 8000, "https://tracker.lab")
    True
    """
    names = {*LOOPBACK, _bracketed(host)} - {"0.0.0.0", "[::]"}
    found = {f"{name}:{port}" for name in names} | ({*names} if port == 80 else set())
    return frozenset(found | ({urlsplit(public_url).netloc} if public_url else set()))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def serve(arguments: list[str], host: str, port: int, public_url: str | None) -> None:
    """Serves until Ctrl-C. Raises ConfigError, or EngineError if the port is not available."""
    if public_url is not None and urlsplit(public_url).scheme not in ("http", "https"):
        raise ConfigError(f"--public-url {public_url}: write it as a browser shows it, for example http://lab:8000")
    if host in ("0.0.0.0", "::") and public_url is None:
        raise ConfigError(f"--host {host} needs --public-url: the address at which browsers find it")
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host, port))
    except OSError as error:
        raise EngineError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another --port or --host"
        ) from None
    ReadOnlyServer(arguments, host, port, public_url).serve()
