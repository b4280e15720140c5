"""The benchmarks by name. Listing and validating them imports no torch.

Each has the defaults with which its numbers in the README were measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class BenchmarkInfo:
    """Description and defaults of a benchmark, available without loading its data."""

    name: str
    title: str
    source: str
    classes: tuple[int, ...]
    """Class labels, in the order in which they are split into tasks."""
    inputs: tuple[int, ...]
    """Shape of one example."""
    default_tasks: int
    most_tasks: int
    scenario: str
    defaults: Mapping[str, object]
    """Default settings by configuration key."""
    strengths: Mapping[str, float]
    """Default strength by method."""
    code: str
    """'module:function', called as function(config) -> Stream."""
    files: str = ""
    """Name of the torchvision data set read from --data-dir; empty if it needs none."""
    watch_pace: float | None = None
    """Steps per second in the monitor, if training is otherwise too fast to watch; None for full speed."""
    permuted: bool = False
    """Whether every task has all classes."""
    options: Mapping[str, float] = field(default_factory=dict)
    """Default values of options that only some methods read, such as xi."""

    def classes_by_task(self, tasks: int) -> tuple[int, ...]:
        """Number of classes of each of ``tasks`` tasks."""
        return (len(self.classes),) * tasks if self.permuted else group_sizes(len(self.classes), tasks)


def group_sizes(classes: int, tasks: int) -> tuple[int, ...]:
    """Splits ``classes`` into ``tasks`` group sizes as evenly as possible, larger groups first.

    >>> group_sizes(10, 4)
    (3, 3, 2, 2)
    """
    size, larger = divmod(classes, tasks)
    return tuple(size + (number < larger) for number in range(tasks))


_DIGITS = "UCI's 1,797 handwritten digits of 8×8 (Alpaydin & Kaynak 1998), three quarters for training"
_MNIST = "LeCun, Cortes & Burges; in --data-dir, in torchvision's layout"
_IN_ORDER = tuple(range(10))

BENCHMARKS: dict[str, BenchmarkInfo] = {
    info.name: info
    for info in (
        BenchmarkInfo(
            name="split-digits",
            title="Pairs of digits that resemble each other: 0 8, 1 7, 2 3, 4 9, 5 6",
            source=_DIGITS,
            classes=(0, 8, 1, 7, 2, 3, 4, 9, 5, 6),
            inputs=(1, 8, 8),
            default_tasks=5,
            most_tasks=10,
            scenario="task",
            defaults={
                "hidden": (100, 100),
                "epochs": 60,
                "batch_size": 16,
                "lr": 1e-3,
                "optimizer": "adam",
                "reset_optimizer": True,
            },
            strengths={"l2": 0.1, "si": 1.0, "ewc": 1e3, "mas": 0.1, "rwalk": 10.0},
            options={"xi": 1e-3},
            code="engine.streams.digits:stream",
            watch_pace=250.0,
        ),
        BenchmarkInfo(
            name="permuted-digits",
            title="All ten digits, with the pixels shuffled in a different order for each task",
            source=_DIGITS,
            classes=_IN_ORDER,
            inputs=(1, 8, 8),
            default_tasks=5,
            most_tasks=1000,
            scenario="domain",
            defaults={
                "hidden": (200, 200),
                "epochs": 20,
                "batch_size": 16,
                "lr": 1e-3,
                "optimizer": "adam",
                "reset_optimizer": True,
            },
            permuted=True,
            strengths={"l2": 0.01, "si": 1.0, "ewc": 1e2, "mas": 0.01, "rwalk": 1.0},
            options={"xi": 0.1},
            code="engine.streams.digits:stream",
            watch_pace=425.0,
        ),
        BenchmarkInfo(
            name="split-mnist",
            title="MNIST in pairs: 0 1, 2 3, 4 5, 6 7, 8 9",
            source=_MNIST,
            classes=_IN_ORDER,
            inputs=(1, 28, 28),
            default_tasks=5,
            most_tasks=10,
            scenario="task",
            defaults={
                "hidden": (256, 256),
                "epochs": 4,
                "batch_size": 64,
                "lr": 1e-2,
                "optimizer": "adam",
                "reset_optimizer": True,
            },
            strengths={"l2": 0.1, "si": 1.0, "ewc": 1e3, "mas": 0.1, "rwalk": 100.0},
            options={"xi": 1e-3},
            code="engine.streams.mnist:stream",
            files="MNIST",
        ),
        BenchmarkInfo(
            name="permuted-mnist",
            title="All of MNIST, with the pixels shuffled in a different order for each task",
            source=_MNIST,
            classes=_IN_ORDER,
            inputs=(1, 28, 28),
            default_tasks=10,
            most_tasks=1000,
            scenario="domain",
            defaults={
                "hidden": (400, 400),
                "epochs": 3,
                "batch_size": 128,
                "lr": 1e-3,
                "optimizer": "adam",
                "reset_optimizer": False,
            },
            permuted=True,
            strengths={"l2": 0.01, "si": 0.3, "ewc": 1e2, "mas": 0.01, "rwalk": 0.1},
            options={"xi": 0.1},
            code="engine.streams.mnist:stream",
            files="MNIST",
        ),
    )
}
