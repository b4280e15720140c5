"""The monitor, key by key, beside an engine that only says what a test wants to hear."""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.content import Content
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from cl_tui.app.app import ClTui
from cl_tui.host import preferences
from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes import notice as warning_module
from cl_tui.panes.accuracy.pane import AccuracyPane
from cl_tui.panes.base import Pane
from cl_tui.panes.header import HeaderLine
from cl_tui.panes.importance.pane import ImportancePane
from cl_tui.panes.loss.pane import CurvesPane
from cl_tui.panes.notice import HIGH, Notice, WarningLine
from cl_tui.panes.tasks.pane import TasksPane
from cl_tui.reports import text as words
from cl_tui.screens import monitor as monitor_module
from cl_tui.screens.dialogs import FailureDialog
from cl_tui.screens.monitor import MonitorScreen
from cl_tui.screens.panes import BYTES_A_SECOND, SELDOM_SECONDS
from cl_tui.screens.strength import StrengthDialog
from engine.errors import NumericsError, SessionError
from engine.record.events import RunFailed, RunResumed, Saved, StepsTaken, StrengthChanged, TaskEnded, TaskStarted
from engine.record.history import History
from engine.sessions.log import line
from engine.training.control import NOTHING, Requests
from engine.training.runner import EngineThread
from tests import screen_data
from tests.first_screens import helped
from tests.screen_data import ToldEngine
from tests.told import curve
from tests.waiting import on_screen


class Watched:
    """An open monitor and its engine."""

    def __init__(self, app: ClTui, engine: ToldEngine, pilot: Pilot[Any]) -> None:
        self.app = app
        self.engine = engine
        self.pilot = pilot

    @property
    def monitor(self) -> MonitorScreen:
        assert isinstance(self.app.first, MonitorScreen)
        return self.app.first

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def settle(self) -> None:
        """Until what the engine has told is on the screen."""
        await self.pilot.pause()
        if self.app.is_running and self.app.screen is self.monitor:
            self.monitor.poll()
            self.monitor.redraw()
        await self.pilot.pause()

    def text(self, widget: type[Pane]) -> str:
        pane = self.monitor.query_one(widget)
        return "\n".join(pane.render_line(y).text for y in range(pane.size.height))

    @property
    def header(self) -> str:
        return str(self.monitor.query_one(HeaderLine).content)

    @property
    def notice(self) -> str:
        return str(self.monitor.query_one(Notice).content)

    @property
    def warning(self) -> str:
        line = self.monitor.query_one(WarningLine)
        assert line.display == (bool(line.content) or self.app.size.height >= HIGH)
        return str(line.content)


@asynccontextmanager
async def watching(
    folder: Path,
    known: History | None = None,
    size: tuple[int, int] = (80, 24),
    pace: float | None = None,
    **settings: Any,
) -> AsyncIterator[Watched]:
    session = screen_data.session(folder, **settings)
    engine = ToldEngine(session, screen_data.history(2500) if known is None else known, pace)
    app = ClTui(MonitorScreen(engine, pace))
    async with app.run_test(size=size) as pilot:
        watched = Watched(app, engine, pilot)
        await watched.settle()
        yield watched


async def test_the_first_frame_is_painted_before_the_engine_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def start(engine: ToldEngine) -> None:
        seen.append(str(app.first.query_one(HeaderLine).content))

    monkeypatch.setattr(ToldEngine, "start", start)
    session = screen_data.session(tmp_path)
    engine = ToldEngine(session)
    engine.control.activity = "loading PyTorch"
    app = ClTui(MonitorScreen(engine, None))
    async with app.run_test(size=(80, 24)) as pilot:
        await on_screen(pilot, lambda: seen)
    assert len(seen) == 1
    assert seen[0].endswith("◌ loading PyTorch")


@pytest.mark.parametrize("size", [(80, 24), (60, 18), (160, 48)])
async def test_all_four_panes_are_readable(tmp_path: Path, size: tuple[int, int]) -> None:
    async with watching(tmp_path, size=size) as watched:
        assert "✔ 1 0 8" in watched.text(TasksPane)
        assert "\nnow " in watched.text(AccuracyPane)
        assert re.search("L |loss", watched.text(CurvesPane))
        assert "5,000 steps" in watched.text(CurvesPane)
        assert "fc1.wei" in watched.text(ImportancePane)


async def test_a_slow_terminal_is_redrawn_when_it_has_got_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(tmp_path) as watched:
        monitor, before = watched.monitor, watched.monitor.view
        monkeypatch.setattr(ClTui, "written", BYTES_A_SECOND * SELDOM_SECONDS)
        watched.engine.tell(Saved(2500, 0.0, "x"))
        monitor.poll()
        assert monitor.view is before
        monitor._drawn_at -= SELDOM_SECONDS
        monitor.poll()
        assert monitor.view is not before


async def test_of_a_line_of_text_only_parts_that_differ_are_painted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(tmp_path) as watched:
        painted: list[Region] = []
        monkeypatch.setattr(Widget, "refresh", lambda self, *regions, **how: painted.extend(regions))
        line = watched.monitor.query_one(HeaderLine)
        line.put(Content.assemble("task 3 of 5, ", ("1.00", "bold"), " lost"), layout=False)
        line._render_content()
        painted.clear()
        line.put(Content.assemble("task 3 of 5, ", ("2.00", "bold"), " lost"), layout=False)
        assert painted == [Region(13, 0, 4, 1)]


async def test_news_of_the_engine_reach_every_pane(tmp_path: Path) -> None:
    async with watching(tmp_path, known=screen_data.history(900)) as watched:
        assert "· " in watched.text(AccuracyPane)
        watched.engine.known = screen_data.history(1500)
        await watched.settle()
        assert "✔ 1" in watched.text(TasksPane)
        assert "\nnow " in watched.text(AccuracyPane)
        assert "Task 1 learned: 99.0 %" in watched.notice
        pane = watched.monitor.query_one(ImportancePane)
        assert pane.border_subtitle == "after task 1"


async def test_space_pauses_and_continues(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await watched.press("space")
        assert watched.engine.control.paused
        assert "⏸" in watched.header
        assert "paused" in watched.header
        assert "space continues" in watched.notice
        await watched.press("space")
        assert not watched.engine.control.paused
        assert "▶" in watched.header


async def test_s_saves(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await watched.press("s")
        assert watched.engine.control.take_requests() == Requests(save=True)
        assert "Saving" in watched.notice
        watched.engine.tell(Saved(2500, 0.0, "x"))
        await watched.settle()
        assert watched.notice == "Saved at step 2,500"


async def test_s_says_when_there_is_nothing_to_save(tmp_path: Path) -> None:
    async with watching(tmp_path, known=History()) as watched:
        await watched.press("s")
        assert watched.engine.control.take_requests() == NOTHING
        assert "Nothing to save yet" in watched.notice


@pytest.mark.parametrize("key", ["space", "s", "f"])
async def test_after_the_end_a_steering_key_says_why_it_does_nothing(tmp_path: Path, key: str) -> None:
    async with watching(tmp_path, known=screen_data.history()) as watched:
        await watched.press(key)
        assert "The run is finished" in watched.notice
        assert not watched.engine.control.paused


STEERING = {"Pause", "Continue", "Save", "Strength", "Full speed", "Slow", "Evaluate", "Break", "End task"}


async def test_a_finished_run_offers_no_key_that_steers_it(tmp_path: Path) -> None:
    """Neither in the footer, nor in the palette, nor in the help, also if that was open before."""
    async with watching(tmp_path, known=screen_data.history(4950), pace=20.0) as watched:
        footer = watched.monitor.query_one(Footer)

        def offered() -> set[str]:
            return {active.binding.description for active in watched.monitor.active_bindings.values()}

        async def help_now() -> str:
            await watched.press("question_mark")
            text = helped(watched.app.screen)
            await watched.press("escape")
            return text

        assert offered() & STEERING == STEERING - {"Continue", "Slow"}
        assert "Strength" in {key.description for key in footer.query(FooterKey)}
        assert "Short futures at other strengths" in await help_now()
        watched.engine.known = screen_data.history()
        await watched.settle()
        await watched.press("escape")  # leaves the card
        assert not offered() & STEERING
        await watched.pilot.pause()
        left = {"Zoom", "Quit", "Share", "Help", "Palette", "Result"}
        assert {key.description for key in footer.query(FooterKey)} == left
        told = await help_now()
        assert "Short futures at other strengths" not in told
        assert "Pause" not in told
        assert "Copy the pane's data" in told


async def test_a_method_without_a_penalty_offers_no_strength(tmp_path: Path) -> None:
    async with watching(tmp_path, method="none") as watched:
        assert "strength" not in {active.binding.action for active in watched.monitor.active_bindings.values()}


@pytest.mark.parametrize(("width", "where"), [(60, "⏸ after 2/5"), (160, "⏸ after task 2 of 5")])
async def test_at_a_break_header_tasks_and_x_agree_which_task_it_is(tmp_path: Path, width: int, where: str) -> None:
    known = screen_data.history(2000)
    for event in screen_data.events():
        if isinstance(event, TaskEnded) and event.task == 1:
            known = known.apply(event)
    async with watching(tmp_path, known=known, size=(width, 24)) as watched:
        watched.engine.control.pause()
        await watched.settle()
        assert where in watched.header
        assert not any(line.startswith(("⏸", "▶")) for line in watched.text(TasksPane).splitlines())
        await watched.press("x")
        assert watched.notice == "No task to end: task 2 has ended, and task 3 has not begun"
        assert words.progress(known) == "step 2,000 of 5,000, after task 2 of 5"
        watched.engine.tell(TaskStarted(2, 2000), StepsTaken(2010, 5.0, (0.1,) * 10, (0.1,) * 10))
        await watched.settle()
        assert where.replace("after task 2", "task 3").replace("after 2", "3") in watched.header
        await watched.press("x")
        assert "end task 3" in watched.notice


async def test_a_zoom_is_of_this_start(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await watched.press("n", "z")
        assert watched.monitor.maximized is not None
    async with watching(tmp_path / "again") as watched:
        assert watched.monitor.maximized is None


async def test_a_resumed_run_shows_the_strength_in_force_at_once(tmp_path: Path) -> None:
    session = screen_data.session(tmp_path)
    log, turned = b"", (StrengthChanged(1000, 0.0, 1.0, 7.5), StrengthChanged(1900, 0.0, 7.5, 9.0))
    for event in (*screen_data.events(tasks=2), *turned):
        log += line(event, len(log))
    session.events_path.write_bytes(log)
    for step, strength in ((500, 1), (1000, 7.5), (1800, 7.5), (1900, 9)):
        session.write_checkpoint(Path.touch, step)
        monitor = MonitorScreen(EngineThread(session), None)
        assert monitor.current_view().strength == strength
        assert monitor.current_view().loading


@pytest.mark.parametrize("key", ["z", "enter"])
async def test_the_focused_pane_zooms_and_comes_back(tmp_path: Path, key: str) -> None:
    async with watching(tmp_path) as watched:
        await watched.press("n", key)
        accuracy = watched.monitor.query_one(AccuracyPane)
        assert watched.monitor.maximized is accuracy
        assert accuracy.size.width > 70
        assert watched.monitor.query_one(HeaderLine).size.height == 1
        await watched.press(key)
        assert watched.monitor.maximized is None
        assert accuracy.size.width < 40
        assert "\nnow " in watched.text(AccuracyPane)


async def test_keys_typed_faster_than_the_screen_follows_mean_the_same(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        watched.monitor.action_next_pane(1)
        watched.monitor.action_zoom()
        await watched.settle()
        assert isinstance(watched.monitor.maximized, AccuracyPane)


async def test_escape_backs_out_of_the_zoom_only(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await watched.press("z", "escape")
        assert watched.monitor.maximized is None
        await watched.press("escape")
        assert "q quits" in watched.notice
        assert watched.app.is_running


async def test_the_next_pane_in_a_zoom_zooms_that_one(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await watched.press("z", "tab")
        assert isinstance(watched.monitor.maximized, AccuracyPane)
        assert "\nnow " in watched.text(AccuracyPane)


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("tab", (AccuracyPane, CurvesPane, ImportancePane, TasksPane)),
        ("n", (AccuracyPane, CurvesPane, ImportancePane, TasksPane)),
        ("shift+tab", (ImportancePane, CurvesPane, AccuracyPane, TasksPane)),
    ],
)
async def test_keys_walk_through_the_panes(tmp_path: Path, key: str, order: tuple[type[Pane], ...]) -> None:
    async with watching(tmp_path) as watched:
        assert isinstance(watched.app.focused, TasksPane)
        for pane in order:
            await watched.press(key)
            assert isinstance(watched.app.focused, pane)


async def test_a_double_click_zooms(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await watched.pilot.double_click(CurvesPane)
        await watched.settle()
        assert isinstance(watched.monitor.maximized, CurvesPane)


async def test_f_switches_between_slow_motion_and_full_speed(tmp_path: Path) -> None:
    async with watching(tmp_path, pace=123.0) as watched:
        assert re.search(r"slow (motion )?123/s", watched.header)
        await watched.press("f")
        assert watched.engine.control.pace is None
        assert "slow" not in watched.header
        await watched.press("f")
        assert watched.engine.control.pace == 123.0


async def test_a_theme_is_seen_before_it_is_chosen(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        before = watched.app.theme
        await watched.press("T", "down")
        assert watched.app.theme != before
        await watched.press("escape")
        assert watched.app.theme == before
        await watched.press("T", "down", "enter")
        assert watched.app.theme != before
        assert watched.app.theme in watched.notice
        assert preferences.load()[0].theme == watched.app.theme


async def test_dark_light_and_sixteen_colour_themes_draw_the_panes(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        for theme in ("textual-dark", "textual-light", "ansi-dark"):
            watched.app.theme = theme
            await watched.settle()
            assert "99.0" in watched.text(AccuracyPane)


async def test_help_lists_every_key_and_closes(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await watched.press("question_mark")
        keys = helped(watched.app.screen)
        for key in ("space", "s ", "z", "esc", "n tab", "f ", "T ", "?", "q ^c", "^p"):
            assert f"\n{key}" in f"\n{keys}", key
        await watched.press("escape")
        assert watched.app.screen is watched.monitor


async def test_the_palette_offers_every_action(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        offered = [command.title for command in watched.app.get_system_commands(watched.monitor)]
        assert {"Pause", "Save", "Zoom", "Next pane", "Slow", "Theme", "Help", "Quit", "Screenshot"} <= set(offered)
        helps = [command.help for command in watched.app.get_system_commands(watched.monitor)]
        assert "Save, quit, and print the command that resumes" in helps
        assert len(set(offered)) == len(offered), "no command twice"
        await watched.press("ctrl+p")
        assert watched.app.screen is not watched.monitor
        await watched.press("escape")
        assert watched.app.screen is watched.monitor


async def test_arrows_pan_where_there_are_many_tasks(tmp_path: Path) -> None:
    async with watching(tmp_path, known=screen_data.history(4050, tasks=60, steps=100)) as watched:
        assert "▶ 41" in watched.text(TasksPane)
        await watched.press("down")
        assert "✔  2 " in watched.text(TasksPane)
        assert "▶ 41" not in watched.text(TasksPane)
        await watched.press("home")
        assert "▶ 41" in watched.text(TasksPane)


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
async def test_quitting_saves_and_tells_how_to_resume(tmp_path: Path, key: str) -> None:
    async with watching(tmp_path) as watched:
        await watched.press(key)
        await on_screen(watched.pilot, lambda: watched.app.return_value is not None)
    assert watched.engine.control.stopping
    found = watched.app.return_value
    assert isinstance(found, ExitStatus)
    assert found.exit_code == 130
    assert found.message.splitlines() == [
        "Saved at step 2,500 of 5,000, in task 3 of 5.",
        f"To continue: cl-tui resume calm-otter --sessions-dir {tmp_path / 'sessions'}",
    ]


async def test_quitting_while_loading_leaves_at_once(tmp_path: Path) -> None:
    async with watching(tmp_path, known=History()) as watched:
        watched.engine.obedient = False
        await watched.pilot.press("q")
    assert watched.app.return_value is not None
    assert watched.app.return_value.exit_code == 130
    assert "before any training" in watched.app.return_value.message


async def test_an_engine_that_does_not_stop_is_left_with_a_second_q(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_module, "PATIENCE_SECONDS", 0.0)
    async with watching(tmp_path) as watched:
        watched.engine.obedient = False
        await watched.press("q")
        assert watched.app.is_running
        assert "q quits at once" in watched.notice
        await watched.pilot.press("q")
    assert watched.app.return_value is not None
    assert watched.app.return_value.exit_code == 130
    assert "kept: the checkpoint at step 2,000" in watched.app.return_value.message


async def test_the_result_stays_in_words(tmp_path: Path) -> None:
    async with watching(tmp_path, known=screen_data.history()) as watched:
        words = "Finished in 10 s: average accuracy 95.0 %, forgetting 5.0 points"
        assert watched.notice == words, "without the worst task, for which the line is too short"
        assert "✔" in watched.header
        await watched.press("q")
    assert watched.app.return_value == ExitStatus(0, f"{words} (worst: task 1, 8.0).")


async def test_a_failure_says_what_where_and_what_is_kept(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        message = "the loss became nan at step 2500, in task 3: start again with a lower --lr"
        watched.engine.fail(NumericsError(message), RunFailed(2500, 2, 0.0, message, "the checkpoint at step 2000"))
        await watched.settle()
        assert isinstance(watched.app.screen, FailureDialog)
        told = "\n".join(str(widget.content) for widget in watched.app.screen.query("Static"))  # type: ignore[attr-defined]
        assert message in told
        assert "step 2,500 of 5,000, in task 3 of 5" in told
        assert "checkpoint at step 2000" in told
        await watched.pilot.press("escape")
        await watched.settle()
        assert "✖" in watched.header
        await watched.press("q")
    found = watched.app.return_value
    assert found is not None
    assert found.exit_code == 1
    assert found.message.startswith(message)


async def test_a_zero_penalty_is_warned_of(tmp_path: Path) -> None:
    known = screen_data.history(2500)
    silent = curve(known.curve.losses().tolist(), [0.0] * known.curve.length)
    async with watching(tmp_path, known=replace(known, curve=silent)) as watched:
        assert watched.warning.startswith("▲ the penalty is exactly zero in task 3")


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (160, 48)])
async def test_an_answer_to_a_key_leaves_the_warning_and_goes_after_three_seconds(
    tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = screen_data.history(2500)
    silent = curve(known.curve.losses().tolist(), [0.0] * known.curve.length)
    async with watching(tmp_path, known=replace(known, curve=silent), size=size) as watched:
        warning = watched.warning
        for key, answer in (("s", "Sav"), ("space", "Paused"), ("z", ""), ("b", "A break")):
            await watched.press(key)
            assert answer in watched.notice
            assert watched.warning == warning, key
        monkeypatch.setattr(warning_module, "REPLY_SECONDS", 0.01)
        await watched.press("b")
        while "breaks" in watched.notice:
            await watched.pilot.pause(0.01)
        assert watched.warning == warning


async def test_a_resumed_run_says_so(tmp_path: Path) -> None:
    async with watching(tmp_path, known=History()) as watched:
        watched.engine.known = screen_data.history(2500).apply(RunResumed(0.0, 2500, "cpu", "torch 2.6 → 2.7"))
        await watched.settle()
        assert watched.notice == "Resumed at step 2,500 (torch 2.6 → 2.7)"


async def test_a_tiny_terminal_gets_one_sentence(tmp_path: Path) -> None:
    async with watching(tmp_path, size=(50, 12)) as watched:
        sentence = watched.monitor.query_one("#too-small")
        assert sentence.display
        assert not watched.monitor.query_one("#panes").display
        await watched.pilot.resize_terminal(100, 30)
        await watched.settle()
        assert not sentence.display
        assert "✔ 1" in watched.text(TasksPane)


@pytest.mark.parametrize("small", [(40, 12), (28, 24)])
async def test_a_zoomed_pane_gives_way_to_the_sentence_and_comes_back(tmp_path: Path, small: tuple[int, int]) -> None:
    async with watching(tmp_path, size=(40, 20)) as watched:
        await watched.press("n", "z")
        zoomed = watched.monitor.query_one(AccuracyPane)
        for width, height in (small, (40, 24), (100, 40)):
            await watched.pilot.resize_terminal(width, height)
            await watched.settle()
            too_small = (width, height) == small
            assert (watched.monitor.query_one("#too-small").region.height > 0) == too_small
            assert zoomed.display != too_small
            assert not watched.monitor.show_vertical_scrollbar
            if not too_small:
                assert watched.monitor.maximized is watched.monitor.focused is zoomed


async def test_a_zoomed_pane_fills_what_the_lines_leave(tmp_path: Path) -> None:
    async with watching(tmp_path, size=(40, 20)) as watched:
        await watched.press("z")
        for width, height in ((40, 24), (40, 20), (80, 24)):
            await watched.pilot.resize_terminal(width, height)
            await watched.settle()
            around = ("HeaderLine", "TaskLine", "Pane.-maximized", "WarningLine", "Notice", "Footer")
            heights = [watched.monitor.query_one(name).region.height for name in around]
            assert sum(heights) == height


async def test_resizing_redraws_at_once(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await watched.pilot.resize_terminal(160, 48)
        await watched.pilot.pause()
        assert "500 of 1,000 steps" in watched.text(TasksPane)
        assert "task 3 of 5" in watched.header


async def test_an_unchanged_run_repaints_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(tmp_path) as watched:
        monitor = watched.monitor
        monitor.forget_reply()
        drawn: list[float] = []
        monkeypatch.setattr(monitor, "redraw", lambda: drawn.append(time.monotonic()))
        monitor.poll()
        assert not drawn
        watched.engine.tell(StepsTaken(2510, 5.1, (0.1,) * 10, (0.1,) * 10))
        monitor._drawn_at = 0.0
        monitor.poll()
        assert len(drawn) == 1


# Steering


def tuned(watched: Watched) -> float | None:
    return watched.engine.control.take_requests().strength


async def test_e_among_the_futures_opens_the_strength_knob_and_enter_turns_it(tmp_path: Path) -> None:
    async with watching(tmp_path, method="ewc", strength=1000.0) as watched:
        await watched.press("k", "e")
        assert isinstance(watched.app.screen, StrengthDialog)
        await watched.press("up", "up", "enter")
        assert tuned(watched) == 10_000
        await watched.press("k", "e", "down", "enter")
        assert tuned(watched) == 320


async def test_the_knob_takes_a_typed_number_and_refuses_what_is_none(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await watched.press("k", "e", "x", "enter")
        assert isinstance(watched.app.screen, StrengthDialog)
        assert tuned(watched) is None
        await watched.press("backspace", *"0.25", "enter")
        assert watched.app.screen is watched.monitor
        assert tuned(watched) == 0.25
        await watched.press("k", "e", "5", "escape", "escape")
        assert watched.app.screen is watched.monitor
        assert tuned(watched) is None


async def test_a_method_without_a_penalty_says_so_at_the_knob(tmp_path: Path) -> None:
    async with watching(tmp_path, method="none") as watched:
        await watched.press("k")
        assert "no penalty" in watched.notice


async def test_a_changed_strength_shows_in_the_header_and_the_news(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        watched.engine.tell(StrengthChanged(2500, 0.0, 1.0, 7.5))
        await watched.settle()
        assert "si c=7.5" in watched.header
        assert "Strength 1 → 7.5 from step 2,501 on" in watched.notice


async def test_e_evaluates_and_b_breaks_and_x_must_be_pressed_twice(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        control = watched.engine.control
        await watched.press("e")
        assert control.take_requests() == Requests(evaluate=True)
        await watched.press("b")
        assert control.pause_at_task_end
        assert control.take_requests() == Requests(breaks=True)
        await watched.press("b")
        assert not control.pause_at_task_end
        assert control.take_requests() == Requests(breaks=True)
        await watched.press("x")
        assert "Press x again to end task 3" in watched.notice
        assert control.take_requests() == NOTHING
        await watched.press("x")
        assert control.take_requests() == Requests(end_task=2)


@pytest.mark.parametrize("key", ["k", "e", "b", "x"])
async def test_nothing_is_steered_after_the_end(tmp_path: Path, key: str) -> None:
    async with watching(tmp_path, known=screen_data.history()) as watched:
        await watched.press(key)
        assert "finished: nothing to" in watched.notice
        assert watched.engine.control.take_requests() == NOTHING
        assert not watched.engine.control.pause_at_task_end


# A disk that cannot be written

FULL = (
    "No space left on device: events.jsonl; "
    "training is paused and continues automatically when the disk is writable again"
)


async def test_training_that_waits_for_the_disk_says_so_until_it_goes_on(tmp_path: Path) -> None:
    async with watching(tmp_path, size=(160, 48)) as watched:
        watched.monitor.forget_reply()
        assert "/s" in watched.header
        places = [pane.region for pane in watched.monitor.query(Pane)]
        watched.engine.control.trouble = FULL
        await watched.settle()
        assert watched.warning == f"▲ {FULL}"
        assert [pane.region for pane in watched.monitor.query(Pane)] == places
        assert "waiting" in watched.header
        assert "/s" not in watched.header
        watched.engine.control.trouble = ""
        await watched.settle()
        assert watched.warning == ""
        assert "waiting" not in watched.header


@pytest.mark.parametrize(
    ("keys", "wish"),
    [
        (["s"], Requests(save=True)),
        (["e"], Requests(evaluate=True)),
        (["x", "x"], Requests(end_task=2)),
        (["k", "e", "5", "enter"], Requests(strength=5.0)),
    ],
)
async def test_what_is_wished_for_meanwhile_is_kept_and_the_reason_told(
    tmp_path: Path, keys: list[str], wish: Requests
) -> None:
    async with watching(tmp_path) as watched:
        watched.engine.control.trouble = FULL
        await watched.press(*keys)
        assert "as soon as the disk can be written" in watched.notice
        assert watched.engine.control.take_requests() == wish


async def test_quitting_a_run_that_cannot_be_saved_asks_once_and_then_fails(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        watched.engine.obedient = False
        watched.engine.control.trouble = FULL
        await watched.press("q")
        assert watched.notice == (
            "Nothing can be saved now: press q again to quit without saving. Kept: the checkpoint at step 2,000"
        )
        assert not watched.engine.control.stopping
        await watched.press("q")
        assert watched.engine.control.stopping
        error = SessionError("session calm-otter cannot be written")
        watched.engine.fail(error, RunFailed(2500, 2, 0.0, str(error), "the checkpoint at step 2000"))
        await watched.settle()
    assert watched.app.return_value == ExitStatus(1, f"{error}\nKept: the checkpoint at step 2000.")


async def test_a_disk_that_is_mended_meanwhile_takes_the_question_back(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        watched.engine.control.trouble = FULL
        await watched.press("q")
        watched.engine.control.trouble = ""
        await watched.settle()
        assert "q again" not in watched.notice
        watched.engine.control.trouble = FULL
        await watched.press("q")
        assert "q again" in watched.notice
        assert not watched.engine.control.stopping


async def test_a_second_q_while_it_saves_does_not_give_up(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        watched.engine.obedient = False
        await watched.press("q", "q")
        assert watched.notice == "Saving…"
        assert watched.app.is_running
        watched.engine.obedient = True
        await watched.settle()
    assert watched.app.return_value is not None
    assert watched.app.return_value.message.startswith("Saved at step 2,500")
