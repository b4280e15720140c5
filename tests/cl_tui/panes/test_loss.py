"""The loss and penalty pane: every key and the mouse, what they read, and that data which arrives moves nothing."""

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rich.style import Style
from textual.binding import Binding
from textual.events import MouseScrollDown, MouseScrollLeft, MouseScrollRight, MouseScrollUp

from cl_tui.charts.braille import Envelope, exact_columns
from cl_tui.charts.canvas import Series, line_chart, search, seconds_axis, steps_axis
from cl_tui.charts.smoothing import Sums, means_within
from cl_tui.charts.style import Line, Palette
from cl_tui.exports.csv_files import CSV_FILES
from cl_tui.panes.files import csv_text
from cl_tui.panes.loss.axes import CurveOptions, seen_steps
from cl_tui.panes.loss.cache import CurveCache, time_axis
from cl_tui.panes.loss.chart import draw_curves, layer_penalties, layout
from cl_tui.panes.loss.pane import MOST_ROWS, CurvesPane
from cl_tui.panes.view import View, Viewport
from cl_tui.reports.text import quantity
from cl_tui.screens.monitor import MonitorScreen
from engine.record.events import (
    GRADIENT_NORM,
    LAYER_PENALTIES,
    LEARNING_RATE,
    Measured,
    StepsTaken,
    StrengthChanged,
    TaskInfo,
    Warned,
)
from engine.record.history import History
from engine.settings.run import resolve
from tests import screen_data
from tests.cl_tui.screens.test_monitor import Watched, watching
from tests.told import curve, probed

PALETTE = Palette(strong=Style(bold=True), loss=Style(color="blue"), penalty=Style(color="yellow"))


def view(history: History, viewport: Viewport = Viewport(), **settings: object) -> View:  # noqa: B008 (frozen)
    return View(
        "calm-otter", resolve({"method": "si", "device": "cpu", **settings}), history, "training", viewport=viewport
    )


def drawn(seen: View, width: int = 76, height: int = 19, zoomed: bool = True, **look: Any) -> list[Line]:
    chosen, record = CurveOptions(**look), CurveCache()
    record.follow(seen.history)
    return draw_curves(seen, record, width, height, PALETTE, chosen, zoomed)


def text(lines: Sequence[Line]) -> list[str]:
    return ["".join(segment.text for segment in line) for line in lines]


def with_epochs(history: History, epoch_steps: int = 23) -> History:
    return replace(history, tasks=tuple(replace(task, epoch_steps=epoch_steps) for task in history.tasks))


def with_layers(history: History, count: int, step: int) -> History:
    penalties = tuple(0.001 * (layer + 1) for layer in range(count))
    return history.after(probed(history.task, step, (0.9,) * (history.task + 1), penalties))


# Columns: envelopes, single steps, means


@pytest.mark.parametrize("steps", [(0, 5000), (1234, 1434), (4990, 5000), (2000, 6000), (17, 18)])
def test_columns_of_single_steps_are_the_extremes_of_their_steps(steps: tuple[int, int]) -> None:
    values = np.random.default_rng(0).normal(size=5000)
    values[[1300, 4999]] = math.nan, math.inf
    edges = steps_axis(steps, 140).edges
    found = exact_columns(values, edges)
    for column, (first, end) in enumerate(zip(edges[:-1], np.maximum(edges[1:], edges[:-1] + 1), strict=True)):
        part = values[first:end]
        finite = part[np.isfinite(part)]
        assert found.broken[column] == (len(finite) < len(part))
        if len(finite):
            assert (found.lows[column], found.highs[column]) == (finite.min(), finite.max())
        else:
            assert np.isnan(found.lows[column])


def test_an_envelope_gives_the_same_columns_where_they_begin_at_its_bins() -> None:
    values = np.random.default_rng(0).normal(size=5000)
    envelope = Envelope(512)
    envelope.extend(values)
    edges = np.arange(0, 5001, 4 * envelope.width)
    for ours, exact in zip(envelope.columns(edges), exact_columns(values, edges), strict=True):
        np.testing.assert_array_equal(ours, exact)


def test_a_close_look_at_a_long_run_shows_single_steps() -> None:
    losses = np.full(200_000, 0.5)
    losses[123_456] = 0.9
    record = CurveCache()
    record.follow(long_run(losses))
    near = steps_axis((123_400, 123_500), 140)
    assert near.edges[np.flatnonzero(record.columns(near)[0].highs > 0.5)].tolist() == [123_456]
    assert record.step_by_step(near)
    assert not record.step_by_step(steps_axis((0, 200_000), 140))


def long_run(losses: np.ndarray, tasks: int = 5) -> History:
    infos = tuple(TaskInfo(f"task {task}", len(losses) // tasks, 2) for task in range(tasks))
    known = curve(losses.tolist(), elapsed=len(losses) / 1000)
    return History(state="training", tasks=infos, step=len(losses), curve=known)


@pytest.mark.parametrize("bundle", [1, 37, 5000])
def test_means_are_those_of_the_finite_values_of_their_stretch(bundle: int) -> None:
    values = np.random.default_rng(0).normal(size=2000)
    values[[0, 400, 777]] = math.nan, math.inf, math.nan
    sums = Sums(512)
    for start in range(0, len(values), bundle):
        sums.extend(values[start : start + bundle])
    assert sums.width == 4
    starts, ends = np.array([0, 100, 1200, 1996]), np.array([8, 900, 1600, 2000])
    expected = [values[a:b][np.isfinite(values[a:b])].mean() for a, b in zip(starts, ends, strict=True)]
    np.testing.assert_allclose(sums.means(starts, ends), expected)
    np.testing.assert_allclose(means_within(starts, ends, values), expected)


def test_the_mean_is_the_same_near_and_far() -> None:
    """And knows nothing of the task before."""
    losses = np.random.default_rng(0).uniform(size=100_000)
    losses[:20_000] = 50.0
    record = CurveCache()
    record.follow(long_run(losses))
    near, far = steps_axis((50_000, 54_000), 140), steps_axis((0, 100_000), 140)
    assert record.step_by_step(near)
    assert not record.step_by_step(far)
    for time in (near, far):
        reach = time.span // 80
        middles = (time.edges[:-1] + time.edges[1:]) // 2
        for middle, mean in zip(middles.tolist(), record.means(time)[0].tolist(), strict=True):
            task = middle // 20_000 * 20_000
            part = losses[max(middle - reach, task) : min(middle + reach, task + 20_000)]
            assert mean == pytest.approx(part.mean(), rel=0.1 if time is near else 0.03)


def test_four_fifths_of_the_values_lie_in_the_band() -> None:
    losses = np.random.default_rng(0).lognormal(size=100_000)
    record = CurveCache()
    record.follow(long_run(losses))
    low, high = record.band(steps_axis((0, 100_000), 140))
    assert np.log(low).mean() == pytest.approx(-1.2816, abs=0.1), "the tenth percentile"
    assert np.log(high).mean() == pytest.approx(1.2816, abs=0.1)
    half, _ = record.band(steps_axis((0, 200_000), 140))
    assert np.isfinite(half).tolist() == [True] * 35 + [False] * 35


def test_a_history_that_goes_back_is_followed_back() -> None:
    """As in a replay: nothing of the future stays on the screen."""
    known = screen_data.history(4000)
    record = CurveCache()
    record.follow(known)
    record.follow(screen_data.history(1000))
    time = steps_axis((0, 5000), 100)
    for columns in (*(columns.highs for columns in record.columns(time)), *record.means(time)):
        assert np.isfinite(columns).tolist() == [True] * 20 + [False] * 80


def test_another_run_of_the_same_length_is_not_taken_for_the_first() -> None:
    record = CurveCache()
    record.follow(long_run(np.full(1000, 1.0)))
    record.follow(long_run(np.full(1000, 2.0)))
    assert np.nanmin(record.columns(steps_axis((0, 1000), 10))[0].lows) == 2.0


# The time axis


@given(st.integers(0, 3000), st.integers(1, 3000), st.sampled_from(["steps", "epochs", "seconds"]))
def test_every_recorded_step_in_sight_has_a_cell_and_its_cell_is_read_as_a_step_of_it(
    first: int, span: int, unit: str
) -> None:
    known = with_epochs(screen_data.history(2500))
    time = time_axis(known, (first, first + span), unit, 140)
    assert (np.diff(time.edges) >= 0).all()
    for step in {first + 1, first + span // 2 + 1, first + span}:
        if step <= min(known.curve.length, time.edges[-1]):
            cell = time.cell(step)
            assert cell is not None
            assert 0 <= cell < 70
            edges = time.edges[[2 * cell, 2 * cell + 2]]
            assert edges[0] <= time.step(cell) - 1 < max(edges[1], edges[0] + 1)
    assert len(time.ticks(70)) == 70
    assert len(time.ends(70)) == 70


def test_columns_of_seconds_are_equally_long() -> None:
    seconds = np.concatenate([np.arange(1, 101) * 0.125, 12.5 + np.arange(1, 13)])
    time = seconds_axis(seconds, (0, 112), 49)
    assert (time.low, time.high) == (0.0, 24.5)
    assert time.edges[:26].tolist() == list(range(0, 101, 4))
    assert time.edges[25::2].tolist() == list(range(100, 113))


def test_seconds_of_steps_to_come_end_at_a_round_number_that_moves_seldom() -> None:
    seconds = np.arange(1, 5001) * 0.01
    ends = {seconds_axis(seconds[:length], (0, 5000), 100).high for length in range(3000, 3600, 10)}
    assert ends == {40.0}


@given(st.lists(st.floats(0, 1), max_size=40), st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_search_is_searchsorted(values: list[float], wanted: list[float]) -> None:
    ascending = np.sort(np.array(values or [0.5]))
    expected = np.searchsorted(ascending, wanted, side="right")
    np.testing.assert_array_equal(search(np.repeat(ascending, 2)[::2], np.array(wanted)), expected)


@pytest.mark.parametrize(
    ("unit", "below"), [("steps", "5,000 steps"), ("epochs", "50 epochs"), ("seconds", "6 seconds")]
)
def test_the_axis_counts_in_the_chosen_unit(unit: str, below: str) -> None:
    known = with_epochs(screen_data.history(2500), 100)
    assert text(drawn(view(known), 36, 8, zoomed=False, x=unit))[-1].endswith(below)
    zoomed = text(drawn(view(known), x=unit))[-1]
    assert zoomed.endswith(unit)
    assert zoomed.split()[-2].replace(",", "") in ("4000", "40", "6")


def test_epochs_that_are_not_known_are_shown_as_steps() -> None:
    assert text(drawn(view(screen_data.history(2500)), x="epochs"))[-1].endswith("steps")


def test_a_chart_of_lines_joins_their_points_and_names_them() -> None:
    falling = Series("1", np.array([100, 300, 500]), np.array([1.0, 0.5, 0.0]), Style(color="red"))
    flat = Series("2", np.array([300, 500]), np.array([1.0, 1.0]), Style(color="green"), dotted=True)
    lines = line_chart(
        [falling, flat], (0, 500), 60, 9, PALETTE, quantity, cursor=200, borders=[250], values=(0.0, 1.0)
    )
    shown = text(lines)
    assert len(lines) == 9
    assert max(map(len, shown)) <= 60
    assert shown[0].startswith("    1┤")
    assert shown[7].startswith("    0┤")
    assert (shown[0].rstrip()[-1], shown[7].rstrip()[-1]) == ("2", "1")
    assert shown[5].count("│") == 2, "the axis and the crosshair"
    assert shown[5].count("┊") == 1
    assert shown[-1].endswith("500 steps")


def test_lines_that_end_together_are_named_below_each_other() -> None:
    lines = [Series(str(n), np.array([1, 9]), np.array([0.5, 1.0]), Style()) for n in range(3)]
    drawn = text(line_chart(lines, (0, 9), 40, 5, PALETTE, quantity, values=(0.0, 1.0)))
    assert sorted(line[-1] for line in drawn[:3]) == ["0", "1", "2"]
    assert text(line_chart(lines, (0, 9), 40, 3, PALETTE, quantity, values=(0.0, 1.0)))[1].endswith("+")
    assert len(line_chart([], (0, 9), 40, 5, PALETTE, quantity)) == 5
    assert len(line_chart([Series("n", np.empty(0), np.empty(0), Style())], (0, 9), 40, 5, PALETTE, quantity)) == 5


# What is drawn


def test_y_is_logarithmic_or_linear_as_wanted() -> None:
    known = screen_data.history(800)
    assert "log" not in text(drawn(view(known), y="linear"))[-1]
    assert any(line.startswith("  0.8┤") for line in text(drawn(view(known), y="linear", curves="raw")))
    assert text(drawn(view(known), y="log"))[-1].startswith("log y")


def test_a_curve_of_zeros_alone_is_never_on_a_logarithmic_axis() -> None:
    assert not text(drawn(view(long_run(np.zeros(100))), y="log"))[-1].startswith("log")
    assert text(drawn(view(long_run(np.full(100, 0.25))), y="log"))[-1].startswith("log")


def test_a_logarithmic_axis_within_one_decade_names_its_ends() -> None:
    losses = np.linspace(0.2, 0.8, 1000)
    lines = text(drawn(view(long_run(losses)), y="log", curves="raw"))
    assert lines[1].startswith("  0.8┤")
    assert sum("┤" in line for line in lines) == 2


def test_the_mean_is_drawn_on_its_band_and_the_values_on_a_key() -> None:
    known, palette = view(screen_data.history(2500)), replace(PALETTE, band=Style(bgcolor="#203040"), coloured=True)
    record = CurveCache()
    record.follow(known.history)
    shaded = {
        curves: {segment.style.bgcolor for line in lines[1:] for segment in line if segment.style}
        for curves in ("mean", "raw")
        for lines in [draw_curves(known, record, 76, 19, palette, CurveOptions(curves=curves), zoomed=True)]
    }
    assert palette.band.bgcolor in shaded["mean"]
    assert palette.band.bgcolor not in shaded["raw"]
    dotted = draw_curves(known, record, 76, 19, replace(palette, tones="none"), CurveOptions(), zoomed=True)
    assert not set("▀▄") & set("".join(text(dotted)))
    shown = text(drawn(known))
    assert any(re.search(r"[⠀-⣿]loss 0[.]\d+ ", line) for line in shown), "labels stand where lines end"
    assert any(line.endswith("guess") and "╌" in line for line in shown)
    alone = text(drawn(view(known.history, benchmark="own-loop")))
    assert not any("guess" in line for line in alone), "what its loss means is not known"


def test_a_warning_is_marked_at_its_step() -> None:
    known = screen_data.history(2500).apply(Warned(2, 1500, 0.0, "drowned", "-"))
    line = text(drawn(view(known)))[1]
    assert abs(line.index("▲") - (6 + 1500 * 58 // 5000)) <= 1


def test_other_quantities_are_drawn_below_the_loss() -> None:
    known = screen_data.history(2500)
    for step in (500, 1500, 2400):
        known = known.apply(Measured(step, 2, GRADIENT_NORM, (step / 100,)))
    record = CurveCache()
    record.follow(known)
    lines = text(draw_curves(view(known), record, 76, 24, PALETTE, CurveOptions(), True, GRADIENT_NORM))
    assert len(lines) == 24
    assert any("|g| 24  norm of the gradient" in line for line in lines)
    assert text(draw_curves(view(known), record, 76, 24, PALETTE, CurveOptions(), True, "learning rate")) == text(
        drawn(view(known), 76, 24)
    ), "it is not told"


def test_a_change_of_strength_is_marked_with_its_value() -> None:
    known = screen_data.history(2500).apply(StrengthChanged(1500, 0.0, 1.0, 2.5))
    lines = text(drawn(view(known)))
    marked = next(line for line in lines if "c=2.5" in line)
    assert abs(marked.index("c") - (6 + 1500 * 58 // 5000)) <= 1
    outside = text(drawn(view(known, Viewport(steps=(2000, 3000)))))
    assert not any("c=2.5" in line for line in outside)


def test_many_changes_of_strength_keep_their_marks() -> None:
    known = screen_data.history(2500)
    for step in range(1000, 2200, 200):
        known = known.apply(StrengthChanged(step, 0.0, 1.0, 2.5))
    row = next(line for line in text(drawn(view(known))) if "c=2.5" in line)
    assert row.count("·") == 5
    assert row.rstrip().endswith("c=2.5")


def test_the_strength_of_a_step_is_that_of_the_last_change_before_it() -> None:
    known = screen_data.history(2500)
    assert known.strength(view(known).config, 7) == 1.0
    known = known.apply(StrengthChanged(100, 0.0, 3.0, 2.0)).apply(StrengthChanged(200, 0.0, 2.0, 0.5))
    steps = (1, 100, 101, 200, 201, 2500)
    assert [known.strength(view(known).config, step) for step in steps] == [3.0, 3.0, 2.0, 2.0, 0.5, 0.5]


def test_the_crosshair_reads_exact_values() -> None:
    known = with_epochs(screen_data.history(2500), 100)
    known = known.apply(StrengthChanged(1200, 0.0, 1.0, 2.5))
    lines = text(drawn(view(known, Viewport(cursor=1234)), 90))
    loss, penalty = known.curve.losses()[1233], known.curve.penalties()[1233]
    assert lines[0] == f"step 1,234 (task 2, epoch 2.3, 2.5 s): loss {loss:.6g}, penalty {penalty:.6g}, c=2.5"
    assert all(line[6 + 1233 * 72 // 5000] not in "┊ " for line in lines[1:8])


def test_a_learning_rate_that_changes_is_read_beside_the_loss() -> None:
    """The newest; at the crosshair, that of its step."""
    known = screen_data.history(2500)
    assert "lr" not in text(drawn(view(known), 90))[0]
    for step, rate in ((1200, 0.01), (2500, 0.0025)):
        known = known.apply(Measured(step, 1, LEARNING_RATE, (rate,)))
    assert text(drawn(view(known), 90))[0].endswith("   lr 0.0025")
    assert text(drawn(view(known, Viewport(cursor=1234)), 90))[0].endswith(", lr 0.01")
    assert "lr" not in text(drawn(view(known, Viewport(cursor=1000)), 90))[0]
    assert not text(drawn(view(known), 24, zoomed=False))[0].endswith("lr 0.0025")


@pytest.mark.parametrize("width", [20, 30, 36, 50, 76, 150])
def test_the_readout_is_as_long_as_there_is_room(width: int) -> None:
    known = with_epochs(screen_data.history(2500), 100)
    line = text(drawn(view(known, Viewport(cursor=1234)), width, 8, zoomed=False))[0]
    assert len(line) <= max(width, len("1,234 L 0.217 P 0.00181"))
    assert line.startswith(("1,234 ", "1,234:", "step 1,234"))


def test_a_step_that_is_not_trained_yet_says_so() -> None:
    assert text(drawn(view(screen_data.history(1000), Viewport(cursor=3000))))[0] == "step 3,000: not trained yet"


def test_a_zoomed_pane_lists_the_penalty_by_layer() -> None:
    known = with_layers(screen_data.history(2500), 3, 2500)
    lines = text(drawn(view(known), 76, 19))
    assert lines[-4] == "Penalty by layer at step 2,500"
    assert lines[-3].startswith("fc1.weight   0.001   17 %  ━")
    assert lines[-1].startswith("fc3.weight   0.003   50 %  ━")
    assert not any("Penalty by layer" in line for line in text(drawn(view(known), 36, 19, zoomed=False)))


def test_before_the_first_penalty_there_is_none_by_layer() -> None:
    known = with_layers(screen_data.history(2500), 3, 2500)
    assert layer_penalties(view(known, Viewport(cursor=2499))) == (0, [])
    assert layer_penalties(view(known, Viewport(cursor=2500)))[0] == 2500
    lines = text(drawn(view(known, Viewport(cursor=2499)), 76, 19))
    assert lines[-1] == "Penalty by layer: none at this step"
    places = [layout(view(known, Viewport(cursor=cursor)), 76, 19, zoomed=True) for cursor in (2499, 2500)]
    assert places[0] == places[1], "the chart stays where it is while the crosshair moves"


def test_penalties_by_layer_without_a_probe_are_not_shown() -> None:
    """A stranger's log may have them, as its step had no probe."""
    known = screen_data.history(0).after([Measured(0, 0, LAYER_PENALTIES, (1.0,))])
    assert layer_penalties(view(known)) == (0, [])


def test_of_a_hundred_layers_the_largest_are_listed_and_the_others_counted() -> None:
    known = with_layers(screen_data.history(2500), 100, 2500)
    for width, height in ((76, 19), (196, 45)):
        lines = text(drawn(view(known), width, height))
        listed = [line[line.index("layer") :] for line in lines if "layer 1" in line or "layer 9" in line]
        assert listed[0].startswith("layer 100")
        assert len(lines) == height
        more = next(line for line in lines if "more" in line)
        names = sum("layer " in line for line in lines) - 1
        assert f"and {100 - names} more" in more


@pytest.mark.parametrize("curves", ["mean", "raw"])
@pytest.mark.parametrize(
    ("method", "penalty", "there"),
    [("replay", 0.0, False), ("none", 0.0, False), ("lwf", 0.0, False), ("lwf", 0.2, True), ("si", 0.0, True)],
)
def test_a_penalty_that_does_not_exist_has_no_curve(method: str, penalty: float, there: bool, curves: str) -> None:
    losses = np.linspace(0.9, 0.3, 300).tolist()
    known = replace(long_run(np.array(losses), 3), curve=curve(losses, [penalty] * 300, elapsed=0.3))
    for zoomed in (False, True):
        lines = drawn(view(known, method=method), zoomed=zoomed, curves=curves)
        inked = [part for line in lines for part in line if part.style and part.style.color == PALETTE.penalty.color]
        assert bool("".join(part.text for part in inked).strip()) == there


def test_a_layer_whose_penalty_is_not_a_number_is_listed() -> None:
    known = screen_data.history(2500).after(probed(2, 2500, (0.9,) * 3, (0.1, math.nan, 0.2)))
    assert any("nan" in line for line in text(drawn(view(known))))


def test_a_wide_zoomed_pane_shows_the_task_in_training_alone() -> None:
    known = with_layers(screen_data.history(2500), 3, 2500)
    lines = text(drawn(view(known), 196, 45))
    assert "Loss of task 3  2 3" in lines[1]
    assert lines[-1].strip()
    at_cursor = text(drawn(view(known, Viewport(cursor=1200)), 196, 45))
    assert "Loss of task 2  1 7" in at_cursor[1]
    without = text(drawn(view(screen_data.history(2500)), 196, 45))
    assert not any("Penalty by layer" in line for line in without)


def test_a_hundred_tasks_and_a_million_steps_stay_readable() -> None:
    losses = np.tile(np.exp(-np.arange(10_000) / 2000), 100)
    known = long_run(losses, tasks=100)
    lines = text(drawn(view(known), 76, 19))
    numbers = [int(number) for number in lines[-2].split()]
    assert numbers == list(range(10, 101, 10))
    assert lines[5].count("┊") <= 10
    near = text(drawn(view(known, Viewport(cursor=512_345, steps=(512_300, 512_400))), 76, 19))
    assert near[-2].split() == ["52"]
    assert near[0].startswith("step 512,345 (task 52, 512.3 s): loss")


@pytest.mark.parametrize("zoomed", [True, False])
@pytest.mark.parametrize("width", [4, 12, 26, 36, 76, 119, 120, 196])
def test_every_line_fits_its_pane(width: int, zoomed: bool) -> None:
    many = with_layers(screen_data.history(4050, tasks=60, steps=100), 100, 4050)
    many = many.apply(StrengthChanged(3000, 0.0, 1.0, 2.5))
    viewports = (
        Viewport(),
        Viewport(cursor=1),
        Viewport(cursor=4050, steps=(4040, 4060)),
        Viewport(cursor=9, steps=(99_000, 99_999)),
    )
    for known in (many, screen_data.history(50)):
        for height in (1, 2, 4, 8, 13, 14, 19, 45):
            for viewport in viewports:
                lines = text(drawn(view(known, viewport), width, height, zoomed))
                assert len(lines) <= max(height, 3)
                if width >= (36 if zoomed else 26):
                    assert max(map(len, lines)) <= width


# Keys


async def focused(watched: Watched, zoomed: bool = False) -> CurvesPane:
    pane = watched.monitor.query_one(CurvesPane)
    watched.monitor.set_focus(pane)
    if zoomed:
        await watched.press("z")
    return pane


@pytest.mark.parametrize("zoomed", [True, False])
async def test_arrows_move_the_crosshair_by_columns_and_by_steps(tmp_path: Path, zoomed: bool) -> None:
    async with watching(tmp_path) as watched:
        pane = await focused(watched, zoomed)
        columns = layout(pane.view, *pane.size, zoomed).plot_width
        await watched.press("left")
        assert watched.monitor.viewport == Viewport(cursor=2500)
        seen = [2500]
        for key in ("left", "right", "shift+left", "shift+right", "ctrl+left", "ctrl+right"):
            await watched.press(key)
            cursor = watched.monitor.viewport.cursor
            assert cursor is not None
            seen.append(cursor)
        moves = [after - before for before, after in pairwise(seen)]
        width = 5000 / columns
        by_column = [abs(move) / width for move in moves[:4]]
        assert by_column == pytest.approx([1, 1, 10, 10], abs=1.1)
        assert [move > 0 for move in moves] == [False, True, False, True, False, True]
        assert moves[4:] == [-1, 1]
        assert f"{seen[-1]:,}" in watched.text(CurvesPane).splitlines()[0]
        assert pane.view is not None


async def test_the_crosshair_stops_at_both_ends_and_says_so(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await focused(watched)
        await watched.press("right", "right")
        assert watched.notice == "Step 2,500 is the newest"
        await watched.press(*["shift+left"] * 4, "ctrl+left", "ctrl+left")
        assert watched.monitor.viewport.cursor == 1
        assert watched.notice == "Step 1 is the first"


async def test_escape_removes_the_crosshair_then_the_zoomed_axis(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await focused(watched)
        await watched.press("left", "plus", "escape")
        assert watched.monitor.viewport.cursor is None
        assert watched.monitor.viewport.steps is not None
        await watched.press("escape")
        assert watched.monitor.viewport == Viewport()
        assert watched.text(CurvesPane).startswith("L ")


@pytest.mark.parametrize(("closer", "farther"), [("plus", "minus"), ("equals_sign", "minus"), ("up", "down")])
async def test_zooming_keeps_the_newest_step_where_it_is(tmp_path: Path, closer: str, farther: str) -> None:
    async with watching(tmp_path) as watched:
        await focused(watched)
        await watched.press(closer)
        assert watched.monitor.viewport.steps == (1250, 3750)
        await watched.press(closer)
        assert watched.monitor.viewport.steps == (1875, 3125)
        await watched.press(farther, farther)
        assert watched.monitor.viewport.steps is None
        await watched.press(farther)
        assert watched.notice == "This is the whole run"


async def test_zooming_goes_around_the_crosshair_down_to_a_few_steps(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await focused(watched, zoomed=True)
        await watched.press("left", *["shift+left"] * 2)
        cursor = watched.monitor.viewport.cursor
        assert cursor is not None
        await watched.press(*["plus"] * 10)
        assert watched.monitor.viewport.steps is not None
        first, last = watched.monitor.viewport.steps
        assert last - first == 16
        assert first < cursor <= last
        assert watched.notice == "16 steps: cannot zoom in further"
        await watched.press("right")
        assert watched.monitor.viewport.cursor == cursor + 1


async def test_the_window_follows_a_crosshair_that_leaves_it(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await focused(watched, zoomed=True)
        await watched.press("left", *["plus"] * 6)
        for key in ("shift+left", "shift+right"):
            for _ in range(12):
                await watched.press(key)
                viewport = watched.monitor.viewport
                assert viewport.steps is not None
                assert viewport.cursor is not None
                assert viewport.steps[0] < viewport.cursor <= viewport.steps[1]
                assert viewport.steps[1] - viewport.steps[0] == 78


async def test_pages_move_the_window(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await focused(watched)
        await watched.press("pageup")
        assert watched.notice == "The whole run is shown: + zooms in"
        await watched.press("plus", "pageup")
        assert watched.monitor.viewport.steps == (0, 2500)
        await watched.press("pageup")
        assert watched.notice == "The run begins here"
        await watched.press("pagedown", "pagedown")
        assert watched.monitor.viewport.steps == (2500, 5000)
        await watched.press("pagedown")
        assert watched.notice == "The run ends here"


async def test_home_shows_the_whole_run(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await focused(watched)
        await watched.press("plus", "left", "home")
        assert watched.monitor.viewport == Viewport()
        await watched.press("home")
        assert watched.notice == "This is the whole run, up to the newest step"


async def test_o_shows_one_task_alone_and_the_whole_run_again(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await focused(watched)
        await watched.press("o")
        assert watched.monitor.viewport.steps == (2000, 3000)
        assert watched.notice == "Only task 3: 2 3"
        await watched.press("o")
        assert watched.monitor.viewport.steps is None
        await watched.press("left", "shift+left", "o")
        assert watched.monitor.viewport.steps == (0, 1000)


async def test_y_goes_through_the_scales(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        pane = await focused(watched)
        for scale, said in (
            ("log", "y axis: logarithmic"),
            ("linear", "y axis: linear, from 0"),
            ("auto", "y axis: chosen to fit"),
        ):
            await watched.press("y")
            assert pane.options.y == scale
            assert watched.notice == said
            assert ("log axis" in watched.text(CurvesPane)) == (scale != "linear")


async def test_u_goes_through_the_units(tmp_path: Path) -> None:
    async with watching(tmp_path, known=with_epochs(screen_data.history(2500))) as watched:
        pane = await focused(watched)
        for unit in ("epochs", "seconds", "steps"):
            await watched.press("u")
            assert pane.options.x == unit
            assert unit in watched.text(CurvesPane).splitlines()[-1]
            assert unit in watched.notice


async def test_u_says_where_epochs_are_not_known(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        pane = await focused(watched)
        await watched.press("u")
        assert pane.options.x == "seconds"
        assert "did not record how long an epoch is" in watched.notice


async def test_m_shows_the_values_and_then_the_mean(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        pane = await focused(watched, zoomed=True)
        await watched.press("m")
        assert pane.options.curves == "raw"
        assert watched.notice == "The values, from the smallest to the largest"
        assert "m raw" in pane.subtitle(pane.view)
        await watched.press("m")
        assert pane.options.curves == "mean"
        assert "a band of 80 % of the values" in watched.notice


async def test_h_adds_what_the_run_tells(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await focused(watched, zoomed=True)
        await watched.press("h")
        assert "tells no learning rate" in watched.notice
        watched.engine.tell(Measured(2500, 2, GRADIENT_NORM, (3.25,)))
        await watched.settle()
        await watched.press("h")
        assert "Below the loss: norm of the gradient" in watched.notice
        assert "|g| 3.25" in watched.text(CurvesPane)
        await watched.press("h")
        assert "The loss alone" in watched.notice


async def test_a_changed_look_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[CurveOptions] = []
    monkeypatch.setattr(
        MonitorScreen,
        "on_curves_pane_options_changed",
        lambda self, message: told.append(message.options),
        raising=False,
    )
    async with watching(tmp_path) as watched:
        await focused(watched)
        await watched.press("y", "m", "plus", "left")
    assert told == [CurveOptions(y="log"), CurveOptions(y="log", curves="raw")]


KEYS = tuple(binding.key for binding in Binding.make_bindings(CurvesPane.BINDINGS))


@pytest.mark.parametrize("key", [key for key in KEYS if key not in ("y", "u", "m")])
async def test_before_the_first_step_a_key_says_why_it_does_nothing(tmp_path: Path, key: str) -> None:
    async with watching(tmp_path, known=History()) as watched:
        await focused(watched)
        watched.monitor.forget_reply()
        await watched.press(key)
        assert "No step has been taken yet" in watched.notice or (key == "home" and "whole run" in watched.notice)
        assert watched.monitor.viewport == Viewport()


@pytest.mark.parametrize("key", KEYS)
async def test_every_key_is_explained_and_changes_the_screen_or_says_why_not(tmp_path: Path, key: str) -> None:
    bindings = {binding.key: binding for binding in Binding.make_bindings(CurvesPane.BINDINGS)}
    assert bindings[key].tooltip
    async with watching(tmp_path) as watched:
        await focused(watched, zoomed=True)
        before = watched.text(CurvesPane), watched.notice
        await watched.press(key)
        assert (watched.text(CurvesPane), watched.notice) != before


# The mouse


async def test_a_click_and_a_drag_put_the_crosshair_under_the_mouse(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        pane = await focused(watched, zoomed=True)
        assert pane.view is not None
        columns, left = layout(pane.view, *pane.size, True).plot_width, 1 + 6
        await watched.pilot.mouse_down(CurvesPane, offset=(left + 10, 4))
        await watched.settle()
        assert watched.monitor.viewport.cursor == pytest.approx(10.5 * 5000 / columns, abs=45)
        await watched.pilot.hover(CurvesPane, offset=(left + 20, 5))
        await watched.settle()
        assert watched.monitor.viewport.cursor == pytest.approx(20.5 * 5000 / columns, abs=45)
        await watched.pilot.mouse_up(CurvesPane, offset=(left + 20, 5))
        await watched.pilot.hover(CurvesPane, offset=(left + 5, 5))
        await watched.settle()
        assert watched.monitor.viewport.cursor == pytest.approx(20.5 * 5000 / columns, abs=45), "not pressed any more"


async def test_a_click_ahead_of_the_run_reads_the_newest_step_and_one_beside_the_plot_nothing(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await focused(watched, zoomed=True)
        await watched.pilot.click(CurvesPane, offset=(3, 4))
        await watched.settle()
        assert watched.monitor.viewport.cursor is None
        await watched.pilot.click(CurvesPane, offset=(60, 4))
        await watched.settle()
        assert watched.monitor.viewport.cursor == 2500


async def turn(watched: Watched, wheel: type[Any], cell: int, shift: bool = False) -> None:
    await watched.pilot._post_mouse_events([wheel], CurvesPane, offset=(2 + 6 + cell, 4), shift=shift)
    await watched.settle()


async def test_the_wheel_looks_closer_around_the_mouse(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await focused(watched, zoomed=True)
        await turn(watched, MouseScrollUp, 29)
        assert watched.monitor.viewport.steps == pytest.approx((1250, 3750), abs=60)
        await turn(watched, MouseScrollUp, 29)
        assert watched.monitor.viewport.steps == pytest.approx((1875, 3125), abs=60)
        await turn(watched, MouseScrollDown, 29)
        await turn(watched, MouseScrollDown, 29)
        assert watched.monitor.viewport.steps is None
        await turn(watched, MouseScrollDown, 29)
        assert watched.monitor.viewport.steps is None


@pytest.mark.parametrize(
    ("earlier", "later", "shift"),
    [(MouseScrollLeft, MouseScrollRight, False), (MouseScrollUp, MouseScrollDown, True)],
)
async def test_the_wheel_goes_sideways(tmp_path: Path, earlier: type[Any], later: type[Any], shift: bool) -> None:
    async with watching(tmp_path) as watched:
        await focused(watched, zoomed=True)
        await watched.press("plus")
        await turn(watched, later, 5, shift)
        assert watched.monitor.viewport.steps == (1562, 4062)
        await turn(watched, earlier, 5, shift)
        assert watched.monitor.viewport.steps == (1250, 3750)


# Data


def test_data_are_the_steps_in_sight() -> None:
    known = with_epochs(screen_data.history(2500), 100).apply(StrengthChanged(1998, 0.0, 1.0, 2.0))
    rows = CurvesPane().data(view(known, Viewport(steps=(1997, 2003))))
    assert [row["step"] for row in rows] == [1998, 1999, 2000, 2001, 2002, 2003]
    assert [row["task"] for row in rows] == [2, 2, 2, 3, 3, 3]
    assert [row["strength"] for row in rows] == [1.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    assert rows[0] == {
        "step": 1998,
        "task": 2,
        "epoch": 10,
        "seconds": pytest.approx(3.996),
        "loss": known.curve.losses()[1997],
        "penalty": known.curve.penalties()[1997],
        "strength": 1.0,
    }
    assert len(CurvesPane().data(view(known))) == 2500
    assert CurvesPane().data(view(known, Viewport(steps=(3000, 4000)))) == []
    assert CurvesPane().data(view(History())) == []


def test_data_have_the_columns_of_an_export_with_the_same_meaning() -> None:
    """``epoch`` was whole in one and a fraction in the other."""
    known = with_epochs(screen_data.history(2500), 100)
    exported = list(csv.DictReader(io.StringIO(CSV_FILES["curves.csv"](view(known).config, known))))
    copied = list(csv.DictReader(io.StringIO(csv_text(CurvesPane().data(view(known))))))
    assert copied == exported
    assert [copied[step - 1]["epoch"] for step in (1, 100, 101, 1000, 1001)] == ["1", "1", "2", "10", "1"]


async def test_data_of_very_many_steps_are_what_the_columns_show(tmp_path: Path) -> None:
    losses = np.random.default_rng(0).uniform(size=MOST_ROWS + 1000)
    async with watching(tmp_path, known=long_run(losses)) as watched:
        pane = await focused(watched)
        assert pane.view is not None
        rows = pane.data(pane.view)
        assert 50 < len(rows) < 100
        assert (rows[0]["first_step"], rows[-1]["last_step"]) == (1, MOST_ROWS + 1000)
        assert [row["first_step"] for row in rows[1:]] == [int(str(row["last_step"])) + 1 for row in rows[:-1]]
        assert rows[0]["highest_loss"] == losses[: int(str(rows[0]["last_step"]))].max()
        near = replace(pane.view, viewport=Viewport(steps=(50, 60)))
        assert len(pane.data(near)) == 10


# Whatever is pressed


SIZES = [(80, 24), (60, 18), (40, 12), (200, 50)]
ACTIONS = st.one_of(
    st.sampled_from([*KEYS, "z", "escape"]),
    st.sampled_from(SIZES),
    st.sampled_from(["data", "back"]),
    st.tuples(st.sampled_from([MouseScrollUp, MouseScrollDown, MouseScrollLeft]), st.integers(0, 25)),
)


@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(ACTIONS, min_size=5, max_size=25))
async def test_any_sequence_of_keys_sizes_and_data_never_raises_and_data_moves_nothing(
    tmp_path_factory: pytest.TempPathFactory, actions: list[Any]
) -> None:
    longer = with_layers(with_epochs(screen_data.history(2500)), 3, 2500)
    folder = tmp_path_factory.mktemp("curves")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CL_TUI_CONFIG_DIR", str(folder / "preferences"))
        async with watching(folder, known=with_epochs(screen_data.history(700))) as watched:
            pane = await focused(watched)
            for action in actions:
                await act(watched, pane, action)
            watched.engine.known = longer
            await watched.settle()


async def act(watched: Watched, pane: CurvesPane, action: Any) -> None:
    if action == "data":
        await data_arrives(watched, pane)
    elif action == "back":
        watched.engine.known = with_epochs(screen_data.history(300))
        await watched.settle()
    elif action in SIZES:
        await watched.pilot.resize_terminal(*action)
        await watched.settle()
    elif isinstance(action, tuple):
        if pane.size.width > 40 and pane.region.height:
            await turn(watched, *action)
    else:
        await watched.press(action)


async def data_arrives(watched: Watched, pane: CurvesPane) -> None:
    """Fifty steps more; where one looks stays, and so does what each recorded step's place is."""
    viewport = watched.monitor.viewport
    before = pane.view
    assert before is not None
    known = watched.engine.known
    watched.engine.tell(StepsTaken(known.step + 50, known.elapsed + 0.1, (0.3,) * 50, (0.1,) * 50))
    await watched.settle()
    assert watched.monitor.viewport == viewport
    if viewport.steps is not None:
        assert pane.view is not None
        assert seen_steps(pane.view) == seen_steps(before)
    if viewport.cursor is not None and viewport.cursor <= known.step and pane.size:
        values = f"{known.curve.losses()[viewport.cursor - 1]:.3g}"
        assert values[:4] in watched.text(CurvesPane) or pane.size.width < 30


@pytest.mark.parametrize("unit", ["steps", "epochs", "seconds"])
def test_what_is_drawn_of_the_steps_in_sight_stays_while_data_arrive(unit: str) -> None:
    """Cell by cell, in a window that lies behind the newest step."""
    viewport = Viewport(cursor=450, steps=(300, 600))
    early = with_epochs(screen_data.history(700))
    late = with_epochs(screen_data.history(2500))
    assert drawn(view(early, viewport), 36, 8, zoomed=False, x=unit) == drawn(
        view(late, viewport), 36, 8, zoomed=False, x=unit
    )


def test_time_axis_of_the_whole_run_stays_while_data_arrive() -> None:
    early, late = (time_axis(screen_data.history(until), (0, 5000), "steps", 140) for until in (700, 2500))
    np.testing.assert_array_equal(early.edges, late.edges)


def test_columns_are_empty_where_nothing_is_trained() -> None:
    found = exact_columns(np.ones(10), steps_axis((20, 40), 8).edges)
    assert np.isnan(found.lows).all()


async def test_keys_are_taken_faster_than_the_screen_follows(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        pane = await focused(watched)
        pane.action_crosshair("columns", -1)
        for _ in range(5):
            pane.action_crosshair("steps", -1)
        await watched.settle()
        assert watched.monitor.viewport.cursor == 2495


async def test_the_crosshair_of_another_pane_is_drawn_here(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        pane = watched.monitor.query_one(CurvesPane)
        watched.monitor.post_message(pane.ViewportChanged(Viewport(cursor=1234)))
        await watched.settle()
        assert "1,234" in watched.text(CurvesPane).splitlines()[0]


async def test_the_pane_says_how_it_looks_where_it_is_zoomed(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        pane = await focused(watched)
        assert str(pane.border_subtitle or "") == ""
        await watched.press("plus")
        assert pane.border_subtitle == "steps 1,251–3,750"
        await watched.press("z")
        assert pane.border_subtitle == "y auto · u steps · m mean · + − steps 1,251–3,750"
