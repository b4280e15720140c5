"""Experience replay (Chaudhry et al. 2019) with a buffer that changes at the tasks' ends, as lists and loops."""

import torch
from torch import Tensor

from engine.seeds import generator
from tests.reference.method import SlowMethod


class SlowReplay(SlowMethod):
    """``choice``: reservoir (Vitter 1985, algorithm R) or balanced. Draws are the engine's."""

    def __init__(self, size: int, choice: str, each_step: int, seed: int) -> None:
        self.size = size
        self.choice = choice
        self.each_step = each_step
        self.seed = seed
        self.buffer: list[int] = []
        self.labels_so_far: list[list[int]] = []

    def remembered(self, step: int) -> list[int]:
        if not self.buffer:
            return []
        order = torch.randperm(len(self.buffer), generator=generator(self.seed, "replay", step))
        return sorted(self.buffer[place] for place in order[: self.each_step].tolist())

    def learned(self, labels: Tensor) -> None:
        task, before = len(self.labels_so_far), sum(map(len, self.labels_so_far))
        self.labels_so_far.append(labels.tolist())
        if self.choice == "balanced":
            self.buffer = self.one_after_another()
            return
        draws = torch.rand(len(labels), dtype=torch.float64, generator=generator(self.seed, "reservoir", task)).tolist()
        for number, draw in enumerate(draws, start=before):
            if len(self.buffer) < self.size:
                self.buffer.append(number)
            elif (slot := int(draw * (number + 1))) < self.size:
                self.buffer[slot] = number

    def one_after_another(self) -> list[int]:
        """One example of each class in turn, until there is no room or none is left."""
        queues: list[list[int]] = []
        start = 0
        for task, labels in enumerate(self.labels_so_far):
            for label in sorted(set(labels)):
                own = [place for place, of in enumerate(labels) if of == label]
                order = torch.randperm(len(own), generator=generator(self.seed, "balanced buffer", task, label))
                queues.append([start + own[place] for place in order.tolist()])
            start += len(labels)
        chosen: list[list[int]] = [[] for _ in queues]
        room = self.size
        while room and any(queues):
            for queue, own in zip(queues, chosen, strict=True):
                if queue and room:
                    own.append(queue.pop(0))
                    room -= 1
        return [place for own in chosen for place in own]
