"""Signals that end the screen, and the terminal that may be gone by then.

A thread hears them: the screen's own may be waiting for a terminal that takes nothing any more (a connection that is
cut), and would hear of nothing ever again.
"""

import asyncio
import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from queue import Empty, SimpleQueue
from types import FrameType

PATIENCE_SECONDS = 3.0
"""How long the screen has to answer."""
LOOK_SECONDS = 1.0
"""Between two looks at the terminal: SIGHUP does not always wake a thread that waits for one."""
_NAMES = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP")


@contextlib.contextmanager
def heard(leave: Callable[[], None], give_up: Callable[[], None]) -> Iterator[None]:
    """Within, a signal calls ``leave`` in the running loop; ``give_up`` in a thread, where the loop does not answer or
    the terminal is gone."""
    loop, context = asyncio.get_running_loop(), copy_context()
    came: SimpleQueue[bool] = SimpleQueue()
    on_a_terminal = terminal_is_there()
    on_a_page = os.environ.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")

    def answer(answered: threading.Event) -> None:
        answered.set()
        leave()

    def wait_for_them() -> None:
        while True:
            try:
                if not came.get(timeout=LOOK_SECONDS):
                    return
            except Empty:
                if not (_server_is_gone() if on_a_page else on_a_terminal and not terminal_is_there()):
                    continue
            answered = threading.Event()
            if terminal_is_there():
                loop.call_soon_threadsafe(answer, answered, context=context)
                answered.wait(PATIENCE_SECONDS)
            if not answered.is_set():
                give_up()

    def note(number: int, frame: FrameType | None) -> None:
        came.put(True)

    earlier = {}
    for name in _NAMES:
        with contextlib.suppress(AttributeError, ValueError):  # not on every system, and only in the main thread
            number = getattr(signal, name)
            earlier[number] = signal.signal(number, note)
    threading.Thread(target=wait_for_them, name="signals", daemon=True).start()
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
        came.put(False)


def terminal_is_there() -> bool:
    try:
        return sys.__stderr__ is not None and os.isatty(sys.__stderr__.fileno())
    except (OSError, ValueError):
        return False


def _server_is_gone() -> bool:
    """Whether nobody is left to write to a page's standard input."""
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(0, 0)
    return any(event & select.POLLHUP for _, event in poll.poll(0))


def in_background() -> bool:
    """Whether the shell has given the terminal to others."""
    try:
        return sys.__stderr__ is not None and os.tcgetpgrp(sys.__stderr__.fileno()) != os.getpgrp()
    except (OSError, ValueError):
        return False
