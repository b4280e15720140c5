"""Waiting for what comes soon, or later where other work shares the processors."""

import time
from collections.abc import Callable

from textual.pilot import Pilot

PATIENCE_SECONDS = 60.0


def until(condition: Callable[[], object], told: Callable[[], object] = lambda: "") -> None:
    """Returns once ``condition`` holds. Raises AssertionError with what is ``told`` after PATIENCE_SECONDS."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen in {PATIENCE_SECONDS:g} s: {told()}"
        time.sleep(0.005)


async def on_screen(
    pilot: Pilot[object], condition: Callable[[], object], told: Callable[[], object] = lambda: ""
) -> None:
    """The same while the program of ``pilot`` goes on, and then until it has drawn that."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen in {PATIENCE_SECONDS:g} s: {told()}"
        await pilot.pause(0.01)
    await pilot.pause()
