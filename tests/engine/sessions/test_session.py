"""A session's folder: created, locked, damaged, listed; and that nothing but whole files is ever in it."""

import errno
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cl_tui.reports.output import write_json
from engine.errors import (
    ConfigError,
    EngineError,
    NumericsError,
    SessionDamaged,
    SessionError,
    SessionExists,
    SessionLocked,
    SessionMismatch,
    SessionNotFound,
)
from engine.models.flat import Layer
from engine.record.events import PATH, RunStopped
from engine.record.series import Series
from engine.sessions import checkpoint
from engine.sessions.folders import delete_session
from engine.sessions.listing import list_sessions, newest_unfinished
from engine.sessions.session import Session
from engine.settings.run import resolve
from engine.training.checkpoint_writer import check_finite
from engine.training.control import Control, Requests
from engine.training.runner import train
from tests import runs
from tests.saved import lines

ROOT = Path(__file__).parents[3]


def stopped(folder: Path, step: int = 3, name: str = "run", **settings: Any) -> Session:
    session = runs.create(folder, runs.tiny("si", **settings), name)
    train(session, runs.AtStep(step))
    return session


def state(folder: Path) -> str:
    (listed,) = list_sessions(folder)
    return listed.state


@contextmanager
def refused(kind: type[EngineError], *words: str) -> Iterator[None]:
    """Refused in one sentence that holds all ``words``."""
    with pytest.raises(kind) as caught:
        yield
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@contextmanager
def trained_elsewhere(session: Session) -> Iterator["subprocess.Popen[str]"]:
    """Another process holds the session's lock."""
    code = (
        "import sys; from pathlib import Path; from engine.sessions.session import Session\n"
        "with Session.open(Path(sys.argv[1]), sys.argv[2]).locked(): print('locked', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(session.path.parent), session.name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        try:
            yield process
        finally:
            process.kill()


# Creating and opening


def test_what_was_created_can_be_opened(tmp_path: Path) -> None:
    config = runs.tiny("ewc", gamma=0.5, lr=1e-7)
    runs.create(tmp_path / "new" / "folder", config, "calm-otter.2")
    session = Session.open(tmp_path / "new" / "folder", "calm-otter.2")
    assert session.config == config
    assert session.name == "calm-otter.2"
    assert session.checkpoints() == []
    assert not session.finished


def test_a_name_that_is_taken_is_not_overwritten(tmp_path: Path) -> None:
    session = runs.finished(tmp_path, runs.tiny("si"))
    before = session.events_path.read_bytes()
    with refused(SessionExists, "run", "resume"):
        runs.create(tmp_path, runs.tiny("ewc"))
    assert session.events_path.read_bytes() == before


def test_a_session_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with refused(SessionNotFound, "nobody", str(tmp_path)):
        Session.open(tmp_path, "nobody")
    with refused(SessionNotFound):
        Session.open(tmp_path / "none", "nobody")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "/etc", "../up", ".hidden", "-dash", "a b", "a\n", "a" * 101, "a\0"], ids=repr
)
def test_a_name_that_could_leave_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    with refused(ConfigError, "name"):
        runs.create(tmp_path / "sessions", runs.tiny("si"), name)
    with refused(ConfigError, "name"):
        Session.open(tmp_path / "sessions", name)
    assert list(tmp_path.iterdir()) == []


def test_a_sessions_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with refused(SessionError, str(tmp_path / "file"), "not a folder"):
        runs.create(tmp_path / "file", runs.tiny("si"))
    with refused(SessionError, str(tmp_path / "file" / "below")):
        runs.create(tmp_path / "file" / "below", runs.tiny("si"))


def test_a_file_in_the_place_of_a_session_is_said_to_be_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with refused(SessionExists, "run", str(tmp_path)):
        runs.create(tmp_path, runs.tiny("si"))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that nobody can write")
def test_a_folder_that_cannot_be_written_is_refused() -> None:
    with refused(SessionError, "/proc/self/sessions"):
        runs.create(Path("/proc/self/sessions"), runs.tiny("si"))


def test_a_full_disk_at_the_start_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.replace", full_disk)
    with refused(SessionError, str(tmp_path), os.strerror(errno.ENOSPC)):
        runs.create(tmp_path, runs.tiny("si"))
    assert list(tmp_path.iterdir()) == []


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


# The lock


def test_a_session_whose_name_is_not_on_the_disk_is_not_left_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss of power could take it back with all that was trained in it."""

    def broken(path: Path) -> None:
        if path == tmp_path:
            raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken_disk:
        broken_disk.setattr("engine.sessions.session.sync", broken)
        with pytest.raises(SessionError, match="Input/output error"):
            Session.create(tmp_path, "calm-otter", resolve({}))
    assert not list(tmp_path.iterdir())
    Session.create(tmp_path, "calm-otter", resolve({}))


def test_two_processes_never_train_the_same_session(tmp_path: Path) -> None:
    session = stopped(tmp_path)
    before = session.events_path.read_bytes()
    with trained_elsewhere(session):
        assert state(tmp_path) == "running"
        with refused(SessionLocked, "run"):
            train(session, Control())
        with refused(SessionLocked, "run"):
            delete_session(tmp_path, "run")
        assert session.events_path.read_bytes() == before
    assert state(tmp_path) == "stopped"


def test_a_process_that_died_holds_nothing(tmp_path: Path) -> None:
    session = stopped(tmp_path)
    with trained_elsewhere(session) as process:
        process.kill()
        process.wait()
        assert not session.running
        assert train(session, Control()).state == "finished"


# Damage


def lengths(path: Path) -> list[int]:
    size = path.stat().st_size
    return [0, 1, 7, 8, 9, 100, size // 2, size - 1]


@pytest.mark.parametrize("cut", range(8))
def test_a_cut_checkpoint_is_passed_over_for_the_one_before(cut: int, tmp_path: Path) -> None:
    """With a note, and the run still ends in the same bits."""
    session = stopped(tmp_path, 2)
    train(session, runs.AtStep(1))
    newest, before = session.checkpoints()
    with open(newest, "r+b") as file:
        file.truncate(lengths(newest)[cut])
    history = train(session, Control())
    assert history.resumed is not None
    assert history.resumed.step == 2
    assert str(newest) in history.resumed.note
    assert str(before) not in history.resumed.note
    runs.assert_same_run(session, runs.finished(tmp_path, runs.tiny("si"), "whole"))


def test_no_flipped_bit_goes_unnoticed(tmp_path: Path) -> None:
    """Each byte of the header and the cursor, and every 37th of the tensors."""
    session = stopped(tmp_path, hidden=[])
    path = session.checkpoints()[0]
    whole = path.read_bytes()
    tensors, cursor = checkpoint.read(path)
    header = 8 + int.from_bytes(whole[:8], "little")
    for place in [*range(header), *range(header, len(whole), 37)]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << (place % 8)
        path.write_bytes(flipped)
        try:
            found, where = checkpoint.read(path)
        except SessionDamaged as error:
            told = str(error)
        else:
            assert where == cursor, f"byte {place}"
            runs.assert_same_tensors(found, tensors)
            continue
        assert str(path) in told
        assert "\n" not in told


def test_a_checkpoint_comes_back_as_it_was_written(tmp_path: Path) -> None:
    tensors, cursor = runs.newest(stopped(tmp_path))
    checkpoint.write(tmp_path / "again", tensors, cursor)
    again, same = checkpoint.read(tmp_path / "again")
    runs.assert_same_tensors(again, tensors)
    assert same == cursor


def test_when_all_checkpoints_are_damaged_one_is_named(tmp_path: Path) -> None:
    """Nothing is begun anew over what somebody trained."""
    session = stopped(tmp_path, 6)
    for path in session.checkpoints():
        path.write_bytes(b"nonsense")
    log = session.events_path.read_bytes()
    with refused(SessionDamaged, str(session.checkpoints()[0])):
        train(session, Control())
    assert session.events_path.read_bytes() == log
    assert len(session.checkpoints()) == 2


def test_a_torn_last_line_of_the_log_is_dropped(tmp_path: Path) -> None:
    session = stopped(tmp_path)
    before = list(session.events())
    line = lines([RunStopped(3, 0.0)]).rstrip()
    for cut in (1, 10, len(line)):  # the whole line without its line break is torn too
        with open(session.events_path, "ab") as log:
            log.write(line[:cut])
        assert list(session.events()) == before
        with open(session.events_path, "rb+") as log:
            log.truncate(session.events_path.stat().st_size - cut)


@pytest.mark.parametrize("nonsense", [b"nonsense", b"", b"{}", b"\x00\x00", b"\xff"])
def test_a_damaged_line_in_the_middle_is_named(nonsense: bytes, tmp_path: Path) -> None:
    session = stopped(tmp_path)
    lines = session.events_path.read_bytes().split(b"\n")
    lines[1] = nonsense
    session.events_path.write_bytes(b"\n".join(lines))
    with refused(SessionDamaged, str(session.events_path), "line 2"):
        session.history()
    with refused(SessionDamaged, str(session.events_path), "line 2"):
        train(session, Control())
    (listed,) = list_sessions(tmp_path)
    assert listed.state == "damaged"
    assert "line 2" in listed.problem
    assert len(session.checkpoints()) == 1


def test_a_log_that_lost_its_end_is_not_filled_up_with_nothing(tmp_path: Path) -> None:
    """The checkpoint remembers more of the log than there is: the one before is used if it can be."""
    session = stopped(tmp_path, 6)
    (task_end,) = session.checkpoints_dir.glob("task-001*")
    kept = checkpoint.read(task_end)[1].log_length
    with open(session.events_path, "r+b") as log:
        log.truncate(kept + 5)
    history = train(session, Control())
    assert history.resumed is not None
    assert history.resumed.step == 4
    assert str(session.events_path) in history.resumed.note
    runs.assert_same_run(session, runs.finished(tmp_path, runs.tiny("si"), "whole"))


def test_a_log_that_is_gone_is_named(tmp_path: Path) -> None:
    session = stopped(tmp_path)
    session.events_path.write_bytes(b"")
    with refused(SessionDamaged, str(session.events_path)):
        train(session, Control())
    assert session.events_path.read_bytes() == b""
    session.events_path.unlink()
    with refused(SessionDamaged, str(session.events_path)):
        train(session, Control())


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text.replace("format = 3", "format = three"),
        lambda text: text.replace("lr = ", "lr = -"),
        lambda text: text.replace('method = "si"', 'method = "is"'),
        lambda text: text[: len(text) // 2],
        lambda text: text + "\nunknown = 1\n",
        lambda text: "\udcff" + text,
    ],
)
def test_a_damaged_configuration_is_named(change: Callable[[str], str], tmp_path: Path) -> None:
    path = runs.create(tmp_path, runs.tiny("si")).path / "config.toml"
    path.write_bytes(change(path.read_text()).encode(errors="surrogateescape"))
    with refused(SessionDamaged, str(path)):
        Session.open(tmp_path, "run")
    assert state(tmp_path) == "damaged"


def test_a_session_of_a_newer_format_is_left_alone(tmp_path: Path) -> None:
    path = runs.create(tmp_path, runs.tiny("si")).path / "config.toml"
    path.write_text(path.read_text().replace("format = 3", "format = 4"))
    with refused(SessionMismatch, "format 4", "upgrade"):
        Session.open(tmp_path, "run")


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    changed = runs.with_settings(stopped(tmp_path), hidden=(9,))
    with refused(SessionMismatch, "run"):
        train(changed, Control())


# What lies in the folder


def test_only_the_last_two_rolling_checkpoints_are_kept(tmp_path: Path) -> None:
    class Saving(Control):
        def take_requests(self) -> Requests:
            return Requests(save=True)

    session = runs.create(tmp_path, runs.tiny("si"))
    train(session, Saving(pace=1e9))
    names = sorted(path.name for path in session.checkpoints_dir.iterdir())
    ends = ["task-001-step-00000004.safetensors", "task-002-step-00000008.safetensors"]
    assert names == ["step-00000007.safetensors", "step-00000008.safetensors", *ends]
    assert [path.name for path in session.checkpoints()][:2] == [ends[1], "step-00000008.safetensors"]


def test_a_finished_session_holds_what_is_promised_and_no_temporary_file(tmp_path: Path) -> None:
    session = runs.finished(tmp_path, runs.tiny("si"))
    found = {str(path.relative_to(session.path)) for path in session.path.rglob("*") if path.is_file()}
    assert found - {"lock"} == {
        "config.toml",
        "events.jsonl",
        "shown.npz",
        "summary.json",
        "checkpoints/task-001-step-00000004.safetensors",
        "checkpoints/task-002-step-00000008.safetensors",
    }


def test_half_a_summary_that_a_loss_of_power_left_beside_a_whole_one_is_cleared_away(tmp_path: Path) -> None:
    session = runs.finished(tmp_path, runs.tiny("si"))
    half = session.path / "summary.json.part"
    half.write_bytes(b"half")
    assert train(session, Control()).state == "finished"
    assert not half.exists()


def test_half_a_checkpoint_that_a_kill_left_is_ignored_and_cleared_away(tmp_path: Path) -> None:
    session = stopped(tmp_path)
    half = session.checkpoints_dir / "step-00000005.safetensors.part"
    half.write_bytes(b"half")
    assert len(session.checkpoints()) == 1
    train(session, Control())
    assert not half.exists()


def test_a_checkpoint_holds_no_pickle(tmp_path: Path) -> None:
    """Eight bytes of length, then JSON, then numbers."""
    data = stopped(tmp_path).checkpoints()[0].read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert {entry["dtype"] for name, entry in header.items() if name != "__metadata__"} == {"F32"}


# The result


def test_the_summary_has_the_promised_schema(tmp_path: Path) -> None:
    config = runs.tiny("ewc", gamma=0.9, seed=3)
    session = runs.finished(tmp_path, config)
    text = session.summary_path.read_text()
    summary = json.loads(text)
    assert list(summary) == [
        "name",
        "method",
        "benchmark",
        "scenario",
        "model",
        "seed",
        "hyperparameters",
        "score",
        "unit",
        "accuracy_matrix",
        "average_accuracy",
        "forgetting",
        "backward_transfer",
        "forward_transfer",
        "average_incremental_accuracy",
        "average_anytime_accuracy",
        "task_aware_accuracy",
        "task_agnostic_accuracy",
        "full_accuracy_matrix",
        "initial_accuracies",
        "classes",
        "one_class_tasks",
        "without_one_class_tasks",
        "forked",
        "interventions",
        "path_integral",
        "steps",
        "seconds",
        "steps_per_second",
        "checksum",
    ]
    assert (summary["name"], summary["method"], summary["seed"], summary["steps"]) == ("run", "ewc", 3, 8)
    (first, unseen), (later, second) = summary["accuracy_matrix"]
    assert unseen is None
    assert all(0 <= accuracy <= 1 for accuracy in (first, later, second))
    assert summary["average_accuracy"] == pytest.approx((later + second) / 2)
    assert summary["forgetting"] == pytest.approx(first - later)
    assert summary["backward_transfer"] == pytest.approx(later - first)
    assert (summary["one_class_tasks"], summary["without_one_class_tasks"]) == ([], None)
    assert summary["path_integral"] is None
    assert summary["steps_per_second"] == pytest.approx(8 / summary["seconds"], rel=0.05)
    given = summary["hyperparameters"]
    assert (given["strength"], given["gamma"], given["hidden"]) == (config.strength, 0.9, [8])
    named = {key: summary[key] for key in ("method", "benchmark", "scenario", "model", "seed")}
    assert resolve(given | named) == config
    assert session.summary() == {key: value for key, value in summary.items() if key != "checksum"}


@pytest.mark.parametrize("content", ["", "{", "[]", "3"])
def test_a_damaged_summary_is_named(content: str, tmp_path: Path) -> None:
    session = runs.create(tmp_path, runs.tiny("si"))
    session.summary_path.write_text(content)
    with refused(SessionDamaged, str(session.summary_path)):
        session.summary()


# The list


def test_every_state_is_told_apart(tmp_path: Path) -> None:
    runs.finished(tmp_path, runs.tiny("si"), "finished")
    stopped(tmp_path, name="stopped")
    runs.killed(runs.create(tmp_path, runs.tiny("si"), "killed"), 5, [2])
    with pytest.raises(NumericsError):
        train(runs.create(tmp_path, runs.tiny("si", **runs.ABSURD), "failed"), Control())
    runs.create(tmp_path, runs.tiny("si"), "damaged").events_path.write_text("nonsense\n")
    running = stopped(tmp_path, name="running")
    shutil.copytree(tmp_path / "stopped", tmp_path / "not a session's name")
    (tmp_path / "nothing-in-it").mkdir()
    (tmp_path / "README.md").touch()
    with trained_elsewhere(running):
        states = {listed.name: listed.state for listed in list_sessions(tmp_path)}
    assert states == {
        "finished": "finished",
        "stopped": "stopped",
        "killed": "interrupted",
        "failed": "failed",
        "damaged": "damaged",
        "running": "running",
    }


def test_a_resumed_session_that_is_killed_is_interrupted_again(tmp_path: Path) -> None:
    session = stopped(tmp_path)
    runs.killed(session, 2)
    assert state(tmp_path) == "interrupted"


def test_the_newest_unfinished_session_is_what_resume_means(tmp_path: Path) -> None:
    with refused(SessionNotFound, "no unfinished session"):
        newest_unfinished(tmp_path / "none")
    for age, name in enumerate(["newest", "older"]):
        session = stopped(tmp_path, name=name)
        os.utime(session.events_path, (10_000 - age, 10_000 - age))
    runs.finished(tmp_path, runs.tiny("si"), "finished")
    assert newest_unfinished(tmp_path).name == "newest"
    assert [listed.name for listed in list_sessions(tmp_path)] == ["finished", "newest", "older"]


def test_a_deleted_session_is_gone(tmp_path: Path) -> None:
    session = stopped(tmp_path)
    (session.path / "config.toml").write_text("damaged")
    delete_session(tmp_path, "run")
    assert not session.path.exists()
    assert list_sessions(tmp_path) == []
    with refused(SessionNotFound, "run"):
        delete_session(tmp_path, "run")


def test_reading_a_session_writes_nothing_into_its_log(tmp_path: Path) -> None:
    session = stopped(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(session.path, copy)
    list_sessions(tmp_path)
    session.history()
    assert (copy / "events.jsonl").read_bytes() == session.events_path.read_bytes()


def test_a_summary_has_null_for_what_is_not_finite(tmp_path: Path) -> None:
    """And so has the list of summaries that a batch writes."""
    session = runs.finished(tmp_path, runs.tiny("si"))
    history = session.history()
    broken = Series(replace(told, values=(math.nan, *told.values[1:])) for told in history.measured[PATH])
    session.write_summary(replace(history, measured={PATH: broken}))
    found = json.loads(session.summary_path.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert found["path_integral"] == [None, None]
    assert session.summary()["path_integral"] == [None, None]
    write_json(tmp_path / "found.json", [session.summary(), {"mean": math.inf}])
    written = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert written[1] == {"mean": None}


def test_a_penalty_that_is_not_finite_is_not_saved(tmp_path: Path) -> None:
    """Its constant is no tensor: it stands in the checkpoint's cursor."""
    session = runs.finished(tmp_path, runs.tiny("ewc"))
    tensors, cursor = runs.newest(session)
    with pytest.raises(NumericsError, match="the penalty is no longer finite at step 8, in task 2"):
        check_finite(tensors, replace(cursor, constant=math.inf), (Layer("all", 0, len(tensors["theta"])),))
