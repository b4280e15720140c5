"""Handwritten digits: real, small, and included here (source and licence: digits-licence.md)."""

from pathlib import Path

import numpy as np
import torch

from engine.seeds import generator
from engine.settings.run import RunConfig
from engine.streams.examples import DataSet, Examples, ExampleStream


def digits() -> DataSet:
    """1,797 examples of 64 values in 0–1; a fixed random quarter is the test set."""
    with np.load(Path(__file__).with_name("digits.npz"), allow_pickle=False) as arrays:
        inputs = torch.tensor(arrays["images"].reshape(-1, 64) / 16, dtype=torch.float32)
        labels = torch.tensor(arrays["labels"], dtype=torch.int64)
    shuffled = torch.randperm(len(labels), generator=generator(0, "digits"))
    test, train = shuffled[: len(labels) // 4], shuffled[len(labels) // 4 :]
    return DataSet(Examples(inputs[train], labels[train]), Examples(inputs[test], labels[test]))


def stream(config: RunConfig) -> ExampleStream:
    return ExampleStream.of(config, digits())
