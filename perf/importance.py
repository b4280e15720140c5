"""The exact Fisher diagonal and the MAS pass against loops over single examples with autograd: a loop as in published
code, and a tight loop. First a network of linear layers, then the convolutional network of the SI paper, also with the
memory that the measurement takes at each limit of importance_memory.

All give the same importances; the largest difference is printed in float32 and in float64.
"""

import argparse
import copy
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

from engine.batch import Batch
from engine.catalog.entries import load
from engine.catalog.models import MODELS
from engine.importance.fisher import fisher
from engine.importance.measure import BATCH
from engine.importance.sensitivity import sensitivity
from engine.models.mlp import mlp
from engine.problems.classification import Classification
from engine.sessions.session import Session
from engine.settings.run import resolve
from engine.training.control import Control
from engine.training.recorder import Recorder
from engine.training.trainer import Trainer
from perf.measure import CLOCKS, arguments, interleaved, show
from perf.memory import peak_resident

HIDDEN = (256, 256)
DOUBLE_EXAMPLES = 1000
"""Examples for the comparison in float64."""

Pass = Callable[[nn.Module, Tensor, int], Tensor]


@dataclass(frozen=True)
class Learned:
    """A network and the inputs on which its importances are measured."""

    model: nn.Module
    inputs: Tensor
    classes: int
    """The first outputs compete."""


def our_fisher(model: nn.Module, inputs: Tensor, classes: int) -> Tensor:
    return fisher(model, Classification("task", [classes]), _unlabelled(inputs))


def our_mas(model: nn.Module, inputs: Tensor, classes: int) -> Tensor:
    return sensitivity(model, Classification("task", [classes]), _unlabelled(inputs))


def _unlabelled(inputs: Tensor) -> Iterator[Batch]:
    for part in inputs.split(BATCH):
        yield Batch(part, torch.empty(0, dtype=torch.int64), task=0)


def fisher_loop(model: nn.Module, inputs: Tensor, classes: int) -> Tensor:
    """E_x Σ_y p(y|x)(∂log p(y|x)/∂θ)², shape (P,), as in published code: a data loader with batches of one, one
    forward pass per example, one backward pass per class.
    """
    totals = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    for example in DataLoader(_Rows(inputs), batch_size=1):
        outputs = model(example)[:, :classes]
        weights = outputs.detach().softmax(1)[0]
        for label in range(len(weights)):
            loss = cross_entropy(outputs, torch.tensor([label], device=outputs.device))
            model.zero_grad()
            loss.backward(retain_graph=label + 1 < len(weights))
            for name, parameter in model.named_parameters():
                if parameter.grad is not None:
                    totals[name] += weights[label] * parameter.grad**2
    return torch.cat([total.flatten() for total in totals.values()]) / len(inputs)


def tight_fisher_loop(model: nn.Module, inputs: Tensor, classes: int) -> Tensor:
    """``fisher_loop`` without a data loader and unneeded tensors."""
    parameters = list(model.parameters())
    totals = [torch.zeros_like(parameter) for parameter in parameters]
    for example in inputs:
        log_probabilities = model(example[None])[0, :classes].log_softmax(0)
        probabilities = log_probabilities.exp().tolist()
        for label, probability in enumerate(probabilities):
            more = label + 1 < len(probabilities)
            gradients = torch.autograd.grad(log_probabilities[label], parameters, retain_graph=more)
            for total, gradient in zip(totals, gradients, strict=True):
                total.addcmul_(gradient, gradient, value=probability)
    return torch.cat([total.flatten() for total in totals]) / len(inputs)


def mas_loop(model: nn.Module, inputs: Tensor, classes: int) -> Tensor:
    """E_x |∂‖f(x)‖²/∂θ|, shape (P,), with a data loader: one forward and one backward pass per example."""
    totals = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    for example in DataLoader(_Rows(inputs), batch_size=1):
        squared_norm = model(example)[:, :classes].pow(2).sum()
        model.zero_grad()
        squared_norm.backward()
        for name, parameter in model.named_parameters():
            if parameter.grad is not None:
                totals[name] += parameter.grad.abs()
    return torch.cat([total.flatten() for total in totals.values()]) / len(inputs)


def tight_mas_loop(model: nn.Module, inputs: Tensor, classes: int) -> Tensor:
    """``mas_loop`` without a data loader."""
    parameters = list(model.parameters())
    totals = [torch.zeros_like(parameter) for parameter in parameters]
    for example in inputs:
        squared_norm = model(example[None])[0, :classes].square().sum()
        for total, gradient in zip(totals, torch.autograd.grad(squared_norm, parameters), strict=True):
            total += gradient.abs()
    return torch.cat([total.flatten() for total in totals]) / len(inputs)


class _Rows(Dataset[Tensor]):
    """The rows of a tensor, as a data set."""

    def __init__(self, inputs: Tensor) -> None:
        self._inputs = inputs

    def __len__(self) -> int:
        return len(self._inputs)

    def __getitem__(self, row: int) -> Tensor:
        return self._inputs[row]


def learned(benchmark: str, classes: int, data_dir: str, examples: int) -> Learned:
    """784-256-256-10 after one epoch of the first task of ``benchmark``."""
    config = resolve(
        {
            "method": "none",
            "benchmark": benchmark,
            "data_dir": data_dir,
            "hidden": HIDDEN,
            "epochs": 1,
            "lr": 1e-3,
            "device": "cpu",
            "threads": torch.get_num_threads(),
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        session = Session.create(Path(folder), "importance", config)
        trainer = Trainer(Recorder(session, Control()))
        trainer.begin()
        trainer.train_task()
        trainer.recorder.close()
    return Learned(trainer.state.model, next(trainer.stream.passes(0, examples)).inputs, classes)


def at_random(classes: int, examples: int) -> Learned:
    """784-256-256-10 with its initial weights, and inputs uniform in 0–1."""
    inputs = torch.rand(examples, 784, generator=torch.Generator().manual_seed(0))
    return Learned(mlp((784,), HIDDEN, 10, seed=0), inputs, classes)


def convolutional(examples: int, size: int, device: str) -> Learned:
    """The SI paper's network for CIFAR, with random weights in its last layer too, and inputs uniform in 0–1."""
    info = MODELS["si-cifar"]
    model = load(info.code)(inputs=(3, size, size), outputs=60, seed=0, **info.arguments)
    random = torch.Generator().manual_seed(0)
    for parameter in list(model.parameters())[-2:]:
        parameter.data.normal_(0, 0.05, generator=random)
    inputs = torch.rand(examples, 3, size, size, generator=random)
    return Learned(model.to(device).eval(), inputs.to(device), 10)


def added_memory(memory: int, examples: int, size: int) -> float:
    """MiB by which the Fisher pass raises the peak of this process."""
    on = convolutional(examples, size, "cpu")
    our_fisher(on.model, on.inputs[:2], 10)
    before = resident("VmRSS")
    fisher(on.model, Classification("task", [10]), _unlabelled(on.inputs), memory=memory)
    return resident("VmHWM") - before


def resident(which: str) -> float:
    """MiB of this process: VmRSS now, VmHWM at most so far. Elsewhere than on Linux, both are the most."""
    try:
        told = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(told.split(f"{which}:")[1].split()[0]) / 1024
    except OSError:
        return peak_resident()


def show_memory(limits: Sequence[int], examples: int, size: int) -> None:
    print(f"\nMemory that the Fisher pass of {examples:,} examples adds, each in a fresh process")
    for limit in limits:
        command = [sys.executable, "-m", "perf.importance", "--added-memory", str(limit), str(examples), str(size)]
        told = float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        print(f"importance_memory {limit:5} MiB: {told:7.1f} MiB added ÷ limit = {told / limit:.3f}", flush=True)


def difference(ours: Tensor, loop: Tensor) -> str:
    """The largest relative difference of a single importance, and that of the whole vector."""
    larger = torch.maximum(ours.abs(), loop.abs())
    each = torch.where(larger > 0, (ours - loop).abs() / larger, 0.0).max().item()
    return f"{each:.1e} (of the whole vector: {((ours - loop).norm() / loop.norm()).item():.1e})"


def compare(
    name: str,
    ours: Pass,
    loops: dict[str, Pass],
    on: Learned,
    share: int,
    rounds: int,
    clock: Callable[[], float],
    most_in_double: int = DOUBLE_EXAMPLES,
) -> None:
    """Measures all sides in turn; the loops use only the first ``share`` inputs, and their time is scaled."""
    found: dict[str, Tensor] = {}

    def measured(side: str, run: Pass, inputs: Tensor) -> None:
        found[side] = run(on.model, inputs, on.classes)

    first = on.inputs[:share]
    sides = {side: partial(measured, side, loop, first) for side, loop in loops.items()}
    seconds = interleaved({"ours": partial(measured, "ours", ours, on.inputs), **sides}, rounds, clock)
    scale = len(on.inputs) / len(first)
    print(f"\n{name}, {len(on.inputs):,} examples; a loop looks at {len(first):,} of them, its time × {scale:g}")
    for side in loops:
        show(f"{side} ÷ ours", [second * scale for second in seconds[side]], seconds["ours"], 1.0, "s")
    alike = found["ours"] if scale == 1 else ours(on.model, first, on.classes)
    double, few = copy.deepcopy(on.model).double(), first[:most_in_double].double()
    exact = ours(double, few, on.classes)
    for side, loop in loops.items():
        print(f"  ours and {side}, largest difference in float32: {difference(alike, found[side])}")
        in_double = difference(exact, loop(double, few, on.classes))
        print(f"    in float64, {len(few):,} examples: {in_double}", flush=True)


def compare_linear(options: argparse.Namespace) -> None:
    if options.data_dir:
        two = learned("split-mnist", 2, options.data_dir, options.examples)
        ten = learned("permuted-mnist", 10, options.data_dir, options.examples)
        what = "MNIST, one epoch learned"
    else:
        two, ten = at_random(2, options.examples), at_random(10, options.examples)
        what = "random inputs and weights: no --data-dir"
    print(f"784-256-256-10, threads {options.threads}, {options.clock} clock, {what}")
    rounds, clock = options.rounds, CLOCKS[options.clock]
    compare("Fisher, 2 classes", our_fisher, FISHER_LOOPS, two, options.share, rounds, clock)
    compare("Fisher, 10 classes", our_fisher, FISHER_LOOPS, ten, options.ten_class_share, rounds, clock)
    compare("MAS, 2 outputs", our_mas, MAS_LOOPS, two, options.share, rounds, clock)
    compare("MAS, 10 outputs", our_mas, MAS_LOOPS, ten, options.share, rounds, clock)


def compare_convolutional(options: argparse.Namespace) -> None:
    examples, size, share = (4, 16, 2) if options.tiny else (2000, 32, options.conv_share)
    on = convolutional(examples, size, options.device)
    what = torch.cuda.get_device_name() if options.device == "cuda" else f"threads {options.threads}"
    print(f"\nsi-cifar, 3×{size}×{size}, {what}, {options.clock} clock, random inputs")
    rounds, clock = options.rounds, CLOCKS[options.clock]
    compare("Fisher, 10 classes", our_fisher, FISHER_LOOPS, on, share, rounds, clock, 4)
    compare("MAS, 10 outputs", our_mas, MAS_LOOPS, on, share, rounds, clock, 4)
    if options.device == "cpu":
        show_memory((16,) if options.tiny else (64, 256, 1024), examples, size)


FISHER_LOOPS: dict[str, Pass] = {"loop": fisher_loop, "tight loop": tight_fisher_loop}
MAS_LOOPS: dict[str, Pass] = {"loop": mas_loop, "tight loop": tight_mas_loop}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data-dir", help="where MNIST lies; without it the inputs are random")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--share", type=int, default=10_000, help="examples at which a loop looks")
    parser.add_argument("--ten-class-share", type=int, default=2000, help="the same, for the Fisher of 10 classes")
    parser.add_argument("--network", choices=["linear", "conv", "both"], default="both")
    parser.add_argument("--conv-share", type=int, default=100, help="examples at which a loop looks, of 2,000")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="of the convolutional network")
    parser.add_argument("--added-memory", type=int, nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.added_memory:
        print(added_memory(*options.added_memory))
        return
    if options.tiny:
        options.examples = options.share = options.ten_class_share = 10
        options.rounds = 1
    if options.network != "conv":
        compare_linear(options)
    if options.network != "linear":
        compare_convolutional(options)


if __name__ == "__main__":
    main()
