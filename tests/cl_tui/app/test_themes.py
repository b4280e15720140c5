"""Everyone can tell the colours of the Okabe-Ito themes, and every terminal can show the screens."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.screen import Screen

from cl_tui.app.app import ClTui
from cl_tui.app.legible import AsciiFilter
from cl_tui.app.themes import THEMES
from cl_tui.charts.style import Palette
from cl_tui.host.ascii_filter import _GREEK, Charts, in_ascii, spelled_line, translated, wanted
from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes.base import Pane
from cl_tui.screens.home import HomeScreen
from tests.first_screens import FIRST_SCREENS
from tests.terminal import Terminal
from tests.test_snapshots import monitor

VISIONS = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""Machado, Oliveira & Fernandes (2009), in full severity, on linear RGB."""
APART = 10.0
"""Least distance in CIELAB; 2.3 is just noticeable side by side."""


def lab(colour: Color, vision: str) -> np.ndarray:
    """CIELAB of ``colour`` as an eye with ``vision`` takes it."""
    srgb = np.array(colour.rgb) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(VISIONS[vision]) @ linear, 0, 1)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = np.array(to_xyz) @ seen / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one: Color, other: Color, vision: str) -> float:
    return float(np.linalg.norm(lab(one, vision) - lab(other, vision)))


async def palette(theme: str, folder: Path) -> Palette:
    """The styles of a pane, as app.tcss makes them from ``theme``."""
    app = monitor(folder, 3500)
    async with app.run_test(size=(80, 24)) as pilot:
        for own in THEMES:
            app.register_theme(own)
        app.theme = theme
        await pilot.pause()
        return app.screen.query(Pane).first()._palette()


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
async def test_what_colour_tells_is_told_to_every_eye(theme: str, vision: str, tmp_path: Path) -> None:
    """Good from poor, and loss from penalty."""
    drawn = await palette(theme, tmp_path)
    inks = {name: Color.from_rich_color(getattr(drawn, name).color) for name in ("good", "caution", "bad")}
    curves = [Color.from_rich_color(style.color) for style in (drawn.loss, drawn.penalty)]
    assert distance(inks["good"], inks["caution"], vision) >= APART
    assert distance(inks["good"], inks["bad"], vision) >= APART
    assert distance(*curves, vision) >= APART


def test_the_measure_tells_colours_that_are_not_safe() -> None:
    """A red and an olive are one colour to a deuteranope."""
    red, olive = Color(178, 34, 34), Color(110, 95, 30)
    assert distance(red, olive, "normal") >= APART
    assert distance(red, olive, "deuteranopia") < APART


@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
async def test_every_word_can_be_read(theme: str, tmp_path: Path) -> None:
    """Contrast of 4.5 to 1 for text (WCAG 2.1, AA), on its own background."""
    drawn = await palette(theme, tmp_path)
    for style in (drawn.text, drawn.good, drawn.caution, drawn.bad, drawn.loss, drawn.penalty):
        assert contrast(Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)) >= 4.5


def contrast(one: Color, other: Color) -> float:
    lights = sorted(luminance(colour) for colour in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(colour: Color) -> float:
    srgb = np.array(colour.rgb) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize(
    ("charts", "environment", "ascii_"),
    [
        ("auto", {"TERM": "xterm-256color", "LANG": "en_GB.UTF-8"}, False),
        ("auto", {"TERM": "xterm-256color", "LANG": "C.utf8"}, False),
        ("auto", {"TERM": "xterm-256color"}, False),
        ("auto", {"TERM": "xterm", "LANG": "C"}, True),
        ("auto", {"TERM": "xterm", "LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ("auto", {"TERM": "xterm", "LANG": "en_GB.UTF-8", "LC_ALL": "POSIX"}, True),
        ("auto", {"TERM": "xterm", "LANG": "de_DE@euro"}, True),
        ("auto", {"TERM": "linux", "LANG": "en_GB.UTF-8"}, True),
        ("auto", {"TERM": "vt100"}, True),
        ("braille", {"TERM": "linux", "LANG": "C"}, False),
        ("ascii", {"TERM": "xterm-256color", "LANG": "en_GB.UTF-8"}, True),
    ],
)
def test_who_gets_ascii(charts: Charts, environment: dict[str, str], ascii_: bool) -> None:
    assert wanted(charts, environment) is ascii_


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_character_becomes_ascii_of_the_same_width(text: str) -> None:
    plain = "".join(spelled_line(text, fixed=True))
    assert plain.isascii()
    assert len(plain) == sum(1 if c.isascii() else cell_len(c) for c in text)


def test_bars_keep_their_order_and_curves_their_place() -> None:
    assert len(set(translated(" ▁▂▃▄▅▆▇█"))) == 9
    assert translated("⠁⠈⠉") == "''\""
    assert translated("⡀⢀⣀") == ".._"


SCREEN = """
import sys
from pathlib import Path
from cl_tui.app.app import ClTui
from cl_tui.app.legible import AsciiFilter
from tests.test_snapshots import monitor

class Plain(ClTui):
    plain = AsciiFilter()

    def get_line_filters(self):
        return [*super().get_line_filters(), self.plain]

app = monitor(Path(sys.argv[1]), 3500)
app.__class__ = Plain
app.run()
"""


def test_nothing_but_ascii_reaches_a_poor_terminal(tmp_path: Path) -> None:
    """In the panes, the help, the palette and a zoomed pane."""
    script = tmp_path / "plain.py"
    script.write_text(SCREEN, encoding="utf-8")
    environment = {"LANG": "C", "LC_ALL": "", "LC_CTYPE": "", "TERM": "linux"}
    with Terminal([str(tmp_path)], tmp_path, environment=environment, program=(str(script),)) as terminal:
        terminal.wait_for(r"> 4/5")
        terminal.wait_for(r"1 Tasks [-=].* 2 Accuracy -+")
        terminal.send("?")
        terminal.wait_for(r"- Help -+")
        terminal.send("escape")
        terminal.wait_for(r"(?s)^(?!.*- Help)")
        terminal.send("ctrl+p")
        terminal.wait_for("Search")
        terminal.send("escape")
        terminal.wait_for(r"(?s)^(?!.*Search)")
        terminal.send("z")
        terminal.wait_for(r"(?s)^(?!.*Importance)")
        terminal.send("q")
        terminal.wait_for_end()
        assert terminal.restored
        assert terminal.output.isascii()


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
@pytest.mark.parametrize("first", FIRST_SCREENS)
async def test_signs_are_words_on_a_screen_in_ascii(
    first: Callable[[Path], Screen[ExitStatus]], size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """λ is lambda and ⏎ is Enter: no sign becomes a letter that means nothing, or a '?'."""
    monkeypatch.setenv("LC_ALL", "C")
    drawn: dict[str, str] = {}
    draw = AsciiFilter.apply

    def apply(self: AsciiFilter, segments: list[Segment], background: Color) -> list[Segment]:
        found = draw(self, segments, background)
        drawn["".join(segment.text for segment in segments)] = "".join(segment.text for segment in found)
        return found

    monkeypatch.setattr(AsciiFilter, "apply", apply)
    app = ClTui(first(tmp_path))
    async with app.run_test(size=size) as pilot:
        await pilot.pause(0.3)
        for key in ("z", "n", "n", "left", "n", "question_mark", "escape", "n"):
            await pilot.press(key)
            await pilot.pause(0.1)
    assert any("Enter" in line for line in drawn.values()) or not isinstance(app.first, HomeScreen)
    for line, plain in drawn.items():
        assert plain.isascii()
        assert len(plain) == cell_len(line)
        assert plain[-1:] == translated(line[-1:]), "the frame stays at the edge"
        assert plain.count("?") == line.count("?"), line
        for sign, word in _GREEK.items():
            assert plain.count(word) >= line.count(sign), (line, plain)


@pytest.mark.parametrize(
    "arguments", [["methods"], ["methods", "ewc"], ["methods", "rwalk"], ["--help"], ["run", "--help"], ["models"]]
)
def test_what_is_printed_is_in_words_too(arguments: list[str]) -> None:
    """Where the locale is C, also if Python chooses UTF-8 for it, and where an encoding has no λ."""
    for variables in ({"LC_ALL": "C"}, {"LANG": "en_GB.UTF-8", "PYTHONIOENCODING": "latin-1"}):
        environment = {key: value for key, value in os.environ.items() if key not in ("LANG", "LC_ALL", "LC_CTYPE")}
        command = [sys.executable, "-m", "cl_tui", *arguments]
        printed = subprocess.run(command, env=environment | variables, capture_output=True, check=True).stdout
        assert printed.isascii()
        assert b"?" not in printed
        if arguments[1:] == ["ewc"]:
            assert b"lambda/2*sum_t F_t(theta-theta_t)^2" in printed


def test_a_stream_that_shows_everything_is_left_alone() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    assert in_ascii(stream, {"LANG": "de_DE.UTF-8"}) is stream
    assert in_ascii(stream, {"LANG": "de_DE.UTF-8", "TERM": "linux"}) is stream, "a file has no terminal"
    in_ascii(stream, {"LANG": "C"}).write("\x1b[1mλ\x1b[0m    5\n")
    stream.flush()
    assert stream.buffer.getvalue() == b"\x1b[1mlambda\x1b[0m 5\n"


def test_a_word_takes_its_room_where_it_hurts_least() -> None:
    """From the blanks after it, then from a line drawn after it, then from what is before it; never from the frame."""
    for line, plain in (
        ("│ Ω 3e-11 ────── 0.3      │", "| Omega 3e-11 ------ 0.3  |"),
        ("╭─ Importance Ω ───────────╮", "+- Importance Omega -------+"),
        ("╰───────────── Σω÷drop 1 ─╯", "+------ sum omega/drop 1 -+"),
        ("│Ωλ│", "|Ol|"),
        ("╰─────╯╰─ Σω÷drop 8 %: fair ─╯", "+-----++- Sw/drop 8 %: fair -+"),
        ("╰─────╯╰────── Σω÷drop 8 % ─╯", "+-----++---- sumw/drop 8 % -+"),
    ):
        assert "".join(spelled_line(line, fixed=True)) == plain
