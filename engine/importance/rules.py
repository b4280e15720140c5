"""What each layer's per-example gradients are made of: one rule a type of layer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import group_norm, layer_norm, pad

Gradients = Callable[[Any, Tensor, Tensor], Tensor]
"""Called with the layer, its inputs (N, …), and the gradients δ (N, C, …) at its outputs, C for each example.

Returns the gradients of one parameter, (N, C, *shape of the parameter).
"""


@dataclass(frozen=True)
class Rule:
    gradients: Mapping[str, Gradients]
    """By the parameter's name in the layer."""
    fits: Callable[[Any, Tensor], bool] = lambda layer, inputs: True
    """Whether it holds for this layer on these inputs."""


def over_rows(deltas: Tensor, shape: torch.Size) -> Tensor:
    """δ (N, C, …) of a parameter that is broadcast: summed inside each example to (N, C, *shape)."""
    aligned = (1,) * (deltas.dim() - 1 - len(shape)) + tuple(shape)
    summed = [place + 1 for place, size in enumerate(aligned) if place and size == 1]
    return (deltas.sum(summed) if summed else deltas).reshape(*deltas.shape[:2], *shape)


def of_channels(deltas: Tensor) -> Tensor:
    """δ (N, C, channels, …), summed over all places of an image."""
    return deltas.flatten(3).sum(3) if deltas.dim() > 3 else deltas


def _bias_of_features(layer: Any, inputs: Tensor, deltas: Tensor) -> Tensor:
    return over_rows(deltas, layer.bias.shape)


def _bias_of_channels(layer: Any, inputs: Tensor, deltas: Tensor) -> Tensor:
    return of_channels(deltas)


# Linear


def _linear_weight(layer: nn.Linear, inputs: Tensor, deltas: Tensor) -> Tensor:
    """Σ over an example's rows of the outer products δaᵀ."""
    examples, count = deltas.shape[:2]
    rows = deltas.reshape(examples, count, -1, layer.out_features).transpose(2, 3)
    product = rows.reshape(examples, count * layer.out_features, -1) @ inputs.reshape(examples, -1, layer.in_features)
    return product.view(examples, count, layer.out_features, layer.in_features)


# Convolution


def windows(layer: Any, inputs: Tensor) -> Tensor:
    """The inputs under each place of the kernel, (N, groups, inputs of a kernel, places)."""
    places = len(layer.kernel_size)
    if any(layer._reversed_padding_repeated_twice):
        mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
        inputs = pad(inputs, layer._reversed_padding_repeated_twice, mode=mode)
    for place, (size, stride, dilation) in enumerate(
        zip(layer.kernel_size, layer.stride, layer.dilation, strict=True), start=2
    ):
        inputs = inputs.unfold(place, dilation * (size - 1) + 1, stride)[..., ::dilation]
    kernel_first = (0, 1, *range(2 + places, 2 + 2 * places), *range(2, 2 + places))
    found = inputs.permute(kernel_first)
    return found.reshape(len(inputs), layer.groups, -1, found.shape[-places:].numel())


def _conv_weight(layer: Any, inputs: Tensor, deltas: Tensor) -> Tensor:
    """A linear layer whose rows are the windows."""
    examples, count, groups, own = *deltas.shape[:2], layer.groups, layer.out_channels // layer.groups
    grouped = deltas.reshape(examples, count, groups, own, -1).transpose(1, 2)
    product = grouped.reshape(examples, groups, count * own, -1) @ windows(layer, inputs).transpose(2, 3)
    by_gradient = product.view(examples, groups, count, own, -1).transpose(1, 2)
    return by_gradient.reshape(examples, count, *layer.weight.shape)


# Normalisation


def _batch_norm_weight(layer: Any, inputs: Tensor, deltas: Tensor) -> Tensor:
    shape = (-1, *(1,) * (inputs.dim() - 2))
    centred = inputs - layer.running_mean.view(shape)
    return of_channels(deltas * (centred * (layer.running_var + layer.eps).rsqrt().view(shape)).unsqueeze(1))


def _layer_norm_weight(layer: nn.LayerNorm, inputs: Tensor, deltas: Tensor) -> Tensor:
    normed = layer_norm(inputs, list(layer.normalized_shape), eps=layer.eps)
    return over_rows(deltas * normed.unsqueeze(1), layer.weight.shape)


def _group_norm_weight(layer: nn.GroupNorm, inputs: Tensor, deltas: Tensor) -> Tensor:
    return of_channels(deltas * group_norm(inputs, layer.num_groups, eps=layer.eps).unsqueeze(1))


# Lookup and elementwise


def _embedding_weight(layer: nn.Embedding, inputs: Tensor, deltas: Tensor) -> Tensor:
    """δ of each row at the index that was looked up; an index may come up several times in an example."""
    examples, count = deltas.shape[:2]
    rows = deltas.reshape(examples, count, -1, layer.embedding_dim)
    places = inputs.reshape(examples, 1, -1, 1).expand_as(rows)
    found = rows.new_zeros(examples, count, layer.num_embeddings, layer.embedding_dim).scatter_add_(2, places, rows)
    if layer.padding_idx is not None:
        found[:, :, layer.padding_idx] = 0
    return found


def _prelu_weight(layer: nn.PReLU, inputs: Tensor, deltas: Tensor) -> Tensor:
    found = of_channels(deltas * inputs.clamp_max(0).unsqueeze(1))
    return found if layer.num_parameters > 1 else found.sum(2, keepdim=True)


_CONVOLUTION = Rule(
    {"weight": _conv_weight, "bias": _bias_of_channels}, lambda layer, inputs: inputs.dim() == layer.weight.dim()
)
RULES: dict[Callable[..., Any], Rule] = {
    nn.Linear.forward: Rule({"weight": _linear_weight, "bias": _bias_of_features}),
    nn.Conv1d.forward: _CONVOLUTION,
    nn.Conv2d.forward: _CONVOLUTION,
    nn.Conv3d.forward: _CONVOLUTION,
    nn.BatchNorm2d.forward: Rule(
        {"weight": _batch_norm_weight, "bias": _bias_of_channels},
        lambda layer, inputs: layer.running_mean is not None and not layer.training,
    ),
    nn.LayerNorm.forward: Rule(
        {"weight": _layer_norm_weight, "bias": _bias_of_features},
        lambda layer, inputs: inputs.dim() > len(layer.normalized_shape),
    ),
    nn.GroupNorm.forward: Rule({"weight": _group_norm_weight, "bias": _bias_of_channels}),
    nn.Embedding.forward: Rule(
        {"weight": _embedding_weight}, lambda layer, inputs: layer.max_norm is None and not layer.scale_grad_by_freq
    ),
    nn.PReLU.forward: Rule({"weight": _prelu_weight}, lambda layer, inputs: inputs.dim() > 1),
}
"""By the layer's ``forward``, so that a subclass that computes something else has no rule. Layers without rules are
measured by ``engine.importance.singly``."""


def rule_of(layer: nn.Module) -> Rule | None:
    return None if "forward" in vars(layer) else RULES.get(type(layer).forward)
