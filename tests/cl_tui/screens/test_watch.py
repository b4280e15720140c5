"""Watching a session, key by key: one that trains elsewhere, and the replay of one that is over."""

import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from textual.app import App
from textual.binding import Binding
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Footer, Input, Static
from textual.widgets._footer import FooterKey

from cl_tui.app.app import ClTui
from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes.accuracy.pane import AccuracyPane
from cl_tui.panes.base import Pane
from cl_tui.panes.header import HeaderLine
from cl_tui.panes.importance.pane import ImportancePane
from cl_tui.panes.notice import Notice, WarningLine
from cl_tui.panes.tasks.pane import TasksPane
from cl_tui.screens import watch as watch_module
from cl_tui.screens.fork import ForkDialog
from cl_tui.screens.position import GoDialog, PositionLine
from cl_tui.screens.reader import READ_SECONDS, Reader
from cl_tui.screens.watch import WatchScreen
from engine.catalog.own_loop import OWN_LOOP
from engine.errors import SessionNotFound
from engine.record.events import Event, RunResumed, RunStopped
from engine.record.shown import Shown, ShownTask
from engine.sessions.log import EventLog
from engine.sessions.session import Session
from engine.settings.run import resolve
from tests import screen_data
from tests.conftest import CommandLine
from tests.engine.sessions.test_follow import lines
from tests.first_screens import helped
from tests.waiting import on_screen

RUN = tuple(screen_data.events(tasks=3, steps=200))
"""In training for 1.2 s: 600 steps in reports of 50, 0.1 s each."""
HALF = RUN[:17]
"""Until step 350, in task 2."""


class Watched:
    """An open watch screen."""

    def __init__(self, app: App[ExitStatus], screen: WatchScreen, pilot: Pilot[Any]) -> None:
        self.app = app
        self.screen = screen
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def settle(self) -> None:
        await self.pilot.pause()
        if self.app.is_running and self.app.screen is self.screen:
            self.screen.poll()
            self.screen.redraw()
        await self.pilot.pause()

    async def until(self, true: Callable[[], object]) -> None:
        await on_screen(self.pilot, true, lambda: (self.position, self.notice))

    @property
    def position(self) -> str:
        return str(self.screen.query_one(PositionLine).content)

    @property
    def notice(self) -> str:
        return str(self.screen.query_one(Notice).content)

    @property
    def offered(self) -> set[str]:
        return {active.binding.description for active in self.screen.active_bindings.values()}

    @property
    def warning(self) -> str:
        return str(self.screen.query_one(WarningLine).content)

    @property
    def header(self) -> str:
        return str(self.screen.query_one(HeaderLine).content)

    def text(self, widget: type[Pane]) -> str:
        pane = self.screen.query_one(widget)
        return "\n".join(pane.render_line(y).text for y in range(pane.size.height))

    @property
    def keys(self) -> dict[str, str]:
        """What the footer says that each key does."""
        return {key: active.binding.description for key, active in self.screen.active_bindings.items()}


def written(folder: Path, events: Sequence[Event], silent_for: float = 0.0) -> Session:
    """A session whose log holds ``events``, the last of them so many seconds ago."""
    session = screen_data.session(folder)
    session.events_path.write_bytes(lines(events))
    then = time.time() - silent_for
    os.utime(session.events_path, (then, then))
    return session


@asynccontextmanager
async def watching(session: Session, size: tuple[int, int] = (80, 24), **options: bool) -> AsyncIterator[Watched]:
    screen = WatchScreen(session.path.parent, session.name, **options)
    app = ClTui(screen)
    async with app.run_test(size=size) as pilot:
        watched = Watched(app, screen, pilot)
        await watched.until(lambda: screen.reader.loaded)
        await watched.settle()
        yield watched


# Opening


async def test_the_first_frame_is_painted_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(Reader, "start", lambda reader: seen.append(str(screen.query_one(HeaderLine).content)))
    session = written(tmp_path, RUN)
    screen = WatchScreen(session.path.parent, session.name)
    app = ClTui(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        watched = Watched(app, screen, pilot)
        await watched.until(lambda: seen)
        await watched.settle()
        assert watched.position == "Reading 0 % of 0.0 MB"
    assert len(seen) == 1
    assert seen[0].endswith("◌ reading the session")


async def test_keys_are_answered_while_a_log_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = written(tmp_path, RUN)
    monkeypatch.setattr(Reader, "start", lambda reader: None)
    screen = WatchScreen(session.path.parent, session.name)
    app = ClTui(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        watched = Watched(app, screen, pilot)
        await watched.press("r")
        assert watched.notice == "Nothing to replay yet: nothing is recorded"
        watched.screen.reader.recording.append(watched.screen.reader.follower.poll())
        await watched.press("space")
        assert watched.notice == "Still reading: r replays what is read so far, and then you can play"
        await watched.press("r", "left_square_bracket")
        assert "step 400 of 600" in watched.position


def test_a_session_that_is_not_there_is_told_before_any_screen(tmp_path: Path) -> None:
    with pytest.raises(SessionNotFound):
        WatchScreen(tmp_path, "nobody")


@pytest.mark.parametrize("size", [(80, 24), (60, 18), (160, 48)])
async def test_a_finished_session_opens_at_its_end(tmp_path: Path, size: tuple[int, int]) -> None:
    async with watching(written(tmp_path, RUN), size) as watched:
        assert watched.header.strip().startswith("si c=1")
        assert "✔" in watched.header
        assert "step 600 of 600" in watched.position
        assert watched.position.startswith("⏸ Replay 1×")
        assert watched.notice.startswith("Finished in 1 s: average accuracy 97.0 %")
        assert "3" in watched.text(AccuracyPane)
        assert watched.screen.query_one(PositionLine).size.height == 1


async def test_a_log_that_cannot_be_read_on_shows_what_comes_before(tmp_path: Path) -> None:
    session = written(tmp_path, [*HALF, RunStopped(350, 0.0)])
    with open(session.events_path, "ab") as file:
        file.write(b"nonsense\n")
    async with watching(session) as watched:
        await watched.until(lambda: "line 19" in watched.warning)
        await watched.press("greater_than_sign")
        assert "a second shows" in watched.notice
        assert "everything before it can still be watched" in watched.warning, "no answer to a key stands in its place"
        assert "step 350 of 350" in watched.position


async def test_a_log_that_is_missing_is_told(tmp_path: Path) -> None:
    session = written(tmp_path, RUN)
    session.events_path.unlink()
    async with watching(session) as watched:
        assert "cannot be read: No such file" in watched.warning
        assert watched.position == "⚠ Cannot read further than event 0"


# Following


async def test_a_run_is_followed_while_it_trains_and_after_it_ended(tmp_path: Path) -> None:
    session = written(tmp_path, HALF)
    with session.locked():
        async with watching(session) as watched:
            assert watched.position == "Following; it is trained on this machine"
            assert "▶ 2/3" in watched.header
            log = EventLog(session.events_path, len(lines(HALF)))
            for event in RUN[17:24]:
                log.append(event)
            await watched.until(lambda: "▶ 3/3" in watched.header)
            assert "✔ 2" in watched.text(TasksPane)
            for event in RUN[24:]:
                log.append(event)
            log.close()
            await watched.until(lambda: watched.position == "The run is over; r replays it")
            await watched.settle()
            assert "✔" in watched.header


async def test_a_run_on_another_machine_is_followed(tmp_path: Path) -> None:
    async with watching(written(tmp_path, HALF)) as watched:
        assert watched.position == "Following; it is trained by another machine"


@pytest.mark.parametrize("here", [True, False])
async def test_silence_is_shown_as_such(tmp_path: Path, here: bool) -> None:
    session = written(tmp_path, HALF, silent_for=30)
    if here:
        with session.locked():
            async with watching(session) as watched:
                assert watched.position.startswith("⚠ Silent for 0:3")
                assert "but its process is alive" in watched.position
    else:
        async with watching(session) as watched:
            assert watched.position.startswith("⚠ Silent for 0:3")
            assert ": dead, or on another machine" in watched.position


async def test_a_run_that_died_long_ago_is_replayed_and_may_still_be_followed(tmp_path: Path) -> None:
    async with watching(written(tmp_path, HALF, silent_for=3600)) as watched:
        assert "Replay" in watched.position
        assert "It stopped without giving a reason. To continue: cl-tui resume calm-otter" in watched.notice
        await watched.press("r")
        assert watched.position.startswith("⚠ Silent for 1:00:0")


async def test_a_resume_elsewhere_that_cut_the_log_is_noticed(tmp_path: Path) -> None:
    session = written(tmp_path, HALF)
    async with watching(session) as watched:
        assert "step 350" not in watched.position
        log = EventLog(session.events_path, len(lines(RUN[:5])))
        log.append(RunResumed(1.0, 100, "cpu", ""))
        log.close()
        await watched.until(lambda: "resumed from a checkpoint" in watched.notice)
        assert watched.screen.current_view().history.step == 100


async def test_a_replay_survives_that_its_log_is_cut(tmp_path: Path) -> None:
    session = written(tmp_path, HALF)
    async with watching(session) as watched:
        await watched.press("r")
        assert "step 350 of 350" in watched.position
        EventLog(session.events_path, len(lines(RUN[:5]))).close()
        await watched.press("comma")
        await watched.until(lambda: "of 100" in watched.position)
        assert "step 100 of 100" in watched.position


async def test_it_changes_between_following_and_replay(tmp_path: Path) -> None:
    session = written(tmp_path, HALF)
    with session.locked():
        async with watching(session) as watched:
            assert watched.keys["r"] == "Replay"
            await watched.press("r")
            assert watched.position.startswith("⏸ Replay 1×")
            assert watched.keys["r"] == "Follow"
            await watched.press("r")
            assert watched.position.startswith("Following")


async def test_a_replay_that_catches_up_with_the_run_follows_it(tmp_path: Path) -> None:
    session = written(tmp_path, HALF)
    with session.locked():
        async with watching(session) as watched:
            await watched.press("r", "comma", "space")
            await watched.until(lambda: watched.position.startswith("Following"))
            assert watched.notice == "Caught up with the run, and following it again"


@pytest.mark.parametrize("key", ["space", ";", ",", ">", "<", "]", "[", "g", "end"], ids=lambda key: f"key {key}")
async def test_keys_of_the_replay_say_why_they_do_nothing_while_following(tmp_path: Path, key: str) -> None:
    names = {";": "semicolon", ",": "comma", ">": "greater_than_sign", "<": "less_than_sign"}
    names |= {"]": "right_square_bracket", "[": "left_square_bracket"}
    session = written(tmp_path, HALF)
    with session.locked():
        async with watching(session) as watched:
            await watched.press(names.get(key, key))
            assert watched.notice.startswith("This follows the run as it trains: r replays it, and then you can ")
            assert not {"Play", "Step", "Task", "Go to", "Start"} & watched.offered
            assert "Replay" in watched.offered


# Replaying


async def test_space_plays_from_the_start_and_pauses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(watch_module, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=time.sleep))
    async with watching(written(tmp_path, RUN)) as watched:
        assert watched.keys["space"] == "Play"
        await watched.press("space")
        assert watched.position.startswith("▶ Replay 1×")
        assert watched.keys["space"] == "Pause"
        assert "step 0 of 600" in watched.position
        clock[0] += 0.55
        await watched.settle()
        assert "step 250 of 600" in watched.position
        assert "▶ 2/3" in watched.header
        assert "\nnow " in watched.text(AccuracyPane)
        await watched.press("space")
        clock[0] += 10
        await watched.settle()
        assert "step 250 of 600" in watched.position
        assert "paused" in watched.header
        await watched.press("space")
        clock[0] += 10
        await watched.settle()
        assert "step 600 of 600" in watched.position
        assert watched.notice == "The end; space plays from the start"
        assert "✔" in watched.header


async def test_semicolon_and_comma_step_on_and_back(tmp_path: Path) -> None:
    async with watching(written(tmp_path, RUN)) as watched:
        await watched.press("semicolon")
        assert watched.notice == "This is the end of the replay"
        await watched.press("comma", "comma")
        assert "step 500 of 600" in watched.position
        await watched.press("semicolon")
        assert "step 550 of 600" in watched.position
        await watched.press("home", "comma")
        assert watched.notice == "This is the start of the replay"


async def test_greater_and_less_change_the_speed(tmp_path: Path) -> None:
    async with watching(written(tmp_path, RUN)) as watched:
        await watched.press("greater_than_sign")
        assert watched.position.startswith("⏸ Replay 2×")
        assert watched.notice == "2×: a second shows 2 s of training"
        await watched.press("less_than_sign", "less_than_sign")
        assert watched.position.startswith("⏸ Replay 0.5×")
        await watched.press(*["greater_than_sign"] * 20)
        assert watched.notice == "1000× is the highest speed"


async def test_at_its_ends_a_replay_offers_only_the_way_back(tmp_path: Path) -> None:
    async with watching(written(tmp_path, RUN)) as watched:

        def offered() -> set[str]:
            return {active.binding.description for active in watched.screen.active_bindings.values()}

        on, back = {"Step", "Task", "End"}, {"Step back", "Task before", "Start"}
        assert offered() & (on | back) == back
        await watched.pilot.pause()
        assert "Task" not in {key.description for key in watched.screen.query_one(Footer).query(FooterKey)}
        await watched.press("right_square_bracket")
        assert watched.notice == "This is the end of the replay"
        await watched.press("left_square_bracket")
        assert offered() & (on | back) == on | back
        await watched.press("home")
        assert offered() & (on | back) == on
        await watched.press("left_square_bracket")
        assert watched.notice == "This is the start of the replay"


async def test_brackets_go_to_task_borders_which_are_marked(tmp_path: Path) -> None:
    async with watching(written(tmp_path, RUN)) as watched:
        assert watched.position.count("│") == 2
        await watched.press("left_square_bracket")
        assert "step 400 of 600" in watched.position
        assert watched.position.count("│") == 1  # the moment stands on the other
        await watched.press("left_square_bracket")
        assert "step 200 of 600" in watched.position
        assert "✔ 1" in watched.text(TasksPane)
        assert "✔ 2" not in watched.text(TasksPane)
        await watched.press("right_square_bracket", "right_square_bracket")
        assert "step 600 of 600" in watched.position


async def test_home_and_end_go_to_the_ends(tmp_path: Path) -> None:
    async with watching(written(tmp_path, RUN)) as watched:
        await watched.press("home")
        assert "step 0 of 600" in watched.position
        await watched.press("end")
        assert "step 600 of 600" in watched.position


@pytest.mark.parametrize(
    ("typed", "shown"), [("120", "step 150 of 600"), ("t3", "step 400 of 600"), ("Task 2", "step 200 of 600")]
)
async def test_g_goes_to_a_step_or_a_task(tmp_path: Path, typed: str, shown: str) -> None:
    async with watching(written(tmp_path, RUN)) as watched:
        await watched.press("g")
        assert isinstance(watched.app.screen, GoDialog)
        watched.app.screen.query_one(Input).value = typed
        await watched.press("enter")
        assert watched.app.screen is watched.screen
        assert shown in watched.position


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("601", "There are 600 steps."),
        ("t4", "Task 4 has not begun: there are tasks 1 to 3."),
        ("t0", "Task 0 has not begun: there are tasks 1 to 3."),
        ("-5", "Enter a step, for example 1200, or a task, for example t3."),
        ("t", "Enter a step, for example 1200, or a task, for example t3."),
        ("٣", "Enter a step, for example 1200, or a task, for example t3."),
    ],
)
async def test_g_says_what_it_cannot_go_to(tmp_path: Path, typed: str, answer: str) -> None:
    async with watching(written(tmp_path, RUN)) as watched:
        await watched.press("g")
        screen = watched.app.screen
        screen.query_one(Input).value = typed
        await watched.press("enter")
        assert watched.app.screen is screen
        assert str(screen.query_one("#problem", Static).content) == answer
        await watched.press("escape")
        assert "step 600 of 600" in watched.position


async def test_a_pane_that_has_a_g_of_its_own_leaves_the_capital_one(tmp_path: Path) -> None:
    async with watching(written(tmp_path, RUN)) as watched:
        watched.screen.set_focus(watched.screen.query_one(ImportancePane))
        await watched.press("G")
        assert isinstance(watched.app.screen, GoDialog)


async def test_a_finished_run_cannot_be_followed(tmp_path: Path) -> None:
    async with watching(written(tmp_path, RUN)) as watched:
        await watched.press("r")
        assert watched.notice == "The run is finished: there is nothing to follow"
        assert "Follow" not in watched.offered
        assert {"Play", "Go to"} <= watched.offered
        assert "Replay" in watched.position


async def test_a_zoomed_pane_keeps_the_position_in_sight(tmp_path: Path) -> None:
    async with watching(written(tmp_path, RUN)) as watched:
        await watched.press("z")
        assert watched.screen.maximized is not None
        assert watched.screen.query_one(PositionLine).region.height == 1
        await watched.press("left_square_bracket")
        assert "step 400 of 600" in watched.position


async def test_a_terminal_that_is_too_small_says_so(tmp_path: Path) -> None:
    async with watching(written(tmp_path, RUN), (40, 12)) as watched:
        assert watched.screen.query_one("#too-small").display
        assert not watched.screen.query_one(PositionLine).display
        assert not watched.screen.query_one(Footer).display


async def test_every_key_is_in_the_help(tmp_path: Path) -> None:
    async with watching(written(tmp_path, RUN), (100, 60)) as watched:
        await watched.press("question_mark")
        shown = helped(watched.app.screen)
        for tooltip in ("Replay: play, or pause", "Replay: go to a step", "Quit; watching changes nothing"):
            assert tooltip in shown
        never = watched.screen.never
        assert never == {"replay", "follow"}, "of a run that is finished"
        for binding in Binding.make_bindings(WatchScreen.BINDINGS):
            assert (binding.tooltip in shown) == (binding.action not in never)


async def test_the_help_of_a_loop_of_one_s_own_has_no_fork(tmp_path: Path) -> None:
    session = Session.create(tmp_path, "own", resolve({"benchmark": OWN_LOOP, "method": "si"}))
    session.events_path.write_bytes(lines(RUN))
    async with watching(session, (100, 60)) as watched:
        await watched.press("question_mark")
        assert "Start a new session from the end of a task" not in helped(watched.app.screen)
        await watched.press("escape", "F")
        assert watched.app.screen is watched.screen
        assert "No fork" in watched.notice


# Forking


async def test_fork_offers_the_task_that_had_ended_at_this_moment(tmp_path: Path) -> None:
    session = written(tmp_path, RUN)
    for task in range(3):
        session.write_checkpoint(Path.touch, 200 * (task + 1), task)
    async with watching(session) as watched:
        await watched.press("left_square_bracket", "left_square_bracket", "F")
        form = watched.app.screen
        assert isinstance(form, ForkDialog)
        assert form.query_one("#task").value == 0  # type: ignore[attr-defined]
        await watched.press("escape")
        assert watched.app.screen is watched.screen


@pytest.mark.parametrize(
    ("events", "options", "answer"),
    [
        (RUN[:5], {}, "No fork yet: a fork begins at the end of a task"),
        (RUN, {}, "No fork: no task before the last has a checkpoint"),
        (RUN, {"read_only": True}, "This screen is read-only: it cannot fork sessions"),
    ],
)
async def test_fork_says_why_it_cannot_be(
    tmp_path: Path, events: Sequence[Event], options: dict[str, bool], answer: str
) -> None:
    async with watching(written(tmp_path, events), **options) as watched:
        await watched.press("F")
        assert watched.notice == answer


# Leaving


async def test_q_leaves_the_program_and_escape_does_not(tmp_path: Path) -> None:
    async with watching(written(tmp_path, RUN)) as watched:
        await watched.press("escape", "escape")
        assert watched.app.is_running
        assert watched.notice == "Nothing to leave; q quits"
        await watched.pilot.press("q")
        await watched.pilot.pause()
        assert watched.app.return_value == ExitStatus(0, "")


@pytest.mark.parametrize("key", ["q", "escape"])
async def test_it_is_left_to_the_screen_below(tmp_path: Path, key: str) -> None:
    session = written(tmp_path, RUN)

    class Below(Screen[ExitStatus]):
        pass

    below = Below()
    app = ClTui(below)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = WatchScreen(session.path.parent, session.name)
        await app.push_screen(screen)
        watched = Watched(app, screen, pilot)
        await watched.until(lambda: screen.reader.loaded)
        await pilot.press(key)
        await watched.until(lambda: app.screen is below)
        assert app.is_running
        await watched.until(lambda: not screen.reader.is_alive())


async def test_escape_backs_out_of_the_zoom_first(tmp_path: Path) -> None:
    async with watching(written(tmp_path, RUN)) as watched:
        await watched.press("z", "escape")
        assert watched.screen.maximized is None
        assert watched.app.is_running


async def test_nothing_is_written_into_the_session(tmp_path: Path) -> None:
    session = written(tmp_path, RUN)

    def files() -> dict[str, tuple[int, int]]:
        paths = [session.path, *session.path.rglob("*")]
        return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in paths}

    before = files()
    async with watching(session) as watched:
        await watched.press("home", "space", "g", "escape", "right_square_bracket", "r", "F", "z", "escape")
        await watched.pilot.pause(2 * READ_SECONDS)
    assert files() == before


# The command


def test_the_command_needs_a_terminal_and_a_session(cl_tui: CommandLine, tmp_path: Path) -> None:
    written(tmp_path, RUN)
    answer = cl_tui("watch", "calm-otter")
    assert answer.exit_code == 2
    assert answer.err == (
        "cl-tui: the screen needs a terminal: 'cl-tui sessions show calm-otter' shows it without one\n"
    )
    assert "'cl-tui sessions list' shows them without one" in cl_tui("watch").err
    answer = cl_tui("watch", "nobody")
    assert answer.exit_code == 2
    assert answer.err.startswith("cl-tui: no session nobody in sessions")


async def test_what_the_session_keeps_to_look_at_is_read_when_it_is_there(tmp_path: Path) -> None:
    session = written(tmp_path, RUN)
    async with watching(session) as watched:
        assert watched.screen.current_view().shown is None
        task = ShownTask(None, np.ones((1, 2), "f4"), np.zeros(1, "i4"), ("a",), np.zeros(1, "i8"))
        Shown((task,), together=False).keep(session.path)
        await watched.until(lambda: watched.screen.current_view().shown)
        assert watched.screen.view is not None
        await watched.until(lambda: watched.screen.view and watched.screen.view.shown)
