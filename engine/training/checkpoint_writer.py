"""Writes a checkpoint to the disk while training continues."""

import math
import threading
import time
from collections.abc import Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor

from engine.errors import NumericsError
from engine.models.flat import Layer, layer_at
from engine.sessions import checkpoint
from engine.sessions.checkpoint import Cursor
from engine.sessions.log import EventLog
from engine.sessions.session import Session

_WORDS = {
    "theta": "the weights are",
    "frozen": "the frozen weights are",
    "buffers": "a buffer of the network is",
    "statistics": "the statistics at a task's end are",
    "optimizer": "the optimizer's state is",
    "schedule": "the state of the schedule is",
    "method": "the state of the method is",
    "penalty": "the importance is",
}


class CheckpointWriter(threading.Thread):
    """Writes ``tensors``, a snapshot that does not change, in its own thread; ``result`` waits for it."""

    def __init__(
        self,
        session: Session,
        log: EventLog,
        tensors: Mapping[str, Tensor],
        cursor: Cursor,
        ended_task: int | None,
        layers: Mapping[str, tuple[Layer, ...]],
    ) -> None:
        """``layers``: those of each tensor with one entry for each parameter."""
        super().__init__(name="saving", daemon=True)
        self._parts = (session, log, tensors, cursor, ended_task, layers)
        self._name = ""
        self._error: BaseException | None = None
        self.step = cursor.step
        self.began = time.monotonic()
        self.took = 0.0
        """Seconds that writing took; 0 until it is done."""
        self.start()

    def again(self) -> "CheckpointWriter":
        return CheckpointWriter(*self._parts)

    def result(self) -> str:
        """Waits and returns the checkpoint's name. Raises OSError, or NumericsError if values are not finite."""
        self.join()
        if self._error is not None:
            raise self._error
        return self._name

    def run(self) -> None:
        session, log, tensors, cursor, ended_task, layers = self._parts
        try:
            check_finite(tensors, cursor, layers)
            log.sync()  # at least up to the cursor: a checkpoint is useless without its log
            write = partial(checkpoint.write, tensors=tensors, cursor=cursor)
            self._name = session.write_checkpoint(write, cursor.step, ended_task)
        except BaseException as error:
            self._error = error
        self.took = time.monotonic() - self.began


def check_finite(tensors: Mapping[str, Tensor], cursor: Cursor, layers: Mapping[str, tuple[Layer, ...]]) -> None:
    """Raises NumericsError, naming the layer, if a value is not finite."""
    if cursor.constant is not None and not math.isfinite(cursor.constant):
        raise NumericsError(f"the penalty is no longer finite at step {cursor.step}, in task {max(cursor.task, 1)}")
    for name, tensor in tensors.items():
        # numpy computes in this thread only; it knows no bfloat16
        values = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(values.sum()):  # much cheaper than testing each value
                continue
        finite = np.isfinite(values)
        if not finite.all():
            what = _WORDS[name.removeprefix("best/").split("/")[0]]
            where = layer_at(layers[name], int(np.argmin(finite))) if name in layers else name
            task = cursor.task + 1 if cursor.task_step else max(cursor.task, 1)
            raise NumericsError(f"{what} no longer finite at step {cursor.step}, in task {task}, in {where}")
