"""One part of a task (its training or test data) as tensors, from what users have: arrays, columns, datasets."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from engine.streams.given import TARGETS
from engine.streams.pixels import Pixels, Store
from engine.text import by, plain, some

INPUTS = ("input", "inputs", "x", "image", "img", "pixel_values", "features", "data")
"""The names of columns with inputs, in the order in which they are looked for."""
MOST_ENDLESS = 1_000_000
"""Examples after which a stream of data counts as endless."""
TOLD_EVERY = 256


class Fault(Exception):
    """Why a part cannot be used, as the end of a sentence that names it."""


class Part(NamedTuple):
    inputs: Store
    """Images as bytes, (N, C, H, W); everything else as float32 or int64, (N, …)."""
    shape: tuple[int, ...]
    """Of one example."""
    targets: Tensor
    """Labels, int64 of shape (N,), or numbers, float32 of shape (N, D)."""

    @property
    def kind(self) -> str:
        return "bytes" if isinstance(self.inputs, Pixels) else plain(self.inputs.dtype)


def read_part(given: object, most: int | None, told: Callable[[str], None]) -> Part:
    """``most``: how many examples of a stream of data without an end the run can use; None if it needs all. ``told`` is
    called while examples are read, with how many there are. Raises Fault."""
    inputs, targets = _columns(given, most, told)
    if not (inputs.ndim and targets.ndim):
        raise Fault("inputs or targets are a single number: give arrays of shape (examples, …)")
    if len(inputs) != len(targets):
        raise Fault(f"there are {len(inputs):,} inputs but {len(targets):,} targets")
    if not len(inputs):
        raise Fault("there is no example")
    store, shape = _store(inputs)
    return Part(store, shape, _as_targets(_tensor(targets, "targets")))


Column = Tensor | np.ndarray


def _columns(given: object, most: int | None, told: Callable[[str], None]) -> tuple[Column, Column]:
    """All inputs, and all targets."""
    if isinstance(given, DataLoader):
        raise Fault("it is a DataLoader: give its dataset, as loader.dataset, because the run makes batches itself")
    if isinstance(given, TensorDataset):
        given = given.tensors
    if isinstance(given, tuple | list) and given and all(isinstance(of, Tensor | np.ndarray) for of in given):
        if len(given) != 2:
            raise Fault(f"it has {len(given)} arrays instead of two, inputs and targets")
        return given[0], given[1]
    if isinstance(given, Mapping):
        pair = [_array(given[key], key) for key in _keys(given)]
        return pair[0], pair[1]
    if hasattr(given, "__getitem__") and hasattr(given, "__len__"):
        return _stacked(_indexed(given), len(given), told)
    if isinstance(given, Iterable):
        return _streamed(given, most, told)
    raise Fault(
        f"it is {type(given).__name__}: give a Dataset, a pair of arrays (inputs, targets), or a dict with both"
    )


def _keys(columns: Mapping[str, Any]) -> tuple[str, str]:
    found = []
    for what, known in (("inputs", INPUTS), ("targets", TARGETS)):
        key = next((key for key in known if key in columns), None)
        if key is None:
            there = some([repr(key) for key in columns], 10) or "none"
            raise Fault(f"no column has the {what}: they should be called {', '.join(known)}; there are {there}")
        found.append(key)
    return found[0], found[1]


def _array(column: object, name: str) -> Column:
    if isinstance(column, Tensor | np.ndarray):
        return column
    if not isinstance(column, Sequence) or isinstance(column, str | bytes):
        raise Fault(f"its {name} is {type(column).__name__}, not an array")
    if column and _is_image(column[0]):
        return torch.stack([_value(image) for image in column])
    try:
        return torch.as_tensor(column)
    except (TypeError, ValueError, RuntimeError):
        raise Fault(f"its {name} is a list that makes no array: its entries should be numbers, all alike") from None


def _indexed(dataset: Any) -> Iterator[object]:
    for number in range(len(dataset)):  # not by iteration, of which a Dataset has none that ends
        yield dataset[number]


def _pair(item: object, number: int) -> tuple[object, object]:
    if isinstance(item, Mapping):
        inputs, targets = _keys(item)
        return item[inputs], item[targets]
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    what = f"{len(item)} things" if isinstance(item, tuple | list) else type(item).__name__
    raise Fault(f"example {number + 1} is {what}, not a pair (input, target), nor a dict with both")


def _stacked(items: Iterable[object], length: int, told: Callable[[str], None]) -> tuple[Tensor, Tensor]:
    """Fills two tensors of this length, so that no example is twice in memory."""
    rows: list[Tensor] = []
    for number, item in enumerate(items):
        if number % TOLD_EVERY == 0:
            told(f"{number:,} of {length:,}")
        values = [_value(of) for of in _pair(item, number)]
        if not rows:
            rows = [torch.empty((length, *of.shape), dtype=of.dtype) for of in values]
        for row, value, what in zip(rows, values, ("input", "target"), strict=True):
            _check_alike(row[0], value, f"{what} of example {number + 1}")
            row[number] = value
    if not rows:
        raise Fault("there is no example")
    return rows[0], rows[1]


def _streamed(items: Iterable[object], most: int | None, told: Callable[[str], None]) -> tuple[Tensor, Tensor]:
    limit = MOST_ENDLESS if most is None else most
    made: list[list[Tensor]] = [[], []]
    for number, item in enumerate(islice(items, limit + (most is None))):
        if number == limit:
            raise Fault(
                f"it has not ended after {limit:,} examples: let it end; of training data, --steps N reads as many "
                f"as N steps take"
            )
        if number % TOLD_EVERY == 0:
            told(f"{number:,}")
        for column, of, what in zip(made, _pair(item, number), ("input", "target"), strict=True):
            value = _value(of)
            _check_alike(column[0] if column else value, value, f"{what} of example {number + 1}")
            column.append(value)
    if not made[0]:
        raise Fault("there is no example")
    return torch.stack(made[0]), torch.stack(made[1])


def _check_alike(first: Tensor, value: Tensor, which: str) -> None:
    if value.shape != first.shape:
        raise Fault(f"the {which} is {by(value.shape)}, that of the first {by(first.shape)}")
    if value.dtype != first.dtype and value.is_floating_point() and not first.is_floating_point():
        raise Fault(f"the {which} is a {plain(value.dtype)}, that of the first a {plain(first.dtype)}")


def _value(value: object) -> Tensor:
    """One input or target."""
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if _is_image(value):
        image: Any = value
        array = np.array(image if image.mode in ("L", "RGB") else image.convert("RGB"))
        return torch.from_numpy(array if array.ndim == 2 else array.transpose(2, 0, 1).copy())
    if isinstance(value, np.ndarray):
        return _tensor(value, "an example")
    if isinstance(value, str | bytes):
        raise Fault(f"an example has the text {value[:20]!r}: give numbers, and number the classes")
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        raise Fault(f"an example has a {type(value).__name__}: give tensors, arrays, images or numbers") from None


def _is_image(value: object) -> bool:
    return hasattr(value, "getbands") and hasattr(value, "convert")  # Pillow's


def _tensor(column: Column, what: str) -> Tensor:
    """On the CPU. Shares the memory of an array where it can."""
    if isinstance(column, Tensor):
        if column.layout != torch.strided or column.is_quantized or column.is_meta:
            raise Fault(f"{what} are no plain tensor: give one with .to_dense(), .dequantize() or on the CPU")
        return column.detach().cpu()
    if column.dtype.kind not in "buif":
        raise Fault(f"{what} are {column.dtype.name}: give numbers, and number the classes")
    native = column.astype(column.dtype.newbyteorder("="), copy=False)
    if native.dtype in (np.uint16, np.uint32, np.uint64):
        if native.size and native.max() > np.iinfo(np.int64).max:
            raise Fault(f"{what} have a number above {np.iinfo(np.int64).max}: give smaller ones, or floats")
        native = native.astype(np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a read-only array must not be written to: nobody does
        return torch.from_numpy(np.ascontiguousarray(native))


def _store(column: Column) -> tuple[Store, tuple[int, ...]]:
    """Inputs as they are kept, and the shape of one example."""
    if isinstance(column, np.ndarray) and column.dtype == np.uint8 and _channels_last(column.shape):
        column = np.ascontiguousarray(column.transpose(0, 3, 1, 2))
    if isinstance(column, np.memmap) and column.dtype == np.uint8 and column.ndim == 4:
        return Pixels(column), column.shape[1:]
    values = _tensor(column, "inputs")
    if values.is_complex():
        raise Fault("inputs are complex numbers: give their parts as channels")
    shape = tuple(values.shape[1:])
    if not values[0].numel():
        raise Fault(f"an input has the shape {by(shape)}, which is empty")
    if values.dtype == torch.uint8 and len(shape) <= 3:
        height_and_width = (shape if len(shape) > 1 else (1, *shape))[-2:] if shape else (1, 1)
        channels = shape[0] if len(shape) == 3 else 1
        shape = shape if len(shape) != 2 else (1, *shape)
        return Pixels(values.contiguous().view(-1, channels, *height_and_width)), shape or (1,)
    if values.dtype == torch.uint8:
        values = values.float() / 255
    elif values.is_floating_point() or values.dtype == torch.bool:
        values = values.float()
    else:
        values = values.long()
    _check_finite(values, "input")
    return values.contiguous(), shape or (1,)


def _channels_last(shape: tuple[int, ...]) -> bool:
    """As Pillow, matplotlib and OpenCV have it."""
    return len(shape) == 4 and shape[3] in (1, 3, 4) and shape[1] not in (1, 3)


def _as_targets(values: Tensor) -> Tensor:
    if values.is_complex():
        raise Fault("targets are complex numbers: give their parts as two targets")
    if values.is_floating_point() and values[0].numel():
        _check_finite(values, "target")
        return values.float().view(len(values), -1)
    if not values[0].numel():
        raise Fault(f"a target has the shape {by(values.shape[1:])}, which is empty")
    if values[0].numel() != 1:
        raise Fault(
            f"a target is {by(values.shape[1:])} whole numbers: give one class for each example, or floats for "
            f"regression"
        )
    return values.long().view(-1)


def _check_finite(values: Tensor, what: str) -> None:
    for start in range(0, len(values), 4096):
        part = values[start : start + 4096]
        finite = torch.isfinite(part).reshape(len(part), -1).all(1)
        if not finite.all():
            raise Fault(f"the {what} of example {start + int((~finite).int().argmax()) + 1} is not finite")
