"""The family of a session, and its drawing as a tree."""

import math
from pathlib import Path

import pytest
from rich.segment import Segment

from cl_tui.app.app import ClTui
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.tree import Tree, drawn, told_of
from cl_tui.reports.family import Branch, family
from cl_tui.screens.home import HomeScreen
from cl_tui.screens.tree import TreeScreen
from cl_tui.screens.watch import WatchScreen
from engine.record.events import RunForked, StrengthChanged
from engine.record.history import History
from engine.record.series import Series
from engine.sessions.listing import Listed
from engine.settings.run import resolve
from engine.training.control import Control
from engine.training.fork import fork
from engine.training.runner import train
from tests import runs
from tests.waiting import on_screen


def listed(name: str, parent: str = "", at: int = 0, step: int = 3000, **changes: float) -> Listed:
    """A session of three tasks of a thousand steps; ``changes``: the strength from each step on, as s1500=10.0."""
    made = [(int(key[1:]), strength) for key, strength in changes.items()]
    history = History(
        "finished",
        step=step,
        matrix=((0.9,), (0.8, 0.9)),
        strengths=Series(StrengthChanged(at, 0.0, 1.0, strength) for at, strength in made),
        forked=RunForked(0.0, at, parent, at // 1000 - 1) if parent else None,
    )
    return Listed(name, "finished", 0.0, resolve({"method": "si"}), history)


def sessions(*each: Listed) -> dict[str, Listed]:
    return {one.name: one for one in each}


FAMILY = sessions(
    listed("root", s1500=10.0),
    listed("late", "root", 2000, s1500=10.0, s2000=5.0, s2500=7.0),
    listed("early", "root", 1000),
    listed("child", "early", 2000, step=2500),
    listed("stranger"),
)


@pytest.mark.parametrize("name", ["root", "late", "child"])
def test_a_family_is_the_same_seen_from_each_member(name: str) -> None:
    found = family(FAMILY, name)
    assert [(of.listed.name, of.depth, of.parent) for of in found] == [
        ("root", 0, None),
        ("early", 1, 0),
        ("child", 2, 1),
        ("late", 1, 0),
    ]
    assert [(node.kind, node.step, node.label) for node in found[3].nodes] == [
        ("start", 2000, ""),
        ("strength", 2500, "c=7"),
        ("tip", 3000, ""),
    ]
    assert [node.step for node in found[0].nodes] == [0, 1500, 3000]
    assert found[0].average == pytest.approx(0.85)


def test_a_parent_that_is_gone_and_logs_that_contradict_each_other() -> None:
    assert [of.listed.name for of in family(sessions(listed("one", "gone", 1000)), "one")] == ["one"]
    circle = sessions(listed("one", "other", 1000), listed("other", "one", 1000))
    assert {of.listed.name for of in family(circle, "one")} == {"one", "other"}
    assert family(circle, "nobody") == []
    damaged = family(sessions(Listed("bad", "damaged", 0.0, problem="its log is damaged")), "bad")
    assert math.isnan(damaged[0].average)
    assert "its log is damaged" in told_of(Tree(damaged))


def texts(lines: list[Line]) -> list[str]:
    return ["".join(segment.text for segment in line).rstrip() for line in lines]


def branches() -> list[Branch]:
    return family(FAMILY, "root")


@pytest.mark.parametrize("size", [(118, 32), (78, 20), (38, 6), (10, 3)])
def test_the_tree_in_any_size(size: tuple[int, int]) -> None:
    for row in range(4):
        lines = drawn(Tree(branches(), (0, 1000, 2000, 3000), row), *size, Palette())
        assert len(lines) <= size[1]
        if size[0] >= 78:
            assert max(map(Segment.get_line_length, lines)) <= size[0]


def test_forks_hang_where_they_began_and_choices_are_marked() -> None:
    lines = texts(drawn(Tree(branches(), (0, 1000, 2000, 3000), 3), 100, 12, Palette()))
    root, early, child, late = lines[1:5]
    assert "◆c=10━" in root
    assert root.endswith("●   85.0 %")
    assert early.index("╰━") < child.index("╰━") == late.index("╰━")
    short = sessions(listed("root"), listed("a", "root", 1000, step=1500), listed("b", "root", 2000))
    told = texts(drawn(Tree(family(short, "root")), 100, 12, Palette()))
    assert told[2].index("│") == told[3].index("╰━")
    assert lines[-1] == "late: finished at step 3,000, average 85.0 %"
    assert told_of(Tree(branches(), (), 3, 0)) == "late: forked from root at the end of task 2, with si c=1"
    assert told_of(Tree(branches(), (), 3, 1)) == "late: c=7 from step 2,500 on"


async def test_y_opens_the_tree_and_enter_a_session_of_it(tmp_path: Path) -> None:
    parent = runs.finished(tmp_path, runs.tiny("si"), "parent")
    train(fork(parent, 0, "fork", {"strength": 50.0}), Control())
    app = ClTui(HomeScreen(tmp_path))
    async with app.run_test(size=(100, 30)) as pilot:
        home = app.first
        assert isinstance(home, HomeScreen)
        await on_screen(pilot, lambda: home.row is not None)
        await pilot.press("Y")
        tree = app.screen
        assert isinstance(tree, TreeScreen)
        await on_screen(pilot, lambda: tree.shown is not None)
        assert tree.shown is not None
        assert [of.listed.name for of in tree.shown.branches] == ["parent", "fork"]
        await pilot.press("down", "left", "enter")
        watch = app.screen
        assert isinstance(watch, WatchScreen)
        assert watch.session.name == "fork"
        await on_screen(pilot, lambda: watch.replay is not None)
        assert watch.replay is not None
        assert watch.replay.step == 4
        await pilot.press("Y")
        other = app.screen
        assert isinstance(other, TreeScreen)
        await on_screen(pilot, lambda: other.shown is not None)
        await pilot.press("left", "enter")
        assert app.screen is watch
        assert watch.viewport.cursor == 4
        await pilot.press("escape", "escape", "escape")
        assert app.screen is home
