"""One step of somebody else's optimizer: what happens before and after it."""

from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from engine.errors import EngineError
from engine.own_loop.state import State

FUSED = (Adam, AdamW, SGD)
UNUSUAL = ("foreach", "fused", "capturable", "differentiable", "amsgrad", "maximize")


class Step:
    """``before`` adds the penalty's gradient to the parameters' gradients and keeps θ and g; ``after`` tells the method
    what the optimizer did. Memory: two vectors of shape (P,), and a third once there is a penalty."""

    def __init__(self, state: State, optimizer: Optimizer) -> None:
        self._state = state
        self._weights = weights = state.weights
        self._optimizer = optimizer
        method = state.method
        self._follows = method.sees_steps or method.directs
        self._theta = weights.vector()
        self._theta_parts = weights.parts(self._theta)
        self._gradient = weights.vector() if self._follows else self._theta
        self._gradient_parts = weights.parts(self._gradient)
        self._pulled: Tensor | None = None
        self._pulled_parts: list[Tensor] = []
        self.pending = False
        """Whether ``before`` was called and ``after`` was not."""
        self._stepped = False
        self._sizes: list[int] = []
        self._fusable = False
        self._hook = optimizer.register_step_post_hook(self._saw)

    def close(self) -> None:
        self._hook.remove()

    def _saw(self, *_: object) -> None:
        self._stepped = True

    @torch.no_grad()
    def before(self) -> Tensor | None:
        """Returns what the pull wrote, shape (); None without a pull. Raises EngineError."""
        state, weights = self._state, self._weights
        method, pull = state.method, state.pull
        if self.pending:
            raise EngineError(
                "before_optimizer() was called twice: after each optimizer.step(), call run.after_optimizer()"
            )
        weights.check()
        gradients: list[Any] = [parameter.grad for parameter in weights.parameters]
        present = [number for number, gradient in enumerate(gradients) if gradient is not None]
        self._check(gradients, present)
        written = None
        if pull or self._follows:
            torch._foreach_copy_(self._theta_parts, weights.parameters)
        if self._follows and not method.sees_total:
            self._gather(gradients, present)
        if pull:
            if self._pulled is None:
                self._pulled = weights.vector()
                self._pulled_parts = weights.parts(self._pulled)
            written = pull.write(self._theta, out=self._pulled)
            torch._foreach_add_([gradients[k] for k in present], [self._pulled_parts[k] for k in present])
        if method.directs:
            self._direct(gradients, present)
        if self._follows and method.sees_total:
            self._gather(gradients, present)
        self.pending, self._stepped = True, False
        return written

    @torch.no_grad()
    def after(self) -> bool:
        """Whether the optimizer took a step since ``before``. Raises EngineError if that was not called."""
        if not self.pending:
            raise EngineError("after_optimizer() needs run.before_optimizer() before the optimizer's step")
        method, taken = self._state.method, self._stepped
        if self._follows:
            for parameter, part in zip(self._weights.parameters, self._theta_parts, strict=True):
                torch.sub(parameter, part, out=part)
            change = self._theta
            taken = taken or bool(change.any())  # GradScaler skips a step whose gradients are not finite
            if taken and method.sees_steps:
                method.after_step(self._gradient, change)
        self.pending = False
        return taken

    def take(self) -> None:
        """The optimizer's own step, fused where that is the same one."""
        groups = self._optimizer.param_groups if self._plain() else []
        usual = [group["fused"] for group in groups]
        for group in groups:
            group["fused"] = True
        try:
            self._optimizer.step()
        finally:
            for group, was in zip(groups, usual, strict=True):
                group["fused"] = was

    def _plain(self) -> bool:
        """Whether torch's fused form of the optimizer computes the same: on a CPU, where it is several times faster
        than the usual form. All else stays, such as its state, its hooks and what a scheduler counts."""
        if type(self._optimizer) not in FUSED or torch.get_default_dtype() != torch.float32:
            return False
        groups = self._optimizer.param_groups
        sizes = [len(group["params"]) for group in groups]
        if sizes != self._sizes:
            self._sizes, every = sizes, [of for group in groups for of in group["params"]]
            self._fusable = all(of.device.type == "cpu" and of.dtype == torch.float32 for of in every)
        return self._fusable and all(map(_usual, groups))

    def _check(self, gradients: list[Any], present: list[int]) -> None:
        if not present:
            raise EngineError(
                "no parameter has a gradient before the optimizer's step: call run.step(loss), or loss.backward() "
                "before run.before_optimizer()"
            )
        if self._state.task_step == 0:
            for number in present:
                if gradients[number].layout != torch.strided:
                    raise EngineError(
                        f"the gradient of {self._weights.names[number]} is sparse, and importances need a whole one: "
                        f"build its layer with sparse=False"
                    )

    def _gather(self, gradients: list[Any], present: list[int]) -> None:
        """g, 0 where a parameter has no gradient."""
        if len(present) == len(gradients):
            torch._foreach_copy_(self._gradient_parts, gradients)
        else:
            self._gradient.zero_()
            torch._foreach_copy_([self._gradient_parts[k] for k in present], [gradients[k] for k in present])

    def _direct(self, gradients: list[Any], present: list[int]) -> None:
        """Lets the method change what the optimizer gets."""
        total = self._weights.vector()
        parts = self._weights.parts(total)
        torch._foreach_copy_([parts[k] for k in present], [gradients[k] for k in present])
        self._state.method.direct(total, self._theta)
        torch._foreach_copy_([gradients[k] for k in present], [parts[k] for k in present])


def _usual(group: dict[str, Any]) -> bool:
    """Whether its flags are at their defaults."""
    return not (any(group.get(key) for key in UNUSUAL) or isinstance(group["lr"], Tensor))
