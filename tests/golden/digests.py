"""Digests of everything that short seeded runs compute: weights, Ω, optimizer and method state, and every event
without its clock, for each method × scenario × optimizer, for stops and for forks.

Bits depend on the processor and on torch, so a file of digests holds on one kind of machine alone (``kind``). The
golden curves hold everywhere, within a tolerance.
"""

import hashlib
import json
import platform
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from engine.catalog.methods import METHODS
from engine.record.events import (
    CONFLICT,
    DISTANCE,
    GRADIENT_NORM,
    TIMES,
    Measured,
    RunFailed,
    RunResumed,
    RunStopped,
    Saved,
    StepsTaken,
)
from engine.sessions.session import Session
from engine.training.control import Control
from engine.training.fork import fork
from engine.training.runner import train
from tests import golden, runs

FILE = Path(__file__).with_name("digests.json")
CLOCKS = ("time", "elapsed", "versions", "device")
"""Fields of events that depend on when and where a run is made."""
LATER = {"unit": ""}
"""Fields that events did not have when the digests were made, with what they then say: nothing."""
EXTRAS = (CONFLICT, DISTANCE, GRADIENT_NORM)
"""Quantities that were not told when the digests were made: they have one of their own."""
Digests = dict[str, str]
"""By what was digested: ``theta``, ``optimizer``, ``probed``, …"""


def kind() -> dict[str, str]:
    """What the bits of a run depend on."""
    return {
        "machine": f"{platform.system()} {platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
        "processor": _processor(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def digests(session: Session) -> Digests:
    """Of the newest checkpoint and of all events."""
    tensors, cursor = runs.newest(session)
    parts: dict[str, list[bytes]] = defaultdict(list)
    for name, tensor in sorted(tensors.items()):
        parts[name.split("/")[0]] += [name.encode(), str(tensor.dtype).encode(), tensor.numpy().tobytes()]
    parts["constant"].append(repr(cursor.constant).encode())
    curve = session.history().curve
    parts["steps"] += [curve.losses().tobytes(), curve.penalties().tobytes()]
    for event in session.readable(0)[0]:
        if not isinstance(event, StepsTaken | Saved | RunResumed | RunStopped | RunFailed):
            if isinstance(event, Measured) and event.name == TIMES:
                continue
            told = {key: value for key, value in asdict(event).items() if key not in CLOCKS and LATER.get(key) != value}
            part = "extras" if isinstance(event, Measured) and event.name in EXTRAS else event.event
            parts[part].append(json.dumps(told).encode())
    return {name: hashlib.sha256(b"\0".join(found)).hexdigest()[:12] for name, found in sorted(parts.items())}


def straight(method: str, scenario: str, optimizer: str) -> Callable[[Path], Digests]:
    config = runs.tiny(method, scenario=scenario, optimizer=optimizer, threads=1)
    return lambda folder: digests(runs.finished(folder, config))


def variant(method: str, options: dict[str, object]) -> Callable[[Path], Digests]:
    return lambda folder: digests(runs.finished(folder, golden.golden_config(method, options)))


def resumed(method: str) -> Callable[[Path], Digests]:
    """Stopped in the first task and in the second."""

    def run(folder: Path) -> Digests:
        session = runs.create(folder, runs.tiny(method, threads=1))
        for steps in (3, 4):
            train(session, runs.AtStep(steps))
        train(session, Control())
        return digests(session)

    return run


def forked(method: str, other: str) -> Callable[[Path], Digests]:
    def run(folder: Path) -> Digests:
        parent = runs.finished(folder, runs.tiny(method, threads=1))
        child = fork(parent, 0, "child", {"method": other, "strength": runs.STRONG.get(other, 0.0) * 3})
        train(child, Control())
        return digests(child)

    return run


def cases() -> dict[str, Callable[[Path], Digests]]:
    """Runs by name; each trains in the folder that it is given."""
    methods = list(METHODS)
    found = {
        f"{method} {scenario} {optimizer}": straight(method, scenario, optimizer)
        for method in methods
        for scenario in runs.SCENARIOS
        for optimizer in runs.OPTIMIZERS
    }
    found |= {f"variant {name}": variant(*case) for name, case in golden.CASES.items()}
    found |= {f"resumed {method}": resumed(method) for method in methods}
    found |= {
        f"forked {method} to {other}": forked(method, other)
        for method, other in zip(methods, [*methods[1:], methods[0]], strict=True)
    }
    return found


def read() -> tuple[dict[str, str], dict[str, Digests]]:
    """The kind of machine they were made on, and the digests of each case."""
    found = json.loads(FILE.read_text(encoding="utf-8"))
    return found["kind"], found["runs"]


def write() -> None:
    made: dict[str, Digests] = {}
    for name, run in cases().items():
        with TemporaryDirectory() as folder:
            made[name] = run(Path(folder))
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(found)}" for name, found in made.items())
    FILE.write_text(f'{{"kind": {json.dumps(kind())},\n"runs": {{\n{lines}\n}}}}\n', encoding="utf-8")
