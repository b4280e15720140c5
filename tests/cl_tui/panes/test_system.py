"""The strip of the system, the line of tasks, and the log pane: drawn from a View, without an app."""

import pytest
from rich.cells import cell_len
from rich.style import Style
from textual.style import Style as TextualStyle

from cl_tui.charts.style import Palette
from cl_tui.host.system import Load, LoadSampler
from cl_tui.panes.header import task_line
from cl_tui.panes.log import LogPane
from cl_tui.panes.system import rates, strip
from cl_tui.panes.view import View, Viewport
from cl_tui.reports.timeline import Falls, happenings
from engine.record.events import DISTANCE, GRADIENT_NORM, PROBE, TIMES, Measured, Saved, Scored, StrengthChanged, Warned
from engine.record.history import History
from engine.settings.run import resolve
from tests import screen_data
from tests.waiting import until

CONFIG = resolve({"method": "si", "device": "cpu"})
LOAD = Load(0.98, 2, 658_000_000, 0.45, 3_210_000_000)


def seen(history: History, cursor: int | None = None) -> View:
    return View("calm-otter", CONFIG, history, "training", viewport=Viewport(cursor=cursor))


def test_the_strip_says_what_there_is_room_for() -> None:
    view = seen(screen_data.history(3500).apply(Saved(3000, 0.0, "step-3000")))
    whole = strip(view, LOAD, 300).plain
    for told in ("500 steps/s ▇", "cpu 98 % of 2", "memory 658 MB", "gpu 45 %  3.2 GB", "lr ", "parameters 17,610"):
        assert told in whole
    assert "saved 0:01 ago" in whole
    for width in range(10, 300, 7):
        assert strip(view, LOAD, width).cell_length <= width
    assert strip(view, LOAD, 40).plain.startswith("500/s ▇")
    assert strip(seen(History()), LOAD, 80).plain == ""
    assert strip(seen(screen_data.history(None)), LOAD, 300).plain == ""


def test_the_strip_has_what_the_engine_measured() -> None:
    told = [Measured(step, 3, TIMES, (0.1, 0.6, 0.2, 0.1)) for step in (3490, 3500)]
    told += [Measured(3500, 3, GRADIENT_NORM, (3.3,)), Measured(3500, 3, DISTANCE, (7.04,))]
    view = seen(screen_data.history(3500).after(told))
    whole = strip(view, None, 300).plain
    assert "data 10 · loss and gradient 60 · penalty and importance 20 · optimizer 10 %" in whole
    assert "|g| 3.3   ‖θ−θ*‖ 7.04" in whole
    assert "data 10 loss 60 penalty 20 opt 10 %" in strip(view, None, 76).plain


def test_speed_is_that_of_equal_stretches_of_time() -> None:
    assert rates(screen_data.history(3500)) == pytest.approx([500.0] * 8, rel=0.01)


def test_the_load_of_this_process_is_sampled() -> None:
    sampler = LoadSampler()
    sampler.start()
    until(lambda: sampler.newest is not None)
    sampler.end()
    sampler.join(5)
    assert sampler.newest is not None
    assert sampler.newest.memory > 10_000_000
    assert sampler.newest.gpu is None


def test_the_line_of_tasks_fills_its_width_and_is_heavy_as_far_as_they_are_done() -> None:
    history = screen_data.history(2500)
    for width in (16, 80, 297):
        line = task_line(history, width, TextualStyle(), TextualStyle()).plain
        assert cell_len(line) == width
        heavy, light = line.count("━"), line.count("─")
        assert abs(heavy / (heavy + light) - 0.5) < 0.1
        assert line.startswith("1 ━") == (width > 16)


def fallen() -> History:
    history = screen_data.history(2500)
    told = [Scored(step, 2, PROBE, (first, 0.9, 0.9)) for step, first in ((2510, 0.93), (2520, 0.5), (2530, 0.45))]
    return history.after(told)


def test_a_fall_is_told_once_and_as_new_probes_come() -> None:
    falls = Falls()
    assert falls.of(screen_data.history(2500)) == []
    assert falls.of(fallen()) == [(2520, "task 1 fell 93 → 50 % within 10 steps")]
    assert Falls().of(fallen()) == falls.of(fallen())
    assert falls.of(screen_data.history(1500)) == []


def test_the_log_has_the_newest_first_and_ends_at_the_crosshair() -> None:
    history = fallen().after([StrengthChanged(2540, 0.0, 10.0, 1.0), Warned(2, 2550, 0.0, "drowned", "too strong")])
    pane = type("Alone", (LogPane,), {"zoomed": False})()
    lines = ["".join(segment.text for segment in line) for line in pane.draw(seen(history), 60, 20, Palette())]
    assert [line.split()[1] for line in lines] == ["▲", "·", "▼", "✔", "✔", "▶"]
    assert any("2,520  ▼ task 1 fell 93 → 50 %" in line for line in lines)
    assert any("2,000  ✔ task 2 ended: 99.0 %, average 98.0 %" in line for line in lines)
    early = ["".join(segment.text for segment in line) for line in pane.draw(seen(history, 1500), 60, 20, Palette())]
    assert early[0] == "1,000  ✔ task 1 ended: 99.0 %"
    few = pane.draw(seen(history), 60, 3, Palette(muted=Style(dim=True)))
    assert few[-1][0].text == "4 more older"
    assert all(
        sum(segment.cell_length for segment in line) <= 20 for line in pane.draw(seen(history), 20, 9, Palette())
    )
    assert [row["event"] for row in pane.data(seen(history))][:2] == [
        each.text for each in happenings(history, CONFIG)
    ][:2]
