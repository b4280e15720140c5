"""Peak memory of a run of 100 tasks against the same run of 2: permuted digits, whose tasks share one tensor.

Each run has its own process. The stricter ratio compares only what the peak adds to the process after it has loaded
data and network; live tensors are counted after the last task. glibc's allocator keeps freed blocks for reuse, but they
do not always fit, so the peak varies by a few percent between runs. --give-back makes it return every large freed block
at once, so that only what the run uses remains.
"""

import argparse
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from perf.measure import arguments

# The parent process imports no torch: Linux counts the parent's memory in the peak of a child.

FEW, MANY, TINY_MANY = 2, 100, 4
BLOCK = 2**18
"""Bytes from which a block comes directly from the operating system, with --give-back."""
VARIANTS: dict[str, dict[str, Any]] = {
    "si": {"method": "si"},
    "ewc, separate": {"method": "ewc"},
    "ewc, online": {"method": "ewc", "gamma": 0.9},
    "mas": {"method": "mas"},
}


def run_once(settings: dict[str, Any]) -> dict[str, float]:
    """MiB in this process: "before" the first step, at the run's "peak", and in live "tensors" after it."""
    from engine.sessions.session import Session
    from engine.settings.run import resolve
    from engine.training.control import Control
    from engine.training.recorder import Recorder
    from engine.training.trainer import Trainer

    with tempfile.TemporaryDirectory() as folder:
        session = Session.create(Path(folder), "memory", resolve(settings))
        trainer = Trainer(Recorder(session, Control()))
        before = peak_resident()
        trainer.run()
        trainer.recorder.close()
        return {"before": before, "peak": peak_resident(), "tensors": sum(live_tensors()) / 2**20}


def peak_resident() -> float:
    """The most memory this process ever had resident, in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def live_tensors() -> Iterator[int]:
    """The size in bytes of each storage that a tensor in this process still uses."""
    import torch

    seen = set()
    for thing in gc.get_objects():
        if issubclass(type(thing), torch.Tensor):
            storage = thing.untyped_storage()
            if storage.data_ptr() not in seen:
                seen.add(storage.data_ptr())
                yield storage.nbytes()


def in_fresh_process(settings: dict[str, Any], give_back: bool) -> dict[str, float]:
    command = [sys.executable, "-m", "perf.memory", "--one-run", json.dumps(settings)]
    environment = os.environ | ({"MALLOC_MMAP_THRESHOLD_": str(BLOCK)} if give_back else {})
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    found: dict[str, float] = json.loads(told)
    return found


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--hidden", type=int, nargs="*", default=[600, 600])
    parser.add_argument("--steps", type=int, default=5, help="steps a task")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--give-back", action="store_true", help="of glibc: freed blocks are returned at once")
    parser.add_argument("--one-run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one_run:
        print(json.dumps(run_once(json.loads(options.one_run))))
        return
    variants, many = VARIANTS, MANY
    if options.tiny:
        variants, many, options.hidden, options.rounds = {"si": VARIANTS["si"]}, TINY_MANY, [8], 1
    shared = {
        "benchmark": "permuted-digits",
        "hidden": options.hidden,
        "steps": options.steps,
        "threads": 1,
        "device": "cpu",
    }
    freed = "given back at once" if options.give_back else "kept as the allocator will"
    print(
        f"permuted-digits, hidden {options.hidden}, {options.steps} steps a task, {options.rounds} processes a side, "
        f"freed blocks {freed}",
        flush=True,
    )
    for name, variant in variants.items():
        found: dict[int, list[dict[str, float]]] = {FEW: [], many: []}
        for number in range(options.rounds):
            for tasks in (FEW, many) if number % 2 else (many, FEW):
                found[tasks].append(in_fresh_process({**shared, **variant, "tasks": tasks}, options.give_back))
        print(f"\n{name}: {many} tasks ÷ {FEW} tasks")
        peaks = {tasks: [run["peak"] for run in runs] for tasks, runs in found.items()}
        added = {tasks: [run["peak"] - run["before"] for run in runs] for tasks, runs in found.items()}
        tensors = {tasks: [run["tensors"] for run in runs] for tasks, runs in found.items()}
        compare("peak resident", peaks[many], peaks[FEW])
        compare("the run's part of it", added[many], added[FEW])
        compare("live tensors at the end", tensors[many], tensors[FEW])


def compare(what: str, many: list[float], few: list[float]) -> None:
    above, below = statistics.median(many), statistics.median(few)
    among = [one / other for one in many for other in few]
    print(
        f"  {what:24} {above:8.1f} MiB ÷ {below:8.1f} MiB  = {above / below:.4f}  ({min(among):.4f}–{max(among):.4f})",
        flush=True,
    )


if __name__ == "__main__":
    main()
