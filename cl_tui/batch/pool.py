"""Many runs without a screen: the combinations, and which worker trains what.

Each run is a session whose name follows from its settings, so that finished runs are found and skipped.
"""

import contextlib
import errno
import hashlib
import itertools
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from rich.console import Console

from cl_tui.batch import headless
from cl_tui.batch.display import Display, RunEnded, RunProgress
from cl_tui.batch.workers import Worker
from cl_tui.reports.tables import STDOUT, print_as_it_is
from engine import strict_json
from engine.catalog.methods import METHODS
from engine.disk import write_whole
from engine.errors import ConfigError, EngineError, SessionDamaged, SessionError, SessionExists
from engine.record.watchdog import caution
from engine.sessions.names import check_name
from engine.sessions.session import Session
from engine.settings.run import PLACE, WITHOUT_EFFECT, RunConfig, known_settings, moved, over, read_by, resolve

ELSEWHERE_SECONDS = 1.0
"""Seconds between two checks of the sessions that other processes train."""


@dataclass(frozen=True)
class Run:
    """One planned session."""

    name: str
    config: RunConfig
    place: Mapping[str, Any]
    """The device, threads and data folder that were typed: they override what the session has stored."""


# Planning


def plan(
    axes: Mapping[str, Sequence[Any]], settings: Mapping[str, Any], fixed: Mapping[str, Any], jobs: int
) -> list[Run]:
    """Combines ``axes`` (setting: its values); ``settings`` are the defaults, ``fixed`` overrides everything.

    A setting that only some methods read is dropped for the others. Raises ConfigError.
    """
    combinations = [
        over(settings, dict(zip(axes, values, strict=True)), fixed) for values in itertools.product(*axes.values())
    ]
    combinations = _without_unread_options(combinations)
    runs = [one_run(combination, jobs) for combination in combinations]
    return list({run.name: run for run in runs}.values())


def named(runs: Sequence[Run], name: str) -> list[Run]:
    """The only run, under ``name``. Raises ConfigError."""
    if len(runs) != 1:
        raise ConfigError(f"--name {name}: a name is for one run, but these options make {len(runs)}; leave --name out")
    return [replace(runs[0], name=check_name(name))]


def one_run(settings: Mapping[str, Any], jobs: int) -> Run:
    """Limits threads to each of ``jobs`` runs' share of the cores, unless ``settings`` say. Raises ConfigError."""
    config = resolve(settings)
    if settings.get("threads") is None:
        cores = max(1, (os.cpu_count() or 1) // jobs)
        config = config.changed(threads=min(config.threads, cores))
    place = {key: value for key, value in settings.items() if key in PLACE and value is not None}
    return Run(run_name(config), config, place)


def _without_unread_options(combinations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leaves out options that the method does not read. An option that no method here reads stays, to be refused."""
    methods = [combination.get("method") for combination in combinations]
    return [
        {
            key: value
            for key, value in combination.items()
            if _reads(method, key) or not any(_reads(other, key) for other in methods)
        }
        for method, combination in zip(methods, combinations, strict=True)
    ]


def _reads(method: Any, key: str) -> bool:
    """Whether the method reads a setting, which may have its owner's name. leave_alone is never left out."""
    owner, dot, option = key.rpartition(".")
    if not isinstance(method, str) or method not in METHODS:
        return False
    return owner == method if dot and owner in METHODS else option == "leave_alone" or read_by(option, method)


def run_name(config: RunConfig) -> str:
    """A readable name, different for different settings.

    >>> run_name(resolve({"method": "ewc", "seed": 3}))
    'ewc-1000-split-digits-seed3-...'
    """
    parts = [config.method]
    if METHODS[config.method].symbol:
        parts.append(f"{config.strength:g}".replace("+", ""))
    parts.append(config.benchmark)
    if config.scenario != resolve({"benchmark": config.benchmark}).scenario:
        parts.append(config.scenario)
    content = json.dumps(_computed(config), sort_keys=True, allow_nan=False).encode()
    parts += [f"seed{config.seed}", hashlib.blake2b(content, digest_size=4).hexdigest()]
    return "-".join(parts)


def _computed(config: RunConfig) -> dict[str, Any]:
    """The settings that determine a run's numbers. What has its default is left out, so that a new setting changes no
    name; of the method's options, only what is None."""
    values, known, of_method = config.flat(), known_settings(), dict(config.method_options)
    return {
        key: {of: given for of, given in value.items() if given is not None} if isinstance(value, dict) else value
        for key, value in config.plain().items()
        if key not in WITHOUT_EFFECT and value is not None and (key in of_method or values[key] != known[key].default)
    }


def finished(run: Run, sessions_dir: Path) -> bool:
    """Raises SessionExists if a session of that name has other settings."""
    try:
        return (sessions_dir / run.name).exists() and open_or_create(run, sessions_dir).finished
    except SessionDamaged:
        return False  # reported as that run's failure when its turn comes


def open_or_create(run: Run, sessions_dir: Path) -> Session:
    """Raises SessionExists if a session of that name has other settings, or another SessionError."""
    if not (sessions_dir / run.name).exists():
        with contextlib.suppress(SessionExists):  # another batch has just created it
            return Session.create(sessions_dir, run.name, run.config)
    session = Session.open(sessions_dir, run.name)
    if _computed(session.config) != _computed(run.config):
        raise SessionExists(
            f"session {run.name} in {sessions_dir} has other settings: rename it, or choose another --name or "
            f"--sessions-dir"
        )
    session.config = moved(session.config, run.place)
    return session


def data_needed(runs: Sequence[Run], sessions_dir: Path) -> list[tuple[str, Path]]:
    """Each benchmark that still needs training, with its data folder. Raises SessionError."""
    configs = []
    for run in runs:
        if not (sessions_dir / run.name).exists():
            configs.append(run.config)
            continue
        with contextlib.suppress(SessionDamaged):  # reported as that run's failure when its turn comes
            session = open_or_create(run, sessions_dir)
            if not session.finished:
                configs.append(session.config)
    return sorted({(config.benchmark, Path(config.data_dir)) for config in configs})


# Running


@dataclass
class Outcome:
    """The result of a batch."""

    summaries: list[dict[str, Any]]
    """Summaries of the finished runs, in the plan's order."""
    failures: dict[str, str]
    """Why each failed run failed, by the run's name."""
    interrupted: bool


def execute(runs: Sequence[Run], sessions_dir: Path, jobs: int, console: Console) -> Outcome:
    """Runs what is not finished, ``jobs`` at a time. The outcome covers all runs. Raises SessionError."""
    waiting = [run for run in runs if not finished(run, sessions_dir)]
    done = len(runs) - len(waiting)
    if done:
        console.print(f"{done} of {len(runs)} runs are already finished")
    failures: dict[str, str] = {}
    interrupted = False
    if waiting:
        for known in dict.fromkeys(caution(run.config) for run in waiting):
            if known:
                console.print(known)
        new = next((run for run in waiting if not (sessions_dir / run.name).exists()), None)
        if new is not None:
            open_or_create(new, sessions_dir)  # an unwritable folder is reported before anything starts
        display = Display(console, len(runs), done)
        failures, interrupted = Pool(waiting, sessions_dir, min(jobs, len(waiting)), display).run()
    summaries = []
    for run in runs:
        try:
            if finished(run, sessions_dir):
                summaries.append(Session.open(sessions_dir, run.name).summary())
        except SessionDamaged as error:
            failures[run.name] = str(error)
    return Outcome(summaries, failures, interrupted)


class Pool:
    """A few worker processes that take one run after another.

    If a worker dies (killed, perhaps because memory ran out), the other runs are not affected. Its own run continues
    from its checkpoint after all others, and so with fewer beside it; if the worker dies again, the run has failed.

    A run that another process trains (the same command, started twice) is left to that process. When the process has
    ended, a worker reads the result or trains the rest.
    """

    def __init__(self, runs: Sequence[Run], sessions_dir: Path, jobs: int, display: Display) -> None:
        self._waiting = list(runs)
        self._sessions_dir = sessions_dir
        self._jobs = jobs
        self._display = display
        self._busy: dict[Any, tuple[Run, Worker]] = {}
        """The run and its worker, by the worker's connection."""
        self._elsewhere: list[Run] = []
        """Runs that other processes are training."""
        self._poll_due = 0.0
        self._idle: list[Worker] = []
        self._died: set[str] = set()
        """Runs whose worker has died once."""
        self._failures: dict[str, str] = {}
        self._interrupted = False
        self._asked_to_save = False

    def run(self) -> tuple[dict[str, str], bool]:
        """The failures by name, and whether a signal ended the batch early."""
        with headless.heed_signals(self._interrupt, self._ask_to_save), self._display.bars:
            try:
                stopped = False
                while self._busy or ((self._waiting or self._elsewhere) and not self._interrupted):
                    if not self._interrupted:
                        self._poll_elsewhere()
                        self._assign()
                    elif not stopped:
                        stopped = True
                        for _, worker in self._busy.values():
                            worker.send("stop")
                    if self._asked_to_save:
                        self._asked_to_save = False
                        self._display.say(headless.TOLD_TO_SAVE)
                        for _, worker in self._busy.values():
                            worker.send("save")
                    self._receive()
            finally:
                for worker in [*self._idle, *(worker for _, worker in self._busy.values())]:
                    worker.close()
        return self._failures, self._interrupted

    def _interrupt(self) -> None:
        self._interrupted = True

    def _ask_to_save(self) -> None:
        self._asked_to_save = True

    def _assign(self) -> None:
        while self._waiting and len(self._busy) < self._jobs:
            run = self._waiting.pop(0)
            try:
                session = open_or_create(run, self._sessions_dir)
            except EngineError as error:
                self._end(run, RunEnded("failed", str(error)))
                continue
            if session.running:
                self._leave(run)
                continue
            worker = self._free_worker()
            worker.send((session.path, run.place))
            self._busy[worker.connection] = run, worker
            self._display.begin(run.name)

    def _leave(self, run: Run) -> None:
        """Leaves the run to the process that trains it."""
        self._elsewhere.append(run)
        self._display.leave(run.name)

    def _poll_elsewhere(self) -> None:
        """Puts runs that no other process trains any more next in line."""
        if time.monotonic() < self._poll_due:
            return
        self._poll_due = time.monotonic() + ELSEWHERE_SECONDS
        over = [run for run in self._elsewhere if not Session(self._sessions_dir / run.name, run.config).running]
        self._elsewhere = [run for run in self._elsewhere if run not in over]
        self._waiting[:0] = over

    def _free_worker(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.process.is_alive():
                return worker
        return Worker()

    def _receive(self) -> None:
        """Handles messages from the workers, waiting briefly for them."""
        headless.forget_lost_terminal()
        if not self._busy:  # all remaining runs are trained elsewhere
            time.sleep(headless.POLL_SECONDS)
            return
        for connection in wait(list(self._busy), timeout=headless.POLL_SECONDS):
            run, worker = self._busy[connection]
            try:
                message = worker.connection.recv()
            except (EOFError, OSError):
                del self._busy[connection]
                worker.close()
                self._bury(run, worker.end)
                continue
            if isinstance(message, RunProgress):
                self._display.update(run.name, message)
                continue
            del self._busy[connection]
            self._idle.append(worker)
            if message.state == "elsewhere":
                self._leave(run)
            else:
                self._end(run, message)

    def _bury(self, run: Run, end: str) -> None:
        if self._interrupted or run.name in self._died:
            self._end(run, RunEnded("failed", end))
            return
        self._died.add(run.name)
        self._waiting.append(run)
        self._display.end(run.name, RunEnded("stopped", f"{end}; it will be tried once more after all others"))

    def _end(self, run: Run, ended: RunEnded) -> None:
        if ended.state == "failed":
            self._failures[run.name] = ended.message
        self._display.end(run.name, ended)


# The file


def check_writable(path: Path, option: str = "--json") -> None:
    """Checks before hours of training, not after them. Raises ConfigError."""
    if path == STDOUT:
        return
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ConfigError(f"{option} {path} cannot be written: {error.strerror}") from None


def write_result(path: Path, text: str) -> None:
    """Writes the whole file or nothing. Raises SessionError."""
    if path == STDOUT:
        print_as_it_is(text)
        return
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise SessionError(
            f"{path} cannot be written: {error.strerror}; run the same command again to write it"
        ) from None


def as_json(content: object) -> str:
    """Numbers that are not finite become null."""
    return strict_json.dumps(content, indent=2) + "\n"
