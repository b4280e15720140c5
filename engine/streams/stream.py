"""What is learned, in which order."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from engine.batch import Batch
from engine.problems.problem import Problem


@dataclass(frozen=True)
class Phase:
    """One task of a stream."""

    name: str
    classes: int
    """Of regression: the numbers that a target has."""
    steps: int
    epoch: int
    """Steps of one pass over its examples."""
    lr: float
    chance: float | None = None
    """The score of guessing; None if it is not known."""
    class_names: tuple[str, ...] = ()
    """What its classes are called."""


@dataclass(frozen=True)
class Pictured:
    """Examples of a phase's evaluation subset, as people look at them."""

    rows: Tensor
    """Their places in the evaluation subset, shape (N,), ascending; on the CPU, as all here."""
    places: Tensor
    """Their places in the phase's test set. Shape (N,), ascending."""
    targets: Tensor
    pictures: Tensor | None = None
    """Bytes of shape (N, C, H, W), with C = 1 or 3; None if an example is no picture."""
    numbers: Tensor | None = None
    """The first numbers of each example that is no picture, shape (N, F)."""


class Readable(Protocol):
    """What a method may read when a phase was learned. A phase's part is "train", "validation" (for choices), "test",
    "probe" (of the test set, always the same), or the folder of own inputs."""

    inputs: tuple[int, ...]
    """Shape of one example."""

    def passes(self, phase: int, size: int, part: str = "train") -> Iterator[Batch]:
        """Every example of the part once, in batches of ``size``."""

    def sampled(self, phase: int, count: int, purpose: str, size: int | None = None) -> Iterator[Batch]:
        """At most ``count`` training examples, the same whenever they are asked for with the same ``purpose``, in
        batches of ``size``, or that do not take much memory."""

    def count(self, phase: int, part: str) -> int:
        """How many examples the part has; 0 if there is no validation set."""


class Stream(Readable, Protocol):
    phases: tuple[Phase, ...]
    notes: tuple[str, ...] = ()
    """About the user's own inputs; they are read when something asks for them. Reading raises BenchmarkError."""
    says: Mapping[str, Any] = {}
    """Settings that the configuration did not know before the data were read."""

    @property
    def digest(self) -> str:
        """Of all data; of the user's own inputs, a space and their digest follow."""

    def digest_of(self, phases: int) -> str:
        """``digest``, but of the data of the first ``phases`` alone, for a stream that may get more."""
        return self.digest

    def to(self, device: torch.device) -> "Stream":
        """This stream, with its data on ``device``."""

    def problem(self) -> Problem:
        """What the outputs of a network for this stream mean, before the first phase."""

    def accumulate(self) -> None:
        """From now on a phase is trained on the examples of all phases before it, too."""

    def batch(self, phase: int, step: int) -> Batch:
        """What step ``step`` of the phase, counted from 0, is trained on."""

    def recall(self, rows: Tensor, step: int) -> Batch:
        """The training examples in the given places among those of all phases, one phase's after another: shape (N,),
        ascending. ``step``, counted through all phases, decides how they are augmented."""

    def targets(self, phase: int) -> Tensor:
        """Of its training examples, in order."""

    def drawn(self, phase: int, count: int, purpose: str, part: str = "train") -> Batch:
        """At most ``count`` examples of the part, chosen as ``sampled`` does."""

    def picture(self, phase: int, count: int) -> Pictured | None:
        """At most ``count`` examples of the phase's evaluation subset, as people look at them; always the same. None if
        there is nothing to look at."""
        return None

    def test_counts(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of each phase: how many examples its test set has, and its evaluation subset."""
        phases = range(len(self.phases))
        return tuple(self.count(phase, "test") for phase in phases), tuple(
            self.count(phase, "probe") for phase in phases
        )

    def test(
        self,
        phase: int,
        net: nn.Module,
        problem: Problem,
        part: str,
        check: Callable[[], None] = lambda: None,
        see: Callable[[Tensor, Batch], None] = lambda outputs, batch: None,
    ) -> float:
        """The score of ``net``; NaN if outputs are not finite. ``check`` is called between batches and may raise;
        ``see`` gets the outputs."""
