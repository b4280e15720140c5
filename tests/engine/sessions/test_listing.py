"""Lists of sessions: what an entry shows, that it reads no more than it needs, and renaming."""

import io
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from cl_tui.reports.arrangement import Row
from cl_tui.reports.tables import sessions_table
from engine.errors import ConfigError, SessionExists, SessionLocked, SessionNotFound
from engine.record.events import RunResumed, StepsTaken, StrengthChanged
from engine.sessions.folders import rename_session
from engine.sessions.listing import Listed, each_session, list_sessions, read_session, summary_of
from engine.sessions.session import Session
from engine.sessions.summary import checksum
from tests import saved, screen_data


def summed_up(listed: Listed) -> tuple[object, ...]:
    """What a list shows of a session."""
    history = listed.history
    assert history is not None
    return (listed.state, listed.config, history.step, history.accuracies, history.matrix, history.elapsed)


@pytest.mark.parametrize("make", [saved.finished, saved.stopped, saved.interrupted, saved.failed])
def test_a_glance_shows_what_the_whole_history_shows(make: object, tmp_path: Path) -> None:
    assert callable(make)
    make(tmp_path, "run")
    assert summed_up(summary_of(tmp_path, "run")) == summed_up(read_session(tmp_path, "run"))


def test_progress_is_known_before_a_session_is_finished(tmp_path: Path) -> None:
    saved.stopped(tmp_path, "run", until=2500)
    history = summary_of(tmp_path, "run").history
    assert history is not None
    assert (history.step, history.total_steps) == (2500, 5000)


def test_of_a_finished_session_the_log_is_not_read(tmp_path: Path) -> None:
    session = saved.finished(tmp_path, "run")
    session.events_path.write_text("nonsense\n")
    assert summary_of(tmp_path, "run").state == "finished"
    assert read_session(tmp_path, "run").state == "damaged"


def test_a_second_glance_reads_only_what_is_new(tmp_path: Path) -> None:
    """The part that was read before may even have become unreadable."""
    events = list(screen_data.events())
    session = saved.create(tmp_path, "run")
    saved.tell(session, *events[:20])
    first = summary_of(tmp_path, "run")
    log = session.events_path.read_bytes()
    saved.tell(session, *events[20:60])
    assert summed_up(summary_of(tmp_path, "run", first)) == summed_up(summary_of(tmp_path, "run"))
    assert first.scanned is not None
    kept = len(first.scanned.end)
    with open(session.events_path, "rb+") as file:
        file.write(b"x" * (len(log) - kept - 1))
    assert summed_up(summary_of(tmp_path, "run", first)) == summed_up(look_at_events(session, events[:60]))


def look_at_events(session: Session, events: list[object]) -> Listed:
    shutil.rmtree(session.path)
    again = saved.create(session.path.parent, session.name)
    saved.tell(again, *events)  # type: ignore[arg-type]
    return read_session(session.path.parent, session.name)


def test_a_log_that_was_cut_by_a_resume_and_has_grown_is_read_anew(tmp_path: Path) -> None:
    session = saved.interrupted(tmp_path, "run", until=2500)
    before = summary_of(tmp_path, "run")
    lines = session.events_path.read_bytes().splitlines(keepends=True)
    session.events_path.write_bytes(b"".join(lines[:30]))
    steps = [StepsTaken(step, step / 100, (0.1,) * 400, (0.0,) * 400) for step in range(1350, 2400, 50)]
    saved.tell(session, RunResumed(0.0, 1300, "cpu", ""), *steps)
    assert session.events_path.stat().st_size > sum(map(len, lines))
    after = summary_of(tmp_path, "run", before)
    assert summed_up(after) == summed_up(summary_of(tmp_path, "run"))
    assert after.history is not None
    assert after.history.step == 2350


def test_the_end_of_a_session_is_seen_though_its_log_stays(tmp_path: Path) -> None:
    session = saved.interrupted(tmp_path, "run")
    with session.locked():
        running = summary_of(tmp_path, "run")
        assert running.state == "running"
    assert summary_of(tmp_path, "run", running).state == "interrupted"


def test_nothing_new_is_the_very_same(tmp_path: Path) -> None:
    """So that nobody need draw it again."""
    saved.finished(tmp_path, "run")
    saved.damaged(tmp_path, "damaged")
    saved.interrupted(tmp_path, "interrupted")
    first = {listed.name: listed for listed in each_session(tmp_path)}
    for listed in each_session(tmp_path, first):
        assert listed is first[listed.name]


def test_a_damaged_line_is_counted_from_the_beginning(tmp_path: Path) -> None:
    session = saved.interrupted(tmp_path, "run", until=500)
    first = summary_of(tmp_path, "run")
    lines = len(session.events_path.read_bytes().splitlines())
    with open(session.events_path, "ab") as log:
        log.write(b"nonsense\n")
    for earlier in (None, first):
        listed = summary_of(tmp_path, "run", earlier)
        assert listed.state == "damaged"
        assert f"line {lines + 1}" in listed.problem


@pytest.mark.parametrize(
    "summary", ["", "[]", '{"accuracy_matrix": 3}', '{"accuracy_matrix": [], "steps": -1}', "\ud800"]
)
def test_a_damaged_summary_is_named(summary: str, tmp_path: Path) -> None:
    session = saved.finished(tmp_path, "run")
    session.summary_path.write_bytes(summary.encode("utf-8", "surrogatepass"))
    (listed,) = list_sessions(tmp_path)
    assert listed.state == "damaged"
    assert str(session.summary_path) in listed.problem


def with_settings(session: Session, said: str, text: str) -> None:
    """Rewrites a finished session's summary, with a checksum that fits, as a stranger can."""
    summary = session.summary_path.read_text().partition(',\n  "checksum": "')[0]
    assert said in summary
    content = summary.replace(said, text)
    session.summary_path.write_text(f'{content},\n  "checksum": "{checksum(content.encode())}"\n}}\n')


def test_runs_that_differ_only_in_their_seed_have_their_own_seeds(tmp_path: Path) -> None:
    for seed in range(3):
        saved.finished(tmp_path, f"run-{seed}", seed=seed)
    saved.finished(tmp_path, "stronger", strength=2.0)
    for listed in list_sessions(tmp_path):
        assert listed.config == Session.open(tmp_path, listed.name).config


@pytest.mark.parametrize("seed", ["-1", "true", "1.5", '"1"', "null", str(2**63)])
def test_a_seed_that_no_run_has_is_refused_though_the_other_settings_are_known(seed: str, tmp_path: Path) -> None:
    assert saved.finished(tmp_path, "known").summary_path.exists()
    with_settings(saved.finished(tmp_path, "run"), '"seed": 0', f'"seed": {seed}')
    known, damaged = sorted(list_sessions(tmp_path), key=lambda listed: listed.name)
    assert known.state == "finished"
    assert damaged.state == "damaged"
    assert "seed" in damaged.problem


def test_settings_nested_in_any_depth_damage_no_list(tmp_path: Path) -> None:
    """Close to the limit, text that was read once may be too deep for the next reader."""
    session = saved.finished(tmp_path, "run")
    said, limit = '"lr": 0.001', sys.getrecursionlimit()
    whole = session.summary_path.read_bytes()
    for depth in range(limit - 100, limit):
        session.summary_path.write_bytes(whole)
        with_settings(session, said, f'"lr": {"[" * depth}{"]" * depth}')
        assert [listed.state for listed in list_sessions(tmp_path)] == ["damaged"]


def test_what_is_deleted_while_others_are_listed_is_left_out(tmp_path: Path) -> None:
    for name in ("one", "two"):
        saved.finished(tmp_path, name)
    listing = each_session(tmp_path)
    first = next(listing).name
    shutil.rmtree(tmp_path / ({"one", "two"} - {first}).pop())
    assert list(listing) == []


def test_a_half_written_last_line_does_not_count_yet(tmp_path: Path) -> None:
    session = saved.interrupted(tmp_path, "run", until=500)
    whole = summary_of(tmp_path, "run")
    event = StepsTaken(550, 1.1, (0.5,), (0.0,))
    saved.tell(session, event)
    log = session.events_path.read_bytes()
    session.events_path.write_bytes(log[:-5])
    half = summary_of(tmp_path, "run", whole)
    assert half.history is not None
    assert half.history.step == 500
    session.events_path.write_bytes(log)
    done = summary_of(tmp_path, "run", half)
    assert done.history is not None
    assert done.history.step == 550


# Renaming


def test_a_renamed_session_is_the_same_session(tmp_path: Path) -> None:
    saved.finished(tmp_path, "run")
    before = summary_of(tmp_path, "run")
    rename_session(tmp_path, "run", "better")
    after = summary_of(tmp_path, "better")
    assert replace(after, name="run", scanned=None) == replace(before, scanned=None)
    assert json.loads((tmp_path / "better" / "summary.json").read_text())["name"] == "better"
    assert not (tmp_path / "run").exists()


def test_a_damaged_session_can_be_renamed(tmp_path: Path) -> None:
    saved.damaged(tmp_path, "run")
    rename_session(tmp_path, "run", "better")
    assert [listed.name for listed in list_sessions(tmp_path)] == ["better"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "/elsewhere", ".hidden", "a b", "x" * 101])
def test_a_name_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    saved.finished(tmp_path, "run")
    with pytest.raises(ConfigError):
        rename_session(tmp_path, "run", name)
    assert [listed.name for listed in list_sessions(tmp_path)] == ["run"]


def test_no_session_takes_the_name_of_another(tmp_path: Path) -> None:
    saved.finished(tmp_path, "run")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("empty", "link"):
        with pytest.raises(SessionExists):
            rename_session(tmp_path, "run", name)
    with pytest.raises(SessionNotFound):
        rename_session(tmp_path, "none", "new")


def test_what_trains_keeps_its_name(tmp_path: Path) -> None:
    session = saved.stopped(tmp_path, "run")
    with session.locked(), pytest.raises(SessionLocked):
        rename_session(tmp_path, "run", "better")
    assert session.path.exists()


def test_a_run_whose_strength_was_changed_is_listed_with_the_one_in_force(tmp_path: Path) -> None:
    session = saved.create(tmp_path, "run")
    saved.tell(session, *list(screen_data.events())[:20], StrengthChanged(900, 0.0, 1.0, 7.0))
    listed = summary_of(tmp_path, "run")
    assert Row((listed,)).method == "si c 1 → 7"
    printed = io.StringIO()
    Console(width=120, file=printed).print(sessions_table([listed], 120))
    assert "si c 7" in printed.getvalue()
