"""What the command line prints after the screen is closed, and its exit code."""

from dataclasses import dataclass

INTERRUPTED = 130


@dataclass(frozen=True)
class ExitStatus:
    exit_code: int
    message: str
    """One or a few plain lines of text."""
