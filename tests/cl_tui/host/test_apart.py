"""Work in a process of its own: its result, or what it raised."""

import pytest

from cl_tui.host.apart import run_apart
from engine.errors import EngineError
from engine.text import visible


def test_the_result_and_the_error_come_back() -> None:
    assert run_apart("engine.text:visible", "a\x1bb") == visible("a\x1bb")
    with pytest.raises(EngineError, match="name"):
        run_apart("engine.sessions.names:check_name", "../no")


def test_a_process_that_dies_says_so() -> None:
    with pytest.raises(EngineError, match="exit code 3"):
        run_apart("os:_exit", 3)
