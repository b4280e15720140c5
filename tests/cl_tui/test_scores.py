"""Scores that are no accuracies, on every pane, in every table, page and file: in their own range and unit, with the
right direction, and with any numbers that a stranger's log has."""

import csv
import io
import json
import math
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from rich.console import Console
from rich.style import Style

from cl_tui.charts.colour_scale import ColourScale
from cl_tui.charts.style import Line, Palette
from cl_tui.exports import html_page, svg, tensorboard
from cl_tui.exports.csv_files import CSV_FILES
from cl_tui.exports.export import as_json
from cl_tui.panes.accuracy.grid import Scores, draw_matrix
from cl_tui.panes.accuracy.pane import AccuracyPane
from cl_tui.panes.accuracy.zoomed import draw_accuracies
from cl_tui.panes.as_of import AccuracyTable
from cl_tui.panes.tasks.lines import draw_tasks
from cl_tui.panes.tasks.pane import TasksPane
from cl_tui.panes.tasks.zoomed import draw_histories, task_rows
from cl_tui.panes.view import View, Viewport
from cl_tui.reports import text
from cl_tui.reports.arrangement import arranged
from cl_tui.reports.compare_page import page
from cl_tui.reports.comparison import NotComparable, compare, read
from cl_tui.reports.scale import axis
from cl_tui.reports.session_page import session_page
from cl_tui.reports.tables import results, sessions_table
from cl_tui.reports.timeline import timeline
from engine.record.events import (
    PROBE,
    WHOLE,
    Event,
    RunFinished,
    RunStarted,
    Scored,
    StepsTaken,
    TaskEnded,
    TaskInfo,
    TaskStarted,
)
from engine.record.history import History
from engine.record.score import ACCURACY, R2, RMSE, SCORES, score_info
from engine.sessions.listing import list_sessions, read_session
from engine.sessions.summary import read_summary
from engine.settings.run import resolve
from tests import saved, screen_data
from tests.cl_tui.screens.test_home import at_home
from tests.cl_tui.screens.test_monitor import watching

PALETTE = Palette(bad=Style(color="red"), caution=Style(color="yellow"))
CONFIG = resolve({"method": "si", "device": "cpu"})
ODD = (math.nan, 1e30, -1e30, 0.0, 1e-300, 7.0)


def strange(score: str, values: tuple[float, ...], tasks: int = 4, unit: str = "m") -> Iterator[Event]:
    """A run whose scores are ``values``, in turn."""
    infos = tuple(TaskInfo(str(task), 20, 2) for task in range(tasks))
    told = iter(values * 100)

    def scored(step: int, task: int, part: str) -> Scored:
        row = (next(told) for _ in range(task + 1))
        return Scored(step, task, part, tuple(None if math.isnan(value) else value for value in row))

    yield RunStarted(0.0, infos, "cpu", 10, {}, "", (9,) * tasks, (9,) * tasks, score, unit)
    for task in range(tasks):
        yield TaskStarted(task, 20 * task)
        yield scored(20 * task, task, PROBE)
        yield StepsTaken(20 * task + 20, 0.1 * task, (0.5,) * 20, (0.0,) * 20)
        yield from (scored(20 * task + 20, task, part) for part in (WHOLE, PROBE))
        yield TaskEnded(task, 20 * task + 20, 0.1 * task)
    yield RunFinished(20 * tasks, 0.0, 1.0)


STRANGE = {
    "any numbers": ("return", ODD),
    "nothing measured": ("rmse", (math.nan,)),
    "all equal": ("rmse", (3.0,)),
    "all zero": ("rmse", (0.0,)),
    "huge errors": ("rmse", (1e30, 0.0, 5e29)),
    "far below a guess": ("r2", (-1e30, -2.0, math.nan, 1.0)),
    "below a guess alone": ("r2", (-5.0, -2.0)),
    "perfect": ("r2", (1.0,)),
    "tiny": ("rmse", (1e-300, 3e-300)),
    "a name of markup": ("[b]\\[" + 3000 * "x", (0.5, 1.5)),
}


def view(history: History) -> View:
    return View("calm-otter", CONFIG, history, "", viewport=Viewport())


def told(lines: list[Line]) -> str:
    return "\n".join("".join(segment.text for segment in line).rstrip() for line in lines)


def printed(renderable: object, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def matrix(history: History, width: int = 60, height: int = 12) -> str:
    of, table = view(history), AccuracyTable()
    return told(draw_matrix(of, table.scale(of), Scores.of(history, table, history), width, height, PALETTE))


# The panes


def test_the_matrix_has_the_scores_what_was_lost_and_their_unit() -> None:
    shown = matrix(screen_data.history(score="rmse", unit="m"))
    assert "250" in shown.splitlines()[5]
    assert shown.splitlines()[-3].split() == ["lost", "250", "352", "93.1", "17.0"], "the rise since it was lowest"
    assert shown.splitlines()[-1] == "average 144 m  forgetting 178 m"


def test_the_best_error_is_the_lowest() -> None:
    history = screen_data.history(score="rmse")
    zoomed = told(draw_accuracies(view(history), AccuracyTable(), 100, 30, PALETTE))
    best = next(line for line in zoomed.splitlines() if line.startswith("best"))
    assert best.split() == ["best", "0.100", "1.00", "1.90", "2.80", "3.70"]
    assert "0┤" in zoomed
    assert "400┤" in zoomed


def test_the_tasks_say_how_bad_an_error_was_and_r2_how_low() -> None:
    errors = told(draw_histories(view(screen_data.history(score="rmse", unit="m")), AccuracyTable(), 100, 30, PALETTE))
    assert "0–400 m" in errors
    assert "worst in" in errors
    assert "mean of the worst" in errors
    shares = told(draw_histories(view(screen_data.history(score="r2")), AccuracyTable(), 100, 30, PALETTE))
    assert "-4 to 1" in shares
    assert "lowest in" in shares
    assert "%" not in errors + shares


def test_a_task_s_line_has_both_scores_and_colours_the_one_that_became_worse() -> None:
    lines = draw_tasks(view(screen_data.history(score="r2")), AccuracyTable(), 38, 8, PALETTE)
    assert "0.990 →  -3.01" in told(lines)
    assert {len("".join(segment.text for segment in line)) for line in lines[:6]} == {38}
    assert all(any(segment.style == PALETTE.caution for segment in line) for line in lines[1:5])


def test_the_pane_s_rows_for_a_file_have_the_worst_error() -> None:
    history = screen_data.history(score="rmse")
    table = AccuracyTable()
    row = task_rows(view(history), table.stability(view(history)))[0]
    assert (row["learned"], row["best"]) == (pytest.approx(0.1), pytest.approx(0.1))
    assert row["lowest"] == row["now"] == pytest.approx(0.1 * 7.07**4)
    assert row["dip_in_task_2"] == pytest.approx(0.607)


async def test_the_pane_is_titled_by_the_score_and_help_explains_it(tmp_path: Path) -> None:
    async with watching(tmp_path, screen_data.history(score="rmse", unit="m")) as opened:
        pane = opened.monitor.query_one(AccuracyPane)
        assert pane.border_title == "RMSE in m"
        assert "average 144 m" in opened.text(AccuracyPane)
        assert "lower is better" in pane.how_to_read
        assert "250" in opened.text(TasksPane)
        assert "average RMSE 144 m, forgetting 178 m" in opened.notice


async def test_an_accuracy_is_titled_as_before(tmp_path: Path) -> None:
    async with watching(tmp_path, screen_data.history()) as opened:
        pane = opened.monitor.query_one(AccuracyPane)
        assert (pane.border_title, pane.how_to_read) == ("Accuracy", pane.HOW_TO_READ)


@pytest.mark.parametrize("name", STRANGE)
async def test_no_number_of_a_stranger_breaks_a_pane(name: str, tmp_path: Path) -> None:
    history = History().after(strange(*STRANGE[name]))
    for until in (1, 50, None):
        known = History()
        for event in strange(*STRANGE[name]):
            if until is not None and getattr(event, "step", 0) > until:
                break
            known = known.apply(event)
        for width, height in ((38, 9), (78, 19), (118, 31), (200, 45)):
            for draw in (draw_accuracies, draw_histories) if known.accuracies else ():
                lines = draw(view(known), AccuracyTable(), width, height, PALETTE)
                assert width < 78 or all(sum(segment.cell_length for segment in line) <= width for line in lines)
            assert matrix(known, width, height)
            assert draw_tasks(view(known), AccuracyTable(), width, height, PALETTE)
    assert timeline(history, CONFIG)
    async with watching(tmp_path, history) as opened:
        assert opened.text(AccuracyPane)


def test_many_tasks_have_colours_whose_meaning_is_told() -> None:
    history = screen_data.history(tasks=30, score="r2")
    shown = told(draw_accuracies(view(history), AccuracyTable(), 78, 40, PALETTE))
    assert re.search(r"0\.000 chance \S+ *0\.990\n", shown)


# Colours and axes


@pytest.mark.parametrize("score", [R2, RMSE, score_info("return")])
@pytest.mark.parametrize("values", [values for _, values in STRANGE.values()])
def test_an_axis_and_colours_fit_any_scores(score: object, values: tuple[float, ...]) -> None:
    assert isinstance(score, type(R2))
    known = [value for value in values if score.allows([value]) and value == value] or [math.inf]
    low, high = axis(score, score.worst(known), score.best(known))
    assert -math.inf < low < high < math.inf
    assert score.least <= low
    assert high <= score.most
    scale = ColourScale.of(score, known)
    shades = [svg.shade_of(value, scale) for value in sorted(known, reverse=not score.higher)]
    assert shades == sorted(shades, key=lambda shade: int(shade[1:])), "a better score has no poorer colour"


# Pages and files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    saved.finished(tmp_path, "accuracies", seed=0)
    for seed in (0, 1):
        saved.finished(tmp_path, f"shares-{seed}", score="r2", seed=seed)
        saved.finished(tmp_path, f"errors-{seed}", score="rmse", unit="m", seed=seed)
    saved.finished(tmp_path, "others", score="rmse", unit="m", strength=3.0)
    return tmp_path


def test_a_summary_and_a_list_keep_the_score(folder: Path) -> None:
    found = read_summary(folder / "errors-0", sums=True)
    assert (found["score"], found["unit"]) == ("rmse", "m")
    assert found["forgetting"] == pytest.approx(178, abs=0.5)
    assert found["backward_transfer"] == pytest.approx(-found["forgetting"])
    history = next(listed.history for listed in list_sessions(folder) if listed.name == "errors-0")
    assert history is not None
    assert history.score == score_info("rmse", "m")
    shown = printed(sessions_table(list(list_sessions(folder)), 120), 120)
    assert "RMSE 144 m" in shown
    assert "R² -0.508" in shown
    assert "95.0 %" in shown


def test_a_list_of_accuracies_alone_is_as_before(tmp_path: Path) -> None:
    saved.finished(tmp_path, "accuracies")
    shown = printed(sessions_table(list(list_sessions(tmp_path)), 120), 120)
    assert "acc. %" in shown
    assert "95.0 %" not in shown


def test_results_of_different_scores_stand_in_different_tables(folder: Path) -> None:
    found = [read_summary(folder / name, sums=True) for name in ("accuracies", "errors-0", "errors-1", "shares-0")]
    shown = printed(results(found, 100))
    assert [heading in shown for heading in ("accuracy %", "RMSE m", "R²")] == [True] * 3
    assert "144 ± 0.000" in shown


def test_the_page_in_a_terminal_and_in_a_browser_name_the_score(folder: Path) -> None:
    listed = read_session(folder, "errors-0")
    shown = printed(session_page(listed, folder, 100))
    assert "RMSE in m, after (row) on (column); forgetting: last minus best before" in shown
    assert "average RMSE 144 m, forgetting 178 m, backward transfer -178 m" in shown
    drawn = html_page.page(listed, folder / "errors-0")
    assert "<h2>RMSE in m</h2>" in drawn
    assert re.search(r'<span class="c10">[\d.]+ m</span>', drawn)
    assert "ccurac" not in shown + drawn


def test_files_for_other_programs_name_the_score(folder: Path) -> None:
    listed = read_session(folder, "errors-0")
    config, history = listed.known()
    rows = list(csv.DictReader(io.StringIO(CSV_FILES["probes.csv"](config, history))))
    assert float(rows[0]["RMSE m"]) == 0.1
    assert b"RMSE on subset/task 001" in tensorboard.event_file(config, history)
    found = json.loads(as_json(listed))
    assert (found["score"], found["unit"], found["accuracy_matrix"][0][0]) == ("rmse", "m", 0.1)


@pytest.mark.parametrize("name", STRANGE)
def test_no_number_of_a_stranger_breaks_a_page_or_a_file(name: str, tmp_path: Path) -> None:
    session = saved.create(tmp_path, "strange")
    saved.tell(session, *strange(*STRANGE[name]))
    listed = read_session(tmp_path, "strange")
    config, history = listed.known()
    assert printed(session_page(listed, tmp_path, 80), 80)
    assert html_page.page(listed, session.path)
    assert as_json(listed)
    assert tensorboard.event_file(config, history)
    assert all(make(config, history) for make in CSV_FILES.values())
    session.write_summary(history)
    again = next(iter(list_sessions(tmp_path)))
    assert again.state == "finished", again.problem
    assert printed(sessions_table([again]))
    assert printed(page(compare([listed, listed]), 80), 80)


# Comparisons


def test_sessions_with_different_scores_are_not_compared(folder: Path) -> None:
    with pytest.raises(NotComparable, match="errors-0 is RMSE in m, that of shares-0 is R²: compare sessions"):
        compare([read(folder, "shares-0"), read(folder, "errors-0")])


def test_a_comparison_is_in_the_unit_of_the_score(folder: Path) -> None:
    found = compare(read(folder, name) for name in ("errors-0", "errors-1", "others"))
    shown = printed(page(found, 100))
    assert "RMSE m" in shown
    assert "forgetting and transfer in m: a rise of RMSE is forgetting" in shown
    assert "Difference of RMSE in m: B minus A" in shown
    assert "%" not in shown
    told = found.as_dict()
    assert (told["score"], told["unit"]) == ("rmse", "m")


def test_a_lower_error_is_better() -> None:
    from cl_tui.reports.groups import Change

    assert [Change(-2.0, None, score).direction for score in (ACCURACY, R2, RMSE)] == [-1, -1, 1]
    assert [Change(math.nan, None, score).direction for score in SCORES.values()] == [0, 0, 0]


# Home


async def test_home_shows_each_score_in_a_block_of_its_own(folder: Path) -> None:
    async with at_home(folder, size=(118, 30)) as opened:
        shown = "\n".join(opened.table.render_line(y).text for y in range(16))
        assert "5 tasks · RMSE m" in shown
        assert " 144 " in shown
        assert " 95.0 " in shown


def test_sessions_of_a_score_stay_together_and_the_best_comes_first(folder: Path) -> None:
    better = saved.create(folder, "better", strength=7.0)
    saved.tell(better, *strange("rmse", (1.0,)))
    better.write_summary(better.history())
    blocks = arranged(list_sessions(folder))
    (names,) = [names for block in blocks if "better" in (names := [row.first.name for row in block])]
    assert names.index("better") < names.index("errors-0")


def test_what_is_said_of_a_task_names_the_score() -> None:
    history = screen_data.history(score="r2")
    said = chain((line.text for line in timeline(history, CONFIG)), [text.result(history, CONFIG)])
    assert any("Task 1 ended: R² 0.990 on 0 8" in line for line in said)
