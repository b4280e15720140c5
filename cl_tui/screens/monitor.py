"""The monitor: four panes that follow a run, and the keys that steer it. Nothing here waits for the engine's thread."""

import contextlib
import time
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType

from cl_tui.host.exit_status import ExitStatus
from cl_tui.host.system import Load, LoadSampler
from cl_tui.panes.base import keys
from cl_tui.panes.view import View
from cl_tui.reports import text
from cl_tui.reports.ending import exit_status, kept
from cl_tui.screens.card import CardScreen
from cl_tui.screens.dialogs import FailureDialog
from cl_tui.screens.fan import FanScreen
from cl_tui.screens.panes import SELDOM_SECONDS, PanesScreen
from cl_tui.screens.zooming import NOTHING_OPEN
from engine.catalog.choices import benchmark_info
from engine.catalog.methods import METHODS
from engine.record.history import History
from engine.record.watchdog import caution
from engine.training.runner import EngineThread

FULL_SPEED_SECONDS = 0.4
"""Least seconds between two redraws at full speed, when the engine needs the lock that drawing holds."""
SCREEN_SHARE = 0.02
"""Share of the time that drawing may take at full speed: slower drawing, as in a large terminal, happens less often."""
PATIENCE_SECONDS = 10.0
"""How long quitting waits for the engine before it says so."""
STEP_SECONDS = 1.0
"""How long Ctrl-Z waits for training to finish a step."""
SURE_SECONDS = 3.0
"""A key with an irreversible action must be pressed again within this time."""
SLOW_PACE = 50.0
"""Steps a second in slow motion, for benchmarks without their own pace."""

_PAUSE = "Pause, or continue"
_PACE = "Full speed, or slow motion (does not change the results)"
_BREAK = "Pause after each task, or no longer"


class MonitorScreen(PanesScreen):
    """Shows ``engine``'s run, starts it after the first frame, and ends with an ExitStatus."""

    KEYS_TITLE = "Run"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "Pause", tooltip=_PAUSE),
        Binding("space", "proceed", "Continue", tooltip=_PAUSE),
        Binding("s", "save", "Save", tooltip="Save a checkpoint now"),
        Binding("k", "strength", "Strength", tooltip="Short futures at other strengths c or λ; choose one"),
        Binding("f", "full_speed", "Full speed", tooltip=_PACE),
        Binding("f", "slow_motion", "Slow", tooltip=_PACE),
        Binding("R", "card", "Result", tooltip="What became of the finished run, and what to do next"),
        *keys(
            ("e", "evaluate", "Evaluate", "Measure the accuracy on whole test sets now"),
            ("b", "pause_at_task_end", "Break", _BREAK),
            ("x", "end_task", "End task", "End the current task here and start the next one"),
        ),
    ]

    def __init__(self, engine: EngineThread, pace: float | None) -> None:
        super().__init__()
        self.engine = engine
        self.trains_in = engine.session.path.parent
        self._slow_pace = pace or benchmark_info(engine.session.config.benchmark).watch_pace or SLOW_PACE
        self._sampler = LoadSampler()
        self.sure = False
        """Whether to leave even if nothing can be saved."""
        self._leaving_since: float | None = None
        self._failure_shown = False
        self._end_asked = (-1, -SURE_SECONDS)
        """The task to end and the time of the request, which must be repeated."""
        self.card: CardScreen | None = None
        """What became of the run, once it is finished."""
        self._watched = False
        """Whether this screen has seen the run before its end."""
        self._spent_before = 0.0
        """Processor seconds that the screen's thread had used when the last redraw began."""

    def start(self) -> None:
        self.engine.start()
        self._sampler.start()

    def on_unmount(self) -> None:
        self._sampler.end()

    def load(self, view: View) -> Load | None:
        self._sampler.device = view.history.device
        return self._sampler.newest

    # Following the run

    def poll(self) -> None:
        if self._leaving_since is not None:
            self._leave_when_saved()
        elif self.sure and not self.engine.control.trouble:
            self.sure = False
            self.forget_reply()
        if self.engine.error is not None and not self._failure_shown and self._leaving_since is None:
            self._failure_shown = True
            self.redraw()
            self.app.push_screen(FailureDialog(self.engine.error, self.engine.history, exit_status(self.engine)))
        else:
            super().poll()
            if self.engine.history.state == "finished" and self.card is None and self._watched and self.is_current:
                self.action_card()

    def current_view(self) -> View:
        engine, control, session = self.engine, self.engine.control, self.engine.session
        state = (control.activity, control.paused, control.pace)
        return View(session.name, session.config, engine.history, *state, self.viewport, control.trouble, self.shown)

    @property
    def folder(self) -> Path:
        return self.engine.session.path

    def news_of(self, before: View | None, view: View) -> str:
        earlier = before.history if before else History()
        if earlier.state == "loading" and view.training and (known := caution(view.config)):
            return known
        return text.latest_news(earlier, view.history, view.config) or ""

    @property
    def never(self) -> frozenset[str]:
        """Steering after the run has ended, and the strength of a method without penalty."""
        if self.engine.history.state not in ("loading", "training"):
            own = {binding.action for binding in Binding.make_bindings(self.BINDINGS)}
            return super().never | (own - {"card"} if self.engine.history.state == "finished" else own)
        return super().never | (set() if METHODS[self.engine.session.config.method].symbol else {"strength"})

    @property
    def refused(self) -> frozenset[str]:
        return super().refused | (set() if self.engine.history.state == "finished" else {"card"})

    def action_card(self) -> None:
        engine = self.engine
        if engine.history.state != "finished":
            self.reply("The result is shown when the run is finished")
        elif self._leaving_since is None:
            self.card = CardScreen(engine.session, engine.history, self._replay, lambda words: self.leave())
            self.app.push_screen(self.card)

    def _replay(self, step: int) -> None:
        from cl_tui.screens.watch import WatchScreen

        session = self.engine.session
        self.app.push_screen(WatchScreen(session.path.parent, session.name, start_at=step))

    def _status(self) -> ExitStatus:
        """With what the card says, if it was shown."""
        status = exit_status(self.engine)
        words = self.card.words if self.card and status.exit_code == 0 else ""
        return ExitStatus(status.exit_code, f"{status.message}\n{words}".rstrip())

    def choices(self, view: View) -> tuple[Hashable, ...]:
        return (view.paused, view.pace is None, view.history.state)

    def redraw_interval(self, view: View) -> float:
        if not view.training or view.waiting or view.paused or view.pace is not None:
            return 0.0
        spent = time.thread_time() - self._spent_before
        return min(max(FULL_SPEED_SECONDS, spent / SCREEN_SHARE), SELDOM_SECONDS)

    def redraw(self) -> None:
        self._watched |= self.engine.history.state in ("loading", "training")
        self._spent_before = time.thread_time()
        super().redraw()

    # Steering the run

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        paused, limited = self.engine.control.paused, self.engine.control.pace is not None
        offered = {"pause": not paused, "proceed": paused, "full_speed": limited, "slow_motion": not limited}
        return offered.get(action, super().check_action(action, parameters))

    def _ended(self, wish: str) -> bool:
        """Whether it is too late to steer; if so, says why ``wish`` does nothing."""
        state = self.engine.history.state
        if self._leaving_since is not None:
            self.reply(f"Quitting: nothing to {wish} any more")
        elif state in ("finished", "failed", "stopped"):
            self.reply(f"The run {'has' if state == 'failed' else 'is'} {state}: nothing to {wish}")
        else:
            return False
        return True

    def action_pause(self) -> None:
        if not self._ended("pause"):
            self.engine.control.pause()
            self.reply("Paused; space continues")

    def action_proceed(self) -> None:
        if not self._ended("continue"):
            self.engine.control.proceed()
            self.reply("Training continues")

    def action_save(self) -> None:
        if self._ended("save"):
            return
        if self.engine.history.step == 0:
            self.reply("Nothing to save yet: no step has been taken")
        else:
            self.forget_reply()
            self.engine.control.save()
            self.news = "Saving…"
            self.say_if_it_waits("Saved")

    def action_full_speed(self) -> None:
        if not self._ended("speed up"):
            self.engine.control.set_pace(None)
            self.reply("Full speed")

    def action_slow_motion(self) -> None:
        if not self._ended("slow down"):
            self.engine.control.set_pace(self._slow_pace)
            self.reply(f"Slow motion: {self._slow_pace:g} steps per second")

    def action_strength(self) -> None:
        method = METHODS[self.engine.session.config.method]
        if self._ended("strengthen"):
            return
        if not method.symbol:
            self.reply(f"{method.name} has no penalty whose strength could change")
        elif not self.engine.history.tasks:
            self.reply("No future yet: training has not begun")
        else:
            self.app.push_screen(FanScreen(self, method.symbol, self.current_view().strength))

    @property
    def steers(self) -> bool:
        return self.engine.history.state == "training" and self._leaving_since is None

    def set_strength(self, strength: float | None) -> None:
        if strength is not None and not self._ended("strengthen"):
            self.engine.control.set_strength(strength)
            self.forget_reply()
            self.say_if_it_waits("The new strength applies")

    def action_evaluate(self) -> None:
        if self._ended("evaluate"):
            return
        if self.engine.history.step == 0:
            self.reply("Nothing to evaluate yet: no step has been taken")
        else:
            self.engine.control.evaluate()
            self.reply("Evaluating on whole test sets…")
            self.say_if_it_waits("Evaluated")

    def action_pause_at_task_end(self) -> None:
        if not self._ended("wait for"):
            wanted = not self.engine.control.pause_at_task_end
            self.engine.control.set_pause_at_task_end(wanted)
            self.reply("A break after each task" if wanted else "No more breaks between tasks")

    def action_end_task(self) -> None:
        """Asks for confirmation first: it cannot be undone."""
        history, now = self.engine.history, time.monotonic()
        task, number = history.task, history.task + 1
        asked, asked_at = self._end_asked
        if self._ended("cut short"):
            return
        if history.between:
            self.reply(f"No task to end: task {task} has ended, and task {number} has not begun")
        elif not history.tasks or (task < len(history.tasks) and not history.steps_done(task)):
            self.reply(f"No task to end: task {number} has not taken a step yet")
        elif task == len(history.tasks) or history.steps_done(task) == history.tasks[task].steps:
            self.reply(f"Task {min(number, len(history.tasks))} has already taken its last step")
        elif asked != task or now - asked_at > SURE_SECONDS:
            self._end_asked = (task, now)
            self.reply(f"Press x again to end task {number} here: this cannot be undone", SURE_SECONDS)
        else:
            self._end_asked = (-1, -SURE_SECONDS)
            self.engine.control.end_task(task)
            self.reply(f"Ending task {number}")
            self.say_if_it_waits(f"Task {number} ends")

    def say_if_it_waits(self, what: str) -> None:
        """Says why ``what``, which was asked for, is not done now."""
        if self.engine.control.trouble:
            self.reply(f"{what} as soon as the disk can be written; until then everything waits")
        else:
            self.redraw()

    # Leaving

    def step_out(self) -> None:
        """Esc does not leave, because leaving ends the training: that takes q, even with home below."""
        self.reply(NOTHING_OPEN)

    def leave(self) -> None:
        """Saves and ends. If saving fails or takes long, it says so; a second request ends without saving."""
        engine = self.engine
        if engine.control.trouble and not self.sure:
            self.sure = True
            self.reply(
                f"Nothing can be saved now: press q again to quit without saving. Kept: {kept(engine)}", float("inf")
            )
            return
        engine.control.stop()
        if not engine.alive or engine.history.state == "loading" or self._patience_is_over:
            self.host.end(self, self._status())
        elif self._leaving_since is None:
            self._leaving_since = time.monotonic()
            self.reply("Quitting…" if engine.control.trouble else "Saving…", float("inf"))

    @property
    def _patience_is_over(self) -> bool:
        return self._leaving_since is not None and time.monotonic() - self._leaving_since > PATIENCE_SECONDS

    def _leave_when_saved(self) -> None:
        if not self.engine.alive:
            self.host.end(self, self._status())
        elif self._patience_is_over:
            self.reply(f"The engine does not respond: q quits at once. Kept: {kept(self.engine)}", float("inf"))

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """Within, training and its clock are paused, unless the current step takes longer than STEP_SECONDS."""
        control = self.engine.control
        if control.paused:
            yield
            return
        control.pause()
        deadline = time.monotonic() + STEP_SECONDS
        while self.engine.alive and control.activity != "paused" and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            yield
        finally:
            control.proceed()

    def hang_up(self) -> None:
        """Saves, waiting at most PATIENCE_SECONDS, after the terminal has gone; shows nothing any more."""
        self.engine.control.stop()
        self.engine.join(PATIENCE_SECONDS)
