"""Every random draw derives from (seed, purpose, indices), so a resumed run repeats the same draws."""

import hashlib

import torch


def generator(seed: int, purpose: str, *indices: int) -> torch.Generator:
    """A separate CPU generator for each purpose, such as ``generator(0, "order", task, epoch)``."""
    return torch.Generator().manual_seed(number(seed, purpose, *indices))


def number(seed: int, purpose: str, *indices: int) -> int:
    """The seed of ``generator``, below 2⁶³."""
    digest = hashlib.blake2b(repr((seed, purpose, *indices)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
