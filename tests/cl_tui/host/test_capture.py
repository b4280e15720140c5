"""What is printed while the screen is up: kept, shown in the log, and never on the screen."""

import os
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cl_tui.host.capture import LONGEST, Captured, Lines, capturing

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from tests.terminal import Terminal


def texts(captured: Captured) -> list[str]:
    return [line.text for line in captured.since()]


def fed(*pieces: bytes) -> list[str]:
    """The lines that the pieces make once the pipe has ended."""
    captured = Captured()
    lines = Lines(captured, "out", 0)
    for piece in pieces:
        lines.feed(piece)
    lines.end()
    return texts(captured)


@given(st.text(), st.integers(1, 7))
def test_no_text_can_act_on_the_terminal_however_it_is_cut_up(text: str, size: int) -> None:
    data = text.encode(errors="replace")
    lines = fed(*(data[start : start + size] for start in range(0, len(data), size)))
    assert lines == fed(data)
    assert all(line.isprintable() for line in lines)


def test_lines_keep_their_words_and_lose_their_colours() -> None:
    assert fed(b"\x1b[33mcare", b"ful\x1b[0m\nnaive: na\xc3", b"\xafve\r\n", b"broken \xff") == [
        "careful",
        "naive: naïve",
        "broken �",
    ]


def test_a_progress_bar_is_one_line_as_it_was_last() -> None:
    assert fed(*(b"\r%3d %% done" % percent for percent in range(101)), b"\n") == ["100 % done"]


def test_a_long_line_goes_on_in_the_next() -> None:
    assert fed(b"x" * (2 * LONGEST + 5) + b"\n") == ["x" * LONGEST, "x" * LONGEST, "x" * 5]


def test_a_line_without_end_takes_no_memory_without_end() -> None:
    lines = Lines(Captured(5), "err", 0)
    for _ in range(1000):
        lines.feed(b"x" * LONGEST)
    assert len(lines._rest) <= LONGEST


def test_the_oldest_lines_make_room_and_are_counted() -> None:
    captured = Captured(3)
    for number in range(10):
        captured.add("err", f"line {number}")
    assert (captured.count, captured.dropped, texts(captured)) == (10, 7, ["line 7", "line 8", "line 9"])
    assert [line.text for line in captured.since(9)] == ["line 9"]
    assert captured.since(10) == []


def test_colours_are_left_out_and_what_else_steers_a_terminal_is_written_out() -> None:
    captured = Captured()
    captured.add("out", "\x1b[1;31mred\x1b[0m\ta\x00b\x1b[2Jc\u202ed\u200be")
    assert texts(captured) == ["red     a\\x00b\\x1b[2Jc\\u202ed\\u200be"]


APP = """
import ctypes, os, sys, threading, time, warnings, logging, subprocess
from textual.app import App
from textual.widgets import Static
import cl_tui
from cl_tui.host.capture import Captured, capturing
from cl_tui.screens.log import LogScreen

captured = Captured()
WORDS = b"last words\\n"

def noise():
    os.write(1, b"native to one\\n")
    os.write(2, b"native to two\\n")
    print("a print")
    print("a print to stderr", file=sys.stderr)
    logging.warning("a logged warning")
    warnings.warn("a python warning")
    subprocess.run([sys.executable, "-c", "print('a child')"])
    ctypes.CDLL(None).puts(b"from C, which holds it back")

class Tiny(App):
    CSS_PATH = os.path.join(os.path.dirname(cl_tui.__file__), "app", "app.tcss")
    BINDINGS = [("l", "log", "Log"), ("q", "quit", "Quit"), ("x", "crash", "Crash"), ("b", "flood", "Flood")]

    def compose(self):
        yield Static("READY", id="state")

    def on_mount(self):
        captured.take_prints()
        self.set_interval(0.1, self.count)

    def count(self):
        self.query_one("#state").update(f"count {captured.count} of {os.get_terminal_size(sys.__stderr__.fileno())[0]}")

    def key_n(self):
        threading.Thread(target=noise).start()

    def action_flood(self):
        def flood():
            for number in range(30_000):
                os.write(1, b"flood %d\\n" % number)
            os.write(1, b"flood is over\\n")
        threading.Thread(target=flood).start()

    def action_log(self):
        self.push_screen(LogScreen(captured, list))

    def action_crash(self):
        os.write(2, WORDS)
        raise ValueError("the app broke")

app = Tiny()
with capturing(captured):
    app.run()
print("after the end, on stdout")
print("after the end, on stderr", file=sys.stderr)
if app.return_code:
    for line in [line for line in captured.since() if line.stream == "err"][-1:]:
        print("captured:", line.text, file=sys.stderr)
"""

NOISE = ("native to one", "native to two", "a print", "a print to stderr", "a logged warning", "a python warning")

LOG_CLOSED = r"(?s)^(?!.*Search)"


def tiny(folder: Path) -> Terminal:
    script = folder / "tiny.py"
    script.write_text(textwrap.dedent(APP), encoding="utf-8")
    return Terminal([], folder, program=(str(script),))


def test_native_writes_prints_and_warnings_reach_the_log_and_not_the_screen(tmp_path: Path) -> None:
    with tiny(tmp_path) as terminal:
        terminal.wait_for("count 0 of 80")
        terminal.send("n")
        terminal.wait_for(r"count [89]")
        for text in (*NOISE, "a child"):
            assert text.encode() not in terminal.output
        terminal.send("l")
        terminal.wait_for("lines")
        terminal.wait_for("a child")
        for text in NOISE:
            assert text in terminal.text
        terminal.send("escape")
        terminal.wait_for(LOG_CLOSED)
        terminal.send("q")
        assert terminal.wait_for_end() == 0
        assert terminal.restored
        assert "after the end, on stdout" in terminal.text
        assert "after the end, on stderr" in terminal.text


def test_a_crash_is_told_on_the_terminal_and_everything_is_as_before(tmp_path: Path) -> None:
    with tiny(tmp_path) as terminal:
        terminal.wait_for("count 0")
        terminal.send("n")
        terminal.wait_for(r"count [89]")
        terminal.send("x")
        assert terminal.wait_for_end() == 0
        assert terminal.restored
        assert b"the app broke" in terminal.output
        assert "captured: last words" in terminal.text
        assert terminal.output.count(b"last words") == 1
        assert b"from C" not in terminal.output


def test_a_flood_waits_for_nobody_and_the_screen_answers_meanwhile(tmp_path: Path) -> None:
    with tiny(tmp_path) as terminal:
        terminal.wait_for("count 0")
        terminal.send("b")
        terminal.wait_for("count 30001")
        terminal.send("l")
        text = terminal.wait_for("flood is over")
        assert "20,001 older ones dropped" in text
        terminal.send("escape")
        terminal.wait_for(LOG_CLOSED)
        terminal.resize(100, 30)
        terminal.wait_for("count 30001 of 100")
        terminal.send("q")
        assert terminal.wait_for_end() == 0
        assert terminal.restored


def test_without_a_terminal_nothing_is_captured(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    captured = Captured()
    with capturing(captured):
        os.write(1, b"to a file\n")
    assert capfd.readouterr().out == "to a file\n"
    assert captured.count == 0
