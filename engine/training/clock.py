"""The clock of a run."""

import time


class Clock:
    """Seconds of training, without pauses."""

    def __init__(self) -> None:
        self.elapsed_before = 0.0
        self._since: float | None = None

    @property
    def elapsed(self) -> float:
        running = time.monotonic() - self._since if self._since is not None else 0.0
        return self.elapsed_before + running

    def start(self) -> None:
        self._since = time.monotonic()

    @property
    def ticking(self) -> bool:
        return self._since is not None

    def pause(self) -> None:
        self.elapsed_before = self.elapsed
        self._since = None
