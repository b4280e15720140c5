"""Comparing sessions: groups and their statistics, what is said about them, as print and as a screen."""

import asyncio
import json
import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from textual.pilot import Pilot

from cl_tui.app.app import ClTui
from cl_tui.panes.comparison.base import ComparePane
from cl_tui.panes.comparison.curves import GroupCurves
from cl_tui.panes.comparison.matrices import MatricesPane
from cl_tui.panes.comparison.results import ResultsPane
from cl_tui.panes.comparison.scatter import ScatterPane
from cl_tui.panes.comparison.settings import SettingsPane
from cl_tui.reports import comparison as comparing
from cl_tui.reports.compare_page import page
from cl_tui.reports.comparison import compare, read
from cl_tui.reports.group_curves import KINDS
from cl_tui.reports.groups import Comparison, difference
from cl_tui.screens.compare import CompareScreen
from cl_tui.screens.watch import WatchScreen
from engine.errors import SessionDamaged, SessionNotFound
from engine.record.events import Event, RunForked, RunStarted, Scored, StepsTaken, StrengthChanged, TaskInfo
from engine.record.history import History
from engine.sessions.log import EventLog
from engine.sessions.session import Session
from engine.settings.run import resolve
from tests import images, screen_data
from tests.conftest import CommandLine
from tests.first_screens import helped
from tests.terminal import Terminal
from tests.told import ended
from tests.waiting import PATIENCE_SECONDS, on_screen


def write(folder: Path, name: str, events: Iterable[Event], **settings: Any) -> Session:
    """A session that was told ``events``."""
    session = Session.create(folder, name, resolve({"device": "cpu", "method": "si", **settings}))
    log, history = EventLog(session.events_path, 0), History()
    for event in events:
        log.append(event)
        history = history.apply(event)
    log.close()
    if history.state == "finished":
        session.write_summary(history)
    return session


def lowered(by: float, until: int | None = None, tasks: int = 3) -> Iterable[Event]:
    """The made-up run with every accuracy lowered, up to a step."""
    for event in screen_data.events(tasks=tasks, steps=200):
        match event:
            case Scored():
                event = replace(event, values=tuple(accuracy - by for accuracy in event.row))
            case StepsTaken():
                event = replace(event, losses=tuple(loss + by for loss in event.losses))
        if until is not None and isinstance(event, StepsTaken) and event.step > until:
            return
        yield event


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three seeds of si and two of ewc."""
    for seed, by in enumerate((0.0, 0.03, 0.09)):
        write(tmp_path / "sessions", f"si-{seed}", lowered(by), seed=seed, threads=seed + 1, data_dir=f"data-{seed}")
    for seed, by in enumerate((0.2, 0.24)):
        write(tmp_path / "sessions", f"ewc-{seed}", lowered(by), method="ewc", seed=seed)
    return tmp_path / "sessions"


NAMES = ["si-0", "si-1", "si-2", "ewc-0", "ewc-1"]


def compared(folder: Path, names: Iterable[str] = NAMES) -> Comparison:
    return compare(read(folder, name) for name in names)


def printed(found: Comparison, width: int = 80) -> str:
    console = Console(width=width, markup=False, emoji=False, highlight=False)
    with console.capture() as caught:
        console.print(page(found, width))
    return caught.get()


# Groups and figures


def test_sessions_that_differ_only_in_the_seed_are_one_group(folder: Path) -> None:
    found = compared(folder, ["ewc-1", "si-2", "si-0", "ewc-0", "si-1"])
    assert [[member.name for member in group.members] for group in found.groups] == [
        ["ewc-1", "ewc-0"],
        ["si-2", "si-0", "si-1"],
    ]
    assert [group.letter for group in found.groups] == ["A", "B"]
    assert [group.size for group in found.groups] == ["2", "3"]


def test_figures_are_mean_and_standard_error(folder: Path) -> None:
    si = compared(folder).groups[0]
    accuracies = [mean(read(folder, f"si-{seed}").history.matrix[-1]) for seed in range(3)]  # type: ignore[union-attr]
    figure = si.figures["average_accuracy"]
    assert figure is not None
    assert figure.mean == pytest.approx(mean(accuracies))
    assert figure.error == pytest.approx(stdev(accuracies) / math.sqrt(3))
    assert figure.count == 3
    assert figure.error > 0.01
    forgetting, transfer = si.figures["forgetting"], si.figures["backward_transfer"]
    assert forgetting is not None
    assert transfer is not None
    assert forgetting.mean == pytest.approx(0.03)
    assert transfer.mean == pytest.approx(-0.03)
    assert forgetting.error == pytest.approx(0.0, abs=1e-12)


def test_one_session_has_no_standard_error(folder: Path) -> None:
    figure = compared(folder, ["si-0", "ewc-0"]).groups[0].figures["average_accuracy"]
    assert figure is not None
    assert (figure.error, figure.count) == (None, 1)


def test_a_matrix_is_the_mean_and_its_difference_adds_the_squared_errors(folder: Path) -> None:
    first, other = compared(folder).groups
    assert [len(row) for row in first.matrix] == [1, 2, 3]
    assert first.matrix[2][0].mean == pytest.approx(0.95 - 0.04)
    changes = difference(first, other)
    assert changes is not None
    change = changes[2][0]
    assert change.value == pytest.approx(-0.22 + 0.04)
    errors = [stdev((0.0, 0.03, 0.09)) / math.sqrt(3), stdev((0.2, 0.24)) / math.sqrt(2)]
    assert change.error == pytest.approx(math.hypot(*errors))
    assert change.certain


def test_a_difference_within_its_error_is_marked(tmp_path: Path) -> None:
    for seed, (one, two) in enumerate(((0.0, 0.01), (0.1, 0.11))):
        write(tmp_path, f"a-{seed}", lowered(one), seed=seed)
        write(tmp_path, f"b-{seed}", lowered(two), seed=seed, lr=0.01)
    found = compared(tmp_path, ["a-0", "a-1", "b-0", "b-1"])
    changes = difference(*found.groups)
    assert changes is not None
    assert not any(change.certain for row in changes for change in row)
    assert "-1.0~" in printed(found)
    assert "smaller than its standard error" in printed(found)


# Curves


def test_curves_are_the_mean_over_the_sessions_and_its_error(folder: Path) -> None:
    curves = compared(folder).groups[0].curves
    accuracy = curves["accuracy"]
    assert accuracy.steps.tolist() == [100, 200, 300, 400, 500, 600]
    assert accuracy.means[0] == pytest.approx(0.99 - 0.04)
    assert accuracy.errors[0] == pytest.approx(stdev((0.0, 0.03, 0.09)) / math.sqrt(3))
    loss = curves["loss"]
    assert loss.errors == pytest.approx(stdev((0.0, 0.03, 0.09)) / math.sqrt(3))
    history = read(folder, "si-0").history
    assert history is not None
    losses = history.curve.losses()
    assert loss.means[0] == pytest.approx(mean(losses[:2]) + 0.04)  # 600 steps in bins of two
    assert len(loss.steps) == 300


def test_a_shorter_session_counts_as_far_as_it_is(tmp_path: Path) -> None:
    write(tmp_path, "whole", lowered(0.0), seed=0)
    write(tmp_path, "part", lowered(0.1, until=300), seed=1)
    found = compared(tmp_path, ["whole", "part"])
    (group,) = found.groups
    loss = group.curves["loss"]
    assert set(loss.counts[loss.steps <= 300].tolist()) == {2}
    assert set(loss.counts[loss.steps > 301].tolist()) == {1}
    assert all(math.isnan(error) for error in loss.errors[loss.steps > 301])
    assert group.size == "1 of 2"
    assert group.ended == 3
    assert [cell.count for cell in group.matrix[0]] == [2]
    assert [cell.count for cell in group.matrix[2]] == [1, 1, 1]
    assert any("part is not finished (interrupted" in note for note in found.notes)
    assert "(unfinished)" in printed(found)


def test_a_loss_that_is_not_finite_is_told_and_left_out(tmp_path: Path) -> None:
    def events() -> Iterable[Event]:
        for event in lowered(0.0):
            if isinstance(event, StepsTaken) and event.step > 500:
                event = replace(event, losses=(math.nan,) * len(event.losses))
            yield event

    write(tmp_path, "broken", events(), seed=0)
    write(tmp_path, "sound", lowered(0.0), seed=1)
    found = compared(tmp_path, ["broken", "sound"])
    assert any("the loss of broken is not finite at step 501" in note for note in found.notes)
    loss = found.groups[0].curves["loss"]
    assert loss.counts.tolist()[-1] == 1
    assert all(map(math.isfinite, loss.means))


# Settings


def test_only_the_settings_that_differ(folder: Path) -> None:
    write(folder, "si-slow", lowered(0.0), lr=0.0001, xi=0.5)
    found = compared(folder, [*NAMES, "si-slow"])
    rows = {setting.name: setting.values for setting in found.settings}
    assert rows == {
        "method": ("si", "ewc", "si"),
        "lr": ("0.001", "0.001", "0.0001"),
        "strength": ("1", "1000", "1"),
        "xi": ("0.001", "—", "0.5"),
    }
    assert [group.title for group in found.groups] == [
        "si c 1 · lr 0.001 · xi 0.001",
        "ewc λ 1000",
        "si c 1 · lr 0.0001 · xi 0.5",
    ]


def test_a_method_without_a_penalty_has_no_strength(folder: Path) -> None:
    write(folder, "none-0", lowered(0.0), method="none")
    rows = {setting.name: setting.values for setting in compared(folder, [*NAMES, "none-0"]).settings}
    assert rows["strength"] == ("1", "1000", "—")


def test_a_run_whose_strength_was_changed_stands_alone(folder: Path) -> None:
    def turned() -> Iterable[Event]:
        for event in lowered(0.0):
            yield event
            if isinstance(event, RunStarted):
                yield StrengthChanged(0, 0.0, 1.0, 5.0)

    write(folder, "turned", turned(), seed=7)
    found = compared(folder, ["si-0", "turned"])
    assert len(found.groups) == 2
    assert found.settings[0].values == ("—", "5 after step 0")
    assert "5 after step 0" in found.groups[1].title


def test_forks_of_different_parents_are_not_one_group(tmp_path: Path) -> None:
    for name, parent in (("one", "si-0"), ("two", "ewc-0")):
        write(tmp_path, name, [*lowered(0.0, until=200), RunForked(0.0, 200, parent, 0)])
    found = compared(tmp_path, ["one", "two"])
    assert [setting.values for setting in found.settings] == [("si-0, task 1", "ewc-0, task 1")]


# What is said


def test_only_the_seed_differs(folder: Path) -> None:
    found = compared(folder, NAMES[:3])
    assert found.settings == ()
    assert "Only the seed differs" in found.notes[0]
    assert "minus" not in printed(found)


def test_different_benchmarks_have_no_difference(folder: Path) -> None:
    write(folder, "mnist", lowered(0.0), benchmark="split-mnist")
    found = compared(folder, ["si-0", "mnist"])
    assert difference(*found.groups) is None
    assert "B: trained on split-mnist, and A on split-digits" in found.notes[0]
    assert "minus" not in printed(found)
    assert "split-mnist" in printed(found)


def test_different_numbers_of_tasks_share_the_first(folder: Path) -> None:
    write(folder, "longer", lowered(0.0, tasks=4), tasks=4)
    found = compared(folder, ["si-0", "longer"])
    changes = difference(*found.groups)
    assert changes is not None
    assert [len(row) for row in changes] == [1, 2, 3]
    assert "B: 4 tasks, but 3 in A" in found.notes[0]
    assert "covers the 3 that have ended in both" in found.notes[0]


def test_the_same_seed_twice_is_told(folder: Path) -> None:
    write(folder, "again", lowered(0.0), seed=0)
    assert any("seed 0 2 times" in note for note in compared(folder, ["si-0", "again"]).notes)


def test_sessions_before_their_first_step(tmp_path: Path) -> None:
    write(tmp_path, "new", [])
    write(tmp_path, "other", [], lr=0.01)
    found = compared(tmp_path, ["new", "other"])
    assert found.groups[0].figures["average_accuracy"] is None
    assert any("before the first step" in note for note in found.notes)
    assert "—" in printed(found)


def test_what_a_log_names_is_text(tmp_path: Path) -> None:
    events = [RunStarted(0.0, (TaskInfo("[b]", 10, 2),), "cpu", 1, {}), *ended(0, 10, 0.1, (0.5,))]
    write(tmp_path, "one", events, leave_alone=["[red]*"])
    write(tmp_path, "two", events)
    text = printed(compared(tmp_path, ["one", "two"]))
    assert "[b]" in text
    assert "[red]*" in text


def test_too_many_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "LETTERS", "A")
    write(tmp_path, "one", [])
    write(tmp_path, "two", [], lr=0.01)
    with pytest.raises(comparing.NotComparable, match="2 different settings are too many"):
        compared(tmp_path, ["one", "two"])


# The command


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["si-0"], "session si-0 alone cannot be compared: name two sessions or more"),
        (["si-0", "ewc-0", "si-0"], "session si-0 is named twice"),
        (["si-0", "nobody"], "no session nobody in"),
        (["si-0", "[bold]"], "session name '[bold]'"),
    ],
)
def test_what_cannot_be_compared_is_bad_usage(cl_tui: CommandLine, folder: Path, names: list[str], told: str) -> None:
    answer = cl_tui("compare", *names)
    assert answer.exit_code == 2
    assert told in answer.err
    assert answer.err.count("\n") == 1
    assert answer.out == ""


def test_a_damaged_session_is_one_sentence(cl_tui: CommandLine, folder: Path) -> None:
    (folder / "si-1" / "events.jsonl").write_text("nonsense\n")
    answer = cl_tui("compare", "si-0", "si-1")
    assert answer.exit_code == SessionDamaged.exit_code
    assert "si-1 is damaged" in answer.err
    assert answer.err.count("\n") == 1


def test_it_prints_without_a_terminal(cl_tui: CommandLine, folder: Path) -> None:
    answer = cl_tui("compare", "sessions/si-0", *NAMES[1:])
    assert answer.exit_code == 0
    for part in (
        "5 sessions in 2 groups",
        "si c 1",
        "93.0 ± 2.6",
        "Settings that differ",
        "Task loss against the step",
        "Difference of accuracy in points: B minus A",
        "-18.0",
    ):
        assert part in answer.out
    assert "\x1b" not in answer.out


@pytest.mark.parametrize("width", [60, 80, 200])
def test_it_is_printed_in_any_width(folder: Path, width: int) -> None:
    assert max(map(len, printed(compared(folder), width).splitlines())) <= width


def test_many_tasks_are_thinned(tmp_path: Path) -> None:
    for name, lr in (("one", 0.1), ("two", 0.01)):
        write(tmp_path, name, lowered(0.0, tasks=60), benchmark="permuted-mnist", tasks=60, lr=lr)
    text = printed(compared(tmp_path, ["one", "two"]))
    assert max(map(len, text.splitlines())) <= 80
    assert "of 60 columns, evenly spaced" in text


def test_json_holds_everything(cl_tui: CommandLine, folder: Path) -> None:
    assert cl_tui("compare", *NAMES, "--json", "found.json").exit_code == 0
    found = json.loads((folder.parent / "found.json").read_text())
    si, ewc = found["groups"]
    assert si["average_accuracy"] == {"mean": pytest.approx(0.93), "error": pytest.approx(0.0265, abs=1e-4), "count": 3}
    assert [member["name"] for member in ewc["sessions"]] == ["ewc-0", "ewc-1"]
    assert ewc["difference_to_first"][0][0]["value"] == pytest.approx(-0.18)
    assert len(si["curves"]["loss"]["steps"]) == len(si["curves"]["loss"]["means"]) == 300
    assert found["settings"]["method"] == ["si", "ewc"]
    printed = cl_tui("compare", *NAMES, "--json", "-")
    assert json.loads(printed.out) == found
    assert "si" in printed.err


# The screen


def shown(
    folder: Path, names: list[str], act: Callable[[Pilot[Any], CompareScreen], Any], size: tuple[int, int] = (80, 24)
) -> ClTui:
    async def run() -> ClTui:
        screen = CompareScreen(folder, names)
        app = ClTui(screen)
        async with app.run_test(size=size) as pilot:
            await on_screen(pilot, lambda: screen.found is not None or screen.error is not None)
            await act(pilot, screen)
        return app

    return asyncio.run(run())


def text_of(pane: ComparePane) -> str:
    return "\n".join("".join(segment.text for segment in strip) for strip in pane._built())


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (120, 36), (200, 50)])
def test_the_screen_shows_results_settings_curves_and_matrices(folder: Path, size: tuple[int, int]) -> None:
    async def act(pilot: Pilot[Any], screen: CompareScreen) -> None:
        results = text_of(screen.query_one(ResultsPane))
        assert "A ● si c 1" in results
        assert "93.0 ± 2.6" in results
        curves = text_of(screen.query_one(GroupCurves))
        assert all(mark in curves for mark in "●◆")
        for key, pane, shows in (("3", MatricesPane, "93"), ("5", SettingsPane, "1000"), ("2", ScatterPane, "●")):
            await pilot.press(key)
            await pilot.pause()
            assert screen.focused is screen.query_one(pane)
            assert shows in text_of(screen.query_one(pane))
        assert "⚠" not in text_of(screen.query_one(SettingsPane))

    shown(folder, NAMES, act, size)


def test_y_goes_through_the_curves_and_x_through_their_clocks(folder: Path) -> None:
    async def act(pilot: Pilot[Any], screen: CompareScreen) -> None:
        pane = screen.query_one(GroupCurves)
        seen = []
        for _ in range(4):
            seen.append((text_of(pane), pane.border_title))
            await pilot.press("y")
        assert [title.split()[0] for _, title in seen] == ["Average", "Task", "Penalty", "Average"]
        assert len({text for text, _ in seen}) == 3
        await pilot.press("y", "y")
        below = []
        for _ in range(3):
            below.append(text_of(pane).splitlines()[-1].split())
            await pilot.press("x")
        assert [words[-1] for words in below] == ["3", "steps", "seconds"]
        assert below[0][:2] == ["1:", "0"], "tasks are of equal width, and carry their names"

    shown(folder, NAMES, act)


def test_the_chosen_group_may_become_the_baseline(folder: Path) -> None:
    async def act(pilot: Pilot[Any], screen: CompareScreen) -> None:
        matrices, results = screen.query_one(MatricesPane), screen.query_one(ResultsPane)
        board = screen.board
        assert board is not None
        assert (board.baseline, board.best, board.selected) == (0, 0, 0), "the first, for there is no run of none"
        assert "−18" in text_of(matrices)
        await pilot.press("down", "B")
        assert "+18" in text_of(matrices)
        lines = text_of(results).splitlines()
        assert "+18.0 ± " in lines[1]
        assert "baseline" in lines[2]
        await pilot.press("o", "o", "o", "o")
        assert "by name" in results.border_title
        assert "ewc" in text_of(results).splitlines()[1]

    shown(folder, NAMES, act, (160, 40))


def test_the_seeds_of_a_group_unfold_and_enter_opens_one(folder: Path) -> None:
    async def act(pilot: Pilot[Any], screen: CompareScreen) -> None:
        results = screen.query_one(ResultsPane)
        await pilot.press("u")
        assert [line.split()[1] for line in text_of(results).splitlines()[2:5]] == ["0", "1", "2"]
        await pilot.press("down", "down", "enter")
        await on_screen(pilot, lambda: isinstance(pilot.app.screen, WatchScreen))
        opened = pilot.app.screen
        assert isinstance(opened, WatchScreen)
        assert opened.session.name == "si-1"
        await pilot.press("q")
        await on_screen(pilot, lambda: screen.is_current)
        await pilot.press("u")
        assert "si-1" not in text_of(results)

    shown(folder, NAMES, act, (120, 30))


def test_arrows_move_the_crosshair_which_escape_takes_away(folder: Path) -> None:
    async def act(pilot: Pilot[Any], screen: CompareScreen) -> None:
        curves = screen.query_one(GroupCurves)
        await pilot.press("1", "x", "left")
        assert screen.focused is curves
        assert screen.board is not None
        last = screen.board.cursor
        assert last is not None
        assert last > 580
        before = text_of(curves)
        await pilot.press(*["left"] * 30)
        assert screen.board.cursor is not None
        assert screen.board.cursor < last
        assert text_of(curves) != before
        await pilot.press("escape")
        assert screen.board.cursor is None
        assert screen.is_current

    shown(folder, NAMES, act)


def test_z_zooms_and_escape_backs_out_and_never_quits(folder: Path) -> None:
    async def act(pilot: Pilot[Any], screen: CompareScreen) -> None:
        await pilot.press("z")
        assert screen.maximized is screen.query_one(ResultsPane)
        assert "Final accuracy of si c 1 by task" in text_of(screen.query_one(ResultsPane))
        await pilot.press("3")
        assert screen.maximized is screen.query_one(MatricesPane)
        assert "93.0 ± 2.6" in text_of(screen.query_one(MatricesPane))
        await pilot.press("escape")
        assert screen.maximized is None
        await pilot.press("escape", "escape")
        assert screen.app.is_running
        assert str(screen.query_one("Notice").render()) == "Nothing to leave; q quits"
        await pilot.press("q")

    app = shown(folder, NAMES, act)
    assert app.return_value is not None
    assert app.return_value.exit_code == 0


def test_q_leaves(folder: Path) -> None:
    async def act(pilot: Pilot[Any], screen: CompareScreen) -> None:
        await pilot.press("q")

    assert shown(folder, NAMES, act).return_value is not None


def test_escape_goes_back_to_the_screen_below(folder: Path) -> None:
    async def act(pilot: Pilot[Any], screen: CompareScreen) -> None:
        above = CompareScreen(folder, ["si-0", "ewc-0"])
        await pilot.app.push_screen(above)
        await on_screen(pilot, lambda: above.found is not None)
        await pilot.press("escape")
        await on_screen(pilot, lambda: screen.is_current)

    assert shown(folder, NAMES, act).return_value is None


def test_the_help_has_every_key(folder: Path) -> None:
    async def act(pilot: Pilot[Any], screen: CompareScreen) -> None:
        await pilot.press("question_mark")
        text = helped(pilot.app.screen)
        for binding in (*CompareScreen.BINDINGS, *ComparePane.BINDINGS):
            assert binding.tooltip in text  # type: ignore[union-attr]
        for pane in screen.query(ComparePane):
            assert pane.HOW_TO_READ in text
        await pilot.press("escape")
        assert screen.is_current

    shown(folder, NAMES, act, (100, 40))


def test_r_reads_again(folder: Path) -> None:
    write(folder, "running", lowered(0.0, until=300), lr=0.01)

    async def act(pilot: Pilot[Any], screen: CompareScreen) -> None:
        before = screen.found
        assert before is not None
        assert "1/3 tasks" in text_of(screen.query_one(ResultsPane))
        log = EventLog(folder / "running" / "events.jsonl", (folder / "running" / "events.jsonl").stat().st_size)
        log.append(*ended(1, 400, 1.0, (0.5, 0.9)))
        log.close()
        await pilot.press("r")
        await on_screen(pilot, lambda: screen.found is not before)
        assert "2/3 tasks" in text_of(screen.query_one(ResultsPane))

    shown(folder, ["si-0", "running"], act)


def test_what_cannot_be_read_is_told_on_the_screen_and_after_it(folder: Path) -> None:
    (folder / "si-1" / "events.jsonl").write_text("nonsense\n")

    async def act(pilot: Pilot[Any], screen: CompareScreen) -> None:
        assert "si-1 is damaged" in str(screen.query_one("WarningLine").render())
        await pilot.press("y", "x", "B", "u", "o", "left", "enter", "z", "z", "q")

    app = shown(folder, ["si-0", "si-1"], act)
    assert app.return_value is not None
    assert app.return_value.exit_code == SessionDamaged.exit_code
    assert "si-1 is damaged" in app.return_value.message


def test_one_that_is_gone_is_told(folder: Path) -> None:
    async def act(pilot: Pilot[Any], screen: CompareScreen) -> None:
        assert isinstance(screen.error, SessionNotFound)

    shown(folder, ["si-0", "nobody"], act)


def test_the_first_frame_waits_for_no_session(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()

    def slow(sessions_dir: Path, name: str) -> Any:
        let_go.wait(PATIENCE_SECONDS)
        return read(sessions_dir, name)

    monkeypatch.setattr("cl_tui.screens.compare.read", slow)

    async def run() -> None:
        screen = CompareScreen(folder, NAMES)
        app = ClTui(screen)
        async with app.run_test() as pilot:
            await on_screen(pilot, lambda: "Reading 1 of 5: si-0" in str(screen.query_one("Notice").render()))
            assert screen.found is None
            await pilot.press("y", "x", "r", "left")
            assert "Still reading" in str(screen.query_one("Notice").render())
            let_go.set()
            await on_screen(pilot, lambda: screen.found is not None)

    asyncio.run(run())


def test_q_waits_for_no_session(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    monkeypatch.setattr("cl_tui.screens.compare.read", lambda *_: let_go.wait(PATIENCE_SECONDS))

    async def run() -> ClTui:
        screen = CompareScreen(folder, NAMES)
        app = ClTui(screen)
        async with app.run_test() as pilot:
            await on_screen(pilot, lambda: "Reading 1 of 5" in str(screen.query_one("Notice").render()))
            await pilot.press("q")
        return app

    began = time.monotonic()
    app = asyncio.run(run())
    assert time.monotonic() - began < PATIENCE_SECONDS / 2
    let_go.set()
    assert app.return_value is not None
    assert app.return_value.exit_code == 0


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
def test_no_title_of_the_curves_is_cut(folder: Path, size: tuple[int, int]) -> None:
    async def act(pilot: Pilot[Any], screen: CompareScreen) -> None:
        pane = screen.query_one(GroupCurves)
        for _ in KINDS:
            await pilot.press("y")
            assert cell_len(pane.border_title) + 4 <= pane.region.width

    shown(folder, NAMES, act, size)


def test_it_follows_every_size(folder: Path) -> None:
    async def act(pilot: Pilot[Any], screen: CompareScreen) -> None:
        for width, height in ((40, 12), (60, 18), (200, 50), (59, 40), (31, 40), (100, 17), (80, 24)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            small = width < 32 or height < 18
            assert screen.query_one("#too-small").display == small
            assert screen.query_one("#panes").display != small
            await pilot.press("y", "x", "o")
        assert "si c 1" in text_of(screen.query_one(ResultsPane))
        await pilot.press("z")
        await pilot.resize_terminal(40, 12)
        await pilot.pause()
        assert screen.query_one("#too-small").region.height == 12

    shown(folder, NAMES, act)


def test_in_a_real_terminal(folder: Path) -> None:
    with Terminal(["compare", *NAMES], folder.parent) as terminal:
        terminal.wait_for("5 sessions in 2 groups")
        terminal.send("y")
        terminal.wait_for("Task loss")
        terminal.resize(120, 40)
        terminal.wait_for("93.0 ± 2.6")
        terminal.send("q")
        assert terminal.wait_for_end() == 0
        assert terminal.restored
    (folder / "si-1" / "events.jsonl").write_text("nonsense\n")
    with Terminal(["compare", *NAMES], folder.parent) as terminal:
        terminal.wait_for("si-1 is damaged")
        terminal.send("q")
        assert terminal.wait_for_end() == SessionDamaged.exit_code
        assert "cl-tui: session si-1 is damaged" in terminal.text
    with Terminal(["compare", *NAMES, "--plain"], folder.parent, lines=200) as terminal:
        assert terminal.wait_for_end() == 1
    with Terminal(["compare", "si-0", "ewc-0", "--plain"], folder.parent, lines=200) as terminal:
        assert terminal.wait_for_end() == 0
        assert "Difference of accuracy in points" in terminal.text


def test_twenty_five_groups_of_three_seeds_stay_readable(tmp_path: Path) -> None:
    names = []
    for number in range(25):
        for seed in range(3):
            names.append(f"run-{number}-{seed}")
            lowers, strength = lowered(0.01 * number + 0.002 * seed, tasks=20), 0.5 * (number + 1)
            write(tmp_path, names[-1], lowers, benchmark="permuted-mnist", tasks=20, strength=strength, seed=seed)

    async def act(pilot: Pilot[Any], screen: CompareScreen) -> None:
        board = screen.board
        assert board is not None
        results, curves = screen.query_one(ResultsPane), screen.query_one(GroupCurves)
        assert len(board.drawn) == 7
        assert len({board.marks[k].sign for k in board.drawn}) == 7
        await pilot.press(*["down"] * 30)
        assert "si c 12.5" in text_of(results), "the table scrolls with the chosen group"
        assert "si c 12.5" in text_of(curves), "which the chart always has"
        chosen = screen.board
        assert chosen is not None
        assert len(chosen.drawn) == 7
        assert chosen.drawn[-1] == 24
        await pilot.press("5", *["right"] * 40)
        assert "12.5" in text_of(screen.query_one(SettingsPane))
        await pilot.press("3")
        assert "si c 12.5" in text_of(screen.query_one(MatricesPane))
        for size in ((80, 24), (240, 60), (60, 18)):
            await pilot.resize_terminal(*size)
            await pilot.press("1", "2", "3", "4", "5", "y", "x", "o", "u", "home")

    shown(tmp_path, names, act, (160, 48))


def test_what_a_folder_says_makes_no_title_long(tmp_path: Path, folder: Path) -> None:
    """The classes stay in the settings; a title has the folder and their number. A setting that is off has a name."""
    for number, classes in enumerate((("ant", "bee"), ("bee", "cat", "dog", "elk"))):
        images.folder(tmp_path / f"photos-{number}", classes)
        write(folder, f"images-{number}", lowered(0.0), benchmark="images", data_dir=str(tmp_path / f"photos-{number}"))
    write(folder, "bf16", lowered(0.0), precision="bf16")
    found = compared(folder, ["images-0", "images-1"])
    rows = {setting.name: setting.values for setting in found.settings}
    assert rows["classes"] == ("ant,bee", "bee,cat,dog,elk")
    first, second = (group.title for group in found.groups)
    assert "images photos-0, 2 classes" in first
    assert "images photos-1, 4 classes" in second
    assert "bee" not in first + second
    photos = compared(folder, ["si-0", "images-0"]).groups[1].title
    assert "benchmark images" in photos
    assert "2 classes" not in photos
    found = compared(folder, ["si-0", "bf16"])
    assert {setting.name: setting.values for setting in found.settings} == {"precision": ("fp32", "bf16")}
    assert [group.title for group in found.groups] == ["si c 1", "si c 1 · precision bf16"]
