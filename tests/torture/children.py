"""Runs in processes of their own, forked from one that has loaded PyTorch already."""

import importlib
import multiprocessing
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import engine.training.checkpointing
import engine.training.recorder
import engine.training.reporting
from cl_tui.commands.cli import main
from engine.errors import EngineError
from engine.record.events import RunResumed, Saved, StepsTaken
from engine.sessions.session import Session
from engine.settings.run import RunConfig, resolve
from engine.training.control import Control
from engine.training.runner import train
from engine.training.update import Update
from tests import runs
from tests.torture import faulty
from tests.torture.counts import Counts
from tests.torture.faulty import Fault

PATIENCE_SECONDS = 180.0
"""A child that takes longer hangs."""
CRASHED, HUNG = 70, 71
"""The exit codes that stand for a traceback, and for no end."""
NAME = "run"
FILES = {"config.toml", "events.jsonl", "summary.json", "lock", "checkpoints", "shown.npz"}
"""Of a finished session, beside its checkpoints."""
TINY: dict[str, Any] = {"tasks": 3, "hidden": (8,), "epochs": 2, "lr": 0.01, "device": "cpu", "threads": 1}
METHODS: list[dict[str, Any]] = [
    {"method": "si", "strength": 10.0},
    {"method": "ewc", "strength": 100.0},
    {"method": "ewc", "strength": 100.0, "gamma": 0.9},
    {"method": "mas", "strength": 1.0},
    {"method": "rwalk", "strength": 1.0},
    {"method": "l2", "strength": 1.0},
    {"method": "joint"},
    {"method": "none"},
]
BATCH_SIZES = {"split-digits": 64, "permuted-digits": 200}
"""Of the benchmarks, such that a run takes some fifty steps."""


def warm_up() -> None:
    """What every child would load, but nothing that starts a thread, which would not survive the fork."""
    for module in ("cl_tui.batch.headless", "engine.streams.digits"):
        importlib.import_module(module)
    torch.set_num_threads(1)
    Update(config(0), torch.zeros(1)).step(torch.zeros(1), lr=0.1)


@dataclass(frozen=True)
class Ended:
    code: int
    """The exit code, or minus the number of the signal that ended it."""
    said: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    def __str__(self) -> str:
        return f"exit code {self.code}: {self.said[-500:]!r}"


ENDED_WELL = Ended(0, "")


class Child:
    """Makes the session unless it is there, then does what ``cl-tui resume --headless`` does."""

    def __init__(self, folder: Path, config: RunConfig, fault: Fault | None = None) -> None:
        """``fault``: what befalls the files in ``folder``, and a trace of them."""
        self._ended: Ended | None = None
        self.output = folder.with_suffix(".output")
        self.trace = folder.with_suffix(".trace")
        folder.mkdir(exist_ok=True)
        for file in (self.output, self.trace):
            file.write_bytes(b"")
        self.pid = os.fork()
        if self.pid == 0:
            code = CRASHED
            try:
                _redirect(self.output)
                _hurry()
                if fault is not None:
                    faulty.arm(folder, os.open(self.trace, os.O_WRONLY | os.O_APPEND), fault)
                code = _run(folder, config)
            finally:
                sys.stderr.flush()
                os._exit(code)

    @property
    def ended(self) -> bool:
        if self._ended is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                said = self.output.read_text(errors="replace")
                self._ended = Ended(os.waitstatus_to_exitcode(status), said)
        return self._ended is not None

    def signal(self, number: int) -> None:
        if not self.ended:
            os.kill(self.pid, number)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> Ended:
        """Kills it when it has not ended by then; that is told in ``said``."""
        deadline = time.monotonic() + seconds
        while not self.ended:
            if time.monotonic() > deadline:
                self.signal(signal.SIGKILL)
                os.waitpid(self.pid, 0)
                self._ended = Ended(HUNG, f"hung for {seconds:g} s; {self.output.read_text(errors='replace')}")
            time.sleep(0.002)
        assert self._ended is not None
        return self._ended


def _redirect(output: Path) -> None:
    """Standard output and errors to a file; no standard input."""
    written = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(written, 1)
    os.dup2(written, 2)
    sys.stdout, sys.stderr = (open(file, "w", closefd=False) for file in (1, 2))  # noqa: SIM115 (as long as it lives)


def _hurry() -> None:
    """Reports, checkpoints and retries come all the time, so that something is written at any moment."""
    engine.training.reporting.REPORT_SECONDS = 0.0
    engine.training.checkpointing.CHECKPOINT_SECONDS = 0.002
    engine.training.checkpointing.CHECKPOINT_SHARE = 1.0
    engine.training.recorder.RETRY_SECONDS = 0.01


def _run(folder: Path, config: RunConfig) -> int:
    sys.argv = ["cl-tui", "resume", NAME, "--headless", "--sessions-dir", str(folder)]
    try:
        if not (folder / NAME).exists():
            Session.create(folder, NAME, config)
        main()
    except EngineError as error:  # as main tells those of the command
        print(f"cl-tui: {error}", file=sys.stderr)
        return error.exit_code
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except BaseException:
        traceback.print_exc()
        return CRASHED
    return 0


def config(number: int) -> RunConfig:
    """A run of about fifty steps; ``number`` goes through methods × optimizers × scenarios, and both benchmarks."""
    chosen = random.Random(number)
    benchmark, batch_size = chosen.choice(list(BATCH_SIZES.items()))
    settings = {
        "optimizer": chosen.choice(runs.OPTIMIZERS),
        "scenario": chosen.choice(runs.SCENARIOS),
        "benchmark": benchmark,
        "batch_size": batch_size,
    }
    return resolve(TINY | METHODS[number % len(METHODS)] | settings)


def together(do: Callable[[int], Counts], numbers: Iterable[int]) -> Counts:
    """``do`` each of these, on all cores."""
    warm_up()
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        return sum(pool.imap_unordered(do, numbers), Counts())


def undisturbed(folder: Path, config: RunConfig) -> Session:
    ended = Child(folder, config).wait()
    assert ended.code == 0, f"without any disturbance: {ended}"
    return Session.open(folder, NAME)


def difference(folder: Path, whole: Session) -> str:
    """In what the finished session in ``folder`` is not the same run as ``whole``, to the bit; "" if it is."""
    try:
        session = Session.open(folder, NAME)
        runs.assert_same_run(session, whole)
        step = 0
        for event in session.events():
            if isinstance(event, StepsTaken):
                assert event.step == step + len(event.losses), f"step {event.step} follows step {step} in the log"
                step = event.step
        files = {path.name for path in session.path.rglob("*") if path.suffix != ".safetensors"}
        assert files <= FILES, f"left behind: {sorted(files - FILES)}"
    except AssertionError as error:
        return f"{error} in {traceback.extract_tb(error.__traceback__)[-1].line!r}"
    return ""


def promised(folder: Path) -> int:
    """The step of the newest checkpoint that the log tells of, which must never be lost; 0 while there is none."""
    if not (folder / NAME).exists():
        return 0
    events = Session.open(folder, NAME).readable(0)
    return max((event.step for event in events if isinstance(event, Saved | RunResumed)), default=0)


def finish(folder: Path, config: RunConfig, whole: Session, what: str, least: int | None = None) -> Counts:
    """Goes on with the session in ``folder`` after ``what`` has befallen it, to the end; compares with ``whole``.

    ``least``: the step from which it must go on at least; that of the newest checkpoint that its log tells of unless
    given.
    """
    try:
        if (folder / NAME / "summary.json").exists():
            train(Session.open(folder, NAME), Control())
            return problems(what, ENDED_WELL, difference(folder, whole))
        least = promised(folder) if least is None else least
        ended = Child(folder, config).wait()
        if ended.code:
            return problems(what, ended, f"then it cannot go on: {ended}")
        resumed = Session.open(folder, NAME).history().resumed
        if (resumed.step if resumed else 0) < least:
            return problems(what, ended, f"the checkpoint at step {least} is lost")
        return problems(what, ended, difference(folder, whole))
    except EngineError as error:
        return problems(what, ENDED_WELL, f"it cannot be read: {error}")
    except Exception:
        return problems(what, Ended(CRASHED, traceback.format_exc()))


def problems(what: str, ended: Ended, wrong: str = "") -> Counts:
    """``wrong`` and a traceback in what was said, told as what came of ``what``."""
    traced = "Traceback" in ended.said or ended.code == CRASHED
    return Counts(
        wrong_results=(f"{what}: {wrong}",) if wrong else (),
        tracebacks=(f"{what}: {ended}",) if traced else (),
    )


def where(config: RunConfig) -> str:
    """Which run it was, for a message."""
    return f"{config.method} {config.optimizer} {config.scenario} {config.benchmark}"
