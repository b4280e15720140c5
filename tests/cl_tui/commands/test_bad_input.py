"""Each bad input gets one clear sentence and the design's exit code, never a traceback; nothing is lost."""

import os
from pathlib import Path

import pytest

from engine.sessions.session import Session
from engine.streams.files import MNIST_FILES
from tests.conftest import Answer, CommandLine
from tests.runs import AtStep, create, finished, tiny, train

SETTINGS: list[tuple[list[str], str]] = [
    (["--method", "se"], "unknown method 'se'"),
    (["--method", "[red]si[/]"], "unknown method '[red]si[/]'"),
    (["--benchmark", "split-mnits"], "did you mean 'split-mnist'?"),
    (["--model", "cnn"], "unknown model 'cnn'"),
    (["--device", "tpu"], "device = 'tpu'"),
    (["--scenario", "domian"], "scenario = 'domian'"),
    (["--optimizer", "lion"], "optimizer = 'lion'"),
    (["--strength", "-1"], "strength = -1.0"),
    (["--strength", "nan"], "strength = nan"),
    (["--strength", "1e300"], "strength = 1e+300"),
    (["--lr", "0"], "lr = 0.0"),
    (["--lr", "nan"], "lr = nan"),
    (["--lr", "inf"], "lr = inf"),
    (["--seed", "-3"], "seed = -3"),
    (["--seed", str(10**30)], "seed = "),
    (["--epochs", "0"], "epochs = 0"),
    (["--batch-size", "-5"], "batch_size = -5"),
    (["--tasks", "99"], "split-digits has at most 10"),
    (["--hidden", "10,x"], "hidden = 'x' cannot be used: it should be a whole number"),
    (["--hidden", "0"], "hidden = "),
    (["--hidden", "65536,65536,65536"], "choose smaller layers"),
    (["--threads", "0"], "threads = 0"),
    (["--xi", "0"], "xi = 0.0"),
    (["--method", "none", "--strength", "1"], "method none has no penalty"),
    (["--method", "mas", "--xi", "0.1"], "only method si uses it"),
    (["--set", "reset_network=true"], "reset_network = true: the penalty of si would hold the new weights"),
    (
        ["--method", "none", "--set", "reset_network=true", "--weights", "a.pt"],
        "the network would only begin with --weights",
    ),
    (["--gamma", "0.5"], "only method ewc uses it"),
    (["--set", "lr"], "write KEY=VALUE"),
    (["--set", "colour=red"], "unknown setting 'colour'"),
    (["--set", "epochs=many"], "epochs = 'many'"),
    (["--config", "missing.toml"], "--config missing.toml"),
    (["--config", "broken.toml"], "is not a valid file of settings"),
    (["--config", "binary.toml"], "is not a valid file of settings"),
    (["--config", "."], "--config ."),
]


def assert_told(answer: Answer, exit_code: int, words: str) -> None:
    """One line on stderr, and nothing else."""
    assert answer.exit_code == exit_code, answer
    assert answer.err.startswith("cl-tui: ")
    assert words in answer.err
    assert answer.err.count("\n") == 1
    assert answer.out == ""


@pytest.fixture
def broken_files(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("lr = = 3\n")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")


@pytest.mark.usefixtures("broken_files")
@pytest.mark.parametrize("command", ["run", "batch"])
@pytest.mark.parametrize(
    ("options", "words"), SETTINGS, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_a_setting_that_cannot_be(
    cl_tui: CommandLine, sessions: Path, command: str, options: list[str], words: str
) -> None:
    assert_told(cl_tui(command, *options), 2, words)
    assert not sessions.exists()


@pytest.mark.parametrize("command", ["race", "batch"])
def test_one_of_several_methods_is_unknown(cl_tui: CommandLine, sessions: Path, command: str) -> None:
    """It is not left out as an option that its method does not read: si would be trained instead."""
    assert_told(cl_tui(command, "--method", "none", "--method", "nope"), 2, "unknown method 'nope'")
    assert not sessions.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["race", "--method", "si", "--method", "si"], "a race needs two runs or more"),
        (["race", *(f"--strength={number}" for number in range(1, 18))], "the most are 16"),
        (["compare", "--plain", "--filter", "method:si"], "--filter method:si: no session in "),
        (["compare", "--plain", "--filter", "\x1b[m"], "--filter \\x1b[m: no session in "),
    ],
    ids=["one run", "17 runs", "nothing fits", "an escape code"],
)
def test_too_few_or_too_many_side_by_side(cl_tui: CommandLine, arguments: list[str], words: str) -> None:
    assert_told(cl_tui(*arguments), 2, words)


@pytest.mark.parametrize("pace", ["0", "-1", "nan", "inf", "fast"])
def test_a_pace_that_cannot_be(cl_tui: CommandLine, pace: str) -> None:
    assert_told(cl_tui("run", "--pace", pace), 2, "give steps per second")


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--colour", "red"],
        ["run", "--lr", "fast"],
        ["trian"],
        ["batch", "--jobs", "0"],
        ["batch", "--seeds", "0"],
    ],
    ids=" ".join,
)
def test_usage_that_typer_refuses(cl_tui: CommandLine, arguments: list[str]) -> None:
    answer = cl_tui(*arguments)
    assert answer.exit_code == 2
    assert "Error" in answer.err
    assert "Traceback" not in answer.err


def test_no_terminal(cl_tui: CommandLine, sessions: Path) -> None:
    assert_told(cl_tui("run"), 2, "add --headless to train without one")
    assert not sessions.exists()


# Data


def test_missing_mnist_and_no_network(cl_tui: CommandLine, monkeypatch: pytest.MonkeyPatch, sessions: Path) -> None:
    def no_network() -> object:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("engine.torchvision_import.torchvision_datasets", no_network)
    assert_told(cl_tui("batch", "--benchmark", "split-mnist"), 1, "the download failed: Network is unreachable")
    assert not sessions.exists()


def test_mnist_that_is_cut(cl_tui: CommandLine, tmp_path: Path, sessions: Path) -> None:
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in MNIST_FILES:
        (raw / file.name).write_bytes(b"")
        os.truncate(raw / file.name, file.size)
    os.truncate(raw / MNIST_FILES[2].name, 4_000_000)
    assert_told(cl_tui("batch", "--benchmark", "permuted-mnist"), 1, f"{MNIST_FILES[2].name} is cut or damaged")
    assert not sessions.exists()


# Sessions


@pytest.fixture
def stopped(sessions: Path) -> Session:
    """A session in the middle of its training, with a checkpoint."""
    session = create(sessions, tiny(), "calm-otter")
    train(session, AtStep(3))
    return session


def test_a_sessions_folder_that_cannot_be(cl_tui: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    assert_told(cl_tui("batch", "--sessions-dir", "taken"), 1, "taken is not a folder")
    assert_told(cl_tui("batch", "--sessions-dir", "taken/sessions"), 1, "sessions cannot be saved in taken/sessions")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="only root writes where it may not")
def test_a_sessions_folder_that_must_not_be_written(cl_tui: CommandLine, sessions: Path) -> None:
    sessions.mkdir(mode=0o555)
    assert_told(cl_tui("batch"), 1, "sessions cannot be saved in sessions: Permission denied")


def test_a_json_file_that_cannot_be_written(cl_tui: CommandLine, sessions: Path) -> None:
    assert_told(cl_tui("batch", "--json", "nowhere/results.json"), 2, "--json nowhere/results.json cannot be written")
    assert_told(cl_tui("batch", "--json", "."), 2, "--json . cannot be written")
    assert not sessions.exists()


@pytest.mark.parametrize("command", [["resume"], ["sessions", "show"], ["sessions", "delete", "--yes"]], ids=" ".join)
@pytest.mark.parametrize(
    ("name", "words"),
    [("quiet-fox", "no session quiet-fox in sessions"), ("../up", "../up is not a session"), ("[b]x", "'[b]x'")],
)
def test_a_session_that_is_not_there(cl_tui: CommandLine, command: list[str], name: str, words: str) -> None:
    assert_told(cl_tui(*command, name), 2, words)


def test_nothing_to_resume(cl_tui: CommandLine, sessions: Path) -> None:
    assert_told(cl_tui("resume"), 2, "no unfinished session in sessions")
    finished(sessions, tiny(), "calm-otter")
    assert_told(cl_tui("resume", "--headless"), 2, "no unfinished session in sessions")
    assert_told(cl_tui("resume", "calm-otter", "--headless"), 2, "is finished: 'cl-tui sessions show calm-otter'")


def test_a_folder_named_where_it_would_be_ignored(cl_tui: CommandLine) -> None:
    assert_told(cl_tui("sessions", "--sessions-dir", "x", "list"), 2, "write --sessions-dir after list")


def test_a_session_that_trains_elsewhere(cl_tui: CommandLine, stopped: Session) -> None:
    with stopped.locked():
        assert_told(cl_tui("resume", stopped.name, "--headless"), 2, "is being trained by another process")
        assert_told(cl_tui("sessions", "delete", "--yes", stopped.name), 2, "is being trained by another process")
        assert "running" in cl_tui("sessions").out
    assert stopped.checkpoints()


def test_a_damaged_checkpoint_gives_way_to_the_one_before(cl_tui: CommandLine, stopped: Session) -> None:
    train(stopped, AtStep(2))
    newest = stopped.checkpoints()[0]
    newest.write_bytes(newest.read_bytes()[:-7])
    answer = cl_tui("resume", "--headless")
    assert answer.exit_code == 0
    assert f"{newest.name} is damaged" in answer.err
    assert "the previous checkpoint is used" in answer.err
    assert stopped.finished


def test_only_damaged_checkpoints(cl_tui: CommandLine, stopped: Session) -> None:
    for path in stopped.checkpoints():
        path.write_bytes(b"\x08" * 100)
    answer = cl_tui("resume", "--headless")
    assert answer.exit_code == 1
    assert answer.err.startswith("cl-tui: ")
    assert "is damaged" in answer.err
    assert "Traceback" not in answer.err
    assert stopped.checkpoints(), "the files stay for whoever can repair them"


def test_a_damaged_configuration(cl_tui: CommandLine, stopped: Session) -> None:
    (stopped.path / "config.toml").write_text('format = 1\nmethod = "si"\n')
    assert_told(cl_tui("resume", stopped.name), 1, "session calm-otter is damaged")
    assert "damaged" in cl_tui("sessions").out
    assert "is missing" in cl_tui("sessions", "show", stopped.name).out
    assert cl_tui("sessions", "delete", "--yes", stopped.name).exit_code == 0
    assert not stopped.path.exists()


def test_deleting_without_anybody_to_ask(cl_tui: CommandLine, stopped: Session) -> None:
    assert_told(cl_tui("sessions", "delete", stopped.name), 2, "add --yes")
    assert_told(cl_tui("sessions", "delete", "--yes", stopped.name, "quiet-fox"), 2, "no session quiet-fox")
    assert stopped.path.exists()


def test_training_that_leaves_the_numbers(cl_tui: CommandLine, sessions: Path) -> None:
    """A learning rate that overflows ends with where and what to do, and exit code 1."""
    create(sessions, tiny(optimizer="sgd", lr=1000.0, hidden=(100, 100, 100), epochs=50))
    answer = cl_tui("resume", "--headless")
    assert answer.exit_code == 1
    assert "lower --lr" in answer.err
    assert "Traceback" not in answer.err
