"""ResNet-18 with 20, 40, 80 and 160 channels, as Lopez-Paz & Ranzato 2017 train it on CIFAR-100."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from engine.models.initial import seeded
from engine.models.torchvision_nets import cleaned
from engine.torchvision_import import torchvision_models

WIDTHS = (20, 20, 40, 80, 160)


def reduced_resnet18(inputs: Sequence[int], outputs: int, seed: int) -> nn.Module:
    block = torchvision_models().resnet.BasicBlock
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    with seeded(seed):
        layers["conv1"] = nn.Conv2d(inputs[0], WIDTHS[0], 3, padding=1, bias=False)
        layers["bn1"] = nn.BatchNorm2d(WIDTHS[0])
        layers["relu"] = nn.ReLU()
        for number, (before, width) in enumerate(pairwise(WIDTHS), start=1):
            stride, shortcut = 1, None
            if before != width:
                stride = 2
                shortcut = nn.Sequential(nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width))
            layers[f"layer{number}"] = nn.Sequential(block(before, width, stride, shortcut), block(width, width))
        layers["avgpool"] = nn.AdaptiveAvgPool2d(1)
        layers["flatten"] = nn.Flatten()
        layers["head"] = nn.Linear(WIDTHS[-1], outputs)
    return cleaned(nn.Sequential(layers))
