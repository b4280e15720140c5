"""The real program in a pseudo-terminal, from the first frame to the shell's next prompt."""

import os
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest

from cl_tui.host.terminal import unfit
from engine.record.events import Noted, RunStarted, RunStopped, StepsTaken
from engine.sessions import checkpoint
from engine.sessions.session import Session

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from tests import saved
from tests.terminal import Terminal

RUN = ["run", "--method", "si", "--name", "one", "--epochs", "20"]


def final_bits(session: Session) -> dict[str, bytes]:
    tensors, _ = checkpoint.read(session.checkpoints()[0])
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def test_run_quit_resume_end(tmp_path: Path) -> None:
    """A run that is left midway and resumed ends in the same bits as one that is not."""
    with Terminal([*RUN, "--pace", "500"], tmp_path) as terminal:
        text = terminal.wait_for(r"▶ [23]/5")
        assert all(pane in text for pane in ("Tasks", "Accuracy", "Loss and penalty", "Importance"))
        assert "slow 500/s" in text
        terminal.send("q")
        assert terminal.wait_for_end() == 130
        assert terminal.restored
        assert "cl-tui resume one" in terminal.text
    with Terminal(["resume", "--pace", "max"], tmp_path) as terminal:
        terminal.wait_for("(?i)finished in")
        terminal.send("q")
        assert terminal.wait_for_end() == 0
        assert terminal.restored
        assert "average accuracy" in terminal.text
    with Terminal(["run", *RUN[1:4], "other", *RUN[5:], "--pace", "max"], tmp_path) as terminal:
        terminal.wait_for("(?i)finished in")
        terminal.send("q")
        assert terminal.wait_for_end() == 0
    stopped, undisturbed = (Session.open(tmp_path / "sessions", name) for name in ("one", "other"))
    assert final_bits(stopped) == final_bits(undisturbed)
    assert stopped.history().matrix == undisturbed.history().matrix


TRAINING = r"▶ 1/5.*/s"


def assert_saved(tmp_path: Path) -> None:
    session = Session.open(tmp_path / "sessions", "one")
    assert session.history().state == "stopped"
    assert (session.saved_step or 0) == session.history().step  # before the first step there is nothing to save


@pytest.mark.parametrize(
    ("opened", "shows", "how"),
    [
        ("k", "nothing is logged", ["SIGTERM"]),
        ("?", "type to filter", ["SIGQUIT"]),
        ("z", TRAINING, ["SIGTERM", "SIGHUP"]),
        ("space", "paused", "ctrl+c"),
    ],
)
def test_a_signal_saves_and_restores_the_terminal(
    tmp_path: Path, opened: str, shows: str, how: list[str] | str
) -> None:
    """Whatever is open; and two that come together, as at the end of a login, are not taken for impatience."""
    with Terminal([*RUN, "--pace", "200"], tmp_path) as terminal:
        terminal.wait_for(TRAINING)
        terminal.send(opened)
        terminal.wait_for(shows)
        if isinstance(how, str):
            terminal.send(how)
        else:
            for name in how:
                terminal.signal(signal.Signals[name])
        assert terminal.wait_for_end() == 130
        assert terminal.restored
        assert "cl-tui resume one" in terminal.text
    assert_saved(tmp_path)


@pytest.mark.parametrize("name", ["SIGUSR1", "SIGUSR2"])
def test_a_signal_asks_for_a_checkpoint_and_the_screen_stays(tmp_path: Path, name: str) -> None:
    with Terminal([*RUN, "--pace", "200"], tmp_path) as terminal:
        terminal.wait_for(TRAINING)
        terminal.signal(signal.Signals[name])
        terminal.wait_for("Saved at step")
        saved = Session.open(tmp_path / "sessions", "one").saved_step
        assert saved
        terminal.signal(signal.SIGTERM)
        assert terminal.wait_for_end() == 130
        assert terminal.restored
    assert_saved(tmp_path)
    assert (Session.open(tmp_path / "sessions", "one").saved_step or 0) > saved


@pytest.mark.parametrize("stalled", [False, True])
def test_a_terminal_that_is_closed_saves(tmp_path: Path, stalled: bool) -> None:
    """Also after a while in which it took nothing any more, and the screen waited for it: a connection that is cut."""
    with Terminal([*RUN, "--pace", "200"], tmp_path, 160, 48) as terminal:
        terminal.wait_for("▶ task 1")
        if stalled:
            terminal.send(*["t"] * 60)  # more to draw than what lies between takes up
            time.sleep(3)
        terminal.close()
        _, status = os.waitpid(terminal.pid, 0)
        terminal.exit_code = os.waitstatus_to_exitcode(status)
        assert terminal.exit_code == 130
    assert_saved(tmp_path)


def test_ctrl_z_gives_the_terminal_back_and_fg_goes_on(tmp_path: Path) -> None:
    """Training stands still meanwhile, and its clock too. A shell holds the terminal, as it does for a person."""
    shell = ("-c", "import os; os.execlp('sh', 'sh', '-i')")
    with Terminal([], tmp_path, environment={"PS1": "$ ", "ENV": ""}, program=shell) as terminal:
        terminal.send(f"{shlex.quote(sys.executable)} -m cl_tui {' '.join(RUN)} --pace 100\n")
        terminal.wait_for(TRAINING)
        terminal.send("\x1a")
        terminal.wait_for("Stopped|Suspended")
        assert terminal.restored
        log = tmp_path / "sessions" / "one" / "events.jsonl"
        before = log.read_bytes()
        time.sleep(1.5)
        assert log.read_bytes() == before
        terminal.send("fg\n")
        terminal.wait_for(TRAINING)
        terminal.send("q")
        terminal.wait_for("cl-tui resume one")
        terminal.send("exit\n")
        assert terminal.wait_for_end() == 130
        assert terminal.restored
    assert_saved(tmp_path)
    started, *events, stopped = Session.open(tmp_path / "sessions", "one").events()
    assert [event.text for event in events if isinstance(event, Noted)] == ["paused", "continued"]
    assert isinstance(started, RunStarted)
    assert isinstance(stopped, RunStopped)
    *_, last = (event.elapsed for event in events if isinstance(event, StepsTaken))
    assert stopped.time - started.time >= last + 1.5


def test_a_process_that_was_stopped_and_woken_draws_anew_and_hears_its_keys(tmp_path: Path) -> None:
    """SIGSTOP tells nobody: whatever has become of the terminal, it is set again, and restored at the end."""
    with Terminal([*RUN, "--pace", "200"], tmp_path) as terminal:
        terminal.wait_for(TRAINING)
        terminal.signal(signal.SIGSTOP)
        os.waitpid(terminal.pid, os.WUNTRACED)
        drawn = len(terminal.output)
        terminal.signal(signal.SIGCONT)
        while b"\x1b[?1049h" not in terminal.output[drawn:]:
            assert terminal.read(1)
        terminal.send("space")
        terminal.wait_for("paused")
        terminal.send("q")
        assert terminal.wait_for_end() == 130
        assert terminal.restored
    assert_saved(tmp_path)


FULL_DISK = """
import errno, os, sys
from cl_tui.commands.cli import main
from engine.sessions.log import EventLog

write = EventLog._write

def _write(self):
    if os.path.exists("full"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "events.jsonl")
    write(self)

EventLog._write = _write
main()
"""


def test_a_full_disk_is_told_and_left_with_what_is_kept(tmp_path: Path) -> None:
    """Training waits; with room it goes on; without, the second q leaves."""
    with Terminal([*RUN, "--pace", "50"], tmp_path, program=("-c", FULL_DISK)) as terminal:
        terminal.wait_for(TRAINING)
        terminal.send("s")
        terminal.wait_for("Saved at step")
        (tmp_path / "full").touch()
        terminal.wait_for(r"(?s)waiting.*▲ .*No space left")
        (tmp_path / "full").unlink()
        terminal.wait_for(r"slow 50/s")
        (tmp_path / "full").touch()
        terminal.wait_for(r"(?s)waiting.*▲ .*No space left")
        terminal.send("q")
        terminal.wait_for(r"(?s)q again to quit without saving.*Kept: the\s+checkpoint at step")
        terminal.send("q")
        assert terminal.wait_for_end() == 1
        assert terminal.restored
        assert "No space left on device" in terminal.text
        assert "the checkpoint at step" in terminal.text
        assert "Traceback" not in terminal.text


def test_resizing_to_small_and_back(tmp_path: Path) -> None:
    with Terminal([*RUN, "--pace", "100"], tmp_path) as terminal:
        terminal.wait_for(r"▶ 1/5")
        terminal.resize(40, 12)
        terminal.wait_for("too\\s+small")
        terminal.resize(200, 50)
        terminal.wait_for(r"(?m)^.{150}.*\S")
        terminal.wait_for("Importance")
        terminal.send("q")
        assert terminal.wait_for_end() == 130
        assert terminal.restored


def test_zoom_help_and_pause(tmp_path: Path) -> None:
    with Terminal([*RUN, "--pace", "100"], tmp_path) as terminal:
        terminal.wait_for(r"▶ 1/5")
        terminal.send("space")
        terminal.wait_for("paused")
        terminal.send("tab", "z")
        terminal.wait_for(r"(?s)^(?!.*Importance Ω)")
        terminal.send("escape")
        terminal.wait_for("Importance Ω")
        terminal.send("?")
        terminal.wait_for("(?s)Help.*type to filter")
        terminal.send("escape")
        terminal.wait_for(r"(?s)^(?!.*type to filter)")
        terminal.send("space")
        terminal.wait_for(r"▶ 1/5.*slow")
        terminal.send("q")
        assert terminal.wait_for_end() == 130


def test_a_run_that_cannot_begin_says_why_and_leaves_no_session(tmp_path: Path) -> None:
    """No traceback, one sentence, exit code 2 from before the screen and 1 or 2 from inside it."""
    with Terminal(["run", "--method", "se"], tmp_path) as terminal:
        assert terminal.wait_for_end() == 2
        assert "unknown method 'se'" in terminal.text
    with Terminal(["run", "--device", "mps"], tmp_path) as terminal:
        terminal.wait_for("mps is not available")
        terminal.send("q")
        assert terminal.wait_for_end() == 2
        assert terminal.restored
        assert "Traceback" not in terminal.text
    assert not list((tmp_path / "sessions").iterdir())


def test_an_engine_that_fails_keeps_what_was_saved(tmp_path: Path) -> None:
    """The screen says what and where; the terminal is restored and the exit code is 1."""
    absurd = ["--optimizer", "sgd", "--lr", "1000", "--hidden", "20,20,20,20", "--pace", "max"]
    with Terminal([*RUN, *absurd], tmp_path) as terminal:
        terminal.wait_for("lower --lr")
        terminal.send("q")
        assert terminal.wait_for_end() == 1
        assert terminal.restored
        assert "Traceback" not in terminal.text
    assert Session.open(tmp_path / "sessions", "one").history().state == "failed"


def test_the_knob_is_turned_and_the_log_remembers(tmp_path: Path) -> None:
    """And after a resume the strength is still the one that was set."""
    with Terminal([*RUN, "--pace", "100"], tmp_path) as terminal:
        terminal.wait_for(r"si c=1 .*▶ 1/5.*slow")
        terminal.send("k")
        terminal.wait_for("nothing is logged")
        terminal.send("e")
        terminal.wait_for("From the next step on")
        terminal.send("7", "enter")
        terminal.wait_for("si c=7")
        terminal.send("q")
        assert terminal.wait_for_end() == 130
    (turned,) = Session.open(tmp_path / "sessions", "one").history().strengths
    assert (turned.before, turned.strength) == (1.0, 7.0)
    with Terminal(["resume", "--pace", "100"], tmp_path) as terminal:
        terminal.wait_for(r"si c=7 .*▶ 1/5")
        terminal.send("q")
        assert terminal.wait_for_end() == 130


def test_a_zoomed_pane_survives_a_small_terminal(tmp_path: Path) -> None:
    with Terminal([*RUN, "--pace", "100"], tmp_path, 120, 40) as terminal:
        terminal.wait_for(r"▶ (task )?1( of |/)5")
        terminal.send("n", "n", "z")
        terminal.wait_for(r"(?s)^(?!.*Importance Ω)")
        terminal.resize(40, 12)
        terminal.wait_for(r"(?m)^ 3 Loss and penalty ━+\s*$")
        terminal.resize(120, 40)
        terminal.wait_for("Loss and penalty")
        terminal.send("escape")
        terminal.wait_for("Importance Ω")
        terminal.send("q")
        assert terminal.wait_for_end() == 130
        assert terminal.restored


SAVED = "saved"


@pytest.mark.parametrize("name", ["dumb", "unknown", "", "vt52"])
def test_a_terminal_that_can_show_no_screen_gets_a_sentence(tmp_path: Path, name: str) -> None:
    """Not an endless redraw that no key ends: every command that opens a screen says how to do without.

    vt52 stands for what terminfo knows to need other sequences; a system without its entry lets it pass.
    """
    if name == "vt52" and not unfit({"TERM": name}):
        pytest.skip("terminfo has no vt52 here")
    saved.stopped(tmp_path / "sessions", SAVED)
    saved.finished(tmp_path / "sessions", "done")
    why = f"TERM={name}" if name else "TERM is not set"
    for arguments, instead in (
        (["run"], "add --headless"),
        (["resume"], "add --headless"),
        (["fork", SAVED, "--at-task", "1"], "add --headless"),
        (["watch"], "cl-tui sessions list"),
        (["watch", SAVED], f"cl-tui sessions show {SAVED}"),
    ):
        with Terminal(arguments, tmp_path, 200, environment={"TERM": name}) as terminal:
            assert terminal.wait_for_end() == 2, arguments
            assert why in terminal.text
            assert instead in terminal.text
            assert b"\x1b[?1049h" not in terminal.output
    for arguments, printed in ((["compare", SAVED, "done"], "2 sessions in 1 group"), ([], "reproduce ")):
        with Terminal(arguments, tmp_path, 100, 60, environment={"TERM": name}) as terminal:
            assert terminal.wait_for_end() == 0
            assert printed in terminal.output.decode()
            assert b"\x1b[?1049h" not in terminal.output
    assert sorted(path.name for path in (tmp_path / "sessions").iterdir()) == ["done", SAVED]


@pytest.mark.parametrize("name", ["xterm-kitty", "alacritty", "xterm-ghostty", "wezterm", "tmux-256color", "new-one"])
def test_a_terminal_that_terminfo_may_not_know_is_let_through(tmp_path: Path, name: str) -> None:
    with Terminal([], tmp_path, environment={"TERM": name}) as terminal:
        terminal.wait_for("What does it forget")
        terminal.send("q")
        assert terminal.wait_for_end() == 0
        assert terminal.restored


@pytest.mark.parametrize(("columns", "lines"), [(0, 0), (1, 1)])
def test_a_terminal_without_any_room_can_be_left(tmp_path: Path, columns: int, lines: int) -> None:
    """0×0 is what a serial line or a container says that does not know its size yet: 80×24 then."""
    with Terminal(RUN, tmp_path) as terminal:
        terminal.resize(columns, lines)
        deadline = time.monotonic() + 60
        while not (tmp_path / "sessions" / "one").exists() and time.monotonic() < deadline:
            terminal.read(0.1)
        for _ in range(20):
            terminal.read(0.1)
        terminal.send("q")
        assert terminal.wait_for_end() == 130
        assert terminal.restored
        assert "Traceback" not in terminal.output.decode()
