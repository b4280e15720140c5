"""Sessions that are damaged, from elsewhere or newer: what is said of them, and what one can do."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cl_tui.app.app import ClTui
from cl_tui.screens.home import HomeScreen
from engine.sessions.listing import list_sessions
from engine.sessions.session import Session
from tests import runs, saved
from tests.conftest import CommandLine
from tests.waiting import on_screen


def flip(path: Path) -> None:
    """Changes one bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def linked(session: Session) -> None:
    moved = session.path.with_name(".moved")
    session.path.rename(moved)
    os.symlink(moved, session.path)


TROUBLE: dict[str, tuple[Callable[[Session], object], str]] = {
    "settings": (lambda session: flip(session.config_path), "config.toml: its checksum does not fit; restore a copy"),
    "log": (lambda session: flip(session.events_path), "its checksum does not fit; everything before it can still be"),
    "newer": (
        lambda session: session.config_path.write_bytes(b"format = 9\n" + session.config_path.read_bytes()[11:]),
        "has format 9, newer than this cl-tui reads: upgrade cl-tui",
    ),
    "a link": (linked, "is a link, which may point anywhere: replace it with what it points to"),
    "a link within": (
        lambda session: os.symlink("/etc/passwd", session.path / "more"),
        "contains a link, more, which may point anywhere: replace it with what it points to",
    ),
}


@pytest.mark.skipif(os.name != "posix", reason="links need rights there")
@pytest.mark.parametrize("kind", TROUBLE)
async def test_what_is_wrong_is_named_with_what_to_do(kind: str, tmp_path: Path, cl_tui: CommandLine) -> None:
    """By the list, by show, and at home, where the whole sentence can be read."""
    spoil, said = TROUBLE[kind]
    spoil(saved.stopped(tmp_path / "sessions", "otter"))
    (listed,) = list_sessions(tmp_path / "sessions")
    assert (listed.state, said in listed.problem) == ("damaged", True)
    assert "otter   damaged" in cl_tui("sessions", "list").out
    answer = cl_tui("sessions", "show", "otter")
    assert (answer.exit_code, said in answer.out) == (0, True)
    home = HomeScreen(Path("sessions"))
    app = ClTui(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await on_screen(pilot, lambda: home.current is not None and not home._reading)
        detail = home.query_one("#detail")
        drawn = " ".join(detail.render_line(y).text.strip() for y in range(detail.size.height))
    assert said.split("; ")[-1] in drawn


def test_a_result_that_is_damaged_is_written_anew(tmp_path: Path, cl_tui: CommandLine) -> None:
    session = runs.finished(tmp_path / "sessions", runs.tiny("si"), "otter")
    result = session.summary()["accuracy_matrix"]
    flip(session.summary_path)
    (listed,) = list_sessions(tmp_path / "sessions")
    assert listed.state == "damaged"
    assert "move that file away, and 'cl-tui resume otter' writes it again" in listed.problem
    assert "summary.json" in cl_tui("sessions", "show", "otter").out
    session.summary_path.rename(tmp_path / "away")
    assert cl_tui("resume", "otter", "--headless").exit_code == 0
    assert session.summary()["accuracy_matrix"] == result


def test_checkpoints_that_were_set_aside_are_told(tmp_path: Path, cl_tui: CommandLine) -> None:
    session = saved.stopped(tmp_path / "sessions", "otter")
    session.checkpoints_dir.mkdir(exist_ok=True)
    (session.checkpoints_dir / "step-00002500.damaged").touch()
    told = " ".join(cl_tui("sessions", "show", "otter").out.split())
    assert "1 damaged checkpoint is set aside in sessions/otter/checkpoints" in told
