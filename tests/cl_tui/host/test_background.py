"""Work in the background, for a screen that waits for it."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from cl_tui.host.background import run_in_background


def fails() -> None:
    raise ValueError("it failed")


async def test_a_screen_gets_the_result_or_the_error() -> None:
    screen: Any = SimpleNamespace(children=["table"])
    assert await run_in_background(screen, lambda: 7) == 7
    with pytest.raises(ValueError, match="it failed"):
        await run_in_background(screen, fails)


@pytest.mark.parametrize("work", [lambda: 7, fails])
async def test_a_screen_that_was_left_meanwhile_gets_nothing(work: Any) -> None:
    """Its widgets are gone before its workers end: what they would show next would raise NoMatches."""
    screen: Any = SimpleNamespace(children=["table"])
    waiting = asyncio.ensure_future(run_in_background(screen, work))
    screen.children.clear()
    with pytest.raises(asyncio.CancelledError):
        await waiting
