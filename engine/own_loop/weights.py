"""The parameters of a network that somebody else trains. They stay where they are and what they are."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import EngineError
from engine.models.flat import Layer, trained
from engine.text import plain

_ONCE = "; end this protection and call protect(…) for the model as it is now"


class Weights:
    """The trained parameters of ``model`` as one vector θ of shape (P,), in the order of ``FlatParameters``.

    The vector is a copy: the parameters keep their memory, shape, type and gradient, so what the user's program does
    with them (``zero_grad``, saving a layer, another optimizer) is what it would be without protection. Copying
    costs a pass over P numbers, less than what a step on one vector saves or a network's own step takes.
    """

    def __init__(self, model: nn.Module) -> None:
        named = [(name, parameter) for name, parameter in trained(model) if parameter.numel()]
        self.names = [name for name, _ in named]
        self.parameters: list[Tensor] = [parameter for _, parameter in named]
        sizes = [parameter.numel() for parameter in self.parameters]
        ends = torch.tensor(sizes).cumsum(0).tolist()
        self.layers = tuple(
            Layer(name, end - size, end) for name, size, end in zip(self.names, sizes, ends, strict=True)
        )
        self.size: int = ends[-1]
        wide = any(parameter.dtype == torch.float64 for parameter in self.parameters)
        self.dtype = torch.float64 if wide else torch.float32
        self.device = self.parameters[0].device
        self.model = model
        self._places = _places(model, self.names)
        self._kinds = [(parameter.dtype, parameter.device) for parameter in self.parameters]
        self._pointers = [parameter.data_ptr() for parameter in self.parameters]
        self._frozen = [
            (name, parameter) for name, parameter in model.named_parameters() if not parameter.requires_grad
        ]

    def vector(self) -> Tensor:
        """A new vector of zeros, shape (P,)."""
        return torch.zeros(self.size, dtype=self.dtype, device=self.device)

    def parts(self, vector: Tensor) -> list[Tensor]:
        """The views into ``vector``, shape (P,), that have the parameters' shapes."""
        shapes = zip(self.layers, self.parameters, strict=True)
        return [vector[layer.start : layer.stop].view(of.shape) for layer, of in shapes]

    @torch.no_grad()
    def theta(self) -> Tensor:
        """A copy of θ, shape (P,)."""
        found = self.vector()
        torch._foreach_copy_(self.parts(found), self.parameters)
        return found

    def check(self) -> None:
        """Raises EngineError if a parameter is no longer the one that was there, or is trained and was not."""
        for held, key, known, name in self._places:
            if held.get(key) is not known:
                raise EngineError(
                    f"{name} is no longer what is protected and what the optimizer steps: it was replaced, as "
                    f"load_state_dict(assign=True) does; load weights without assign, or before protect(…)"
                )
        pointers = [parameter.data_ptr() for parameter in self.parameters]
        if pointers != self._pointers:
            for name, parameter, kind in zip(self.names, self.parameters, self._kinds, strict=True):
                if kind != (parameter.dtype, parameter.device):
                    raise EngineError(
                        f"parameter {name} was moved from {_words(*kind)} to "
                        f"{_words(parameter.dtype, parameter.device)} while it is protected: move the model before "
                        f"protect(…)"
                    )
            self._pointers = pointers  # other memory for the same parameter, as where averaged weights are swapped in
        for name, parameter in self._frozen:
            if parameter.requires_grad:
                raise EngineError(f"parameter {name} was frozen when the protection began, and is trained now{_ONCE}")

    def check_all(self) -> None:
        """``check``, and raises EngineError for a parameter that is new in the model."""
        self.check()
        known = {id(parameter) for parameter in self.parameters}
        for name, parameter in trained(self.model):
            if id(parameter) not in known and parameter.numel():
                raise EngineError(f"the model has a new parameter, {name}, since the protection began{_ONCE}")


def _places(model: nn.Module, names: Sequence[str]) -> list[tuple[dict[str, Any], str, Any, str]]:
    """Where each parameter and each module on the way to it is: the dictionary, its key there, itself, and its name."""
    found: dict[str, tuple[dict[str, Any], str, Any, str]] = {}
    for name in names:
        owner, _, key = name.rpartition(".")
        module = model.get_submodule(owner)
        found[name] = (module._parameters, key, module._parameters[key], f"parameter {name}")
        while owner:
            above, _, key = owner.rpartition(".")
            modules = model.get_submodule(above)._modules
            found[owner] = (modules, key, modules[key], f"layer {owner}")
            owner = above
    return list(found.values())


def _words(dtype: torch.dtype, device: torch.device) -> str:
    return f"{plain(dtype)} on {device}"
