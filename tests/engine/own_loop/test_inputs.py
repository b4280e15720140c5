"""The data that importances are measured on, in every form that programs have, against loops of single examples."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.optim import SGD
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import cl_tui
from engine.errors import EngineError
from tests.engine.own_loop.test_forms import net
from tests.reference.ewc import batched_fisher, exact_fisher, labelled_fisher
from tests.reference.mas import sensitivity
from tests.reference.regression import normal_fisher, slow_sensitivity

COUNT = 10
INPUTS = torch.randn(COUNT, 6, generator=torch.Generator().manual_seed(5))
LABELS = torch.randint(3, (COUNT,), generator=torch.Generator().manual_seed(6))
ALL = (0, 1, 2)


def measured(folder: Path, model: nn.Module, inputs: Any, active: Any = None, **options: Any) -> Tensor:
    """Ω after a task with one step of lr 0, which changes nothing."""
    optimizer = SGD(model.parameters(), lr=0.0)
    with cl_tui.protect(model, optimizer, sessions_dir=folder, **options) as run:
        run.task("a")
        run.step(sum((of.sum() for of in model.parameters()), torch.zeros(())))
        run.end_task(inputs=inputs, active=active)
    return torch.cat([of.flatten() for of in run.importance().values()])


def flat(parts: list[Tensor]) -> Tensor:
    return torch.cat([part.flatten() for part in parts])


def close(found: Tensor, slow: list[Tensor]) -> None:
    torch.testing.assert_close(found, flat(slow), rtol=1e-4, atol=1e-6)


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        yield from zip(INPUTS, LABELS, strict=True)


FORMS: dict[str, Any] = {
    "loader": lambda: DataLoader(TensorDataset(INPUTS, LABELS), batch_size=4, shuffle=True),
    "iterable dataset": lambda: DataLoader(Endless(), batch_size=3),
    "pair": lambda: (INPUTS, LABELS),
    "list of batches": lambda: [(INPUTS[:7], LABELS[:7]), [INPUTS[7:], LABELS[7:]]],
    "generator": lambda: ((INPUTS[k : k + 2], LABELS[k : k + 2]) for k in range(0, COUNT, 2)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fisher", ["exact", "empirical"])
def test_fisher_of_each_form(form: str, fisher: str, tmp_path: Path) -> None:
    model = net()
    slow = exact_fisher(model, INPUTS, ALL) if fisher == "exact" else labelled_fisher(model, INPUTS, LABELS, ALL)
    close(measured(tmp_path, model, FORMS[form](), method="ewc", fisher=fisher), slow)


@pytest.mark.parametrize("inputs", [INPUTS, list(INPUTS.split(3)), FORMS["loader"]()], ids=["tensor", "list", "loader"])
def test_mas_needs_no_labels(inputs: Any, tmp_path: Path) -> None:
    model = net()
    close(measured(tmp_path, model, inputs, method="mas"), sensitivity(model, INPUTS, ALL))


def test_the_batched_form_takes_the_program_s_own_batches(tmp_path: Path) -> None:
    model = net()
    loader = DataLoader(TensorDataset(INPUTS, LABELS), batch_size=4)
    found = measured(tmp_path, model, loader, method="ewc", fisher="batched")
    close(found, batched_fisher(model, INPUTS, LABELS, ALL, 4))


def test_some_outputs_compete_and_targets_are_their_numbers(tmp_path: Path) -> None:
    model, active = net(), [2, 0]
    labels = torch.tensor(active)[torch.arange(COUNT) % 2]
    for given in (active, torch.tensor(active), torch.tensor([True, False, True])):
        found = measured(tmp_path, model, (INPUTS, labels), given, method="ewc", fisher="empirical")
        close(found, labelled_fisher(model, INPUTS, labels // 2, [0, 2]))
    close(measured(tmp_path, model, INPUTS, range(1, 3), method="mas"), sensitivity(model, INPUTS, (1, 2)))


class Dictionary(nn.Module):
    """A network that takes words and a mask, and returns an object, as Hugging Face's do."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(9, 6)
        self.body = net()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None) -> Any:
        mask = attention_mask.unsqueeze(-1).to(self.table.weight.dtype)
        return SimpleNamespace(logits=self.body((self.table(input_ids) * mask).sum(1)))


def test_dictionaries_and_a_forward_of_one_s_own(tmp_path: Path) -> None:
    model = Dictionary()
    random = torch.Generator().manual_seed(0)
    words, mask = torch.randint(9, (COUNT, 4), generator=random), torch.rand(COUNT, 4, generator=random) > 0.3
    batches = [
        {"input_ids": words[rows], "attention_mask": mask[rows], "labels": LABELS[rows]}
        for rows in torch.arange(COUNT).split(4)
    ]
    slow = [torch.zeros_like(of) for of in model.parameters()]
    for word, kept, label in zip(words, mask, LABELS, strict=True):
        loss = cross_entropy(model(word[None], kept[None]).logits, label[None])
        for total, of in zip(slow, torch.autograd.grad(loss, list(model.parameters())), strict=True):
            total += of.square() / COUNT
    found = measured(
        tmp_path, model, batches, method="ewc", fisher="empirical", forward=lambda model, batch: model(**batch)
    )
    close(found, slow)
    with pytest.raises(EngineError, match=re.escape("a function forward=…")):
        measured(tmp_path, Dictionary(), batches, method="ewc")


def test_regression_and_a_loss_of_one_s_own(tmp_path: Path) -> None:
    model = net()
    targets = torch.randn(COUNT, 3, generator=torch.Generator().manual_seed(7))
    found = measured(tmp_path, model, (INPUTS, targets), method="ewc", problem="regression")
    close(found, normal_fisher(model, INPUTS, ALL, None))
    close(measured(tmp_path, model, INPUTS, method="mas", problem="regression"), slow_sensitivity(model, INPUTS, ALL))

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return mse_loss(outputs, targets, reduction="none").sum(1) / 2

    slow = normal_fisher(model, INPUTS, ALL, targets - model(INPUTS).detach())
    found = measured(tmp_path, model, (INPUTS, targets), method="ewc", problem=loss, fisher="empirical")
    close(found, slow)
    with pytest.raises(EngineError, match=r"returned a loss of shape \(\)"):
        measured(tmp_path, model, (INPUTS, targets), method="ewc", problem=mse_loss, fisher="empirical")


def test_fewer_examples_are_drawn_from_all(tmp_path: Path) -> None:
    model = net()
    some = measured(tmp_path, model, (INPUTS, LABELS), method="ewc", fisher_samples=4, seed=3)
    again = measured(tmp_path, model, FORMS["list of batches"](), method="ewc", fisher_samples=4, seed=3)
    torch.testing.assert_close(some, again, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(some, flat(exact_fisher(model, INPUTS, ALL)))
    with pytest.raises(EngineError, match="got an iterator, which ends"):
        measured(tmp_path, model, FORMS["generator"](), method="ewc", fisher_samples=4)


def test_dropout_is_off_while_it_is_measured_and_on_again_afterwards(tmp_path: Path) -> None:
    model = nn.Sequential(*net(), nn.Dropout(0.5))
    slow = exact_fisher(model.eval(), INPUTS, ALL)
    model.train()
    close(measured(tmp_path, model, (INPUTS, LABELS), method="ewc"), slow)
    assert model.training


@pytest.mark.parametrize(
    ("inputs", "active", "said"),
    [
        (None, None, "method ewc measures importances on the task's data"),
        ([], None, "got no batch"),
        (3, None, "got int: give a DataLoader"),
        ([("a", "b")], None, "which does not begin with a tensor"),
        ((INPUTS, LABELS), [0, 0], "give each competing output once"),
        ((INPUTS, LABELS), "ab", "give a range or a list"),
        ((INPUTS, LABELS), [0, 1], "is 2, which is not among the outputs that compete"),
        ((INPUTS, LABELS + 1), None, "is 3, which is not among the outputs that compete"),
        ((INPUTS, LABELS.float()), None, "classification needs one whole number for each example"),
        ((INPUTS, LABELS), [5], "there is no output 5; there are 0 to 2"),
        (INPUTS, None, "fisher = empirical needs each example's target"),
    ],
)
def test_data_that_do_not_serve_leave_the_task_as_it_was(inputs: Any, active: Any, said: str, tmp_path: Path) -> None:
    model = net()
    ewc: dict[str, Any] = {"method": "ewc", "fisher": "empirical", "sessions_dir": tmp_path}
    with cl_tui.protect(model, SGD(model.parameters(), lr=0.1), **ewc) as run:
        run.task("a")
        run.step(model(INPUTS).square().mean())
        with pytest.raises(EngineError, match=re.escape(said)):
            run.end_task(inputs=inputs, active=active)
        assert run.ended == ()
        run.step(model(INPUTS).square().mean())
        run.end_task(inputs=(INPUTS, LABELS))
    assert run.ended == ("a",)
