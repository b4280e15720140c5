"""A folder of images: seconds of the first reading, and of the next one ÷ asking the system for each file's size."""

import io
import os
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from engine.streams.images.store import read_images
from perf.measure import arguments, interleaved, show

CLASSES = 100
SIDE = 8


def make(folder: Path, images: int) -> None:
    """As many images of random bytes, nine tenths for training, in PNG."""
    random = np.random.default_rng(0)
    for number in range(images):
        part = "test" if number % 10 == 0 else "train"
        place = folder / part / f"class {number // 10 % CLASSES}"
        place.mkdir(parents=True, exist_ok=True)
        packed = io.BytesIO()
        Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)).save(packed, "PNG", compress_level=1)
        (place / f"{number}.png").write_bytes(packed.getvalue())


def walk(folder: Path) -> int:
    return sum(os.stat(os.path.join(at, name)).st_size for at, _, names in os.walk(folder) for name in names)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.tiny:
        options.images, options.rounds = 2000, 2
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "images")
        os.environ["CL_TUI_CACHE_DIR"] = str(Path(temporary, "cache"))
        make(folder, options.images)
        began = time.perf_counter()
        first = read_images(folder)
        print(f"{options.images:,} images of {SIDE}×{SIDE}: first reading {time.perf_counter() - began:.1f} s")
        again = partial(read_images, folder)
        assert again().digest == first.digest
        seconds = interleaved({"again": again, "sizes": partial(walk, folder)}, options.rounds)
        show("again ÷ asking for sizes", seconds["again"], seconds["sizes"], 1, "s")


if __name__ == "__main__":
    main()
