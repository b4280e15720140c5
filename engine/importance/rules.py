"""What each layer's per-example gradients are made of: one rule a type of layer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import group_norm, layer_norm, pad

Gradients = Callable[[Any, Tensor, Sequence[Tensor]], Tensor]
"""Called with the layer, its inputs (N, …), and C different gradients δ (N, …) at its outputs.

Returns the gradients of one parameter, (N, C, *shape of the parameter).
"""


@dataclass(frozen=True)
class Rule:
    gradients: Mapping[str, Gradients]
    """By the parameter's name in the layer."""
    fits: Callable[[Any, Tensor], bool] = lambda layer, inputs: True
    """Whether it holds for this layer on these inputs."""


def over_rows(delta: Tensor, shape: torch.Size) -> Tensor:
    """δ (N, …) of a parameter that is broadcast: summed inside each example to (N, *shape)."""
    aligned = (1,) * (delta.dim() - len(shape)) + tuple(shape)
    summed = [place for place, size in enumerate(aligned) if place and size == 1]
    return (delta.sum(summed) if summed else delta).reshape(len(delta), *shape)


def of_channels(delta: Tensor) -> Tensor:
    """δ (N, channels, …), summed over all places of an image."""
    return delta.flatten(2).sum(2) if delta.dim() > 2 else delta


def of_each(deltas: Sequence[Tensor], gradients: Callable[[Tensor], Tensor]) -> Tensor:
    return torch.stack([gradients(delta) for delta in deltas], dim=1)


def _bias_of_features(layer: Any, inputs: Tensor, deltas: Sequence[Tensor]) -> Tensor:
    return of_each(deltas, lambda delta: over_rows(delta, layer.bias.shape))


def _bias_of_channels(layer: Any, inputs: Tensor, deltas: Sequence[Tensor]) -> Tensor:
    return of_each(deltas, of_channels)


# Linear


def _linear_weight(layer: nn.Linear, inputs: Tensor, deltas: Sequence[Tensor]) -> Tensor:
    """Σ over an example's rows of the outer products δaᵀ."""
    examples, count = len(inputs), len(deltas)
    rows = torch.stack([delta.reshape(examples, -1, layer.out_features) for delta in deltas], dim=1).transpose(2, 3)
    product = rows.reshape(examples, count * layer.out_features, -1) @ inputs.reshape(examples, -1, layer.in_features)
    return product.view(examples, count, layer.out_features, layer.in_features)


# Convolution


def by_convolution(layer: Any, inputs: Tensor, by_group: Tensor) -> Tensor:
    """Σ over an example's places of δ × what lies under the kernel there, given padded ``inputs``, and δ of shape
    (N, groups, C, channels of a group, …): as one convolution in which each example has groups of its own."""
    groups, channels = by_group.shape[:2].numel(), by_group.shape[:4].numel()
    none = [0] * len(layer.kernel_size)
    product: Tensor = torch.ops.aten.convolution_backward(
        by_group.reshape(1, channels, *by_group.shape[4:]),
        inputs.reshape(1, -1, *inputs.shape[2:]),
        inputs.new_empty(channels, *layer.weight.shape[1:]),
        bias_sizes=None,
        stride=layer.stride,
        padding=none,
        dilation=layer.dilation,
        transposed=False,
        output_padding=none,
        groups=groups,
        output_mask=(False, True, False),
    )[1]
    return product.view(*by_group.shape[:4], -1)


def by_windows(layer: Any, inputs: Tensor, by_group: Tensor) -> Tensor:
    """The same as one product of matrices."""
    places = len(layer.kernel_size)
    for place, (size, stride, dilation) in enumerate(
        zip(layer.kernel_size, layer.stride, layer.dilation, strict=True), start=2
    ):
        inputs = inputs.unfold(place, dilation * (size - 1) + 1, stride)[..., ::dilation]
    kernel_first = (0, 1, *range(2 + places, 2 + 2 * places), *range(2, 2 + places))
    windows = inputs.permute(kernel_first).reshape(*by_group.shape[:2], -1, by_group.shape[4:].numel())
    product: Tensor = by_group.flatten(2, 3).flatten(3) @ windows.transpose(2, 3)
    return product.view(*by_group.shape[:4], -1)


def _conv_weight(layer: Any, inputs: Tensor, deltas: Sequence[Tensor]) -> Tensor:
    if any(layer._reversed_padding_repeated_twice):
        mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
        inputs = pad(inputs, layer._reversed_padding_repeated_twice, mode=mode)
    by_group = torch.stack([delta.unflatten(1, (layer.groups, -1)) for delta in deltas], dim=2)
    product = (by_convolution if inputs.device.type == "cpu" else by_windows)(layer, inputs, by_group)
    return product.transpose(1, 2).reshape(len(inputs), len(deltas), *layer.weight.shape)


# Normalisation


def _batch_norm_weight(layer: Any, inputs: Tensor, deltas: Sequence[Tensor]) -> Tensor:
    shape = (-1, *(1,) * (inputs.dim() - 2))
    normed = (inputs - layer.running_mean.view(shape)) * (layer.running_var + layer.eps).rsqrt().view(shape)
    return of_each(deltas, lambda delta: of_channels(delta * normed))


def _layer_norm_weight(layer: nn.LayerNorm, inputs: Tensor, deltas: Sequence[Tensor]) -> Tensor:
    normed = layer_norm(inputs, list(layer.normalized_shape), eps=layer.eps)
    return of_each(deltas, lambda delta: over_rows(delta * normed, layer.weight.shape))


def _group_norm_weight(layer: nn.GroupNorm, inputs: Tensor, deltas: Sequence[Tensor]) -> Tensor:
    normed = group_norm(inputs, layer.num_groups, eps=layer.eps)
    return of_each(deltas, lambda delta: of_channels(delta * normed))


# Lookup and elementwise


def _embedding_weight(layer: nn.Embedding, inputs: Tensor, deltas: Sequence[Tensor]) -> Tensor:
    """δ of each row at the index that was looked up; an index may come up several times in an example."""
    examples = len(inputs)
    places = inputs.reshape(examples, -1, 1).expand(-1, -1, layer.embedding_dim)

    def gradients(delta: Tensor) -> Tensor:
        none = delta.new_zeros(examples, layer.num_embeddings, layer.embedding_dim)
        return none.scatter_add_(1, places, delta.reshape(places.shape))

    found = of_each(deltas, gradients)
    if layer.padding_idx is not None:
        found[:, :, layer.padding_idx] = 0
    return found


def _prelu_weight(layer: nn.PReLU, inputs: Tensor, deltas: Sequence[Tensor]) -> Tensor:
    negative = inputs.clamp_max(0)
    found = of_each(deltas, lambda delta: of_channels(delta * negative))
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
