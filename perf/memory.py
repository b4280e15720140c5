"""Peak memory of a run of 100 tasks against the same run of 2: permuted digits, whose tasks share one tensor. Then a
run with SI on images in a memory map, against the plain loop in torch on the same images plus what SI keeps: ω, the
task's start, Ω and θ*.

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
    """MiB in this process: "before" the first step, at the run's "peak", in live "tensors" after it, and in those that
    the method "keeps"."""
    import torch

    from perf import random_images

    torch.set_num_threads(1)
    with random_images.registered():
        if settings.pop("plain", False):
            return plain_loop(settings)
        return run(settings)


def run(settings: dict[str, Any]) -> dict[str, float]:
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
        tensors = trainer.state.tensors().items()
        keeps = sum(tensor.nbytes for name, tensor in tensors if name.startswith(("method/", "penalty/")))
        live = sum(live_tensors())
        return {"before": before, "peak": peak_resident(), "tensors": live / 2**20, "keeps": keeps / 2**20}


def plain_loop(settings: dict[str, Any]) -> dict[str, float]:
    """As in any tutorial: modules, torch's fused Adam, as many steps on the same images, then a test."""
    import torch
    from torch.nn.functional import cross_entropy

    from engine.catalog.choices import model_info
    from engine.models.conv import conv
    from engine.settings.run import resolve
    from perf import random_images

    config = resolve(settings)
    pixels = random_images.pixels(config)
    labels = random_images.labels(len(pixels))
    model = conv(random_images.SHAPE, config.tasks * random_images.CLASSES, 0, **model_info(config.model).arguments)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr, fused=True)
    before = peak_resident()
    assert config.steps is not None
    for _ in range(config.tasks * config.steps):
        rows = torch.randperm(len(pixels))[: config.batch_size]
        optimizer.zero_grad()
        images = torch.as_tensor(pixels[rows.numpy()]).float() / 255
        cross_entropy(model(images), labels[rows]).backward()
        optimizer.step()
    with torch.no_grad():
        for rows in torch.arange(len(pixels)).split(config.batch_size):
            model.eval()(torch.as_tensor(pixels[rows.numpy()]).float() / 255)
    return {"before": before, "peak": peak_resident()}


def images(rounds: int, batch_size: int, give_back: bool) -> None:
    """The network of the SI paper for CIFAR."""
    with tempfile.TemporaryDirectory() as folder:
        with open(Path(folder, "random-images"), "wb") as file:  # as perf/random_images.py reads it
            for _ in range(2 * 10 * batch_size):
                file.write(os.urandom(3 * 32 * 32))
        settings = {"benchmark": "random-images", "model": "si-cifar", "method": "si", "batch_size": batch_size}
        settings |= {"steps": 10, "threads": 1, "device": "cpu", "data_dir": folder}
        found = {
            side: [in_fresh_process(settings | {"plain": side == "plain"}, give_back) for _ in range(rounds)]
            for side in ("ours", "plain")
        }
    added = {side: [run["peak"] - run["before"] for run in runs] for side, runs in found.items()}
    keeps = statistics.median(run["keeps"] for run in found["ours"])
    print(f"\nimages, si-cifar, batch {batch_size}: si ÷ the plain loop; what si keeps is {keeps:.1f} MiB")
    compare("the run's part", added["ours"], added["plain"])
    compare("÷ plain and kept", added["ours"], [part + keeps for part in added["plain"]])


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
    parser.add_argument("--images", action="store_true", help="only the run on images")
    parser.add_argument("--give-back", action="store_true", help="of glibc: freed blocks are returned at once")
    parser.add_argument("--one-run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one_run:
        print(json.dumps(run_once(json.loads(options.one_run))))
        return
    if options.images:
        images(options.rounds, 256, options.give_back)
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
    images(options.rounds, 8 if options.tiny else 256, options.give_back)


def compare(what: str, one_side: list[float], other_side: list[float]) -> None:
    above, below = statistics.median(one_side), statistics.median(other_side)
    among = [one / other for one in one_side for other in other_side]
    print(
        f"  {what:24} {above:8.1f} MiB ÷ {below:8.1f} MiB  = {above / below:.4f}  ({min(among):.4f}–{max(among):.4f})",
        flush=True,
    )


if __name__ == "__main__":
    main()
