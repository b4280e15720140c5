"""Saved sessions in every state, told from made-up events: no training."""

from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path
from typing import Any

from engine.record.events import Event, RunFailed, RunStopped, StepsTaken
from engine.sessions.log import EventLog, line
from engine.sessions.session import Session
from engine.settings.run import resolve
from tests import screen_data


def create(folder: Path, name: str, **settings: Any) -> Session:
    return Session.create(folder, name, resolve({"method": "si", "device": "cpu", **settings}))


def lines(events: Iterable[Event]) -> bytes:
    """A log from its first byte on."""
    log = bytearray()
    for event in events:
        log += line(event, len(log))
    return bytes(log)


def tell(session: Session, *events: Event) -> None:
    size = session.events_path.stat().st_size
    log = EventLog(session.events_path, size, session.format_at(size))
    for event in events:
        log.append(event)
    log.close()


def interrupted(folder: Path, name: str, until: int = 2500, **settings: Any) -> Session:
    """Nobody trains it, and it has not said goodbye."""
    session = create(folder, name, **settings)
    tell(
        session,
        *takewhile(lambda event: not isinstance(event, StepsTaken) or event.step <= until, screen_data.events()),
    )
    return session


def stopped(folder: Path, name: str, until: int = 2500, **settings: Any) -> Session:
    session = interrupted(folder, name, until, **settings)
    tell(session, RunStopped(until, 0.0))
    return session


def failed(folder: Path, name: str, message: str = "the loss is nan", **settings: Any) -> Session:
    session = interrupted(folder, name, **settings)
    tell(session, RunFailed(2500, 2, 0.0, message, "the checkpoint at step 2000"))
    return session


def finished(folder: Path, name: str, score: str = "accuracy", unit: str = "", **settings: Any) -> Session:
    session = create(folder, name, **settings)
    tell(session, *screen_data.events(score=score, unit=unit))
    session.write_summary(session.history())
    return session


def damaged(folder: Path, name: str) -> Session:
    session = create(folder, name)
    (session.path / "config.toml").write_text("format = 1\nnonsense")
    return session
