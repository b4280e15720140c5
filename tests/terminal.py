"""The real program in a pseudo-terminal, read back as the screen a person would see."""

import os
import re
import select
import signal
import struct
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte
import pytest

if sys.platform != "win32":
    import fcntl
    import pty
    import termios

KEYS = {"space": " ", "escape": "\x1b", "tab": "\t", "enter": "\r", "ctrl+c": "\x03", "ctrl+p": "\x10"}


class Terminal:
    """Runs ``python -m cl_tui ARGUMENTS``, or another ``program``, on a terminal of ``columns`` × ``lines``."""

    def __init__(
        self,
        arguments: Sequence[str],
        cwd: Path,
        columns: int = 80,
        lines: int = 24,
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = ("-m", "cl_tui"),
    ) -> None:
        if sys.platform == "win32":
            pytest.skip("needs a pseudo-terminal, which Windows does not have")
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self.output = b""
        """Everything the program wrote."""
        self.read_at = 0.0
        """When (time.perf_counter) the program last wrote something."""
        self.exit_code: int | None = None
        self.began = time.monotonic()
        self._preferences = tempfile.TemporaryDirectory()
        """Where looks are remembered, unless the environment says where."""
        preferences = self._preferences.name
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            root = str(Path(__file__).parent.parent)
            variables = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": root}
            variables |= {"COLORFGBG": "15;0", **(environment or {})}  # else it would be asked, and does not answer
            variables.setdefault("CL_TUI_CONFIG_DIR", preferences)
            for name in ("COLUMNS", "LINES"):  # set by a test that drew a screenshot; they would fix the size
                variables.pop(name, None)
            os.execve(sys.executable, [sys.executable, *program, *arguments], variables)
        self._set_size(columns, lines)
        self._before = termios.tcgetattr(self._fd)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self.exit_code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.close()
        self._preferences.cleanup()

    def close(self) -> None:
        """As when the window is closed, or the connection cut."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    @property
    def text(self) -> str:
        """The screen as lines of text."""
        return "\n".join(self._screen.display)

    @property
    def restored(self) -> bool:
        """Whether the terminal is as a shell expects it: main screen, cursor, no mouse reports, echo on."""
        left_alternate = self.output.rfind(b"\x1b[?1049l") > self.output.rfind(b"\x1b[?1049h")
        mouse_off = self.output.rfind(b"\x1b[?1000l") > self.output.rfind(b"\x1b[?1000h")
        cursor_shown = self.output.rfind(b"\x1b[?25h") > self.output.rfind(b"\x1b[?25l")
        return left_alternate and mouse_off and cursor_shown and termios.tcgetattr(self._fd)[3] == self._before[3]

    def send(self, *keys: str) -> None:
        for key in keys:
            os.write(self._fd, KEYS.get(key, key).encode())

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def resize(self, columns: int, lines: int) -> None:
        self._screen.resize(lines, columns)
        self._set_size(columns, lines)
        os.kill(self.pid, signal.SIGWINCH)

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self, seconds: float) -> bool:
        """Takes in what the program writes within ``seconds``; False once it has closed the terminal."""
        if not select.select([self._fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._fd, 1 << 16)
        except OSError:
            return False
        self.read_at = time.perf_counter()
        self.output += data
        self._stream.feed(data)
        return bool(data)

    def wait_for(self, pattern: str, timeout: float = 60.0) -> str:
        """The screen, as soon as ``pattern`` (a regular expression) is on it. Raises AssertionError."""
        deadline = time.monotonic() + timeout
        while not re.search(pattern, self.text):
            open_ = self.read(0.05)
            if re.search(pattern, self.text):
                break
            assert open_, f"the program ended before {pattern!r} appeared:\n{self.text}"
            assert time.monotonic() < deadline, f"{pattern!r} did not appear in {timeout} s:\n{self.text}"
        return self.text

    def wait_for_end(self, timeout: float = 60.0) -> int:
        """Reads to the end and gives the exit code. Raises AssertionError."""
        deadline = time.monotonic() + timeout
        while True:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            assert time.monotonic() < deadline, f"the program did not end in {timeout} s:\n{self.text}"
        while select.select([self._fd], [], [], 0.05)[0] and self.read(0):
            pass
        self.exit_code = os.waitstatus_to_exitcode(status)
        return self.exit_code
