"""What all tests share: the command line, called in this process, and a folder of sessions."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cl_tui.commands.cli import main

QUICK = ["--tasks", "2", "--epochs", "1"]
"""Options with which a run takes a moment."""
TEST_DATA = Path(named).absolute() if (named := os.environ.get("CL_TUI_TEST_DATA")) else None
"""Where MNIST lies; None where nobody has said."""


@dataclass(frozen=True)
class Answer:
    """What a command printed and returned."""

    exit_code: int
    out: str
    err: str


CommandLine = Callable[..., Answer]


@pytest.fixture(autouse=True)
def _own_preferences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the preferences or the cache of whoever runs it, nor allows code to another test."""
    monkeypatch.setattr("engine.settings.own_code._ALLOWED", set())
    monkeypatch.setenv("CL_TUI_CONFIG_DIR", str(tmp_path / "preferences"))
    monkeypatch.setenv("CL_TUI_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def _time_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers to keys stand until a test has read them, also where something else has the processor."""
    monkeypatch.setattr("cl_tui.panes.notice.REPLY_SECONDS", 600.0)


@pytest.fixture
def cl_tui(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """Calls ``cl-tui`` with some arguments, in an empty folder and without a terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CL_TUI_SESSIONS_DIR", raising=False)
    monkeypatch.setenv("TERM", "dumb")

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr("sys.argv", ["cl-tui", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return Answer(code or 0, printed.out, printed.err)

    return call


@pytest.fixture
def sessions(tmp_path: Path) -> Path:
    """Where the ``cl_tui`` fixture's sessions are."""
    return tmp_path / "sessions"


@pytest.fixture(scope="session")
def mnist() -> Path:
    """A folder with torchvision's MNIST files; the test is skipped without one."""
    if TEST_DATA is None or not (TEST_DATA / "MNIST" / "raw").is_dir():
        pytest.skip("needs MNIST: set CL_TUI_TEST_DATA to the folder that holds MNIST/raw")
    return TEST_DATA
