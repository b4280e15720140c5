"""Commands that messages suggest, so written that a shell does with them what the message says."""

import os
import shlex
from pathlib import Path


def command(verb: str, sessions_dir: Path, *words: str) -> str:
    """``cl-tui VERB WORDS`` for the sessions in ``sessions_dir``.

    >>> command("sessions show", Path("my runs"), "calm-otter")
    "cl-tui sessions show calm-otter --sessions-dir 'my runs'"
    """
    return shlex.join(["cl-tui", *verb.split(), *words, *sessions_option(sessions_dir)])


def sessions_option(sessions_dir: Path) -> list[str]:
    """--sessions-dir and the folder; nothing for the folder that is used without the option."""
    usual = os.path.expanduser(os.environ.get("CL_TUI_SESSIONS_DIR") or "sessions")
    return [] if os.path.abspath(sessions_dir) == os.path.abspath(usual) else ["--sessions-dir", str(sessions_dir)]
