"""How a watched run ended: what the command line prints after the screen is closed, and its exit code."""

from dataclasses import dataclass

from cl_tui.reports import text as words
from engine.commands import command
from engine.sessions.session import Session
from engine.training.runner import EngineThread

INTERRUPTED = 130


@dataclass(frozen=True)
class Outcome:
    exit_code: int
    message: str
    """One or a few plain lines of text."""


def outcome(engine: EngineThread) -> Outcome:
    """The outcome of a run that has ended, or that continues without the screen."""
    history, resume = engine.history, f"To continue: {resume_line(engine.session)}"
    if engine.error is not None:
        end = f"\nKept: {history.failure.kept}." if history.failure and history.failure.kept else ""
        return Outcome(engine.error.exit_code, f"{engine.error}{end}")
    if history.state == "finished":
        return Outcome(0, f"{words.result(history, engine.session.config)}.")
    if history.state == "loading":
        return Outcome(INTERRUPTED, f"Stopped while loading, before any training.\n{resume}")
    if engine.alive:
        left = f"Quit without waiting for the engine at {words.progress(history)}; kept: {kept(engine)}."
        return Outcome(INTERRUPTED, f"{left}\n{resume}")
    return Outcome(INTERRUPTED, f"Saved at {words.progress(history)}.\n{resume}")


def kept(engine: EngineThread) -> str:
    """What a resume can start from."""
    saved = engine.history.saved_step
    return f"the checkpoint at step {saved:,}" if saved is not None else "no checkpoint yet"


def resume_line(session: Session) -> str:
    """The command that continues the session."""
    return command("resume", session.path.parent, session.name)
