"""--model FILE.py:NAME and --benchmark FILE.py:NAME on the command line: the same user, another folder, a stranger."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import safe_open

from cl_tui.batch.plan import run_name
from engine.sessions.listing import read_session
from engine.sessions.session import Session
from engine.streams.class_names import class_names
from engine.training.runner import train
from tests import own_code
from tests.conftest import CommandLine
from tests.runs import AtStep, assert_same_run, create

RUN = ("--model", "my_nets.py:build", "--benchmark", "my_tasks.py:tasks", "--epochs", "2", "--batch-size", "12")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    own_code.write(tmp_path)
    return tmp_path


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another user from here on."""
    monkeypatch.setenv("CL_TUI_CONFIG_DIR", str(tmp_path / "of a stranger"))


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As another process of the same user begins."""
    monkeypatch.setattr("engine.settings.own_code._ALLOWED", set())


def stopped(folder: Path) -> Session:
    session = create(folder / "sessions", own_code.own(folder), "stopped")
    assert train(session, AtStep(3)).state == "stopped"
    return session


def test_what_the_issue_types(files: Path, cl_tui: CommandLine, sessions: Path) -> None:
    answer = cl_tui("run", "--method", "ewc", *RUN, "--headless", "--name", "own")
    assert answer.exit_code == 0, answer.err
    config = Session.open(sessions, "own").config
    assert (config.tasks, config.classes_by_task(), config.option("task_labels")) == (2, (2, 2), ("0", "1", "0", "1"))
    assert config.code_dir == str(files)
    assert "my_tasks.py:tasks" in cl_tui("sessions", "list").out
    shown = cl_tui("sessions", "show", "own").out
    assert "cl-tui run --method ewc --benchmark my_tasks.py:tasks" in shown
    assert "inputs of 3 (float32)" in shown
    assert cl_tui("sessions", "export", "own", "--html", "own.html", "--csv", "tables").exit_code == 0
    assert "my_tasks.py:tasks" in (files / "own.html").read_text()


def test_a_run_of_some_of_the_tasks(files: Path, cl_tui: CommandLine, sessions: Path) -> None:
    assert cl_tui("run", *RUN, "--tasks", "1", "--headless", "--name", "own").exit_code == 0
    shown = cl_tui("sessions", "show", "own")
    assert shown.exit_code == 0, shown.err
    assert "--tasks 1" in shown.out
    assert cl_tui("extend", "own", "--tasks", "+1", "--headless", "--name", "both").exit_code == 0
    shown = cl_tui("sessions", "show", "both")
    assert (shown.exit_code, Session.open(sessions, "both").config.tasks) == (0, 2)
    assert cl_tui("compare", "own", "both", "--plain").exit_code == 0


def test_everything_but_training_works_without_the_files(
    files: Path, cl_tui: CommandLine, sessions: Path, stranger: None
) -> None:
    for seed in ("0", "1"):
        assert cl_tui("run", *RUN, "--headless", "--name", f"own-{seed}", "--seed", seed).exit_code == 0
    for file in files.glob("my_*.py"):
        file.unlink()
    assert read_session(sessions, "own-0").state == "finished"
    for command in (["sessions", "list"], ["sessions", "show", "own-0"], ["compare", "own-0", "own-1", "--plain"]):
        answer = cl_tui(*command)
        assert answer.exit_code == 0, answer.err
    assert cl_tui("sessions", "export", "own-0", "--json", "-").exit_code == 0
    lost = cl_tui("analyse", "own-0")
    assert (lost.exit_code, lost.out) == (2, "")
    assert f"{files / 'my_tasks.py'}: there is no such file: correct the path, or name its folder" in lost.err


def test_the_same_user_resumes_from_another_folder(
    files: Path, cl_tui: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = stopped(files)
    forget(monkeypatch)
    (files / "elsewhere").mkdir()
    monkeypatch.chdir(files / "elsewhere")
    answer = cl_tui("resume", str(session.path), "--headless")
    assert answer.exit_code == 0, answer.err
    whole = create(files / "whole", own_code.own(files), "stopped")
    train(whole, AtStep(10**6))
    assert_same_run(Session.open(session.path.parent, session.name), whole)


def test_code_of_a_stranger_does_not_run(files: Path, cl_tui: CommandLine, sessions: Path, stranger: None) -> None:
    """Neither by resume, nor fork, analyse, or a file of settings; and once allowed, always."""
    session = stopped(files)
    marked = files / "ran"
    for file in files.glob("my_*.py"):
        file.write_text(f"open({str(marked)!r}, 'w')\n{file.read_text()}")
    shutil.rmtree(files / "of a stranger")
    monkeypatch = pytest.MonkeyPatch()
    forget(monkeypatch)
    for command in (
        ["resume", "stopped", "--headless"],
        ["fork", "stopped", "--at-task", "1", "--headless"],
        ["analyse", "stopped"],
        ["run", "--config", str(session.config_path), "--headless"],
        ["batch", "--config", str(session.config_path)],
    ):
        answer = cl_tui(*command)
        assert answer.exit_code == 2, answer
        assert f"the function build in {files / 'my_nets.py'}" in answer.err
        assert f"the function tasks in {files / 'my_tasks.py'}" in answer.err
        assert "--trust-code" in answer.err
        assert not marked.exists()
    assert "session stopped would run" in cl_tui("resume", "stopped", "--headless").err
    assert cl_tui("resume", "stopped", "--headless", "--trust-code").exit_code == 0
    assert marked.exists()
    forget(monkeypatch)
    assert cl_tui("analyse", "stopped").exit_code == 0
    monkeypatch.undo()


def test_a_typed_name_is_no_permission_for_the_folder_in_somebody_elses_file(
    files: Path, cl_tui: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "evil").mkdir()
    own_code.write(tmp_path / "evil", net="raise SystemExit(3)")
    (tmp_path / "theirs.toml").write_text(f'code_dir = "{tmp_path / "evil"}"\n')
    answer = cl_tui("run", "--config", "theirs.toml", "--model", "my_nets.py:build", "--headless")
    assert answer.exit_code == 2
    assert f"the function build in {tmp_path / 'evil' / 'my_nets.py'}" in answer.err


def test_a_changed_file_is_said_and_the_run_goes_on_if_the_data_are_the_same(
    files: Path, cl_tui: CommandLine, sessions: Path
) -> None:
    stopped(files)
    for file in files.glob("my_*.py"):
        file.write_text(f"{file.read_text()}\n# a remark\n")
    answer = cl_tui("resume", "stopped", "--headless")
    assert answer.exit_code == 0, answer.err
    assert "my_nets.py and my_tasks.py changed since the session was made" in answer.err
    resumed = Session.open(sessions, "stopped").history().resumed
    assert resumed is not None
    assert "my_nets.py and my_tasks.py changed" in resumed.note


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("torch.randn(count, 3)", "torch.rand(count, 3)", "have changed since it began: restore them, or start a new"),
        ("(0.0, 1.0)", "(0.0,)", "my_tasks.py:tasks gives only 1 task, but this run has 2"),
        ("(count, 3)", "(count, 4)", "gives other tasks than this session has (example was 3, is 4)"),
    ],
)
def test_changed_data_are_refused(was: str, becomes: str, says: str, files: Path, cl_tui: CommandLine) -> None:
    stopped(files)
    own_code.write(files, tasks=own_code.TASKS.replace(was, becomes))
    answer = cl_tui("resume", "stopped", "--headless")
    assert answer.exit_code == 1, answer
    assert says in answer.err


def test_a_batch_in_two_processes_and_the_same_again(files: Path, cl_tui: CommandLine, sessions: Path) -> None:
    line = ("batch", *RUN, "--method", "ewc", "--method", "none", "--jobs", "2", "--json", "results.json")
    answer = cl_tui(*line)
    assert answer.exit_code == 0, answer.err
    names = {entry["name"] for entry in json.loads((files / "results.json").read_text())}
    assert {name.rpartition("-")[0] for name in names} == {"ewc-1000-my_tasks-tasks-seed0", "none-my_tasks-tasks-seed0"}
    assert "2 of 2 runs are already finished" in cl_tui(*line).err


def test_other_code_makes_other_runs_of_a_batch(files: Path) -> None:
    before = run_name(own_code.own(files))
    assert run_name(own_code.own(files)) == before
    assert run_name(own_code.own(files, code_dir=str(files), device="auto")) == before
    own_code.write(files, net=own_code.NET.replace("8", "9"))
    assert run_name(own_code.own(files)) != before


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("my_nets.py", "name a function in it, too, such as --model 'my_nets.py:build'"),
        ("my_nets:build", "name the file, as in --model 'my_nets.py:build'"),
        ("nix.py:build", "there is no such file"),
        (".:build", "unknown model"),
    ],
)
def test_names_that_are_not_quite_right(model: str, says: str, files: Path, cl_tui: CommandLine) -> None:
    answer = cl_tui("run", "--model", model, "--headless")
    assert answer.exit_code == 2
    assert says in answer.err
    assert not (files / "sessions").exists()


def test_code_that_fails_leaves_no_session(files: Path, cl_tui: CommandLine, sessions: Path) -> None:
    own_code.write(files, tasks="def tasks():\n    return 1 / 0\n")
    answer = cl_tui("run", *RUN, "--headless")
    assert answer.exit_code == 2
    assert f"{files / 'my_tasks.py'}, line 2: ZeroDivisionError: division by zero" in answer.err
    assert not list(sessions.iterdir())


def test_the_examples_in_the_documentation(tmp_path: Path) -> None:
    """As a user starts them: another process, which imports nothing of the tests."""
    for file in own_code.EXAMPLES.glob("*.py"):
        shutil.copy(file, tmp_path)
    line = [sys.executable, "-m", "cl_tui", "batch", "--method", "si", "--steps", "8", "--json", "results.json"]
    functions = ["tasks", "named", "datasets", "streams", "curves"]
    for function in functions:
        line += ["--benchmark", f"my_tasks.py:{function}"]
    done = subprocess.run([*line, "--model", "my_nets.py:Gated"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "results.json").read_text())
    assert [entry["benchmark"] for entry in found] == [f"my_tasks.py:{of}" for of in functions]


def test_the_exported_network_says_which_label_is_which_output(
    files: Path, cl_tui: CommandLine, sessions: Path
) -> None:
    own_code.write(files, tasks=own_code.TASKS.replace(".long()", ".long() * 5 - 2"))
    assert cl_tui("run", *RUN, "--headless", "--name", "own").exit_code == 0
    assert class_names(Session.open(sessions, "own").config) == [["-2", "3"], ["-2", "3"]]
    answer = cl_tui("sessions", "export", "own", "--weights", "own.safetensors")
    assert answer.exit_code == 0, answer.err
    with safe_open(files / "own.safetensors", "pt") as weights:
        assert '"classes": ["-2", "3"]' in weights.metadata()["outputs"]
