"""Many runs: what is planned, what runs in other processes, what is skipped and gone on with."""

import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pyte
import pytest
from rich.console import Console

from cl_tui.batch import headless
from cl_tui.batch import plan as batch
from cl_tui.batch.display import Display, RunEnded, RunProgress
from cl_tui.batch.workers import work
from cl_tui.reports import tables as report
from engine.errors import ConfigError
from engine.record.events import RunResumed, RunStarted
from engine.sessions.listing import list_sessions, read_session
from engine.sessions.session import Session
from engine.settings.run import resolve
from engine.training.control import Control
from tests.cl_tui.commands.test_cli import line_with, wait_for_steps
from tests.conftest import QUICK, CommandLine
from tests.runs import AtStep, assert_same_run, create, finished, tiny, train
from tests.waiting import until

BEGUN = (RunStarted, RunResumed)
TWO = ["batch", "--method", "none", "--method", "si", *QUICK]


def names(**axes: list[Any]) -> list[str]:
    return [run.name.rpartition("-")[0] for run in batch.plan(axes, {}, {}, jobs=1)]


# The plan


def test_the_product_of_all_axes() -> None:
    assert names(method=["si", "ewc"], strength=[0.5, 2.0], seed=[0, 1]) == [
        "si-0.5-split-digits-seed0",
        "si-0.5-split-digits-seed1",
        "si-2-split-digits-seed0",
        "si-2-split-digits-seed1",
        "ewc-0.5-split-digits-seed0",
        "ewc-0.5-split-digits-seed1",
        "ewc-2-split-digits-seed0",
        "ewc-2-split-digits-seed1",
    ]


def test_a_method_without_a_strength_runs_once() -> None:
    assert names(method=["none", "si"], strength=[1.0, 2.0]) == [
        "none-split-digits-seed0",
        "si-1-split-digits-seed0",
        "si-2-split-digits-seed0",
    ]


def test_the_scenario_is_in_the_name_where_it_is_not_the_default() -> None:
    assert names(benchmark=["split-digits", "permuted-digits"], scenario=["domain"]) == [
        "si-1-split-digits-domain-seed0",
        "si-1-permuted-digits-seed0",
    ]


def test_an_option_goes_to_the_methods_that_read_it() -> None:
    si, ewc, none = batch.plan({"method": ["si", "ewc", "none"]}, {"xi": 0.5, "gamma": 0.9}, {}, jobs=1)
    assert (si.config.option("xi"), si.config.option("gamma")) == (0.5, None)
    assert (ewc.config.option("xi"), ewc.config.option("gamma")) == (None, 0.9)
    assert (none.config.option("xi"), none.config.option("gamma")) == (None, None)
    with pytest.raises(ConfigError, match="only method si uses it"):
        batch.plan({"method": ["none", "ewc"]}, {"xi": 0.5}, {}, jobs=1)


def test_an_option_with_its_owner_s_name_goes_to_that_method_alone() -> None:
    si, mas = batch.plan({"method": ["si", "mas"]}, {"half": True}, {"si.half": False}, jobs=1)
    assert (si.config.option("half"), mas.config.option("half")) == (False, True)
    (ewc,) = batch.plan({"method": ["ewc"]}, {"ewc": {"gamma": 0.5}}, {"gamma": 0.9}, jobs=1)
    assert ewc.config.option("gamma") == 0.9, "what was typed later overrides the file"
    with pytest.raises(ConfigError, match="only method si uses it, not ewc"):
        batch.plan({"method": ["ewc"]}, {"si": {"xi": 0.5}}, {}, jobs=1)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"method": "none"}, "none-split-digits-seed0-68ad808c"),
        ({"method": "joint"}, "joint-split-digits-seed0-654bacea"),
        ({"method": "l2"}, "l2-0.1-split-digits-seed0-4c51f621"),
        ({"method": "si"}, "si-1-split-digits-seed0-23bf3783"),
        ({"method": "ewc"}, "ewc-1000-split-digits-seed0-06c75e9a"),
        ({"method": "mas"}, "mas-0.1-split-digits-seed0-c9966ac9"),
        ({"method": "rwalk"}, "rwalk-10-split-digits-seed0-6950e984"),
        ({"preset": "pathint-permuted-mnist"}, "si-0.1-permuted-mnist-seed0-dfc1a636"),
        ({"preset": "vandeven-split-mnist"}, "none-split-mnist-seed0-b6c02e08"),
        ({"preset": "mas-demo"}, "mas-1-split-mnist-seed0-c3a2c034"),
        ({"optimizer": "sgd", "half": True, "class_order": "random"}, "si-1-split-digits-seed0-361b018f"),
        (
            {"method": "mas", "sensitivity": "batched", "importance_batch": 7, "half": True},
            "mas-0.1-split-digits-seed0-bfc3652b",
        ),
        (
            {
                "method": "ewc",
                "fisher_samples": 40,
                "fisher": "sampled",
                "gamma": 0.9,
                "leave_alone": ["*.bias", "head.*"],
            },
            "ewc-1000-split-digits-seed0-a8a72d91",
        ),
        (
            {"method": "rwalk", "alpha": 0.5, "score_every": 3, "epsilon": 0.01, "init": "glorot", "keep": "best"},
            "rwalk-10-split-digits-seed0-6c74432e",
        ),
        (
            {
                "first_task": {"lr": 0.01, "epochs": 3},
                "normalize": [0.5, 0.25],
                "hidden": [7],
                "seed": 11,
                "threads": 2,
            },
            "si-1-split-digits-seed11-67117b89",
        ),
        (
            {"clamp": 0.5, "xi": 0.25, "gradient": "total", "steps": 70, "scenario": "class", "strength": 2.5},
            "si-2.5-split-digits-class-seed0-647bb8e5",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_name_is_a_promise(settings: dict[str, Any], name: str) -> None:
    """A batch finds a finished run by its name: these are names that were given before."""
    assert batch.run_name(resolve(settings)) == name


def test_another_setting_is_another_session_and_another_place_is_not() -> None:
    config = resolve({})
    assert batch.run_name(config.changed(lr=0.5)) != batch.run_name(config)
    for elsewhere in ({"keep_checkpoints": 3}, {"threads": 7}, {"data_dir": "there"}, {"device": "cpu"}):
        assert batch.run_name(config.changed(**elsewhere)) == batch.run_name(config)


def test_jobs_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)

    def threads(jobs: int, **settings: Any) -> int:
        (run,) = batch.plan({}, {"hidden": [500], **settings}, {}, jobs)
        return run.config.threads

    assert [threads(jobs) for jobs in (1, 2, 4, 20)] == [4, 4, 2, 1]
    assert threads(2, threads=3) == 3


# Running


def test_two_processes_and_then_nothing_left_to_do(cl_tui: CommandLine, sessions: Path, tmp_path: Path) -> None:
    """The table and the file hold every run; a second call trains nothing and says the same."""
    line = [*TWO, "--seeds", "2", "--jobs", "2", "--json", "results.json"]
    answer = cl_tui(*line)
    assert answer.exit_code == 0, answer.err
    assert "±" in line_with("none", answer.out)
    assert line_with("si ", answer.out).endswith("2")
    results = json.loads((tmp_path / "results.json").read_text())
    assert [(result["method"], result["seed"]) for result in results] == [
        ("none", 0),
        ("none", 1),
        ("si", 0),
        ("si", 1),
    ]
    assert all(0 <= result["average_accuracy"] <= 1 for result in results)
    assert results[0]["accuracy_matrix"][0][1] is None
    assert results == [Session.open(sessions, result["name"]).summary() for result in results]

    (tmp_path / "results.json").unlink()
    again = cl_tui(*line)
    assert (again.out, again.err) == (answer.out, "4 of 4 runs are already finished\n")
    assert json.loads((tmp_path / "results.json").read_text()) == results


def test_an_unfinished_run_goes_on_to_the_same_bits(cl_tui: CommandLine, sessions: Path, tmp_path: Path) -> None:
    (run,) = batch.plan({"method": ["si"]}, {"tasks": 2, "epochs": 1}, {}, jobs=1)
    session = create(sessions, run.config, run.name)
    train(session, AtStep(50))
    assert cl_tui("batch", "--method", "si", *QUICK).exit_code == 0
    assert session.history().resumed is not None
    assert_same_run(session, finished(tmp_path / "elsewhere", run.config, run.name))


def test_one_failing_run_does_not_stop_the_others(cl_tui: CommandLine, sessions: Path, tmp_path: Path) -> None:
    none, si = batch.plan({"method": ["none", "si"]}, {"tasks": 2, "epochs": 1}, {}, jobs=1)
    (create(sessions, none.config, none.name).checkpoints_dir / "step-00000005.safetensors").write_text("no")
    answer = cl_tui(*TWO, "--json", "results.json")
    assert answer.exit_code == 1
    assert f"{none.name} failed: " in answer.err
    assert line_with("si ", answer.out)
    assert [result["name"] for result in json.loads((tmp_path / "results.json").read_text())] == [si.name]


def test_a_damaged_session_is_a_failing_run(cl_tui: CommandLine, sessions: Path) -> None:
    none, si = batch.plan({"method": ["none", "si"]}, {"tasks": 2, "epochs": 1}, {}, jobs=1)
    (create(sessions, none.config, none.name).path / "config.toml").write_text("format = ")
    (finished(sessions, si.config, si.name).path / "summary.json").write_text("{")
    answer = cl_tui(*TWO)
    assert answer.exit_code == 1
    assert [line.split(": ")[1] for line in answer.err.splitlines()[-2:]] == [
        f"{none.name} failed",
        f"{si.name} failed",
    ]
    assert answer.err.count("is damaged") == 2


def test_a_session_of_the_same_name_with_other_settings_is_left_alone(cl_tui: CommandLine, sessions: Path) -> None:
    (run,) = batch.plan({}, {"tasks": 2, "epochs": 1}, {}, jobs=1)
    create(sessions, resolve({"method": "none"}), run.name)
    answer = cl_tui("batch", *QUICK)
    assert answer.exit_code == 2
    assert "has other settings" in answer.err
    assert read_session(sessions, run.name).config == resolve({"method": "none"})


class Killer(threading.Thread):
    """Kills the first ``most`` workers, each as soon as it trains."""

    def __init__(self, sessions: Path, most: int) -> None:
        super().__init__(daemon=True)
        self._sessions = sessions
        self._left = most
        self.start()

    def run(self) -> None:
        seen: set[int | None] = set()
        while self._left:
            for listed in list_sessions(self._sessions):
                workers = [worker for worker in multiprocessing.active_children() if worker.pid not in seen]
                if listed.state == "running" and workers:
                    seen.add(workers[0].pid)
                    workers[0].kill()
                    self._left -= 1
            time.sleep(0.01)


def test_the_run_of_a_worker_that_was_killed_is_tried_once_more(cl_tui: CommandLine, sessions: Path) -> None:
    """After all others, and it is told."""
    Killer(sessions, most=1)
    answer = cl_tui(*TWO, "--jobs", "1")
    assert answer.exit_code == 0, answer.err
    killed, other, again = answer.err.splitlines()
    assert "its process was killed by SIGKILL, perhaps because memory ran out; it will be tried once more" in killed
    name = killed.split()[1]
    assert name not in other
    assert name in again
    assert {listed.state for listed in list_sessions(sessions)} == {"finished"}


def test_a_run_whose_worker_is_killed_twice_has_failed_and_the_same_line_completes_it(
    cl_tui: CommandLine, sessions: Path
) -> None:
    line = ["batch", *QUICK]
    Killer(sessions, most=2)
    answer = cl_tui(*line)
    assert answer.exit_code == 1
    assert answer.err.splitlines()[-1].endswith(
        " failed: its process was killed by SIGKILL, perhaps because memory ran out"
    )
    assert [listed.state for listed in list_sessions(sessions)] == ["interrupted"]
    assert cl_tui(*line).exit_code == 0


def test_what_another_batch_has_finished_meanwhile_is_not_run_again(
    sessions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run,) = batch.plan({}, {"tasks": 2, "epochs": 1}, {}, jobs=1)
    session = finished(sessions, run.config, run.name)
    before = session.events_path.read_bytes()
    here, there = multiprocessing.Pipe()
    here.send((session.path, {}))
    here.close()
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # a worker sends it elsewhere
    signals = {number: signal.getsignal(number) for number in (*headless.STOP_SIGNALS, *headless.SAVE_SIGNALS)}
    try:
        work(there, ())
    finally:
        for number, handler in signals.items():
            signal.signal(number, handler)
    assert session.events_path.read_bytes() == before


LONG = ["batch", "--tasks", "2", "--epochs", "150"]
"""Some seconds of training a run."""


def start(folder: Path, *line: str) -> "subprocess.Popen[str]":
    """Another process, and group of processes, that runs ``cl-tui``."""
    command = [sys.executable, "-m", "cl_tui", *line]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def test_the_same_line_twice_at_once_trains_each_run_once(sessions: Path, tmp_path: Path) -> None:
    """What one trains, the other leaves alone, trains the rest, and reads the result; both tell the same."""
    both = [start(tmp_path, *LONG, "--seeds", "3") for _ in range(2)]
    ended = [process.communicate(timeout=240) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    (table, err), (same_table, other_err) = ended
    assert table == same_table
    assert line_with("si ", table).endswith("3")
    assert "another process is training it" in err + other_err
    for told in (err, other_err):
        assert "fail" not in told
        assert sum("average accuracy" in line for line in told.splitlines()) == 3
    for listed in list_sessions(sessions):
        begun = [event for event in Session.open(sessions, listed.name).events() if isinstance(event, BEGUN)]
        assert len(begun) == 1, "trained in one go, by one of the two"


def test_a_run_whose_other_process_dies_is_taken_over(sessions: Path, tmp_path: Path) -> None:
    first = start(tmp_path, *LONG, "--epochs", "1000")
    while not (listed := list_sessions(sessions)) or listed[0].state != "running":
        time.sleep(0.05)
    session = Session.open(sessions, listed[0].name)
    wait_for_steps(session)
    second = start(tmp_path, *LONG, "--epochs", "1000")
    assert second.stderr is not None
    told = second.stderr.readline()
    assert told == f"{session.name}: another process is training it; waiting for its result\n"
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    before = session.history().step
    deadline = time.monotonic() + 120
    while session.history().step <= before or not session.running:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(second.pid, signal.SIGINT)
    second.communicate(timeout=120)
    assert second.returncode == 130
    assert session.history().state == "stopped"


def test_ctrl_c_ends_the_wait_for_another_process(sessions: Path, tmp_path: Path) -> None:
    (run,) = batch.plan({}, {"tasks": 2, "epochs": 150}, {}, jobs=1)
    with create(sessions, run.config, run.name).locked():
        waiting = start(tmp_path, *LONG)
        assert waiting.stderr is not None
        assert "another process is training it" in waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 130
    assert err == "stopped: 1 of 1 runs left; run the same command to continue\n"


def test_a_session_that_was_finished_meanwhile_stays_as_it_is(sessions: Path) -> None:
    """Between a look at it and the lock: it is not trained further."""
    session = finished(sessions, tiny())
    before = {path: path.read_bytes() for path in session.path.rglob("*") if path.is_file()}
    assert train(session, Control()).state == "finished"
    assert {path: path.read_bytes() for path in session.path.rglob("*") if path.is_file()} == before


def test_what_is_wrong_with_a_run_is_told_at_its_end(cl_tui: CommandLine) -> None:
    """By a batch and by a single run alike."""
    wrong = ["--tasks", "2", "--epochs", "10", "--lr", "1e-12"]
    single = cl_tui("run", "--headless", "--name", "slow", *wrong)
    assert single.exit_code == 0, single.err
    (warning,) = (line for line in single.err.splitlines() if line.startswith("warning: nothing is learned in task 1"))
    many = cl_tui("batch", *wrong, "--name", "slower")
    assert many.exit_code == 0, many.err
    assert f"slower: {warning}" in many.err.splitlines()


def test_one_named_run(cl_tui: CommandLine, sessions: Path) -> None:
    """The same line skips it once it is finished; the name is for one run of these settings only."""
    line = ["batch", *QUICK, "--name", "my-run"]
    assert cl_tui(*line).exit_code == 0
    assert [listed.name for listed in list_sessions(sessions)] == ["my-run"]
    assert cl_tui(*line).err == "1 of 1 runs are already finished\n"
    several = cl_tui(*line, "--seeds", "2")
    assert several.exit_code == 2
    assert "--name my-run: a name is for one run, but these options make 2" in several.err
    other = cl_tui(*line, "--lr", "0.5")
    assert other.exit_code == 2
    assert "has other settings: rename it, or choose another --name or --sessions-dir" in other.err
    assert cl_tui("batch", *QUICK, "--name", "../out").exit_code == 2


def test_json_on_the_standard_output(cl_tui: CommandLine, sessions: Path) -> None:
    """And nothing else there: the table goes to standard error."""
    answer = cl_tui(*TWO, "--json", "-")
    assert answer.exit_code == 0, answer.err
    assert [result["method"] for result in json.loads(answer.out)] == ["none", "si"]
    assert line_with("split-digits · task", answer.err)
    assert not Path("-").exists()


# The display


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_the_display_holds_no_line_of_a_run_that_has_ended(columns: int) -> None:
    """At each moment, as a terminal shows it; also where the lines of the ended wrap."""
    screen = pyte.Screen(columns, 100)
    stream = pyte.Stream(screen)

    class Terminal(io.StringIO):
        def write(self, text: str) -> int:
            stream.feed(text.replace("\n", "\r\n"))
            return len(text)

    display = Display(Console(file=Terminal(), width=columns, force_terminal=True), planned=3, done=0)

    def bars() -> list[str]:
        lines = [line.rstrip() for line in screen.display]
        first = next(number for number, line in enumerate(lines) if line.startswith("all runs"))
        return [line for line in lines[first:] if line]

    left = [f"none-split-digits-seed{seed}-588050dc" for seed in range(3)]
    with display.bars:
        display.show(left[0], "starting")
        display.show(left[1], "starting")
        display.leave(left[2])
        while left:
            for step in (1, 995, 999, 1000):
                display.update(left[0], RunProgress(step, 1000, "task 2/2", "1,234/s", ""))
                display.say("a line above")
                whole, first, *others = bars()
                assert f" {3 - len(left)}/3" in whole
                assert "100 %" not in whole
                assert f" {step // 10} % task 2/2" in first
                assert first.startswith("none-s")
                assert len(others) == len(left) - 1
                assert len(left) == 1 or "another process" in others[-1]
            display.end(left.pop(0), RunEnded("finished", RESULT))
            assert len(bars()) == 1 + len(left), "\n".join(bars())
            assert f" {3 - len(left)}/3" in bars()[0]
    assert not [line for line in screen.display if line.startswith("all runs")]


RESULT = "Finished in 1 s: average accuracy 93.3 %, forgetting 7.7 points (worst: task 1, 7.7)"


def test_trouble_with_the_disk_is_told_once_when_it_begins_and_when_it_ends() -> None:
    console = Console(file=io.StringIO(), width=200)
    display = Display(console, planned=2, done=0)
    for name in ("one", "two"):
        display.show(name, "starting")
    for trouble in ("", "no space", "still no space", "", ""):
        display.update("one", RunProgress(1, 2, "", "", trouble))
        display.update("two", RunProgress(1, 2, "", "", ""))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines() == [
        "one: no space",
        "one: The disk is writable again: training continues",
    ]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals that end a program gently")
def test_ctrl_c_saves_all_and_says_that_the_same_line_goes_on(sessions: Path, tmp_path: Path) -> None:
    """As a terminal sends it: to the whole process group."""
    command = [
        sys.executable,
        "-m",
        "cl_tui",
        "batch",
        "--seeds",
        "3",
        "--jobs",
        "2",
        "--tasks",
        "2",
        "--epochs",
        "150",
    ]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until(lambda: len(list_sessions(sessions)) == 2)
    started = list_sessions(sessions)
    for listed in started:
        wait_for_steps(Session.open(sessions, listed.name))
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "run the same command to continue" in err
    assert "Traceback" not in err
    assert {listed.state for listed in list_sessions(sessions)} <= {"stopped", "finished"}
    assert all(Session.open(sessions, listed.name).checkpoints() for listed in started)


@pytest.mark.skipif(not headless.SAVE_SIGNALS, reason="this system has no such signal")
def test_a_signal_that_asks_for_a_checkpoint_reaches_all_runs_and_ends_none(sessions: Path, tmp_path: Path) -> None:
    """As a cluster sends it: to every process of the job. SIGTERM after it stops as always."""
    process = start(tmp_path, *LONG, "--epochs", "1000", "--seeds", "2", "--jobs", "2")
    while len(started := list_sessions(sessions)) < 2:
        time.sleep(0.05)
    opened = [Session.open(sessions, listed.name) for listed in started]
    for session in opened:
        wait_for_steps(session)
    for number in headless.SAVE_SIGNALS:
        before = [session.saved_step for session in opened]
        os.killpg(process.pid, number)
        deadline = time.monotonic() + 120
        while any(session.saved_step == step for session, step in zip(opened, before, strict=True)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert all(session.running for session in opened)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert err.count(headless.TOLD_TO_SAVE) == 2
    assert {session.history().state for session in opened} == {"stopped"}


# The table


@pytest.mark.parametrize("columns", [30, 40, 50, 60, 80])
def test_the_table_is_whole_at_any_width(columns: int) -> None:
    summaries = [
        {
            "benchmark": "split-digits",
            "scenario": "task",
            "method": method,
            "hyperparameters": {"strength": 1.0 if method == "si" else 0.0},
            "average_accuracy": accuracy,
            "forgetting": 0.125,
            "backward_transfer": -0.125,
            "steps_per_second": 1390,
        }
        for method in ("none", "si")
        for accuracy in (0.90, 0.94)
    ]
    console = Console(file=io.StringIO(), width=columns)
    console.print(report.results(summaries, columns))
    assert isinstance(console.file, io.StringIO)
    words = console.file.getvalue().split()
    for word in ("none", "si", "accuracy", "forgetting", "backward"):
        assert word in [found.strip(":,") for found in words]
    for figures in ("92.0 ± 2.0", "12.5 ± 0.0", "-12.5 ± 0.0"):
        assert " ".join(words).count(f" {figures}") == 2
    assert "…" not in "".join(words)


def test_real_mnist(cl_tui: CommandLine, mnist: Path) -> None:
    answer = cl_tui("batch", "--benchmark", "split-mnist", "--data-dir", str(mnist), *QUICK, "--hidden", "32")
    assert answer.exit_code == 0, answer.err
    assert "split-mnist" in answer.out
