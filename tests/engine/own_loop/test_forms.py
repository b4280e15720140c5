"""Every way to write a loop gives what Synaptic Intelligence, written out by hand around the same optimizer, gives."""

import copy
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD, Adagrad, Adam, AdamW, NAdam, Optimizer, RMSprop

import cl_tui
from engine.own_loop.run import ProtectedRun
from tests.engine.own_loop.loops import vector

STRENGTH, XI, STEPS = 0.3, 1e-2, 8
Make = Callable[[nn.Module], Optimizer]


def net(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 7), nn.Tanh(), nn.Linear(7, 3))


def batches(seed: int = 1) -> list[list[tuple[Tensor, Tensor]]]:
    """Three tasks, each of some batches."""
    random = torch.Generator().manual_seed(seed)
    return [
        [(torch.randn(4, 6, generator=random), torch.randint(3, (4,), generator=random)) for _ in range(STEPS)]
        for _ in range(3)
    ]


def by_hand(model: nn.Module, optimizer: Optimizer, clip: float = math.inf, parts: int = 1) -> tuple[Tensor, Tensor]:
    """θ and Ω after three tasks."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    omega = [torch.zeros_like(of) for of in parameters]
    anchor = [of.detach().clone() for of in parameters]
    for task in batches():
        path, start = [torch.zeros_like(of) for of in parameters], [of.detach().clone() for of in parameters]
        for inputs, labels in task:
            loss = cross_entropy(model(inputs), labels)
            gradients = torch.autograd.grad(loss, parameters)
            for at, gradient, pull, to in zip(parameters, gradients, omega, anchor, strict=True):
                at.grad = gradient + 2 * STRENGTH * pull * (at.detach() - to)
            if clip < math.inf:
                nn.utils.clip_grad_norm_(parameters, clip)
            before = [of.detach().clone() for of in parameters]
            optimizer.step()
            for of, gradient, was, along in zip(parameters, gradients, before, path, strict=True):
                along -= gradient * (of.detach() - was)
        for pull, along, of, begun in zip(omega, path, parameters, start, strict=True):
            pull += along / ((of.detach() - begun) ** 2 + XI)
            pull.clamp_(min=0)
        anchor = [of.detach().clone() for of in parameters]
    return vector(model), torch.cat([of.flatten() for of in omega])


def by_step(run: ProtectedRun, model: nn.Module, optimizer: Optimizer, inputs: Tensor, labels: Tensor) -> None:
    run.step(cross_entropy(model(inputs), labels))


def in_parts(run: ProtectedRun, model: nn.Module, optimizer: Optimizer, inputs: Tensor, labels: Tensor) -> None:
    for some, own in zip(inputs.split(1), labels.split(1), strict=True):
        run.backward(cross_entropy(model(some), own) / 4)
    run.step()


def last_part_in_step(
    run: ProtectedRun, model: nn.Module, optimizer: Optimizer, inputs: Tensor, labels: Tensor
) -> None:
    run.backward(cross_entropy(model(inputs[:2]), labels[:2]) / 2)
    run.step(cross_entropy(model(inputs[2:]), labels[2:]) / 2)


def several_losses(run: ProtectedRun, model: nn.Module, optimizer: Optimizer, inputs: Tensor, labels: Tensor) -> None:
    loss = cross_entropy(model(inputs), labels)
    run.step(0.25 * loss + 0.75 * loss)


def around_the_optimizer(
    run: ProtectedRun, model: nn.Module, optimizer: Optimizer, inputs: Tensor, labels: Tensor
) -> None:
    optimizer.zero_grad()
    loss = cross_entropy(model(inputs), labels)
    loss.backward()
    run.saw(loss)
    run.before_optimizer()
    optimizer.step()
    run.after_optimizer()


def zeros_kept(run: ProtectedRun, model: nn.Module, optimizer: Optimizer, inputs: Tensor, labels: Tensor) -> None:
    optimizer.zero_grad(set_to_none=False)
    loss = cross_entropy(model(inputs), labels)
    loss.backward()
    run.saw(loss.item())
    run.before_optimizer()
    optimizer.step()
    run.after_optimizer()


def with_scaler(run: ProtectedRun, model: nn.Module, optimizer: Optimizer, inputs: Tensor, labels: Tensor) -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    optimizer.zero_grad()
    loss = cross_entropy(model(inputs), labels)
    run.saw(loss)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    run.before_optimizer()
    scaler.step(optimizer)
    run.after_optimizer()
    scaler.update()


def trained(
    model: nn.Module, optimizer: Optimizer, step: Callable[..., None], folder: Path, **options: Any
) -> ProtectedRun:
    with cl_tui.protect(
        model, optimizer, method="si", strength=STRENGTH, xi=XI, session="own", sessions_dir=folder, **options
    ) as run:
        for number, task in enumerate(batches()):
            with run.task(f"task {number}"):
                for inputs, labels in task:
                    step(run, model, optimizer, inputs, labels)
            run.end_task()
    return run


def same(run: ProtectedRun, model: nn.Module, found: tuple[Tensor, Tensor]) -> None:
    torch.testing.assert_close(vector(model), found[0], rtol=1e-5, atol=2e-6)
    omega = torch.cat([of.flatten() for of in run.importance().values()])
    torch.testing.assert_close(omega, found[1], rtol=1e-4, atol=1e-5)


OPTIMIZERS: dict[str, Make] = {
    "adam": lambda model: Adam(model.parameters(), lr=0.02),
    "adam-decay": lambda model: Adam(model.parameters(), lr=0.02, betas=(0.8, 0.9), eps=1e-6, weight_decay=0.1),
    "adamw": lambda model: AdamW(model.parameters(), lr=0.02),
    "amsgrad": lambda model: Adam(model.parameters(), lr=0.02, amsgrad=True),
    "foreach": lambda model: Adam(model.parameters(), lr=0.02, foreach=True),
    "sgd": lambda model: SGD(model.parameters(), lr=0.1),
    "momentum": lambda model: SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "rmsprop": lambda model: RMSprop(model.parameters(), lr=0.01),
    "adagrad": lambda model: Adagrad(model.parameters(), lr=0.05),
    "nadam": lambda model: NAdam(model.parameters(), lr=0.02),
    "groups": lambda model: AdamW(
        [
            {"params": [of for of in model.parameters() if of.dim() > 1], "weight_decay": 0.2},
            {"params": [of for of in model.parameters() if of.dim() == 1], "weight_decay": 0.0, "lr": 0.01},
        ],
        lr=0.03,
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_any_optimizer(name: str, tmp_path: Path) -> None:
    model, other = net(), net()
    found = by_hand(other, theirs := OPTIMIZERS[name](other))
    run = trained(model, ours := OPTIMIZERS[name](model), by_step, tmp_path)
    same(run, model, found)
    ours_saved, theirs_saved = ours.state_dict(), theirs.state_dict()
    assert ours_saved["param_groups"] == theirs_saved["param_groups"]
    for key, state in theirs_saved["state"].items():
        torch.testing.assert_close(ours_saved["state"][key], state, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "step",
    [in_parts, last_part_in_step, several_losses, around_the_optimizer, zeros_kept, with_scaler],
    ids=lambda step: step.__name__,
)
def test_any_form_of_a_step(step: Callable[..., None], tmp_path: Path) -> None:
    model, other = net(), net()
    found = by_hand(other, OPTIMIZERS["adam"](other))
    same(trained(model, OPTIMIZERS["adam"](model), step, tmp_path), model, found)


def test_g_is_not_clipped_where_the_penalty_comes_before_clipping(tmp_path: Path) -> None:
    def clipped(run: ProtectedRun, model: nn.Module, optimizer: Optimizer, inputs: Tensor, labels: Tensor) -> None:
        run.backward(cross_entropy(model(inputs), labels))
        run.before_optimizer()
        nn.utils.clip_grad_norm_(model.parameters(), 0.2)
        optimizer.step()
        run.after_optimizer()
        optimizer.zero_grad()

    model, other = net(), net()
    found = by_hand(other, OPTIMIZERS["sgd"](other), clip=0.2)
    same(trained(model, OPTIMIZERS["sgd"](model), clipped, tmp_path), model, found)


def test_the_scaler_may_be_the_run_s_and_a_skipped_step_does_not_count(tmp_path: Path) -> None:
    model, other = net(), net()
    found = by_hand(other, OPTIMIZERS["adam"](other))
    calls = 0

    def scaled(run: ProtectedRun, model: nn.Module, optimizer: Optimizer, inputs: Tensor, labels: Tensor) -> None:
        nonlocal calls
        calls += 1
        if calls == 5:  # gradients that overflow, from a finite loss
            loss = cross_entropy(model(inputs), labels)
            handle = next(model.parameters()).register_hook(lambda gradient: gradient * math.inf)
            run.step(loss)
            handle.remove()
        run.step(cross_entropy(model(inputs), labels))

    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    run = trained(model, OPTIMIZERS["adam"](model), scaled, tmp_path, scaler=scaler)
    same(run, model, found)
    assert run.steps == 3 * STEPS
    assert any("1 step" in note.text for note in run.session.history().notes)


@pytest.mark.parametrize("unscaled", [False, True])
def test_a_scaler_that_protect_knows_is_unscaled_where_the_program_has_not(unscaled: bool, tmp_path: Path) -> None:
    model, other = net(), net()
    found = by_hand(other, OPTIMIZERS["adam"](other))
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)

    def scaled(run: ProtectedRun, model: nn.Module, optimizer: Optimizer, inputs: Tensor, labels: Tensor) -> None:
        optimizer.zero_grad()
        run.backward(cross_entropy(model(inputs), labels))
        if unscaled:
            scaler.unscale_(optimizer)
        run.before_optimizer()
        scaler.step(optimizer)
        run.after_optimizer()
        scaler.update()

    same(trained(model, OPTIMIZERS["adam"](model), scaled, tmp_path, scaler=scaler), model, found)


def test_autocast_and_a_scheduler(tmp_path: Path) -> None:
    """The penalty is never computed in half precision, and the learning rate is read at each step."""
    rates = []

    def mixed(run: ProtectedRun, model: nn.Module, optimizer: Optimizer, inputs: Tensor, labels: Tensor) -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            run.step(cross_entropy(model(inputs), labels))
        rates.append(scheduler.get_last_lr()[0])
        scheduler.step()

    model = net()
    optimizer = OPTIMIZERS["adam"](model)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    run = trained(model, optimizer, mixed, tmp_path)
    assert all(of.dtype == torch.float32 for of in run.importance().values())
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.02 * 0.9 ** (3 * STEPS))
    assert run.session.history().learning_rate(run.steps) is not None


def heads(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.ModuleDict({"body": nn.Linear(6, 5), **{f"head{k}": nn.Linear(5, 3) for k in range(3)}})


def test_a_head_without_a_gradient_is_left_alone_as_the_optimizer_leaves_it(tmp_path: Path) -> None:
    model = heads()
    optimizer = Adam(model.parameters(), lr=0.05)
    kept: list[Tensor] = []
    with cl_tui.protect(model, optimizer, session="heads", sessions_dir=tmp_path) as run:
        for number, task in enumerate(batches()):
            with run.task(f"{number}"):
                for inputs, labels in task:
                    run.step(cross_entropy(model[f"head{number}"](model["body"](inputs).relu()), labels))
            run.end_task()
            kept.append(model[f"head{number}"].weight.detach().clone())
    for number, weight in enumerate(kept):
        assert torch.equal(model[f"head{number}"].weight, weight)
        assert run.importance()[f"head{number}.weight"].sum() > 0


def odd_networks() -> Iterator[tuple[str, nn.Module]]:
    yield "not contiguous", _with_weight(net(), lambda weight: weight.t().contiguous().t())
    yield "double", net().double()
    frozen = net()
    frozen[0].bias.requires_grad_(False)
    yield "frozen", frozen


def _with_weight(model: nn.Sequential, change: Callable[[Tensor], Tensor]) -> nn.Sequential:
    layer = model[0]
    layer.weight = nn.Parameter(change(layer.weight.detach()))
    assert not layer.weight.is_contiguous()
    return model


@pytest.mark.parametrize(("name", "model"), odd_networks(), ids=lambda given: given if isinstance(given, str) else "")
def test_parameters_as_they_are(name: str, model: nn.Module, tmp_path: Path) -> None:
    other = copy.deepcopy(model)
    dtype = next(model.parameters()).dtype
    strides = [of.stride() for of in model.parameters()]
    pointers = [of.data_ptr() for of in model.parameters()]

    def step(run: ProtectedRun, model: nn.Module, optimizer: Optimizer, inputs: Tensor, labels: Tensor) -> None:
        run.step(cross_entropy(model(inputs.to(dtype)), labels))

    mine = [of for of in model.parameters() if of.requires_grad]
    run = trained(model, SGD(mine, lr=0.1), step, tmp_path)
    forward = other.forward
    other.forward = lambda inputs: forward(inputs.to(dtype))  # type: ignore[method-assign]
    found = by_hand(other, SGD([of for of in other.parameters() if of.requires_grad], lr=0.1))
    same(run, model, found)
    assert [of.stride() for of in model.parameters()] == strides
    assert [of.data_ptr() for of in model.parameters()] == pointers


def test_tied_weights_are_one_parameter(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6), nn.Linear(6, 3))
    model[2].weight = model[0].weight
    other = copy.deepcopy(model)
    found = by_hand(other, SGD(other.parameters(), lr=0.1))
    run = trained(model, SGD(model.parameters(), lr=0.1), by_step, tmp_path)
    same(run, model, found)
    assert sorted(run.importance()) == ["0.bias", "0.weight", "2.bias", "3.bias", "3.weight"]


def test_several_types_are_held_in_single_precision(tmp_path: Path) -> None:
    model = net()
    model[2].to(torch.bfloat16)

    def step(run: ProtectedRun, model: Any, optimizer: Optimizer, inputs: Tensor, labels: Tensor) -> None:
        run.step(cross_entropy(model[2](model[1](model[0](inputs)).bfloat16()).float(), labels))

    optimizer = AdamW([{"params": list(model[0].parameters())}, {"params": list(model[2].parameters())}], lr=0.02)
    run = trained(model, optimizer, step, tmp_path)
    assert {of.dtype for of in run.importance().values()} == {torch.float32}
    assert all(torch.isfinite(of).all() and of.sum() > 0 for of in run.importance().values())
    assert model[2].weight.dtype == torch.bfloat16


def test_the_model_is_an_ordinary_one_meanwhile_and_afterwards(tmp_path: Path) -> None:
    """zero_grad, a layer's own file, a deep copy, an optimizer that holds state already, and training on."""
    model, other = net(), net()
    optimizer, theirs = Adam(model.parameters(), lr=0.02), Adam(other.parameters(), lr=0.02)

    def plainly(model: nn.Module, optimizer: Optimizer) -> None:
        for inputs, labels in batches(seed=9)[0]:
            optimizer.zero_grad()
            cross_entropy(model(inputs), labels).backward()
            optimizer.step()

    plainly(model, optimizer)
    plainly(other, theirs)
    found = by_hand(other, theirs)
    run = trained(model, optimizer, by_step, tmp_path)
    same(run, model, found)
    torch.save(model[2].state_dict(), tmp_path / "layer.pt")
    assert (tmp_path / "layer.pt").stat().st_size < 4000
    torch.testing.assert_close(torch.load(tmp_path / "layer.pt")["weight"], model[2].weight.detach())
    assert vector(copy.deepcopy(model)).equal(vector(model))
    plainly(model, optimizer)
    plainly(other, theirs)
    torch.testing.assert_close(vector(model), vector(other), rtol=1e-4, atol=1e-5)
