"""The size of events.jsonl: bytes per step in real runs, and the upper bound from their steps, tasks and layers."""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from engine.record.events import MOST_CLASSES, MOST_CONFUSED
from engine.record.shown import EXAMPLES
from engine.sessions.session import Session
from engine.settings.run import RunConfig, resolve
from engine.training.checkpointing import CHECKPOINT_SECONDS
from engine.training.control import Control
from engine.training.histogram import HISTOGRAM_BINS
from engine.training.looking import MOST_TOLD
from engine.training.probing import HISTOGRAMS_PER_TASK, PROBES_PER_TASK
from engine.training.reporting import REPORT_SECONDS, REPORT_STEPS
from engine.training.runner import train
from perf.measure import arguments

RUNS: dict[str, tuple[dict[str, Any], float | None]] = {
    "full speed": ({}, None),
    "slow motion": ({"steps": 40}, 50.0),
    "few long steps": ({"hidden": [2500, 2500], "batch_size": 512, "steps": 8, "xi": 1.0}, None),
    "100 tasks": ({"benchmark": "permuted-digits", "tasks": 100, "steps": 100}, None),
    "100 tasks, full length": ({"benchmark": "permuted-digits", "tasks": 100}, None),
    "50 layers": ({"hidden": [32] * 49, "steps": 400}, None),
    "50 layers, 50 tasks": ({"benchmark": "permuted-digits", "hidden": [32] * 49, "tasks": 50, "steps": 100}, None),
}
"""Settings, and the pace in steps per second."""
TINY: dict[str, Any] = {"tasks": 2, "steps": 100}

PIXELS = 64
"""Of the digits."""
STEP = 2 * 19
"""Bytes per step: a loss and a penalty of six digits, each at its longest, such as 1234570000000000.0 and a comma."""
REPORT = 110
"""Other bytes in a report of steps."""
LINE = 250
"""Bytes in any other line, without accuracies and layers."""
ACCURACY = 23
LAYER = 140 + 9 * HISTOGRAM_BINS
"""Bytes of a histogram of fewer than 10^8 weights."""


CLASS = 50
"""Bytes of a class's accuracy and name."""
ANSWER = 2 * 7
"""Bytes of how often a class got an answer, below 10^6, in both ways of judging."""
PACKED = 4 / 3
"""Bytes of a byte in base64."""


def bound(steps: int, seconds: float, tasks: int, layers: int, classes: int, tests: int, pixels: int) -> float:
    """Upper bound in bytes. ``tests``: examples of all test sets; ``pixels``: of a picture of the first layer. If steps
    do not divide evenly, probes and histograms less than double."""
    probes, histograms = 2 * PROBES_PER_TASK * tasks, 2 * HISTOGRAMS_PER_TASK * tasks
    reports = min(steps, steps / REPORT_STEPS + seconds / REPORT_SECONDS + probes + tasks)
    return (
        STEP * steps
        + REPORT * reports
        + probes * (LINE + ACCURACY * (tasks + 1) / 2 + STEP / 2 * layers)
        + histograms * (2 * LINE + LAYER * layers)
        + tasks * (PROBES_PER_TASK + 1) * (LINE + PACKED * 3 * min(EXAMPLES * (tasks + 1) / 2, MOST_TOLD))
        + tasks * (HISTOGRAMS_PER_TASK + 2) * (6 * LINE + PACKED * 3 * pixels)
        + tests * PACKED * (tasks + 3) / 2
        + tasks * (8 * LINE + ACCURACY * 2 * (tasks + 1) + CLASS * min(classes, MOST_CLASSES))
        + min(tasks, MOST_CONFUSED * tasks / classes) * ANSWER * min(classes, MOST_CONFUSED) ** 2
        + LINE * seconds / CHECKPOINT_SECONDS
    )


def log_of(config: RunConfig, pace: float | None, folder: Path) -> tuple[list[bytes], Session]:
    session = Session.create(folder, "log", config)
    train(session, Control(pace))
    return session.events_path.read_bytes().splitlines(keepends=True), session


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("runs", nargs="*", default=list(RUNS), help="which; all by default")
    options = parser.parse_args()
    for name in ["full speed"] if options.tiny else options.runs:
        settings, pace = RUNS[name]
        if options.tiny:
            settings = TINY
        with tempfile.TemporaryDirectory() as folder:
            lines, session = log_of(resolve({"device": "cpu", **settings}), pace, Path(folder))
            history = session.history()
        assert history.importance is not None
        assert history.started is not None
        tasks, layers = len(history.tasks), len(history.importance.layers)
        length = sum(map(len, lines))
        classes, tests = sum(task.classes for task in history.tasks), sum(history.started.test_examples)
        most = bound(history.step, history.elapsed, tasks, layers, classes, tests, PIXELS)
        shares: Counter[str] = Counter()
        for line in lines:
            shares[json.loads(line)["event"]] += len(line)
        told = ", ".join(f"{event} {100 * size / length:.0f} %" for event, size in shares.most_common(4))
        steps = [line for line in lines if b'"event":"steps"' in line]
        print(
            f"{name:23} {history.step:>7,} steps, {tasks:3} tasks, {layers:3} layers, {history.elapsed:6.1f} s: "
            f"{length / 1e6:6.2f} MB = {length / history.step:6.0f} bytes a step, in reports alone "
            f"{sum(map(len, steps)) / history.step:4.0f}; ÷ bound {most / 1e6:6.2f} MB = {length / most:.2f}; {told}",
            flush=True,
        )
        assert length <= most


if __name__ == "__main__":
    main()
