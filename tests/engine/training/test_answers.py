"""What is measured on test data before the first step and at the ends of tasks."""

from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from engine.catalog.entries import AGNOSTIC, AWARE
from engine.problems.classification import Classification, Scenario
from engine.record.classes import classes, confusion, ways
from engine.record.events import (
    CLASSES,
    INITIAL,
    TIMES,
    Event,
    Measured,
    Packed,
    RunStarted,
    Scored,
    TaskEnded,
    TaskInfo,
    TaskStarted,
)
from engine.record.history import History
from engine.sessions.session import Session
from engine.settings.run import FORWARD_TASKS, resolve
from engine.streams.examples import Examples, ExampleStream, Task
from engine.training.answers import Tally
from engine.training.build import build_model, load_stream
from engine.training.control import Control
from engine.training.runner import train
from tests import runs
from tests.reference.answers import SlowAnswers

SCENARIOS = get_args(Scenario)
OWN = {"task": AWARE, "domain": "", "class": AGNOSTIC}
"""The way of judging that is each scenario's own."""


def drawn_tasks(sizes: list[int], outputs: int, seed: int) -> list[Task]:
    """Tasks whose inputs are random logits; some classes have no test example."""
    random = torch.Generator().manual_seed(seed)
    made = []
    for size in sizes:
        labels = torch.randint(size, (1 + int(torch.randint(9, (), generator=random)),), generator=random)
        examples = Examples(torch.randn(len(labels), outputs, generator=random), labels)
        made.append(Task("", size, examples, examples, class_names=tuple(f"c{n}" for n in range(size))))
    return made


@settings(max_examples=40)
@given(st.sampled_from(SCENARIOS), st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 1000))
def test_answers_equal_a_loop_over_single_examples(scenario: Scenario, sizes: list[int], seed: int) -> None:
    """After every task, in each way of judging; what the log says of them is what was counted."""
    problem = Classification(scenario, sizes)
    tasks = drawn_tasks(sizes, problem.outputs, seed)
    stream = ExampleStream(resolve({}), tasks, (problem.outputs,))
    inputs, labels = [task.test.inputs for task in tasks], [task.test.targets.tolist() for task in tasks]
    started: Event = RunStarted(0, tuple(TaskInfo("", 9, size) for size in sizes), "cpu", 1, {})
    history = History().apply(started)
    for newest in range(len(sizes)):
        problem.begin(newest)
        tally = Tally(problem, stream.phases)
        scores = [stream.test(task, nn.Identity(), problem, "test", see=tally.see) for task in range(len(sizes))]
        events = tally.events(0)
        history = history.after([TaskStarted(newest, 0), *events, TaskEnded(newest, 0, 0.0)])
        assert ways(history) == ([""] if scenario == "domain" else [AWARE, AGNOSTIC])
        for way in ways(history):
            slow = SlowAnswers(way, sizes, newest, inputs, labels)
            found = confusion(history, way)
            assert found is not None
            assert found.counts.tolist() == slow.confusion()
            if way == OWN[scenario]:
                assert scores[: newest + 1] == slow.accuracies()
                assert classes(history)[-1].by_task() == slow.by_class()
            else:
                assert [event.values for event in events if isinstance(event, Scored)] == [tuple(slow.accuracies())]
        assert found.classes.names == tuple(f"c{n}" for size in sizes[: newest + 1] for n in range(size))


def test_too_many_classes_have_no_confusion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all tasks so far; the accuracy of each class is told for more, and the scores of tasks always."""
    monkeypatch.setattr("engine.training.answers.MOST_CONFUSED", 4)
    monkeypatch.setattr("engine.training.answers.MOST_CLASSES", 6)
    sizes = [2, 2, 2, 2]
    problem, tasks = Classification("task", sizes), drawn_tasks(sizes, 8, 0)
    stream = ExampleStream(resolve({}), tasks, (8,))
    told = []
    for newest in range(4):
        problem.begin(newest)
        tally = Tally(problem, stream.phases)
        for task in range(4):
            stream.test(task, nn.Identity(), problem, "test", see=tally.see)
        events = tally.events(0)
        told.append({event.name if isinstance(event, Measured) else event.part for event in events})
    both = {f"{AWARE} confusion", f"{AGNOSTIC} confusion"}
    assert told == [{CLASSES, AGNOSTIC} | both] * 2 + [{CLASSES, AGNOSTIC}, {AGNOSTIC}]


def small(**settings_: Any) -> dict[str, Any]:
    return {"tasks": 3, "hidden": (8,), "steps": 4, "batch_size": 100, "lr": 0.05, "device": "cpu"} | settings_


@pytest.mark.parametrize("scenario", ["task", "domain"])
def test_later_tasks_are_tested_as_the_network_stands(scenario: Scenario, tmp_path: Path) -> None:
    """Before the first step, and at each task's end: what a network with those weights gets on every test set."""
    session = runs.finished(tmp_path, resolve(small(scenario=scenario, tasks=4)))
    history, config = session.history(), session.config
    device = torch.device("cpu")
    stream = load_stream(config, device)
    problem = stream.problem()
    net = build_model(config, stream.inputs, problem.outputs, device)
    assert history.initial == tuple(stream.test(task, net, problem, "test") for task in range(4))
    assert history.scores[INITIAL][0].step == 0
    for task, row in enumerate(history.full_matrix):
        tensors = sorted(runs.tensors(session).items())[task][1]
        start = 0
        for weights in net.parameters():
            weights.data.copy_(tensors["theta"][start : start + weights.numel()].view(weights.shape))
            start += weights.numel()
        problem.begin(task)
        assert row == tuple(stream.test(other, net, problem, "test") for other in range(4))
        assert history.matrix[task] == row[: task + 1]
        assert history.later[task] == row[task + 1 :]


def test_in_the_class_scenario_later_tasks_mean_nothing(tmp_path: Path) -> None:
    """Their outputs never compete: each accuracy would be 0 by construction."""
    history = runs.finished(tmp_path, resolve(small(scenario="class", forward=True))).history()
    assert history.initial == ()
    assert history.full_matrix == history.matrix
    assert [len(row) for row in history.matrix] == [1, 2, 3]


def test_forward_is_the_users_choice_and_changes_nothing_else(tmp_path: Path) -> None:
    yes, no = (
        runs.finished(tmp_path, resolve(small(forward=forward)), f"forward-{forward}") for forward in (True, False)
    )
    runs.assert_same_history(yes.history(), no.history())
    assert yes.history().probed == no.history().probed
    for name, found in runs.tensors(yes).items():
        runs.assert_same_tensors(found, runs.tensors(no)[name])
    assert no.history().initial == ()
    assert no.history().full_matrix == no.history().matrix
    usual = resolve(small())
    assert usual.looks_ahead
    assert not usual.changed(tasks=FORWARD_TASKS + 1).looks_ahead
    assert usual.changed(tasks=FORWARD_TASKS + 1, forward=True).looks_ahead
    assert "forward" not in usual.to_toml()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_resume_tells_the_same(scenario: Scenario, tmp_path: Path) -> None:
    """Stopped before the first step, in the first task, and while the second is evaluated at its end."""
    config = resolve(small(scenario=scenario))
    whole = runs.finished(tmp_path, config, "whole")
    session = runs.create(tmp_path, config)
    for stop in (runs.StopDuring("evaluating"), runs.AtStep(2), runs.AtStep(5), runs.StopDuring("evaluating", 2)):
        assert train(session, stop).state == "stopped"
    assert train(session, Control()).state == "finished"

    def told(of: Session) -> list[Event]:
        events = [event for event in of.readable(0)[0] if isinstance(event, Scored | Measured | Packed)]
        return [event for event in events if not isinstance(event, Measured) or event.name != TIMES]

    assert told(session) == told(whole)


def test_each_test_set_is_shown_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a task's end, for scores, classes and confusions together."""
    shown: list[tuple[int, str]] = []
    real = ExampleStream.test

    def test(self: ExampleStream, phase: int, net: nn.Module, problem: Any, part: str, *others: Any) -> float:
        shown.append((phase, part))
        return real(self, phase, net, problem, part, *others)

    monkeypatch.setattr(ExampleStream, "test", test)
    runs.finished(tmp_path, resolve(small(tasks=2, forward=False)))
    assert [phase for phase, part in shown if part == "test"] == [0, 0, 1]
