"""The numbers that summarise a run, from what short runs told."""

import json
import math
from pathlib import Path

import pytest

from engine.catalog.entries import AGNOSTIC, AWARE
from engine.record.events import INITIAL, Scored
from engine.record.figures import FIGURES, figures, matrices
from engine.record.history import History
from engine.settings.run import resolve
from tests import runs

SMALL = {"tasks": 3, "hidden": (8,), "steps": 40, "batch_size": 100, "lr": 0.05, "device": "cpu"}


def events(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("scenario", runs.SCENARIOS)
def test_a_summary_has_what_the_log_says(scenario: str, tmp_path: Path) -> None:
    """Each figure from the lines of the log, by its definition."""
    session = runs.finished(tmp_path, resolve(SMALL | {"scenario": scenario}))
    found, lines = session.summary(), events(session.path)

    def told(part: str) -> list[list[float]]:
        return [line["values"] for line in lines if line["event"] == "scored" and line["part"] == part]  # type: ignore[misc]

    whole, probes = told("whole"), told("probe")
    probes = [
        line["values"]  # type: ignore[misc]
        for line, before in zip(lines[1:], lines, strict=False)
        if line.get("part") == "probe" and before.get("part") != "whole"
    ]
    seen = [row[: task + 1] for task, row in enumerate(whole)]
    assert found["average_incremental_accuracy"] == pytest.approx(sum(sum(row) / len(row) for row in seen) / 3)
    assert len(probes) == 60
    assert found["average_anytime_accuracy"] == pytest.approx(sum(sum(row) / len(row) for row in probes) / 60)
    if scenario == "class":
        assert found["forward_transfer"] is found["full_accuracy_matrix"] is found["initial_accuracies"] is None
    else:
        [initial] = told("initial")
        gained = (whole[0][1] - initial[1] + whole[1][2] - initial[2]) / 2
        assert found["forward_transfer"] == pytest.approx(gained)
        assert found["full_accuracy_matrix"] == whole
        assert found["initial_accuracies"] == initial
    other = told({"task": AGNOSTIC, "class": AWARE}.get(scenario, ""))
    averages = [found["task_aware_accuracy"], found["task_agnostic_accuracy"]]
    if scenario == "domain":
        assert averages == [None, None]
    else:
        expected = [found["average_accuracy"], pytest.approx(sum(other[-1]) / 3)]
        assert averages == (expected if scenario == "task" else expected[::-1])
        assert averages[0] > averages[1]
    assert [entry["task"] for entry in found["classes"]] == [0] * 4 + [1] * 3 + [2] * 3
    assert [entry["name"] for entry in found["classes"]] == list("0817234956")
    by_class = [line["values"] for line in lines if line.get("name") == "accuracy by class"]
    assert [entry["accuracy"] for entry in found["classes"]] == by_class[-1]


def test_what_was_not_measured_is_not_known(tmp_path: Path) -> None:
    history = runs.finished(tmp_path, resolve(SMALL | {"forward": False})).history()
    assert figures("task", history)["forward_transfer"] is None
    known = {part: told for part, told in history.scores.items() if part not in (AGNOSTIC, INITIAL)}
    history.scores = known
    assert figures("task", history).keys() == FIGURES.keys()
    assert {key for key, value in figures("task", history).items() if value is not None} == {
        "average_incremental_accuracy",
        "average_anytime_accuracy",
    }
    assert matrices("task", history) == {}
    assert set(figures("task", History()).values()) == {None}


def test_a_task_that_was_not_judged_both_ways_leaves_a_gap(tmp_path: Path) -> None:
    """As where an older version's session is resumed after its first task."""
    history = runs.finished(tmp_path, resolve(SMALL)).history()
    later = history.scores[AGNOSTIC][1:]
    history.scores = {**history.scores, AGNOSTIC: type(history.scores[AGNOSTIC])(later)}
    found = matrices("task", history)[AGNOSTIC]
    assert [len(row) for row in found] == [1, 2, 3]
    assert math.isnan(found[0][0])
    assert found[1:] == tuple(scored.row for scored in later if isinstance(scored, Scored))
