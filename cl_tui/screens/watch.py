"""Watch: the monitor's panes for a session that trains elsewhere or is replayed. Nothing is written into its folder."""

import contextlib
import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes.forgotten.pane import ForgottenPane
from cl_tui.panes.view import View
from cl_tui.reports import text
from cl_tui.reports.ending import resume_line
from cl_tui.screens.fork import ForkDialog
from cl_tui.screens.panes import PanesScreen
from cl_tui.screens.position import GoDialog, PositionLine, following, position, speed
from cl_tui.screens.reader import Reader
from engine.catalog.own_loop import OWN_LOOP
from engine.errors import SessionDamaged
from engine.record.history import History
from engine.sessions.recording import Replay
from engine.sessions.session import Session
from engine.training.fork import forkable, unforkable

GONE_SECONDS = 60.0
"""A run that is silent for this long when opened, and not trained on this machine, is replayed."""
PROBLEM_SECONDS = 10.0
"""How long the message about a stopped session is shown, with the command that continues it."""
POSITION_SECONDS = 0.25
"""Least seconds between two paints of the line of the position, between redraws."""
READING_SECONDS = 0.5
"""Seconds between two redraws while a long log is read, because drawing slows reading down."""

_OF_A_REPLAY = frozenset(
    {"play", "pause", "step(1)", "step(-1)", "speed(1)", "speed(-1)", "border(1)", "border(-1)", "go", "end"}
)
_PLAY = "Replay: play, or pause"
_STEP = "Replay: one report of steps forward, or back"
_SPEED = "Replay: faster, or slower"
_BORDER = "Replay: to the start of the next task, or of the one before"
_QUIT = "Quit; watching changes nothing"
_MODE = "Replay what is recorded so far, or follow the run again"


class WatchScreen(PanesScreen):
    """Follows the session while it trains; otherwise replays it, starting at its end."""

    KEYS_TITLE = "Replay"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "play", "Play", tooltip=_PLAY),
        Binding("space", "pause", "Pause", tooltip=_PLAY),
        Binding("semicolon", "step(1)", "Step", key_display=";", tooltip=_STEP, show=False),
        Binding("comma", "step(-1)", "Step back", key_display=",", tooltip=_STEP, show=False),
        Binding("greater_than_sign", "speed(1)", "Faster", key_display=">", tooltip=_SPEED, show=False),
        Binding("less_than_sign", "speed(-1)", "Slower", key_display="<", tooltip=_SPEED, show=False),
        Binding("right_square_bracket", "border(1)", "Task", key_display="]", tooltip=_BORDER),
        Binding("left_square_bracket", "border(-1)", "Task before", key_display="[", tooltip=_BORDER, show=False),
        Binding("g,G", "go", "Go to", tooltip="Replay: go to a step, or to the start of a task"),
        Binding("home", "start", "Start", tooltip="Replay: to the start", priority=True, show=False),
        Binding("end", "end", "End", tooltip="Replay: to the end", priority=True, show=False),
        Binding("r", "replay", "Replay", tooltip=_MODE),
        Binding("r", "follow", "Follow", tooltip=_MODE),
        Binding("R", "card", "Result", tooltip="What became of the finished run, and what to do next", show=False),
        Binding("F", "fork", "Fork", tooltip="Start a new session from the end of a task", show=False),
        Binding("q", "app.leave", "Quit", tooltip=_QUIT),
        Binding("ctrl+c", "app.quit", "Quit", tooltip=_QUIT, show=False, priority=True),
    ]

    def __init__(self, sessions_dir: Path, name: str, read_only: bool = False, start_at: int | None = None) -> None:
        """``read_only``: no forks either. ``start_at``: the step that a replay begins at, by default the last. Raises
        SessionNotFound, or SessionDamaged if its settings are unreadable."""
        super().__init__()
        self._read_only = read_only
        self.trains_in = None if read_only else sessions_dir
        self._start_at = start_at
        self.session = Session.open(sessions_dir, name)
        self.reader = Reader(self.session)
        self.recording = self.reader.recording
        self.replay: Replay | None = None
        """None while following a run."""
        self._decided = False
        """Whether it is known if there is a run to follow."""
        self._problem = ""
        """Why reading the log has stopped, as it is shown."""
        self._polled_at = self._positioned_at = time.monotonic()
        self._shown = History()

    def compose_below(self) -> ComposeResult:
        yield PositionLine()

    def start(self) -> None:
        self.reader.start()

    def on_unmount(self) -> None:
        self.reader.end()

    # Following

    def poll(self) -> None:
        now = time.monotonic()
        passed, self._polled_at = now - self._polled_at, now
        if self.recording is not self.reader.recording:
            self._begin_again()
        if self.reader.problem != self._problem:
            self._problem = self.reader.problem
            self.redraw()
        if self.reader.loaded and not self._decided:
            self._decide()
        if self.replay is not None and self.replay.playing:
            self.replay.advance(passed)
            if not self.replay.playing:
                self._ended()
        if now - self._positioned_at >= POSITION_SECONDS:
            self._show_position()
        super().poll()

    def _decide(self) -> None:
        """Runs once, when the log is read: a run that is over is replayed."""
        self._decided = True
        if self.replay is None and self.recording.events and (self.over or self._gone):
            self.replay = Replay(self.recording)
            if self._start_at is not None:
                self._go_to_step(self._start_at)
            self.refresh_bindings()
            if not self.over:
                self.reply(
                    f"It stopped without giving a reason. To continue: {resume_line(self.session)}", PROBLEM_SECONDS
                )

    @property
    def over(self) -> bool:
        """Whether the log says that training is over."""
        return self.recording.newest.state in ("finished", "stopped", "failed")

    @property
    def _gone(self) -> bool:
        return self.reader.here is not True and self.reader.follower.silence >= GONE_SECONDS

    def _begin_again(self) -> None:
        """The run was resumed from a checkpoint: later events in the log no longer count."""
        self.recording = self.reader.recording
        earlier, self.replay = self.replay, None
        if earlier is not None and self.recording.events:
            self.replay = Replay(self.recording)
            self.replay.seek(self.recording.at_step(earlier.step))
            self.replay.speed, self.replay.playing = earlier.speed, earlier.playing
        self.news = ""
        self.reply("The run was resumed from a checkpoint: its log was cut there and is being read again")

    def _ended(self) -> None:
        """The replay has reached the end of the recording."""
        if self.over or self._gone or not self.reader.loaded:
            self.reply("The end; space plays from the start")
        else:
            self.action_follow()
            self.reply("Caught up with the run, and following it again")
        self.refresh_bindings()

    def current_view(self) -> View:
        paused, session = self.replay is not None and not self.replay.playing, self.session
        state = (self._history(), self._activity(), paused)
        replaying = self.replay is not None
        return View(session.name, session.config, *state, viewport=self.viewport, shown=self.shown, replaying=replaying)

    @property
    def folder(self) -> Path:
        return self.session.path

    def _history(self) -> History:
        if self.replay is None:
            self._shown = self.recording.newest
        else:
            with contextlib.suppress(SessionDamaged):  # a resume has just cut the log: it is read again soon
                self._shown = self.replay.history
        return self._shown

    def _activity(self) -> str:
        if not self.reader.loaded:
            return "reading the session"
        return "before the training began" if self.replay is not None else "waiting for the run to begin"

    def news_of(self, before: View | None, view: View) -> str:
        if before is None or not self.reader.loaded or view.history.step < before.history.step:
            return ""
        return text.latest_news(before.history, view.history, view.config) or ""

    def warning(self, view: View) -> str:
        return self._problem or super().warning(view)

    @property
    def never(self) -> frozenset[str]:
        """Forking from a read-only page, or what a program of the user's own trains; following a run that is over."""
        found = super().never
        if self._read_only or self.session.config.benchmark == OWN_LOOP:
            found |= {"fork", "analyse"}
        if self.replay is not None and self.recording.newest.state == "finished":
            found |= {"replay", "follow"}
        return found

    def choices(self, view: View) -> tuple[Hashable, ...]:
        replay = self.replay
        at = None if replay is None else (replay.playing, replay.at_start, replay.at_end)
        return (at, self.recording.newest.state)

    def redraw_interval(self, view: View) -> float:
        return 0.0 if self.reader.loaded else READING_SECONDS

    def redraw(self) -> None:
        super().redraw()
        self._show_position()

    def _show_position(self) -> None:
        self._positioned_at = time.monotonic()
        line = self.query_one(PositionLine)
        if self.replay is None:
            line.say(following(self.reader, self.over))
        else:
            line.say(position(self.replay, line.content_size.width))

    # The replay

    @property
    def refused(self) -> frozenset[str]:
        """Also actions that only a replay has."""
        if self.replay is None:
            return self.never | _OF_A_REPLAY
        beyond = {"step(1)", "border(1)", "end"} if self.replay.at_end else frozenset[str]()
        return self.never | beyond | ({"step(-1)", "border(-1)", "start"} if self.replay.at_start else frozenset())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        replaying, typing = self.replay is not None, isinstance(self.focused, Input)
        playing = self.replay is not None and self.replay.playing
        offered = {"play": not playing, "pause": playing, "replay": not replaying, "follow": replaying}
        offered |= {"start": replaying and not typing, "end": not typing}  # otherwise these keys are the pane's
        return offered.get(action, super().check_action(action, parameters))

    def _replayed(self, wish: str) -> Replay | None:
        """The replay; if there is none, says why ``wish`` is impossible."""
        if self.replay is None:
            state = "The run is over" if self.over else "This follows the run as it trains"
            why = f"{state}: r replays it" if self.reader.loaded else "Still reading: r replays what is read so far"
            self.reply(f"{why}, and then you can {wish}")
        return self.replay

    def on_forgotten_pane_step_wanted(self, message: ForgottenPane.StepWanted) -> None:
        """Without a replay, the crosshair goes there."""
        if self.replay is None:
            super().on_forgotten_pane_step_wanted(message)
            return
        self.replay.pause()
        self.viewport = replace(self.viewport, cursor=None)
        self.replay.seek(self.recording.at_step(message.step))
        self._jumped()

    def _jumped(self) -> None:
        self.news = ""
        self.forget_reply()
        self.redraw()
        self.refresh_bindings()

    def action_replay(self) -> None:
        if self.recording.events:
            self.replay = Replay(self.recording)
            self._decided = True
            self._jumped()
        else:
            self.reply("Nothing to replay yet: nothing is recorded")

    def action_follow(self) -> None:
        if self.recording.newest.state == "finished":
            self.reply("The run is finished: there is nothing to follow")
        else:
            self.replay = None
            self._jumped()

    def action_play(self) -> None:
        if (replay := self._replayed("play")) is not None:
            if replay.at_end:
                self.news = ""
            replay.play()
            self.forget_reply()
            self.redraw()

    def action_pause(self) -> None:
        if (replay := self._replayed("pause")) is not None:
            replay.pause()
            self.redraw()

    def action_step(self, direction: int) -> None:
        if (replay := self._replayed("step")) is not None:
            replay.pause()
            self._move(replay, direction, replay.forward if direction > 0 else replay.back)

    def action_border(self, direction: int) -> None:
        if (replay := self._replayed("go from task to task")) is not None:
            self._move(replay, direction, replay.next_border if direction > 0 else replay.previous_border)

    def _move(self, replay: Replay, direction: int, move: Callable[[], None]) -> None:
        """Says so if nothing lies in this direction."""
        if replay.at_end if direction > 0 else replay.at_start:
            self.reply(f"This is the {'end' if direction > 0 else 'start'} of the replay")
        else:
            move()
            self._jumped()

    def action_speed(self, by: int) -> None:
        if (replay := self._replayed("change its speed")) is not None:
            if replay.faster(by):
                self.reply(f"{speed(replay.speed)}: a second shows {replay.speed:g} s of training")
            else:
                self.reply(f"{speed(replay.speed)} is the {'highest' if by > 0 else 'lowest'} speed")

    def action_start(self) -> None:
        if (replay := self._replayed("go to its start")) is not None:
            replay.seek(0)
            self._jumped()

    def action_end(self) -> None:
        if (replay := self._replayed("go to its end")) is not None:
            replay.pause()
            replay.seek(self.recording.events - 1)
            self._jumped()

    def action_go(self) -> None:
        if (replay := self._replayed("go to a step")) is not None:
            replay.pause()
            self.redraw()
            self.app.push_screen(GoDialog(self.recording), self._go)

    def _go(self, event: int | None) -> None:
        if event is not None and self.replay is not None:
            self.replay.seek(event)
            self._jumped()

    def _go_to_step(self, step: int) -> None:
        if self.replay is not None:
            self.replay.seek(self.recording.at_step(step))
            self._jumped()

    def action_card(self) -> None:
        from cl_tui.screens.card import CardScreen

        known = self.recording.newest
        if known.state != "finished":
            self.reply("No result yet: the run is not finished")
        else:
            if self.replay is not None:
                self.replay.pause()
            self.app.push_screen(CardScreen(self.session, known, self._from_card, self._leave_with, self._read_only))

    def _from_card(self, step: int) -> None:
        """Replays from ``step`` on, with the card gone."""
        self.app.pop_screen()
        if self.replay is None:
            self.action_replay()
        self._go_to_step(step)

    def show_at(self, event: int) -> None:
        """Replays, and stands still after this event of the recording, which must have one."""
        if self.replay is None:
            self.replay = Replay(self.recording)
        self.replay.pause()
        self.replay.seek(event)
        self._jumped()

    def action_fork(self) -> None:
        """Offers the last task that had been completed at this moment."""
        known = self.recording.newest
        if self._read_only:
            self.reply("This screen is read-only: it cannot fork sessions")
        elif not known.matrix:
            self.reply("No fork yet: a fork begins at the end of a task")
        elif not forkable(self.session, known):
            self.reply(f"No fork: {unforkable(self.session.config)}")
        else:
            if self.replay is not None:
                self.replay.pause()
            self.app.push_screen(ForkDialog(self.session, known, len(self._history().matrix) - 1), self._forked)

    def _forked(self, made: Session | None) -> None:
        if made is not None:
            self.reply(f"Forked. To train it: {resume_line(made)}", PROBLEM_SECONDS)

    # Leaving

    def _leave_with(self, words: str) -> None:
        self.reader.end()
        result = text.result(self.recording.newest, self.session.config)
        self.host.end(self, ExitStatus(0, f"{result}.\n{words}"))

    def leave(self) -> None:
        self.reader.end()
        self.host.end(self, ExitStatus(0, ""))
