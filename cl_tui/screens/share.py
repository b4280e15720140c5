"""Sharing: a pane or the screen as a picture, a run as a film or as a page that replays itself."""

import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar, Literal

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import OptionList

from cl_tui.exports.cells import svg, with_caption
from cl_tui.panes.base import Pane
from cl_tui.panes.files import name_of, started_in, write_new
from cl_tui.panes.picture import grid_of
from cl_tui.reports import session_facts
from cl_tui.screens.card import CardScreen
from cl_tui.screens.dialogs import Dialog
from cl_tui.screens.monitor import MonitorScreen
from cl_tui.screens.root import RootScreen
from cl_tui.screens.watch import WatchScreen
from engine.errors import EngineError
from engine.sessions.session import Session

Shared = Literal["pane png", "pane svg", "screen png", "screen svg", "gif", "cast", "film"]
_OFFERED: dict[Shared, str] = {
    "pane png": "The pane, as a picture        PNG",
    "pane svg": "                              SVG",
    "screen png": "The screen, as a picture      PNG",
    "screen svg": "                              SVG",
    "film": "A page that replays itself    HTML",
    "gif": "The replay, as a film         GIF",
    "cast": "  … as text                   asciicast",
}
_ENDINGS: dict[Shared, str] = {"gif": "gif", "cast": "cast", "film": "html"}


class ShareDialog(Dialog[Shared | None]):
    """Returns what to share, or None. ``pane``: whether a pane is in focus; ``session``: whether a run is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "", "Save it"),
        Binding("escape", "dismiss(None)", "Cancel"),
    ]

    def __init__(self, pane: bool, session: bool) -> None:
        super().__init__("Share")
        offered = [*(["pane png", "pane svg"] if pane else []), "screen png", "screen svg"]
        self._offered: list[Shared] = [kind for kind in _OFFERED if kind in offered or (session and kind in _ENDINGS)]

    def content(self) -> ComposeResult:
        yield OptionList(*(_OFFERED[kind] for kind in self._offered))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._offered[event.option_index])


def picture(app: App[Any], kind: Shared, pane: Pane | None, stem: str, caption: list[str]) -> Path:
    """Writes a picture with ``caption`` below into the folder where the program was started. Raises EngineError."""
    what, _, ending = kind.partition(" ")
    chosen = pane if what == "pane" else None
    if chosen is not None:
        stem = f"{stem}-{name_of(chosen)}"
    shown = with_caption(grid_of(app, chosen), caption)
    if ending == "svg":
        return write_new(started_in(), stem, "svg", svg(shown, stem))
    from cl_tui.exports.raster import png

    return write_new(started_in(), stem, "png", png(shown))


def film(kind: Shared, session: Session, size: tuple[int, int]) -> Path:
    """Writes the replay of ``session``; takes seconds. In a process of its own, whose screen nobody sees. Raises
    EngineError."""
    path = unused(started_in(), session.name, _ENDINGS[kind])
    command = [sys.executable, "-m", "cl_tui", "sessions", "export", str(session.path), f"--{kind}", str(path)]
    if kind != "film":
        command += ["--size", f"{size[0]}x{size[1]}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
    if done.returncode:
        raise EngineError(done.stderr.strip().removeprefix("cl-tui: ") or "the film could not be made")
    return path


def captions(session: Session) -> list[str]:
    """The settings of a run, what was decided while it ran, and the command that repeats the rest. Raises EngineError
    if the session cannot be read."""
    decided = session_facts.not_repeated(session.history())
    return [
        session_facts.subtitle(session.config),
        *([f"not repeated by the command: {'; '.join(decided)}"] if decided else []),
        session_facts.command(session.config, session.path / "config.toml"),
    ]


def shown_session(screen: RootScreen) -> Session | None:
    """The session whose run ``screen`` shows, if it shows one."""
    if isinstance(screen, MonitorScreen):
        return screen.engine.session
    return screen.session if isinstance(screen, WatchScreen | CardScreen) else None


def unused(folder: Path, stem: str, ending: str) -> Path:
    path, number = folder / f"{stem}.{ending}", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.{ending}"
    return path
