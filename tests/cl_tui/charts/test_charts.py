"""What the panes draw, as plain text: data in, lines out."""

import itertools
import math
import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.style import Style

from cl_tui.charts import braille
from cl_tui.charts.braille import Envelope
from cl_tui.charts.canvas import steps_axis, value_labels
from cl_tui.charts.colour_scale import ColourScale, style_at
from cl_tui.charts.style import Line, Palette
from cl_tui.exports import svg
from cl_tui.panes.accuracy import grid
from cl_tui.panes.as_of import AccuracyTable
from cl_tui.panes.baseline import aligned
from cl_tui.panes.header import header
from cl_tui.panes.importance.pane import draw_importance
from cl_tui.panes.loss.axes import CurveOptions
from cl_tui.panes.loss.cache import CurveCache
from cl_tui.panes.loss.chart import draw_curves
from cl_tui.panes.tasks.lines import draw_tasks
from cl_tui.panes.tasks.pane import TasksPane
from cl_tui.panes.tasks.zoomed import draw_histories
from cl_tui.panes.view import Baseline, View
from cl_tui.reports import text as words
from engine.record.history import History
from engine.record.score import ACCURACY
from engine.settings.run import resolve
from tests import screen_data
from tests.told import curve

BAD = Style(color="red")
PALETTE = Palette(bad=BAD)


def view(history: History, pace: float | None = None, activity: str = "training", **settings: object) -> View:
    config = resolve({"method": "si", "device": "cpu", **settings})
    return View("calm-otter", config, history, activity, pace=pace)


def tasks(of: View, width: int, height: int, palette: Palette) -> list[Line]:
    return draw_tasks(of, AccuracyTable(), width, height, palette)


def draw_matrix(of: View, width: int, height: int, palette: Palette) -> list[Line]:
    if not of.history.tasks:
        return []
    table = AccuracyTable()
    return grid.draw_matrix(of, table.scale(of), grid.Scores.of(of.history, table, of.history), width, height, palette)


def text(lines: list[Line]) -> list[str]:
    return ["".join(segment.text for segment in line) for line in lines]


def in_cells(dots: np.ndarray) -> list[str]:
    return ["".join(map(chr, row)) for row in braille.codes(dots).tolist()]


def filled(values: np.ndarray, bins: int = 64) -> Envelope:
    envelope = Envelope(bins)
    for start in range(0, len(values), 37):
        envelope.extend(values[start : start + 37])
    return envelope


def test_an_envelope_keeps_the_extremes_of_every_bin() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    envelope = filled(values)
    assert envelope.width == 16
    for bin_ in range(math.ceil(1000 / 16)):
        part = values[bin_ * 16 : (bin_ + 1) * 16]
        assert (envelope.lows[bin_], envelope.highs[bin_]) == (part.min(), part.max())


def test_a_spike_of_one_step_among_a_hundred_thousand_is_drawn() -> None:
    values = np.full(100_000, 0.1)
    values[70_123] = 1.0
    envelope = Envelope()
    envelope.extend(values)
    lows, highs, _ = envelope.columns(steps_axis((0, 100_000), 60).edges)
    assert np.flatnonzero(highs == 1.0).tolist() == [70_123 * 60 // 100_000]
    rows = in_cells(braille.outline(lows, highs, braille.fitting_axis(lows, highs), 6))
    assert [x for x, cell in enumerate(rows[0]) if cell != chr(braille.EMPTY)] == [21]


def test_a_value_that_is_not_finite_breaks_its_own_column_only() -> None:
    values = np.full(1000, 0.5)
    values[500] = math.nan
    lows, highs, broken = filled(values).columns(steps_axis((0, 1000), 10).edges)
    assert np.flatnonzero(broken).tolist() == [5]
    assert (highs == 0.5).all()
    assert (lows == 0.5).all()


def test_columns_ahead_of_the_run_are_empty() -> None:
    lows, _, _ = filled(np.ones(300)).columns(steps_axis((0, 1000), 10).edges)
    assert np.isnan(lows).tolist() == [False] * 3 + [True] * 7


@pytest.mark.parametrize(("floor", "log"), [(0.5, False), (1e-4, True)])
def test_the_axis_is_logarithmic_where_the_curves_are_far_apart(floor: float, log: bool) -> None:
    axis = braille.fitting_axis(np.full(10, floor), np.full(10, 1.0))
    assert axis.log is log
    assert axis.row(1.0, 6) == 0
    assert axis.row(0.0, 6) == (None if log else 5)


def test_a_dotted_curve_has_every_other_column() -> None:
    flat = np.full(8, 1.0)
    axis = braille.fitting_axis(flat, flat)
    assert in_cells(braille.outline(flat, flat, axis, 1)) == ["⠉⠉⠉⠉"]
    assert in_cells(braille.outline(flat, flat, axis, 1, dotted=True)) == ["⠁⠁⠁⠁"]


def test_neighbouring_columns_are_joined() -> None:
    values = np.array([0.0, 1.0])
    dots = braille.outline(values, values, braille.Axis(0.0, 1.0, log=False), 2)
    assert dots.any(axis=1).all()


def test_decades_label_a_logarithmic_axis() -> None:
    labels = value_labels(braille.Axis(1e-4, 1.0, log=True), 20, words.quantity)
    assert list(labels.values()) == [
        "1e-4",
        "0.001",
        "0.01",
        "0.1",
        "1",
    ]


def curves(history: History, width: int = 36, height: int = 8, **settings: object) -> list[Line]:
    record = CurveCache()
    record.follow(history)
    return draw_curves(view(history, **settings), record, width, height, PALETTE, CurveOptions(), zoomed=False)


def test_the_curves_name_their_values_axes_and_borders() -> None:
    lines = text(curves(screen_data.history(2500)))
    assert len(lines) == 8
    assert lines[0].startswith("L loss ")
    assert "P penalty 0.00397" in lines[0]
    assert "0" in lines[-1]
    assert "log axis" in lines[-1]
    assert lines[-1].endswith("5,000 steps")
    assert lines[3].count("┊") >= 2, "the borders of the tasks that are still to come"
    assert any("L" in line[-2:] for line in lines[1:])
    assert any("P" in line[-2:] for line in lines[1:])


def test_a_nan_is_marked_where_it_happened() -> None:
    from dataclasses import replace

    known = screen_data.history(2500)
    losses = known.curve.losses().copy()
    losses[1250] = math.nan
    known = replace(known, curve=curve(losses.tolist(), known.curve.penalties().tolist()))
    line = curves(known, width=108)[1]
    assert [segment.style for segment in line if "✖" in segment.text] == [BAD]
    assert text([line])[0].index("✖") == 6 + 22


def test_a_method_without_penalty_shows_none() -> None:
    assert "penalty" not in text(curves(screen_data.history(500), method="none"))[0]


def test_a_redraw_after_a_hundred_thousand_steps_is_cheap() -> None:
    known = screen_data.history(tasks=5, steps=20_000, bundle=1000)
    record = CurveCache()
    record.follow(known)
    shown = view(known)
    best = math.inf
    for _ in range(20):
        began = time.thread_time()
        draw_curves(shown, record, 36, 8, PALETTE, CurveOptions(), zoomed=False)
        best = min(best, time.thread_time() - began)
    assert best < 0.004, f"{best * 1e3:.2f} ms"


def test_the_tasks_pane_tells_learned_now_lost_and_waiting() -> None:
    lines = text(tasks(view(screen_data.history(2500)), 36, 8, PALETTE))
    assert lines[0].split() == ["learned", "→", "now", "lost"]
    assert lines[1].startswith("✔ 1 0 8 ⠈⠉")
    assert lines[1].split()[-4:] == ["99.0", "→", "95.0", "−4.0"]
    assert lines[3].startswith("▶ 3 2 3 ")
    assert lines[3].split()[-1] == "99.0"
    assert lines[4].startswith("  4 4 9 ")
    assert not lines[4].rstrip().endswith("9.0")
    assert lines[-1].startswith("average 97.0 %   forgetting 3.0")


def test_bars_end_at_twenty_cells_and_the_room_shows_curves() -> None:
    lines = text(tasks(view(screen_data.history(2500)), 120, 24, PALETTE))
    assert {line.count("━") + line.count("─") + line.count("╸") for line in lines} == {0, 20}
    assert "each 0 to 100" in lines[0]
    assert any("╌" in line for line in lines), "chance"
    assert any(line.endswith("500 of 1,000 steps") for line in lines)


def test_what_is_below_chance_is_said() -> None:
    known = view(screen_data.history(tasks=30))
    assert known.history.matrix[-1][0] < 0.5
    assert text(tasks(known, 60, 32, PALETTE))[1].endswith("−58.0▼")
    assert any(line.endswith("▼ below chance, 50") for line in text(tasks(known, 60, 100, PALETTE)))
    unknown = view(screen_data.history(tasks=30), benchmark="own-loop")
    assert not any("▼" in line for line in text(tasks(unknown, 60, 100, PALETTE)))


def test_a_baseline_is_drawn_and_compared_at_the_same_part_of_the_run() -> None:
    """Even if it took other numbers of steps."""
    known, other = screen_data.history(2500), screen_data.history(tasks=5, steps=100, bundle=10)
    worse = replace(other, matrix=tuple(tuple(value - 0.2 for value in row) for row in other.matrix))
    behind = Baseline("calm-otter", resolve({"method": "none", "device": "cpu"}), other)
    shown = replace(view(known), baseline=behind)
    assert "against none 0.0" in text(tasks(shown, 60, 9, PALETTE))[-1]
    finished = replace(view(screen_data.history()), baseline=replace(behind, history=worse))
    assert "against none +20.0" in text(tasks(finished, 60, 9, PALETTE))[-1]
    early = replace(shown, baseline=replace(behind, history=screen_data.history(120, tasks=5, steps=100, bundle=10)))
    assert "against" not in text(tasks(early, 60, 9, PALETTE))[-1], "it has not come so far"
    looks = aligned(shown, AccuracyTable())
    assert looks is not None
    assert looks.steps[looks.ended].tolist() == [1000, 2000, 3000, 4000, 5000]


def test_of_many_tasks_the_present_one_is_in_view() -> None:
    known = screen_data.history(4050, tasks=60, steps=100)
    assert any(line.startswith("▶ 41") for line in text(draw_tasks(view(known), AccuracyTable(), 36, 8, PALETTE)))
    assert any(line.startswith("now ") for line in text(draw_matrix(view(known), 36, 8, PALETTE)))
    assert text(draw_tasks(view(known), AccuracyTable(), 36, 8, PALETTE, start=0))[1].startswith("✔  1")


@pytest.mark.parametrize(
    ("start", "told"), [(0, "50 more below"), (30, "30 more above, 20 below"), (60, "50 more above")]
)
def test_tasks_that_do_not_fit_are_counted_under_a_header(start: int, told: str) -> None:
    known = view(screen_data.history(4050, tasks=60, steps=100))
    for lines in (
        text(draw_tasks(known, AccuracyTable(), 76, 12, PALETTE, start)),
        text(draw_histories(known, AccuracyTable(), 76, 13, PALETTE, start)),
    ):
        assert "learned" in lines[0]
        assert sum(line[2:4].strip().isdigit() for line in lines) == 10
        (line,) = (line for line in lines if " more " in line)
        assert line.strip().endswith(told)
    assert not any("more" in line for line in text(draw_tasks(known, AccuracyTable(), 76, 70, PALETTE)))


@pytest.mark.parametrize("width", [26, 36, 76, 156])
def test_every_line_fits_its_pane(width: int) -> None:
    for known in (History(), screen_data.history(2500), screen_data.history(4050, tasks=60, steps=100)):
        for height in (4, 8, 20, 40):
            panes = [tasks, draw_matrix, draw_importance]
            for draw in panes:
                lines = text(draw(view(known), width, height, PALETTE))
                assert len(lines) <= height, draw
                assert max(map(len, lines), default=0) <= width, (draw, height)
            if known.curve.length:
                lines = text(curves(known, width, height))
                assert len(lines) <= height
                assert max(map(len, lines)) <= width, height


def test_what_is_not_evaluated_is_a_point_and_not_a_zero() -> None:
    lines = draw_matrix(view(screen_data.history(2500)), 36, 9, PALETTE)
    assert text(lines)[1].split() == ["1", "99.0", "·", "·", "·", "·"]
    assert text(lines)[3].split() == ["now", "95.0", "97.0", "99.0", "·", "·"]
    assert text(lines)[-3].split() == ["lost", "4.0", "2.0"]
    assert "50 chance" in text(lines)[-2]
    assert text(lines)[-1].split() == ["average", "97.0", "%", "lost", "3.0", "points"]
    wide = text(draw_matrix(view(screen_data.history(2500)), 40, 9, PALETTE))[-1]
    assert wide == "average 97.0 %  forgetting 3.0 points"


@pytest.mark.parametrize("accuracy", [0.0, 0.5, 0.55, 0.8, 0.95, 1.0])
def test_an_accuracy_has_the_same_colour_on_pages_as_on_screens(accuracy: float) -> None:
    scale = ColourScale.of(ACCURACY, [0.5, 1.0], 0.5)
    (kind,) = [mark.kind for mark in svg.matrix_map([[accuracy]], scale).marks]
    style = scale.style(accuracy, replace(PALETTE, coloured=True))
    assert style.bgcolor is not None
    assert style.color is not None
    on_screen = style.bgcolor.get_truecolor().hex, style.color.get_truecolor().hex
    assert (kind, *on_screen) in svg.shades()


def test_the_matrix_colours_what_is_forgotten() -> None:
    known, coloured = view(screen_data.history()), replace(PALETTE, coloured=True)
    last = draw_matrix(known, 36, 9, coloured)[5]
    scale = AccuracyTable().scale(known)
    assert (scale.worst, scale.best) == (0.5, 1.0), "from chance to the best"
    colours = [segment.style for segment in last if segment.style and segment.style.bgcolor]
    assert colours == [style_at(scale.fraction(value), coloured) for value in known.history.matrix[-1]]
    assert len(set(colours)) == 5, "two points are another colour"


@pytest.mark.parametrize("palette", [PALETTE, replace(PALETTE, coloured=True)])
def test_a_hundred_tasks_fit_a_pane_of_106_by_52(palette: Palette) -> None:
    known = view(screen_data.history(tasks=100, steps=20, bundle=10))
    lines = draw_matrix(known, 106, 52, palette)
    assert len(lines) == 52
    assert max(map(len, text(lines))) <= 106
    shown = text(lines)
    assert shown[-1].strip().startswith("0")
    if palette.coloured:
        blocks = "".join(shown[1:-1])
        assert 2 * blocks.count("▀") + blocks.count("▄") == 100 * 101 // 2, "the triangle, two rows a line"
    else:
        assert "51 more above" in "".join(shown)


def test_importance_names_layers_zeros_and_the_range() -> None:
    lines = text(draw_importance(view(screen_data.history(2500)), 36, 4, PALETTE))
    assert lines[0].startswith("fc1.weight ")
    assert lines[0].endswith("12 % zero")
    assert "▇" in lines[0]
    assert lines[-1].split()[0] == "Ω"


def test_fine_tuning_says_why_it_has_no_importance() -> None:
    lines = text(draw_importance(view(screen_data.history(2500), method="none"), 36, 8, PALETTE))
    assert " ".join(lines) == "Fine-tuning keeps no importance: nothing protects earlier tasks."


@pytest.mark.parametrize(("method", "why"), [("lwf", "when the task began"), ("replay", "are trained on again")])
def test_other_methods_say_what_protects_instead_of_an_importance(method: str, why: str) -> None:
    lines = text(draw_importance(view(screen_data.history(2500), method=method), 80, 8, PALETTE))
    assert "keeps no importance: " in " ".join(lines)
    assert " ".join(lines).endswith(f"{why}.")


def test_an_axis_reaches_below_zero_where_a_penalty_does() -> None:
    """As one of si --signed may. Where it hardly does, the axis may be logarithmic."""
    assert braille.fitting_axis(np.array([-3.0, 1.0]), np.array([-2.0, 2.0])) == braille.Axis(-3.0, 2.0, log=False)
    assert braille.fitting_axis(np.array([-2.0]), np.array([-1.0])) == braille.Axis(-2.0, 0.0, log=False)
    axis = braille.fitting_axis(np.array([1e-4, -1e-3]), np.array([1.0, 1e-4]))
    assert axis.log
    assert braille.outline(np.array([-1e-3, 1e-2]), np.array([-1e-4, 1.0]), axis, 4).any(0).tolist() == [False, True]


def test_the_header_names_what_is_not_at_its_default() -> None:
    known = screen_data.history(2500)
    assert "mlp" not in header(view(known, validation=0), 240)
    told = {"model": "conv", "norm": "batch", "schedule": "cosine", "validation": 0.1, "freeze": ["conv1.*"]}
    whole = header(view(known, **told), 240)
    for part in ("frozen conv1.*", "conv 16-pool-32-pool-64 · norm batch", "schedule cosine · validation 0.1"):
        assert part in whole
    assert "conv 16-pool-32-pool-64" in header(view(known, **told), 120)
    assert "norm batch" not in header(view(known, **told), 100), "no option without its network"


def test_the_header_names_the_folder_and_the_weights(tmp_path: Path) -> None:
    for part, name in itertools.product(("train", "test"), ("cat", "dog", "fox", "owl")):
        (tmp_path / "photos" / part / name).mkdir(parents=True)
    given = {"benchmark": "images", "data_dir": str(tmp_path / "photos"), "weights": str(tmp_path / "nets" / "cats.pt")}
    shown = view(screen_data.history(2500), **given, precision="bf16")
    assert "weights cats.pt · images photos · 4 classes · task · precision bf16 · cpu" in header(shown, 240)
    assert header(shown, 80).startswith("si c=1  weights cats.pt  images photos  calm-otter ")


@pytest.mark.parametrize("width", range(60, 200, 7))
def test_the_header_drops_whole_parts(width: int) -> None:
    line = header(view(screen_data.history(2500), pace=250.0), width)
    assert len(line) == width
    names = {"si c=1", "split-digits", "task", "cpu", "seed 0", "calm-otter"}
    progress = {"▶ task 3 of 5", "▶ 3/5", "50 %", "slow motion 250/s", "slow 250/s", "0:05, 0:05 left", "0:05/0:10"}
    parts = re.split(r" · | {2,}", line)
    assert set(parts) <= names | progress
    assert parts[0] == "si c=1"
    assert any(part.startswith("slow") for part in parts)
    assert width < 78 or names <= {*parts}


def test_a_wide_header_says_everything() -> None:
    line = header(view(screen_data.history(2500)), 150)
    assert line.startswith("si c=1 · split-digits · task · cpu · seed 0 · calm-otter ")
    assert line.endswith("▶ task 3 of 5  50 %  500/s  0:05, 0:05 left")


def test_loading_says_what_is_loaded(tmp_path: Path) -> None:
    assert header(view(History(), activity="loading PyTorch"), 100).endswith("◌ loading PyTorch")


def test_at_a_break_no_task_has_time_left() -> None:
    training = screen_data.history(2500)
    assert "left" in TasksPane().subtitle(view(training))
    assert TasksPane().subtitle(view(replace(training, between=True))) == ""


@pytest.mark.parametrize(
    ("width", "height", "told"),
    [(36, 9, ""), (20, 9, ""), (8, 9, "1 right"), (36, 5, "1 more above, 2 below"), (8, 5, "4 of 5 tasks")],
)
def test_the_matrix_tells_how_many_tasks_it_leaves_out(width: int, height: int, told: str) -> None:
    lines = text(draw_matrix(view(screen_data.history(2500)), width, height, PALETTE))
    assert len(lines) <= height
    assert any(line.startswith(told) for line in lines)
    assert bool(told) == any(re.search("left|right|above| of ", line) for line in lines[1:])
