"""Long work outside the event loop that draws."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from textual.dom import DOMNode

T = TypeVar("T")


async def run_in_background(screen: DOMNode, work: Callable[[], T]) -> T:
    """``work()`` in its own daemon thread, which does not delay the program's end. Raises what ``work`` raises, and
    CancelledError if the ``screen`` that waits for it has been left and its widgets are gone."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(result: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the program has ended, and its loop with it
            loop.call_soon_threadsafe(lambda: None if done.done() else result())

    def run() -> None:
        try:
            found = work()
        except BaseException as error:
            problem = error  # Python forgets ``error`` at the end of this block
            tell(lambda: done.set_exception(problem))
        else:
            tell(lambda: done.set_result(found))

    threading.Thread(target=run, name="background", daemon=True).start()
    try:
        return await done
    finally:
        if not screen.children:
            raise asyncio.CancelledError
