"""Long work outside the event loop that draws."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def run_in_background(work: Callable[[], T]) -> T:
    """``work()`` in its own daemon thread, which does not delay the program's end. Raises what ``work`` raises."""
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
    return await done
