"""The slowly changing regression problem, worked out bit by bit."""

import pytest
import torch

from engine.settings.run import RunConfig, resolve
from engine.streams.slowly_changing import BITS, SLOW, TargetNetwork, stream, tasks
from tests import runs


def chosen(**settings: object) -> RunConfig:
    return resolve({"benchmark": "slowly-changing-regression", "examples_per_task": 200} | settings)


def test_a_target_is_the_sum_of_the_units_that_fire() -> None:
    """A unit fires if more than 70 % of its 21 inputs, with the bias, agree with the sign of their weight."""
    network = TargetNetwork(torch.Generator().manual_seed(3))
    bits = torch.randint(2, (40, BITS), generator=torch.Generator().manual_seed(4)).float()
    assert network(bits).unique().numel() > 3
    for row, found in zip(bits.tolist(), network(bits).flatten().tolist(), strict=True):
        target = network.bias.item()
        units = zip(network.weights.tolist(), network.biases.tolist(), network.out.flatten().tolist(), strict=True)
        for weights, bias, out in units:
            agree = sum((bit == 1) == (weight == 1) for bit, weight in zip(row, weights, strict=True)) + (bias == 1)
            target += out if agree > 0.7 * 21 else 0
        assert found == target


@pytest.mark.parametrize("flipped", [1, 4, 15])
def test_between_two_tasks_so_many_slow_bits_flip(flipped: int) -> None:
    made = tasks(chosen(tasks=5, bits_flipped=flipped))
    slow = []
    for _, data in made:
        for part in (data.train, data.test):
            assert len(part.inputs[:, :SLOW].unique(dim=0)) == 1  # type: ignore[index]
        assert len(data.train.inputs[:, SLOW:].unique(dim=0)) > 25  # type: ignore[index]
        assert sorted(map(tuple, data.test.inputs.tolist())) == sorted({tuple(of) for of in data.test.inputs.tolist()})  # type: ignore[union-attr]
        assert len(data.test) == 2 ** (BITS - SLOW)
        slow.append(data.test.inputs[0, :SLOW])  # type: ignore[index]
    for (name, _), before, after in zip(made[1:], slow[:-1], slow[1:], strict=True):
        changed = (before != after).nonzero().flatten() + 1
        assert len(changed) == flipped
        assert name.split()[1:] == [str(bit) for bit in changed.tolist()]


def test_the_seed_decides_the_data_and_more_tasks_keep_the_first() -> None:
    one, again, longer, other = (
        stream(chosen(seed=seed, tasks=count)) for seed, count in ((0, 3), (0, 3), (0, 5), (1, 3))
    )
    assert one.digest == again.digest != other.digest
    for number in range(3):
        assert torch.equal(one.tasks[number].train.targets, longer.tasks[number].train.targets)


def test_fine_tuning_forgets_here(tmp_path: object) -> None:
    """With the defaults, in fewer and shorter tasks."""
    history = runs.finished(tmp_path, chosen(method="none", tasks=4, examples_per_task=4000, seed=100)).history()  # type: ignore[arg-type]
    learned = [row[task] for task, row in enumerate(history.matrix)]
    chances = [info.chance for info in history.tasks]
    assert all(score < chance for score, chance in zip(learned, chances, strict=True) if chance)  # type: ignore[operator]
    assert sum(history.matrix[-1][:3]) > 1.5 * sum(learned[:3]), "the RMSE on earlier tasks has grown"
