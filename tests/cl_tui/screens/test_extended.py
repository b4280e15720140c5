"""A session that got more tasks, on screens: before it has begun, when it is over, and at any moment of its replay."""

from pathlib import Path

import pytest

from cl_tui.panes.accuracy.pane import AccuracyPane
from cl_tui.panes.tasks.pane import TasksPane
from cl_tui.screens.panes import PANES
from engine.sessions.session import Session
from engine.training.control import Control
from engine.training.extend import extend, extended_config
from engine.training.runner import train
from tests import runs
from tests.cl_tui.screens.test_watch import watching


@pytest.fixture
def child(tmp_path: Path) -> Session:
    """Two tasks, and two more that are not trained yet."""
    config = runs.tiny("si", benchmark="permuted-digits", scenario="task", steps=30)
    parent = runs.finished(tmp_path, config, "parent")
    return extend(parent, extended_config(parent.config, 2, {}), "child")


async def test_before_it_is_trained_it_shows_what_was_learned(child: Session) -> None:
    async with watching(child) as watched:
        assert "order 2" in watched.text(TasksPane)
        await watched.press("z", *"n" * len(PANES), "escape")
        await watched.press("l")


async def test_a_replay_knows_the_tasks_of_each_moment(child: Session) -> None:
    train(child, Control())
    async with watching(child, (120, 40)) as watched:
        assert "order 4" in watched.text(TasksPane)
        for tasks in (4, 3, 2, 1):
            await watched.press("left_square_bracket")
            assert f"step {30 * (tasks - 1)} of" in watched.position
            if tasks == 2:
                await watched.press("z", *"n" * len(PANES), "escape")
        assert "order 4" not in watched.text(TasksPane), "nobody knew it then"
        await watched.press("space", "greater_than_sign")
        for _ in range(4):
            await watched.press("right_square_bracket")
        assert "4" in watched.text(AccuracyPane)
