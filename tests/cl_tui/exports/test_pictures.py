"""Pictures of the screens, films of a replay, and the page that replays itself."""

import io
import json
import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style

from cl_tui.app import film
from cl_tui.app.app import ClTui
from cl_tui.exports import film_page, raster
from cl_tui.exports.cast import asciicast
from cl_tui.exports.cells import CELL, Grid, grid, shapes, svg, with_caption
from cl_tui.exports.export import ExportRefused, exports
from cl_tui.screens.share import ShareDialog
from engine.record.events import StrengthChanged
from engine.record.shown import Shown
from engine.sessions.listing import read_session
from tests import runs, saved
from tests.first_screens import monitor
from tests.waiting import on_screen

INK, PAPER, RED = ColorTriplet(230, 230, 230), ColorTriplet(0, 0, 0), ColorTriplet(255, 0, 0)


def drawn(*lines: str, style: str = "") -> Grid:
    return grid([[Segment(line, Style.parse(style))] for line in lines], INK, PAPER)


def test_every_shape_lies_in_its_cell_and_braille_has_a_box_a_dot() -> None:
    for code in (*range(0x2500, 0x25A0), *range(0x2800, 0x2900)):
        found = shapes(chr(code))
        for left, top, right, bottom in found or ():
            assert 0 <= left < right <= 1, chr(code)
            assert 0 <= top < bottom <= 1, chr(code)
        if code >= 0x2800:
            assert len(found or ()) == (code - 0x2800).bit_count()
    assert shapes("█") == ((0.0, 0.0, 1.0, 1.0),)
    assert shapes("╋") is not None
    assert len(shapes("┊") or ()) == 4
    assert shapes("░") is shapes("Ω") is None


def pixel(shown: Grid, x: float, y: float) -> tuple[int, ...]:
    """The colour in the middle of a part of a cell, in cells."""
    picture = Image.open(io.BytesIO(raster.png(shown))).convert("RGB")
    found = picture.getpixel((int(2 * CELL[0] * x), int(2 * CELL[1] * y)))
    assert isinstance(found, tuple)
    return found


def test_a_picture_of_pixels_has_the_colours_where_they_are() -> None:
    shown = drawn("▀▌ ", "⣿a ", style="#ff0000 on #0000ff")
    assert Image.open(io.BytesIO(raster.png(shown))).size == (2 * 3 * CELL[0], 2 * 2 * CELL[1])
    assert pixel(shown, 0.5, 0.25) == tuple(RED)
    assert pixel(shown, 0.5, 0.75) == (0, 0, 255)
    assert pixel(shown, 1.25, 0.5) == tuple(RED)
    assert pixel(shown, 1.75, 0.5) == (0, 0, 255)
    assert pixel(shown, 0.25, 1.125) == tuple(RED)
    assert pixel(drawn("▀", style="reverse #ff0000 on #0000ff"), 0.5, 0.25) == (0, 0, 255)


def test_a_vector_picture_has_all_words_and_loads_nothing() -> None:
    shown = drawn("a <b> & Ω", "  ▶ 日本 c", style="bold")
    text = svg(with_caption(shown, ["cl-tui run --method si --seed 0"]), "</title>")
    found = [part.text for part in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}text")]
    assert found == ["cl-tui ru", "a <b> & Ω", "▶ 日本 c"], "the caption is cut where the picture ends"
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_a_film_as_text_writes_a_line_only_if_it_changes() -> None:
    header, *events = map(
        json.loads, asciicast([drawn("a", "b"), drawn("a", "c"), drawn("a", "c")], 0.5, "t").splitlines()
    )
    assert (header["version"], header["width"], header["height"]) == (2, 1, 2)
    assert [time for time, _, _ in events] == [0, 0.5, 1, 1.5]
    assert ["\x1b[1;1H" in written for _, _, written in events] == [True, False, False, False]
    assert ["\x1b[2;1H" in written for _, _, written in events] == [True, True, False, False]


def test_a_film_of_pixels_shows_each_moment_and_starts_again() -> None:
    found = Image.open(io.BytesIO(raster.gif([drawn("▀"), drawn("▄"), drawn("█")], 0.1)))
    assert getattr(found, "n_frames", 1) == 3
    assert found.info["loop"] == 0


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sessions")
    runs.finished(folder, runs.tiny("si"), "calm-otter")
    return folder / "calm-otter"


def test_a_file_has_every_colour_where_the_terminal_has_few(session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.delenv("COLORTERM", raising=False)
    (shown,) = film.moments(session.parent, session.name, 1, (80, 24))
    assert len({cell.ink for row in shown.rows for cell in row}) > 8
    assert "━" in "".join(cell.text for row in shown.rows for cell in row)
    assert "COLORTERM" not in os.environ


def test_the_screen_of_a_session_without_a_terminal(session: Path) -> None:
    first, last = film.moments(session.parent, session.name, 2, (80, 24))
    assert first.size == last.size == (80, 24)
    words = ["\n".join("".join(cell.text for cell in row) for row in shown.rows) for shown in (first, last)]
    assert "Finished" not in words[0]
    assert "100 %" in words[1] or "✔" in words[1]
    text = film.made(session, "svg", (80, 24)).decode()
    assert "cl-tui run --method si" in text


def test_the_page_that_replays_itself_has_the_run_in_it(session: Path) -> None:
    listed = read_session(session.parent, session.name)
    config, history = listed.known()
    found = film_page.film(config, history, Shown.read(session))
    assert found["chance"] == 1 / 5
    assert [moment["step"] for moment in found["moments"]] == [told.step for told in history.probes]
    assert found["matrix"][-1]["values"] == [round(value, 4) for value in history.matrix[-1]]
    assert 0 < len(found["examples"]) <= film_page.EXAMPLES
    for example in found["examples"]:
        assert len(example["answers"]) == len(found["moments"])
        told = example["answers"][-1]
        assert told[2] is (told[0] != example["is"])
    page = film_page.page(listed, session)
    stored = re.search(r'<script type="application/json" id="data">(.*)</script>', page)
    assert stored is not None
    assert json.loads(stored[1]) == json.loads(json.dumps(found))
    assert "cl-tui run --method si" in page
    assert "repeats it to the bit" in page
    assert not re.search(r"(src|href)=", page)
    history.strengths = history.strengths.plus(StrengthChanged(7, 0.0, 1.0, 10.0))
    steered = film_page.page(listed, session)
    assert "repeats it to the bit" not in steered
    assert "strength 1 → 10 (step 7)" in steered


def test_a_session_that_keeps_no_examples_has_a_page_too(session: Path) -> None:
    assert film_page.film(*read_session(session.parent, session.name).known(), None)["examples"] == []


def test_a_session_that_has_taken_no_step_has_a_page_too(tmp_path: Path) -> None:
    saved.create(tmp_path, "new")
    assert "cl-tui run" in film_page.page(read_session(tmp_path, "new"), tmp_path / "new")


async def test_what_is_shared_lies_beside_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    app = ClTui(monitor(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        for keys, name in ((("enter",), "calm-otter-tasks.png"), (("down", "down", "down", "enter"), "calm-otter.svg")):
            await pilot.press("S")
            await pilot.pause()
            assert isinstance(app.screen, ShareDialog)
            await pilot.press(*keys)
            await on_screen(pilot, lambda name=name: (tmp_path / "here" / name).exists())
    assert Image.open(tmp_path / "here" / "calm-otter-tasks.png").size[0] < 80 * 2 * CELL[0]
    assert "split-digits" in (tmp_path / "here" / "calm-otter.svg").read_text(encoding="utf-8")


def test_a_taken_place_is_told_before_a_film_is_made(session: Path, tmp_path: Path) -> None:
    (tmp_path / "taken.gif").touch()
    made = exports(read_session(session.parent, session.name), session, {"gif": tmp_path / "taken.gif"}, False, refuse)
    with pytest.raises(ExportRefused, match="already exists"):
        list(made)


def refuse(_: object) -> bytes:
    raise AssertionError("it is made")


async def test_share_on_a_terminal_of_one_cell(tmp_path: Path) -> None:
    app = ClTui(monitor(tmp_path))
    async with app.run_test() as pilot:
        await pilot.press("S")
        await pilot.resize_terminal(1, 1)
        await pilot.resize_terminal(80, 24)
        assert isinstance(app.screen, ShareDialog)
