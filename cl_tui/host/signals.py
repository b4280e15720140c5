"""Signals that end the screen or ask for a checkpoint. A thread waits for them: the screen's own may be blocked by a
terminal that takes no more output (a broken connection), and would never notice them."""

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
"""How long the screen may take to answer."""
CHECK_SECONDS = 1.0
"""Seconds between two checks of the terminal: SIGHUP does not always wake a thread that waits for a signal."""
_TO_END = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP")
_TO_SAVE = ("SIGUSR1", "SIGUSR2")


@contextlib.contextmanager
def heard(leave: Callable[[], None], give_up: Callable[[], None], save: Callable[[], None]) -> Iterator[None]:
    """Within, a signal to end calls ``leave`` in the running loop; ``give_up`` in a thread if the loop does not answer
    or the terminal is gone. SIGUSR1 and SIGUSR2 call ``save`` in that thread."""
    loop, context = asyncio.get_running_loop(), copy_context()
    came: SimpleQueue[str] = SimpleQueue()
    """Names of signals; an empty name ends the thread."""
    on_a_terminal = terminal_is_there()
    on_a_page = os.environ.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")

    def answer(answered: threading.Event) -> None:
        answered.set()
        leave()

    def wait_for_them() -> None:
        while True:
            try:
                name = came.get(timeout=CHECK_SECONDS)
                if not name:
                    return
                if name in _TO_SAVE:
                    save()
                    continue
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
        came.put(signal.Signals(number).name)

    earlier = {}
    for name in (*_TO_END, *_TO_SAVE):
        with contextlib.suppress(AttributeError, ValueError):  # not on every system, and only in the main thread
            number = getattr(signal, name)
            earlier[number] = signal.signal(number, note)
    threading.Thread(target=wait_for_them, name="signals", daemon=True).start()
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
        came.put("")


def terminal_is_there() -> bool:
    try:
        return sys.__stderr__ is not None and os.isatty(sys.__stderr__.fileno())
    except (OSError, ValueError):
        return False


def _server_is_gone() -> bool:
    """Whether nobody writes to a web page's standard input any more."""
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(0, 0)
    return any(event & select.POLLHUP for _, event in poll.poll(0))


def in_background() -> bool:
    """Whether the shell has given the terminal to another process."""
    try:
        return sys.__stderr__ is not None and os.tcgetpgrp(sys.__stderr__.fileno()) != os.getpgrp()
    except (OSError, ValueError):
        return False
