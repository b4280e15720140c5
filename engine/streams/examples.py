"""Streams of labelled examples: a task's data, and how a data set becomes a sequence of tasks."""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from itertools import accumulate, islice
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from engine.batch import Batch, examples_at_once
from engine.catalog.choices import benchmark_info
from engine.catalog.entries import group_sizes
from engine.errors import BenchmarkError
from engine.problems.classification import Classification
from engine.problems.problem import Problem
from engine.problems.regression import Regression
from engine.seeds import generator
from engine.settings.consistent import shape_of
from engine.settings.run import FirstTask, RunConfig
from engine.streams.augment import augmented
from engine.streams.looked_at import looked_at, spread
from engine.streams.normalize import channels_of, denormalized, normalized, told
from engine.streams.numbers import regression
from engine.streams.pixels import Pixels, Store
from engine.streams.stream import Phase, Pictured, Stream
from engine.streams.unlabelled import read_unlabelled
from engine.text import visible

BATCH = 4096
"""Most test examples in one pass."""
BATCH_BYTES = 2**24
"""Most bytes of their inputs, since a network needs several times as much: 4096 examples of MNIST, 27 of 3×224×224."""
PROBE_EXAMPLES = 3000
"""Test examples in a probe during the last task, over all tasks together."""
FEWEST_EXAMPLES = 16
"""Smallest evaluation subset of a task, however many tasks there are."""


Augment = Callable[[torch.Generator, Tensor], Tensor]
"""Changes a training batch of bytes, shape (N, C, H, W), with what it draws from the generator, which is on the CPU."""


@dataclass(frozen=True)
class Examples:
    """``inputs`` of shape (N, features) as float32, or images as bytes; ``targets`` of shape (N,) count the task's own
    classes from 0, or are numbers of shape (N, D); they may be unknown, and have shape (0,).

    ``order``, shape (features,), permutes the features when examples are taken, so all tasks of a permuted benchmark
    share one tensor. ``rows``, shape (N,), says which images of shared bytes these are; None: all.
    """

    inputs: Store
    targets: Tensor
    order: Tensor | None = None
    rows: Tensor | None = None

    def __len__(self) -> int:
        return len(self.inputs if self.rows is None else self.rows)

    def take(self, rows: Tensor, change: Callable[[Tensor], Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Inputs and targets of ``rows``, on the device. ``change`` is applied to the bytes of images."""
        if isinstance(self.inputs, Pixels):
            inputs = self.inputs.take(rows if self.rows is None else self.rows.index_select(0, rows), change)
        else:
            inputs = self.inputs.index_select(0, rows)
        return self._ordered(inputs), self.targets.index_select(0, rows).to(inputs.device)

    def raw(self, rows: Tensor) -> Tensor:
        """The bytes of images, in the order in which a network sees them."""
        assert isinstance(self.inputs, Pixels)
        found = self.inputs.raw(rows if self.rows is None else self.rows.index_select(0, rows))
        return self._ordered(found)

    def slice(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        if isinstance(self.inputs, Pixels):
            return self.take(torch.arange(start, min(stop, len(self)), device=self.inputs.home))
        return self._ordered(self.inputs[start:stop]), self.targets[start:stop]

    def subset(self, rows: Tensor) -> "Examples":
        """Only the examples of ``rows``; the bytes of images are not copied."""
        if isinstance(self.inputs, Pixels):
            return replace(self, targets=self.targets[rows], rows=rows if self.rows is None else self.rows[rows])
        return Examples(*self.take(rows))

    def _ordered(self, inputs: Tensor) -> Tensor:
        return inputs if self.order is None else inputs.flatten(1).index_select(1, self.order)

    def moved(self, device: torch.device, move: Callable[[Store], Store]) -> "Examples":
        """On ``device``; ``move`` moves what tasks share."""
        inputs = move(self.inputs)
        home = inputs.home if isinstance(inputs, Pixels) else device
        order = None if self.order is None else self.order.to(device)
        return Examples(inputs, self.targets.to(home), order, None if self.rows is None else self.rows.to(home))


@dataclass(frozen=True)
class Task:
    name: str
    classes: int
    """Of regression: the numbers that a target has."""
    train: Examples
    test: Examples
    validation: Examples | None = None
    class_names: tuple[str, ...] = ()
    """What its classes are called; their numbers within the task if nothing is given."""

    def changed(self, change: Callable[[Examples], Examples]) -> "Task":
        """With ``change`` of each part."""
        own = self.validation and change(self.validation)
        return replace(self, train=change(self.train), test=change(self.test), validation=own)

    @property
    def parts(self) -> list[Examples]:
        return [self.train, self.test, *([] if self.validation is None else [self.validation])]


@dataclass(frozen=True)
class DataSet:
    """All examples of a data set, from which benchmarks are built; labels are those of the data set."""

    train: Examples
    test: Examples
    validation: Examples | None = None


def held_out(data: DataSet, share: float | None, seed: int, *place: int) -> DataSet:
    """``data`` whose validation set is this share of each class's training examples, or of all if targets are numbers,
    drawn from ``seed`` and ``place``: at least one of two or more, and never all. Unchanged if there is no share."""
    if not share:
        return data
    labels = data.train.targets if data.train.targets.dim() == 1 else torch.zeros(len(data.train))
    order = torch.randperm(len(labels), generator=generator(seed, "validation", *place))
    kept, held = list[Tensor](), list[Tensor]()
    for label in labels.unique():
        own = order[labels[order] == label]
        count = min(max(1, round(share * len(own))), len(own) - 1)
        held.append(own[:count])
        kept.append(own[count:])
    train, validation = (data.train.subset(torch.cat(rows).sort().values) for rows in (kept, held))
    return replace(data, train=train, validation=validation)


class ExampleStream(Stream):
    """One task after another, in batches of its own examples, in an order that depends only on (seed, task, epoch)."""

    def __init__(self, config: RunConfig, tasks: Sequence[Task], inputs: tuple[int, ...]) -> None:
        self._config = config
        self._regression: Regression | None = None
        if config.problem == "regression":
            tasks, self._regression = regression(config, tasks)
        first = config.extended_at[0] if config.extended_at else None
        trained = dict.fromkeys((task.train.inputs, task.train.rows) for task in tasks[:first])  # tasks may share them
        self._channels = channels = channels_of(config.normalize, list(trained), columns=len(inputs) == 1)
        self.notes = (told(channels),) if channels and config.normalize == "auto" else ()
        once = cache(lambda store: normalized(store, channels))
        self.tasks = [task.changed(lambda part: replace(part, inputs=once(part.inputs))) for task in tasks]
        kinds = config.option("augment")
        self.augment: Augment | None = partial(augmented, kinds) if kinds else None
        """Of training batches alone; what it draws depends only on (seed, task, step)."""
        self.inputs = inputs
        self._accumulates = False
        for task in self.tasks:
            if config.validation and not task.validation:
                few = "has no class with" if self._regression is None else "does not have"
                raise BenchmarkError(
                    f"validation {config.validation:g}: task {visible(task.name)} {few} two training examples, so none "
                    f"can be held out"
                )
        self._subsets = evaluation_subsets(tasks, config.seed, config.extended_at or ())
        self._probes = [task.test.subset(rows) for task, rows in zip(self.tasks, self._subsets, strict=True)]
        self._order = torch.empty(0, dtype=torch.int64)
        """The rows of one epoch, in training order."""
        self._order_of: tuple[int, int] | None = None
        self._schedule()

    @classmethod
    def of(
        cls,
        config: RunConfig,
        data: DataSet,
        inputs: tuple[int, ...] = (),
        groups: Sequence[Sequence[int]] = (),
        names: Sequence[str] = (),
        class_names: Sequence[str] = (),
    ) -> Self:
        """``inputs``, the classes of each task and the tasks' names are the benchmark's if none are given.
        ``class_names``: of all classes; their numbers if none are given."""
        info = benchmark_info(config.benchmark)
        data = held_out(data, config.validation, config.seed)
        if info.permuted:
            tasks = permuted(data, len(info.classes), config.tasks, config.seed)
        else:
            groups = groups or divided(class_order(config, info.classes), config.tasks)
            tasks = grouped(data, groups, names, class_names)
        return cls(config, tasks, inputs or shape_of(config))

    @classmethod
    def of_tasks(
        cls,
        config: RunConfig,
        tasks: Sequence[tuple[str, DataSet]],
        inputs: tuple[int, ...],
        labels: Iterable[Sequence[object]] = (),
    ) -> Self:
        """Tasks that are in memory, each with its name and its own examples, as many as ``config.classes_by_task()``
        has; classes count from 0 in each. ``inputs``: the shape of one example. ``labels``: what the classes of each
        task are called."""
        made = []
        called = iter(labels)
        for number, ((name, data), size) in enumerate(zip(tasks, config.classes_by_task(), strict=True)):
            data = held_out(data, config.validation, config.seed, number)
            made.append(Task(name, size, data.train, data.test, data.validation, tuple(map(str, next(called, ())))))
        return cls(config, made, inputs)

    @cached_property
    def _own(self) -> Examples | None:
        folder = self._config.option("importance_data")
        if folder in (None, "train", "test"):
            return None
        notes: list[str] = []
        cut = not benchmark_info(self._config.benchmark).inputs  # like its images
        found = read_unlabelled(Path(folder), self.inputs, notes.append, cut)
        self.notes += tuple(notes)
        labels = torch.empty(0, dtype=torch.int64)
        device = self.tasks[0].train.inputs.device
        return Examples(normalized(found, self._channels), labels).moved(device, lambda own: own.to(device))

    @cached_property
    def digest(self) -> str:
        return self.digest_of(len(self.tasks))

    def digest_of(self, phases: int) -> str:
        return content(self.tasks[:phases]) + (f" {_digest(self._own.inputs)}" if self._own else "")

    def _schedule(self) -> None:
        config = self._config
        sizes = [len(task.train) for task in self.tasks]
        phases, self._sizes = [], []
        for number, task in enumerate(self.tasks):
            own = config.first_task if number == 0 and config.first_task else FirstTask()
            size, epochs = own.batch_size or config.batch_size, own.epochs or config.epochs
            epoch = math.ceil((sum(sizes[: number + 1]) if self._accumulates else sizes[number]) / size)
            steps = config.steps if epochs is None else epoch * epochs
            assert steps is not None
            called = task.class_names or tuple(map(str, range(task.classes)))
            chance = None if self._regression is None else self._regression.chance(number)
            phases.append(Phase(task.name, task.classes, steps, epoch, own.lr or config.lr, chance, called))
            self._sizes.append(size)
        self.phases = tuple(phases)

    def to(self, device: torch.device) -> Self:
        move = cache(lambda store: store.to(device))  # once, however many tasks share it
        self.tasks = [task.changed(lambda part: part.moved(device, move)) for task in self.tasks]
        self._probes = [examples.moved(device, move) for examples in self._probes]
        return self

    def problem(self) -> Problem:
        if self._regression is not None:
            return copy(self._regression)
        classes = [task.classes for task in self.tasks]
        return Classification(self._config.scenario, classes, self._config.label_smoothing or 0.0)

    def accumulate(self) -> None:
        self._accumulates = True
        self._schedule()

    def batch(self, phase: int, step: int) -> Batch:
        epoch, number = divmod(step, self.phases[phase].epoch)
        if self._order_of != (phase, epoch):
            seen = self.tasks[: phase + 1] if self._accumulates else [self.tasks[phase]]
            random = generator(self._config.seed, "order", phase, epoch)
            order = torch.randperm(sum(len(task.train) for task in seen), generator=random)
            self._order = order.to(seen[0].train.targets.device)
            self._order_of = (phase, epoch)
        size = self._sizes[phase]
        rows = self._order[number * size : (number + 1) * size]
        change = self._changing("augment", phase, step)
        if self._accumulates:
            return self._mixed(rows, [task.train for task in self.tasks[: phase + 1]], change)
        return self._batch(phase, *self.tasks[phase].train.take(rows, change))

    def _changing(self, purpose: str, *place: int) -> Callable[[Tensor], Tensor] | None:
        if self.augment is None:
            return None
        return partial(self.augment, generator(self._config.seed, purpose, *place))

    def recall(self, rows: Tensor, step: int) -> Batch:
        trained = [task.train for task in self.tasks]
        return self._mixed(rows.to(trained[0].targets.device), trained, self._changing("augment recalled", step))

    def targets(self, phase: int) -> Tensor:
        return self.tasks[phase].train.targets

    def _mixed(self, rows: Tensor, seen: Sequence[Examples], change: Callable[[Tensor], Tensor] | None) -> Batch:
        """``rows`` index all of ``seen``, one task's examples after another's."""
        ends = list(accumulate(map(len, seen)))
        tasks, order = torch.bucketize(rows, rows.new_tensor(ends), right=True).sort(stable=True)
        counts = torch.bincount(tasks, minlength=len(seen)).tolist()
        parts = [
            examples.take(own - (end - len(examples)), change)
            for examples, end, own in zip(seen, ends, rows[order].split(counts), strict=True)
        ]
        inputs, targets = (torch.cat(found) for found in zip(*parts, strict=True))
        return self._batch(tasks.to(inputs.device), inputs, targets)

    def _batch(self, task: int | Tensor, inputs: Tensor, targets: Tensor) -> Batch:
        return Batch(inputs.view(-1, *self.inputs), targets, task)

    def passes(self, phase: int, size: int, part: str = "train") -> Iterator[Batch]:
        examples = self._examples(phase, part)
        for start in range(0, len(examples), size):
            yield self._batch(phase, *examples.slice(start, start + size))

    def drawn(self, phase: int, count: int, purpose: str, part: str = "train") -> Batch:
        examples = self._examples(phase, part)
        return self._batch(phase, *examples.take(self._drawn(examples, phase, count, purpose)))

    def sampled(self, phase: int, count: int, purpose: str, size: int | None = None) -> Iterator[Batch]:
        examples = self._examples(phase, "train")
        for rows in self._drawn(examples, phase, count, purpose).split(size or self._together):
            yield self._batch(phase, *examples.take(rows))

    def _drawn(self, examples: Examples, phase: int, count: int, purpose: str) -> Tensor:
        rows = torch.randperm(len(examples), generator=generator(self._config.seed, purpose, phase))[:count]
        return rows.to(examples.targets.device)

    @property
    def _together(self) -> int:
        """Examples in one pass without a gradient."""
        return min(BATCH, max(1, BATCH_BYTES // (4 * math.prod(self.inputs))))

    def picture(self, phase: int, count: int) -> Pictured:
        probe, places = self._probes[phase], self._subsets[phase]
        targets = probe.targets.cpu()
        rows = spread(targets, count)
        own = rows.to(probe.targets.device)
        if isinstance(probe.inputs, Pixels):
            found = probe.raw(own).cpu()
        else:
            found = denormalized(probe.take(own)[0].cpu(), self._channels)
        pictures, numbers = looked_at(found.view(-1, *self.inputs))
        return Pictured(rows, places[rows], targets[rows], pictures, numbers)

    def count(self, phase: int, part: str) -> int:
        if part == "validation" and self.tasks[phase].validation is None:
            return 0
        return len(self._examples(phase, part))

    def _examples(self, phase: int, part: str) -> Examples:
        if part == "probe":
            return self._probes[phase]
        task = self.tasks[phase]
        found = getattr(task, part) if part in ("train", "test", "validation") else self._own
        assert isinstance(found, Examples)
        return found

    def test(
        self,
        phase: int,
        net: nn.Module,
        problem: Problem,
        part: str,
        check: Callable[[], None] = lambda: None,
        see: Callable[[Tensor, Batch], None] = lambda outputs, batch: None,
    ) -> float:
        total, count = 0.0, 0
        for batch in self.passes(phase, examples_at_once(net, self._config.batch_size, self._together), part):
            check()
            outputs = net(batch.inputs)
            total += problem.scores(outputs, batch).sum().item()
            see(outputs, batch)
            count += len(batch)
        return problem.score_of(total / count)


def evaluation_subsets(tasks: Sequence[Task], seed: int, extended_at: Sequence[int] = ()) -> list[Tensor]:
    """Rows of each task's test set: equally many of each class, or any if targets are numbers, drawn once from
    ``seed``; all rows of a small set. Two probes then differ only if the network does (De Lange et al. 2023).

    ``extended_at``: the numbers of tasks before tasks were added, which does not change the earlier ones' subsets."""
    subsets = []
    for number, task in enumerate(tasks):
        known = next((stage for stage in extended_at if number < stage), len(tasks))
        share = max(FEWEST_EXAMPLES, PROBE_EXAMPLES // known)
        labels = task.test.targets
        rows = torch.randperm(len(labels), generator=generator(seed, "evaluation subset", number))
        if labels.dim() > 1:
            rows = rows[:share]
        elif len(labels) > share:
            each = max(1, share // task.classes)
            rows = torch.cat([rows[labels[rows] == label][:each] for label in range(task.classes)])
        subsets.append(rows.sort().values)
    return subsets


def content(tasks: Sequence[Task]) -> str:
    """A digest of all the tasks' data. What tasks share is read once."""
    once = cache(_digest)
    parts = (part for task in tasks for part in task.parts)
    found = [
        "none" if store is None else once(store)
        for part in parts
        for store in (part.inputs, part.targets, part.order, *([] if part.rows is None else [part.rows]))
    ]
    return hashlib.sha256(" ".join(found).encode()).hexdigest()[:32]


def _digest(store: Store) -> str:
    if isinstance(store, Pixels):
        return store.digest
    digest = hashlib.sha256(f"{store.dtype} {tuple(store.shape)}".encode())
    digest.update(store.flatten().cpu().numpy().data)
    return digest.hexdigest()[:32]


def class_order(config: RunConfig, classes: Sequence[int]) -> Sequence[int]:
    if config.class_order == "random":
        return [classes[place] for place in shuffled(config.seed, len(classes))]
    return [int(label) for label in config.class_order or classes]


def shuffled(seed: int, classes: int) -> list[int]:
    places: list[int] = torch.randperm(classes, generator=generator(seed, "classes")).tolist()
    return places


def divided(classes: Sequence[int], tasks: int) -> list[list[int]]:
    """``classes``, in order, in ``tasks`` groups as even as possible, larger groups first."""
    rest = iter(classes)
    return [list(islice(rest, size)) for size in group_sizes(len(classes), tasks)]


def split(data: DataSet, classes: Sequence[int], tasks: int) -> list[Task]:
    return grouped(data, divided(classes, tasks))


def grouped(
    data: DataSet, groups: Sequence[Sequence[int]], names: Sequence[str] = (), class_names: Sequence[str] = ()
) -> list[Task]:
    """A task for each group of classes; it is named after them if no names are given."""
    made = []
    for number, group in enumerate(groups):
        name = names[number] if names else " ".join(map(str, group))
        own = data.validation and _of_classes(data.validation, group)
        called = tuple(class_names[label] if class_names else str(label) for label in group)
        made.append(Task(name, len(group), _of_classes(data.train, group), _of_classes(data.test, group), own, called))
    return made


def _of_classes(examples: Examples, group: Sequence[int]) -> Examples:
    own_label = torch.full((max(*group, int(examples.targets.max())) + 1,), -1)
    own_label[torch.tensor(group)] = torch.arange(len(group))
    labels = own_label[examples.targets]
    rows = (labels >= 0).nonzero().squeeze(1)
    return replace(examples.subset(rows), targets=labels[rows])


def permuted(data: DataSet, classes: int, tasks: int, seed: int) -> list[Task]:
    """Every task has all classes; the first keeps the order of the features, each later task permutes them."""
    features = math.prod(data.train.inputs.shape[1:])
    made = []
    for number in range(tasks):
        order = torch.randperm(features, generator=generator(seed, "features", number)) if number else None
        train, test = replace(data.train, order=order), replace(data.test, order=order)
        own = data.validation and replace(data.validation, order=order)
        made.append(Task(f"order {number + 1}", classes, train, test, own))
    return made
