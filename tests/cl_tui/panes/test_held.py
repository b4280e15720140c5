"""What the held pane shows of a history, and how its images are arranged by size and terminal."""

from pathlib import Path

import numpy as np
import pytest

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.as_of import as_of
from cl_tui.panes.held.drawing import draw_held
from cl_tui.panes.held.neurons import draw_neurons, last_row
from cl_tui.panes.held.pane import HeldPane
from cl_tui.panes.view import View, Viewport
from cl_tui.reports.held import Images, images, tiled
from engine.analysis.neurons import neurons
from engine.errors import SessionMismatch, SessionTooYoung
from engine.record.events import CONFLICT, HELD, HELD_OWN, PULLED, Event, Measured, Packed, TaskEnded
from engine.record.held import Neurons
from engine.record.history import History
from engine.sessions.session import Session
from engine.settings.run import resolve
from tests import runs
from tests.answered import events

PALETTE = Palette(coloured=True)
RNG = np.random.default_rng(0)


def picture(value: float, shape: tuple[int, ...] = (1, 28, 28)) -> np.ndarray:
    return value * RNG.random(shape, dtype=np.float32)


def told(*, shape: tuple[int, ...] = (1, 28, 28), end: bool = False) -> History:
    """Task 1 holds twice as much as task 2 adds; task 2 pulls twice."""
    made: list[Event] = []
    for event in events(end=end):
        if isinstance(event, TaskEnded):
            now = event.step, event.task
            made.append(Packed.of(*now, HELD, picture(1 + event.task, shape)))
            made.append(Packed.of(*now, HELD_OWN, picture(1 - 0.5 * event.task, shape)))
        made.append(event)
    known = History().after(made)
    if end:
        return known
    pulls = [Packed.of(10, 1, PULLED, picture(value, shape)) for value in (3.0, 5.0)]
    labels = ("fc1.weight",) * 2 + ("the whole network",) * 2
    return known.after([*pulls, Measured(10, 1, CONFLICT, (0.0366, 0.06, 0.1, 0.2), labels)])


CONFIG = resolve({"method": "si", "device": "cpu"})


def drawn(found: Images, width: int, height: int, palette: Palette = PALETTE) -> list[str]:
    lines = draw_held(found, width, height, palette)
    assert len(lines) <= height
    assert all(sum(segment.cell_length for segment in line) <= width for line in lines)
    return text(lines)


def text(lines: list[Line]) -> list[str]:
    return ["".join(segment.text for segment in line).rstrip() for line in lines]


def test_what_is_held_is_held_by_the_tasks_before_the_one_that_pulls() -> None:
    found = images(told(), CONFIG)
    assert found is not None
    assert (found.by, found.puller, len(found.parts), found.layer) == ("task 1", 1, 1, "fc1.weight")
    assert found.pulled.max() > 5.5  # the sum of what was told
    assert found.sentence == "Task 2 put 3.7 % of its change in fc1 on the 6.0 % of the weights that hold half of Ω."
    alone = images(told(end=True), CONFIG, task=1)
    assert alone is not None
    assert (alone.by, alone.puller) == ("task 2", None)
    assert alone.held.max() < 0.51
    assert images(as_of(told(), 5), CONFIG) is None


@pytest.mark.parametrize(
    ("width", "height", "map_beside"),
    [(50, 15, False), (76, 20, True), (56, 34, True), (116, 30, True), (230, 54, True), (26, 4, False), (9, 3, False)],
)
def test_the_map_of_the_ratio_is_there_where_images_stay_large(width: int, height: int, map_beside: bool) -> None:
    found = images(told(), CONFIG)
    assert found is not None
    lines = drawn(found, width, height)
    assert any("held 8×" in line for line in lines) == map_beside
    assert any("more pulled / more held" in line for line in lines) == map_beside
    if width >= 50:
        assert "Task 2 put 3.7 %" in " ".join(lines)
        assert "pulled by task 2" in lines[0]


def test_in_ascii_there_are_a_table_and_the_sentence() -> None:
    several = images(told(end=True), CONFIG)
    assert several is not None
    both = Images(**{**vars(several), "parts": (several.held, 3 * several.held), "names": ("0 1", "2 3")})
    lines = drawn(both, 76, 20, Palette(tones="none"))
    assert lines[0] == "who holds the top pixels"
    assert [line.split()[:4] for line in lines[1:]] == [["1", "0", "1", "25"], ["2", "2", "3", "75"]]
    assert not any("▀" in line for line in lines)


def test_filters_are_tiles_and_inputs_without_a_picture_a_strip() -> None:
    found = images(told(shape=(32, 3, 3)), CONFIG)
    assert found is not None
    assert tiled(found.held).shape == (23, 23)
    drawn(found, 76, 20)
    strip = images(told(shape=(1, 1, 64)), CONFIG)
    assert strip is not None
    drawn(strip, 76, 20)


def test_a_stranger_s_log_draws_something_or_nothing() -> None:
    for bad in (np.full((1, 4, 4), np.nan, "f4"), np.full((1, 4, 4), -np.inf, "f4"), np.zeros((0, 4, 4), "f4")):
        for event in (HELD, HELD_OWN, PULLED):
            known = told(shape=(1, 4, 4)).after([Packed.of(10, 1, event, bad)])
            found = images(known, CONFIG)
            assert found is not None
            drawn(found, 76, 20)
    assert images(told().after([Packed.of(10, 1, PULLED, picture(1, (2, 5, 5)))]), CONFIG) is not None


def test_the_pane_says_why_there_is_no_image_and_has_its_points_as_rows() -> None:
    pane = HeldPane()
    for settings, why in (({"method": "none"}, "keeps no importance"), ({"method": "si"}, "No importance yet")):
        view = View("otter", resolve({"device": "cpu", **settings}), History(), "")
        assert why in " ".join(text(pane.draw(view, 60, 9, PALETTE)))
        assert pane.data(view) == []
    view = View("otter", CONFIG, told(shape=(1, 2, 2)), "", viewport=Viewport(10))
    rows = pane.data(view)
    assert [(row["row"], row["column"]) for row in rows] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert rows[0].keys() == {"picture", "row", "column", "held", "pulled", "held_by_task_1"}
    assert pane.subtitle(view) == "fc1.weight · at step 10"


def read(session: Session) -> Neurons:
    history = session.history()
    assert history.importance is not None
    layers = [(layer.name, layer.size) for layer in history.importance.layers]
    return neurons(session.path.parent, session.name, layers, (8, 8))


def test_neurons_come_from_the_newest_checkpoint_at_a_task_s_end(tmp_path: Path) -> None:
    session = runs.finished(tmp_path, runs.tiny())
    found = read(session)
    picture = session.history().packed[HELD][-1].array()
    assert picture is not None
    assert (found.task, found.images.shape) == (1, (8, 8, 8))
    assert np.allclose(found.images.sum(0), picture[0], rtol=0.02, atol=0.02 * picture.max())
    lines = draw_neurons(found.images, 0, 76, 20, PALETTE)
    assert text(lines)[0].count("%") == 4
    assert draw_neurons(found.images, 10**6, 76, 20, PALETTE) == []
    assert (last_row(8, 76, 20), last_row(64, 76, 20)) == (0, 14)


def test_where_neurons_make_no_picture_it_says_so(tmp_path: Path) -> None:
    session = runs.finished(tmp_path, runs.tiny())
    for layers in (
        [],
        [("fc1.weight", 512)],
        [("fc1.weight", 512), ("fc2.weight", 80)],
        [("a.weight", 9), ("a.bias", 3)],
    ):
        with pytest.raises(SessionMismatch, match="no pictures"):
            neurons(tmp_path, session.name, layers, (8, 8))
    with pytest.raises(SessionMismatch, match="no importance"):
        neurons(tmp_path, session.name, [("a.weight", 8 * 10**6), ("a.bias", 1)], (8, 8))
    with pytest.raises(SessionTooYoung):
        neurons(tmp_path, runs.create(tmp_path, runs.tiny(), "young").name, [], (8, 8))
