"""Classification in three scenarios (van de Ven & Tolias 2019): what the network knows about the task, as a range of
competing outputs.

Outputs are in task order, so every set of active outputs is a range and masking is a slice.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div

from engine.batch import Batch
from engine.catalog.entries import AGNOSTIC, AWARE
from engine.problems.problem import Answers, Form, Problem

Scenario = Literal["task", "domain", "class"]


class Classification(Problem):
    """Tasks with ``classes[t]`` classes each; the loss is the mean cross entropy in nats, the score the accuracy.

    >>> problem = Classification("class", [2, 2])
    >>> batch = Batch(inputs=torch.zeros(1, 3), targets=torch.tensor([1]), task=1)
    >>> problem.begin(1)
    >>> problem.loss(torch.tensor([[0.0, 1.0, 2.0, 3.0]]), batch)
    tensor(0.4402)
    """

    def __init__(self, scenario: Scenario, classes: Sequence[int], label_smoothing: float = 0.0) -> None:
        """``label_smoothing``: the share of each target in the loss that the competing outputs get alike."""
        self._scenario = scenario
        self._smoothing = label_smoothing
        self._starts = (0, *accumulate(classes))
        self.looks_ahead = scenario != "class"  # there the outputs of later tasks never compete
        self.outputs = max(classes) if scenario == "domain" else sum(classes)

    def active(self, task: int) -> slice:
        """The outputs that compete: the task's own, the one shared set (domain), or all classes seen so far (class)."""
        if self._scenario == "domain":
            return slice(0, self.outputs)
        if self._scenario == "class":
            return slice(0, self._starts[self.newest + 1])
        return slice(self._starts[task], self._starts[task + 1])

    def _among(self, batch: Batch) -> tuple[slice, Tensor]:
        """The active outputs of a batch of one task, and its targets as indices among them."""
        assert isinstance(batch.task, int)
        offset = self._starts[batch.task] if self._scenario == "class" else 0
        return self.active(batch.task), batch.targets + offset if offset else batch.targets

    def loss(self, outputs: Tensor, batch: Batch, reduction: Literal["mean", "sum"] = "mean") -> Tensor:
        if isinstance(batch.task, int):
            active, targets = self._among(batch)
            return cross_entropy(outputs[:, active], targets, reduction=reduction, label_smoothing=self._smoothing)
        return self.loss_of_tasks(outputs, batch, batch.task, reduction)

    def distillation(self, outputs: Tensor, taught: Tensor, temperature: float, class_mean: bool = False) -> Tensor:
        """T²·KL(taught ‖ outputs) at the temperature T: of the shared outputs (domain); of all classes so far, among
        which ``taught`` gives the newest task's no probability (class); the mean over the earlier tasks' own (task)."""
        if self._scenario == "class":
            earlier = [(self.active(self.newest), self._starts[self.newest])]
        elif self._scenario == "domain":
            earlier = [(self.active(0), self.outputs)]
        else:
            earlier = [(self.active(task), self.outputs) for task in range(self.newest)]
        found = []
        for active, known in earlier:
            own = (outputs[:, active] / temperature).log_softmax(1)
            old = (taught[:, active][:, :known] / temperature).log_softmax(1)
            apart = kl_div(own[:, :known], old, reduction="batchmean", log_target=True)
            found.append(apart / own.shape[1] if class_mean else apart)
        return temperature**2 * torch.stack(found).mean()

    def scores(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Whether it is the right class."""
        active, targets = self._among(batch)
        return outputs[:, active].argmax(1) == targets

    def answers(self, outputs: Tensor, batch: Batch) -> dict[str, Answers]:
        """In the domain scenario it makes no difference whether the task is told."""
        assert isinstance(batch.task, int)
        if self._scenario == "domain":
            return {"": Answers(outputs.argmax(1), self.outputs)}
        first, end = self._starts[batch.task], self._starts[batch.task + 1]
        seen = self._starts[self.newest + 1]
        aware = Answers(outputs[:, first:end].argmax(1), end - first)
        agnostic = Answers(outputs[:, :seen].argmax(1), seen, first)
        if self._scenario == "task":
            return {AWARE: aware, AGNOSTIC: agnostic}
        return {AGNOSTIC: agnostic, AWARE: aware}

    def competing(self, outputs: Tensor, phase: int) -> tuple[Tensor, int]:
        return outputs[:, self.active(phase)], self._starts[phase] if self._scenario == "class" else 0

    def gradients(
        self, outputs: Tensor, batch: Batch, form: Form, random: torch.Generator | None = None
    ) -> Iterator[Tensor]:
        active, targets = self._among(batch)
        competing = outputs[:, active]
        if form == "norm":
            gradient = torch.zeros_like(outputs)
            gradient[:, active] = 2 * competing
            yield gradient
            return
        probabilities = competing.softmax(1)
        rows = torch.arange(len(outputs), device=outputs.device)

        def score(labels: Tensor) -> Tensor:
            """∂log p(y|x)/∂outputs for one label y of each example."""
            found = torch.zeros_like(outputs)
            found[:, active] = -probabilities
            found[rows, active.start + labels] += 1
            return found

        if form == "exact":
            for label in range(probabilities.shape[1]):
                yield score(torch.full_like(rows, label)) * probabilities[:, label : label + 1].sqrt()
        elif form == "sampled":
            yield score(torch.multinomial(probabilities.cpu(), 1, generator=random).squeeze(1).to(rows.device))
        elif form == "predicted":
            yield score(competing.argmax(1))
        else:
            yield score(targets)
