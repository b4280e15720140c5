"""Runs of the same benchmark side by side, at equal steps."""

import time
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from cl_tui.batch.race import Race
from cl_tui.host.exit_status import INTERRUPTED, ExitStatus
from cl_tui.panes.as_of import as_of
from cl_tui.panes.base import keys
from cl_tui.panes.notice import Notice, Sentence
from cl_tui.panes.race.pane import RacePane
from cl_tui.panes.race.view import RaceView, heading
from cl_tui.reports.standings import Entry, clock, standings, step_at
from cl_tui.screens.footer import KeysLine
from cl_tui.screens.reader import Reader
from cl_tui.screens.root import too_small
from cl_tui.screens.training import TrainingScreen
from cl_tui.screens.watch import WatchScreen
from engine.errors import EngineError
from engine.record.history import History
from engine.record.shown import Shown
from engine.training.fork import forkable

POLL_SECONDS = 0.1
DRAW_SECONDS = 0.5
"""Least seconds between two redraws while all train."""
_JUMP = "Choose the run in this place"
_CHOOSE = "Choose a run"


class RaceScreen(TrainingScreen):
    """Trains what it shows, and ends with an ExitStatus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "Pause all", tooltip="Hold all runs, or let them go on"),
        Binding("space", "proceed", "Continue", tooltip="Hold all runs, or let them go on"),
        Binding("enter", "open", "Open one", tooltip="Watch the chosen run in panes of its own; Esc comes back"),
        Binding("left,up", "choose(-1)", "Up", key_display="←", tooltip=_CHOOSE, show=False),
        Binding("right,down", "choose(1)", "Down", key_display="→", tooltip=_CHOOSE, show=False),
        *keys(*((str(number), f"jump({number})", f"Place {number}", _JUMP) for number in range(1, 10))),
        Binding("F", "fork", "Fork one", tooltip="Start a new session at the end of a task of the chosen run"),
        Binding("o", "order", "Order", tooltip="In the order of their places, or as they were typed"),
        Binding("e", "examples", "Other examples", tooltip="Follow other test examples"),
    ]
    AUTO_FOCUS = "RacePane"
    HORIZONTAL_BREAKPOINTS = [(0, "-too-narrow"), (50, "-wide-enough")]  # noqa: RUF012 (as Textual declares it)
    VERTICAL_BREAKPOINTS = [(0, "-too-low"), (12, "-high-enough")]  # noqa: RUF012 (as Textual declares it)

    def __init__(self, race: Race) -> None:
        super().__init__()
        self.race = race
        self.readers = [Reader(session) for session in race.sessions]
        self.chosen, self.by_place, self.page = 0, True, 0
        self.shown: Shown | None = None
        self._drawn: tuple[object, ...] = ()
        self._drawn_at = 0.0
        self._told: set[int] = set()
        self._leaving = False

    def compose(self) -> ComposeResult:
        yield Sentence("race-title")
        yield RacePane()
        yield Notice()
        yield KeysLine()
        yield too_small("the race", 50, 12)

    def on_mount(self) -> None:
        self.set_interval(POLL_SECONDS, self.poll)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.redraw()
        for reader in self.readers:
            reader.start()
        self.race.start()

    def on_resize(self) -> None:
        self.call_after_refresh(self.redraw)

    def on_unmount(self) -> None:
        for reader in self.readers:
            reader.end()
        self.race.close()

    # What it shows

    @property
    def histories(self) -> list[History]:
        return [reader.recording.newest for reader in self.readers]

    def current_view(self) -> RaceView:
        """All at the clock of the slowest."""
        newest = self.histories
        now = min(map(clock, newest))
        known = [as_of(history, step_at(history, now)) for history in newest]
        entries = (
            Entry(session.name, session.config, history)
            for session, history in zip(self.race.sessions, known, strict=True)
        )
        look = (self.chosen, self.by_place, self.page, self.race.paused)
        return RaceView(tuple(entries), self.shown, tuple(self.race.doing), *look)

    def poll(self) -> None:
        self.race.poll(self.histories)
        self._tell_ends()
        if self._leaving and not self.race.training:
            self.host.end(self, self.status())
            return
        drawn = (*(reader.recording.newest for reader in self.readers), self.race.paused)
        new = any(a is not b for a, b in zip(drawn, self._drawn or [None] * len(drawn), strict=True))
        if new and time.monotonic() - self._drawn_at >= DRAW_SECONDS:
            self._drawn = drawn
            self.redraw()

    def _tell_ends(self) -> None:
        for place, ended in self.race.ended.items():
            if place not in self._told:
                self._told.add(place)
                if ended.state in ("failed", "elsewhere"):
                    self.reply(f"{self.race.sessions[place].name}: {ended.message}", float("inf"))
                self.redraw()

    def redraw(self) -> None:
        self._drawn_at = time.monotonic()
        if self.shown is None:
            self.shown = next(filter(None, (Shown.read(session.path) for session in self.race.sessions)), None)
        view = self.current_view()
        self.query_one(".race-title", Sentence).put(heading(view, max(self.size.width - 2, 1)), layout=False)
        self.query_one(RacePane).show(view)
        self.offer_by(self.race.paused, self.race.training)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        offered = {
            "pause": self.race.training and not self.race.paused,
            "proceed": self.race.training and self.race.paused,
        }
        return offered.get(action, True)

    def _change(self, **changed: object) -> None:
        for name, value in changed.items():
            setattr(self, name, value)
        self.redraw()

    def action_pause(self) -> None:
        self.race.paused = True
        self.reply("All runs wait; space continues")
        self.redraw()

    def action_proceed(self) -> None:
        self.race.paused = False
        self.redraw()

    def action_choose(self, by: int) -> None:
        order = self.current_view().order
        self._change(chosen=order[(order.index(self.chosen) + by) % len(order)])

    def action_jump(self, place: int) -> None:
        order = self.current_view().order
        if place <= len(order):
            self._change(chosen=order[place - 1])
        else:
            self.reply(f"There are {len(order)} runs")

    def action_order(self) -> None:
        self._change(by_place=not self.by_place)
        self.reply("In the order of their places" if self.by_place else "In the order in which they were typed")

    def action_examples(self) -> None:
        if self.shown is None:
            self.reply("No examples yet: they come with the first step")
        else:
            self._change(page=self.page + 1)

    def action_open(self) -> None:
        session = self.race.sessions[self.chosen]
        try:
            self.app.push_screen(WatchScreen(session.path.parent, session.name))
        except EngineError as error:
            self.reply(str(error))

    @work
    async def action_fork(self) -> None:
        from cl_tui.screens.fork import ForkDialog

        session, history = self.race.sessions[self.chosen], self.histories[self.chosen]
        if not forkable(session, history):
            self.reply("No fork yet: a fork begins at the end of a task that is not the last")
        elif (made := await self.app.push_screen_wait(ForkDialog(session, history))) is not None:
            self.train(made)

    # Leaving

    def leave(self) -> None:
        """Every run saves and stops; the same command continues."""
        if self._leaving or not self.race.training:
            self.host.end(self, self.status())
            return
        self._leaving = True
        self.race.stop()
        self.reply("Saving…", float("inf"))

    def status(self) -> ExitStatus:
        histories = self.histories
        entries = [
            Entry(session.name, session.config, history)
            for session, history in zip(self.race.sessions, histories, strict=True)
        ]
        lines = [
            f"{of.place}  {entries[of.entry].label}  {entries[of.entry].history.score.full(entries[of.entry].average)}"
            f"{'  even' if of.even else ''}  ({entries[of.entry].name})"
            for of in standings(entries)
        ]
        failed = [place for place, ended in self.race.ended.items() if ended.state == "failed"]
        if all(history.state == "finished" for history in histories):
            return ExitStatus(0, "\n".join(lines))
        if failed:
            place = failed[0]
            return ExitStatus(1, f"{self.race.sessions[place].name}: {self.race.ended[place].message}")
        return ExitStatus(INTERRUPTED, "\n".join([*lines, "stopped and saved; run the same command to continue"]))
