"""``cl-tui sessions show``: complete for every kind of session, at any width, on a terminal and in a file."""

import math
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from cl_tui.commands import cli
from cl_tui.reports import session_facts as facts
from cl_tui.reports.session_page import continued, session_page
from engine.record.events import (
    PROBE,
    Event,
    Noted,
    RunFailed,
    RunStarted,
    Scored,
    StepsTaken,
    StrengthChanged,
    TaskInfo,
    TaskStarted,
)
from engine.sessions.listing import Listed, read_session
from engine.settings.run import resolve, validated
from tests import screen_data
from tests.conftest import CommandLine
from tests.runs import AtStep, create, finished, tiny, train
from tests.saved import tell
from tests.told import ended


def listed_as(folder: Path, *events: Event) -> Listed:
    session = create(folder / "sessions", tiny(), "calm-otter")
    tell(session, *events)
    return read_session(folder / "sessions", "calm-otter")


def printed(listed: Listed, width: int = 80, colors: bool = False) -> str:
    console = Console(width=width, color_system="truecolor" if colors else None, markup=False)
    with console.capture() as output:
        console.print(session_page(listed, Path("sessions"), width))
    return output.get()


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("tasks", [1, 5, 100])
def test_the_page_fits_and_is_whole(tmp_path: Path, width: int, tasks: int) -> None:
    page = printed(listed_as(tmp_path, *screen_data.events(tasks=tasks, steps=20, bundle=10)), width)
    assert max(map(cell_len, page.splitlines())) <= width
    for words in ("calm-otter", "Accuracy in %", "Task loss and penalty", "fc1.weight", "torch", "cl-tui resume"):
        assert words in page, words
    assert "…" not in page.replace("Ω", "").partition("Importance")[0], "nothing is cut"
    assert ("evenly spaced" in page) == (tasks == 100)


def test_the_matrix_has_numbers_and_colours(tmp_path: Path) -> None:
    page = printed(listed_as(tmp_path, *screen_data.events()), colors=True)
    (row,) = (line for line in page.splitlines() if "5: 5 6" in line)
    plain = re.sub("\x1b\\[[0-9;]*m", "", row)
    assert plain.split() == ["5:", "5", "6", "91.0", "93.0", "95.0", "97.0", "99.0"]
    assert len(set(re.findall("\x1b\\[([0-9;]+)m", row))) > 2
    (lost,) = (line for line in page.splitlines() if line.strip().startswith("\x1b[1mforgetting"))
    assert "8.0" in lost


def test_a_pipe_gets_no_escape_codes_unless_forced(
    cl_tui: CommandLine, sessions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(sessions, tiny(), "calm-otter")
    assert "\x1b" not in cl_tui("sessions", "show", "calm-otter").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[" in cl_tui("sessions", "show", "calm-otter").out


def test_only_what_differs_is_shown_unless_all_is_asked_for(cl_tui: CommandLine, sessions: Path) -> None:
    create(sessions, tiny("ewc", gamma=0.5), "calm-otter")
    first = cl_tui("sessions", "show", "calm-otter").out
    assert re.search(r"gamma +0\.5 +—", first)
    assert "reset_optimizer" not in first
    every = cl_tui("sessions", "show", "calm-otter", "--all").out
    assert re.search(r"reset_optimizer +true", every)


def test_a_session_with_nothing_yet_says_so(tmp_path: Path) -> None:
    page = printed(listed_as(tmp_path))
    assert "interrupted" in page
    assert "before any training" in page
    assert "cl-tui resume calm-otter" in page


def test_a_failure_and_its_broken_loss_are_told(tmp_path: Path) -> None:
    started = RunStarted(0.0, (TaskInfo("0 8", 4, 2),), "cpu", 10, {})
    broken = StepsTaken(2, 1.0, (0.5, math.nan), (0.0, 0.0))
    page = printed(
        listed_as(tmp_path, started, TaskStarted(0, 0), broken, RunFailed(2, 0, 0.0, "loss is nan", "step 1"))
    )
    assert "Failed at step 2 of 4, in task 1 of 1" in page
    assert "loss is nan (kept: step 1)" in " ".join(page.split())
    assert "the loss is not finite at step 2" in page


def test_a_loss_that_is_never_finite_has_a_page(tmp_path: Path) -> None:
    started = RunStarted(0.0, (TaskInfo("0 8", 4, 2),), "cpu", 10, {})
    page = printed(listed_as(tmp_path, started, TaskStarted(0, 0), StepsTaken(1, 1.0, (math.nan,), (math.inf,))))
    assert "the penalty is not finite at step 1" in page


def test_scores_far_beyond_an_accuracy_take_no_memory(tmp_path: Path) -> None:
    """A chart's axis holds all its points: a line to a point beyond it would be drawn through 10^30 cells."""
    started = RunStarted(0.0, (TaskInfo("0 8", 400, 2),), "cpu", 10, {}, score="return")
    scores = [Scored(step, 0, PROBE, (value,)) for step, value in ((1, 0.5), (2, 1e30), (3, -1e30))]
    steps = StepsTaken(3, 1.0, (1.0,) * 3, (0.0,) * 3)
    page = printed(listed_as(tmp_path, started, TaskStarted(0, 0), steps, *scores))
    assert "on each task over the steps" in page


def test_a_damaged_session_is_told(cl_tui: CommandLine, sessions: Path) -> None:
    create(sessions, tiny(), "calm-otter").events_path.write_text("nonsense\n")
    assert "calm-otter is damaged" in " ".join(cl_tui("sessions", "show", "calm-otter").out.split())


def test_steering_is_told_in_order(tmp_path: Path) -> None:
    tasks = (TaskInfo("0 8", 4, 2),)
    page = printed(
        listed_as(
            tmp_path,
            RunStarted(0.0, tasks, "cpu", 10, {}),
            TaskStarted(0, 0),
            StepsTaken(2, 1.0, (0.5, 0.4), (0.0, 0.0)),
            Noted(2, 0.0, "paused"),
            StrengthChanged(3, 0.0, 10.0, 100.0),
            StepsTaken(4, 2.0, (0.5, 0.4), (0.0, 0.0)),
            *ended(0, 4, 2.0, (0.5,)),
        )
    )
    told = page.partition("Interventions")[2].splitlines()
    assert told[1].split() == ["step", "2", "paused"]
    assert told[2].split() == ["step", "3", "strength", "10", "→", "100"]
    assert "after step 3" in page


def test_hostile_names_do_nothing_to_the_terminal(tmp_path: Path) -> None:
    name = "\x1b]0;owned\x07\x1b[2J[red]"
    started = RunStarted(0.0, (TaskInfo(name, 2, 2),), name, 10, {name: name})
    steps = StepsTaken(2, 1.0, (0.5, 0.4), (0.0, 0.0))
    end = ended(0, 2, 1.0, (0.5,))
    page = printed(listed_as(tmp_path, started, TaskStarted(0, 0), steps, *end, Noted(2, 0.0, name)), width=200)
    assert "\x1b" not in page
    assert "\x07" not in page
    assert "[red]" in page


# What to type next


def test_every_line_to_type_is_a_command(sessions: Path) -> None:
    commands = {
        command.name or command.callback.__name__ for command in cli.app.registered_commands if command.callback
    }
    below = {
        command.name or command.callback.__name__
        for command in cli.sessions_app.registered_commands
        if command.callback
    }
    finished(sessions, tiny(), "done")
    train(create(sessions, tiny(), "stopped"), AtStep(3))
    with create(sessions, tiny(), "running").locked():
        listed = [read_session(sessions, name) for name in ("done", "stopped", "running")]
    assert [each.state for each in listed] == ["finished", "stopped", "running"]
    offered = [shlex.split(line) for each in listed for line, _ in facts.next_lines(each, sessions)]
    assert {words[1] for words in offered} == {"watch", "analyse", "resume", "sessions", "fork", "run"}
    for program, verb, *rest in offered:
        assert program == "cl-tui"
        assert verb in commands | {"sessions"}
        assert verb != "sessions" or rest[0] in below


@pytest.mark.parametrize("width", [20, 40, 80])
def test_a_line_that_is_continued_is_the_same_to_a_shell(width: int) -> None:
    line = "cl-tui run --method ewc --data-dir 'a b' --seed 3 --strength 1e-07"
    assert shlex.split(continued(line, width).replace("\\\n", " ")) == shlex.split(line)
    assert all(len(part) <= max(width, 22) for part in continued(line, width).splitlines())


@pytest.mark.parametrize(
    "given",
    [
        {"problem": "classification", "normalize_targets": False, "task_classes": [50_000] * 300, "tasks": 300},
        {"example": []},
    ],
)
def test_settings_whose_defaults_make_no_run_are_told_all_the_same(given: dict[str, Any], tmp_path: Path) -> None:
    """With so many classes the default network is too large, and a stranger's table of unknown shape is not there."""
    (tmp_path / "1.csv").write_text("a,y\n1,2.5\n2,3.5\n")
    table = resolve({"benchmark": "table", "data_dir": str(tmp_path), "hidden": [1]})
    config = validated(table.plain() | given)
    assert facts.differing(config)
    assert facts.command(config, Path("config.toml")).startswith("cl-tui run --")
