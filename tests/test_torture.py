"""The short form of ``python -m tests.torture``, a few of each kind; and that the disk it assumes is treacherous."""

import errno
import random
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.torture import faulty
from tests.torture.faulty import Operation, Traced
from tests.torture.power import Disk

if why := faulty.missing():
    pytest.skip(why, allow_module_level=True)

ROOT = Path(__file__).parent.parent
SHORT = {"kills": 8, "faults": 16, "power": 15, "disks": 3}


def test_a_run_survives_kills_faults_and_losses_of_power() -> None:
    """It goes on by itself or is resumed, and ends in the bits of a run that nothing disturbed."""
    options = [f"--{part}={count}" for part, count in SHORT.items()]
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture", *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines()[-9:])
    assert int(counts["kills"]) == SHORT["kills"]
    assert int(counts["faults"]) >= SHORT["faults"]
    assert int(counts["power losses"]) == SHORT["power"]


def test_a_trace_is_read_while_it_grows(tmp_path: Path) -> None:
    """Whole records only: wherever it ends, what is read is how it begins."""
    one = struct.pack("=iiiiqiii4x", Operation.WRITE, 0, 3, 0, 0, 2, 0, 3) + b"/a" + b"abc"
    other = struct.pack("=iiiiqiii4x", Operation.RENAME, 0, 0, 0, 0, 2, 2, 0) + b"/a" + b"/b"
    path = tmp_path / "trace"
    for end in range(len(one + other) + 1):
        path.write_bytes((one + other)[:end])
        found = [str(traced) for traced in faulty.read_trace(path)]
        assert found == ["write /a", "rename /a to /b"][: (end >= len(one)) + (end == len(one + other))]


# The disk that loses power

BESIDE, FILE = "/disk/file.part", "/disk/file"
WRITTEN = [
    Traced(Operation.CREATE, path=BESIDE),
    Traced(Operation.WRITE, path=BESIDE, result=5, data=b"whole"),
    Traced(Operation.SYNC, path=BESIDE),
    Traced(Operation.RENAME, path=BESIDE, other=FILE),
    Traced(Operation.SYNC, path="/disk"),
]


def after_losses(trace: Sequence[Traced], folder: Path) -> set[bytes | None]:
    """What is found in the file after each of some losses of power at the trace's end; None where there is none."""
    folder.mkdir(exist_ok=True)
    found: set[bytes | None] = set()
    for seed in range(50):
        disk = Disk(Path("/disk"))
        for traced in trace:
            disk.do(traced)
        left = folder / f"{seed}"
        disk.after_loss(left, random.Random(seed))
        found.add((left / "file").read_bytes() if (left / "file").exists() else None)
    return found


def test_what_was_synced_is_there_after_a_loss_of_power(tmp_path: Path) -> None:
    assert after_losses(WRITTEN, tmp_path) == {b"whole"}


def test_a_name_that_was_not_synced_may_be_missing(tmp_path: Path) -> None:
    assert after_losses(WRITTEN[:-1], tmp_path) == {b"whole", None}


def test_content_that_was_not_synced_may_be_missing_torn_or_zeros(tmp_path: Path) -> None:
    found = after_losses([traced for traced in WRITTEN if traced != WRITTEN[2]], tmp_path)
    assert {b"whole", b"", b"wh", bytes(5)} <= found


def test_a_second_fsync_does_not_make_up_for_one_that_failed(tmp_path: Path) -> None:
    failed = replace(WRITTEN[2], result=-1, error=errno.EIO)
    assert b"" in after_losses([*WRITTEN[:2], failed, *WRITTEN[2:]], tmp_path / "synced")
    assert after_losses([*WRITTEN[:2], failed, *WRITTEN[1:]], tmp_path / "written-again") == {b"whole"}
