"""Later tasks, both ways of judging, classes and confusions, on every page and in every file."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from rich.style import Style

from cl_tui.charts.style import Palette
from cl_tui.exports import export, html_page
from cl_tui.panes.accuracy.grid import Scores, draw_matrix
from cl_tui.panes.accuracy.pane import AccuracyPane
from cl_tui.panes.accuracy.zoomed import draw_accuracies
from cl_tui.panes.as_of import AccuracyTable
from cl_tui.panes.confusion.pane import ConfusionPane
from cl_tui.panes.view import View
from cl_tui.reports import compare_page, comparison
from cl_tui.reports.class_facts import TOLD, class_facts, worst
from cl_tui.reports.session_page import session_page
from engine.catalog.entries import AGNOSTIC, AWARE
from engine.record.classes import confusion
from engine.record.figures import FIGURES, matrices
from engine.record.history import History
from engine.record.mistakes import at_end
from engine.sessions.listing import Listed, read_session
from engine.sessions.session import Session
from engine.settings.run import RunConfig, resolve
from tests import runs, screen_data
from tests.cl_tui.screens.test_monitor import watching

SMALL = {"tasks": 3, "hidden": (8,), "steps": 40, "batch_size": 100, "lr": 0.05, "device": "cpu"}
STYLES = {
    name: Style(meta={"name": name}) for name in Palette.__dataclass_fields__ if name not in ("coloured", "tones")
}
PALETTE = Palette(**STYLES, coloured=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished session of each scenario, two of the task scenario."""
    folder = tmp_path_factory.mktemp("sessions")
    for name, settings in {
        **{scenario: {"scenario": scenario} for scenario in runs.SCENARIOS},
        "task-2": {"seed": 2},
        "not-forward": {"forward": False, "seed": 3},
    }.items():
        runs.finished(folder, resolve(SMALL | settings), name)
    return folder


def listed(folder: Path, name: str) -> tuple[Listed, RunConfig, History]:
    found = read_session(folder, name)
    return found, *found.known()


def printed(content: object, width: int = 80) -> str:
    console = Console(width=width, color_system=None, markup=False)
    with console.capture() as output:
        console.print(content)
    return output.get()


def test_the_matrix_has_later_tasks_without_a_colour(folder: Path) -> None:
    _, config, history = listed(folder, "task")
    view = View("task", config, history, "")
    table = AccuracyTable()
    scale, scores = table.scale(view), Scores.of(history, table, history)
    lines = draw_matrix(view, scale, scores, 60, 12, PALETTE)
    rows = [[segment for segment in line[1:] if segment.text.strip()] for line in lines[1:] if len(line) == 7]
    cells = [row for row in rows if row][:3]
    for after, row in enumerate(cells):
        for on, segment in enumerate(row):
            assert segment.text.strip() == history.score.value(history.full_matrix[after][on])
            assert segment.style is not None
            assert bool(segment.style.bgcolor) == (on <= after)
    plain = draw_matrix(view, scale, scores, 60, 12, replace(PALETTE, coloured=False))
    text = ["".join(segment.text for segment in line) for line in plain]
    assert sum(line.count("(") for line in text) == 3, "in brackets where nothing has a colour"


def test_in_the_zoom_of_many_tasks_later_ones_have_no_colour(folder: Path) -> None:
    _, config, history = listed(folder, "task")
    view = View("task", config, history, "")
    width = len("now ") + 3 * 2
    for palette in (PALETTE, replace(PALETTE, coloured=False)):
        lines = draw_accuracies(view, AccuracyTable(), width, 14, palette)
        text = ["".join(segment.text for segment in line) for line in lines[1:4]]
        later = "".join(line[len("now ") + 2 * (after + 1) :] for after, line in enumerate(text))
        assert set(later) == {"·", " "}


@pytest.mark.parametrize("name", [*runs.SCENARIOS, "not-forward"])
@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_printed_page_has_what_was_measured(folder: Path, name: str, width: int) -> None:
    found, config, history = listed(folder, name)
    page = printed(session_page(found, folder, width), width)
    assert max(map(len, page.splitlines())) <= width
    assert ("faint: on tasks" in page) == (name in ("task", "domain"))
    flat = " ".join(page.split())
    assert ("if the task is told (task-aware)" in flat) == (name == "class")
    assert ("if the task is not told (task-agnostic)" in flat) == (name in ("task", "not-forward"))
    assert ("forward transfer" in flat) == (name in ("task", "domain"))
    assert "average incremental accuracy" in flat
    assert "average anytime accuracy" in flat
    table = page.partition("Accuracy of each class")[2].splitlines()[2:12]
    for line, facts in zip(table, class_facts(config, history), strict=True):
        assert line.split()[:2] == [facts.name, str(facts.task + 1)]
        assert line.split()[3] == history.score.value(facts.now or 0.0)
    assert "Confusion in %" in page


def test_what_a_class_is_taken_for(folder: Path) -> None:
    """As the scenario judges: in the task scenario a class of the same task, in the class scenario any class."""
    _, config, history = listed(folder, "class")
    found = confusion(history, AGNOSTIC)
    assert found is not None
    for row, facts in enumerate(class_facts(config, history)):
        wrong = {
            found.answers[column]: share
            for column, share in enumerate(found.shares()[row].tolist())
            if share and column != row
        }
        assert [share for _, share in facts.taken_for] == sorted(wrong.values(), reverse=True)[:2]
        assert all(wrong[name] == share for name, share in facts.taken_for)
        assert (facts.now or 0.0) + sum(wrong.values()) == pytest.approx(1)
    for name in ("task", "domain"):
        _, config, history = listed(folder, name)
        own = {task: set(info.name.split()) for task, info in enumerate(history.tasks)}
        facts_ = class_facts(config, history)
        assert any(facts.taken_for for facts in facts_)
        assert all(answer in own[facts.task] for facts in facts_ for answer, _ in facts.taken_for)


def test_a_table_keeps_the_classes_that_lost_most(folder: Path) -> None:
    facts = class_facts(*listed(folder, "class")[1:])
    kept = worst(facts, 4)
    assert [of.name for of in facts if of in kept] == [of.name for of in kept]
    assert min(of.lost for of in kept) >= max(of.lost for of in facts if of not in kept)


@pytest.mark.parametrize("name", [*runs.SCENARIOS, "not-forward"])
def test_the_html_page_has_what_was_measured(folder: Path, name: str) -> None:
    found, _, history = listed(folder, name)
    page = html_page.page(found, folder / name)
    assert page.count('class="later"') == (3 if name in ("task", "domain") else 0)
    for number in (value for row in history.later for value in row):
        assert f'<td class="later">{history.score.value(number)}</td>' in page
    assert ("if the task is told</h2>" in page) == (name == "class")
    assert ("if the task is not told</h2>" in page) == (name in ("task", "not-forward"))
    assert "<h2>Accuracy of each class in %</h2>" in page
    shown = confusion(history, "" if name == "domain" else AGNOSTIC)
    assert shown is not None
    cells = re.findall(r'<td class="h?\d? ?(?:right)?">(\d*)</td>', page.partition("<h2>Confusion in %")[2])
    expected = [round(100 * share) for row in shown.shares().tolist() for share in row]
    assert len(cells) == len(expected)
    assert all(int(cell or 0) == pytest.approx(share, abs=1) for cell, share in zip(cells, expected, strict=True))
    assert page.count('right">') == 10


def test_many_classes_are_a_picture(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_page, "MOST_TASKS", 9)
    monkeypatch.setattr(html_page, "MOST_CLASSES", 4)
    found, _, history = listed(folder, "class")
    page = html_page.page(found, folder / "class")
    shown = confusion(history, AGNOSTIC)
    assert shown is not None
    section = page.partition("<h2>Confusion in %")[2].partition("</section>")[0]
    assert section.count("h1v1h-1z") == int((shown.shares() >= 0.005).sum())
    assert "The 4 of 10 classes that lost most" in page


def rows_of(files: dict[Path, bytes], name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files[Path(name)].decode())))


@pytest.mark.parametrize("name", [*runs.SCENARIOS, "not-forward"])
def test_csv_files_have_what_was_measured(folder: Path, name: str) -> None:
    found, config, history = listed(folder, name)
    files = export.contents("csv", found, folder / name)
    matrix = [[float(value) for value in list(row.values())[1:] if value] for row in rows_of(files, "accuracies.csv")]
    assert matrix == [list(row) for row in history.full_matrix]
    judged = rows_of(files, "judged.csv")
    expected = [
        (str(after), way, str(on), str(value))
        for way, rows in matrices(config.scenario, history).items()
        for after, row in enumerate(rows, start=1)
        for on, value in enumerate(row, start=1)
    ]
    assert [tuple(row.values()) for row in judged] == expected
    assert bool(expected) == (name != "domain")
    classes = rows_of(files, "classes.csv")
    assert len(classes) == 4 + 7 + 10
    tested = history.started.test_examples if history.started else ()
    for way in ("both",) if name == "domain" else (AWARE, AGNOSTIC):
        newest = [row for row in rows_of(files, "confusions.csv") if (row["after task"], row["judged"]) == ("3", way)]
        assert sum(int(row["examples"]) for row in newest) == sum(tested)
    right = [row for row in newest if row["class"] == row["answer"]] if name == "class" else []
    for row in right:
        of_class = [int(other["examples"]) for other in newest if other["class"] == row["class"]]
        known = next(other for other in classes[-10:] if other["class"] == row["class"])
        assert float(known["accuracy"]) == pytest.approx(int(row["examples"]) / sum(of_class))


def test_json_has_what_was_measured(folder: Path) -> None:
    found, _, history = listed(folder, "task")
    told = json.loads(export.as_json(found))
    assert told["full_accuracy_matrix"] == [list(row) for row in history.full_matrix]
    assert told["scores"][AGNOSTIC][-1]["values"] == list(matrices("task", history)[AGNOSTIC][-1])
    assert {f"{AWARE} confusion", f"{AGNOSTIC} confusion", "accuracy by class"} <= told["measured"].keys()


def test_a_comparison_has_the_figures_that_all_groups_have(folder: Path) -> None:
    def compared(*names: str) -> comparison.Comparison:
        return comparison.compare(comparison.read(folder, name) for name in names)

    alike = compared("task", "task-2", "class")
    page = printed(compare_page.page(alike, 100), 100).partition("Over all tasks and times")[2]
    assert page.split("\n")[1].split() == ["incremental", "anytime", "task-aware", "task-agnostic"]
    first = alike.groups[0].figures["forward_transfer"]
    gains = [Session.open(folder, name).summary()["forward_transfer"] for name in ("task", "task-2")]
    assert first is not None
    assert first.mean == pytest.approx(sum(gains) / 2)
    both = printed(compare_page.page(compared("task", "domain"), 100), 100).partition("Over all tasks and times")[2]
    assert both.split("\n")[1].split() == ["incremental", "anytime", "forward"]
    assert alike.as_dict()["groups"][0].keys() >= FIGURES.keys()


@pytest.mark.parametrize("name", ["ewc-finished", "si-2-finished"])
def test_an_older_session_is_shown_as_before(name: str, tmp_path: Path) -> None:
    sessions = Path(__file__).parents[1] / "old_sessions"
    found, config, history = listed(sessions, name)
    assert history.full_matrix == history.matrix
    assert class_facts(config, history) == []
    page = printed(session_page(found, sessions, 80))
    assert "faint" not in page
    assert "Confusion" not in page
    assert "task-agnostic" not in page
    assert "forward transfer" not in page
    assert "Confusion" not in html_page.page(found, sessions / name)
    files = export.contents("csv", found, sessions / name)
    assert [len(rows_of(files, file)) for file in ("judged.csv", "classes.csv", "confusions.csv")] == [0, 0, 0]


async def test_j_shows_the_other_way_of_judging(folder: Path, tmp_path: Path) -> None:
    _, _, history = listed(folder, "task")
    async with watching(tmp_path, known=history, size=(80, 24)) as watched:
        pane = watched.monitor.query_one(AccuracyPane)
        watched.monitor.set_focus(pane)
        await watched.press("j")
        assert watched.notice.startswith("Zoom the accuracies (z)")
        await watched.press("z", "j")
        other = matrices("task", history)[AGNOSTIC]
        assert watched.notice == "Shown: if the task is not told (task-agnostic)"
        assert str(pane.border_subtitle) == "if the task is not told (task-agnostic)"
        for number in other[-1]:
            assert history.score.value(number) in watched.text(AccuracyPane)
        assert watched.monitor.view is not None
        assert [row["task_1"] for row in pane.data(watched.monitor.view)] == [row[0] for row in other]
        await watched.press("j")
        assert watched.notice == "Shown: as the scenario judges"
        assert pane.data(watched.monitor.view)[0]["task_3"] == history.full_matrix[0][2]


async def test_enter_on_a_cell_opens_the_confusion_of_that_task_at_that_time(folder: Path, tmp_path: Path) -> None:
    _, _, history = listed(folder, "task")
    async with watching(tmp_path, known=history, size=(80, 24)) as watched:
        monitor = watched.monitor
        accuracy, confused = monitor.query_one(AccuracyPane), monitor.query_one(ConfusionPane)
        monitor.set_focus(accuracy)
        await watched.press("up", "up", "left")
        row = len(history.matrix) - 2
        score = history.score.value(history.matrix[row][row])
        assert str(accuracy.border_subtitle) == f"task {row + 1} after task {row + 1}: {score} %"
        await watched.press("left", "enter")
        assert monitor.maximized is confused
        assert monitor.viewport.cursor == history.starts[row + 1]
        found = at_end(history, AWARE, row)
        assert found is not None
        own = [name for name, task in zip(found.names, found.tasks, strict=True) if task == row - 1]
        shown = watched.text(ConfusionPane).splitlines()
        assert [line.split()[0] for line in shown[1 : 1 + len(own)]] == own
        await watched.press("j")
        assert watched.notice == f"Judged as if {TOLD[AGNOSTIC]}"
        await watched.press("home", "escape", "escape")
        assert monitor.maximized is None
        monitor.set_focus(accuracy)
        await watched.press("escape", "right", "up", "right", "enter")
        assert watched.notice.startswith("Task")


async def test_where_nothing_was_told_j_says_so(tmp_path: Path) -> None:
    async with watching(tmp_path, known=screen_data.history()) as watched:
        watched.monitor.set_focus(watched.monitor.query_one(AccuracyPane))
        await watched.press("z", "j")
        assert watched.notice == "There is one way of judging"
        assert "Over time" in watched.text(AccuracyPane)
