"""Work in a process of its own, beside a training that it must not slow down or disturb."""

import multiprocessing
import sys
from collections.abc import Collection
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

from engine.errors import EngineError
from engine.settings import own_code


def run_apart(work: str, *arguments: object) -> Any:
    """What the function ``work``, such as 'engine.analysis.forgotten:retold', returns; waits for it. The process ends
    with this one. Raises what ``work`` raises."""
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe(duplex=False)
    process = spawning.Process(target=_answer, args=(theirs, own_code.allowed_here(), work, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        found: Any = ours.recv()
    except EOFError:
        process.join()
        raise EngineError(
            f"the process that computed it ended with exit code {process.exitcode}, perhaps because memory ran out"
        ) from None
    process.join()
    if isinstance(found, BaseException):
        raise found
    return found


def _answer(connection: Connection, allowed: Collection[str], work: str, arguments: tuple[object, ...]) -> None:
    own_code.allow_here(allowed)
    sys.stdout = sys.stderr  # what the user's code prints is no result
    module, _, name = work.partition(":")
    try:
        connection.send(getattr(import_module(module), name)(*arguments))
    except (EngineError, OSError) as error:
        connection.send(error)
