"""The SI paper's CIFAR experiment in plain torch: its network, its images, its loop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy


def network(outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding="same"),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Conv2d(32, 64, 3, padding="same"),
        nn.ReLU(),
        nn.Conv2d(64, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(2304, 512),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(512, outputs),
    )


def images(folder: Path) -> tuple[Tensor, Tensor]:
    """All images of a folder that has a folder for each class, in float64, and the numbers of their classes."""
    found, labels = [], []
    for label, of_class in enumerate(sorted(folder.iterdir())):
        for path in sorted(of_class.iterdir()):
            pixels = torch.from_numpy(np.array(Image.open(path).convert("RGB"))).float() / 255
            found.append(pixels.permute(2, 0, 1).double())
            labels.append(label)
    return torch.stack(found), torch.tensor(labels)


@dataclass
class Task:
    """Labels count over all tasks: CIFAR-10 has the first ten."""

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def read_tasks(data_dir: Path) -> list[Task]:
    ten = [images(data_dir / "cifar10" / part) for part in ("train", "test")]
    hundred = [images(data_dir / "cifar100" / part) for part in ("train", "test")]
    tasks = [Task(ten[0], ten[1])]
    for first in range(0, 50, 10):
        train, test = (
            (x[(y >= first) & (y < first + 10)], 10 + y[(y >= first) & (y < first + 10)]) for x, y in hundred
        )
        tasks.append(Task(train, test))
    return tasks


@dataclass
class Result:
    losses: list[float]
    penalties: list[float]
    matrix: list[list[float]]
    importance: list[Tensor]


def train(
    net: nn.Sequential,
    tasks: Sequence[Task],
    orders: Sequence[Sequence[Tensor]],
    draws: Callable[[int], int],
    c: float,
    xi: float,
    fresh: Callable[[int], Sequence[Tensor]] | None = None,
) -> Result:
    """``orders``: for each task, the rows of each step. ``draws``: torch's seed for the dropout of a step.

    ``fresh``: the weights that each task but the first begins with, if it has its own.
    """
    theta = list(net.parameters())
    big_omega = [torch.zeros_like(t) for t in theta]
    anchor = [t.detach().clone() for t in theta]
    result = Result([], [], [], big_omega)
    step = 0
    for number, task in enumerate(tasks):
        if fresh and number:
            with torch.no_grad():
                for t, new in zip(theta, fresh(number), strict=True):
                    t.copy_(new)
        optimizer = torch.optim.Adam(theta, lr=1e-3)
        start = [t.detach().clone() for t in theta]
        omega = [torch.zeros_like(t) for t in theta]
        net.train()
        for rows in orders[number]:
            torch.manual_seed(draws(step))
            x = task.train[0][rows].contiguous(memory_format=torch.channels_last)  # the order in which dropout draws
            loss = cross_entropy(masked(net(x), number), task.train[1][rows])
            gradient = torch.autograd.grad(loss, theta, retain_graph=True)
            penalty = (
                c
                * torch.stack(
                    [(o * (t - a) ** 2).sum() for o, t, a in zip(big_omega, theta, anchor, strict=True)]
                ).sum()
            )
            optimizer.zero_grad()
            (loss + penalty).backward()
            before = [t.detach().clone() for t in theta]
            optimizer.step()
            omega = [w - g * (t.detach() - b) for w, g, t, b in zip(omega, gradient, theta, before, strict=True)]
            result.losses.append(loss.item())
            result.penalties.append(penalty.item())
            step += 1
        anchor = [t.detach().clone() for t in theta]
        big_omega = [
            (o + w / ((t - s) ** 2 + xi)).clamp(min=0)
            for o, w, t, s in zip(big_omega, omega, anchor, start, strict=True)
        ]
        result.importance = big_omega
        net.eval()
        result.matrix.append([accuracy(net, tasks[seen], seen) for seen in range(number + 1)])
    return result


def masked(logits: Tensor, task: int) -> Tensor:
    """Only the task's ten outputs compete."""
    mask = torch.full_like(logits, -torch.inf)
    mask[:, 10 * task : 10 * task + 10] = 0
    return logits + mask


def accuracy(net: nn.Sequential, task: Task, number: int) -> float:
    with torch.no_grad():
        hits = [
            int(masked(net(x.unsqueeze(0)), number).argmax()) == label
            for x, label in zip(task.test[0], task.test[1].tolist(), strict=True)
        ]
    return sum(hits) / len(hits)
