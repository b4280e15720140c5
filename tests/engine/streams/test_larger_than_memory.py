"""A folder of images that is larger than the memory that a process may have."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

COUNT, SIDE = 2800, 160
ROOM = 100_000_000
"""Bytes of memory that may be added to what PyTorch takes."""

CHILD = f"""
import resource, sys
from pathlib import Path
import numpy as np
import torch
torch.set_num_threads(1)
from engine.sessions.session import Session
from engine.settings.run import resolve
from engine.streams.images.store import read_images
from engine.training.control import Control
from engine.training.runner import train
import engine.training.trainer

folder, sessions = map(Path, sys.argv[1:])
settings = dict(benchmark="images", data_dir=str(folder), tasks=2, hidden=[2], batch_size=32, steps=4, device="cpu")
session = Session.create(sessions, "large", resolve(settings | {{"threads": 1, "augment": ["flip"]}}))
warm = resolve({{"tasks": 2, "steps": 2, "hidden": [2], "threads": 1, "device": "cpu"}})
train(Session.create(sessions, "warm", warm), Control())  # PyTorch loads more when it trains
used = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData")) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (used + {ROOM}, used + {ROOM}))
history = train(session, Control())
values = read_images(folder).values
assert values.nbytes > 2 * {ROOM}
try:
    np.array(values)
except MemoryError:
    print(history.state, len(history.matrix))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's limit on a process's memory")
def test_a_set_larger_than_memory_is_read_and_trained(tmp_path: Path) -> None:
    """The same process cannot hold it in memory."""
    drawn = []
    for colour in range(40):
        path = tmp_path / f"{colour}.png"
        Image.new("RGB", (SIDE, SIDE), (6 * colour, 0, 255 - 6 * colour)).save(path)
        drawn.append(path.read_bytes())
    for number in range(COUNT):
        part = "test" if number % 8 == 0 else "train"
        place = tmp_path / "images" / part / f"class{number // 8 % 4}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(drawn[number % 40])
    ran = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "images"), str(tmp_path / "sessions")],
        env=os.environ | {"PYTHONPATH": os.getcwd(), "MALLOC_MMAP_THRESHOLD_": "8000000"},
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stdout) == (0, "finished 2\n"), ran.stderr
