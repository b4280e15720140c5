"""Avalanche against the engine: the same run of split MNIST with fine-tuning, SI, EWC and MAS, in turn, in many rounds.

The network, its initial weights, the examples, batch size, Adam and the number of threads are the same; each side
has its own order of examples. Steps are measured after the first task, ours including the log. Our runs include probes,
test accuracies and checkpoints; Avalanche only trains. The penalties have the same factor k but differ otherwise:
Avalanche's SI follows the gradient of loss plus penalty and bounds Ω at 1e-3, its EWC and MAS square or take the
absolute value of a batch's mean, and its MAS averages Ω over tasks.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from engine.sessions.session import Session
from engine.settings.run import RunConfig, resolve
from engine.streams.stream import Stream
from engine.training.build import load_stream, penalty_factor
from engine.training.control import Control
from engine.training.recorder import Recorder
from engine.training.trainer import Trainer
from perf import random_images
from perf.measure import CLOCKS, arguments, show
from perf.step import STEPS, TINY_STEPS, in_second_task, steps_of

COMPARED = ("none", "si", "ewc", "mas")
HERE = Path(__file__).resolve()


class Avalanche:
    """Avalanche's side: one process, which waits while ours is measured."""

    def __init__(self, python: str, data: Path) -> None:
        self._process = subprocess.Popen(
            [python, "-W", "ignore", "-m", "perf.avalanche_side", str(data)],
            cwd=HERE.parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, config: RunConfig, options: argparse.Namespace) -> dict[str, Any]:
        """Makes one run and returns its measurements. Raises SystemExit if the process has ended."""
        assert self._process.stdin
        assert self._process.stdout
        keys = ("method", "seed", "hidden", "lr", "batch_size", "epochs", "threads")
        factor = config.strength * penalty_factor(config)
        asked = {key: config.flat()[key] for key in keys}
        asked |= {"factor": factor, "clock": options.clock, "fused": options.fused}
        asked["own_data"] = options.data_dir if options.own_data else None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            sys.exit("Avalanche's side ended; what it said stands above")
        found: dict[str, Any] = json.loads(answer)
        return found

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def ours(config: RunConfig, clock: Callable[[], float], steps: int) -> dict[str, Any]:
    """Measures one run, and ``steps`` steps after it."""
    with tempfile.TemporaryDirectory() as folder:
        session = Session.create(Path(folder), "run", config)
        trainer = Trainer(Recorder(session, Control()))
        began = clock()
        trainer.run()
        seconds = clock() - began
        trainer.recorder.close()
        accuracies = trainer.recorder.history.matrix[-1]
        take = steps_of(in_second_task(Path(folder) / "steps", config), steps)
        began = clock()
        take()
        return {
            "seconds": seconds,
            "step_seconds": (clock() - began) / steps,
            "accuracy": sum(accuracies) / len(accuracies),
        }


def save_tasks(stream: Stream, path: Path) -> None:
    saved = []
    for phase in range(len(stream.phases)):
        train, test = (next(stream.passes(phase, stream.count(phase, part), part)) for part in ("train", "test"))
        found = {"inputs": train.inputs, "labels": train.targets}
        saved.append(found | {"test_inputs": test.inputs, "test_labels": test.targets})
    torch.save(saved, path)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument(
        "--avalanche-python", help="interpreter of an environment with avalanche-lib; may be left out with --tiny"
    )
    parser.add_argument("--data-dir", help="where MNIST lies; with --tiny, split-digits without it")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=1, help="a task")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--conv", action="store_true", help="si-cifar on random images, without a method and with SI")
    parser.add_argument("--fused", action="store_true", help="give Avalanche torch's fused Adam, as the engine has it")
    parser.add_argument(
        "--own-data",
        action="store_true",
        help="let Avalanche read its own SplitMNIST, which makes and normalises an example when it is asked for, "
        "instead of tensors; ours is normalised too",
    )
    options = parser.parse_args()
    if not options.tiny and not (options.avalanche_python and (options.data_dir or options.conv)):
        parser.error("--avalanche-python and --data-dir are needed, but with --tiny or --conv")
    clock, steps = CLOCKS[options.clock], STEPS
    if options.tiny:
        options.rounds, options.epochs, steps = 1, 3, TINY_STEPS
    benchmark = "split-mnist" if options.data_dir else "split-digits"
    compared: tuple[str, ...] = COMPARED
    network = "hidden 256-256"
    own: dict[str, Any] = {"hidden": (256, 256), "batch_size": 64}
    if options.conv:
        compared, network, steps = COMPARED[:2], "si-cifar", 10
        benchmark, own = random_images.NAME, {"model": network, "batch_size": 8 if options.tiny else 256}

    def config(method: str, seed: int) -> RunConfig:
        return resolve(
            {
                "method": method,
                "benchmark": benchmark,
                "scenario": "task",
                "tasks": 2 if options.tiny else None,
                **own,
                "optimizer": "adam",
                "lr": 1e-3,
                "reset_optimizer": False,
                "epochs": options.epochs,
                "threads": options.threads,
                "device": "cpu",
                "data_dir": options.data_dir,
                "normalize": (0.1307, 0.3081) if options.own_data else None,
                "seed": seed,
            }
        )

    found: dict[tuple[str, str], list[dict[str, Any]]] = {
        (side, method): [] for side in ("ours", "avalanche") for method in compared
    }
    with tempfile.TemporaryDirectory() as folder, random_images.registered():
        data = Path(folder) / "tasks.pt"
        save_tasks(load_stream(config("none", 0), torch.device("cpu")), data)
        other = Avalanche(options.avalanche_python, data) if options.avalanche_python else None
        if other is not None:
            other.run(config("none", 0), options)
            ours(config("none", 0), clock, steps)  # warms up both sides
        for seed in range(options.rounds):
            for method in compared:
                settings = config(method, seed)
                sides: dict[str, Callable[[], dict[str, Any]]] = {"ours": partial(ours, settings, clock, steps)}
                if other is not None:
                    sides["avalanche"] = partial(other.run, settings, options)
                for side in sorted(sides, reverse=seed % 2 == 0):
                    found[side, method].append(sides[side]())
        if other is not None:
            other.close()
    print(
        f"\n{benchmark}, {network}, task scenario, batch {own['batch_size']}, "
        f"Adam 1e-3{' (both fused)' if options.fused else ''}, "
        f"{'Avalanche with its own SplitMNIST, ' if options.own_data else ''}"
        f"{options.epochs} epochs a task, threads {options.threads}, {options.clock} clock, "
        f"{options.rounds} runs of each"
    )
    if other is None:
        print("Avalanche's side and all ratios are left out: no --avalanche-python")
        for method in compared:
            print(f"  {method:6} ours {accuracies(found['ours', method])}")
        return
    for what, key, scale, unit in (("a step", "step_seconds", 1e3, "ms"), ("a run", "seconds", 1.0, "s")):
        print(f"{what}, Avalanche ÷ ours")
        for method in compared:
            above, below = ([run[key] for run in found[side, method]] for side in ("avalanche", "ours"))
            show(f"  {method}", above, below, scale, unit)
    print("average accuracy over all tasks after the last (mean of the runs, lowest–highest)")
    for method in compared:
        both = "   ".join(f"{side} {accuracies(found[side, method])}" for side in ("ours", "avalanche"))
        print(f"  {method:6} {both}")
    for method in compared[1:]:
        apart = max(run["from_fine_tuning"] for run in found["avalanche", method])
        largest = [run["largest_importance"] for run in found["avalanche", method]]
        known = "" if None in largest else f"; its largest |Ω| {max(largest):.3g}"
        print(f"  Avalanche's {method}: largest difference of a last weight from its fine-tuning's {apart:.3g}{known}")


def accuracies(runs: list[dict[str, Any]]) -> str:
    found = [100 * run["accuracy"] for run in runs]
    return f"{statistics.mean(found):.2f} % ({min(found):.2f}–{max(found):.2f})"


if __name__ == "__main__":
    main()
