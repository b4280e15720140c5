"""Runs a session's training to its end, here or in the background. torch is imported in the thread that trains."""

import contextlib
import gc
import threading
import time
import traceback

from engine.disk import beside, write_whole
from engine.errors import ConfigError, EngineError, SessionDamaged, first_line
from engine.record.events import RunFailed, RunStopped
from engine.record.history import History
from engine.record.series import Series
from engine.sessions.session import Session
from engine.settings.run import RunConfig
from engine.text import visible
from engine.training.control import Control, Stopped
from engine.training.recorder import Recorder

LONGEST_MESSAGE = 10_000


def train(session: Session, control: Control, recorder: Recorder | None = None) -> History:
    """Trains to the end, or until ``control`` asks to stop; ``history.state`` says which.

    Begins at the newest checkpoint if there is one, and leaves a finished session unchanged. Raises EngineError; any
    other exception becomes one, with its traceback kept in the session's folder.
    """
    recorder = recorder or Recorder(session, control)
    with session.locked():
        if session.finished:
            with contextlib.suppress(OSError):  # left where a summary arrived on the disk before its fsync failed
                beside(session.summary_path).unlink(missing_ok=True)
            recorder.history = session.history()
            return recorder.history
        try:
            control.activity = "loading PyTorch"
            from engine.training.trainer import Trainer

            control.check()
            trainer = Trainer(recorder)
            gc.freeze()  # torch's objects are permanent; each collection spent 0.2 s on them and held up all threads
            trainer.run()
        except Stopped:
            recorder.note_end(RunStopped(recorder.history.step, time.time()))
        except EngineError as error:
            recorder.note_end(_failed(recorder, error))
            raise
        except Exception as error:
            translated = _translated(error, session)
            recorder.note_end(_failed(recorder, translated))
            raise translated from error
        finally:
            recorder.close()
    return recorder.history


def _failed(recorder: Recorder, error: EngineError) -> RunFailed:
    history, saved = recorder.history, recorder.session.saved_step
    kept = f"the checkpoint at step {saved}" if saved is not None else "no checkpoint yet"
    if saved is None and not history.step:
        kept = ""
    if isinstance(error, SessionDamaged):
        kept = "the files in the session's folder; restore a copy of it, or start a new run"
    return RunFailed(history.step, history.task, time.time(), str(error)[:LONGEST_MESSAGE], kept)


def _translated(error: BaseException, session: Session) -> EngineError:
    if isinstance(error, OSError):
        return session.unwritable(error)
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower() or "can't allocate" in str(error):
        return EngineError(
            "out of memory: use a smaller network or --batch-size; --accumulate 4 computes a step in four parts, and "
            "--set importance_memory=256 bounds the memory for importances"
        )
    trace = session.path / "error.txt"
    what = f"{type(error).__name__}: {first_line(error)}"
    try:
        lines = "".join(traceback.format_exception(error)).splitlines()
        write_whole(trace, "\n".join(map(visible, lines)).encode())
    except OSError:
        return EngineError(what)
    return EngineError(f"{what}; the details are in {trace}")


def device_problem(config: RunConfig) -> str:
    """Why this machine cannot train on ``config.device``; empty if it can. Imports torch only if needed."""
    if config.device in ("auto", "cpu"):
        return ""
    from engine.training.build import find_device

    try:
        find_device(config.device)
    except ConfigError as error:
        return str(error)
    return ""


class EngineThread:
    """Training in a daemon thread. Other threads may read every attribute at any time."""

    def __init__(self, session: Session, pace: float | None = None) -> None:
        self.session = session
        self.control = Control(pace)
        self.error: EngineError | None = None
        self._recorder = Recorder(session, self.control)
        if (saved := session.saved_step) is not None:  # the current strength, before the log is read
            self._recorder.history = History(strengths=Series(session.strengths(saved)))
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    @property
    def history(self) -> History:
        return self._recorder.history

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Waits for the end, at most ``timeout`` seconds; whether the thread has ended."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self.alive

    def _run(self) -> None:
        try:
            train(self.session, self.control, self._recorder)
        except EngineError as error:
            self.error = error
