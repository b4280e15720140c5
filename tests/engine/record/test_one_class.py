"""Tasks with one class: said before the run, and left out of a second set of averages."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cl_tui.charts.style import Palette
from cl_tui.panes.accuracy.zoomed import draw_accuracies
from cl_tui.panes.as_of import AccuracyTable
from cl_tui.panes.sessions.columns import COLUMNS
from cl_tui.panes.view import View
from cl_tui.reports import session_facts as facts
from cl_tui.reports import text as words
from cl_tui.reports.arrangement import arranged
from cl_tui.reports.timeline import timeline
from engine.catalog.benchmarks import BENCHMARKS
from engine.record.watchdog import caution
from engine.sessions.listing import Listed, summary_of
from engine.sessions.session import Session
from engine.settings.run import resolve
from engine.training.runner import train
from tests import images, runs
from tests.conftest import CommandLine


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tasks": 7}, "tasks 4–7 have one class each"),
        ({"tasks": 7, "scenario": "domain"}, "which are also given without it; with at most 5 tasks, each has two"),
        ({"tasks": 6}, "tasks 5–6 have one class each"),
        ({"tasks": 10}, "accuracy there means nothing, and neither do the averages"),
        ({"tasks": 10, "method": "joint"}, "tasks 1–10 have one class each"),
        ({"tasks": 7, "strength": 0.0}, "this is fine-tuning; tasks 4–7 have one class each"),
    ],
)
def test_it_is_said_before_the_run(settings: dict[str, object], said: str) -> None:
    assert said in caution(resolve(settings))


def test_where_each_tasks_classes_are_chosen_their_number_is_what_to_change(tmp_path: Path) -> None:
    where = str(images.folder(tmp_path, ("ant", "bee", "cat")))
    told = caution(resolve({"benchmark": "images", "classes_per_task": [1, 2], "data_dir": where}))
    assert told.startswith("task 1 has one class: there is nothing to tell apart")
    assert told.endswith("; give each task two classes or more")


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
    from engine.streams.digits import stream

    config = resolve({"tasks": 7})
    loaded = tuple(task.classes for task in stream(config).tasks)
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
    assert "A: tasks 1–10 have one class, so there is nothing to tell apart; without them: average accuracy —" in said


def test_other_runs_have_no_second_averages(cl_tui: CommandLine, tmp_path: Path) -> None:
    line = ["batch", "--method", "none", "--tasks", "2", "--epochs", "1", "--sessions-dir", str(tmp_path / "s")]
    done = cl_tui(*line, "--json", str(tmp_path / "r.json"))
    (entry,) = json.loads((tmp_path / "r.json").read_text())
    assert (entry["one_class_tasks"], entry["without_one_class_tasks"]) == ([], None)
    assert "one class" not in done.err + done.out


@pytest.fixture
def mixed(tmp_path: Path) -> Session:
    """Seven tasks, of which the last four have one class."""
    return runs.finished(tmp_path, runs.tiny("none", tasks=7, steps=5), "calm-otter")


def averages(session: Session) -> tuple[str, str]:
    """Over all tasks, and over the three that have two classes."""
    last = session.history().matrix[-1]
    return words.percent(sum(last) / 7), words.percent(sum(last[:3]) / 3)


def test_lists_mark_the_average_and_home_explains_it(mixed: Session, cl_tui: CommandLine, tmp_path: Path) -> None:
    every, others = averages(mixed)
    listed = summary_of(tmp_path, mixed.name)
    assert shown_average(listed) == f"{every}*"
    assert f"; without tasks 4–7 of one class: average accuracy {others} %" in facts.result(listed)
    printed = cl_tui("sessions", "--sessions-dir", str(tmp_path)).out
    assert f" *{every} " in printed
    assert "* with tasks of one class: 'cl-tui sessions show' has the average without them" in printed

    runs.finished(tmp_path, runs.tiny("none", tasks=7, steps=5, scenario="class"), "brave-fox")
    assert "*" not in shown_average(summary_of(tmp_path, "brave-fox")), "there they compete with all others"


def shown_average(listed: Listed) -> str:
    (block,) = arranged([listed])
    line = COLUMNS["accuracy"].draw(block, block.rows[0], 12, Palette())
    return "".join(segment.text for segment in line).strip()


def test_a_run_that_has_seen_no_such_task_yet_is_not_marked(tmp_path: Path) -> None:
    session = runs.create(tmp_path, runs.tiny("none", tasks=7, steps=5), "calm-otter")
    train(session, runs.AtStep(12))
    listed = summary_of(tmp_path, "calm-otter")
    assert not words.with_one_class(listed)
    assert "one class" not in facts.result(listed)
    train(session, runs.AtStep(10))
    listed = summary_of(tmp_path, "calm-otter")
    assert words.with_one_class(listed)
    assert "; without tasks 4–5 of one class: average accuracy" in facts.result(listed)


@pytest.mark.parametrize(("width", "height"), [(40, 20), (80, 22), (120, 30)])
def test_the_zoomed_matrix_tells_the_averages_without_them(width: int, height: int, mixed: Session) -> None:
    history = mixed.history()
    view = View(mixed.name, mixed.config, history, "")
    lines = draw_accuracies(view, AccuracyTable(), width, height, Palette())
    assert len(lines) <= height
    text = ["".join(segment.text for segment in line) for line in lines]
    _, others = averages(mixed)
    (told,) = [line for line in text if "without" in line]
    assert told.startswith(f"without tasks 4–7 of one class: average {others} %"[:width])
    assert width < 80 or " points" in told


def test_the_news_that_it_has_finished_tells_them_too(mixed: Session) -> None:
    history = mixed.history()
    news = words.latest_news(replace(history, state="training"), history, mixed.config)
    assert news is not None
    assert f"; without tasks 4–7 of one class: average accuracy {averages(mixed)[1]} %" in news
    assert timeline(history, mixed.config)[-1].text == news
