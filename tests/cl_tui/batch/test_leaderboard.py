"""The leaderboard of a batch: groups of seeds, places, and where runs in training stand."""

import io
import pickle

from rich.console import Console

from cl_tui.batch.leaderboard import Leaderboard, results
from engine.record.history import History
from engine.settings.run import resolve
from tests import screen_data
from tests.cl_tui.reports.test_standings import told


def finished(*rows: tuple[float, ...]) -> History:
    history = told(*rows)
    history.state = "finished"
    return history


def heard(*each: tuple[str, int, History]) -> Leaderboard:
    board = Leaderboard()
    for number, (method, seed, history) in enumerate(each):
        board.hear(f"run-{number}", resolve({"method": method, "seed": seed}), history)
    return board


def shown(board: Leaderboard, width: int = 100) -> list[str]:
    table = board.table(width)
    assert table is not None
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(table)
    written = console.file
    assert isinstance(written, io.StringIO)
    return [line.rstrip() for line in written.getvalue().splitlines()]


def test_seeds_are_one_group_and_a_run_in_training_is_compared_after_as_many_tasks() -> None:
    board = heard(
        ("none", 0, finished((0.9,), (0.5, 0.9), (0.2, 0.4, 0.9))),
        ("si", 0, finished((0.8,), (0.8, 0.8), (0.8, 0.8, 0.8))),
        ("si", 1, finished((0.8,), (0.8, 0.8), (0.6, 0.6, 0.6))),
        ("ewc", 0, told((0.7,), (0.75, 0.75))),
    )
    first, second, third = shown(board)
    assert first.split() == ["1", "si", "c=1", "70.0", "±", "10.0", "%", "2", "of", "2", "runs"]
    assert second.split() == ["2", "none", "50.0", "%", "even", "1", "of", "1", "runs"]
    assert third.split()[:2] == ["–", "ewc"]
    assert third.endswith("0 of 1 runs  after task 2: 75.0 %, place 2")


def test_there_is_none_before_two_can_be_compared() -> None:
    assert Leaderboard().table(80) is None
    assert heard(("none", 0, finished((0.9,)))).table(80) is None
    assert heard(("none", 0, History()), ("si", 0, History())).table(80) is None


def test_what_a_worker_sends_is_small_and_says_the_same() -> None:
    history = screen_data.history(3500)
    sent = pickle.dumps(results(history))
    assert len(sent) < 20_000
    known = pickle.loads(sent)  # noqa: S301 (made in the line before)
    assert known.matrix == history.matrix
    assert known.accuracies == history.accuracies
    assert (known.task, known.state) == (history.task, history.state)
