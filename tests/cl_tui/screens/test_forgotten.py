"""The pane of what was forgotten on the screens: keys, and where they lead."""

import threading

import pytest

from cl_tui.app.app import ClTui
from cl_tui.panes.forgotten.pane import ForgottenPane
from cl_tui.panes.turned.pane import TurnedPane
from cl_tui.screens import panes
from cl_tui.screens.home import HomeScreen
from cl_tui.screens.watch import WatchScreen
from engine.analysis.forgotten import put_back, retold
from engine.record.events import SHOWN_FILE
from engine.sessions.session import Session
from tests.runs import finished, tiny
from tests.waiting import PATIENCE_SECONDS, on_screen


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    folder = tmp_path_factory.mktemp("forgotten")
    return finished(folder, tiny("none", scenario="domain", tasks=3, epochs=8, lr=0.02))


def shown(pane: ForgottenPane) -> str:
    return "\n".join(pane.render_line(y).text for y in range(pane.size.height))


def computed_here(work: str, *arguments: object) -> object:
    """Without a process of its own."""
    return {"put_back": put_back, "retold": retold}[work.partition(":")[2]](*arguments)  # type: ignore[operator]


async def test_an_example_is_followed_and_the_replay_goes_to_its_turn(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panes, "run_apart", computed_here)
    watch = WatchScreen(session.path.parent, session.name)
    app = ClTui(watch)
    async with app.run_test(size=(120, 36)) as pilot:
        pane = watch.query_one(ForgottenPane)
        await on_screen(pilot, lambda: watch.replay is not None and watch.shown is not None)
        await pilot.press("5", "5")
        await on_screen(pilot, lambda: "most certain first" in shown(pane))
        await pilot.press("down", "right", "o")
        assert "first turned first" in shown(pane)
        spot = pane.microscope.spots[-1]
        await pilot.click(ForgottenPane, offset=(spot.x + pane.gutter.left + 1, spot.y + pane.gutter.top + 1))
        assert pane.chosen.example == spot.example
        await pilot.press("L")
        await on_screen(pilot, lambda: "One layer put back" in shown(pane))
        await pilot.press("enter")
        assert pane.chosen.alone
        assert "of its group, a row each" in shown(pane)
        await pilot.press("t")
        found, example = pane._found(watch.view), pane.chosen.example
        assert watch.replay is not None
        assert found is not None
        assert example is not None
        assert watch.replay.step == found.step == found.turned(example)
        await pilot.press("escape", "end", "p")
        assert "of the same 24 examples" in shown(pane)
        await pilot.press("escape", "q")


async def test_an_old_sessions_examples_come_from_its_checkpoints(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panes, "run_apart", computed_here)
    kept = (session.path / SHOWN_FILE).read_bytes()
    (session.path / SHOWN_FILE).unlink()
    try:
        watch = WatchScreen(session.path.parent, session.name)
        app = ClTui(watch)
        async with app.run_test(size=(120, 36)) as pilot:
            pane = watch.query_one(ForgottenPane)
            await on_screen(pilot, lambda: watch.replay is not None)
            await pilot.press("5", "5")
            await on_screen(pilot, lambda: "keeps no examples" in shown(pane))
            await pilot.press("enter")
            await on_screen(pilot, lambda: "% of" in shown(pane))
            turned = watch.query_one(TurnedPane)
            await pilot.press("9")
            await on_screen(pilot, lambda: "of whole test sets" in str(turned.border_subtitle))
            await pilot.press("q")
    finally:
        (session.path / SHOWN_FILE).write_bytes(kept)


async def test_a_screen_that_is_left_while_layers_are_put_back_is_not_drawn_again(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, left = threading.Event(), threading.Event()

    def compute(work: str, *arguments: object) -> object:
        begun.set()
        left.wait(PATIENCE_SECONDS)
        return computed_here(work, *arguments)

    monkeypatch.setattr(panes, "run_apart", compute)
    home = HomeScreen(session.path.parent)
    app = ClTui(home)
    async with app.run_test(size=(120, 36)) as pilot:
        watch = WatchScreen(session.path.parent, session.name)
        app.push_screen(watch)
        await on_screen(pilot, lambda: watch.is_mounted and watch.replay is not None and watch.shown is not None)
        await pilot.press("5", "5", "L")
        await on_screen(pilot, begun.is_set)
        await pilot.press("q")
        await on_screen(pilot, lambda: app.screen is home)
        left.set()
        await pilot.pause(0.2)
        assert app.screen is home
