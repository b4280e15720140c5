"""Home, key by key, over sessions told from made-up events."""

import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, Static

from cl_tui.app.app import ClTui
from cl_tui.host import preferences
from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes.notice import Notice
from cl_tui.panes.sessions.preview import PreviewPane
from cl_tui.panes.sessions.recipes import RecipesPane
from cl_tui.panes.sessions.table import SessionsTable
from cl_tui.reports import session_facts
from cl_tui.screens import home as home_module
from cl_tui.screens import session_actions as actions_module
from cl_tui.screens import training as training_module
from cl_tui.screens.compare import CompareScreen
from cl_tui.screens.dialogs import ConfirmDialog, FailureDialog, NameDialog
from cl_tui.screens.fork import ForkDialog
from cl_tui.screens.help import HelpScreen
from cl_tui.screens.home import HomeScreen
from cl_tui.screens.keys_here import declared
from cl_tui.screens.monitor import MonitorScreen
from cl_tui.screens.new_run import NewRunScreen
from cl_tui.screens.watch import WatchScreen
from engine.catalog.recipes import RECIPES
from engine.errors import BenchmarkError, NumericsError
from engine.record.events import RunFailed, RunForked
from engine.sessions.listing import Listed, each_session
from engine.sessions.notes import Notes, read_notes
from engine.sessions.session import Session
from engine.settings.run import resolve
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
        """Each row in one line, by session; of several by the first of them."""
        table, shown = self.table, self.table._shown
        columns, palette = table._columns(), table._palette()
        lines = (
            (shown.places[place].row, table._line(shown.places[place], columns, 200, palette, False))
            for place in shown.rows
        )
        return {
            row.key: " ".join("".join(segment.text for segment in line).split())
            for row, line in lines
            if row is not None
        }

    @property
    def names(self) -> list[str]:
        return [row.key for row in self.table.rows]

    @property
    def headings(self) -> list[str]:
        return [column.name for column, _ in self.table._columns()]

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
    saved.stopped(folder, "stopped", strength=10.0)
    saved.interrupted(folder, "interrupted", method="ewc")
    saved.failed(folder, "failed", message="[red]loss[/] is nan \x1b[2J", method="l2")
    saved.damaged(folder, "damaged")
    with saved.interrupted(folder, "running", until=500, method="mas").locked():
        yield folder


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Monitors opened from here follow an engine that trains nothing."""
    monkeypatch.setattr(training_module, "EngineThread", lambda session, pace: ToldEngine(session, None, pace))


# What one sees


async def test_every_state_is_shown_with_how_far_it_is(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        assert opened.rows["finished"].startswith("✔ si c 1 ───")
        assert " 1 95.0 " in opened.rows["finished"]
        assert opened.rows["stopped"].startswith("■ si c 10 50 % ")
        assert opened.rows["stopped"].endswith("97.0 2.0 95 97 99 · ·")
        assert opened.rows["interrupted"].startswith("⚠ ewc λ 1000 ───")
        assert opened.rows["failed"].startswith("✖ l2 λ 0.1 50 %")
        assert opened.rows["damaged"].startswith("✖ damaged")
        assert opened.rows["running"].startswith("▶ mas λ 0.1 10 %")
        assert opened.names[0] == "running"
        assert opened.names[-1] == "damaged"
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
    async with at_home(every_state, (118, 24)) as opened:
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
        saved.finished(tmp_path, f"run-{number}", strength=float(number))
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
            assert opened.rows["run"].startswith("▶ si c 1 17 %")
            saved.tell(session, *events[20:64])
            await opened.look()
            assert opened.rows["run"].startswith("▶ si c 1 48 %")
            saved.tell(session, *events[64:])
            session.write_summary(session.history())
            await opened.look()
            assert opened.rows["run"].startswith("✔ si c 1")


async def test_sessions_that_come_and_go_leave_the_cursor_where_it_is(tmp_path: Path) -> None:
    for strength, name in enumerate("abc"):
        saved.finished(tmp_path, name, strength=float(strength))
    async with at_home(tmp_path) as opened:
        await opened.go_to("b")
        saved.finished(tmp_path, "d", strength=7.0)
        await opened.look()
        assert len(opened.names) == 4
        assert opened.home.current is not None
        assert opened.home.current.name == "b"
        await opened.press("space")
        saved_path = tmp_path / opened.names[0]
        saved_path.rename(tmp_path.parent / "elsewhere")
        await opened.look()
        assert len(opened.names) == 3


@pytest.mark.usefixtures("told")
async def test_an_empty_folder_offers_three_recipes_with_their_results(tmp_path: Path) -> None:
    async with at_home(tmp_path / "none") as opened:
        recipes = opened.home.query_one(RecipesPane)
        told = "\n".join(recipes.render_line(y).text for y in range(recipes.size.height))
        assert "average 42 %   lost 72 points   last task 100 %" in told
        assert "average 65 %   lost 43 points   last task 99 %" in told
        assert "average 60 %   lost 25 points   last task 36 %" in told
        for recipe in RECIPES:
            assert session_facts.command(resolve(recipe.settings), Path()) in told
        for key in ("r", "F", "a", "N", "m", "d", "space"):
            await opened.press(key)
            assert "There is no session to" in opened.notice, key
        await opened.press("down", "enter")
        monitor = await opened.shown(MonitorScreen)
        assert monitor.engine.session.config == resolve(RECIPES[1].settings)
        await opened.press("q")
        await opened.until(lambda: len(opened.names) == 1)
        assert not recipes.display
        assert opened.app.focused is opened.table


@pytest.mark.usefixtures("told")
async def test_a_number_starts_a_recipe(tmp_path: Path) -> None:
    async with at_home(tmp_path, (160, 48)) as opened:
        await opened.press("3")
        assert (await opened.shown(MonitorScreen)).engine.session.config.strength == 1e5


async def test_a_folder_that_may_not_be_looked_into_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path, earlier: Mapping[str, Listed]) -> Iterator[Listed]:
        raise PermissionError(13, "Permission denied", str(folder))
        yield

    monkeypatch.setattr(home_module, "each_session", refuse)
    async with at_home(tmp_path) as opened:
        assert opened.said("#nothing") == f"{tmp_path}: Permission denied"


WIDE = ["method", "dots", "seeds", "accuracy", "forgetting", "tasks", "age"]


@pytest.mark.parametrize(
    ("size", "headings"),
    [
        ((40, 12), ["method", "seeds", "accuracy"]),
        ((60, 12), ["method", "dots", "accuracy", "tasks"]),
        ((80, 24), ["method", "dots", "seeds", "accuracy", "forgetting", "tasks"]),
        ((110, 30), WIDE),
        ((120, 30), ["method", "dots", "accuracy", "forgetting", "tasks"]),
        ((200, 50), WIDE),
    ],
)
async def test_a_wider_terminal_shows_more_columns(
    size: tuple[int, int], headings: list[str], every_state: Path
) -> None:
    async with at_home(every_state, size) as opened:
        assert opened.headings == headings
        for y in range(opened.table.size.height):
            assert opened.table.render_line(y).cell_length == opened.table.size.width
        assert bool(opened.home.query_one(PreviewPane).region) == (size[0] >= 120)


async def test_it_follows_the_terminal_s_size(every_state: Path) -> None:
    async with at_home(every_state, (200, 50)) as opened:
        await opened.go_to("stopped")
        await opened.pilot.resize_terminal(31, 12)
        await opened.pilot.pause()
        assert opened.home.query_one("#too-small").region.height > 0
        assert opened.table.region.height == 0
        await opened.pilot.resize_terminal(80, 24)
        await opened.pilot.pause()
        assert opened.home.query_one("#too-small").region.height == 0
        assert len(opened.headings) == 6
        assert opened.home.current is not None
        assert opened.home.current.name == "stopped"


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
    saved.finished(tmp_path, "b", strength=2.0)
    async with at_home(tmp_path) as opened:
        await opened.pilot.click(SessionsTable, offset=(8, 3))
        await opened.pilot.click(SessionsTable, offset=(8, 3))
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
        ("finished", "is finished: F forks it"),
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

    monkeypatch.setattr(actions_module, "prepare", refuse)
    async with at_home(every_state) as opened:
        await opened.go_to("stopped")
        await opened.press("r")
        await opened.until(lambda: opened.notice == "split-digits is not in data")
        assert opened.app.screen is opened.home


@pytest.mark.usefixtures("told")
async def test_a_session_of_a_missing_device_is_trained_on_what_is_there_after_asking(
    every_state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        actions_module, "device_problem", lambda config: f"device {config.device} is not available here"
    )
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
    monkeypatch.setattr(actions_module, "prepare", lambda benchmark, data_dir: go.wait(PATIENCE_SECONDS))
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


async def test_capital_f_forks_where_a_task_has_ended(every_state: Path) -> None:
    checkpoints = every_state / "finished" / "checkpoints"
    (checkpoints / "task-001-step-00001000.safetensors").touch()
    async with at_home(every_state) as opened:
        await opened.go_to("finished")
        await opened.press("F")
        await opened.shown(ForkDialog)
        await opened.press("escape")
        assert opened.app.screen is opened.home


@pytest.mark.parametrize(("name", "why"), [("stopped", "cannot be forked"), ("damaged", "config.toml")])
async def test_what_cannot_be_forked_says_why(name: str, why: str, every_state: Path) -> None:
    async with at_home(every_state) as opened:
        await opened.go_to(name)
        await opened.press("F")
        await opened.until(lambda: why in opened.notice)
        assert opened.app.screen is opened.home


async def test_space_marks_and_escape_takes_the_marks_away(every_state: Path) -> None:
    async with at_home(every_state) as opened:
        first = opened.names[0]
        await opened.press("space", "space")
        assert opened.rows[first].startswith("●▶")
        assert opened.home.row is opened.table.rows[2]
        assert "2 marked" in opened.said("#title")
        await opened.press("escape")
        assert not any("●▶" in row for row in opened.rows.values())
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
        await opened.until(lambda: opened.rows.get("better", "").startswith("●■") and "stopped" not in opened.rows)
        assert (every_state / "better").is_dir()
        assert opened.home.current is not None
        assert opened.home.current.name == "better"
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
        assert "No session fits the filter" in opened.said("#nothing")
        await opened.press("escape")
        assert opened.app.focused is opened.table
        assert len(opened.names) == 6


async def test_o_sorts_inside_a_block_and_a_click_on_a_heading_too(tmp_path: Path) -> None:
    for name, strength in (("b", 5.0), ("a", 1.0), ("c", 3.0)):
        saved.finished(tmp_path, name, strength=strength)
    saved.finished(tmp_path, "other", benchmark="permuted-digits")
    async with at_home(tmp_path) as opened:
        assert opened.names[0] == "other", "the newest block comes first"
        while "by method" not in opened.said("#title"):
            await opened.press("o")
        assert opened.names == ["other", "b", "c", "a"]
        await opened.press("O")
        assert opened.names == ["other", "a", "c", "b"]
        assert opened.notice == "Sorted by method inside each block, reversed"
        await opened.pilot.click(SessionsTable, offset=(9, 0))
        assert opened.names == ["other", "b", "c", "a"]
        await opened.pilot.click(SessionsTable, offset=(9, 0))
        assert opened.names == ["other", "a", "c", "b"]


async def test_seeds_are_one_row_that_unfolds(tmp_path: Path) -> None:
    for seed in (2, 0, 1):
        saved.finished(tmp_path, f"run-{seed}", seed=seed)
    async with at_home(tmp_path) as opened:
        assert list(opened.rows) == ["run-0 and others"]
        assert " 3 95.0 ± 0.0 " in opened.rows["run-0 and others"]
        await opened.press("left")
        assert opened.notice == "There is nothing to fold here"
        await opened.press("right")
        assert opened.names == ["run-0 and others", "run-0", "run-1", "run-2"]
        assert opened.rows["run-1"].startswith("├ seed 1 ")
        await opened.press("down", "down", "left")
        assert opened.home.row is opened.table.rows[0], "the row above"
        await opened.press("space", "up", "left")
        assert "3 marked" in opened.said("#title")
        assert len(opened.names) == 1
        await opened.press("enter")
        assert len(opened.names) == 4, "Enter unfolds, too"
        await opened.press("enter")
        assert (await opened.shown(WatchScreen)).session.name == "run-0"


async def test_a_fork_stands_below_what_it_was_forked_from(tmp_path: Path) -> None:
    saved.finished(tmp_path, "parent")
    for name, parent in (("child", "parent"), ("grandchild", "child"), ("orphan", "gone")):
        session = saved.finished(tmp_path, name, strength=10.0)
        history = session.history()
        history.forked = RunForked(0.0, 2000, parent, 1)
        session.write_summary(history)
    async with at_home(tmp_path) as opened:
        tree = opened.names[opened.names.index("parent") :][:3]
        assert tree == ["parent", "child", "grandchild"]
        assert opened.rows["child"].startswith("▾ └ 2 → si c 10 ")
        assert "orphan" in opened.names
        await opened.go_to("grandchild")
        await opened.press("a")
        assert opened.notice == "grandchild is a fork: F forks child once more"


@pytest.mark.usefixtures("told")
async def test_a_trains_the_same_with_the_next_seed(tmp_path: Path) -> None:
    for seed in (0, 4):
        saved.finished(tmp_path, f"run-{seed}", seed=seed)
    async with at_home(tmp_path) as opened:
        await opened.press("a")
        monitor = await opened.shown(MonitorScreen)
        assert monitor.engine.session.config == Session.open(tmp_path, "run-0").config.changed(seed=5)


async def test_a_note_tags_and_a_pin_are_written_and_found(tmp_path: Path) -> None:
    saved.finished(tmp_path, "best", strength=2.0)
    saved.finished(tmp_path, "pinned")
    async with at_home(tmp_path, (120, 40)) as opened:
        await opened.go_to("pinned")
        await opened.press("N", *"as expected", "tab", *"paper", "tab", "space", "ctrl+s")
        await opened.until(lambda: read_notes(tmp_path / "pinned") == Notes("as expected", ("paper",), pinned=True))
        await opened.until(lambda: opened.names == ["pinned", "best"])
        assert opened.rows["pinned"].startswith("↑✔")
        preview = opened.home.query_one(PreviewPane)
        assert "as expected" in "".join(preview.render_line(y).text for y in range(preview.size.height))
        await opened.press("slash", *"tag:paper acc>")
        assert opened.names == ["pinned"]
        assert opened.notice == "acc>: a number is missing; write acc>95, for example"


async def test_columns_are_chosen_and_remembered(tmp_path: Path) -> None:
    saved.finished(tmp_path, "run")
    async with at_home(tmp_path, (110, 24)) as opened:
        await opened.press("v", "space", "ctrl+s")
        assert "session" in opened.headings
        assert opened.rows["run"].startswith("✔ si c 1 run ")
        assert "session" in preferences.load()[0].home_columns


async def test_the_preview_shows_what_the_log_tells(tmp_path: Path) -> None:
    saved.finished(tmp_path, "run")
    saved.finished(tmp_path, "bare", method="none")
    async with at_home(tmp_path, (160, 48)) as opened:
        await opened.go_to("run")
        preview = opened.home.query_one(PreviewPane)

        def told() -> str:
            return "\n".join(preview.render_line(y).text for y in range(preview.size.height))

        assert "against none, points" in told()
        await opened.until(lambda: "none 95" in told())
        assert "Accuracy over time" in told()
        assert "none yet; N writes one" in told()
        assert len(preview._known) >= 1


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
        for key in ("r", "F", "a", "N", "m", "d", "n"):
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
        for binding in declared(HomeScreen):
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
        terminal.wait_for("What does it forget")
        terminal.send("q")
        assert terminal.wait_for_end() == 0
        assert terminal.restored
        printed = re.sub(rb"\x1b[\[>=][0-9;?<>=]*[a-zA-Z]?", b"", terminal.output.rpartition(b"\x1b[?1049l")[2])
        assert printed.strip() == b""


def test_home_shows_the_folder_that_is_named(tmp_path: Path) -> None:
    saved.finished(tmp_path / "elsewhere", "run")
    with Terminal(["--sessions-dir", "elsewhere"], tmp_path) as terminal:
        terminal.wait_for("si c 1 .*95.0")
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
