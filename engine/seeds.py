"""Every random draw derives from (seed, purpose, indices), so a resumed run repeats the same draws."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def generator(seed: int, purpose: str, *indices: int) -> torch.Generator:
    """A separate CPU generator for each purpose, such as ``generator(0, "order", task, epoch)``."""
    return torch.Generator().manual_seed(number(seed, purpose, *indices))


def number(seed: int, purpose: str, *indices: int) -> int:
    """The seed of ``generator``, below 2⁶³."""
    digest = hashlib.blake2b(repr((seed, purpose, *indices)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


@contextmanager
def others_seeded(seed: int) -> Iterator[None]:
    """For code that draws from Python's own generator or NumPy's old one, which afterwards are as before."""
    own, old = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(own)
        np.random.set_state(old)
