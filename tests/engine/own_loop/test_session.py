"""A session of protect among the others: what commands do with it, and refuse."""

from pathlib import Path

import pytest
import torch

import cl_tui as package
from tests.conftest import CommandLine

THERE = "the data and the network are in a program of your own"


def trained(sessions: Path, session: str) -> str:
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with package.protect(model, optimizer, session=session, sessions_dir=sessions) as run:
        for name in ("near", "far"):
            with run.task(name):
                for _ in range(4):
                    run.step(model(torch.randn(5, 3)).square().mean())
            run.end_task(scores={"near": 0.5})
    return session


@pytest.fixture
def robot_arm(cl_tui: CommandLine, sessions: Path) -> str:
    return trained(sessions, "robot-arm")


def test_it_is_listed_shown_replayed_exported_and_compared(
    robot_arm: str, cl_tui: CommandLine, sessions: Path, tmp_path: Path
) -> None:
    other = trained(sessions, "other")
    for words in (
        ["sessions", "list"],
        ["sessions", "show", robot_arm, "--all"],
        ["sessions", "export", robot_arm, "--html", str(tmp_path / "page.html")],
        ["sessions", "export", robot_arm, "--json", str(tmp_path / "all.json")],
        ["sessions", "export", robot_arm, "--csv", str(tmp_path / "tables")],
        ["compare", robot_arm, other],
    ):
        answer = cl_tui(*words)
        assert answer.exit_code == 0, (words, answer.err)


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--benchmark", "own-loop", "--headless"],
        ["fork", "robot-arm", "--at-task", "1", "--headless"],
        ["analyse", "robot-arm"],
        ["batch", "--benchmark", "own-loop", "--seeds", "1"],
    ],
    ids=lambda words: words[0],
)
def test_what_needs_the_program_is_refused_before_anything_is_made(
    words: list[str], robot_arm: str, cl_tui: CommandLine, sessions: Path
) -> None:
    answer = cl_tui(*words)
    assert answer.exit_code == 2
    assert THERE in answer.err.replace("\n", " ")
    assert [path.name for path in sessions.iterdir()] == [robot_arm]


@pytest.mark.parametrize("command", ["benchmarks", "models", "run --help"])
def test_no_list_names_it(command: str, cl_tui: CommandLine) -> None:
    assert "own-loop" not in cl_tui(*command.split()).out
