"""What analyse finds in a session, against slow and obvious versions; and the command."""

import io
import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from cl_tui.reports.analysis_page import analysis_page
from cl_tui.reports.session_facts import subtitle
from cl_tui.reports.tables import PIPE_WIDTH
from engine.analysis import measure as inspection
from engine.analysis.figures import Analysis
from engine.analysis.measure import analyse
from engine.errors import SessionDamaged, SessionMismatch, SessionTooYoung
from engine.models.flat import Layer
from engine.sessions.session import Session
from engine.settings.run import RunConfig
from engine.streams.examples import ExampleStream, Task
from engine.training.build import load_stream
from engine.training.runner import train
from tests.conftest import CommandLine
from tests.reference.ewc import exact_fisher
from tests.reference.mas import sensitivity
from tests.reference.training import competing, place
from tests.runs import (
    CASES,
    SCENARIOS,
    AtStep,
    case_name,
    create,
    double_mlp,
    finished,
    register_blobs,
    tensors,
    tiny,
    with_settings,
)

LAYERS = ("fc1.weight", "fc1.bias", "head.weight", "head.bias")
"""Of the network that ``tiny`` trains."""


# A session of the small benchmark in double precision, and its parts, made again without the program's own loop


def small(tmp_path: Path, method: str, **settings: Any) -> Session:
    """Trained to its end: three tasks of seven classes, two hidden layers, in double precision."""
    chosen: dict[str, Any] = {"tasks": 3, "hidden": (6, 4), "epochs": 5, "batch_size": 4, "lr": 0.05}
    return finished(tmp_path, tiny(method, **chosen | {"benchmark": "blobs", "model": "double"} | settings))


@pytest.fixture
def blobs(monkeypatch: pytest.MonkeyPatch) -> None:
    register_blobs(monkeypatch)


def classes(config: RunConfig) -> list[int]:
    return [task.classes for task in tasks_of(config)]


def tasks_of(config: RunConfig) -> list[Task]:
    stream = load_stream(config, torch.device("cpu"))
    assert isinstance(stream, ExampleStream)
    return stream.tasks


def network(config: RunConfig, theta: Tensor) -> nn.Module:
    """The network with the weights ``theta``, one tensor after the other."""
    count = max(classes(config)) if config.scenario == "domain" else sum(classes(config))
    model = double_mlp((5,), config.option("hidden"), count, 0, "torch")
    for parameter, values in zip(model.parameters(), cut(model, theta), strict=True):
        parameter.data.copy_(values)
    return model


def cut(model: nn.Module, flat: Tensor) -> list[Tensor]:
    parts = flat.split([parameter.numel() for parameter in model.parameters()])
    return [part.view_as(parameter) for part, parameter in zip(parts, model.parameters(), strict=True)]


def names(model: nn.Module) -> list[str]:
    return [name for name, _ in model.named_parameters()]


def ends(session: Session) -> list[dict[str, Tensor]]:
    """The checkpoints' tensors at the tasks' ends, the first task's first."""
    found = tensors(session)
    return [found[name] for name in sorted(found)]


def flat(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.flatten() for part in parts])


def slow_ranks(values: Sequence[float]) -> list[float]:
    """One more than how many are smaller, and half of how many others are equal."""
    return [1 + sum(b < a for b in values) + (sum(b == a for b in values) - 1) / 2 for a in values]


def slow_pearson(one: Sequence[float], other: Sequence[float]) -> float | None:
    mean_one, mean_other = fmean(one), fmean(other)
    if len(set(one)) == 1 or len(set(other)) == 1:
        return None
    products = math.fsum((a - mean_one) * (b - mean_other) for a, b in zip(one, other, strict=True))
    squares = [math.fsum((a - mean) ** 2 for a in of) for of, mean in ((one, mean_one), (other, mean_other))]
    return products / math.sqrt(squares[0] * squares[1])


def near(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9)


# Statistics


vectors = st.lists(st.tuples(st.integers(-3, 3).map(float), st.floats(-10, 10, width=32)), min_size=2, max_size=30).map(
    lambda pairs: tuple(torch.tensor(column, dtype=torch.float64) for column in zip(*pairs, strict=True))
)


@given(vectors)
def test_ranks_and_pearson_equal_the_slow_ones(pair: tuple[Tensor, Tensor]) -> None:
    """With many equal values, and with hardly any."""
    one, other = pair
    assert inspection.ranks(one).tolist() == slow_ranks(one.tolist())
    assert inspection.ranks(other).tolist() == slow_ranks(other.tolist())
    expected = slow_pearson(one.tolist(), slow_ranks(other.tolist()))
    assert inspection.pearson(one, inspection.ranks(other)) == (
        None if expected is None else pytest.approx(expected, abs=1e-9)
    )


def test_a_constant_correlates_with_nothing() -> None:
    """Also one whose mean is not exact in floating point."""
    constant, other = torch.full((7,), 0.1), torch.arange(7.0)
    assert inspection.pearson(constant, other) is None
    layer = (Layer("all", 0, 7),)
    assert inspection.correlation_matrix([constant, other], layer) == ((None, None), (None, 1.0))


def test_the_correlation_matrix_is_numpys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over several layers, with a hole between them, and some parameters at a time."""
    monkeypatch.setattr(inspection, "CHUNK", 7)
    random = torch.Generator().manual_seed(0)
    values = list(100 + torch.randn(4, 60, generator=random))
    values[2] += values[0]
    layers = (Layer("a", 3, 20), Layer("b", 30, 60))
    rows = torch.stack(values)[:, [*range(3, 20), *range(30, 60)]].numpy()
    found = inspection.correlation_matrix(values, layers)
    np.testing.assert_allclose(np.array(found, dtype=float), np.corrcoef(rows.astype(float)), atol=1e-6)
    assert all(found[row][column] == found[column][row] for row in range(4) for column in range(4))


@pytest.mark.parametrize(
    ("values", "clamp", "zero", "saturated", "top"),
    [
        ([0.0, 1.0, 2.0, 4.0, 3.0, 0.0], None, 2 / 6, 3 / 6, 0.4),  # at least half of 4
        ([0.0, 0.1, 0.3, 0.3], 0.3, 1 / 4, 2 / 4, 3 / 7),  # at the bound
        ([0.0, 0.1, 0.2, 0.2], 0.3, 1 / 4, 0.0, 2 / 5),  # a bound that none has reached
        ([0.0, 0.0], None, 1.0, None, None),
        ([1.0] * 150 + [100.0, 100.0], None, 0.0, 2 / 152, 200 / 350),  # the top 1 % of 152 are 2
    ],
)
def test_the_spread_worked_out_by_hand(
    values: list[float], clamp: float | None, zero: float, saturated: float | None, top: float | None
) -> None:
    importance = torch.tensor([9.0, *values])
    found = inspection.spread(importance, "fc", (Layer("fc", 1, len(importance)),), clamp, 2 * sum(values))
    assert (found.layer, found.size, found.zero) == ("fc", len(values), pytest.approx(zero))
    assert found.saturated == (None if saturated is None else pytest.approx(saturated))
    assert found.top == (None if top is None else pytest.approx(top))
    assert found.of_total == (pytest.approx(0.5) if sum(values) else None)


# Correlation between the tasks


def check_correlation(found: Analysis, expected: Sequence[Tensor]) -> None:
    """``expected``: each task's own importance."""
    correlation = found.correlation
    assert correlation is not None
    model = network_of(found, expected[0])
    for layer in (correlation.whole, *correlation.layers):
        of = [layer.layer for layer in correlation.layers] if layer.layer == "all" else [layer.layer]
        rows = [torch.cat([part(model, own, name) for name in of]) for own in expected]
        for one, row in enumerate(rows):
            for other, column in enumerate(rows):
                assert layer.matrix[one][other] == near(slow_pearson(row.tolist(), column.tolist()))
        pairs = [layer.matrix[one][other] for one in range(len(rows)) for other in range(one)]
        assert layer.mean == near(fmean(r for r in pairs if r is not None))
        assert layer.size == len(rows[0])


def network_of(found: Analysis, theta: Tensor) -> nn.Module:
    config = tiny(found.method, benchmark="blobs", model="double", hidden=(6, 4), tasks=3, scenario=found.scenario)
    return network(config, theta)


def part(model: nn.Module, flat_values: Tensor, name: str) -> Tensor:
    return cut(model, flat_values)[names(model).index(name)].flatten()


def test_si_correlates_the_path_integrals(blobs: None, tmp_path: Path) -> None:
    session = small(tmp_path, "si")
    found = analyse(session)
    check_correlation(found, [end["method/path_integral"] for end in ends(session)])
    assert found.correlation is not None
    assert [layer.layer for layer in found.correlation.layers] == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]


@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
def test_heads_of_their_own_have_no_part_in_the_correlation(blobs: None, tmp_path: Path, scenario: str) -> None:
    """In the task scenario two tasks share no output: the heads would pull the whole network's figure down."""
    session = small(tmp_path, "si", scenario=scenario)
    found = analyse(session)
    check_correlation(found, [end["method/path_integral"] for end in ends(session)])
    assert found.correlation is not None
    own = scenario == "task"
    assert found.correlation.heads == (("head.weight", "head.bias") if own else ())
    assert ("head.weight" in [layer.layer for layer in found.correlation.layers]) is not own
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(analysis_page(found, session.config, 120))
    page = console.export_text()
    assert ("whole network without the heads" in page) is own
    assert ("each task has its own head" in page) is own


@pytest.mark.parametrize("gamma", [None, 0.5])
def test_ewc_correlates_each_tasks_fisher(blobs: None, tmp_path: Path, gamma: float | None) -> None:
    """Not Ω, which holds the earlier tasks too."""
    session = small(tmp_path, "ewc", **({} if gamma is None else {"gamma": gamma}))
    expected = []
    for number, (task, end) in enumerate(zip(tasks_of(session.config), ends(session), strict=True)):
        among = competing("task", classes(session.config), number, number)
        expected.append(flat(exact_fisher(network(session.config, end["theta"]), task.train.inputs, among)))
    check_correlation(analyse(session), expected)


def test_mas_correlates_each_tasks_sensitivity(blobs: None, tmp_path: Path) -> None:
    session = small(tmp_path, "mas")
    expected = []
    for number, (task, end) in enumerate(zip(tasks_of(session.config), ends(session), strict=True)):
        among = competing("task", classes(session.config), number, number)
        expected.append(flat(sensitivity(network(session.config, end["theta"]), task.train.inputs, among)))
    check_correlation(analyse(session), expected)


@pytest.mark.parametrize(
    ("method", "settings", "why"),
    [
        ("none", {}, "no importance"),
        ("joint", {}, "no importance"),
        ("l2", {}, "1 everywhere"),
        ("mas", {"recompute": True}, "measured again"),
    ],
)
def test_what_has_no_importance_of_each_task_says_so(
    tmp_path: Path, method: str, settings: dict[str, Any], why: str
) -> None:
    found = analyse(finished(tmp_path, tiny(method, **settings)))
    assert found.correlation is None
    assert why in found.left_out["correlation"]


# Agreement


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_agreement_equals_the_loop_over_examples(blobs: None, tmp_path: Path, scenario: str) -> None:
    """At the last weights, over the outputs that compete there, summed over the tasks."""
    session = small(tmp_path, "si", scenario=scenario)
    last = ends(session)[-1]
    model = network(session.config, last["theta"])
    fisher, mas = torch.zeros_like(last["theta"]), torch.zeros_like(last["theta"])
    for number, task in enumerate(tasks_of(session.config)):
        among = competing(scenario, classes(session.config), number, 2)
        fisher += flat(exact_fisher(model, task.train.inputs, among))
        mas += flat(sensitivity(model, task.train.inputs, among))
    omega = last["penalty/importance"]

    found = analyse(session).agreement
    for layer in (found.whole, *found.layers):
        for agreement, one, other in (
            (layer.omega_fisher, omega, fisher),
            (layer.omega_mas, omega, mas),
            (layer.fisher_mas, fisher, mas),
        ):
            assert agreement is not None
            if layer.layer != "all":
                one, other = part(model, one, layer.layer), part(model, other, layer.layer)
            assert agreement.pearson == near(slow_pearson(one.tolist(), other.tolist()))
            ranks = [slow_ranks(of.tolist()) for of in (one, other)]
            neighbours = 3 / len(one) if scenario == "task" else 1e-9  # of two outputs both have one Fisher: ties
            assert agreement.spearman == pytest.approx(slow_pearson(*ranks), abs=neighbours)


def test_without_a_penalty_fisher_and_mas_are_compared(tmp_path: Path) -> None:
    found = analyse(finished(tmp_path, tiny("none")))
    assert found.importance is None
    assert "no importance" in found.left_out["importance"]
    assert found.agreement.whole.omega_fisher is None
    assert found.agreement.whole.omega_mas is None
    assert found.agreement.whole.fisher_mas.pearson is not None


def test_what_the_penalty_leaves_alone_is_no_part_of_it(tmp_path: Path) -> None:
    found = analyse(finished(tmp_path, tiny("si", leave_alone=("*.bias",))))
    assert found.left_alone == ("fc1.bias", "head.bias")
    assert found.correlation is not None
    assert found.importance is not None
    assert found.forgetting is not None
    assert [layer.layer for layer in found.correlation.layers] == ["fc1.weight"], "each task has a head of its own"
    for part_of_omega in (found.agreement, found.importance):
        assert [layer.layer for layer in part_of_omega.layers] == ["fc1.weight", "head.weight"]
        assert part_of_omega.whole.size == sum(layer.size for layer in part_of_omega.layers)
    assert [layer.layer for layer in found.forgetting.layers] == list(LAYERS), "they move all the same"

    everything = analyse(finished(tmp_path, tiny("si", leave_alone=("*",)), "free"))
    assert everything.correlation is everything.importance is None
    assert everything.left_out["correlation"] == "all layers are unpenalised"
    assert everything.agreement.whole.size == 64 * 8 + 8 + 8 * 10 + 10, "nothing is left out of it then"


# Movement and forgetting


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_forgetting_by_layer_equals_the_slow_swap(blobs: None, tmp_path: Path, scenario: str) -> None:
    """One layer at a time copied back into a network of its own; the gradient from autograd."""
    session = small(tmp_path, "none", scenario=scenario)
    config, thetas = session.config, [end["theta"] for end in ends(session)]
    found = analyse(session).forgetting
    assert found is not None
    for task, of_task in zip(found.tasks, tasks_of(config), strict=False):
        among = competing(scenario, classes(config), task.task, 2)
        inputs, labels = of_task.test.slice(0, len(of_task.test))
        targets = torch.tensor([place(scenario, classes(config), task.task, int(label)) for label in labels])

        def loss(model: nn.Module, inputs: Tensor = inputs, targets: Tensor = targets, among: Any = among) -> Tensor:
            return cross_entropy(model(inputs)[:, among], targets)

        def accuracy(model: nn.Module, inputs: Tensor = inputs, targets: Tensor = targets, among: Any = among) -> float:
            return (model(inputs)[:, among].argmax(1) == targets).double().mean().item()

        now = network(config, thetas[-1])
        assert (task.examples, task.loss) == (len(labels), near(loss(now).item()))
        assert task.accuracy == near(accuracy(now))
        gradients = torch.autograd.grad(loss(now), list(now.parameters()))
        then = network(config, thetas[task.task])
        for layer in (task.whole, *task.layers):
            swapped = network(config, thetas[-1])
            chosen = [place for place, name in enumerate(names(now)) if layer.layer in ("all", name)]
            for at in chosen:
                list(swapped.parameters())[at].data.copy_(list(then.parameters())[at])
            change = flat([list(now.parameters())[at] - list(then.parameters())[at] for at in chosen])
            first_order = torch.dot(flat([gradients[at] for at in chosen]), change).item()
            reference = flat([list(then.parameters())[at] for at in chosen]).norm().item()
            assert layer.loss == near(loss(now).item() - loss(swapped).item())
            assert layer.accuracy == near(accuracy(swapped) - accuracy(now))
            assert layer.first_order == near(first_order)
            assert layer.rms == near(change.square().mean().sqrt().item())
            assert layer.relative == near(change.norm().item() / reference)

    for place_, layer in enumerate(found.layers):
        same = [task.layers[place_] for task in found.tasks]
        assert layer.loss == near(fmean(of.loss for of in same))
        assert layer.rms == near(fmean(of.rms for of in same))
        assert layer.first_order == near(fmean(of.first_order for of in same))


@pytest.mark.parametrize("scenario", ["task", "domain"])
def test_all_layers_back_is_the_forgetting_of_the_matrix(tmp_path: Path, scenario: str) -> None:
    session = finished(tmp_path, tiny("none", scenario=scenario, tasks=3, epochs=20))
    found = analyse(session).forgetting
    assert found is not None
    matrix = session.history().matrix
    for task in found.tasks:
        assert task.accuracy == pytest.approx(matrix[-1][task.task])
        assert task.whole.accuracy == pytest.approx(matrix[task.task][task.task] - matrix[-1][task.task])


# Sessions


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_every_method_can_be_analysed(tmp_path: Path, case: tuple[str, dict[str, Any]]) -> None:
    """To plain JSON, the same each time; and the session stays as it was."""
    method, options = case
    session = finished(tmp_path, tiny(method, **options))
    before = {path: path.read_bytes() for path in session.path.rglob("*") if path.is_file()}
    found = analyse(session)
    assert {path: path.read_bytes() for path in session.path.rglob("*") if path.is_file()} == before
    text = json.dumps(asdict(found), allow_nan=False)
    assert text == json.dumps(asdict(analyse(session)), allow_nan=False)
    assert set(found.left_out) >= {
        part for part in ("correlation", "importance", "forgetting") if getattr(found, part) is None
    }
    for width in (80, 200):
        console = Console(width=width, record=True, file=io.StringIO())
        console.print(analysis_page(found, session.config, width))
        assert max(map(len, console.export_text().splitlines())) <= width


def test_an_unfinished_session_is_analysed_at_its_last_ended_task(tmp_path: Path) -> None:
    """As the finished one was when that task ended."""
    session = create(tmp_path, tiny())
    train(session, AtStep(6))
    found = analyse(session)
    assert (found.tasks, found.all_tasks, found.step) == (("0 8 1 7 2",), 2, 4)
    assert found.importance is not None
    assert found.correlation is found.forgetting is None
    assert found.left_out == dict.fromkeys(("correlation", "forgetting"), "two tasks must have ended")


def test_examples_are_bounded_and_drawn_by_the_seed(tmp_path: Path) -> None:
    session = finished(tmp_path, tiny("none", tasks=3))
    few, same, all_ = analyse(session, 10), analyse(session, 10), analyse(session)
    assert few == same
    assert few.forgetting is not None
    assert all_.forgetting is not None
    assert [task.examples for task in few.forgetting.tasks] == [10, 10]
    assert all(task.examples > 100 for task in all_.forgetting.tasks)
    assert few.agreement != all_.agreement


def remove_first_task(session: Session) -> None:
    next(session.checkpoints_dir.glob("task-001-*")).unlink()


def cut_last(session: Session) -> None:
    path = next(session.checkpoints_dir.glob("task-002-*"))
    path.write_bytes(path.read_bytes()[:-20])


def other_network(session: Session) -> None:
    with_settings(session, hidden=(9,))


def other_method(session: Session) -> None:
    with_settings(session, method="mas", strength=1.0)


@pytest.mark.parametrize(
    ("method", "damage", "error", "words"),
    [
        ("si", remove_first_task, SessionDamaged, "end of task 1"),
        ("si", cut_last, SessionDamaged, "is damaged"),
        ("si", other_network, SessionMismatch, "does not fit the network"),
        ("none", other_method, SessionDamaged, "it has no penalty"),
    ],
)
def test_a_damaged_session_says_what_is_wrong(
    tmp_path: Path, method: str, damage: Callable[[Session], None], error: type[Exception], words: str
) -> None:
    session = finished(tmp_path, tiny(method))
    damage(session)
    with pytest.raises(error, match=words):
        analyse(Session.open(tmp_path, session.name))


def test_before_the_first_task_has_ended_there_is_nothing(tmp_path: Path) -> None:
    session = create(tmp_path, tiny())
    train(session, AtStep(3))
    with pytest.raises(SessionTooYoung, match="has ended yet"):
        analyse(session)


# The command


def test_the_command_prints_each_session_and_writes_json(cl_tui: CommandLine, sessions: Path, tmp_path: Path) -> None:
    protected = finished(sessions, tiny("si", tasks=3), "calm-otter")
    finished(sessions, tiny("none"), "brave-fox")
    answer = cl_tui("analyse", "calm-otter", "brave-fox", "--examples", "50", "--json", "found.json")
    assert (answer.exit_code, answer.err) == (0, "")
    first, _, second = answer.out.partition("\nbrave-fox\n")
    assert first.startswith(f"calm-otter\n{subtitle(protected.config)}\n")
    for words in ("path integral ω: Pearson", "mean correlation with the earlier tasks", "Spearman", "top 1 % hold"):
        assert words in first
    assert "left out: method none has no importance Ω" in second
    for words in (*LAYERS, "loss regained, measured"):
        assert words in second
    assert max(map(len, answer.out.splitlines())) <= PIPE_WIDTH
    written = json.loads((tmp_path / "found.json").read_text())
    assert [entry["session"] for entry in written] == ["calm-otter", "brave-fox"]
    assert written[0] == json.loads(json.dumps(asdict(analyse(protected, 50))))
    printed = cl_tui("analyse", "calm-otter", "brave-fox", "--examples", "50", "--json", "-")
    assert json.loads(printed.out) == written
    assert printed.err == answer.out


def test_many_tasks_do_not_burst_the_page(tmp_path: Path) -> None:
    session = finished(tmp_path, tiny("si", benchmark="permuted-digits", tasks=13, epochs=1))
    found = analyse(session)
    shown = []
    for width in (80, 200):
        console = Console(width=width, record=True, file=io.StringIO())
        console.print(analysis_page(found, session.config, width))
        shown.append(console.export_text())
    assert "the matrix of 13 tasks is too wide to show; --json FILE writes it" in shown[0]
    assert "the matrix of" not in shown[1]
    assert max(map(len, shown[0].splitlines())) <= 80


def test_many_layers_do_not_burst_the_page(tmp_path: Path) -> None:
    """Where so deep a network learns nothing, nothing correlates either."""
    session = finished(tmp_path, tiny("si", hidden=[4] * 60, tasks=3, epochs=1))
    found = analyse(session)
    assert found.correlation is not None
    unknown = ((1.0, None, None), (None, 1.0, None), (None, None, 1.0))
    layers = tuple(replace(layer, matrix=unknown, mean=None) for layer in found.correlation.layers)
    found = replace(found, correlation=replace(found.correlation, layers=layers))
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(analysis_page(found, session.config, 80))
    page = console.export_text()
    assert max(map(len, page.splitlines())) <= 80
    assert len(page.splitlines()) < 180
    assert page.count("--json FILE writes all") == 4
    assert "the 20 of 120 layers with the most weights" in page
    assert "the 20 of 122 layers with the largest shares of ΣΩ" in page


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (["young"], 2, "no task of session young has ended yet"),
        (["nobody"], 2, "no session nobody"),
        (["calm-otter", "nobody"], 2, "no session nobody"),
        (["calm-otter", "--json", "no/such/folder.json"], 2, "--json no/such/folder.json cannot be written"),
        (["broken"], 1, "session broken is damaged"),
    ],
)
def test_errors_are_one_sentence(
    cl_tui: CommandLine, sessions: Path, arguments: list[str], exit_code: int, words: str
) -> None:
    create(sessions, tiny(), "young")
    finished(sessions, tiny(), "calm-otter")
    (create(sessions, tiny(), "broken").path / "config.toml").write_text("nonsense")
    answer = cl_tui("analyse", *arguments)
    assert (answer.exit_code, answer.out) == (exit_code, "")
    assert answer.err.startswith("cl-tui: ")
    assert words in answer.err
    assert answer.err.count("\n") == 1


def test_help_has_examples(cl_tui: CommandLine) -> None:
    assert "cl-tui analyse calm-otter" in cl_tui("analyse", "--help").out.partition("Examples")[2]


def test_data_that_has_moved_is_found_with_data_dir(
    cl_tui: CommandLine, sessions: Path, tmp_path: Path, mnist: Path
) -> None:
    settings: dict[str, Any] = {"benchmark": "split-mnist", "epochs": None, "steps": 2, "batch_size": 50}
    moved = tmp_path / "moved"
    (moved / "MNIST" / "raw").mkdir(parents=True)
    for file in (mnist / "MNIST" / "raw").iterdir():
        if file.suffix != ".gz":
            shutil.copy(file, moved / "MNIST" / "raw" / file.name)
    session = finished(sessions, tiny("si", data_dir=str(mnist), **settings), "calm-otter")
    gone = tmp_path / "gone"
    (gone / "MNIST" / "raw").mkdir(parents=True)
    (gone / "MNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(b"")
    with_settings(session, data_dir=str(gone))
    answer = cl_tui("analyse", "calm-otter", "--examples", "20")
    assert (answer.exit_code, answer.out) == (1, "")
    assert str(gone) in answer.err
    assert cl_tui("analyse", "calm-otter", "--examples", "20", "--data-dir", str(moved)).exit_code == 0
