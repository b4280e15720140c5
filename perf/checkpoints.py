"""The share of training time that checkpoints take at the default interval, on a network of a given size."""

import argparse
import tempfile
import time
from pathlib import Path

from engine.config import resolve
from engine.control import Control
from engine.recorder import Recorder
from engine.session import Session
from engine.training import CHECKPOINT_SECONDS, CHECKPOINT_SHARE, Trainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    for hidden in ([100, 100], [512, 512], [2000, 2000]):
        with tempfile.TemporaryDirectory() as folder:
            config = resolve({"hidden": hidden, "epochs": 1, "threads": 1})
            session = Session.create(Path(folder), "checkpoints", config)
            trainer = Trainer(session, Control(), Recorder(session))
            trainer._begin()
            trainer._train_task()
            trainer._end_task()
            took = []
            for _ in range(options.rounds):
                began = time.perf_counter()
                trainer._save()
                took.append(time.perf_counter() - began)
            seconds = sorted(took)[len(took) // 2]
            interval = max(CHECKPOINT_SECONDS, seconds / CHECKPOINT_SHARE)
            print(
                f"{trainer.parameters.size:>9,} parameters: {seconds * 1e3:6.1f} ms a checkpoint "
                f"÷ every {interval:.0f} s = {seconds / interval:.4f}  (target ≤ 0.02)"
            )


if __name__ == "__main__":
    main()
