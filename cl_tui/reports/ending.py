"""How a watched run ended, in words."""

from cl_tui.host.exit_status import INTERRUPTED, ExitStatus
from cl_tui.reports import text
from engine.commands import command
from engine.sessions.session import Session
from engine.training.runner import EngineThread


def exit_status(engine: EngineThread) -> ExitStatus:
    """For a run that has ended, or that continues without the screen."""
    history, resume = engine.history, f"To continue: {resume_line(engine.session)}"
    if engine.error is not None:
        end = f"\nKept: {history.failure.kept}." if history.failure and history.failure.kept else ""
        return ExitStatus(engine.error.exit_code, f"{engine.error}{end}")
    if history.state == "finished":
        return ExitStatus(0, f"{text.result(history, engine.session.config)}.")
    if history.state == "loading":
        return ExitStatus(INTERRUPTED, f"Stopped while loading, before any training.\n{resume}")
    if engine.alive:
        left = f"Quit without waiting for the engine at {text.progress(history)}; kept: {kept(engine)}."
        return ExitStatus(INTERRUPTED, f"{left}\n{resume}")
    return ExitStatus(INTERRUPTED, f"Saved at {text.progress(history)}.\n{resume}")


def kept(engine: EngineThread) -> str:
    """What a resume can start from."""
    saved = engine.history.saved_step
    return f"the checkpoint at step {saved:,}" if saved is not None else "no checkpoint yet"


def resume_line(session: Session) -> str:
    return command("resume", session.path.parent, session.name)
