"""What the confusion pane draws: numbers where they fit, points where they do not, and what its keys choose."""

from dataclasses import replace

import numpy as np
import pytest

from cl_tui.charts.style import Palette
from cl_tui.panes.confusion.drawing import Shown, draw_confusion
from cl_tui.panes.confusion.pane import ConfusionPane
from cl_tui.panes.view import View, Viewport
from engine.record.mistakes import Mistakes
from engine.settings.run import resolve
from tests.answered import answered, history, shown

PALETTE = Palette(coloured=True)


def mistakes(counts: list[list[int]] | np.ndarray, per_task: int = 2, learned: float = 1.0) -> Mistakes:
    table = np.array(counts)
    names = tuple(f"c{n}" for n in range(len(table)))
    tasks = tuple(n // per_task for n in range(len(table)))
    return Mistakes(9, tasks[-1], tasks, names, table, table.clip(0).sum(axis=1), np.full(len(table), learned))


FOUR = mistakes([[75, 25, -1, -1], [90, 10, -1, -1], [-1, -1, 100, 0], [-1, -1, 1, 399]])


def text(found: Mistakes, width: int = 44, height: int = 12, palette: Palette = PALETTE, **chosen: object) -> list[str]:
    lines = draw_confusion(Shown(found, **chosen), width, height, palette)  # type: ignore[arg-type]
    assert len(lines) <= height
    assert all(sum(segment.cell_length for segment in line) <= width for line in lines)
    return ["".join(segment.text for segment in line).rstrip() for line in lines]


def test_numbers_are_percent_of_the_class_and_say_what_it_lost() -> None:
    lines = [line.split() for line in text(FOUR)]
    assert lines[:5] == [
        ["c0", "c1", "c2", "c3", "lost"],
        ["c0", "75", "25", "−25"],
        ["c1", "90", "10", "−90"],
        ["c2", "100", "·", "0"],
        ["c3", "·", "100", "0"],
    ]
    assert lines[-1] == ["most", "often:", "c1", "called", "c0", "90", "%"]


def test_the_classes_of_one_task_and_those_that_lost_most_first() -> None:
    assert [line.split()[0] for line in text(FOUR, task=1)[1:3]] == ["c2", "c3"]
    assert [line.split()[0] for line in text(FOUR, by_loss=True)[1:5]] == ["c1", "c0", "c3", "c2"]
    elsewhere = mistakes([[0, 0, 0, 8], [0, 8, 0, 0], [0, 0, 8, 0], [0, 0, 0, 8]])
    assert text(elsewhere, task=0)[0].split() == ["c0", "c1", "c3", "lost"]


def test_what_each_class_is_called_stands_beside_the_numbers_where_there_is_room() -> None:
    lines = text(FOUR, 90)
    assert lines[0].endswith("right  lost  most called")
    assert lines[1].split()[-5:] == ["c1", "10", "−90", "c0", "90"]


def test_a_class_that_is_pointed_at_is_described() -> None:
    lines = text(FOUR, 60, chosen=1)
    assert lines[2].startswith("▸")
    assert lines[-1] == "c1 (task 1): 10 % right, 100 when learned; called c0 90"
    assert text(FOUR, chosen=99)[4].startswith("▸")


def test_a_class_gained_or_is_not_tested() -> None:
    gained = mistakes([[3, 1], [0, 0]], learned=0.5)
    assert [line.split()[-1] for line in text(gained)[1:3]] == ["+25", "–"]


@pytest.mark.parametrize("tones", ["full", "four", "two"])
def test_a_hundred_classes_are_points_with_the_worst_beside_them(tones: str) -> None:
    table = np.full((100, 100), 0)
    table[np.arange(100), np.arange(100)], table[:90, 95] = 40, 60
    table[7, 95], table[7, 7] = 95, 5
    many = mistakes(table, per_task=10)
    palette = replace(PALETTE, tones=tones)  # type: ignore[arg-type]
    lines = text(many, 150, 53, palette)
    assert lines[0].split()[:3] == ["1", "2", "3"]
    assert lines[1].split()[-5:] == ["c7", "5", "−95", "c95", "95"]
    assert lines[-1] == "most often: c7 called c95 95 %"
    assert text(many, 150, 53, palette, chosen=50)[26].startswith("  ▸")
    for width, height in ((40, 8), (20, 3), (104, 20), (8, 1)):
        text(many, width, height, palette, chosen=99)


def test_colours_of_points_are_the_scale_s_on_the_diagonal_and_orange_beside_it() -> None:
    table = 10 * np.eye(30, dtype=int) + 10 * np.eye(30, k=1, dtype=int)
    line = draw_confusion(Shown(mistakes(table)), 60, 17, PALETTE)[1]
    half_right, wrong = (segment.style.color.triplet for segment in line[1:3] if segment.style and segment.style.color)
    assert half_right is not None
    assert wrong is not None
    assert max(half_right) - min(half_right) < 20  # the middle of cividis is grey
    assert wrong.red > wrong.green > wrong.blue


def test_in_ascii_there_are_numbers_or_nothing_but_numbers() -> None:
    many = mistakes(np.eye(50, dtype=int) * 9)
    lines = text(many, 60, 12, Palette(tones="none"), chosen=30)
    assert any(line.startswith("▸c30") for line in lines)
    assert len(lines) == 12


def view(known: object, cursor: int | None = None, **settings: object) -> View:
    config = resolve({"method": "si", "device": "cpu", "scenario": "domain", **settings})
    return View("otter", config, known, "", viewport=Viewport(cursor), shown=shown())  # type: ignore[arg-type]


def test_the_pane_is_live_between_the_ends_of_tasks_and_follows_the_crosshair() -> None:
    known = history(
        answered(10, [0, 0, 1, 1]), answered(13, [0, 1, 0, 0], [0, 1, 1, 1]), answered(17, [1] * 4, [0] * 4)
    )
    pane = ConfusionPane()
    rows = pane.data(view(known))
    assert [(row["class"], row["learned"], row["right"]) for row in rows[:2]] == [("cat", 1.0, 0.0), ("dog", 1.0, 1.0)]
    assert rows[0]["as_2_dog"] == 2
    assert rows[0]["as_3_elm"] is None
    assert pane.data(view(known, cursor=15))[0]["right"] == 0.5
    assert pane.subtitle(view(known, cursor=15)) == "4 of each task · at step 15"
    assert pane.data(view(known, cursor=10)) == []  # the end of a task, where whole test sets were not told


def test_what_there_is_not() -> None:
    pane = ConfusionPane()
    for settings, why in (
        ({"benchmark": "slowly-changing-regression", "scenario": "task"}, "regression"),
        ({}, "probe"),
    ):
        assert any(why in segment.text for [segment] in pane.draw(view(history(), **settings), 90, 9, PALETTE))
        assert pane.data(view(history(), **settings)) == []
