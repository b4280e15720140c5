"""Every random draw derives from (seed, purpose, indices), so a resumed run repeats the same draws."""

import hashlib
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress

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
    """For code of the user's, which may draw from Python's own generator or NumPy's old one. Afterwards they are as
    before, and so is what it may set for the whole process: the working folder, the type of floats, no gradients."""
    own, old = random.getstate(), np.random.get_state()
    kind, gradients = torch.get_default_dtype(), torch.is_grad_enabled()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    folder = ""
    with suppress(OSError):  # it may be gone
        folder = os.getcwd()
    try:
        yield
    finally:
        random.setstate(own)
        np.random.set_state(old)
        if folder:
            os.chdir(folder)
        torch.set_default_dtype(kind)
        torch.set_grad_enabled(gradients)
