"""Training batches of images from a memory map ÷ the same from tensors: of bytes, and of floats that were normalised
before. All on the CPU, with the map's pages in memory."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch

from engine.settings.run import resolve
from engine.streams.examples import DataSet, Examples, ExampleStream, split
from engine.streams.pixels import Pixels
from perf.measure import arguments, interleaved, show

CLASSES = 10
NORMALIZE = ((0.49, 0.48, 0.45), (0.25, 0.24, 0.26))


def stream(store: torch.Tensor | Pixels, batch_size: int, inputs: tuple[int, ...]) -> ExampleStream:
    examples = Examples(store, torch.arange(len(store)) % CLASSES)
    tasks = split(DataSet(examples, examples), range(CLASSES), 5)
    return ExampleStream(resolve({"batch_size": batch_size, "epochs": 1000}), tasks, inputs)


def batches(found: ExampleStream, count: int) -> None:
    for step in range(count):
        found.batch(0, step)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--sizes", type=int, nargs="*", default=[32, 64], help="pixels on a side")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--batches", type=int, default=50, help="batches a round")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.tiny:
        options.examples, options.sizes, options.batch_size, options.batches, options.rounds = 100, [8], 4, 3, 2
    torch.set_num_threads(options.threads)
    for size in options.sizes:
        inputs = (3, size, size)
        shape = (options.examples, *inputs)
        values = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "images")
            values.tofile(path)
            mapped, whole = Pixels(np.memmap(path, np.uint8, "r", shape=shape)), Pixels(torch.from_numpy(values))
            floats = whole.normalized(NORMALIZE).take(torch.arange(options.examples))
            streams = {
                name: stream(store, options.batch_size, inputs)
                for name, store in (
                    ("map", mapped.normalized(NORMALIZE)),
                    ("bytes", whole.normalized(NORMALIZE)),
                    ("floats", floats),
                )
            }
            seconds = interleaved(
                {name: partial(batches, found, options.batches) for name, found in streams.items()},
                options.rounds,
            )
        print(f"3×{size}×{size}, {options.examples:,} examples, batches of {options.batch_size}", flush=True)
        for other in ("bytes", "floats"):
            show(f"  map ÷ {other}", seconds["map"], seconds[other], 1e3 / options.batches, "ms")


if __name__ == "__main__":
    main()
