"""The error tree. Every message says what, where, and what to do next.

``exit_code`` is what the command line returns for the error: 1 the run failed, 2 bad usage.
"""

from engine.text import visible


class EngineError(Exception):
    """Anything that is the user's to know, told in one sentence, which any text in it may be shown with."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(visible(message))


class ConfigError(EngineError):
    """A setting that is unknown, of the wrong type or out of range."""

    exit_code = 2

    def __init__(self, message: str, setting: str = "") -> None:
        super().__init__(message)
        self.setting = setting
        """Which setting is wrong; empty where the message concerns none or several."""


class BenchmarkError(EngineError):
    """The data are missing, cut or not what they should be."""


class SessionError(EngineError):
    """A session's folder cannot be used as asked."""


class SessionNotFound(SessionError):
    exit_code = 2


class SessionExists(SessionError):
    exit_code = 2


class SessionLocked(SessionError):
    """Another process is training this session."""

    exit_code = 2


class SessionDamaged(SessionError):
    """A file of the session does not hold what it should."""


class SessionMismatch(SessionError):
    """A checkpoint does not fit the network or the configuration."""


class SessionTooYoung(SessionError):
    """What is asked for needs a task that has ended."""

    exit_code = 2


class UnsupportedNetwork(EngineError):
    """A network of which the importances cannot be measured exactly."""

    exit_code = 2


class NumericsError(EngineError):
    """The loss or the weights are no longer finite."""


def first_line(error: BaseException) -> str:
    """The part of an exception's text that fits into one sentence."""
    text = str(error).strip()
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__


def unreadable(what: str, error: OSError) -> SessionError:
    """``what`` is damaged where it is not there; where the disk fails, it may be whole and is left alone."""
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return SessionDamaged(f"{what} is damaged: it cannot be read: {error.strerror}")
    why = error.strerror or first_line(error)
    return SessionError(f"{what} cannot be read: {why}; try again when the disk answers")
