"""Avalanche's side of perf/avalanche.py, run by the interpreter of an environment that has avalanche-lib.

For each line of input, a JSON request, it makes one run and writes a line of JSON. Everything is Avalanche's default
except what perf/avalanche.py names, and: no loggers, no evaluation during training, examples in memory as tensors.
"""

import json
import sys
from collections.abc import Callable
from typing import Any, TextIO

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from engine.catalog.models import MODELS
from engine.models.conv import conv
from engine.models.mlp import mlp
from engine.torchvision_import import torchvision_datasets
from perf.measure import CLOCKS

torchvision_datasets()  # before Avalanche imports torchvision

from avalanche.benchmarks import (  # noqa: E402
    benchmark_from_datasets,
    task_incremental_benchmark,
    with_classes_timeline,
)
from avalanche.benchmarks.classic import SplitMNIST  # noqa: E402
from avalanche.benchmarks.utils import as_classification_dataset  # noqa: E402
from avalanche.models import MultiTaskModule  # noqa: E402
from avalanche.training.plugins import SupervisedPlugin, SynapticIntelligencePlugin  # noqa: E402
from avalanche.training.supervised import EWC, MAS, Naive, SynapticIntelligence  # noqa: E402


class OneHead(MultiTaskModule):  # type: ignore[misc]
    """The engine's network; only the outputs of an example's own task compete."""

    def __init__(self, hidden: list[int] | None, classes: list[int], inputs: tuple[int, ...], seed: int) -> None:
        super().__init__()
        if hidden is None:
            self.network = conv(inputs, sum(classes), seed, **MODELS["si-cifar"].arguments)
        else:
            self.network = mlp(inputs, hidden, sum(classes), seed)
        self.ends = [sum(classes[: task + 1]) for task in range(len(classes))]
        self.classes = classes

    def forward_single_task(self, x: Tensor, task_label: int) -> Tensor:
        end = self.ends[task_label]
        outputs: Tensor = self.network(x)
        return outputs[:, end - self.classes[task_label] : end]


class StepClock(SupervisedPlugin):  # type: ignore[misc]
    """Seconds and steps of the epochs after the first task, without the time between tasks."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self.clock = clock
        self.seconds = 0.0
        self.steps = 0
        self._began = 0.0

    def before_training_epoch(self, strategy: Any, **_: Any) -> None:
        self._began = self.clock()

    def after_training_epoch(self, strategy: Any, **_: Any) -> None:
        if strategy.clock.train_exp_counter > 0:
            self.seconds += self.clock() - self._began
            self.steps += len(strategy.dataloader)


def labelled(inputs: Tensor, labels: Tensor) -> Any:
    """An Avalanche data set, whose data loader collates the batches."""
    examples = TensorDataset(inputs, labels)
    examples.targets = labels.tolist()  # type: ignore[attr-defined]
    return as_classification_dataset(examples)


def in_memory(tasks: list[dict[str, Tensor]]) -> Any:
    """The tasks as experiences with tensors as examples."""
    train = [labelled(task["inputs"], task["labels"]) for task in tasks]
    return with_classes_timeline(task_incremental_benchmark(benchmark_from_datasets(train=train))).train_stream


def own_data(data_dir: str, tasks: int) -> Any:
    """The same tasks from Avalanche's own benchmark."""
    benchmark = SplitMNIST(
        tasks,
        return_task_id=True,
        class_ids_from_zero_in_each_exp=True,
        fixed_class_order=list(range(10)),
        dataset_root=data_dir,
    )
    return benchmark.train_stream


def strategy_of(asked: dict[str, Any], model: OneHead, steps: StepClock) -> Any:
    """The strategy with the same factor k of the squared distance as ours: Avalanche halves only SI's."""
    shared = {
        "model": model,
        "optimizer": torch.optim.Adam(model.parameters(), lr=asked["lr"], fused=asked["fused"] or None),
        "criterion": torch.nn.CrossEntropyLoss(),
        "train_mb_size": asked["batch_size"],
        "train_epochs": asked["epochs"],
        "plugins": [steps],
        "evaluator": None,
    }
    match asked["method"]:
        case "si":
            return SynapticIntelligence(si_lambda=2 * asked["factor"], **shared)
        case "ewc":
            return EWC(ewc_lambda=asked["factor"], **shared)
        case "mas":
            return MAS(lambda_reg=asked["factor"], **shared)
        case _:
            return Naive(**shared)


def run(asked: dict[str, Any], tasks: list[dict[str, Tensor]]) -> tuple[dict[str, Any], Tensor]:
    """The measurements of one run, and the final weights as a vector, shape (P,)."""
    torch.set_num_threads(asked["threads"])
    torch.manual_seed(asked["seed"])
    classes = [int(task["labels"].max()) + 1 for task in tasks]
    model = OneHead(asked["hidden"], classes, tuple(tasks[0]["inputs"].shape[1:]), asked["seed"])
    clock = CLOCKS[asked["clock"]]
    steps = StepClock(clock)
    strategy = strategy_of(asked, model, steps)
    stream = own_data(asked["own_data"], len(tasks)) if asked["own_data"] else in_memory(tasks)
    seconds = 0.0
    for experience in stream:
        began = clock()
        strategy.train(experience)
        seconds += clock() - began
    model.eval()
    with torch.no_grad():
        accuracies = [
            (model.forward_single_task(task["test_inputs"], number).argmax(1) == task["test_labels"])
            .float()
            .mean()
            .item()
            for number, task in enumerate(tasks)
        ]
    found = {
        "seconds": seconds,
        "step_seconds": steps.seconds / steps.steps,
        "accuracy": sum(accuracies) / len(accuracies),
        "largest_importance": largest_importance(strategy),
    }
    return found, torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def largest_importance(strategy: Any) -> float | None:
    """Largest value of SI's Ω; None for another method."""
    for plugin in strategy.plugins:
        if isinstance(plugin, SynapticIntelligencePlugin):
            return max(float(kept.data.abs().max()) for kept in plugin.ewc_data[1].values())
    return None


def serve(requests: TextIO, answers: TextIO, tasks: list[dict[str, Tensor]]) -> None:
    fine_tuned: dict[int, Tensor] = {}
    for line in requests:
        asked = json.loads(line)
        found, weights = run(asked, tasks)
        if asked["method"] == "none":
            fine_tuned[asked["seed"]] = weights
        if asked["seed"] in fine_tuned:
            found["from_fine_tuning"] = (weights - fine_tuned[asked["seed"]]).abs().max().item()
        answers.write(json.dumps(found) + "\n")
        answers.flush()


if __name__ == "__main__":
    to_parent, sys.stdout = sys.stdout, sys.stderr
    serve(sys.stdin, to_parent, torch.load(sys.argv[1], weights_only=True))
