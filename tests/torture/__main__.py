"""``python -m tests.torture``: the long form, all parts one after another. ``--kills 20 --seed 7``: some of them alone,
so often. Prints what was wrong and the counts; exits with 1 if anything was wrong."""

import argparse
import importlib
import sys
import time

from tests.torture import faulty
from tests.torture.counts import Counts

PARTS = {
    "kills": 200,
    "faults": 500,
    "power": 300,
    "disks": 12,
    "damage": 1000,
    "fuzz": 4_000,
    "batch": 50,
    "readers": 60_000,
    "soak": 1_000_000,
}
"""The modules here that have ``run(count, seed)``, and how often the long form does what they do."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    for part, count in PARTS.items():
        parser.add_argument(f"--{part}", type=int, metavar="N", help=f"{count:,} in the long form")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    asked = {part: count for part in PARTS if (count := getattr(options, part)) is not None} or PARTS
    if why := faulty.missing():
        print(f"left out: faults and losses of power, since {why}")
        asked = {part: count for part, count in asked.items() if part not in ("faults", "power")}
    total = Counts()
    for part, count in asked.items():
        began = time.monotonic()
        found: Counts = importlib.import_module(f"tests.torture.{part}").run(count, options.seed)
        for problem in found.problems:
            print(f"  {problem}")
        print(
            f"{part}: {count:,} asked for, {len(found.problems)} problems, {time.monotonic() - began:.0f} s", flush=True
        )
        total += found
    print(total.table())
    return int(bool(total.problems))


if __name__ == "__main__":
    sys.exit(faulty.with_library(main))
