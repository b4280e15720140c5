"""A session behind the one that is looked at: choosing it, running it, and following its log."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from cl_tui.panes.view import Baseline
from cl_tui.reports import text
from cl_tui.screens.dialogs import Dialog
from cl_tui.screens.reader import Reader
from engine.catalog.own_loop import OWN_LOOP
from engine.record import metrics
from engine.sessions.listing import Listed, list_sessions
from engine.sessions.names import free_name
from engine.sessions.session import Session
from engine.settings.own_code import require_trust
from engine.settings.run import RunConfig
from engine.training.fork import forked_config

NONE, RUN = "", "/run"
"""Choices beside the names of sessions, of which neither is one."""
MOST = 200
"""Most sessions that are offered."""


class Behind:
    """The baseline, which may still be trained."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._reader = Reader(session)
        self._reader.start()
        self._newest: Baseline | None = None

    @property
    def newest(self) -> Baseline:
        """The same object until there is something new."""
        history = self._reader.recording.newest
        if self._newest is None or self._newest.history is not history:
            self._newest = Baseline(self.session.name, self.session.config, history)
        return self._newest

    def end(self) -> None:
        self._reader.end()


def comparable(folder: Path, beside: Session) -> list[Listed]:
    """The sessions of the same benchmark, scenario and number of tasks: those without protection first, then those of
    the same seed, then the newest."""
    ours = beside.config
    found = [
        listed
        for listed in list_sessions(folder)
        if listed.name != beside.name
        and listed.config is not None
        and _data(listed.config) == _data(ours)
        and listed.history is not None
    ]

    def order(listed: Listed) -> tuple[bool, bool, float]:
        assert listed.config is not None
        return (listed.config.method != "none", listed.config.seed != ours.seed, -listed.changed)

    return sorted(found, key=order)[:MOST]


def _data(config: RunConfig) -> tuple[object, ...]:
    return (config.benchmark, config.benchmark_options, config.scenario, config.tasks)


def start_none(folder: Path, beside: Session) -> Session:
    """Trains ``none`` with the same seed in a process of its own, which outlives this program, on one thread."""
    config = forked_config(beside.config, {"method": "none"}).changed(threads=1)
    require_trust(config, "the baseline", "--trust-code")
    session = Session.create(folder, free_name(folder), config)
    command = [sys.executable, "-m", "cl_tui", "resume", session.name, "--headless", "--sessions-dir", str(folder)]
    quiet = subprocess.DEVNULL
    subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)  # noqa: S603 (this program)
    return session


class BaselineDialog(Dialog[str | None]):
    """Returns the name of a session, RUN, NONE, or None to change nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,B", "dismiss(None)", "Cancel")]

    def __init__(self, beside: Session, found: list[Listed], now: str, may_run: bool) -> None:
        """``now``: the baseline's name."""
        super().__init__(f"A baseline behind {beside.name}")
        self._beside, self._found, self._now, self._may_run = beside, found, now, may_run
        self._choices: list[str] = []

    def content(self) -> ComposeResult:
        options = list(self._options())
        yield OptionList(*options)

    def _options(self) -> Iterator[Option]:
        if self._now:
            self._choices.append(NONE)
            yield Option(Text("no baseline"))
        config = self._beside.config
        for listed in self._found:
            self._choices.append(listed.name)
            yield Option(Text(_line(listed, config)))
        if self._may_run and config.method != "none" and config.benchmark != OWN_LOOP:
            self._choices.append(RUN)
            yield Option(Text(f"run none with seed {config.seed} now, in a process of its own"))
        if not self._choices:
            yield Option(Text("no session of this benchmark, scenario and number of tasks"), disabled=True)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._choices[event.option_index])


def _line(listed: Listed, beside: RunConfig) -> str:
    """What a session is, and what it reached."""
    config, history = listed.known()
    average = metrics.average_accuracy(history.matrix)
    result = "" if average is None else f"  {history.score.full(average)}"
    seed = f"seed {config.seed}" if config.seed != beside.seed else "same seed"
    done = "" if listed.state == "finished" else f"  {listed.state}"
    return f"{text.method_and_strength(config.method, config.strength)}  {seed}{result}{done}  {listed.name}"
