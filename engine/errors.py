"""The errors. Every message says what, where, and what to do next. ``exit_code``: 1 the run failed, 2 bad usage."""

from engine.text import visible


class EngineError(Exception):
    """An error to show to the user, in one sentence that is safe to print."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(visible(message))


class ConfigError(EngineError):
    """A setting that is unknown, of the wrong type or out of range."""

    exit_code = 2

    def __init__(self, message: str, setting: str = "") -> None:
        super().__init__(message)
        self.setting = setting
        """The setting that is wrong; empty if the message concerns none or several."""


class UntrustedCode(EngineError):
    """A session or a file names code that nobody here has typed or allowed."""

    exit_code = 2


class BenchmarkError(EngineError):
    """The data are missing, truncated or not as expected."""


class SessionError(EngineError):
    """A session's folder cannot be used as requested."""


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
    """The request needs a task that has ended."""

    exit_code = 2


class UnsupportedNetwork(EngineError):
    """A network whose importances cannot be measured exactly."""

    exit_code = 2


class NumericsError(EngineError):
    """The loss or the weights are no longer finite."""


def of_the_system(error: OSError) -> str:
    """What could not be read or written, and why.

    >>> of_the_system(PermissionError(13, "Permission denied", "notes.toml"))
    'notes.toml: Permission denied'
    """
    return visible(f"{error.filename or 'a file'}: {error.strerror or error}")


def first_line(error: BaseException) -> str:
    """The part of an exception's text that fits in one sentence."""
    try:
        text = str(error).strip()
    except Exception:  # a class of the user's own may fail here, too
        text = ""
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__


def unreadable(what: str, error: OSError) -> SessionError:
    """SessionDamaged if ``what`` is missing; if the disk fails, only SessionError, since the file may be intact."""
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return SessionDamaged(f"{what} is damaged: it cannot be read: {error.strerror}")
    why = error.strerror or first_line(error)
    return SessionError(f"{what} cannot be read: {why}; try again when the disk responds")
