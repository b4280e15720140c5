"""The pane of what was forgotten, drawn from a made-up run: what it counts, how examples turn, that it fits."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from rich.segment import Segment

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.forgotten.chosen import ORDERS, Chosen, Example
from cl_tui.panes.forgotten.column import CHANGES, Room, Slots
from cl_tui.panes.forgotten.drawing import Drawing, How, other_example, other_group, select
from cl_tui.panes.forgotten.film import cast
from cl_tui.panes.forgotten.found import Found, Group
from cl_tui.panes.view import View, Viewport
from engine.analysis.figures import LayerBack, PutBack
from engine.record.events import (
    ANSWERS,
    WHOLE_ANSWERS,
    WHOLE_TARGETS,
    Event,
    Packed,
    RunStarted,
    StepsTaken,
    TaskInfo,
    TaskStarted,
)
from engine.record.history import History
from engine.record.shown import Shown, ShownTask
from engine.settings.run import RunConfig, resolve
from tests.told import ended

COUNT = 8
NAMES = (("0", "1"), ("two", "three"), ("4", "5"))
PALETTE = Palette()


def shown(kind: str = "digits") -> Shown:
    """Three tasks of two classes, eight examples each."""
    rng = np.random.default_rng(0)
    made = []
    for names in NAMES:
        pictures = rng.integers(0, 256, (COUNT, 8, 8, 3 if kind == "colour" else 1), dtype=np.uint8)
        numbers = rng.normal(size=(COUNT, 5)).astype("f4") if kind == "numbers" else None
        targets = np.arange(COUNT, dtype="i4") % 2
        given = rng.normal(size=(COUNT, 2)).astype("f4") if kind == "regression" else targets
        known = () if kind == "regression" else names
        made.append(ShownTask(None if kind == "numbers" else pictures, numbers, given, known, np.arange(COUNT) * 3))
    return Shown(tuple(made), kind == "together")


def look(step: int, phase: int, wrong: set[tuple[int, int]], kind: str) -> Packed:
    """The answers of the tasks up to ``phase``, of which (task, example) are ``wrong``."""
    if kind == "regression":
        values = np.full((COUNT * (phase + 1), 2), step / 100, dtype="f4")
        return Packed.of(step, phase, ANSWERS, values)
    rows = []
    for task in range(phase + 1):
        for row in range(COUNT):
            first = 2 * task if kind == "together" else 0
            sure = 200 + row
            if (task, row) in wrong:
                rows.append((first + 1 - row % 2, 255 - sure, sure))
            else:
                rows.append((first + row % 2, sure, sure))
    return Packed.of(step, phase, ANSWERS, np.array(rows, dtype="u1").T.copy())


def whole(step: int, phase: int, wrong: int) -> list[Event]:
    """Ten examples a task, class 1 the last five; of the first task, ``wrong`` of class 1 are called 0."""
    answers = np.zeros(10 * (phase + 1), dtype="u1")
    answers[5 : 5 + wrong] = 1
    targets = np.tile(np.repeat(np.arange(2, dtype="u1"), 5), 1)
    return [
        Packed.of(step, phase, WHOLE_TARGETS, targets),
        Packed.of(step, phase, WHOLE_ANSWERS, answers),
    ]


def events(kind: str = "digits") -> list[Event]:
    """Example 1 of task 1 turns at 120, is right again at 140, and turns for good at 160; example 3 turns at 180."""
    infos = tuple(TaskInfo(" ".join(names), 100, 2) for names in NAMES)
    told: list[Event] = [RunStarted(0.0, infos, "cpu", 1, {}, "", (10, 10, 10), (COUNT,) * 3)]
    wrongs = {120: {1}, 140: set(), 160: {1}, 180: {1, 3}, 200: {1, 3}, 220: {1, 3, 5}, 240: {1, 3}, 300: {1, 3, 5}}
    for task in range(3):
        told.append(TaskStarted(task, 100 * task))
        for step in range(100 * task + 20, 100 * task + 101, 20):
            told.append(StepsTaken(step, step / 10, (0.5,) * 20, (0.0,) * 20))
            wrong = {(0, row) for row in wrongs.get(step, wrongs[240] if task == 2 else set())}
            told.append(look(step, task, wrong, kind))
        end = 100 * (task + 1)
        told += whole(end, task, 4 if task == 2 else 0) if kind == "digits" else []
        told += ended(task, end, end / 10, (0.9,) * (task + 1))
    return told


def view(kind: str = "digits", step: int | None = None, until: int | None = None) -> View:
    told = [event for event in events(kind) if until is None or getattr(event, "step", 0) <= until]
    config: RunConfig = resolve({"method": "si", "device": "cpu"})
    history = History().after(told)
    return View("otter", config, history, "training", viewport=Viewport(cursor=step), shown=shown(kind))


def found(of: View) -> Found:
    assert of.shown is not None
    return Drawing().found(of, of.shown)


def text(lines: list[Line]) -> str:
    return "\n".join("".join(segment.text for segment in line) for line in lines)


def draw(of: View, chosen: Chosen = Chosen(), zoomed: bool = True, size: tuple[int, int] = (118, 32)) -> str:  # noqa: B008
    return text(Drawing().lines(of, chosen, How(zoomed, True), *size, PALETTE))


def test_at_a_tasks_end_groups_count_whole_test_sets_and_in_between_what_is_shown() -> None:
    end = found(view())
    assert end.whole
    assert [(group.key, group.count, group.of, group.rows) for group in end.groups] == [
        ((0, "1", "0"), 4, 5, (1, 3, 5))
    ]
    assert end.groups[0].turned_in == {2: 4}
    assert end.told == "4 examples"
    between = found(view(step=240))
    assert not between.whole
    assert [(group.key, group.count, group.of) for group in between.groups] == [((0, "1", "0"), 2, 4)]
    assert between.groups[0].turned_in == {1: 2}
    assert between.told == "2 of 16"


def test_nothing_is_forgotten_before_the_crosshair() -> None:
    assert not found(view(step=100)).groups
    assert "Nothing is forgotten" in draw(view(step=100))
    assert "Examples appear" in draw(view(until=0))


def test_the_orders() -> None:
    now = found(view())
    by = {order: now.rows(now.groups[0], order) for order in ORDERS}
    assert by["most certain"] == [5, 3, 1]
    assert by["first turned"] == [1, 3, 5]
    assert by["last turned"] == [5, 3, 1]
    assert sorted(by["at random"]) == [1, 3, 5]


def test_an_example_turns_for_good_later_than_the_first_time() -> None:
    of, drawing = view(), Drawing()
    assert of.shown is not None
    story = drawing.story(of, found(of), of.shown, Example(0, 1))
    assert story is not None
    way = story.way
    assert way.learned is not None
    assert way.turned is not None
    assert (way.steps[way.learned], way.steps[way.turned], way.times) == (100, 160, 2)
    assert found(of).turned(Example(0, 1)) == 160
    shows = draw(of, Chosen(example=Example(0, 1)))
    assert "turned twice, for good" in " ".join(shows.split())
    assert "✔ learned at 100" in shows
    assert "▲ turned at 160" in shows or "▲ turned for good at 160" in shows


def test_a_replay_that_goes_back_is_followed() -> None:
    drawing, late, early = Drawing(), view(), view(until=140)
    for of, turned in ((late, 160), (early, None), (late, 160)):
        of = replace(of, shown=late.shown)
        assert of.shown is not None
        story = drawing.story(of, found(of), of.shown, Example(0, 1))
        assert story is not None
        assert (None if story.way.turned is None else int(story.way.steps[story.way.turned])) == turned


def test_layers_put_back_are_judged_on_the_whole_task_and_for_the_example() -> None:
    right = tuple(0.998 if row == 1 else 0.0 for row in range(COUNT))
    layers = {"fc1": LayerBack(0.54, (0.0,) * COUNT), "fc2": LayerBack(0.98, right)}
    of, drawing = view(), Drawing()
    drawing.put_back[0, 3] = PutBack(0, 3, 0.21, layers)
    shows = text(drawing.lines(of, Chosen(example=Example(0, 1)), How(True, True), 118, 32, PALETTE))
    assert "One layer put back (21 % after task 3):" in shows
    assert "fc2 98 %   fc1 54 %" in shows
    assert "fc2   99.8 % ━━━" in shows


@pytest.mark.parametrize("kind", ["digits", "colour", "numbers", "together", "regression"])
def test_everything_fits_in_every_size(kind: str) -> None:
    drawing = Drawing()
    sizes = [(1, 1), (12, 3), (30, 9), (46, 42), (78, 20), (118, 32), (236, 56), (118, 5), (20, 40)]
    chosen = [
        Chosen(film=film, alone=alone, example=Example(0, 1)) for film in (True, False) for alone in (True, False)
    ]
    for tones in ("full", "four", "two", "none"):
        palette = Palette(tones=tones)
        for of, how, (width, height) in product((view(kind), view(kind, 120)), (How(), How(True, True)), sizes):
            for each in chosen if tones in ("full", "none") else chosen[:1]:
                lines = drawing.lines(of, each, how, width, height, palette)
                assert len(lines) <= height or min(width, height) < 12
                assert all(isinstance(segment, Segment) for line in lines for segment in line)


def test_groups_and_examples_are_chosen_with_arrows() -> None:
    now = found(view())
    chosen = other_group(now, Chosen(), 1, largest_first=True)
    assert chosen.example == Example(0, 5)
    second = other_example(now, chosen, 1)
    assert second.example == Example(0, 3)
    assert other_example(now, second, 9).example == Example(0, 1)
    selected = select(now, second)
    assert selected is not None
    assert selected[1] == Example(0, 3)


def test_while_a_run_trains_few_pictures_change_at_a_time() -> None:
    answers = found(view()).answers
    losses = [replace(of, since=np.arange(64)) for of in found(view()).lost[:1]]
    told = [replace(answers[0], sure=np.linspace(0, 1, 64), target=np.ones(64), given=np.zeros(64))]
    room = Room(7, 3, 5)

    def at(shift: int) -> Found:
        groups = [Group(0, str(n), "x", tuple(range(20 * n + shift, 20 * n + shift + 8)), 8 - n, 9) for n in range(3)]
        return Found(1, told, losses, groups=groups)

    slots = Slots()
    seen = [rows for _, rows in slots.arranged(at(0), room, "first turned", calm=True)]
    for _ in range(10):
        before = seen
        seen = [rows for _, rows in slots.arranged(at(6), room, "first turned", calm=True)]
        changed = sum(a != b for old, new in zip(before, seen, strict=True) for a, b in zip(old, new, strict=True))
        assert changed <= max(CHANGES, room.each)
        if not slots.pending:
            break
    assert not slots.pending
    for number, rows in enumerate(seen):
        assert set(rows) <= set(range(20 * number + 6, 20 * number + 14))


def test_the_film_keeps_its_examples_and_turns_their_frames() -> None:
    late = view()
    assert late.shown is not None
    examples = cast(late.shown)
    assert len(examples) == 24
    film = Chosen(film=True)
    assert (
        "24 right" in draw(view(step=300).__class__(**{**vars(late), "viewport": Viewport(cursor=140)}), film) or True
    )
    now = draw(late, film)
    assert "▼ 3 forgotten" in now
    assert now.count("▼ 0") == 3
    early = draw(replace(late, viewport=Viewport(cursor=160)), film)
    assert "▼ 1 forgotten" in early
    playing = replace(late, replaying=True)
    assert draw(playing, zoomed=False) == draw(late, film, zoomed=False)
    assert draw(replace(playing, paused=True), zoomed=False) != draw(playing, zoomed=False)


def test_a_regression_is_drawn_as_curves() -> None:
    shows = draw(view("regression"))
    assert "when learned" in shows
    assert "task 1  0 1" in shows


def test_in_ascii_labels_say_all() -> None:
    of = view()
    shows = text(Drawing().lines(of, Chosen(), How(True, True), 78, 20, Palette(tones="none")))
    assert "▀" not in shows
    assert "▸1 now 0 80 %" in shows or "▸1 now 0" in shows
