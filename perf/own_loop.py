"""``cl_tui.protect`` in somebody's own loop: a step with SI in the second task, where the penalty acts ÷ the program's
own step without it, with the same optimizer. A plain Adam, AdamW or SGD on a CPU takes its fused step, RMSprop cannot.
Also the memory that protection keeps, in vectors of the parameters' size."""

import gc
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

import cl_tui
from engine.catalog.choices import model_info
from engine.catalog.entries import load
from engine.models.mlp import mlp
from perf.measure import CLOCKS, arguments, interleaved, show

OPTIMIZERS: dict[str, Callable[[nn.Module], Optimizer]] = {
    "Adam": lambda model: Adam(model.parameters(), lr=1e-3),
    "AdamW": lambda model: AdamW(model.parameters(), lr=1e-3),
    "SGD": lambda model: SGD(model.parameters(), lr=1e-2, momentum=0.9),
    "RMSprop": lambda model: RMSprop(model.parameters(), lr=1e-3),
}


def si_cifar() -> nn.Module:
    info = model_info("si-cifar")
    options = {key: declared.default for key, declared in info.options.kept.items()} | dict(info.arguments)
    built: nn.Module = load(info.code)(inputs=(3, 32, 32), outputs=10, seed=0, **options)
    return built


def small_conv() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 7 * 7, 10)),
    )


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int, int]] = {
    "mlp 64-100-100-10, batch 16": (lambda: mlp((64,), (100, 100), 10, 0), (16, 64), 200, 4),
    "mlp 784-256-256-10, batch 64": (lambda: mlp((784,), (256, 256), 10, 0), (64, 784), 50, 4),
    "small conv, 1×28×28, batch 64": (small_conv, (64, 1, 28, 28), 10, 2),
    "si-cifar, 3×32×32, batch 256": (si_cifar, (256, 3, 32, 32), 2, 2),
}
"""The network, a batch's shape, the steps of a round, and of how many optimizers."""


def own_step(model: nn.Module, optimizer: Optimizer, inputs: torch.Tensor, labels: torch.Tensor) -> Callable[[], None]:
    def take() -> None:
        optimizer.zero_grad()
        cross_entropy(model(inputs), labels).backward()
        optimizer.step()

    return take


def protected_step(
    model: nn.Module, optimizer: Optimizer, inputs: torch.Tensor, labels: torch.Tensor, folder: Path
) -> Callable[[], None]:
    """In the second task."""
    run = cl_tui.protect(model, optimizer, session=f"s{len(list(folder.iterdir()))}", sessions_dir=folder)

    def take() -> None:
        run.step(cross_entropy(model(inputs), labels))

    for name in ("first", "second"):
        run.task(name)
        for _ in range(3):
            take()
        if name == "first":
            run.end_task()
    return take


def several(take: Callable[[], None], steps: int) -> None:
    for _ in range(steps):
        take()


def kept() -> int:
    """Bytes of all tensors that are alive."""
    gc.collect()
    tensors = [of for of in gc.get_objects() if issubclass(type(of), torch.Tensor)]
    return sum({of.untyped_storage().data_ptr(): of.untyped_storage().nbytes() for of in tensors}.values())


def memory(folder: Path, make: Callable[[], nn.Module]) -> None:
    model = make()
    size = sum(of.numel() * of.element_size() for of in model.parameters())
    optimizer = Adam(model.parameters(), lr=1e-3)
    inputs, labels = torch.randn(4, 64), torch.randint(10, (4,))
    own_step(model, optimizer, inputs, labels)()
    optimizer.zero_grad()
    before = kept()
    take = protected_step(model, optimizer, inputs, labels, folder)
    for _ in range(200):  # by then the checkpoint of the first task is written
        take()
    print(f"\nmemory that SI keeps in the second task ÷ the parameters: {(kept() - before) / size:.2f}")


def measure(name: str, rounds: int, tiny: bool, clock: Callable[[], float], folder: Path) -> None:
    make, shape, steps, some = NETWORKS[name]
    steps = 1 if tiny else steps
    shape = (2, *shape[1:]) if tiny else shape
    inputs, labels = torch.randn(shape), torch.randint(10, (shape[0],))
    print(f"\n{name}: a step, threads {torch.get_num_threads()}")
    for optimizer in list(OPTIMIZERS)[:: 1 if some == len(OPTIMIZERS) else len(OPTIMIZERS) - 1]:
        sides: dict[str, Callable[[], None]] = {}
        for side in ("own", "protected"):
            model = make()
            made = OPTIMIZERS[optimizer](model)
            take = (
                own_step(model, made, inputs, labels)
                if side == "own"
                else protected_step(model, made, inputs, labels, folder)
            )
            sides[side] = partial(several, take, steps)
        seconds = interleaved(sides, rounds, clock)
        show(f"{optimizer}: with SI ÷ without", seconds["protected"], seconds["own"], 1e3 / steps, "ms")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    threads = torch.get_num_threads()
    torch.set_num_threads(options.threads)
    try:
        with tempfile.TemporaryDirectory() as folder:
            for name in NETWORKS:
                measure(name, 1 if options.tiny else options.rounds, options.tiny, CLOCKS[options.clock], Path(folder))
            memory(Path(folder), lambda: mlp((64,), (100, 100), 10, 0))
    finally:
        torch.set_num_threads(threads)


if __name__ == "__main__":
    main()
