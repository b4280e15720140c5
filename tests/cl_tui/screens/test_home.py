"""Home, key by key, over sessions told from made-up events."""

import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, Static

from cl_tui.app.app import ClTui
from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes.notice import Notice
from cl_tui.screens import home as home_module
from cl_tui.screens.compare import CompareScreen
from cl_tui.screens.dialogs import ConfirmDialog, FailureDialog, NameDialog
from cl_tui.screens.fork import ForkDialog
from cl_tui.screens.help import HelpScreen
from cl_tui.screens.home import HomeScreen
from cl_tui.screens.monitor import MonitorScreen
from cl_tui.screens.new_run import NewRunScreen
from cl_tui.screens.sessions_table import SessionsTable, arranged, sparkline
from cl_tui.screens.watch import WatchScreen
from engine.errors import BenchmarkError, NumericsError
from engine.record.events import RunFailed
from engine.sessions.listing import Listed, each_session
from engine.sessions.session import Session
from tests import saved, screen_data
from tests.conftest import CommandLine
from tests.first_screens import helped
from tests.runs import with_settings
from tests.screen_data import ToldEngine
from tests.terminal import Terminal
from tests.waiting import PATIENCE_SECONDS, on_screen


class Opened:
    """An open home screen."""

    def __init__(self, app: ClTui, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def home(self) -> HomeScreen:
        assert isinstance(self.app.first, HomeScreen)
        return self.app.first

    @property
    def table(self) -> SessionsTable:
        return self.home.query_one(SessionsTable)

    @property
    def rows(self) -> dict[str, str]:
        """Each row in one line, by session."""
        return {
            str(key.value): "|".join(str(cell).strip() for cell in self.table.get_row(key)) for key in self.table.rows
        }

    @property
    def names(self) -> list[str]:
        return [str(row.key.value) for row in self.table.ordered_rows]

    def said(self, name: str) -> str:
        return str(self.home.query_one(name, Static).content)

    @property
    def notice(self) -> str:
        return str(self.home.query_one(Notice).content)

    async def until(self, condition: Callable[[], object]) -> None:
        await on_screen(self.pilot, condition, lambda: (self.notice, self.app.screen_stack, self.rows))

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def go_to(self, name: str) -> None:
        self.table.go_to(name)
        await self.pilot.pause()
        assert self.home.current is not None
        assert self.home.current.name == name

    async def shown(self, screen: type[Screen[Any]]) -> Any:
        await self.until(lambda: isinstance(self.app.screen, screen))
        await self.pilot.pause()
        return self.app.screen

    async def look(self) -> None:
        self.home.read_folder()
        await self.until(lambda: not self.home._reading)
        await self.pilot.pause()


@asynccontextmanager
async def at_home(folder: Path, size: tuple[int, int] = (80, 24), read_only: bool = False) -> AsyncIterator[Opened]:
    app = ClTui(HomeScreen(folder, read_only))
    async with app.run_test(size=size) as pilot:
        opened = Opened(app, pilot)
        await opened.until(lambda: opened.home._read_once)
        await pilot.pause()
        yield opened


@pytest.fixture
def every_state(tmp_path: Path) -> Iterator[Path]:
    """A folder with a session in each state, each named after its state."""
    folder = tmp_path / "sessions"
    saved.finished(folder, "finished")
    saved.stopped(folder, "stopped")
    saved.interrupted(folder, "interrupted", method="ewc")
    saved.failed(folder, "failed", message="[red]loss[/] is nan \x1b[2J")
    saved.damaged(folder, "damaged")
    with saved.interrupted(folder, "running", until=500, method="mas").locked():
        yield folder


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Monitors opened from here follow an engine that trains nothing."""
    monkeypatch.setattr(home_module, "EngineThread", lambda session, pace: ToldEngine(session, None, pace))


# What one sees


async def test_every_state_is_shown_with_how_far_it_is(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        assert opened.rows["finished"].startswith("|finished|✔ finished|si c 1|95.0|▇▇▇▇▇|")
        assert opened.rows["stopped"].startswith("|stopped|■ stopped 50 %|si c 1|97.0|▇▇▇··|")
        assert opened.rows["interrupted"].startswith("|interrupted|⚠ interrupted 50 %|ewc λ 1000|97.0|")
        assert "|✖ failed 50 %|" in opened.rows["failed"]
        assert "|✖ damaged|" in opened.rows["damaged"]
        assert "|▶ running 10 %|mas λ 0.1|99.0|" in opened.rows["running"]
        assert opened.names[0] == "running"
        assert "6 sessions · 1 running" in opened.said("#title")


async def test_the_line_below_tells_of_the_session_under_the_cursor(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        await opened.go_to("finished")
        assert "si c 1 · split-digits · task · mlp 100-100 · seed 0" in opened.said("#detail")
        assert "average accuracy 95.0 %" in opened.said("#detail")
        await opened.go_to("damaged")
        assert "config.toml" in opened.said("#detail")
        await opened.go_to("interrupted")
        assert "step 2,500 of 5,000, in task 3 of 5" in opened.said("#detail")


async def test_hostile_text_is_shown_as_text(every_state: Path) -> None:
    async with at_home(every_state, (160, 24)) as opened:
        await opened.go_to("failed")
        assert "[red]loss[/] is nan \\x1b[2J" in opened.said("#detail")
        drawn = opened.home.query_one("#detail").render_line(1).text
        assert "[red]loss[/] is nan" in drawn
        assert "\x1b" not in drawn


async def test_the_first_frame_waits_for_no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved.finished(tmp_path, "run")
    go = threading.Event()

    def slow(folder: Path, earlier: Mapping[str, Listed]) -> Iterator[Listed]:
        assert go.wait(PATIENCE_SECONDS)
        yield from each_session(folder, earlier)

    monkeypatch.setattr(home_module, "each_session", slow)
    app = ClTui(HomeScreen(tmp_path))
    async with app.run_test() as pilot:
        opened = Opened(app, pilot)
        await opened.until(lambda: "looking…" in opened.said("#title"))
        assert opened.names == []
        go.set()
        await opened.until(lambda: opened.names == ["run"])


async def test_rows_come_in_portions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        saved.finished(tmp_path, f"run-{number}")
    go = threading.Event()

    def slow(folder: Path, earlier: Mapping[str, Listed]) -> Iterator[Listed]:
        for number, listed in enumerate(each_session(folder, earlier)):
            if number == 4:
                assert go.wait(PATIENCE_SECONDS)
            yield listed

    monkeypatch.setattr(home_module, "each_session", slow)
    monkeypatch.setattr(home_module, "PORTION_SECONDS", 0.0)
    app = ClTui(HomeScreen(tmp_path))
    async with app.run_test() as pilot:
        opened = Opened(app, pilot)
        await opened.until(lambda: len(opened.names) == 4)
        go.set()
        await opened.until(lambda: len(opened.names) == 6)


async def test_a_row_moves_with_its_training(tmp_path: Path) -> None:
    events = list(screen_data.events())
    session = saved.create(tmp_path, "run")
    with session.locked():
        saved.tell(session, *events[:20])
        async with at_home(tmp_path) as opened:
            assert "▶ running 17 %" in opened.rows["run"]
            saved.tell(session, *events[20:64])
            await opened.look()
            assert "▶ running 48 %" in opened.rows["run"]
            saved.tell(session, *events[64:])
            session.write_summary(session.history())
            await opened.look()
            assert "✔ finished" in opened.rows["run"]


async def test_sessions_that_come_and_go_leave_the_cursor_where_it_is(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        saved.finished(tmp_path, name)
    async with at_home(tmp_path) as opened:
        await opened.go_to("b")
        saved.finished(tmp_path, "d")
        await opened.look()
        assert len(opened.names) == 4
        assert opened.table.current == "b"
        await opened.press("space")
        saved_path = tmp_path / opened.names[0]
        saved_path.rename(tmp_path.parent / "elsewhere")
        await opened.look()
        assert len(opened.names) == 3


async def test_an_empty_folder_says_what_to_press(tmp_path: Path) -> None:
    async with at_home(tmp_path / "none") as opened:
        assert "Press n for a new run" in opened.said("#nothing")
        assert opened.home.query_one("#nothing").region.height > 0
        for key in ("enter", "r", "f", "m", "d", "space"):
            await opened.press(key)
            assert "There is no session to" in opened.notice, key


async def test_a_folder_that_may_not_be_looked_into_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path, earlier: Mapping[str, Listed]) -> Iterator[Listed]:
        raise PermissionError(13, "Permission denied", str(folder))
        yield

    monkeypatch.setattr(home_module, "each_session", refuse)
    async with at_home(tmp_path) as opened:
        assert opened.said("#nothing") == f"{tmp_path}: Permission denied"


@pytest.mark.parametrize(("size", "headings"), [((60, 12), 5), ((80, 24), 7), ((120, 30), 10), ((200, 50), 11)])
async def test_a_wider_terminal_shows_more_columns(size: tuple[int, int], headings: int, every_state: Path) -> None:
    async with at_home(every_state, size) as opened:
        assert len(opened.table.columns) == headings
        width = sum(column.width for column in opened.table.columns.values())
        assert width <= opened.table.scrollable_content_region.width


async def test_it_follows_the_terminal_s_size(every_state: Path) -> None:
    async with at_home(every_state, (200, 50)) as opened:
        await opened.go_to("stopped")
        await opened.pilot.resize_terminal(31, 12)
        await opened.pilot.pause()
        assert opened.home.query_one("#too-small").region.height > 0
        assert opened.table.region.height == 0
        await opened.pilot.resize_terminal(40, 12)
        await opened.pilot.pause()
        assert opened.home.query_one("#too-small").region.height == 0
        assert sum(column.width for column in opened.table.columns.values()) <= opened.table.size.width
        headings = [str(column.label).strip() for column in opened.table.columns.values()]
        assert headings == ["", "session", "state", "acc. %"]
        assert str(opened.table.get_row("stopped")[2]).strip() == "■ 50 %"
        await opened.pilot.resize_terminal(80, 24)
        await opened.pilot.pause()
        assert opened.home.query_one("#too-small").region.height == 0
        assert len(opened.table.columns) == 7
        assert opened.table.current == "stopped"


async def test_another_theme_redraws_the_rows(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        before = opened.table.get_row("failed")[2].spans
        opened.app.theme = "textual-light"
        await opened.pilot.pause()
        await opened.pilot.pause()
        assert opened.table.get_row("failed")[2].spans != before


# What one does


async def test_enter_opens_a_session_and_q_comes_back(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        for name in ("finished", "stopped", "running"):
            await opened.go_to(name)
            await opened.press("enter")
            screen = await opened.shown(WatchScreen)
            assert screen.session.name == name
            await opened.press("q")
            await opened.until(lambda: opened.app.screen is opened.home)


async def test_a_click_on_the_row_under_the_cursor_opens_it(tmp_path: Path) -> None:
    saved.finished(tmp_path, "a")
    saved.finished(tmp_path, "b")
    async with at_home(tmp_path) as opened:
        await opened.pilot.click(SessionsTable, offset=(5, 2))
        await opened.pilot.click(SessionsTable, offset=(5, 2))
        assert (await opened.shown(WatchScreen)).session.name == opened.names[1]


async def test_what_cannot_be_opened_says_why(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        await opened.go_to("damaged")
        await opened.press("enter")
        assert opened.app.screen is opened.home
        assert "config.toml" in opened.notice


@pytest.mark.parametrize("name", ["stopped", "interrupted", "failed"])
@pytest.mark.usefixtures("told")
async def test_r_goes_on_in_the_monitor_and_its_end_is_told(name: str, every_state: Path) -> None:
    async with at_home(every_state) as opened:
        await opened.go_to(name)
        await opened.press("r")
        monitor = await opened.shown(MonitorScreen)
        assert monitor.engine.session.name == name
        assert monitor.engine.control.pace == 250.0
        await opened.press("q")
        await opened.until(lambda: opened.app.screen is opened.home)
        await opened.until(lambda: opened.notice.startswith(f"{name}: Saved at"))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("finished", "is finished: f forks it"),
        ("running", "already being trained: Enter watches"),
        ("damaged", "config.toml"),
    ],
)
async def test_what_cannot_be_resumed_says_why(name: str, why: str, every_state: Path) -> None:
    async with at_home(every_state) as opened:
        await opened.go_to(name)
        await opened.press("r")
        assert why in opened.notice
        assert opened.app.screen is opened.home


async def test_data_that_are_missing_are_told_in_a_sentence(every_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(benchmark: str, data_dir: Path) -> None:
        raise BenchmarkError(f"{benchmark} is not in {data_dir}")

    monkeypatch.setattr(home_module, "prepare", refuse)
    async with at_home(every_state) as opened:
        await opened.go_to("stopped")
        await opened.press("r")
        await opened.until(lambda: opened.notice == "split-digits is not in data")
        assert opened.app.screen is opened.home


@pytest.mark.usefixtures("told")
async def test_a_session_of_a_missing_device_is_trained_on_what_is_there_after_asking(
    every_state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home_module, "device_problem", lambda config: f"device {config.device} is not available here")
    with_settings(Session.open(every_state, "stopped"), device="cuda")
    async with at_home(every_state) as opened:
        await opened.go_to("stopped")
        await opened.press("r")
        question = await opened.shown(ConfirmDialog)
        assert "device cuda is not available here" in str(question.query_one(Static).content)
        await opened.press("escape")
        assert opened.app.screen is opened.home
        await opened.press("r")
        await opened.shown(ConfirmDialog)
        await opened.press("y")
        monitor = await opened.shown(MonitorScreen)
        assert monitor.engine.session.config.device == "auto"


@pytest.mark.usefixtures("told")
async def test_slow_work_blocks_nothing_but_a_second_one(every_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr(home_module, "prepare", lambda benchmark, data_dir: go.wait(PATIENCE_SECONDS))
    async with at_home(every_state) as opened:
        await opened.go_to("stopped")
        await opened.press("r")
        assert opened.notice == "Preparing split-digits…"
        await opened.press("r")
        assert opened.notice == "Still busy: Preparing split-digits"
        go.set()
        await opened.shown(MonitorScreen)


@pytest.mark.usefixtures("told")
async def test_a_run_that_fails_in_the_monitor_is_told_at_home(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        await opened.go_to("stopped")
        await opened.press("r")
        monitor = await opened.shown(MonitorScreen)
        event = RunFailed(0, 0, 0.0, "the loss is nan", "the checkpoint at step 2000")
        monitor.engine.fail(NumericsError("the loss is nan"), event)
        await opened.shown(FailureDialog)
        await opened.press("escape", "q")
        await opened.until(lambda: opened.notice == "stopped: the loss is nan")
        assert (every_state / "stopped").exists()


async def test_f_forks_where_a_task_has_ended(every_state: Path) -> None:
    checkpoints = every_state / "finished" / "checkpoints"
    (checkpoints / "task-001-step-00001000.safetensors").touch()
    async with at_home(every_state) as opened:
        await opened.go_to("finished")
        await opened.press("f")
        await opened.shown(ForkDialog)
        await opened.press("escape")
        assert opened.app.screen is opened.home


@pytest.mark.parametrize(("name", "why"), [("stopped", "cannot be forked"), ("damaged", "config.toml")])
async def test_what_cannot_be_forked_says_why(name: str, why: str, every_state: Path) -> None:
    async with at_home(every_state) as opened:
        await opened.go_to(name)
        await opened.press("f")
        await opened.until(lambda: why in opened.notice)
        assert opened.app.screen is opened.home


async def test_space_marks_and_escape_takes_the_marks_away(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        first = opened.names[0]
        await opened.press("space", "space")
        assert opened.rows[first].startswith("●|")
        assert opened.table.cursor_row == 2
        assert "2 marked" in opened.said("#title")
        await opened.press("escape")
        assert not any(row.startswith("●") for row in opened.rows.values())
        await opened.press("escape")
        assert "q quits" in opened.notice


async def test_c_needs_two_whole_sessions(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        await opened.go_to("finished")
        await opened.press("space", "c")
        assert "Mark two sessions or more" in opened.notice
        await opened.go_to("damaged")
        await opened.press("space", "c")
        assert "damaged is damaged and cannot be compared" in opened.notice
        assert opened.app.screen is opened.home


async def test_c_compares_the_marked_ones(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        for name in ("finished", "stopped"):
            await opened.go_to(name)
            await opened.press("space")
        await opened.press("c")
        await opened.shown(CompareScreen)
        await opened.press("q")
        await opened.until(lambda: opened.app.screen is opened.home)
        assert "2 marked" in opened.said("#title")


async def test_m_renames(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        await opened.go_to("stopped")
        await opened.press("space")
        await opened.go_to("stopped")
        await opened.press("m")
        dialog = await opened.shown(NameDialog)
        dialog.query_one(Input).value = "better"
        await opened.press("enter")
        await opened.until(lambda: opened.rows.get("better", "").startswith("●|") and "stopped" not in opened.rows)
        assert (every_state / "better").is_dir()
        assert opened.table.current == "better"
        assert "1 marked" in opened.said("#title")


async def test_a_rename_that_is_too_late_is_told(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        await opened.go_to("stopped")
        await opened.press("m")
        dialog = await opened.shown(NameDialog)
        dialog.query_one(Input).value = "better"
        (every_state / "better").mkdir()
        await opened.press("enter")
        await opened.until(lambda: "session better already exists" in opened.notice)
        assert (every_state / "stopped").is_dir()


@pytest.mark.parametrize(
    ("name", "why"), [("../x", "use letters"), ("", "use letters"), ("finished", "Session finished already exists")]
)
async def test_a_name_that_cannot_be_is_told_at_once(name: str, why: str, every_state: Path) -> None:
    async with at_home(every_state) as opened:
        await opened.go_to("stopped")
        await opened.press("m")
        dialog = await opened.shown(NameDialog)
        dialog.query_one(Input).value = name
        await opened.press("enter")
        assert why in str(dialog.query_one("#problem", Static).content)
        assert opened.app.screen is dialog
        await opened.press("escape")
        assert (every_state / "stopped").is_dir()


@pytest.mark.parametrize("key", ["d", "delete"])
async def test_deleting_is_confirmed(key: str, every_state: Path) -> None:
    async with at_home(every_state) as opened:
        await opened.go_to("damaged")
        for no in ("n", "escape", "enter"):
            await opened.press(key)
            await opened.shown(ConfirmDialog)
            await opened.press(no)
            assert (every_state / "damaged").exists(), no
        await opened.press(key)
        await opened.shown(ConfirmDialog)
        await opened.press("y")
        await opened.until(lambda: "damaged" not in opened.rows)
        assert not (every_state / "damaged").exists()


async def test_the_marked_ones_are_deleted_together(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        for name in ("finished", "failed"):
            await opened.go_to(name)
            await opened.press("space")
        await opened.go_to("stopped")
        await opened.press("d")
        dialog = await opened.shown(ConfirmDialog)
        words = str(dialog.query_one(Static).content)
        assert "finished" in words
        assert "failed" in words
        await opened.press("tab", "enter")
        await opened.until(lambda: len(opened.rows) == 4)
        left = {path.name for path in every_state.iterdir() if not path.name.startswith(".")}
        assert left == {"stopped", "interrupted", "damaged", "running"}
        assert "2 marked" not in opened.said("#title")


@pytest.mark.parametrize(("key", "wish"), [("d", "deleted"), ("m", "renamed")])
async def test_what_trains_is_neither_deleted_nor_renamed(key: str, wish: str, every_state: Path) -> None:
    async with at_home(every_state) as opened:
        await opened.go_to("running")
        await opened.press(key)
        assert f"it cannot be {wish} until the training ends" in opened.notice
        assert opened.app.screen is opened.home


async def test_what_began_to_train_meanwhile_is_not_deleted(tmp_path: Path) -> None:
    session = saved.stopped(tmp_path, "run")
    async with at_home(tmp_path) as opened:
        await opened.press("d")
        await opened.shown(ConfirmDialog)
        with session.locked():
            await opened.press("y")
            await opened.until(lambda: "being trained by another process" in opened.notice)
        assert session.path.exists()


async def test_the_filter_finds_words_anywhere(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        await opened.press("slash", *"EWC spl")
        assert opened.names == ["interrupted"]
        assert "1 of 6 sessions" in opened.said("#title")
        await opened.press("enter")
        assert opened.app.focused is opened.table
        assert opened.names == ["interrupted"]
        await opened.press("escape")
        assert len(opened.names) == 6
        await opened.press("slash", *"nothing")
        assert "No session has all of these words" in opened.said("#nothing")
        await opened.press("escape")
        assert opened.app.focused is opened.table
        assert len(opened.names) == 6


async def test_o_sorts_by_each_order_in_turn(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        await opened.press("o")
        assert opened.names == sorted(opened.names)
        assert opened.notice == "Sorted by name"
        await opened.press("o")
        assert opened.names[:2] == ["interrupted", "running"]
        assert opened.names[-1] == "damaged"
        await opened.press("o")
        assert opened.names[0] == "running"
        assert opened.names[-2:] == ["finished", "damaged"]
        await opened.press("o")
        assert opened.names[0] == "running"
        assert opened.notice == "Sorted by newest"


def test_the_newest_come_first_and_those_that_train_before_them() -> None:
    listed = [
        Listed("old", "finished", 10.0, created=9.0),
        Listed("new", "finished", 20.0, created=1.0),
        Listed("first", "running", 40.0, created=5.0),
        Listed("second", "running", 30.0, created=6.0),
    ]
    assert [one.name for one in arranged(listed, "", "newest")] == ["second", "first", "new", "old"]


def test_a_sparkline_is_as_wide_as_it_may_be_and_knows_what_is_to_come() -> None:
    assert sparkline([], 5, 10) == "·····"
    assert sparkline([1.0] * 100, 100, 8) == "▇" * 8
    assert sparkline([1.0, 0.0], 2, 8) == "▇▁"
    assert sparkline([0.5] * 7, 7, 3) == "▄▄▄"


@pytest.mark.usefixtures("told")
async def test_n_opens_the_form_and_a_run_started_there_is_watched(tmp_path: Path) -> None:
    async with at_home(tmp_path / "sessions") as opened:
        await opened.press("n")
        await opened.shown(NewRunScreen)
        await opened.press("ctrl+r")
        monitor = await opened.shown(MonitorScreen)
        await opened.press("q")
        await opened.until(lambda: opened.app.screen is opened.home)
        await opened.until(lambda: opened.names == [monitor.engine.session.name])


async def test_read_only_only_shows(every_state: Path) -> None:
    async with at_home(every_state, read_only=True) as opened:
        await opened.go_to("stopped")
        for key in ("r", "f", "m", "d", "n"):
            await opened.press(key)
            assert "This screen is read-only" in opened.notice, key
            assert opened.app.screen is opened.home
        await opened.press("enter")
        await opened.shown(WatchScreen)


async def test_q_leaves_without_a_word(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        await opened.press("q")
    assert opened.app.return_value == ExitStatus(0, "")


@pytest.mark.usefixtures("told")
async def test_ctrl_c_in_a_monitor_leaves_the_program_and_tells_how_to_resume(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        await opened.go_to("stopped")
        await opened.press("r")
        await opened.shown(MonitorScreen)
        await opened.press("ctrl+c")
        await opened.until(lambda: opened.app.return_value is not None)
    ended = opened.app.return_value
    assert isinstance(ended, ExitStatus)
    assert ended.exit_code == 130
    assert "cl-tui resume stopped" in ended.message


async def test_every_key_is_in_the_help(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        await opened.press("question_mark")
        keys = helped(await opened.shown(HelpScreen))
        for binding in Binding.make_bindings(HomeScreen.BINDINGS):
            assert binding.tooltip, binding
            assert f"{opened.app.get_key_display(binding)}" in keys
            assert binding.tooltip in keys


async def test_steps_told_while_a_monitor_is_open_wait_until_one_is_back(
    every_state: Path, monkeypatch: pytest.MonkeyPatch, told: None
) -> None:
    looked: list[int] = []
    async with at_home(every_state) as opened:
        monkeypatch.setattr(HomeScreen, "read_folder", lambda home: looked.append(1))
        await opened.go_to("stopped")
        await opened.press("r")
        await opened.shown(MonitorScreen)
        opened.home._tick()
        assert looked == []
        await opened.press("q")
        await opened.until(lambda: opened.app.screen is opened.home)
        opened.home._tick()
        assert looked


# The command


def test_cl_tui_alone_opens_home_and_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    with Terminal([], tmp_path) as terminal:
        terminal.wait_for("Press n for a new run")
        terminal.send("q")
        assert terminal.wait_for_end() == 0
        assert terminal.restored
        printed = re.sub(rb"\x1b[\[>=][0-9;?<>=]*[a-zA-Z]?", b"", terminal.output.rpartition(b"\x1b[?1049l")[2])
        assert printed.strip() == b""


def test_home_shows_the_folder_that_is_named(tmp_path: Path) -> None:
    saved.finished(tmp_path / "elsewhere", "run")
    with Terminal(["--sessions-dir", "elsewhere"], tmp_path) as terminal:
        terminal.wait_for("run .*finished")
        terminal.send("ctrl+c")
        assert terminal.wait_for_end() == 0
        assert terminal.restored


def test_without_a_terminal_cl_tui_alone_prints_its_help(cl_tui: CommandLine) -> None:
    answer = cl_tui()
    assert answer.exit_code == 0
    assert "run" in answer.out
    assert "sessions" in answer.out


def test_sessions_dir_belongs_after_the_command(cl_tui: CommandLine) -> None:
    answer = cl_tui("--sessions-dir", "x", "methods")
    assert answer.exit_code == 2
    assert answer.err == "cl-tui: write --sessions-dir after methods, not before it\n"
