"""When a checkpoint is due, and how it is taken while training continues."""

import time
from dataclasses import dataclass, field

from torch import Tensor

from engine.record.events import Saved
from engine.sessions.checkpoint import Cursor
from engine.training.build import versions
from engine.training.checkpoint_writer import CheckpointWriter
from engine.training.recorder import Recorder
from engine.training.reporting import Reporter
from engine.training.state import RunState

CHECKPOINT_SECONDS = 10.0
CHECKPOINT_SHARE = 0.01
LONGEST_SECONDS = 60.0
"""A checkpoint is due after CHECKPOINT_SECONDS; later if it would hold up training for more than CHECKPOINT_SHARE of
the time, but early enough to be on the disk LONGEST_SECONDS after the last one was begun."""


@dataclass
class Checkpointer:
    """Takes checkpoints, each written by a thread of its own; one at a time."""

    recorder: Recorder
    state: RunState
    reporter: Reporter
    writer: CheckpointWriter | None = None
    """Writes the newest checkpoint; None when that is on the disk and noted in the log."""
    held_up: float = 0.0
    """Seconds for which taking the newest checkpoint held up training."""
    _snapshot: dict[str, Tensor] = field(default_factory=dict)
    _due: float = 0.0

    def start(self) -> None:
        """Counts the seconds to the first checkpoint from now."""
        self._due = time.monotonic() + CHECKPOINT_SECONDS

    def attend(self) -> None:
        """Notes a checkpoint that has been written, and begins one that is due."""
        if self.writer is not None and not self.writer.is_alive():
            self.finish()
        if self.writer is None and time.monotonic() >= self._due:
            self.save()

    def save(self, ended_task: int | None = None) -> None:
        """Starts writing a checkpoint of the current state; ``finish`` waits until it is on the disk."""
        state = self.state
        self.reporter.steps()
        self.finish()  # before the snapshot, whose memory the writer uses
        began = time.monotonic()
        config = self.recorder.session.config
        cursor = Cursor(
            task=state.task,
            task_step=state.task_step,
            step=state.step,
            elapsed=self.recorder.clock.elapsed,
            log_length=self.recorder.log.length,
            device=str(state.device),
            threads=config.threads,
            versions=versions() | ({"compiled": "yes"} if config.compile else {}),
            constant=state.penalty.constant if state.penalty else None,
            best=state.best_score,
        )
        self._snapshot = state.snapshot(self._snapshot)
        self.writer = CheckpointWriter(
            self.recorder.session,
            self.recorder.log,
            self._snapshot,
            cursor,
            ended_task,
            dict.fromkeys(state.per_parameter(), state.parameters.layers),
        )
        self.held_up = time.monotonic() - began

    def finish(self) -> None:
        """Waits for the checkpoint being written, if any. Raises NumericsError."""
        writer = self.writer
        if writer is None:
            return

        def again() -> str:
            self.recorder.log.mend()
            return writer.again().result()

        control = self.recorder.control
        activity, control.activity = control.activity, "saving"
        name = self.recorder.patiently(writer.result, again)
        self.writer = None
        self.recorder.emit(Saved(writer.step, time.time(), name))
        self._due = writer.began + seconds_to_next(self.held_up, writer.took)
        control.activity = activity

    def join(self) -> None:
        if self.writer is not None:
            self.writer.join()


def seconds_to_next(held_up: float, took: float) -> float:
    """Seconds to the next checkpoint, after one that held up training and took the given seconds to write."""
    cost = held_up + took / 2  # measured with two processors: perf/checkpoints.py
    return max(min(max(CHECKPOINT_SECONDS, cost / CHECKPOINT_SHARE), LONGEST_SECONDS - took), 0.0)
