"""The real program in a pseudo-terminal, from the first frame to the shell's next prompt."""

import signal
import sys
from pathlib import Path

import pytest

from engine import checkpoint
from engine.session import Session

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

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
        terminal.wait_for("Finished")
        terminal.send("q")
        assert terminal.wait_for_end() == 0
        assert terminal.restored
        assert "average accuracy" in terminal.text
    with Terminal(["run", *RUN[1:4], "other", *RUN[5:], "--pace", "max"], tmp_path) as terminal:
        terminal.wait_for("Finished")
        terminal.send("q")
        assert terminal.wait_for_end() == 0
    stopped, undisturbed = (Session.open(tmp_path / "sessions", name) for name in ("one", "other"))
    assert final_bits(stopped) == final_bits(undisturbed)
    assert stopped.history().matrix == undisturbed.history().matrix


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, "ctrl+c"])
def test_a_signal_saves_and_restores_the_terminal(tmp_path: Path, how: signal.Signals | str) -> None:
    with Terminal([*RUN, "--pace", "200"], tmp_path) as terminal:
        terminal.wait_for(r"▶ 1/5.*/s")
        if isinstance(how, str):
            terminal.send(how)
        else:
            terminal.signal(how)
        assert terminal.wait_for_end() == 130
        assert terminal.restored
        assert "cl-tui resume one" in terminal.text
    session = Session.open(tmp_path / "sessions", "one")
    assert session.history().state == "stopped"
    assert session.saved_step == session.history().step


def test_resizing_to_small_and_back(tmp_path: Path) -> None:
    with Terminal([*RUN, "--pace", "100"], tmp_path) as terminal:
        terminal.wait_for(r"▶ 1/5")
        terminal.resize(40, 12)
        terminal.wait_for("too\\s+small")
        terminal.resize(200, 50)
        text = terminal.wait_for("Importance")
        assert max(len(line.rstrip()) for line in text.splitlines()) > 150
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
        terminal.wait_for("(?s)Pause, or continue.*Esc closes")
        terminal.send("escape")
        terminal.wait_for(r"(?s)^(?!.*Esc closes)")
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
        terminal.wait_for(r"(?m)^╭─ Loss and penalty ─+╮\s*$")
        terminal.resize(120, 40)
        terminal.wait_for("Loss and penalty")
        terminal.send("escape")
        terminal.wait_for("Importance Ω")
        terminal.send("q")
        assert terminal.wait_for_end() == 130
        assert terminal.restored
