"""The monitor: four panes that follow one training run, and the keys that steer it.

The timer asks, the engine's thread computes: nothing here waits for the engine.
"""

import time
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.events import Click
from textual.screen import Screen
from textual.widgets import Footer, Static

from cl_tui import words
from cl_tui.outcome import Outcome, outcome
from cl_tui.screens.failure import FailureScreen
from cl_tui.widgets.accuracy import AccuracyPane
from cl_tui.widgets.curves import CurvesPane
from cl_tui.widgets.header import HeaderLine
from cl_tui.widgets.importance import ImportancePane
from cl_tui.widgets.pane import Pane
from cl_tui.widgets.tasks import TasksPane
from cl_tui.widgets.view import View
from cl_tui.widgets.warning import Notice
from engine.benchmarks import BENCHMARKS
from engine.history import History
from engine.runner import EngineThread
from engine.watchdog import caution, warnings

POLL_SECONDS = 0.1
FULL_SPEED_SECONDS = 0.4
"""Between two redraws at full speed, when the engine needs the lock that the drawing holds."""
REPLY_SECONDS = 4.0
"""How long the answer to a key stands where the news were."""
PATIENCE_SECONDS = 10.0
"""How long quitting waits for the engine before it says so."""
SLOW_PACE = 50.0
"""Steps a second in slow motion, for benchmarks that name no pace of their own."""

_PAUSE = "Pause, or continue"
_ZOOM = "Zoom the pane, or back (also: double click)"
_PACE = "Full speed, or slow motion (changes no number)"


class MonitorScreen(Screen[None]):
    """Shows ``engine``'s run, starts it once the first frame is painted, and ends the app with an Outcome."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "Pause", tooltip=_PAUSE),
        Binding("space", "proceed", "Continue", tooltip=_PAUSE),
        Binding("s", "save", "Save", tooltip="Save a checkpoint now"),
        Binding("z,enter", "zoom", "Zoom", tooltip=_ZOOM),
        Binding("z,enter", "unzoom", "All panes", tooltip=_ZOOM),
        Binding("escape", "back", "Back", tooltip="Back out of the zoom", show=False),
        Binding("n", "next_pane(1)", "Next pane", tooltip="Next pane"),
        Binding("tab", "next_pane(1)", "Next pane", tooltip="Next pane", show=False),
        Binding("shift+tab", "next_pane(-1)", "Previous", tooltip="Previous pane", show=False),
        Binding("f", "full_speed", "Full speed", tooltip=_PACE),
        Binding("f", "slow_motion", "Slow", tooltip=_PACE),
    ]
    ALLOW_IN_MAXIMIZED_VIEW = "HeaderLine, Notice, Footer"
    ESCAPE_TO_MINIMIZE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-too-narrow"), (60, "-wide-enough")]  # noqa: RUF012 (as Textual declares it)
    VERTICAL_BREAKPOINTS = [(0, "-too-low"), (18, "-high-enough")]  # noqa: RUF012 (as Textual declares it)
    AUTO_FOCUS = "TasksPane"

    def __init__(self, engine: EngineThread, pace: float | None) -> None:
        super().__init__()
        self.engine = engine
        self._slow_pace = pace or BENCHMARKS[engine.session.config.benchmark].watch_pace or SLOW_PACE
        self._view: View | None = None
        self._choices: tuple[bool, ...] = ()
        """What ``check_action`` went by when the footer was last built."""
        self._drawn_at = 0.0
        self._news = ""
        self._reply = ""
        self._reply_until = 0.0
        self._leaving_since: float | None = None
        self._failure_shown = False

    def compose(self) -> ComposeResult:
        yield HeaderLine()
        with Container(id="panes"):
            yield TasksPane()
            yield AccuracyPane()
            yield CurvesPane()
            yield ImportancePane()
        yield Notice()
        yield Footer(compact=True)
        yield Static(
            "The terminal is too small for the monitor: it needs at least 60 columns and 18 lines. "
            "Training goes on; q quits.",
            id="too-small",
        )

    def on_mount(self) -> None:
        self.set_interval(POLL_SECONDS, self.poll)
        self.call_after_refresh(self._begin)

    def on_resize(self) -> None:
        self.call_after_refresh(self.redraw)

    def _begin(self) -> None:
        self.redraw()
        self.call_after_refresh(self.engine.start)

    # Following the run

    def poll(self) -> None:
        """Ten times a second: redraws if there is anything new, less often at full speed."""
        now = time.monotonic()
        if self._leaving_since is not None:
            self._leave_when_saved(now)
        if self.engine.error is not None and not self._failure_shown and self._leaving_since is None:
            self._failure_shown = True
            self.redraw()
            self.app.push_screen(FailureScreen(self.engine.error, self.engine.history, outcome(self.engine)))
            return
        view = self._look()
        reply_over = bool(self._reply) and now >= self._reply_until
        full_speed = view.training and not view.paused and view.pace is None
        if reply_over or (view.differs(self._view) and not (full_speed and now - self._drawn_at < FULL_SPEED_SECONDS)):
            self.redraw()

    def redraw(self) -> None:
        """Shows what is known at this moment."""
        before, self._view = self._view, self._look()
        self._drawn_at = time.monotonic()
        view = self._view
        earlier = before.history if before else History()
        self._news = words.latest_news(earlier, view.history) or self._news
        if earlier.state == "loading" and view.training:
            self._news = caution(view.config) or self._news
        self.query_one(HeaderLine).show(view)
        for pane in self._visible_panes():
            pane.show(view)
        self._show_notice(view)
        choices = (view.paused, view.pace is None, self.maximized is None)
        if choices != self._choices:
            self._choices = choices
            self.refresh_bindings()

    def _look(self) -> View:
        engine, control = self.engine, self.engine.control
        session = engine.session
        return View(session.name, session.config, engine.history, control.activity, control.paused, control.pace)

    def _visible_panes(self) -> list[Pane]:
        if isinstance(self.maximized, Pane):
            return [self.maximized]
        return list(self.query(Pane))

    def _show_notice(self, view: View) -> None:
        if self._reply and time.monotonic() >= self._reply_until:
            self._reply = ""
        alarms = warnings(view.history, view.config)
        notice = self.query_one(Notice)
        if self._reply:
            notice.say(self._reply)
        elif view.loading:
            notice.say(f"{view.activity}…")
        elif alarms and view.history.state != "finished":
            notice.say(alarms[0] if len(alarms) == 1 else f"{alarms[0]}  (and {len(alarms) - 1} more)", warning=True)
        elif alarms:
            notice.say(f"{alarms[0]}\n{self._news}", warning=True)
        else:
            notice.say(self._news)

    def reply(self, text: str, seconds: float = REPLY_SECONDS) -> None:
        """Answers a key in the line below the panes."""
        self._reply, self._reply_until = text, time.monotonic() + seconds
        self.redraw()

    # Steering it

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Of two actions on one key, the one that makes sense now."""
        match action:
            case "pause":
                return not self.engine.control.paused
            case "proceed":
                return self.engine.control.paused
            case "zoom":
                return self.maximized is None
            case "unzoom":
                return self.maximized is not None
            case "full_speed":
                return self.engine.control.pace is not None
            case "slow_motion":
                return self.engine.control.pace is None
        return True

    def _ended(self, wish: str) -> bool:
        """Whether it is too late to steer; then says why ``wish`` does nothing."""
        state = self.engine.history.state
        if self._leaving_since is not None:
            self.reply(f"Leaving: nothing to {wish} any more")
        elif state in ("finished", "failed", "stopped"):
            self.reply(
                f"The run has {state}: nothing to {wish}"
                if state == "failed"
                else f"The run is {state}: nothing to {wish}"
            )
        else:
            return False
        return True

    def action_pause(self) -> None:
        if not self._ended("pause"):
            self.engine.control.pause()
            self.reply("Paused; space continues", seconds=float("inf"))

    def action_proceed(self) -> None:
        if not self._ended("continue"):
            self.engine.control.proceed()
            self.reply("Training goes on")

    def action_save(self) -> None:
        if self._ended("save"):
            return
        if self.engine.history.step == 0:
            self.reply("Nothing to save yet: no step is taken")
        else:
            self._reply = ""
            self.engine.control.save()
            self._news = "Saving…"
            self.redraw()

    def action_full_speed(self) -> None:
        if not self._ended("speed up"):
            self.engine.control.set_pace(None)
            self.reply("Full speed")

    def action_slow_motion(self) -> None:
        if not self._ended("slow down"):
            self.engine.control.set_pace(self._slow_pace)
            self.reply(f"Slow motion: {self._slow_pace:g} steps a second")

    # Looking closer

    def action_zoom(self) -> None:
        pane = self.focused if isinstance(self.focused, Pane) else self.query(Pane).first()
        self.set_focus(pane)
        self.maximize(pane)
        self.call_after_refresh(self.redraw)

    def action_unzoom(self) -> None:
        self.minimize()
        self.call_after_refresh(self.redraw)

    def action_back(self) -> None:
        if self.maximized is None:
            self.reply("Nothing to go back from; q quits")
        else:
            self.action_unzoom()

    def action_next_pane(self, direction: Literal[1, -1]) -> None:
        panes = list(self.query(Pane))
        here = panes.index(self.focused) if isinstance(self.focused, Pane) else -direction
        pane = panes[(here + direction) % len(panes)]
        if self.maximized is not None:
            self.maximize(pane)
            self.call_after_refresh(self.redraw)
        self.set_focus(pane)

    def on_click(self, event: Click) -> None:
        if event.chain == 2 and isinstance(event.widget, Pane):
            self.set_focus(event.widget)
            if self.maximized is None:
                self.action_zoom()
            else:
                self.action_unzoom()

    # Leaving

    def leave(self) -> None:
        """Saves and ends the app; asked a second time, ends it at once."""
        engine = self.engine
        engine.control.stop()
        if not engine.alive or engine.history.state == "loading" or self._leaving_since is not None:
            self._exit()
            return
        self._leaving_since = time.monotonic()
        self.reply("Saving…", seconds=float("inf"))

    def _leave_when_saved(self, now: float) -> None:
        assert self._leaving_since is not None
        if not self.engine.alive:
            self._exit()
        elif now - self._leaving_since > PATIENCE_SECONDS:
            self.reply(
                "The engine does not answer: q leaves at once, and the last checkpoint is kept", seconds=float("inf")
            )

    def _exit(self) -> None:
        found: Outcome = outcome(self.engine)
        self.app.exit(found, return_code=found.exit_code)
