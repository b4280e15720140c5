"""Learning without Forgetting (Li & Hoiem 2017), with the weights of van de Ven & Tolias 2018 and 2019.

loss 1/N·L + (1−1/N)·D     in the N-th task, on its own inputs
D = T²·KL(teacher ‖ network) of what the outputs meant before (``Problem.distillation``)

The teacher is the network as it was when the task began, in eval mode: dropout is off, and normalisation takes the
running statistics of that moment. A step descends (L + (N−1)·D)/N, so the log tells L as the loss and (N−1)·D as the
penalty, which stand to each other as the step weighs them.
"""

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.batch import Batch
from engine.catalog.methods.lwf import LwFOptions
from engine.errors import ConfigError, first_line
from engine.methods.base import Method, StepLoss
from engine.models.flat import PerParameter, trained
from engine.problems.problem import Problem
from engine.streams.stream import Stream


@dataclass
class Teacher:
    """With the network's buffers under their names, as ``buffers/…``."""

    theta: PerParameter


class LearningWithoutForgetting(Method):
    """Earlier tasks are held by the answers that the network used to give to the new task's inputs."""

    options: LwFOptions
    state: Teacher

    def use(self, net: nn.Module, stream: Stream) -> None:
        self._net = net

    def start(self, theta: Tensor) -> None:
        self.state = Teacher(theta.clone())
        frozen = {id(parameter): parameter for parameter in self._net.parameters() if not parameter.requires_grad}
        try:
            teacher = deepcopy(self._net, dict(frozen))
        except Exception as error:  # a network of the user's may hold anything
            raise ConfigError(f"method = lwf: the network cannot be copied: {first_line(error)}", "method") from error
        start = 0
        for _, parameter in trained(teacher):
            stop = start + parameter.numel()
            parameter.data, parameter.grad = self.state.theta[start:stop].view_as(parameter), None
            start = stop
        self._teacher = teacher.eval().requires_grad_(False)
        vars(self.state).update({f"buffers/{name}": buffer for name, buffer in teacher.named_buffers()})

    def begin_task(self, theta: Tensor) -> None:
        self.state.theta.copy_(theta)
        for buffer, now in zip(self._teacher.buffers(), self._net.buffers(), strict=True):
            buffer.copy_(now)

    def loss(self, outputs: Tensor, batch: Batch, problem: Problem) -> StepLoss:
        own = problem.loss(outputs, batch)
        earlier = problem.newest
        if not earlier:
            return StepLoss(own, own)
        with torch.no_grad():
            taught: Tensor = self._teacher(batch.inputs)
        distilled = problem.distillation(outputs, taught, self.options.temperature, bool(self.options.class_mean))
        return StepLoss((own + earlier * distilled) / (earlier + 1), own, earlier * distilled)
