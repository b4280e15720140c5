"""Deletes and renames the folders of sessions."""

import contextlib
import os
import shutil
from pathlib import Path

from engine.errors import SessionError, SessionExists
from engine.sessions.lock import locked
from engine.sessions.names import alike, check_name, refuse_alike
from engine.sessions.session import Session, session_path
from engine.sessions.summary import write_summary


def delete_session(sessions_dir: Path, name: str) -> None:
    """Deletes a session, even a damaged one. Raises SessionNotFound, SessionLocked, or SessionError if it is none."""
    path = session_path(sessions_dir, name)
    if not any((path / part).exists() for part in ("config.toml", "events.jsonl")):
        raise SessionError(f"{path} is not a session, so it is not deleted")
    with locked(path):
        pass
    aside = path.with_name(f".{path.name}.deleted")  # so that no list shows half a session
    try:
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)
        shutil.rmtree(aside)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.rename(path)
        raise SessionError(f"session {name} could not be deleted: {error.strerror}") from None


def rename_session(sessions_dir: Path, name: str, new: str) -> str:
    """Renames a session, even a damaged one, and returns the normalised new name. Raises ConfigError for an invalid
    name, SessionNotFound, SessionExists, or SessionLocked if it is training."""
    path, new = session_path(sessions_dir, name), check_name(new)
    target = sessions_dir / new
    if os.path.lexists(target) and not (alike(new) == alike(name) and target.samefile(path) and path.name != new):
        raise SessionExists(f"session {new} already exists in {sessions_dir}: choose another name")
    refuse_alike(sessions_dir, new, but=path.name)
    with locked(path):
        if os.name == "posix":
            _move(path, target)
    if os.name != "posix":  # Windows cannot move a folder with an open file
        _move(path, target)
    with contextlib.suppress(OSError, SessionError):  # a missing or damaged summary stays as it is
        session = Session.open(sessions_dir, new)
        write_summary(session.path, session.summary(), session.sums)
    return new


def _move(path: Path, target: Path) -> None:
    try:
        path.rename(target)
    except OSError as error:
        raise SessionError(f"session {path.name} could not be renamed: {error.strerror}") from None
