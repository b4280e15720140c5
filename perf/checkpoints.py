"""The share of training time that checkpoints cost at the default interval, on networks of several sizes.

The cost is the extra time that the same steps take while a checkpoint is written: for the copy between two steps, and
for the writing thread's use of processors, memory and disk.
"""

import tempfile
import time
from pathlib import Path

from engine.sessions.session import Session
from engine.settings.run import resolve
from engine.training.checkpointing import LONGEST_SECONDS, seconds_to_next
from engine.training.control import Control
from engine.training.recorder import Recorder
from engine.training.trainer import Trainer
from perf.measure import arguments

HIDDEN = ([100, 100], [512, 512], [2000, 2000], [4950, 4950])


def steps(trainer: Trainer, count: int) -> float:
    """Seconds that ``count`` steps take."""
    began = time.perf_counter()
    for _ in range(count):
        trainer.step.take()
        trainer.step.losses.clear()
        trainer.step.penalties.clear()
    return time.perf_counter() - began


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    rounds = 1 if options.tiny else options.rounds
    for hidden in HIDDEN[:1] if options.tiny else HIDDEN:
        with tempfile.TemporaryDirectory() as folder:
            config = resolve({"hidden": hidden, "steps": 10**6, "threads": options.threads, "xi": 1.0})
            session = Session.create(Path(folder), "checkpoints", config)
            trainer = Trainer(Recorder(session, Control()))
            trainer.begin()
            trainer.state.begin_task()
            took = steps(trainer, 10) / 10
            trainer.checkpointer.save()
            trainer.checkpointer.finish()
            began = time.perf_counter()
            trainer.checkpointer.save()
            trainer.checkpointer.finish()
            count = max(10, round(1.5 * (time.perf_counter() - began) / took))
            plain, beside, held_up, wrote = [], [], [], []
            for _ in range(rounds):
                plain.append(steps(trainer, count))
                began = time.perf_counter()
                trainer.checkpointer.save()
                saving = trainer.checkpointer.writer
                assert saving is not None
                steps(trainer, count)
                trainer.checkpointer.finish()
                beside.append(time.perf_counter() - began)
                held_up.append(trainer.checkpointer.held_up)
                wrote.append(saving.took)
            middle = rounds // 2
            cost = sorted(b - p for b, p in zip(beside, plain, strict=True))[middle]
            held, written = sorted(held_up)[middle], sorted(wrote)[middle]
            interval = seconds_to_next(held, written)
            print(
                f"{trainer.state.parameters.size:>10,} parameters: {1e3 * cost:7.1f} ms a checkpoint "
                f"(copied in {1e3 * held:.1f}, written in {1e3 * written:.0f}) ÷ every {interval:.0f} s = "
                f"{cost / interval:.4f}  (target ≤ 0.02); "
                f"at most {interval + written:.0f} s lost (target ≤ {LONGEST_SECONDS:.0f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
