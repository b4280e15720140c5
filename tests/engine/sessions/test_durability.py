"""What docs/durability.md promises, line by line; the torture harness tries the same at random moments."""

import contextlib
import errno
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from engine import disk
from engine.errors import NumericsError, SessionDamaged, SessionError, SessionMismatch
from engine.sessions import checkpoint
from engine.sessions.listing import list_sessions, read_session, summary_of
from engine.sessions.log import FORMAT, EventLog
from engine.sessions.session import Session
from engine.streams.digits import digits
from engine.streams.examples import Examples, Task
from engine.training import checkpointing, recorder, reporting
from engine.training.control import Control
from engine.training.fork import fork
from engine.training.runner import EngineThread, train
from engine.training.step import TrainingStep
from tests import runs
from tests.saved import lines
from tests.waiting import PATIENCE_SECONDS

OLD = Path(__file__).parents[2] / "old_sessions"
OLD_SESSIONS = {
    "first-si": (1, 33, 44),
    "si-stopped": (1, 33, 44),
    "ewc-stopped": (1, 33, 44),
    "ewc-finished": (1, 44, 44),
    "si-2-finished": (2, 44, 44),
    "ewc-2-stopped": (2, 215, 324),
}
"""Each session's format, the step it has reached, and that of its end."""


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "RETRY_SECONDS", 0.01)


@pytest.fixture
def whole(tmp_path: Path) -> Session:
    """The run that nothing disturbs."""
    return runs.finished(tmp_path, runs.tiny("si"), "whole")


def stopped(folder: Path, step: int = 3, name: str = "run", **settings: Any) -> Session:
    session = runs.create(folder, runs.tiny("si", **settings), name)
    train(session, runs.AtStep(step))
    return session


def failing(times: int, number: int, then: Callable[..., Any]) -> Callable[..., Any]:
    """``then``, which fails the first ``times`` times."""
    left = iter(range(times))

    def call(*given: Any, **named: Any) -> Any:
        if next(left, None) is not None:
            raise OSError(number, os.strerror(number))
        return then(*given, **named)

    return call


# A disk that is full, gone, or read-only


class Watched(Control):
    """Keeps all that was said of the disk."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def wait(self, seconds: float) -> bool:
        self.told.append(self.trouble)
        return super().wait(seconds)


class Impatient(Control):
    """Stops as soon as training waits."""

    def wait(self, seconds: float) -> bool:
        self.stop()
        return super().wait(seconds)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE])
@pytest.mark.parametrize("call", ["os.write", "os.fsync", "os.replace", "engine.sessions.checkpoint.write"])
def test_training_waits_for_the_disk_and_goes_on_to_the_same_bits(
    call: str, number: int, tmp_path: Path, whole: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = stopped(tmp_path)
    control = Watched()
    module, _, name = call.rpartition(".")
    monkeypatch.setattr(call, failing(3, number, getattr({"os": os}.get(module, checkpoint), name)))
    train(session, control)
    assert f"{os.strerror(number)}: {session.path}" in control.told[0]
    assert "continues automatically" in control.told[0]
    assert control.trouble == ""
    assert any("waited" in note.text for note in session.history().notes)
    runs.assert_same_run(session, whole)


def test_a_stop_while_the_disk_is_full_keeps_the_last_checkpoint_and_says_so(
    tmp_path: Path, whole: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = stopped(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", failing(1000, errno.ENOSPC, os.replace))
        with pytest.raises(SessionError, match=r"session run cannot be written: No space left on device.*resume run"):
            train(session, Impatient())
    failure = session.history().failure
    assert failure is not None
    assert failure.kept == "the checkpoint at step 3"
    assert not list(session.path.rglob("*.part"))
    train(session, Control())
    runs.assert_same_run(session, whole)


def test_a_stop_while_the_summary_cannot_be_synced_leaves_a_session_that_is_whole(
    tmp_path: Path, whole: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log ends with the run, whether or not the summary is there when the disk is mended."""

    def sync(path: Path) -> None:
        if path == session.path and session.summary_path.exists():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(path)

    session, real = stopped(tmp_path), disk.sync
    with monkeypatch.context() as patch:
        patch.setattr(disk, "sync", sync)
        with pytest.raises(SessionError, match="cannot be written"):
            train(session, Impatient())
    if not session.finished:
        train(session, Control())
    runs.assert_same_run(session, whole)


def test_what_a_failed_sync_has_lost_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After it the system takes the pages for written, even where the disk does not hold them."""
    events = list(runs.finished(tmp_path, runs.tiny("si")).events())
    path = tmp_path / "events.jsonl"
    path.touch()
    log = EventLog(path, 0)
    for event in events[:5]:
        log.append(event)
    log.sync()
    for event in events[5:]:
        log.append(event)
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", failing(1, errno.EIO, os.fsync))
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            log.sync()
    with open(path, "r+b") as file:  # the disk has nothing of what was not synced before
        file.seek(len(lines(events[:5])))
        file.write(b"\0" * 1000)
    log.mend()
    log.sync()
    log.close()
    assert path.read_bytes() == lines(events)


def test_a_folder_that_is_away_for_a_while_is_waited_for(tmp_path: Path, whole: Session) -> None:
    session = stopped(tmp_path)
    away = tmp_path / "away"

    class Unplugged(Watched):
        def take_requests(self) -> Any:
            if session.path.exists() and not self.told:
                session.path.rename(away)
            return super().take_requests()

        def wait(self, seconds: float) -> bool:
            if len(self.told) == 2:
                away.rename(session.path)
            return super().wait(seconds)

    control = Unplugged()
    control.set_pace(1e9)
    train(session, control)
    assert "No such file" in control.told[0]
    runs.assert_same_run(session, whole)


def test_the_training_thread_shows_the_trouble_until_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = threading.Event()
    full.set()

    def write(file: int, data: bytes) -> int:
        if full.is_set():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, data)

    session, real = stopped(tmp_path), os.write
    monkeypatch.setattr("os.write", write)
    engine = EngineThread(session)
    engine.start()
    while not engine.control.trouble:
        assert engine.alive
    full.clear()
    assert engine.join(PATIENCE_SECONDS)
    assert (engine.control.trouble, engine.error, engine.history.state) == ("", None, "finished")


def test_a_disk_that_fails_while_a_checkpoint_is_read_costs_nothing(
    tmp_path: Path, whole: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be read now may be whole: it is neither set aside nor passed over."""
    session = stopped(tmp_path)
    there = sorted(session.path.rglob("*"))
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "read_plain", failing(1, errno.EIO, checkpoint.read_plain))
        with pytest.raises(SessionError, match="cannot be read: Input/output error; try again"):
            train(session, Control())
    assert sorted(session.path.rglob("*")) == there
    train(session, Control())
    runs.assert_same_run(session, whole)


def test_a_checkpoint_is_what_the_formats_own_library_reads(tmp_path: Path) -> None:
    session = stopped(tmp_path)
    path = session.checkpoints()[0]
    runs.assert_same_tensors(load_file(path), checkpoint.read(path)[0])
    assert path.stat().st_mode == session.config_path.stat().st_mode


# Damage


def test_a_flipped_digit_in_the_log_is_noticed(tmp_path: Path) -> None:
    session = runs.finished(tmp_path, runs.tiny("si"))
    text = session.events_path.read_bytes()
    place = text.index(b'"losses":[') + len(b'"losses":[')
    digit = b"1" if text[place : place + 1] != b"1" else b"2"
    session.events_path.write_bytes(text[:place] + digit + text[place + 1 :])
    with pytest.raises(SessionDamaged, match=r"events\.jsonl, line \d+: its checksum does not fit"):
        session.history()
    assert read_session(tmp_path, "run").state == "damaged"


@pytest.mark.parametrize("change", ["dropped", "doubled", "swapped"])
def test_a_line_that_is_missing_doubled_or_moved_is_noticed(change: str, tmp_path: Path) -> None:
    session = runs.finished(tmp_path, runs.tiny("si"))
    told = session.events_path.read_bytes().splitlines(keepends=True)
    kept = {"dropped": told[:4] + told[5:], "doubled": told[:5] + told[4:], "swapped": [*told[:4], told[5], told[4]]}
    session.events_path.write_bytes(b"".join(kept[change]))
    with pytest.raises(SessionDamaged, match=r"line \d: its checksum"):
        session.history()


def test_a_finished_session_whose_log_was_cut_is_damaged(tmp_path: Path) -> None:
    session = runs.finished(tmp_path, runs.tiny("si"))
    told = session.events_path.read_bytes().splitlines(keepends=True)
    session.events_path.write_bytes(b"".join(told[:-1]))
    with pytest.raises(SessionDamaged, match="ends before the run does"):
        session.history()


@pytest.mark.parametrize("file", ["config.toml", "summary.json"])
def test_a_changed_setting_or_result_is_noticed(file: str, tmp_path: Path) -> None:
    session = runs.finished(tmp_path, runs.tiny("si"))
    path = session.path / file
    path.write_text(re.sub(r'("?seed"? ?[=:] )0', r"\g<1>1", path.read_text()))
    with pytest.raises(SessionDamaged, match=f"{file}: its checksum does not fit"):
        Session.open(tmp_path, "run").summary()
    assert [listed.state for listed in list_sessions(tmp_path)] == ["damaged"]


def test_the_newest_whole_checkpoint_is_used_and_the_damaged_one_set_aside(tmp_path: Path, whole: Session) -> None:
    session = runs.create(tmp_path, runs.tiny("si"))
    runs.killed(session, kill=7, saves=(2, 6))
    newest = session.checkpoints()[0]
    newest.write_bytes(newest.read_bytes()[:-1])
    train(session, Control())
    resumed = session.history().resumed
    assert resumed is not None
    assert newest.name in resumed.note
    assert [path.name for path in session.checkpoints_dir.glob("*.damaged")] == [newest.with_suffix(".damaged").name]
    runs.assert_same_run(session, whole)


def test_a_checkpoint_whose_past_is_lost_is_not_used_even_when_the_log_has_grown_again(
    tmp_path: Path, whole: Session
) -> None:
    session = runs.create(tmp_path, runs.tiny("si"))
    runs.killed(session, kill=7, saves=(2, 6))
    newest, older = session.checkpoints()[:2]
    with open(session.events_path, "r+b") as log:
        log.truncate(checkpoint.read(older)[1].log_length + 1)
    train(session, runs.AtStep(1))
    assert newest.with_suffix(".damaged").exists()
    train(session, Control())
    runs.assert_same_run(session, whole)


def test_a_run_whose_checkpoints_are_gone_does_not_begin_anew_in_silence(tmp_path: Path) -> None:
    session = stopped(tmp_path)
    log = session.events_path.read_bytes()
    shutil.rmtree(session.checkpoints_dir)
    with pytest.raises(SessionDamaged, match="its checkpoints are gone"):
        train(session, Control())
    assert session.events_path.read_bytes().startswith(log)


# Checkpoints beside the training


def ends(session: Session) -> list[int]:
    """The tasks, counted from 1, of whose ends there are checkpoints."""
    return sorted(int(path.name[5:8]) for path in session.checkpoints() if path.name.startswith("task-"))


@pytest.mark.parametrize(("keep", "kept"), [("all", [1, 2, 3, 4, 5]), ("last", [4, 5]), (1, [4, 5]), (3, [3, 4, 5])])
def test_as_many_checkpoints_of_ended_tasks_stay_as_asked(keep: str | int, kept: list[int], tmp_path: Path) -> None:
    """And always two checkpoints. The run computes the same, and is taken for the same."""
    thinned = runs.finished(tmp_path, runs.tiny("si", tasks=5, keep_checkpoints=keep), "thinned")
    assert ends(thinned) == kept
    all_kept = runs.finished(tmp_path, runs.tiny("si", tasks=5), "all-kept")
    runs.assert_same_tensors(runs.newest(thinned)[0], runs.newest(all_kept)[0])
    runs.assert_same_history(thinned.history(), all_kept.history())


def test_a_checkpoint_goes_only_when_two_newer_ones_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole and synced, the folder too."""
    session = runs.create(tmp_path, runs.tiny("si", tasks=5, keep_checkpoints="last"))
    calls: list[tuple[str, str]] = []
    sync, unlink = disk.sync, Path.unlink

    def noted_sync(path: Path) -> None:
        sync(path)
        calls.append(("synced", path.name))

    def noted_unlink(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".safetensors":
            newer = [found for found in session.checkpoints() if found.name > path.name]
            assert len(newer) >= 2, "one to use, and one in case that is damaged"
            for found in newer:
                checkpoint.read(found)
            assert calls[-1] == ("synced", "checkpoints")
            assert ("synced", f"{newer[0].name}.part") in calls
            removed.append(path.name)
        unlink(path, missing_ok)

    removed: list[str] = []
    monkeypatch.setattr(disk, "sync", noted_sync)
    monkeypatch.setattr(Path, "unlink", noted_unlink)
    assert train(session, Control()).state == "finished"
    assert [name[:8] for name in removed] == ["task-001", "task-002", "task-003"]


def test_a_damaged_checkpoint_costs_little_where_only_the_last_is_kept(tmp_path: Path) -> None:
    """The one before it is used, to the same bits."""
    config = runs.tiny("si", tasks=3, keep_checkpoints="last")
    whole = runs.finished(tmp_path, config, "whole")
    session = runs.create(tmp_path, config)
    runs.killed(session, 9)
    assert ends(session) == [1, 2]
    path = session.checkpoints()[0]
    path.write_bytes(path.read_bytes()[:-7])
    assert train(session, Control()).state == "finished"
    history = session.history()
    assert history.resumed is not None
    assert "the previous checkpoint is used" in history.resumed.note
    runs.assert_same_tensors(runs.newest(session)[0], runs.newest(whole)[0])
    runs.assert_same_history(history, whole.history())


def test_a_checkpoint_holds_one_moment_although_training_goes_on_while_it_is_written(
    tmp_path: Path, whole: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = threading.Event()
    real = checkpoint.write

    def slow(*given: Any, **named: Any) -> None:
        assert taken.wait(60)
        real(*given, **named)

    class GoOn(Control):
        def take_requests(self) -> Any:
            if session.history().step >= 6:  # three steps after the checkpoint was begun
                taken.set()
                raise runs.Killed
            return super().take_requests()

    session = stopped(tmp_path, step=2)
    monkeypatch.setattr(checkpointing, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(reporting, "REPORT_STEPS", 1)
    monkeypatch.setattr(checkpoint, "write", slow)
    control = GoOn()
    control.set_pace(1e9)
    with contextlib.suppress(runs.Killed):
        train(session, control)
    assert 2 < runs.newest(session)[1].step < 6
    train(session, Control())
    runs.assert_same_run(session, whole)


@pytest.mark.parametrize(
    ("held_up", "took", "seconds"), [(0.001, 0.01, 10), (0.1, 0.2, 20), (2.0, 5.0, 55), (2.0, 90.0, 0)]
)
def test_a_checkpoint_is_on_the_disk_a_minute_after_the_last_at_most(
    held_up: float, took: float, seconds: float
) -> None:
    assert checkpointing.seconds_to_next(held_up, took) == pytest.approx(seconds)


# What is not finite


@pytest.mark.parametrize("what", ["gradient", "weights"])
@pytest.mark.parametrize("optimizer", runs.OPTIMIZERS)
def test_what_ceased_to_be_finite_is_named_with_its_step_and_layer(
    what: str, optimizer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing of it is saved."""
    real = TrainingStep.take
    layer = "fc2.weight"

    def take(step: TrainingStep, watch: bool = False) -> None:
        state = step.state
        if state.step == 4 and what == "gradient":
            state.model.get_parameter(layer).register_hook(lambda gradient: gradient * float("inf"))
        real(step, watch)
        if state.step == 5 and what == "weights":
            with torch.no_grad():
                state.model.get_parameter(layer)[0, 0] = float("nan")

    monkeypatch.setattr(TrainingStep, "take", take)
    session = runs.create(tmp_path, runs.tiny("si", hidden=(8, 8), optimizer=optimizer))
    with pytest.raises(
        NumericsError, match=f"the {what} of {layer} stopped being finite first, at step 5: start again"
    ):
        train(session, Control())
    for path in session.checkpoints():
        assert all(torch.isfinite(tensor).all() for tensor in checkpoint.read(path)[0].values())


def test_a_stop_at_the_very_step_is_told_what_to_change_too(tmp_path: Path) -> None:
    session = runs.create(tmp_path, runs.tiny("si", **runs.ABSURD))
    with pytest.raises(NumericsError, match=r"^the loss became nan at step 5, .*: start again with a lower --lr"):
        train(session, runs.AtStep(5))


# Formats, data, devices


@pytest.mark.parametrize("name", sorted(path.name for path in OLD.iterdir()))
def test_a_session_of_an_older_version_opens_resumes_and_forks(name: str, tmp_path: Path) -> None:
    """first-si is of the first version of all, those of format 1 of the last one before checksums, those of format 2 of
    the last one that told of scores in events of their own kind."""
    shutil.copytree(OLD / name, tmp_path / name)
    session = Session.open(tmp_path, name)
    format, reached, steps = OLD_SESSIONS[name]
    assert (session.format, session.began) == (format, format)
    before = session.history()
    assert before.step == reached
    state = "finished" if reached == steps else "stopped"
    assert read_session(tmp_path, name).state == summary_of(tmp_path, name).state == state
    log = session.events_path.read_bytes()
    newest = runs.newest(session)[1].log_length
    if not session.finished:
        assert train(session, Control()).state == "finished"
        assert session.events_path.read_bytes().startswith(log[:newest])  # what an older version wrote stays
        assert (session.format, session.began) == (FORMAT, format)
    session = Session.open(tmp_path, name)
    history = session.history()
    assert history.step == history.curve.length == steps
    assert history.matrix[0] == before.matrix[0]
    assert summary_of(tmp_path, name).state == "finished"
    task = len(history.tasks) - 2
    child = fork(session, task, "child", {"strength": 0.5})
    assert train(child, Control()).matrix[task] == history.matrix[task]
    forked = {"parent": name, "task": task, "step": history.starts[task + 1]}
    assert Session.open(tmp_path, "child").summary()["forked"] == forked
    assert (Session.open(tmp_path, "child").began, child.format) == (format, FORMAT)


def test_other_data_are_noticed_and_refused(tmp_path: Path, whole: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session = stopped(tmp_path)
    log = session.events_path.read_bytes()

    def changed() -> Any:
        data = digits()
        data.train.inputs[17, 3] += 1 / 16
        return data

    with monkeypatch.context() as patch:
        patch.setattr("engine.streams.digits.digits", changed)
        with pytest.raises(SessionMismatch, match=r"the data of session run \(split-digits\) have changed"):
            train(session, Control())
    assert session.events_path.read_bytes().startswith(log)
    train(session, Control())
    runs.assert_same_run(session, whole)


def test_the_content_is_that_of_inputs_labels_and_orders() -> None:
    from engine.streams.examples import content

    data = digits()
    task = Task("all", 10, data.train, data.test)
    turned = Examples(data.train.inputs, data.train.targets, torch.arange(63, -1, -1))
    other = Examples(data.train.inputs, data.train.targets.roll(1))
    found = {content([Task("all", 10, train, data.test)]) for train in (data.train, turned, other)}
    assert len(found) == 3
    assert content([task]) == content([Task("another name", 10, data.train, data.test)])
    assert content([task, task]) != content([task])


# What is kept out


@pytest.mark.parametrize("file", ["", "events.jsonl", "config.toml", "summary.json", "lock", "checkpoints"])
def test_a_link_that_leads_out_of_a_session_is_refused(file: str, tmp_path: Path) -> None:
    """Also by what would only write the log anew, or take the lock."""
    session = stopped(tmp_path)
    target = session.path / file
    outside = tmp_path / "outside"
    if target.exists():
        target.rename(outside)
    else:
        outside.write_bytes(b"precious")
    target.symlink_to(outside)
    before = outside.read_bytes() if outside.is_file() else b""
    with pytest.raises(SessionError, match=r"(contains|is) a link"):
        train(session, Control())
    with pytest.raises(SessionError, match=r"(contains|is) a link"):
        Session.open(tmp_path, "run")
    assert [listed.state for listed in list_sessions(tmp_path) if listed.name == "run"] == ["damaged"]
    assert (outside.read_bytes() if outside.is_file() else b"") == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_in_the_place_of_a_file_is_refused_at_once(tmp_path: Path) -> None:
    session = stopped(tmp_path)
    for file in ("events.jsonl", "config.toml", f"checkpoints/{session.checkpoints()[0].name}"):
        path = session.path / file
        kept = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(SessionDamaged, match="not a regular file"):
            train(Session.open(tmp_path, "run"), Control())
        path.unlink()
        path.write_bytes(kept)


def test_a_line_without_end_is_refused_without_being_read(tmp_path: Path) -> None:
    session = stopped(tmp_path)
    with open(session.events_path, "ab") as log:
        log.truncate(10**12)
    with pytest.raises(SessionDamaged, match="longer than 16,777,216 bytes"):
        session.history()


def test_a_checkpoint_that_claims_a_million_million_values_is_refused(tmp_path: Path) -> None:
    session = stopped(tmp_path)
    header = b'{"theta":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}'
    path = session.checkpoints()[0]
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
    with pytest.raises(SessionDamaged, match="is damaged"):
        checkpoint.read(path)
    with open(path, "r+b") as file, contextlib.suppress(OSError):  # where the disk's files cannot be so large
        file.truncate(8 + len(header) + 4 * 10**12)
    with pytest.raises(SessionDamaged, match="is damaged"):
        checkpoint.read(path)


def test_a_settings_file_of_a_gigabyte_is_refused_without_being_read(tmp_path: Path) -> None:
    session = stopped(tmp_path)
    with open(session.config_path, "ab") as file:
        file.truncate(1 << 30)
    with pytest.raises(SessionDamaged, match="larger than 100,000 bytes"):
        Session.open(tmp_path, "run")


# One trainer


@contextlib.contextmanager
def without_locks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr("fcntl.flock", failing(1000, errno.ENOSYS, lambda *_: None))
        yield


@pytest.mark.skipif(os.name != "posix", reason="Windows locks in another way")
def test_a_folder_that_cannot_lock_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = stopped(tmp_path)
    with without_locks(monkeypatch), pytest.raises(SessionError, match=r"has no locks.*--sessions-dir"):
        train(session, Control())


def test_a_session_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill while it is made leaves nothing that a list shows or a name that is taken."""

    def killed(*_: object) -> None:
        raise runs.Killed

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *_, **__: None)
        patch.setattr("engine.sessions.session.write_whole", killed)
        with pytest.raises(runs.Killed):
            runs.create(tmp_path, runs.tiny("si"))
    assert list_sessions(tmp_path) == []
    assert runs.create(tmp_path, runs.tiny("si")).name == "run"


# The page


def test_every_promise_names_a_test_that_is_there() -> None:
    root = Path(__file__).parents[2]
    named = set(re.findall(r"`(test_\w+(?:\.py)?)`", (root.parent / "docs" / "durability.md").read_text("utf-8")))
    files = list(root.rglob("test_*.py"))  # several have the same name
    tests = {name for path in files for name in re.findall(r"def (test_\w+)\(", path.read_text("utf-8"))}
    assert named - tests - {path.name for path in files} == set()
    assert len(named) > 30
