"""Y: the forks and choices of a session's family, from which each can be opened."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from cl_tui.host.background import run_in_background
from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes.notice import Notice, Sentence
from cl_tui.panes.tree import Tree, TreePane
from cl_tui.reports.family import family
from cl_tui.screens.footer import KeysLine
from cl_tui.screens.root import RootScreen, too_small
from engine.errors import EngineError
from engine.sessions.listing import list_sessions, read_session

_MOVE = "From session to session"
_ALONG = "Along a session: where it began, its choices of strength, its end"


class TreeScreen(RootScreen):
    """``here``: shows a step of the session ``name`` where this screen was opened; else it opens like the others."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", key_display="↑", tooltip=_MOVE, show=False),
        Binding("down", "move(1)", "Session", key_display="↑↓", tooltip=_MOVE),
        Binding("left", "along(-1)", "Left", key_display="←", tooltip=_ALONG, show=False),
        Binding("right", "along(1)", "Choice", key_display="←→", tooltip=_ALONG),
        Binding("enter", "open", "Open", tooltip="Open the session, at the chosen step"),
        Binding("r", "reload", "Reload", tooltip="Read the sessions again"),
        Binding("escape,Y", "back", "Back", tooltip="Back to where you were"),
    ]
    AUTO_FOCUS = "TreePane"
    HORIZONTAL_BREAKPOINTS = [(0, "-too-narrow"), (40, "-wide-enough")]  # noqa: RUF012 (as Textual declares it)
    VERTICAL_BREAKPOINTS = [(0, "-too-low"), (8, "-high-enough")]  # noqa: RUF012 (as Textual declares it)

    def __init__(
        self, sessions_dir: Path, name: str, here: Callable[[int], None] | None = None, read_only: bool = False
    ) -> None:
        super().__init__()
        self._folder, self._session, self._here, self._read_only = sessions_dir, name, here, read_only
        self.shown: Tree | None = None

    def compose(self) -> ComposeResult:
        yield Sentence("tree-title")
        yield TreePane()
        yield Notice()
        yield KeysLine()
        yield too_small("the tree", 40, 8)

    def on_mount(self) -> None:
        self.query_one(Sentence).put(f"tree · {self._session}")
        self.action_reload()

    def action_reload(self) -> None:
        self._read()

    @work(exclusive=True)
    async def _read(self) -> None:
        try:
            tree = await run_in_background(self, self._found)
        except (EngineError, OSError) as error:
            self.reply(str(error), float("inf"))
            return
        if tree is None:
            self.reply(f"There is no session {self._session} any more", float("inf"))
            return
        self._show(tree)
        forks = len(tree.branches) - 1
        told = f"{forks} fork{'s' if forks != 1 else ''}" if forks else "no forks yet: F makes one"
        self.query_one(Sentence).put(f"tree · {tree.branches[0].listed.name} · {told}")

    def _found(self) -> Tree | None:
        """Runs in a thread. The list knows no tasks of a finished session, so one is read whole."""
        branches = family({listed.name: listed for listed in list_sessions(self._folder)}, self._session)
        if not branches:
            return None
        histories = [branch.listed.history for branch in branches]
        starts = next((known.starts for known in histories if known is not None and known.tasks), ())
        if not starts and (whole := read_session(self._folder, branches[0].listed.name).history) is not None:
            starts = whole.starts
        row = next(place for place, branch in enumerate(branches) if branch.listed.name == self._session)
        return Tree(branches, starts, row, len(branches[row].nodes) - 1)

    def _show(self, tree: Tree) -> None:
        self.shown = tree
        self.query_one(TreePane).show(tree)

    def action_move(self, by: int) -> None:
        if (tree := self.shown) is not None:
            row = min(max(tree.row + by, 0), len(tree.branches) - 1)
            self._show(replace(tree, row=row, node=len(tree.branches[row].nodes) - 1))

    def action_along(self, by: int) -> None:
        if (tree := self.shown) is not None:
            self._show(replace(tree, node=min(max(tree.node + by, 0), len(tree.branches[tree.row].nodes) - 1)))

    def action_open(self) -> None:
        from cl_tui.screens.watch import WatchScreen

        if self.shown is None:
            return
        branch, node = self.shown.chosen
        name = branch.listed.name
        if name == self._session and self._here is not None:
            self.leave()
            self._here(node.step)
            return
        try:
            at = None if node.kind == "tip" else node.step
            self.app.push_screen(WatchScreen(self._folder, name, self._read_only, at))
        except EngineError as error:
            self.reply(str(error))

    def action_back(self) -> None:
        self.leave()

    def leave(self) -> None:
        self.host.end(self, ExitStatus(0, ""))
