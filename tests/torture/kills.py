"""SIGKILL at random moments: while a run starts, trains, saves and ends, again and again, until it has finished."""

import functools
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engine.sessions.listing import read_session
from engine.sessions.session import Session
from tests.torture.children import NAME, Child, Ended, config, finish, problems, promised, together, undisturbed, where
from tests.torture.counts import Counts

EACH = 4
"""Kills of one configuration."""
STARTS = 20
"""One kill in so many is of a whole program that was started anew, checkpoints in its own time."""


def run(count: int, seed: int) -> Counts:
    forked = together(functools.partial(_some, seed), range(-(-count // EACH)))
    return forked + together(functools.partial(_whole_program, seed), range(count // STARTS))


def _some(seed: int, number: int) -> Counts:
    """``EACH`` kills, of as many sessions as it takes to be killed so often."""
    chosen = random.Random(f"{seed} {number}")
    settings = config(number)
    counts = Counts()
    with tempfile.TemporaryDirectory() as temporary:
        began = time.monotonic()
        whole = undisturbed(Path(temporary) / "whole", settings)
        takes = time.monotonic() - began
        folder = Path(temporary) / "killed"
        while counts.kills < EACH:
            child = Child(folder, settings)
            time.sleep(chosen.uniform(0, takes))
            child.signal(signal.SIGKILL)
            ended = child.wait()
            what = f"kill {counts.kills + 1} of {where(settings)}"
            wrong = _standing(folder) if ended.killed else f"it ended by itself: {ended}" if ended.code else ""
            counts += Counts(kills=int(ended.killed)) + problems(what, ended, wrong)
            if (folder / NAME / "summary.json").exists():
                counts += finish(folder, settings, whole, what)
                shutil.rmtree(folder)
        return counts + finish(folder, settings, whole, f"{EACH} kills of {where(settings)}")


def _standing(folder: Path) -> str:
    """What is wrong with a session whose process was killed; it may not be there yet."""
    if not (folder / NAME).exists():
        return ""
    listed, session = read_session(folder, NAME), Session.open(folder, NAME)
    if listed.state not in ("interrupted", "finished"):
        return f"it is listed as {listed.state}: {listed.problem}"
    if (session.saved_step or 0) < promised(folder):
        return f"the checkpoint at step {promised(folder)} is lost"
    return ""


def _whole_program(seed: int, number: int) -> Counts:
    """The command itself, killed once."""
    chosen = random.Random(f"{seed} {number} whole program")
    settings = config(number).changed(epochs=100)
    with tempfile.TemporaryDirectory() as temporary:
        whole = undisturbed(Path(temporary) / "whole", settings)
        folder = Path(temporary) / "killed"
        Session.create(folder, NAME, settings)
        command = [sys.executable, "-m", "cl_tui", "resume", NAME, "--headless", "--sessions-dir", str(folder)]
        output = Path(temporary) / "output"
        with output.open("wb") as written:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=written, stderr=written)
            time.sleep(chosen.uniform(0, 6))
            process.kill()
            ended = Ended(process.wait(), output.read_text())
        what = f"kill of the program, {where(settings)}"
        wrong = _standing(folder) if ended.killed else f"it ended by itself: {ended}" if ended.code else ""
        killed = Counts(kills=int(ended.killed)) + problems(what, ended, wrong)
        return killed + finish(folder, settings, whole, what)
