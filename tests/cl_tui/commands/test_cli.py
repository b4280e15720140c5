"""The commands, as somebody types them."""

import io
import os
import re
import signal
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console

from cl_tui.batch import headless
from cl_tui.commands import train as commands
from cl_tui.host.exit_status import ExitStatus
from cl_tui.reports import tables as report
from cl_tui.reports.session_page import curve_chart
from cl_tui.screens.monitor import MonitorScreen
from engine.record.events import StepsTaken
from engine.sessions.listing import list_sessions, read_session
from engine.sessions.session import Session
from engine.settings.run import resolve
from engine.training.control import Control
from engine.training.runner import train
from tests import saved
from tests.conftest import QUICK, CommandLine
from tests.runs import AtStep, assert_same_run, create, finished, tiny
from tests.terminal import Terminal
from tests.told import curve
from tests.waiting import PATIENCE_SECONDS, until


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets ``run`` and ``resume`` think that a terminal is there."""
    monkeypatch.setattr(commands, "require_terminal", lambda instead: None)


@pytest.fixture
def screen(terminal: None, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Session, float | None]]:
    """In the screen's place: notes what it was to show, and trains to the end."""
    shown: list[tuple[Session, float | None]] = []

    class Screen:
        def __init__(self, first: MonitorScreen, *rest: object) -> None:
            shown.append((first.engine.session, first.engine.control.pace))

        def run(self) -> ExitStatus:
            train(shown[-1][0], Control())
            return ExitStatus(0, "Finished.")

    monkeypatch.setattr("cl_tui.app.app.ClTui", Screen)
    return shown


# Help


def test_help_names_every_command(cl_tui: CommandLine) -> None:
    answer = cl_tui("--help")
    assert answer.exit_code == 0
    for command in ("run", "resume", "batch", "sessions", "methods", "benchmarks", "models"):
        assert f" {command} " in answer.out
    assert cl_tui().out.split() == answer.out.split()


@pytest.mark.parametrize("command", ["run", "resume", "batch"])
def test_help_has_examples_and_panels(cl_tui: CommandLine, command: str) -> None:
    out = cl_tui(command, "--help").out
    assert f"cl-tui {command}" in out.partition("Examples")[2]
    assert "Where and how" in out


def test_the_help_of_run_stays_readable(cl_tui: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = cl_tui("run", "--help").out.splitlines()
    assert len(lines) <= 170, "an option that few need is set with --set alone"
    panels = [re.findall(r"╭─ ([A-Z][\w ]*) ─", line)[0] for line in lines if line.startswith("╭")]
    assert panels[:5] == ["Options", "What to train", "Data", "Network", "Training"]
    for option in re.split(r"(?=\n│ --)", "\n".join(lines))[1:]:
        assert option.partition("╰")[0].strip().count("\n") < 4, "it says in a few words what it is"


COMMANDS = ["", "run", "resume", "fork", "batch", "reproduce", "watch", "web", "compare", "analyse", "methods"]
COMMANDS += [
    "benchmarks",
    "cache",
    "presets",
    "models",
    "sessions",
    *(f"sessions {name}" for name in ["list", "show", "export", "delete"]),
]


@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_the_terminal(cl_tui: CommandLine, monkeypatch: pytest.MonkeyPatch, command: str, width: int) -> None:
    """No line is broken early, no option's name is cut, an example is one line, and no type is Python's."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("LINES", "50")
    out = cl_tui(*command.split(), "--help").out
    lines = [line.rstrip() for line in out.splitlines()]
    assert max(map(len, lines)) <= width
    assert not re.search(r"<\w+", out)
    told, _, panels = out.partition("╭")
    assert re.findall(r"--[\w-]*…", panels) == []
    for line, following in pairwise(line.strip() for line in told.splitlines()):
        if line.startswith("cl-tui") and width == 80:
            assert following == "" or following.startswith("cl-tui"), "an example is one line"
        elif line and following and not following.startswith(("cl-tui", "-")):
            assert len(line) + 1 + len(following.split()[0]) > width - 2, f"broken early: {line}"


def test_an_error_is_broken_between_words(tmp_path: Path) -> None:
    """At the terminal's width; one line where no terminal is."""
    arguments = ["run", "--set", "volume=1"]
    with Terminal(arguments, tmp_path, columns=50) as terminal:
        assert terminal.wait_for_end() == 2
        lines = terminal.output.decode().splitlines()
    assert len(lines) > 5
    assert max(map(len, lines)) <= 50
    piped = subprocess.run(
        [sys.executable, "-m", "cl_tui", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    ).stderr
    assert piped.count("\n") == 1
    assert " ".join(lines).split() == piped.split()


def test_help_tells_the_defaults_of_the_command_at_hand(cl_tui: CommandLine) -> None:
    """What a session already says holds where one is named, not what a new run would begin with."""
    for command in ("resume", "fork", "analyse"):
        out = cl_tui(command, "--help").out
        text = " ".join(out.replace("│", " ").split())
        assert "[default: the session's]" in text
        assert "[default: si]" not in text
        assert "[default: data]" not in text
        assert command != "fork" or ("[default: the parent's]" in text and "or the new method's own]" in text)


def test_run_without_a_screen(cl_tui: CommandLine, sessions: Path) -> None:
    """One named run in one line, at full speed; a name that is taken is refused."""
    line = ["run", "--headless", *QUICK, "--name", "calm-otter"]
    answer = cl_tui(*line)
    assert answer.exit_code == 0, answer.err
    assert answer.out.startswith("Finished in")
    assert [told[:6] for told in answer.err.splitlines()] == ["task 1", "task 2"]
    assert not [note for note in Session.open(sessions, "calm-otter").history().notes if "slow" in note.text]
    assert cl_tui(*line).exit_code == 2


def test_version(cl_tui: CommandLine) -> None:
    assert cl_tui("--version").out.startswith("cl-tui 0.")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("cl-tui run --method e", "ewc"),
        ("cl-tui batch --benchmark split-m", "split-mnist"),
        ("cl-tui run --model m", "mlp"),
        ("cl-tui methods s", "si"),
        ("cl-tui resume calm", "calm-otter"),
        ("cl-tui sessions show calm", "calm-otter"),
    ],
)
def test_the_shell_completes_names(
    cl_tui: CommandLine, sessions: Path, monkeypatch: pytest.MonkeyPatch, typed: str, offered: str
) -> None:
    create(sessions, tiny(), "calm-otter")
    monkeypatch.setenv("_CL_TUI_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    assert cl_tui().out.split() == [offered]


# What there is


def test_methods_benchmarks_and_models_are_told(cl_tui: CommandLine) -> None:
    assert "c·Σ Ω(θ−θ*)²" in cl_tui("methods").out
    assert "gamma" in cl_tui("methods", "ewc").out
    assert "split-digits" in cl_tui("methods", "ewc").out
    assert "split-mnist" in cl_tui("benchmarks").out
    assert "mlp" in cl_tui("models").out
    assert "32,32,pool,64,64,pool" in cl_tui("models", "conv").out
    assert "unknown model 'cnov': did you mean 'conv'?" in cl_tui("models", "cnov").err


# run and resume


def test_run_makes_a_session_and_shows_it(
    cl_tui: CommandLine, sessions: Path, screen: list[tuple[Session, float | None]]
) -> None:
    answer = cl_tui("run", "--method", "ewc", *QUICK, "--name", "calm-otter")
    assert (answer.exit_code, answer.out) == (0, "Finished.\n")
    (session, pace) = screen[0]
    assert session.name == "calm-otter"
    assert pace == 250, "the small benchmarks run in slow motion"
    assert Session.open(sessions, "calm-otter").config.method == "ewc"
    assert cl_tui("run", "--name", "calm-otter").exit_code == 2


@pytest.mark.parametrize(("typed", "kept"), [("all", "all"), ("last", "last"), ("3", 3)])
def test_how_many_checkpoints_stay_is_a_setting(
    cl_tui: CommandLine, screen: list[tuple[Session, float | None]], typed: str, kept: str | int
) -> None:
    for name, option in (("one", ["--keep-checkpoints", typed]), ("two", ["--set", f"keep_checkpoints={typed}"])):
        assert cl_tui("run", *QUICK, "--name", name, *option).exit_code == 0
    assert [session.config.keep_checkpoints for session, _ in screen] == [kept, kept]
    assert Session.open(screen[0][0].path.parent, "one").config.keep_checkpoints == kept


@pytest.mark.parametrize("typed", ["some", "0", "-1", "1.5"])
def test_how_many_checkpoints_cannot_stay(cl_tui: CommandLine, typed: str) -> None:
    answer = cl_tui("batch", "--keep-checkpoints", typed)
    assert answer.exit_code == 2
    assert "it should be all, last, or a whole number from 1 to 1000" in answer.err


def test_run_makes_up_a_name_of_two_words(
    cl_tui: CommandLine, sessions: Path, screen: list[tuple[Session, float | None]]
) -> None:
    cl_tui("run", *QUICK, "--pace", "max")
    (folder,) = sessions.iterdir()
    assert len(folder.name.split("-")) >= 2
    assert screen[0][1] is None


def test_settings_go_over_each_other(
    cl_tui: CommandLine, tmp_path: Path, screen: list[tuple[Session, float | None]]
) -> None:
    """Benchmark's defaults < --config < options < --set."""
    (tmp_path / "my.toml").write_text('method = "ewc"\nepochs = 2\nlr = 0.1\nhidden = [9, 9]\n')
    cl_tui("run", "--config", "my.toml", "--tasks", "2", "--lr", "0.2", "--batch-size", "50", "--set", "batch_size=60")
    config = screen[0][0].config
    assert (config.method, config.epochs, config.option("hidden")) == ("ewc", 2, (9, 9))
    assert (config.lr, config.batch_size, config.optimizer) == (0.2, 60, "adam")


def test_a_run_that_fails_before_its_first_step_leaves_nothing(
    cl_tui: CommandLine, sessions: Path, terminal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Screen:
        def __init__(self, first: MonitorScreen, *rest: object) -> None: ...

        def run(self) -> ExitStatus:
            return ExitStatus(1, "no such device")

    monkeypatch.setattr("cl_tui.app.app.ClTui", Screen)
    answer = cl_tui("run")
    assert (answer.exit_code, answer.err) == (1, "cl-tui: no such device\n")
    assert list(sessions.iterdir()) == []


def test_a_failure_keeps_what_was_trained_or_explains_it(sessions: Path) -> None:
    trained, crashed = create(sessions, tiny(), "trained"), create(sessions, tiny(), "crashed")
    train(trained, AtStep(2))
    (crashed.path / "error.txt").write_text("Traceback")
    for session in (trained, crashed):
        headless.discard_if_untrained(session)
        assert session.path.exists()


def test_resume_without_a_screen_ends_like_an_uninterrupted_run(
    cl_tui: CommandLine, sessions: Path, tmp_path: Path
) -> None:
    session = create(sessions, tiny(), "calm-otter")
    train(session, AtStep(5))
    answer = cl_tui("resume", "--headless")
    assert answer.exit_code == 0
    assert "average accuracy" in answer.out
    assert answer.err.splitlines() == [f"task 2 of 2 learned, {answer.err.partition('learned, ')[2].strip()}"]
    assert_same_run(session, finished(tmp_path / "elsewhere", tiny(), "calm-otter"))


def test_resume_with_the_screen(
    cl_tui: CommandLine, sessions: Path, screen: list[tuple[Session, float | None]]
) -> None:
    session = create(sessions, tiny(), "calm-otter")
    train(session, AtStep(5))
    assert cl_tui("resume", "--data-dir", "elsewhere").exit_code == 0
    assert screen[0][0].config.data_dir == "elsewhere"
    assert Session.open(sessions, "calm-otter").finished


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals that end a program gently")
@pytest.mark.parametrize("number", headless.STOP_SIGNALS, ids=lambda number: number.name)
def test_a_signal_saves_and_says_how_to_go_on(cl_tui: CommandLine, sessions: Path, number: signal.Signals) -> None:
    session = create(sessions, tiny(epochs=500), "calm-otter")

    def interrupt() -> None:
        wait_for_steps(session)
        os.kill(os.getpid(), number)

    threading.Thread(target=interrupt).start()
    answer = cl_tui("resume", "--headless", "--pace", "50")
    assert answer.exit_code == 130, answer
    assert "cl-tui resume calm-otter" in answer.out
    assert "Traceback" not in answer.err
    assert read_session(sessions, "calm-otter").state == "stopped"
    history = session.history()
    assert history.saved_step == history.step > 0


@pytest.mark.skipif(not headless.SAVE_SIGNALS, reason="this system has no such signal")
@pytest.mark.parametrize("number", headless.SAVE_SIGNALS, ids=lambda number: number.name)
def test_a_signal_asks_for_a_checkpoint_and_training_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    """In a process of its own, so that one which is not heard ends it; SIGTERM after it saves and stops."""
    command = [sys.executable, "-m", "cl_tui", "run", "--headless", "--name", "one", "--epochs", "1000"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until((tmp_path / "sessions" / "one" / "config.toml").exists, process.poll)
    session = Session.open(tmp_path / "sessions", "one")
    wait_for_steps(session)
    process.send_signal(number)
    until(lambda: session.saved_step is not None)
    saved = session.saved_step
    assert saved is not None
    until(lambda: session.history().step > saved)
    process.terminate()
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, err
    assert headless.TOLD_TO_SAVE in err
    assert out.startswith("Saved at step")
    history = session.history()
    assert history.saved_step == history.step > saved


def test_a_signal_that_asks_for_a_checkpoint_ends_nothing_where_nothing_trains(cl_tui: CommandLine) -> None:
    cl_tui("--version")
    for number in headless.SAVE_SIGNALS:
        assert signal.getsignal(number) is signal.SIG_IGN


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGHUP")
def test_an_ignored_signal_stays_ignored() -> None:
    """So that nohup works."""
    earlier = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with headless.heed_signals(lambda: None, lambda: None):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, earlier)


def wait_for_steps(session: Session) -> None:
    until(lambda: any(isinstance(event, StepsTaken) for event in session.events()))


# sessions


def test_sessions_are_listed_and_shown(cl_tui: CommandLine, sessions: Path) -> None:
    assert "no sessions" in cl_tui("sessions").out
    finished(sessions, tiny("ewc"), "calm-otter")
    train(create(sessions, tiny(), "brave-fox"), AtStep(6))
    listed = cl_tui("sessions").out
    assert listed == cl_tui("sessions", "list").out
    assert "finished" in line_with("calm-otter", listed)
    assert "stopped" in line_with("brave-fox", listed)
    assert "75 %" in line_with("brave-fox", listed)
    shown = cl_tui("sessions", "show", "calm-otter").out
    for words in ("strength", "average accuracy", "Task loss and penalty", "fc1.weight", "finished"):
        assert words in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert cl_tui("sessions", "delete", "calm-otter", "--yes").out == "deleted calm-otter\n"
    assert [path.name for path in sessions.iterdir()] == ["brave-fox"]


@pytest.mark.parametrize("width", [80, 120])
def test_a_list_in_a_narrow_terminal_keeps_the_seeds(
    cl_tui: CommandLine, sessions: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """A line a session, and no two names alike: what is left out stands in the middle."""
    for seed in (3, 4, 12):
        create(sessions, resolve({"method": "ewc", "seed": seed}), f"ewc-1000-split-digits-seed{seed}-1a2b3c4d")
    table = report.sessions_table(list_sessions(sessions), width)
    shown = io.StringIO()
    Console(file=shown, width=width).print(table)
    lines = shown.getvalue().splitlines()
    assert len(lines) == 4
    assert max(map(len, lines)) <= width
    names = {line.split()[0] for line in lines[1:]}
    assert (
        names
        == {
            80: {"ewc-1000-…-seed12-1a2b3c4d", "ewc-1000-…s-seed3-1a2b3c4d", "ewc-1000-…s-seed4-1a2b3c4d"},
            120: {f"ewc-1000-split-digits-seed{seed}-1a2b3c4d" for seed in (3, 4, 12)},
        }[width]
    )


def line_with(words: str, text: str) -> str:
    (line,) = (line for line in text.splitlines() if words in line)
    return line


@pytest.mark.parametrize("where", ["option", "command's option", "environment"])
def test_the_sessions_folder_can_be_named(
    cl_tui: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    create(tmp_path / "elsewhere", tiny(), "calm-otter")
    monkeypatch.setenv("CL_TUI_SESSIONS_DIR", "elsewhere" if where == "environment" else "")
    option = ["--sessions-dir", "elsewhere"]
    arguments = {"option": option, "command's option": ["list", *option], "environment": ["list"]}[where]
    assert "calm-otter" in cl_tui("sessions", *arguments).out


def test_settings_are_not_read_as_markup(cl_tui: CommandLine, sessions: Path) -> None:
    create(sessions, tiny(data_dir="[red]:smile:[/red]"), "calm-otter")
    assert "[red]:smile:[/red]" in cl_tui("sessions", "show", "calm-otter").out


def test_the_chart_shows_a_spike_and_leaves_out_what_is_not_finite() -> None:
    losses = [1.0] * 5_000
    losses[3_000], losses[4_000] = 50.0, float("nan")
    chart = curve_chart(curve(losses, [0.0] * 5_000), borders=[2_500]).plain
    assert "50." in chart
    assert "penalty" not in chart


@pytest.mark.skipif(os.name != "posix", reason="pipes break differently elsewhere")
def test_a_reader_that_leaves_early(tmp_path: Path) -> None:
    command = f"{sys.executable} -m cl_tui benchmarks | head -n 1"
    ran = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout.count("\n") == 1
    assert ran.stderr == ""


@pytest.fixture
def two(sessions: Path) -> Path:
    """Two stopped sessions, as paths of them are typed from the folder beside."""
    for name, method in (("si-0", "si"), ("ewc-0", "ewc")):
        saved.stopped(sessions, name, method=method)
    (sessions.parent / "link").symlink_to(sessions)
    (sessions.parent / "elsewhere").mkdir()
    return sessions


SPELLINGS = ["sessions/{}", "./sessions/{}/", "{here}/sessions/{}", "sessions/../sessions/{}", "link/{}", "{}"]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("option", [[], ["--sessions-dir", "./sessions/"], ["--sessions-dir", "link"]])
def test_a_session_is_found_however_its_folder_is_spelled(
    spelling: str, option: list[str], cl_tui: CommandLine, two: Path
) -> None:
    """By every command that takes sessions."""
    one, other = (spelling.format(name, here=two.parent) for name in ("si-0", "ewc-0"))
    assert "si-0 (seed 0, stopped)" in cl_tui("compare", one, other, *option).out
    assert "si-0" in cl_tui("sessions", "show", one, *option).out
    assert cl_tui("sessions", "export", one, *option, "--html", "page.html", "--force").out == "wrote page.html\n"
    for arguments in (["watch", one], ["resume", one], ["fork", one, "--at-task", "1"]):
        assert "needs a terminal" in cl_tui(*arguments, *option).err  # it is found: else that is told
    assert "no task of session si-0 has ended yet" in cl_tui("analyse", one, *option).err
    assert cl_tui("sessions", "delete", "--yes", one, *option).out == "deleted si-0\n"
    assert not (two / "si-0").exists()


def test_a_path_leads_to_sessions_in_any_folder(
    cl_tui: CommandLine, two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also from inside it; but not to sessions of two folders at once."""
    saved.stopped(two.parent / "elsewhere", "other")
    assert "elsewhere" in cl_tui("sessions", "show", "elsewhere/other").out
    refused = cl_tui("compare", "si-0", "elsewhere/other")
    assert refused.exit_code == 2
    assert "in different folders, sessions and elsewhere" in refused.err
    monkeypatch.chdir(two / "si-0")
    for arguments in (["show", "."], ["show", "./"], ["show", "../si-0"], ["show", "../../sessions/si-0"]):
        assert "si-0" in cl_tui("sessions", *arguments).out, arguments


@pytest.mark.parametrize("name", ["sessions", "sessions/", ".", "./", "elsewhere", "./elsewhere", "sessions/no", ""])
def test_what_is_no_session_is_never_deleted(name: str, cl_tui: CommandLine, two: Path) -> None:
    """Nor a folder that lies where sessions do, and holds something else."""
    refused = cl_tui("sessions", "delete", "--yes", name)
    assert refused.exit_code == 2
    (two / "mine").mkdir()
    (two / "mine" / "thesis.tex").touch()
    refused = cl_tui("sessions", "delete", "--yes", "mine")
    assert refused.exit_code == 1
    assert "mine is not a session" in refused.err
    assert (two / "mine" / "thesis.tex").exists()
    assert {path.name for path in two.iterdir()} == {"si-0", "ewc-0", "mine"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--headless", "--name", ""],
        ["batch", "--name", ""],
        ["fork", "calm-otter", "--at-task", "1", "--headless", "--name", ""],
        ["resume", "", "--headless"],
        ["watch", ""],
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_empty_name_is_refused(arguments: list[str], cl_tui: CommandLine, sessions: Path) -> None:
    finished(sessions, tiny(), "calm-otter")
    create(sessions, tiny(), "half")
    answer = cl_tui(*arguments)
    assert answer.exit_code == 2
    assert "session name '': use letters and digits" in answer.err
    assert sorted(path.name for path in sessions.iterdir()) == ["calm-otter", "half"]


def test_a_run_that_is_refused_before_its_first_step_keeps_nothing_and_says_nothing_of_it(
    cl_tui: CommandLine, tmp_path: Path, sessions: Path
) -> None:
    answer = cl_tui("run", "--method", "mas", "--importance-data", str(tmp_path / "none"), "--headless")
    assert answer.exit_code == 1
    assert "is not a folder" in answer.err
    assert "kept" not in answer.err.lower()
    assert not list(sessions.glob("[!.]*"))
