"""Images as bytes, which all tasks of a data set share; only a batch of them becomes floats, on the device."""

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

MOST_WHOLE = 2**30
"""Bytes of a memory map that are still moved to another device as a whole."""
CHUNK = 2**24
"""Bytes of a memory map that are read at once for its digest."""
Channels = tuple[Sequence[float], Sequence[float]]
"""Mean and standard deviation of each channel, or a single number of each for all channels."""


class Pixels:
    """Bytes of shape (N, C, H, W), in a tensor or a numpy memory map, of which batches are taken by row.

    A tensor, and a small memory map, move to the device as a whole. A large memory map stays on the disk, and each
    batch is read and moved as bytes. Open a memory map with mode "r": then it does not count as the process's data.

    >>> pixels = Pixels(torch.arange(0, 8, dtype=torch.uint8).view(2, 1, 2, 2), normalize=([4 / 255], [1 / 255]))
    >>> pixels.take(torch.tensor([1])).flatten()
    tensor([0., 1., 2., 3.])
    """

    def __init__(
        self,
        values: "Tensor | np.ndarray",
        normalize: Channels | None = None,
        device: torch.device | None = None,
        digest: str = "",
    ) -> None:
        """``device``: where batches are needed, if not where the values are. ``digest``: of a memory map whose content
        was digested before."""
        self.values = values
        self.home = values.device if isinstance(values, Tensor) else torch.device("cpu")
        """The device of the values, and of the row numbers by which they are taken."""
        self.device = device or self.home
        self._normalize = normalize
        self._known = digest

    def __len__(self) -> int:
        return len(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.values.shape)

    def take(self, rows: Tensor, change: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """The images of ``rows`` as float32 on the device: divided by 255, and then normalised.

        ``change`` is applied to their bytes, on the device, before that: it augments a batch.
        """
        found = self.raw(rows).to(self.device)
        found = (change(found) if change else found).float()
        if self._normalize is None:
            return found.div_(255)
        factor, shift = self._line
        return found.mul_(factor).sub_(shift)

    def raw(self, rows: Tensor) -> Tensor:
        """The bytes of ``rows``, where they are."""
        if isinstance(self.values, Tensor):
            return self.values.index_select(0, rows)
        return torch.from_numpy(self.values.take(rows.numpy(), axis=0))

    @cached_property
    def _line(self) -> tuple[Tensor, Tensor]:
        """(byte/255 − mean)/deviation as factor·byte − shift, each of shape (C or 1, 1, 1)."""
        assert self._normalize is not None
        mean, deviation = (torch.tensor(list(of), dtype=torch.float64).view(-1, 1, 1) for of in self._normalize)
        return (1 / (255 * deviation)).float().to(self.device), (mean / deviation).float().to(self.device)

    def normalized(self, normalize: Channels | None) -> "Pixels":
        """The same bytes, which batches normalise."""
        return Pixels(self.values, normalize, self.device, self._known)

    def replaced(self, values: "Tensor | np.ndarray", digest: str) -> "Pixels":
        """Other bytes, which batches normalise as these."""
        return Pixels(values, self._normalize, self.device, digest)

    def to(self, device: torch.device) -> "Pixels":
        values = self.values
        if isinstance(values, Tensor):
            values = values.to(device)
        elif device.type != "cpu" and values.nbytes <= MOST_WHOLE:
            values = torch.from_numpy(np.array(values)).to(device)
        return Pixels(values, self._normalize, device, self._known)

    @cached_property
    def digest(self) -> str:
        """Of the bytes and their shape, which are read in parts."""
        if self._known:
            return self._known
        digest = hashlib.sha256(f"torch.uint8 {self.shape}".encode())
        size = max(1, CHUNK * len(self) // max(1, self.values.nbytes))
        for start in range(0, len(self), size):
            part = self.values[start : start + size]
            digest.update(part.flatten().cpu().numpy().data if isinstance(part, Tensor) else part.tobytes())
        return digest.hexdigest()[:32]


Store = Tensor | Pixels
"""What holds the inputs of examples."""
