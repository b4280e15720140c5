"""A session of protect among the others: what commands do with it, and refuse."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch

import cl_tui as package
from cl_tui.app.app import ClTui
from cl_tui.panes.header import HeaderLine
from cl_tui.panes.notice import Notice
from cl_tui.panes.tasks.pane import TasksPane
from cl_tui.screens.watch import WatchScreen
from engine.errors import ConfigError, EngineError
from engine.record.score import score_info
from engine.sessions.listing import summary_of
from engine.sessions.session import Session
from tests.conftest import CommandLine
from tests.waiting import on_screen

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
    assert cl_tui("run", "--headless", "--name", "ours", "--epochs", "1", "--tasks", "2").exit_code == 0
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
    assert "test data of the loop" in (tmp_path / "page.html").read_text()
    assert ",test data of the loop\n" in (tmp_path / "tables" / "probes.csv").read_text()
    compared = cl_tui("compare", robot_arm, "ours", "--plain").out
    assert "older version" not in compared
    rows = {words[0]: words[1:] for words in map(str.split, compared.splitlines()) if len(words) == 3}
    assert [rows[key][0] for key in ("epochs", "batch_size", "lr")] == ["—"] * 3


def test_its_summary_has_only_the_settings_that_it_reads(robot_arm: str, cl_tui: CommandLine, sessions: Path) -> None:
    written = json.loads((sessions / robot_arm / "summary.json").read_text())["hyperparameters"]
    exported = json.loads(cl_tui("sessions", "export", robot_arm, "--json", "-").out)["hyperparameters"]
    assert exported == written
    config = Session.open(sessions, robot_arm).config
    has = {key for key, value in written.items() if value is not None}
    assert has - {*config.method_options.kept} == {"leave_alone", "strength", "tasks", "threads"}
    assert written["xi"] == config.option("xi")
    assert {"epochs", "batch_size", "lr", "optimizer"} <= written.keys()
    assert summary_of(sessions, robot_arm).config == config


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


async def test_no_screen_offers_to_fork_it(robot_arm: str, sessions: Path) -> None:
    screen = WatchScreen(sessions, robot_arm)
    async with ClTui(screen).run_test() as pilot:
        await on_screen(pilot, lambda: screen.reader.loaded)
        screen.action_fork()
        said = "No fork: a program of your own trains this session"
        await on_screen(pilot, lambda: said in str(screen.query_one(Notice).content))


async def test_it_is_watched_while_a_program_trains(tmp_path: Path) -> None:
    """Nobody knows how many steps or tasks there will be."""
    model = torch.nn.Linear(3, 2)
    run = package.protect(model, torch.optim.SGD(model.parameters(), lr=0.1), session="arm", sessions_dir=tmp_path)

    def some(steps: int) -> None:
        for _ in range(steps):
            run.step(model(torch.ones(5, 3)).square().mean())

    screen = WatchScreen(tmp_path, "arm")
    async with ClTui(screen).run_test(size=(100, 30)) as pilot:

        def shows(*texts: str) -> bool:
            screen.poll()
            screen.redraw()
            tasks = screen.query_one(TasksPane)
            found = str(screen.query_one(HeaderLine).content) + str(screen.query_one(Notice).content)
            found += "\n".join(tasks.render_line(y).text for y in range(tasks.size.height))
            return all(text in found for text in texts)

        await on_screen(pilot, lambda: shows("si c=1 · own-loop · cpu", "The tasks wait"))
        run.task("near")
        some(100)
        run.scores({"near": 0.75})
        await on_screen(
            pilot, lambda: shows("task 1 of 1", "100 steps", "near", "75.0", "Training begins: 1 task, 8 par")
        )
        assert summary_of(tmp_path, "arm").state == "running"
        run.end_task(scores={"near": 0.8})
        run.task("far")
        some(50)
        run.scores({"near": 0.5, "far": 0.9})
        await on_screen(pilot, lambda: shows("task 2 of 2", "150 steps", "far", "80.0 →  50.0"))
        run.end_task(scores={"near": 0.5, "far": 0.9})
        run.close()
        await on_screen(pilot, lambda: shows("Finished", "average accuracy 70.0 %", "100 %"))
    assert summary_of(tmp_path, "arm").state == "finished"


def test_errors_are_shown_in_their_unit_and_only_they_continue(tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    opened = partial(package.protect, model, optimizer, session="errors", sessions_dir=tmp_path)
    with opened(score="rmse", unit="m") as run:
        with run.task("near"):
            run.step(model(torch.ones(4, 2)).square().mean())
            with pytest.raises(EngineError, match="the RMSE of task near is -1: RMSE is at least 0"):
                run.scores({"near": -1.0})
            with pytest.raises(EngineError, match="scores up to 1e30"):
                run.scores({"near": 1e31})
        run.end_task(scores={"near": 1.5})
    history = Session.open(tmp_path, "errors").history()
    assert (history.score, history.matrix) == (score_info("rmse", "m"), ((1.5,),))
    accuracy, centimetres = {"score": "accuracy"}, {"score": "rmse", "unit": "cm"}
    for given, said in ((accuracy, "score = accuracy: session errors has rmse"), (centimetres, "unit = cm: .* has m;")):
        with pytest.raises(ConfigError, match=said), opened(resume=True, **given) as run:
            run.task("far")
