"""Tasks with one class: said before the run, and left out of a second set of averages."""

import json
from pathlib import Path

import pytest

from cl_tui import words
from engine.benchmarks import BENCHMARKS
from engine.config import resolve
from engine.session import Session
from engine.watchdog import caution
from tests.conftest import CommandLine


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tasks": 7}, "tasks 4–7 have one class each"),
        ({"tasks": 7, "scenario": "domain"}, "which are also given without them; with at most 5 tasks each has two"),
        ({"tasks": 6}, "tasks 5–6 have one class each"),
        ({"tasks": 10}, "accuracy there says nothing and neither do the averages"),
        ({"tasks": 10, "method": "joint"}, "tasks 1–10 have one class each"),
        ({"tasks": 7, "strength": 0.0}, "this is fine-tuning; tasks 4–7 have one class each"),
    ],
)
def test_it_is_said_before_the_run(settings: dict[str, object], said: str) -> None:
    assert said in caution(resolve(settings))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"tasks": 5, "scenario": "domain"},
        {"tasks": 7, "scenario": "class", "method": "none"},
        {"benchmark": "permuted-digits", "tasks": 50},
    ],
)
def test_where_every_task_has_something_to_tell_apart_nothing_is_said(settings: dict[str, object]) -> None:
    assert "one class" not in caution(resolve(settings))


def test_the_classes_of_a_task_are_known_before_its_data_are_loaded() -> None:
    from engine.benchmarks.digits import split_digits

    config = resolve({"tasks": 7})
    loaded = tuple(task.classes for task in split_digits(config))
    assert BENCHMARKS["split-digits"].classes_by_task(7) == loaded == (2, 2, 2, 1, 1, 1, 1)


def test_summary_and_tables_have_the_averages_without_them(cl_tui: CommandLine, tmp_path: Path) -> None:
    """Fine-tuning on seven tasks: the four of one class are always at 100 % and hide what the other three lost."""
    where = ["--sessions-dir", str(tmp_path)]
    done = cl_tui(
        "batch", "--method", "none", "--tasks", "7", "--epochs", "3", "--json", str(tmp_path / "r.json"), *where
    )
    assert done.exit_code == 0, done.err
    (entry,) = json.loads((tmp_path / "r.json").read_text())
    last = entry["accuracy_matrix"][-1]
    assert last[3:] == [1.0] * 4
    assert entry["average_accuracy"] == pytest.approx(sum(last) / 7)
    assert entry["one_class_tasks"] == [3, 4, 5, 6]
    others = entry["without_one_class_tasks"]
    assert others["average_accuracy"] == pytest.approx(sum(last[:3]) / 3)
    assert others["forgetting"] == pytest.approx(2 * entry["forgetting"]), "of three earlier tasks instead of six"
    assert others["backward_transfer"] == pytest.approx(2 * entry["backward_transfer"])

    average = words.percent(others["average_accuracy"])
    assert "tasks 4–7 have one class each" in done.err
    assert f"without tasks 4–7 of one class: average accuracy {average} %" in done.err
    row = next(line for line in done.out.splitlines() if "without tasks 4–7 of one class" in line)
    assert average in row.split()

    page = cl_tui("sessions", "show", entry["name"], *where).out
    assert f"average accuracy without tasks 4–7 {average} %" in " ".join(page.split())
    assert json.loads((tmp_path / entry["name"] / "summary.json").read_text())["one_class_tasks"] == [3, 4, 5, 6]
    assert Session.open(tmp_path, entry["name"]).summary()["without_one_class_tasks"] == others


def test_two_sessions_side_by_side_are_compared_without_them_too(cl_tui: CommandLine, tmp_path: Path) -> None:
    where = ["--sessions-dir", str(tmp_path)]
    line = ["batch", "--method", "none", "--method", "si", "--tasks", "10", "--epochs", "1", *where]
    assert cl_tui(*line).exit_code == 0
    both = sorted(path.name for path in tmp_path.iterdir())
    said = " ".join(cl_tui("compare", *both, "--plain", *where).out.split())
    assert "A: tasks 1–10 have one class, so there is nothing to tell apart; without that: average accuracy —" in said


def test_other_runs_have_no_second_averages(cl_tui: CommandLine, tmp_path: Path) -> None:
    line = ["batch", "--method", "none", "--tasks", "2", "--epochs", "1", "--sessions-dir", str(tmp_path / "s")]
    done = cl_tui(*line, "--json", str(tmp_path / "r.json"))
    (entry,) = json.loads((tmp_path / "r.json").read_text())
    assert (entry["one_class_tasks"], entry["without_one_class_tasks"]) == ([], None)
    assert "one class" not in done.err + done.out
