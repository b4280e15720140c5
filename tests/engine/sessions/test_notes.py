"""Notes, tags and pins of a session."""

from pathlib import Path

import pytest

from engine.errors import ConfigError, SessionError
from engine.sessions.listing import each_session, list_sessions
from engine.sessions.notes import Notes, read_notes, tags_of, write_notes
from tests import saved


def test_what_is_written_is_read_and_nothing_leaves_no_file(tmp_path: Path) -> None:
    notes = Notes("as in “figure 3”\\n", ("paper", "größer"), pinned=True)
    write_notes(tmp_path, notes)
    assert read_notes(tmp_path) == notes
    write_notes(tmp_path, Notes())
    assert list(tmp_path.iterdir()) == []
    assert read_notes(tmp_path) == Notes()


def test_a_list_tells_them_also_of_a_finished_session_that_has_not_changed(tmp_path: Path) -> None:
    session = saved.finished(tmp_path, "run")
    before = {listed.name: listed for listed in each_session(tmp_path)}
    write_notes(session.path, Notes("good", ("paper",)))
    (after,) = each_session(tmp_path, before)
    assert after.notes == Notes("good", ("paper",))
    assert after.changed == before["run"].changed


@pytest.mark.parametrize("content", [b"note = 3", b"tags = [1]", b"pinned = 1", b"no toml", b"\xff", b"x" * 70_000])
def test_a_damaged_file_is_said_and_kept(content: bytes, tmp_path: Path) -> None:
    session = saved.finished(tmp_path, "run")
    (session.path / "notes.toml").write_bytes(content)
    (listed,) = list_sessions(tmp_path)
    assert listed.state == "finished"
    assert "the notes of session run cannot be read" in listed.notes.problem
    assert "notes.toml" in listed.notes.problem
    write_notes(session.path, Notes("new"))
    assert (session.path / "notes.damaged.toml").read_bytes() == content
    assert read_notes(session.path) == Notes("new")


def test_a_strangers_text_is_made_safe(tmp_path: Path) -> None:
    (tmp_path / "notes.toml").write_text('note = "\\u001b[2Jboo"\ntags = ["a\\u202eb"]')
    assert read_notes(tmp_path) == Notes("\\x1b[2Jboo", ("a\\u202eb",))


def test_what_cannot_be_written_says_where(tmp_path: Path) -> None:
    (tmp_path / "notes.toml.part").mkdir()
    with pytest.raises(SessionError, match=r"the notes of session .* could not be written: .*notes\.toml"):
        write_notes(tmp_path, Notes("x"))


def test_too_many_or_too_long_tags_are_refused() -> None:
    with pytest.raises(ConfigError, match="at most 20"):
        tags_of(" ".join(map(str, range(21))))
    with pytest.raises(ConfigError, match="longer than 40"):
        tags_of("x" * 41)


def test_the_summary_tells_a_list_of_interventions_and_forks(tmp_path: Path) -> None:
    from engine.record.events import RunForked, StrengthChanged

    session = saved.create(tmp_path, "run")
    from tests import screen_data

    events = list(screen_data.events())
    place = next(number for number, event in enumerate(events) if event.event == "steps") + 1
    step = events[place - 1].step  # type: ignore[union-attr]
    saved.tell(session, *events[:place], StrengthChanged(step, 0.0, 1.0, 10.0), *events[place:])
    history = session.history()
    history.forked = RunForked(0.0, 1000, "par\x1bent", 0)
    session.write_summary(history)
    (listed,) = list_sessions(tmp_path)
    assert listed.history is not None
    assert listed.config is not None
    assert listed.history.strength(listed.config) == 10.0
    assert listed.history.forked is not None
    assert (listed.history.forked.parent, listed.history.forked.task) == ("par\\x1bent", 0)
