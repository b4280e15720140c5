"""The race's drawing, on histories and examples without a program."""

from dataclasses import replace

import numpy as np
import pytest
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.race.examples import Gallery, seen
from cl_tui.panes.race.pane import drawn
from cl_tui.panes.race.view import EXAMPLES, RaceView, followed, heading
from cl_tui.reports.standings import Entry
from engine.record.events import ANSWERS, WHOLE_ANSWERS, Packed
from engine.record.history import History
from engine.record.shown import Shown, ShownTask, count_forgotten
from engine.settings.run import resolve
from tests import screen_data

METHODS = ("none", "si", "ewc", "mas")
PALETTE = Palette(caution=Style(bold=True))


def examples() -> Shown:
    pictures = np.full((8, 8, 8, 1), 200, np.uint8)
    targets = np.arange(8) % 2
    return Shown(
        tuple(ShownTask(pictures, None, targets, (f"{2 * k}", f"{2 * k + 1}"), np.arange(8)) for k in range(5)), False
    )


def race(until: int = 3500, wrong: bool = False) -> RaceView:
    """In the fourth task; with ``wrong``, the first run has forgotten the first task."""
    shown = examples()
    entries = []
    for number, method in enumerate(METHODS):
        history = screen_data.history(until)
        given = np.tile(np.arange(8, dtype=np.uint8) % 2, history.task + 1)
        if wrong and number == 0:
            given[:8] = 1 - given[:8]
        answers = np.stack([given, np.full_like(given, 250), np.full_like(given, 250)])
        history = history.apply(Packed.of(history.step, history.task, ANSWERS, answers))
        entries.append(Entry(f"run-{method}", resolve({"method": method}), history))
    return RaceView(tuple(entries), shown)


def texts(lines: list[Line]) -> str:
    return "\n".join("".join(segment.text for segment in line).rstrip() for line in lines)


@pytest.mark.parametrize("size", [(158, 45), (78, 21), (118, 33), (238, 57), (50, 10), (20, 4)])
@pytest.mark.parametrize("tones", ["full", "none"])
def test_it_is_drawn_in_any_size(size: tuple[int, int], tones: str) -> None:
    lines = drawn(race(), Gallery(), *size, replace(PALETTE, tones=tones))
    assert len(lines) <= size[1]
    if size[0] >= 50:
        assert max(map(Segment.get_line_length, lines)) <= size[0]
        assert all(method in texts(lines) for method in METHODS[: min(4, size[1] - 7)])
    if size[1] >= 21:
        assert "✔ 0  98 %" in texts(lines)


def test_a_race_that_has_not_begun_is_drawn() -> None:
    entries = tuple(Entry(method, resolve({"method": method}), History()) for method in METHODS)
    for size in ((158, 45), (78, 21)):
        assert "none" in texts(drawn(RaceView(entries), Gallery(), *size, PALETTE))
    assert "starting" in heading(RaceView(entries), 120)


def test_what_was_learned_and_is_wrong_now_is_forgotten() -> None:
    view = race(wrong=True)
    first = view.examples[0]
    assert seen(view, 0, first).forgotten
    assert (seen(view, 0, first).right, seen(view, 0, first).given) == ("0", "1")
    assert not seen(view, 1, first).forgotten
    assert "0→1  98 %" in texts(drawn(view, Gallery(), 158, 45, PALETTE))


def test_what_whole_test_sets_forgot_is_counted_at_the_end_of_a_task() -> None:
    view = race()
    assert "forgotten" not in texts(drawn(view, Gallery(), 158, 45, PALETTE)).replace("Forgotten", "")
    entry = view.entries[0]
    sizes = entry.history.started.test_examples if entry.history.started else ()
    whole = [np.zeros(sum(sizes[: task + 1]), np.uint8) for task in range(len(entry.history.matrix))]
    whole[-1][:7] = 2
    whole[0][5] = 1
    history = entry.history
    for task, answers in enumerate(whole):
        history = history.apply(Packed.of(history.starts[task + 1], task, WHOLE_ANSWERS, answers))
    known = sum(sizes[: len(whole) - 1]) - 1
    assert count_forgotten(history, len(whole) - 1) == (6, known), "what was wrong when learned is not forgotten"
    view = replace(view, entries=(replace(entry, history=history), *view.entries[1:]))
    for size in ((158, 45), (78, 21)):
        assert f"forgotten 6 of {known:,} after task {len(whole)}" in texts(drawn(view, Gallery(), *size, PALETTE))


def test_the_same_examples_for_all_and_others_on_the_next_page() -> None:
    shown = examples()
    assert followed(shown, 0) == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    assert followed(shown, 1) == [(0, 2), (0, 3), (1, 2), (1, 3), (2, 2), (2, 3)]
    assert followed(shown, 4) == followed(shown, 0)
    one = Shown((replace(shown.tasks[0], targets=np.arange(8), names=tuple("abcdefgh")),), False)
    assert [row for _, row in followed(one, 0)] == [0, 1, 2, 3, 4, 5]
    assert [row for _, row in followed(one, 1)][:2] == [6, 7]
    assert len(followed(one, 3)) == EXAMPLES


def test_the_heading_says_what_races_and_how_far_it_is() -> None:
    for width in (158, 100, 78, 50):
        line = heading(race(), width)
        assert len(line) <= width
        assert line.startswith("race")
    assert "4 methods at the same step" in heading(race(), 158)
    assert "step 3,500 of 5,000" in heading(race(), 158)
