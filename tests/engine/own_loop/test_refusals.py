"""What protect cannot serve, or cannot go on with, in one sentence each."""

import errno
import math
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import LBFGS, SGD, Adam

import cl_tui
from engine.catalog.methods import METHODS
from engine.errors import ConfigError, EngineError, NumericsError, SessionError, SessionLocked
from engine.own_loop.run import ProtectedRun
from engine.record.events import MOST_LAYERS
from engine.sessions.log import EventLog
from engine.sessions.session import Session
from tests.engine.own_loop.loops import vector
from tests.engine.own_loop.test_forms import net


def protect(folder: Path, model: Any = None, optimizer: Any = None, **more: Any) -> ProtectedRun:
    model = net() if model is None else model
    if optimizer is None:
        optimizer = SGD(model.parameters(), lr=0.1)
    return cl_tui.protect(model, optimizer, **{"session": "own", "sessions_dir": folder} | more)


def loss_of(model: nn.Module) -> torch.Tensor:
    found: torch.Tensor = model(torch.ones(2, 6)).square().mean()
    return found


def stepped(run: ProtectedRun, model: nn.Module) -> None:
    run.step(loss_of(model))


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no module": ({"model": 3, "optimizer": 4}, "needs a torch.nn.Module, not int"),
    "no optimizer": ({"optimizer": "adam"}, "needs a torch.optim.Optimizer, not str"),
    "other parameters": ({"optimizer": SGD(nn.Linear(1, 1).parameters(), lr=0.1)}, "none of the model's parameters"),
    "joint": ({"method": "joint"}, "joint chooses the data of a step, and your own loop does that"),
    "unknown method": ({"method": "sii"}, "unknown method 'sii': did you mean 'si'"),
    "unknown option": ({"chi": 1}, "unknown option of method si 'chi'"),
    "option of another": ({"method": "none", "xi": 1.0}, "unknown option of method none"),
    "another setting": ({"lr": 1.0}, "unknown option of method si 'lr'"),
    "option out of range": ({"xi": -1.0}, "xi = -1.0 cannot be used"),
    "strength": ({"strength": math.nan}, "strength = nan"),
    "strength of none": ({"method": "none", "strength": 1.0}, "method none has no penalty"),
    "left alone": ({"leave_alone": ["head.*"]}, "no parameter has such a name; there are 0.weight"),
    "name": ({"session": "a/b"}, "session name 'a/b'"),
    "score": ({"score": "f1"}, "unknown score 'f1': available: accuracy, r2, rmse"),
    "unit": ({"score": "r2", "unit": "m"}, "R² has none; leave it out, or give score='rmse'"),
    "no text": ({"session": 3}, "session is int: give its name"),
    "no folder": ({"sessions_dir": 3}, "sessions_dir is int: give the folder's path"),
    "no score": ({"score": ["r2"]}, "unknown score"),
    "no unit": ({"score": "rmse", "unit": 3}, "a text of at most 20 characters, not int"),
    "long unit": ({"score": "rmse", "unit": "m" * 21}, "a text of at most 20 characters, not 21 characters"),
    "no tasks": ({"tasks": 3}, "tasks = … are the names of the tasks"),
    "many tasks": ({"tasks": map(str, range(10**9))}, "a session has at most 1,000 tasks"),
    "huge strength": ({"strength": 10**400}, "strength = inf cannot be used"),
    "problem": ({"problem": "ranking"}, "give classification, regression, or a function"),
    "forward": ({"forward": 3}, "forward is int, not a function"),
    "scaler": ({"scaler": 3}, "give a torch.amp.GradScaler"),
    "tasks": ({"tasks": "one"}, "give a list of texts"),
    "no name of a task": ({"tasks": ["a", ""]}, "a text of 1 to 200 characters"),
    "tasks twice": ({"tasks": ["a", "a"]}, "a is there twice"),
    "loss and exact Fisher": ({"method": "ewc", "problem": nn.MSELoss()}, 'fisher="empirical"'),
    "data of other tasks": ({"method": "mas", "recompute": True}, "recompute"),
    "other data": ({"method": "mas", "importance_data": "test"}, "importance_data"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_anything_is_written(case: str, tmp_path: Path) -> None:
    given, said = REFUSED[case]
    with pytest.raises(EngineError, match=re.escape(said)) as error:
        protect(tmp_path, **given)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_lbfgs_frozen_complex_and_lazy_models_are_refused(tmp_path: Path) -> None:
    model = net()
    with pytest.raises(ConfigError, match="LBFGS evaluates the loss several times"):
        protect(tmp_path, model, LBFGS(model.parameters()))
    model.requires_grad_(False)
    with pytest.raises(ConfigError, match="no parameter that is trained"):
        protect(tmp_path, model, SGD([torch.zeros(1, requires_grad=True)], lr=0.1))
    lazy = nn.LazyLinear(3)
    with pytest.raises(ConfigError, match="call the model on a batch before"):
        protect(tmp_path, lazy, SGD([torch.zeros(1, requires_grad=True)], lr=0.1))
    imaginary = nn.Linear(2, 2, dtype=torch.complex64)
    with pytest.raises(ConfigError, match="importances need real numbers"):
        protect(tmp_path, imaginary)


def test_a_model_or_an_optimizer_is_protected_once_at_a_time(tmp_path: Path) -> None:
    model, other = net(), net()
    optimizer = SGD([*model.parameters(), *other.parameters()], lr=0.1)
    with protect(tmp_path, model, optimizer):
        for again, by, what in [
            (model, SGD(model.parameters(), lr=0.1), "model"),
            (other, optimizer, "optimizer"),
        ]:
            with pytest.raises(ConfigError, match=f"session own still protects with this {what}: end it with"):
                protect(tmp_path, again, by, session="second")
        protect(tmp_path, other, session="other").close()
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["other", "own"]
    protect(tmp_path, model, optimizer, session="after").close()
    protect(tmp_path, model, optimizer, session="forgotten")  # nothing refers to it any more
    protect(tmp_path, model, optimizer, session="last").close()


@pytest.mark.parametrize("method", METHODS)
def test_each_method_is_served_or_says_why_not(method: str, tmp_path: Path) -> None:
    model = net()
    if method not in ("none", "l2", "si", "ewc", "mas", "rwalk"):
        with pytest.raises(ConfigError, match=f"method {method}.*your own loop"):
            protect(tmp_path, model, method=method)
        return
    with protect(tmp_path, model, method=method) as run:
        run.task("a")
        stepped(run, model)


def moved(model: nn.Sequential) -> None:
    model.to(torch.float64)


def assigned(model: nn.Sequential) -> None:
    model.load_state_dict({name: of.clone() for name, of in model.state_dict().items()}, assign=True)


def replaced(model: nn.Sequential) -> None:
    model[2].weight = nn.Parameter(torch.zeros(3, 7))


def layer_replaced(model: nn.Sequential) -> None:
    model[2] = nn.Linear(7, 3)


def unfrozen(model: nn.Sequential) -> None:
    model[0].bias.requires_grad_(True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (moved, "parameter 0.weight was moved from float32 on cpu to float64 on cpu"),
        (assigned, "was replaced, as load_state_dict(assign=True) does"),
        (replaced, "parameter 2.weight is no longer what is protected"),
        (layer_replaced, "layer 2 is no longer what is protected"),
        (unfrozen, "parameter 0.bias was frozen when the protection began, and is trained now"),
    ],
    ids=lambda given: given.__name__ if callable(given) else "",
)
def test_a_model_that_changed_is_noticed_at_the_next_step(
    change: Callable[[nn.Sequential], None], said: str, tmp_path: Path
) -> None:
    model = net()
    model[0].bias.requires_grad_(False)
    dtype = torch.float64 if change is moved else torch.float32
    with protect(tmp_path, model) as run:
        run.task("a")
        stepped(run, model)
        change(model)
        with pytest.raises(EngineError, match=re.escape(said)):
            run.step(model(torch.ones(2, 6, dtype=dtype)).square().mean())


def test_a_new_layer_is_noticed_at_the_task_s_end(tmp_path: Path) -> None:
    model = net()
    with protect(tmp_path, model) as run:
        run.task("a")
        stepped(run, model)
        model.append(nn.Linear(3, 1))
        with pytest.raises(EngineError, match=re.escape("has a new parameter, 3.weight")):
            run.end_task()


def test_averaged_weights_may_be_swapped_in_and_a_layer_may_be_frozen_later(tmp_path: Path) -> None:
    model = net()
    with protect(tmp_path, model) as run:
        run.task("a")
        stepped(run, model)
        model[0].weight.data = model[0].weight.data.clone()
        stepped(run, model)
        run.end_task()
        model[0].weight.requires_grad_(False)
        before = model[0].weight.clone()
        run.task("b")
        stepped(run, model)
        run.end_task()
        assert model[0].weight.equal(before)


def test_calls_out_of_order_say_which_comes_first(tmp_path: Path) -> None:
    model = net()
    optimizer = SGD(model.parameters(), lr=0.1)
    with protect(tmp_path, model, optimizer) as run:
        for call, said in [
            (lambda: stepped(run, model), "belongs to a task: begin it with run.task(name)"),
            (lambda: run.end_task(), "belongs to a task"),
            (lambda: run.task(3), "a task's name is a text"),
            (lambda: run.set_strength(1.0), "give it to protect"),
        ]:
            with pytest.raises(EngineError, match=re.escape(said)):
                call()
        run.task("a")
        for call, said in [
            (lambda: run.task("b"), "task a has not ended"),
            (lambda: run.end_task(), "task a has no step yet"),
            (lambda: run.step(), "no parameter has a gradient"),
            (lambda: run.step(torch.ones(3)), "the loss is a tensor of shape (3,)"),
            (lambda: run.step(1.0), "the loss is float"),  # type: ignore[arg-type]
            (lambda: run.step(torch.tensor(1.0)), "computed from the model's parameters"),
            (lambda: run.after_optimizer(), "needs run.before_optimizer()"),
            (lambda: run.scores({"b": 0.5}), "there is no task 'b'; there are a"),
            (lambda: run.scores({"a": 87.0}), "the accuracy of task a is 87: give it as a fraction"),
            (lambda: run.scores({"a": math.nan}), "give a finite number"),
            (lambda: run.scores({"a": "good"}), "give one number"),
            (lambda: run.scores([0.5]), "scores are a dictionary"),  # type: ignore[arg-type]
            (lambda: run.set_strength(-1), "give 0 or a larger number"),
            (lambda: run.set_strength(math.inf), "up to 1e+15"),
        ]:
            with pytest.raises(EngineError, match=re.escape(said)):
                call()
        run.backward(loss_of(model))
        run.before_optimizer()
        for call in (run.before_optimizer, run.end_task, run.state_dict, run.save):
            with pytest.raises(EngineError, match=re.escape("run.after_optimizer()")):
                call()
        optimizer.step()
        run.after_optimizer()
        loss_of(model).backward()
        run.before_optimizer()
        optimizer.step()
        with pytest.raises(EngineError, match=re.escape("run.saw(loss)")):
            run.after_optimizer()
        run.saw(1.0)
        run.after_optimizer()
        run.end_task()
        with pytest.raises(EngineError, match="task a has ended"):
            run.task("a")
    with pytest.raises(EngineError, match="has ended: call protect"):
        run.task("b")


def test_planned_tasks_come_in_their_order(tmp_path: Path) -> None:
    model = net()
    with protect(tmp_path, model, tasks=["a", "b"]) as run:
        with pytest.raises(EngineError, match="the next task is a, not b"):
            run.task("b")
        run.task("a")
        stepped(run, model)
        run.end_task()
    history = Session.open(tmp_path, "own").history()
    assert history.state == "stopped"
    assert [task.name for task in history.tasks] == ["a", "b"]


def test_a_sparse_gradient_is_refused(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Embedding(5, 3, sparse=True), nn.Linear(3, 1))
    with protect(tmp_path, model, SGD(model.parameters(), lr=0.1)) as run:
        run.task("a")
        with pytest.raises(EngineError, match=r"the gradient of 0\.weight is sparse"):
            run.step(model(torch.tensor([1, 2])).square().mean())


def test_a_loss_that_is_not_finite_leaves_weights_log_and_method_as_they_were(tmp_path: Path) -> None:
    model = net()
    before: list[torch.Tensor] = []

    def program() -> None:
        with protect(tmp_path, model, Adam(model.parameters(), lr=0.1)) as run:
            run.task("first")
            for _ in range(3):
                stepped(run, model)
            before.append(vector(model))
            run.step(loss_of(model) * math.nan)

    said = r"the loss became nan at step 4, in task 1 \(first\): what was recorded before is kept"
    with pytest.raises(NumericsError, match=said):
        program()
    assert vector(model).equal(before[0])
    session = Session.open(tmp_path, "own")
    history = session.history()
    assert (history.state, history.step) == ("failed", 3)
    assert history.failure is not None
    assert "the loss became nan" in history.failure.message
    assert session.saved_step == 3


def test_weights_that_stop_being_finite_are_said_at_the_task_s_end(tmp_path: Path) -> None:
    model = net()

    def program() -> None:
        with protect(tmp_path, model) as run:
            run.task("a")
            stepped(run, model)
            with torch.no_grad():
                model[0].weight[0, 0] = math.inf
            run.end_task()

    with pytest.raises(NumericsError, match=r"the weights are no longer finite at step 1, in task 1, in 0\.weight"):
        program()
    assert Session.open(tmp_path, "own").history().state == "failed"


def test_what_the_program_raises_is_in_the_log_and_raised(tmp_path: Path) -> None:
    model = net()

    def program() -> None:
        with protect(tmp_path, model) as run:
            run.task("a")
            stepped(run, model)
            raise ZeroDivisionError("by zero")

    with pytest.raises(ZeroDivisionError):
        program()
    history = Session.open(tmp_path, "own").history()
    assert (history.state, history.step) == ("failed", 1)
    assert history.failure is not None
    assert history.failure.message == "ZeroDivisionError: by zero"
    assert Session.open(tmp_path, "own").saved_step == 1


def test_a_full_disk_is_told_once_and_never_stops_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was recorded meanwhile is written when the disk can be written again."""
    write, full = EventLog._write, False

    def writes(log: EventLog) -> None:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device", str(log._path))
        write(log)

    monkeypatch.setattr(EventLog, "_write", writes)
    model = net()
    with protect(tmp_path, model) as run, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        run.task("a")
        for number in range(300):
            full = 100 <= number < 200
            run._recorder._retry = 0.0
            stepped(run, model)
        run.end_task(scores={"a": 1.0})
    said = "cannot be written: No space left.*training continues"
    assert [bool(re.search(said, str(of.message))) for of in told] == [True]
    history = Session.open(tmp_path, "own").history()
    assert history.state == "finished"
    assert history.step == history.curve.length == 300


def test_a_disk_that_stays_full_loses_the_record_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = net()

    def refuses(log: EventLog) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(log._path))

    def program() -> None:
        with protect(tmp_path, model) as run:
            run.task("a")
            stepped(run, model)
            monkeypatch.setattr(EventLog, "_write", refuses)
            stepped(run, model)
            run.end_task()
            assert run.steps == 2

    with pytest.warns(UserWarning, match="cannot be written"):
        program()
    assert not Session.open(tmp_path, "own").finished


def test_a_folder_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SessionError, match="is not a folder"):
        protect(tmp_path / "file")


def test_a_copy_of_the_process_records_nothing(tmp_path: Path) -> None:
    """As the workers of a DataLoader are, which may outlive the loop."""
    model = net()
    run = protect(tmp_path, model)
    run.task("one")
    stepped(run, model)
    if (child := os.fork()) == 0:
        try:
            with pytest.raises(EngineError, match="the process that this one was forked from"):
                stepped(run, model)
            run.close()
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with pytest.raises(SessionLocked):
        protect(tmp_path, resume=True)
    stepped(run, model)
    run.end_task()
    run.close()
    assert Session.open(tmp_path, "own").history().state == "finished"


def test_a_network_of_thousands_of_layers_has_a_log_that_can_be_read(tmp_path: Path) -> None:
    model = nn.ParameterList([nn.Parameter(torch.ones(1)) for _ in range(MOST_LAYERS)])
    with protect(tmp_path, model, SGD(model.parameters(), lr=0.1)) as run:
        run.task("one")
        run.step(torch.cat(list(model)).square().sum())
        run.end_task()
    importance = Session.open(tmp_path, "own").history().importance
    assert importance
    assert len(importance.layers) == MOST_LAYERS
    model = nn.ParameterList([*model, nn.Parameter(torch.ones(1))])
    with pytest.raises(ConfigError, match="has 10,001 parameters with names: a session has at most 10,000"):
        protect(tmp_path, model, session="more")


class Unreadable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("never")


def test_an_error_that_has_no_text_is_recorded_and_raised(tmp_path: Path) -> None:
    model = net()

    def program() -> None:
        with protect(tmp_path, model) as run:
            run.task("one")
            stepped(run, model)
            raise Unreadable

    with pytest.raises(Unreadable):
        program()
    failure = Session.open(tmp_path, "own").history().failure
    assert failure
    assert failure.message == "Unreadable: Unreadable"


def test_scores_are_of_tasks_that_have_begun_and_names_are_as_they_were_given(tmp_path: Path) -> None:
    model = net()
    with protect(tmp_path, model) as run:
        for given in ({}, {"one": 0.5}):
            with pytest.raises(EngineError, match=re.escape("run.scores(…) comes after run.task(name)")):
                run.scores(given)
        run.task("a\tb")
        for loss in ("x", None, torch.ones(2)):
            with pytest.raises(EngineError, match="give the loss, one number"):
                run.saw(loss)  # type: ignore[arg-type]
        stepped(run, model)
        run.end_task(scores={"a\tb": 0.25})
    assert Session.open(tmp_path, "own").history().matrix == ((0.25,),)


@pytest.mark.parametrize(
    ("inputs", "active", "said"),
    [
        ([torch.tensor(1.0)], None, "is a single number"),
        (torch.ones(0, 6), None, "has no example"),
        (torch.ones(4, 6), [0.5], "give a range or a list"),
        (torch.ones(4, 6), torch.tensor([0.5]), "give a range or a list"),
        (torch.ones(4, 6), range(10**12), "more than 10,000,000 outputs"),
    ],
)
def test_data_of_no_examples_and_outputs_that_are_no_numbers_are_refused(
    inputs: Any, active: Any, said: str, tmp_path: Path
) -> None:
    model = net()
    run = protect(tmp_path, model, method="ewc")
    run.task("one")
    stepped(run, model)
    with pytest.raises(EngineError, match=said):
        run.end_task(inputs=inputs, active=active)
    run.close()
