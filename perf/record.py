"""What the telling for screens costs a training: examples, answers, pictures of Ω and gradient, norms and times.

Both sides come from one run, in this thread's processor time, which other programs do not disturb: the functions that
find what is told, its lines in the log, and what watched steps take more than others; ÷ the whole training.
"""

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from engine.record.events import CONFLICT, DISTANCE, GRADIENT_NORM, SHOWN_FILE, TIMES, Event, Measured, Packed
from engine.record.history import History
from engine.record.shown import Shown
from engine.sessions.log import line
from engine.sessions.session import Session
from engine.settings.run import resolve
from engine.training.answers import Tally
from engine.training.control import Control
from engine.training.holding import Holding
from engine.training.looking import Looking
from engine.training.reporting import Reporter
from engine.training.runner import train
from engine.training.step import TrainingStep
from perf.measure import arguments

RUNS: dict[str, dict[str, Any]] = {
    "digits, si": {},
    "digits, none": {"method": "none"},
    "digits, si, class scenario": {"scenario": "class"},
    "MNIST, si": {"benchmark": "split-mnist", "scenario": "domain"},
    "MNIST, ewc": {"benchmark": "split-mnist", "scenario": "domain", "method": "ewc"},
    "100 tasks of digits, 100 steps each": {"benchmark": "permuted-digits", "tasks": 100, "steps": 100},
}
TINY = {"tasks": 2, "steps": 40}
FOUND = {
    "answers": [(Looking, "begin"), (Looking, "see"), (Looking, "answers"), (Tally, "examples")],
    "Ω and gradient": [(Holding, "held"), (Reporter, "weights")],
    "shown.npz": [(Looking, "__init__"), (Looking, "shown"), (Shown, "keep")],
}
NAMES = {CONFLICT, DISTANCE, GRADIENT_NORM, TIMES}


def told(event: Event) -> bool:
    return isinstance(event, Packed) or (isinstance(event, Measured) and event.name in NAMES)


def measured(settings: dict[str, Any], folder: Path) -> tuple[dict[str, float], float, Session]:
    """Seconds by what they were spent on, and of the whole training."""
    spent: dict[str, float] = defaultdict(float)
    steps: dict[bool, list[float]] = {True: [], False: []}
    clock = time.thread_time

    def timed(of: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            began = clock()
            try:
                return function(*given, **named)
            finally:
                spent[of] += clock() - began

        return call

    def take(step: TrainingStep, watch: bool = False) -> None:
        began = clock()
        real(step, watch)
        steps[watch].append(clock() - began)

    real = TrainingStep.take
    session = Session.create(folder, "run", resolve({"threads": 1, "device": "cpu", **settings}))
    patches = [
        patch.object(kind, name, timed(of, getattr(kind, name))) for of, parts in FOUND.items() for kind, name in parts
    ]
    for each in (*patches, patch.object(TrainingStep, "take", take)):
        each.start()
    began = clock()
    try:
        train(session, Control())
    finally:
        whole = clock() - began
        patch.stopall()
    spent["watched steps"] = len(steps[True]) * (statistics.median(steps[True]) - statistics.median(steps[False]))
    events = [event for event in session.events() if told(event)]
    began = clock()
    for event in events:
        line(event, 0)
    spent["lines in the log"] = clock() - began
    return spent, whole, session


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data-dir", default="data", help="where MNIST is")
    given = parser.parse_args()
    for name, settings in RUNS.items():
        settings = {**settings, "data_dir": given.data_dir}
        if given.tiny and "MNIST" in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            spent, whole, session = measured(settings | (TINY if given.tiny else {}), Path(folder))
            lines = session.events_path.read_bytes().splitlines(keepends=True)
            added = sum(len(text) for text, event in zip(lines, session.events(), strict=True) if told(event))
            size, shown = sum(map(len, lines)), (session.path / SHOWN_FILE).stat().st_size
            history: History = session.history()
        share = sum(spent.values()) / whole
        print(f"{name}: {sum(spent.values()):.3f} s ÷ {whole:.2f} s = {100 * share:.2f} % of {history.step:,} steps")
        print("  " + ", ".join(f"{of} {100 * seconds / whole:.2f} %" for of, seconds in spent.items()))
        print(
            f"  log {(size - added) / 1000:.0f} → {size / 1000:.0f} kB, {SHOWN_FILE} {shown / 1000:.0f} kB", flush=True
        )


if __name__ == "__main__":
    main()
