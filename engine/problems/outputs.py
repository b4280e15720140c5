"""Scenarios (van de Ven & Tolias 2019): what the network knows about the task, as a range of competing outputs.

Outputs are in task order, so every set of active outputs is a range and masking is a slice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Scenario = Literal["task", "domain", "class"]


@dataclass(frozen=True)
class Outputs:
    """The network's outputs for tasks with ``classes[t]`` classes each."""

    scenario: Scenario
    classes: tuple[int, ...]

    @classmethod
    def of(cls, scenario: Scenario, classes: Sequence[int]) -> "Outputs":
        return cls(scenario, tuple(classes))

    @property
    def count(self) -> int:
        """Number of outputs, which the network has from the start."""
        return max(self.classes) if self.scenario == "domain" else sum(self.classes)

    def active(self, task: int, newest: int) -> slice:
        """The outputs that compete on ``task`` when ``newest`` is the last task seen (in training: the task itself).

        Task scenario: the task's own; domain: the one shared set; class: those of all classes seen so far.
        """
        if self.scenario == "domain":
            return slice(0, self.count)
        first = 0 if self.scenario == "class" else sum(self.classes[:task])
        last = newest if self.scenario == "class" else task
        return slice(first, sum(self.classes[: last + 1]))

    def offset(self, task: int) -> int:
        """Offset from a task's own label (0, 1, …) to its index among the active outputs."""
        return sum(self.classes[:task]) if self.scenario == "class" else 0
