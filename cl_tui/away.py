"""Work that may take long, away from the loop that draws."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def away(work: Callable[[], T]) -> T:
    """``work()``, done in a daemon thread of its own, which nothing waits for when the program ends.

    Raises what ``work`` raises.
    """
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

    threading.Thread(target=run, name="away", daemon=True).start()
    return await done
