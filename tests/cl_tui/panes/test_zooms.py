"""What the zoomed tasks, accuracy and importance say, and what their keys do, now and at the crosshair's step."""

import itertools
import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.style import Style

from cl_tui.charts.colour_scale import sign_at
from cl_tui.charts.style import Line, Palette, Tones
from cl_tui.panes.accuracy.pane import AccuracyPane
from cl_tui.panes.accuracy.zoomed import draw_accuracies
from cl_tui.panes.as_of import AccuracyTable, as_of, importance_as_of
from cl_tui.panes.base import Pane
from cl_tui.panes.forgotten.pane import ForgottenPane
from cl_tui.panes.importance.modules import grouped, partition
from cl_tui.panes.importance.pane import ImportancePane, draw_importance
from cl_tui.panes.importance.zoomed import LayerOptions, draw_layers
from cl_tui.panes.tasks.lines import draw_tasks
from cl_tui.panes.tasks.pane import TasksPane
from cl_tui.panes.tasks.zoomed import draw_histories, task_rows
from cl_tui.panes.view import View, Viewport
from cl_tui.reports import text as words
from engine.record.events import (
    Event,
    ImportanceMeasured,
    LayerHistogram,
    RunFinished,
    RunStarted,
    StepsTaken,
    TaskInfo,
    TaskStarted,
)
from engine.record.history import History
from engine.record.series import Series
from engine.settings.run import resolve
from tests import screen_data
from tests.cl_tui.screens.test_monitor import Watched, watching
from tests.told import ended, evaluated, probed

STEPS = 1000
PALETTE = Palette(
    muted=Style(dim=True),
    importance=Style(color="magenta"),
    bad=Style(color="red"),
    caution=Style(color="yellow"),
    good=Style(color="green"),
)


def accuracy(task: int, during: int, share: float) -> float:
    """A task is learned within its steps; then each switch costs it six points for a while, and one for good."""
    if task == during:
        return 0.5 + 0.49 * (1 - math.exp(-5 * share))
    return max(0.0, 0.99 - 0.01 * (during - task) - (0.05 if share < 0.2 else 0.0))


def importance(task: int, step: int, running: bool, layers: int) -> ImportanceMeasured:
    """Ω grows with the tasks: the bins of each task reach ten times as far as those of the one before."""
    found = tuple(
        LayerHistogram(
            name=f"fc{n // 2 + 1}.{'bias' if n % 2 else 'weight'}",
            size=400 + n,
            zeros=40 * n % 400,
            mean=1e-3 * (n + 1),
            counts=tuple(int(400 * math.exp(-((i - 25 + n) ** 2) / 18)) for i in range(40)),
            top=0.25,
        )
        for n in range(layers)
    )
    return ImportanceMeasured(task, step, running, 1e-8 * 10**task, 1e2 * 10**task, found)


def events(tasks: int = 5, layers: int = 3, probes: int = 10, asked: bool = False) -> Iterator[Event]:
    names = ("0 8", "1 7", "2 3", "4 9", "5 6")
    infos = tuple(TaskInfo(names[task % 5], STEPS, 2) for task in range(tasks))
    yield RunStarted(0.0, infos, "cpu", 1, {}, "", (2000,) * tasks, (600,) * tasks)
    for task in range(tasks):
        yield TaskStarted(task, task * STEPS)
        for probe in range(1, probes + 1):
            step = task * STEPS + probe * STEPS // probes
            row = tuple(accuracy(j, task, probe / probes) for j in range(task + 1))
            yield StepsTaken(step, step / 500, (0.1,) * (STEPS // probes), (0.01,) * (STEPS // probes))
            yield from probed(task, step, row)
            if asked and probe == 3:
                yield from evaluated(task, step, tuple(value + 0.001 for value in row))
            if probe == probes // 2:
                yield importance(task, step, True, layers)
        yield importance(task, (task + 1) * STEPS, False, layers)
        row = tuple(accuracy(j, task, 1) for j in range(task + 1))
        yield from ended(task, (task + 1) * STEPS, (task + 1) * 2.0, row, row)
    yield RunFinished(tasks * STEPS, 0.0, tasks * 2.0)


def told(*, until: int | None = None, **run: int | bool) -> History:
    """What is known once step ``until`` has been told of; of the whole run by default."""
    known = History()
    for event in events(**run):
        if until is not None and getattr(event, "step", 0) > until:
            break
        known = known.apply(event)
    return known


def view(history: History, viewport: Viewport = Viewport(), **settings: object) -> View:  # noqa: B008 (frozen)
    config = resolve({"method": "si", "device": "cpu", **settings})
    return View("calm-otter", config, history, "training", viewport=viewport)


def text(lines: list[Line]) -> list[str]:
    return ["".join(segment.text for segment in line) for line in lines]


def histories(history: History, width: int = 76, height: int = 18, viewport: Viewport = Viewport()) -> list[str]:  # noqa: B008
    return text(draw_histories(view(history, viewport), AccuracyTable(), width, height, PALETTE))


def matrix(history: History, width: int = 76, height: int = 18, viewport: Viewport = Viewport()) -> list[str]:  # noqa: B008
    return text(draw_accuracies(view(history, viewport), AccuracyTable(), width, height, PALETTE))


def layers(history: History, width: int = 76, height: int = 18, **look: object) -> list[str]:
    return text(draw_layers(history, LayerOptions(**look), width, height, PALETTE))  # type: ignore[arg-type]


# What was known at a step


@pytest.mark.parametrize("step", [0, 1, 99, 100, 300, 999, 1000, 1001, 1100, 2550, 3999, 4000, 4999, 5000, 9999])
def test_what_was_known_at_a_step_is_what_was_told_until_then(step: int) -> None:
    known, then = as_of(told(asked=True), step), told(until=step, asked=True)
    assert known.matrix == then.matrix
    assert known.probes == then.probes
    assert known.evaluations == then.evaluations
    assert known.importances == then.importances
    assert known.accuracies == then.accuracies
    measured = importance_as_of(told(), step)
    assert measured == (then.importances[-1] if then.importances else None)
    assert known.task == min(step // STEPS, 5)


def test_without_a_crosshair_everything_is_known() -> None:
    history = told(until=2500)
    assert as_of(history, None) is history
    assert as_of(history, 2500) is history
    assert as_of(History(), 3) == History()


def test_a_running_importance_is_known_from_its_step_on() -> None:
    history = told(until=2700)
    assert history.importance is not None
    assert history.importance.running
    assert importance_as_of(history, 2500) is history.importance
    assert importance_as_of(history, 2499) is history.importances[1]


def test_looks_told_bit_by_bit_are_the_looks_told_at_once() -> None:
    table, known, kept = AccuracyTable(), History(), []
    for event in events(asked=True):
        known = known.apply(event)
        if known.tasks:
            looks = table.looks(known)
            kept.append((looks, looks.accuracies.copy()))
    whole = AccuracyTable().looks(known)
    assert len(whole) == 5 * (10 + 1 + 1)
    for name in ("steps", "during", "ended", "accuracies"):
        np.testing.assert_array_equal(getattr(looks, name), getattr(whole, name))
    assert (np.diff(whole.steps) >= 0).all()
    assert whole.steps[whole.ended].tolist() == [1000, 2000, 3000, 4000, 5000]
    for looks, copy in kept:
        np.testing.assert_array_equal(looks.accuracies, copy)


def test_what_is_kept_is_drawn_again_only_for_new_looks_or_another_key() -> None:
    table, drawn, whole = AccuracyTable(), [], told()

    def draw() -> list[Line]:
        drawn.append(1)
        return []

    for key, step, times in (("a", 1500, 1), ("a", 1550, 1), ("b", 1550, 2), ("b", 1600, 3), ("b", 1600, 3)):
        table.looks(as_of(whole, step))
        table.kept(key, draw)
        assert len(drawn) == times


def test_a_crosshair_in_a_matrix_of_signs_cuts_it_off() -> None:
    history, table = told(tasks=60), AccuracyTable()
    past = text(draw_accuracies(view(history, Viewport(cursor=40_250)), table, 76, 30, PALETTE))
    now = next(line for line in past if line.startswith("now "))
    assert (
        now[4:]
        == "".join(sign_at(table.scale(view(history)).fraction(value)) for value in told(tasks=60, until=40_250).probe)
        + 19 * "·"
    )
    assert len(table.looks(history)) == 60 * 11


def test_looks_begin_anew_where_a_replay_goes_back() -> None:
    table = AccuracyTable()
    table.looks(told())
    assert len(table.looks(told(until=1500))) == 16
    assert table.looks(told(until=1500)).steps[-1] == 1500
    assert table.ends(told(until=1500)) == (pytest.approx(0.9), 1.0)


# The zoomed tasks


def test_each_task_says_how_low_it_was_and_when() -> None:
    lines = histories(told())
    first = next(line for line in lines if line.startswith("✔ 1 0 8 "))
    assert first.split()[-6:] == ["98.7", "98.7", "95.0", "90.0", "in", "5"]
    assert lines[lines.index(first) + 1].endswith("lowest at step 4,100")
    assert lines[lines.index(first) + 2].endswith("dips 5.7 6.0 6.0 6.0")
    assert lines[0].split()[:2] == ["90–100", "%"]
    assert lines[-1].startswith("average 96.9  min-ACC 91.5  worst case 92.9  deepest dip 6.0 of task ")


def test_a_wide_pane_has_everything_of_a_task_in_one_line() -> None:
    first = next(line for line in histories(told(), 150, 18) if line.startswith("✔ 1 0 8 "))
    assert first.split()[-11:] == [
        *("98.7", "98.7", "95.0", "90.0", "in", "5", "4,100"),
        *("5.7", "6.0", "6.0", "6.0"),
    ]


def test_a_task_in_training_has_no_lowest_yet_and_a_waiting_one_nothing() -> None:
    lines = histories(told(until=2500))
    assert next(line for line in lines if line.startswith("▶ 3")).split()[-1] == "95.0"
    assert not any(character.isdigit() for character in next(line for line in lines if line.startswith("  4"))[9:])


def test_the_charts_share_their_axis_and_show_the_dip_after_a_switch() -> None:
    lines = histories(told(tasks=2), 116, 15)
    chart = slice(9, 116 - 36 - 18)
    first = next(line[chart] for line in lines if line.startswith("✔ 1"))
    second = next(line[chart] for line in lines if line.startswith("✔ 2"))
    assert set(second[: len(second) // 2 - 1]) == {" "}, "task 2 has no accuracy while task 1 is trained"
    below = lines[next(n for n, line in enumerate(lines) if line.startswith("✔ 1")) + 1]
    assert "⣀⣀" in first
    assert "⠱⡀  ⢠⠋" in below[chart], "it falls, and comes back"
    assert "┊" in "".join(line[chart] for line in lines[1:-2])


def test_at_the_crosshair_the_tasks_stand_as_they_stood() -> None:
    lines = histories(told(), viewport=Viewport(cursor=1150))
    first = next(line for line in lines if line.startswith("✔ 1"))
    assert first.split()[-6:] == ["98.7", "98.7", "93.0", "93.0", "in", "2"]
    assert any(line.startswith("▶ 2") for line in lines)
    assert any(line.startswith("  3") for line in lines)
    assert sum("│" in line for line in lines) >= 11, "the crosshair crosses all charts"
    assert "min-ACC 93.0" in lines[-1]


def test_the_time_axis_spans_the_steps_that_are_looked_at() -> None:
    assert "1,500" in "".join(histories(told(), viewport=Viewport(steps=(1500, 3500)))[-2])
    assert histories(told(), viewport=Viewport(steps=(1500, 3500)))[-2].rstrip().endswith("3,500 steps")


# The zoomed accuracies


def test_the_zoomed_matrix_has_each_task_s_best() -> None:
    lines = matrix(told(until=2500))
    assert lines[3].split() == ["now", "97.0", "98.0", "95.0", "·", "·"]
    assert lines[6].split() == ["best", "98.7", "98.7", "95.0"]
    assert lines[7].split() == ["lost", "1.7", "0.7"]
    assert "50 chance" in lines[8], "the scale from chance to the best"
    assert lines[9] == "average 96.7 %  forgetting 1.2 points  on 600 test examples per task"
    assert lines[10] == "Over time (%), 600 test examples per task: each task, and their average"
    assert lines[-1].endswith("5,000 steps")


def apart(older: bool = False) -> History:
    """A task has ended, 0.9 on its whole test set and 0.8 on its subset; it stands still while the next one trains."""
    infos = (TaskInfo("0 8", 10, 2), TaskInfo("1 7", 10, 2))
    sizes = () if older else ((2000, 2000), (600, 600))
    known = History().apply(RunStarted(0.0, infos, "cpu", 1, {}, "", *sizes))
    for event in (
        TaskStarted(0, 0),
        StepsTaken(10, 1.0, (0.1,) * 10, (0.0,) * 10),
        *probed(0, 10, (0.8,)),
        *ended(0, 10, 1.0, (0.9,), () if older else (0.8,)),
        TaskStarted(1, 10),
        StepsTaken(15, 1.5, (0.1,) * 5, (0.0,) * 5),
        *probed(1, 15, (0.8, 0.5)),
    ):
        known = known.apply(event)
    return known


def test_what_is_lost_is_told_between_accuracies_on_the_same_examples() -> None:
    """While a task trains, in every pane; a full evaluation is compared with the matrix instead."""
    known = apart()
    lines = matrix(known)
    assert [line.split() for line in lines if "0.0" in line][:2] == [["1", "90.0", "·"], ["now", "80.0", "50.0"]]
    assert next(line.split() for line in lines if line.startswith("lost")) == ["lost", "0.0"]
    (row, _) = task_rows(view(known), AccuracyTable().stability(view(known)))
    assert (row["measured_on"], row["learned"], row["best"], row["now"]) == ("evaluation subset", 0.8, 0.8, 0.8)
    assert row["dip_in_task_2"] == 0.0
    unzoomed = text(draw_tasks(view(known), AccuracyTable(), 76, 10, PALETTE))
    assert any("80.0 →  80.0" in line for line in unzoomed)

    with_whole = known.after(evaluated(1, 15, (0.7, 0.5), (0.6, 0.5)))
    lines = matrix(with_whole)
    assert next(line.split() for line in lines if line.startswith("lost")) == ["lost", "20.0"]
    assert AccuracyTable().stability(view(with_whole)).dips[1, 0] == pytest.approx(0.2)


def test_of_an_older_session_it_is_said_that_unlike_things_are_compared() -> None:
    known = apart(older=True)
    assert "mixed test examples" in "".join(matrix(known, 160, 20))
    (row, _) = task_rows(view(known), AccuracyTable().stability(view(known)))
    assert row["measured_on"] == "mixed test examples"
    assert "older version" in words.probed_caption(known)


def test_in_a_wide_pane_the_curves_stand_beside_the_matrix() -> None:
    lines = matrix(told(), 160, 20)
    assert lines[0].split()[:2] == ["0", "8"]
    assert "Over time (%)" in lines[0]
    assert len(lines) == 20
    assert {line.rstrip("+ ")[-1] for line in lines[1:-1]} >= {"1", "2", "4", "5"}


def test_a_hundred_tasks_become_signs_that_are_explained() -> None:
    lines = matrix(told(tasks=100, until=60_500), 76, 30)
    now = next(line for line in lines if line.startswith("now "))
    cells = now[len("100 ") :]
    assert set(cells) <= set("#x=-' ·")
    assert cells.endswith("·"), "what is not evaluated is a point"
    assert len(cells) == 72, "one cell for each task that fits"
    assert any("50" in line and "#" in line and "100" in line for line in lines), "the scale"
    assert "600 test examples per task: 3 that lost most, newest, average" in "".join(lines)


@pytest.mark.parametrize("width", [76, 106, 256])
@pytest.mark.parametrize("tones", ["full", "four", "none"])
def test_where_there_are_colours_no_letter_stands_in_their_place(width: int, tones: Tones) -> None:
    """In ASCII a row takes a line of its own."""
    known = view(screen_data.history(99_450, tasks=100))
    lines = draw_accuracies(known, AccuracyTable(), width, 30, replace(PALETTE, coloured=True, tones=tones))
    cells = [segment for line in lines[1:20] for segment in line if segment.style and segment.style.bgcolor]
    assert len({segment.style for segment in cells}) >= 4
    assert {letter for segment in cells for letter in segment.text} <= set(" " if tones == "none" else " ▀")


@pytest.mark.parametrize("no_color", [False, True])
async def test_a_terminal_without_colours_gets_letters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_color: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    async with watching(tmp_path, known=screen_data.history(59_450, tasks=60), size=(120, 40)) as watched:
        await watched.press("n", "z")
        shown = watched.text(AccuracyPane)
        assert ("▀" in shown) != no_color
        row = next(line for line in shown.splitlines() if line.startswith("59 " if no_color else "50 "))
        assert (set(row[4:60]) >= {"#", "="}) == no_color


def test_signs_follow_the_accuracy() -> None:
    history = told(tasks=60)
    table, known = AccuracyTable(), view(history)
    rows = text(draw_accuracies(known, table, 76, 30, PALETTE))
    last = next(line for line in rows if line.split()[0] == "60")
    assert last[4:64] == "".join(sign_at(table.scale(known).fraction(value)) for value in history.matrix[-1])


def test_at_the_crosshair_the_matrix_ends_where_it_ended() -> None:
    lines = matrix(told(), viewport=Viewport(cursor=2550))
    assert lines[3].split() == ["now", "97.0", "98.0", "95.0", "·", "·"]
    assert lines[4].split() == ["4", "·", "·", "·", "·", "·"]


# The zoomed importance


def test_every_layer_says_its_zeros_its_top_and_its_mean() -> None:
    lines = layers(told(until=3600))
    assert lines[0].startswith("Ω running in task 4, step 3,500 ")
    assert "[now]" in lines[0]
    found = [line.split() for line in lines if line.startswith("fc")]
    assert [line[0] for line in found] == ["fc1.weight", "fc1.bias", "fc2.weight"]
    assert found[1][-5:] == ["10", "%", "25", "%", "0.002"]
    assert lines[-1].startswith("3 layers ")


def test_the_scrubber_shows_another_task_s_importance() -> None:
    history = told(until=3600)
    lines = layers(history, place=1)
    assert lines[0].startswith("Ω after task 2, step 2,000 ")
    assert "[2]" in lines[0]
    assert history.importances[1].high == 1e3
    assert "●" in layers(told(tasks=40), place=20)[0]


def test_task_by_task_shares_one_axis() -> None:
    lines = layers(told(), by_task=True)
    rows = [line for line in lines if " %" in line and "zero" not in line][:5]
    assert [row[:14].split()[-1] for row in rows] == ["1", "2", "3", "4", "5"]
    starts = [len(row) - len(row[15:].lstrip()) for row in rows]
    assert starts == sorted(starts), "each task's Ω lies further to the right"
    assert starts[0] < starts[-1]


def test_of_many_tasks_some_are_chosen_and_the_shown_one_among_them() -> None:
    lines = layers(told(tasks=40), by_task=True, place=20, width=90, height=30)
    tasks = [line[:13].split()[-1] for line in lines[2:10]]
    assert tasks[0] == "1"
    assert "21" in tasks
    assert len(tasks) == 8


def test_a_hundred_layers_scroll_filter_and_group() -> None:
    history = told(layers=100, tasks=2)
    assert layers(history, first=20)[-1].startswith("layers 21–35 of 100")
    assert layers(history, first=99)[-1].startswith("layers 86–100 of 100")
    assert (
        layers(history, filter="fc4")[-1].startswith("22 layers of 100 match 'fc4'")
        or "of 22" in layers(history, filter="fc4")[-1]
    )
    assert layers(history, filter="fc44.*", width=90)[-1].startswith("2 layers of 100 match 'fc44.*', Esc shows all")
    assert layers(history, grouped=True)[-1].startswith("modules 1–15 of 50")
    assert "No layer's name matches 'nothing'" in layers(history, filter="nothing")[1]


def test_grouped_layers_keep_their_weights() -> None:
    measured = told(tasks=1).importances[0].layers
    found = grouped(measured)
    assert [layer.name for layer in found] == ["fc1", "fc2.weight"]
    assert found[0].size == measured[0].size + measured[1].size
    assert sum(found[0].counts) == sum(measured[0].counts) + sum(measured[1].counts)
    assert found[0].mean * found[0].size == pytest.approx(sum(each.mean * each.size for each in measured[:2]))
    assert found[0].top is None
    assert found[1] == measured[2]


def resnet18() -> tuple[str, ...]:
    """The names of its 62 parameters."""
    norm = ("weight", "bias")
    found = ["conv1.weight", *(f"bn1.{kind}" for kind in norm)]
    for stage, block in itertools.product(range(1, 5), range(2)):
        of = f"layer{stage}.{block}"
        for part in (1, 2):
            found += [f"{of}.conv{part}.weight", *(f"{of}.bn{part}.{kind}" for kind in norm)]
        if stage > 1 and block == 0:
            found += [f"{of}.downsample.0.weight", *(f"{of}.downsample.1.{kind}" for kind in norm)]
    return (*found, "fc.weight", "fc.bias")


def named(names: tuple[str, ...]) -> History:
    """A run of a network whose parameters have these names."""
    history = told(layers=len(names), tasks=2, until=1500)
    measured = history.importance
    assert measured is not None
    layers = tuple(replace(layer, name=name) for layer, name in zip(measured.layers, names, strict=True))
    return history.apply(replace(measured, step=measured.step + 1, layers=layers))


@pytest.mark.parametrize("width", [12, 16, 20, 24])
def test_short_names_remain_different(width: int) -> None:
    short = [words.short_name(name, width) for name in resnet18()]
    assert len(set(short)) == 62
    assert max(map(len, short)) <= width


def test_a_small_pane_shows_a_large_network_by_module() -> None:
    """In 80×24, where it has room for seven layers; nothing is left out, and no name is there twice."""
    lines = text(draw_importance(view(named(resnet18())), 36, 8, PALETTE))
    assert [line.split()[0] for line in lines] == [
        "conv1.weight",
        "bn1",
        *(f"layer{n}" for n in range(1, 5)),
        "fc",
        "Ω",
    ]
    assert "more" not in lines[-1]
    wide = text(draw_importance(view(named(resnet18())), 56, 30, PALETTE))
    assert "layer4.1" in [line.split()[0] for line in wide]
    assert len(text(draw_importance(view(named(resnet18())), 76, 70, PALETTE))) == 63


def test_of_too_many_modules_some_are_shown_from_the_first_to_the_last() -> None:
    lines = text(draw_importance(view(told(layers=120, tasks=2)), 36, 8, PALETTE))
    assert [line.split()[0] for line in lines] == [*(f"fc{n}" for n in (1, 11, 21, 31, 40, 50, 60)), "Ω"]
    assert lines[-1].endswith("+53 more")


@pytest.mark.parametrize("room", [1, 2, 5, 7, 14, 30, 61])
def test_modules_hold_every_layer_once(room: int) -> None:
    parts = partition(resnet18(), room)
    assert [place for part in parts for place in range(part.start, part.stop)] == list(range(62))
    assert len(parts) <= max(room, 7), "seven begin with different words"
    assert not {part.name for part in parts} & {"bn1.weight", "fc.bias"}, "a module's own parameters stay together"


@pytest.mark.parametrize("width", [40, 56, 76, 119, 120, 156, 296])
def test_every_line_of_a_zoomed_pane_fits(width: int) -> None:
    viewports = (Viewport(), Viewport(cursor=1234), Viewport(cursor=1, steps=(400, 900)))
    runs = [told(), told(until=0), told(until=100), told(tasks=60, until=40_300), told(tasks=1), told(layers=100)]
    for history, viewport, height in itertools.product(runs, viewports, (4, 12, 18, 44)):
        shown = view(history, viewport)
        drawn = [draw_histories(shown, AccuracyTable(), width, height, PALETTE)]
        if history.accuracies:
            drawn.append(draw_accuracies(shown, AccuracyTable(), width, height, PALETTE))
        if history.importance:
            looks = (
                LayerOptions(),
                LayerOptions(by_task=True, place=0),
                LayerOptions(filter="*bias", typing=True, grouped=True),
            )
            drawn += [draw_layers(history, look, width, height, PALETTE) for look in looks]
        for number, lines in enumerate(drawn):
            assert len(lines) <= max(height, 4), (number, height)
            assert max(map(len, text(lines))) <= max(width, 76 if number == 0 else 56), (number, height)


DRAWN: dict[str, Callable[[History, AccuracyTable], object]] = {
    "tasks": lambda history, table: draw_histories(view(history), table, 76, 18, PALETTE),
    "accuracy": lambda history, table: draw_accuracies(view(history), table, 76, 18, PALETTE),
    "importance": lambda history, table: draw_layers(history, LayerOptions(), 76, 18, PALETTE),
    "importance by task": lambda history, table: draw_layers(history, LayerOptions(by_task=True), 76, 18, PALETTE),
}


@pytest.mark.parametrize("pane", DRAWN)
def test_a_redraw_of_a_zoomed_pane_with_a_hundred_tasks_and_layers_is_cheap(pane: str) -> None:
    history, table = told(tasks=100, layers=100, probes=20), AccuracyTable()
    best = math.inf
    for _ in range(10):
        began = time.thread_time()
        DRAWN[pane](history, table)
        best = min(best, time.thread_time() - began)
    assert best < 0.008, f"{best * 1e3:.2f} ms"


# The keys


def pane_of(watched: Watched, kind: type[Pane]) -> Pane:
    return watched.monitor.query_one(kind)


async def zoomed(watched: Watched, kind: type[Pane]) -> None:
    pane = pane_of(watched, kind)
    watched.monitor.set_focus(pane)
    await watched.press("z")
    assert watched.monitor.maximized is pane


async def sighted(watched: Watched, viewport: Viewport) -> None:
    watched.monitor.viewport = viewport
    await watched.settle()


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_zooming_shows_more_than_a_bigger_picture(tmp_path: Path, size: tuple[int, int]) -> None:
    async with watching(tmp_path, known=told(until=3600), size=size) as watched:
        await zoomed(watched, TasksPane)
        assert "min-ACC" in watched.text(TasksPane)
        await zoomed_next(watched, AccuracyPane)
        assert "Over time" in watched.text(AccuracyPane)
        await zoomed_next(watched, ImportancePane, presses=2)
        assert "top 1 %" in watched.text(ImportancePane)


async def zoomed_next(watched: Watched, kind: type[Pane], presses: int = 1) -> None:
    for _ in range(presses):
        await watched.press("n")
    assert isinstance(watched.monitor.maximized, kind)


async def test_all_three_panes_show_and_say_the_crosshair_s_step(tmp_path: Path) -> None:
    async with watching(tmp_path, known=told()) as watched:
        await sighted(watched, Viewport(cursor=2550))
        assert "▶ 3" in watched.text(TasksPane)
        assert "\nnow   " in watched.text(AccuracyPane)
        for kind in (TasksPane, AccuracyPane, ImportancePane):
            assert str(pane_of(watched, kind).border_subtitle).startswith("at step 2,550")
        assert pane_of(watched, ImportancePane).border_subtitle == "at step 2,550 · after task 2"
        await watched.press("escape")
        assert "at step" not in str(pane_of(watched, TasksPane).border_subtitle)
        assert "✔ 5" in watched.text(TasksPane)


async def test_before_the_first_importance_the_crosshair_finds_none(tmp_path: Path) -> None:
    async with watching(tmp_path, known=told()) as watched:
        await sighted(watched, Viewport(cursor=300))
        assert "No importance is kept for steps" in watched.text(ImportancePane)
        assert "\nnow   " in watched.text(AccuracyPane)


async def test_arrows_scrub_through_the_tasks_importances(tmp_path: Path) -> None:
    async with watching(tmp_path, known=told(until=3600)) as watched:
        await zoomed(watched, ImportancePane)
        assert "[now]" in watched.text(ImportancePane)
        await watched.press("right")
        assert "This is the newest Ω" in watched.notice
        await watched.press("left")
        assert "[3]" in watched.text(ImportancePane)
        await watched.press("left", "left")
        assert "Ω after task 1, step 1,000" in watched.text(ImportancePane)
        await watched.press("left")
        assert "the first task" in watched.notice
        watched.engine.known = told(until=4600)
        await watched.settle()
        assert "[1]" in watched.text(ImportancePane), "data that arrives does not move what one looks at"
        await watched.press("home")
        assert "[now]" in watched.text(ImportancePane)


async def test_the_filter_is_typed_kept_and_dropped(tmp_path: Path) -> None:
    async with watching(tmp_path, known=told(layers=8)) as watched:
        await zoomed(watched, ImportancePane)
        await watched.press("slash", *"bIAS")
        assert "/ bIAS" in watched.text(ImportancePane)
        assert "fc1.bias" in watched.text(ImportancePane)
        assert "fc1.weight" not in watched.text(ImportancePane)
        await watched.press("backspace", "enter")
        assert watched.monitor.maximized is not None, "Enter only ends the typing"
        assert "4 layers of 8 match 'bIA'" in watched.text(ImportancePane)
        await watched.press("escape")
        assert "fc1.weight" in watched.text(ImportancePane)
        assert watched.monitor.maximized is not None, "Esc backs out one layer"
        await watched.press("slash", "x", "ctrl+u", "f", "escape")
        assert "8 layers" in watched.text(ImportancePane)
        await watched.press("escape")
        assert watched.monitor.maximized is None


async def test_keys_that_steer_are_text_while_the_filter_is_typed(tmp_path: Path) -> None:
    async with watching(tmp_path, known=told(until=3600)) as watched:
        await zoomed(watched, ImportancePane)
        await watched.press("slash", "q", "space", "z", "question_mark")
        assert "/ q z?" in watched.text(ImportancePane)
        assert watched.app.screen is watched.monitor
        assert not watched.engine.control.paused
        await watched.press("tab")
        assert isinstance(watched.app.focused, ForgottenPane)
        await watched.press("space")
        assert watched.engine.control.paused, "elsewhere they are keys again"


async def test_what_is_pasted_goes_into_the_filter(tmp_path: Path) -> None:
    from textual.events import Paste

    async with watching(tmp_path, known=told(layers=8)) as watched:
        await zoomed(watched, ImportancePane)
        await watched.press("slash")
        pane_of(watched, ImportancePane).post_message(Paste("fc2\n"))
        await watched.settle()
        assert "/ fc2" in watched.text(ImportancePane)
        assert "fc1.weight" not in watched.text(ImportancePane)


async def test_o_shows_each_task_and_g_the_modules(tmp_path: Path) -> None:
    async with watching(tmp_path, known=told()) as watched:
        await zoomed(watched, ImportancePane)
        await watched.press("o")
        assert "fc1.weight 1 " in watched.text(ImportancePane)
        await watched.press("o", "g")
        assert "2 modules" in watched.text(ImportancePane)
        assert "fc1 " in watched.text(ImportancePane)
        await watched.press("g")
        assert "3 layers" in watched.text(ImportancePane)


async def test_layers_scroll(tmp_path: Path) -> None:
    async with watching(tmp_path, known=told(layers=100)) as watched:
        await zoomed(watched, ImportancePane)
        await watched.press("down", "pagedown")
        assert "layers 12–" in watched.text(ImportancePane)
        await watched.press("up", "pageup", "pageup")
        assert "layers 1–" in watched.text(ImportancePane)


@pytest.mark.parametrize("key", ["left", "right", "up", "down", "slash", "o", "g"])
async def test_a_key_for_the_zoomed_importance_says_so(tmp_path: Path, key: str) -> None:
    async with watching(tmp_path, known=told()) as watched:
        watched.monitor.set_focus(pane_of(watched, ImportancePane))
        await watched.press(key)
        assert watched.notice.startswith("Zoom the importance (z) to ")


async def test_without_an_importance_its_keys_say_that(tmp_path: Path) -> None:
    async with watching(tmp_path, known=told(until=100)) as watched:
        await zoomed(watched, ImportancePane)
        await watched.press("o")
        assert watched.notice == "No importance has been measured yet"


async def test_the_keys_of_the_importance_say_that_a_method_has_none(tmp_path: Path) -> None:
    async with watching(
        tmp_path, known=replace(told(), importance=None, importances=Series()), method="none"
    ) as watched:
        await zoomed(watched, ImportancePane)
        await watched.press("slash")
        assert watched.notice.startswith("Fine-tuning keeps no importance")


async def test_tasks_and_matrix_pan_while_zoomed(tmp_path: Path) -> None:
    async with watching(tmp_path, known=told(tasks=60)) as watched:
        await zoomed(watched, TasksPane)
        assert "✔ 60" in watched.text(TasksPane)
        await watched.press("up")
        assert "✔  1" in watched.text(TasksPane)
        await zoomed_next(watched, AccuracyPane)
        assert "60 " in watched.text(AccuracyPane)
        await watched.press("up")
        assert "▾" in watched.text(AccuracyPane), "it points at a cell"


KEYS = (
    *("z", "enter", "escape", "n", "tab", "up", "down", "left", "right", "home", "pageup", "pagedown"),
    *("slash", "o", "g", "w", "1", "backspace", "ctrl+u", "shift+tab", "crosshair", "resize", "told"),
)


@pytest.mark.parametrize("seed", range(3))
async def test_no_sequence_of_keys_and_resizes_raises(tmp_path: Path, seed: int) -> None:
    choose = random.Random(seed)
    runs = [told(until=0), told(until=100), told(until=3600), told(), told(tasks=60, layers=40, until=30_300)]
    async with watching(tmp_path, known=runs[2]) as watched:
        for key in choose.choices(KEYS, k=40):
            if key == "resize":
                await watched.pilot.resize_terminal(choose.randint(20, 220), choose.randint(5, 60))
            elif key == "told":
                watched.engine.known = choose.choice(runs)
            elif key == "crosshair":
                window = choose.choice([None, (0, 10), (700, 2200)])
                watched.monitor.viewport = Viewport(choose.choice([None, 1, 1500, 60_000]), window)
            else:
                await watched.pilot.press(key)
            await watched.settle()
        assert watched.app.is_running
        for pane in watched.monitor.query(Pane):
            if isinstance(pane, TasksPane | AccuracyPane | ImportancePane):
                pane.data(view(watched.engine.known, watched.monitor.viewport))
