"""Frozen parameters: not trained, not in θ, and saved with the buffers."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from cl_tui.reports.text import variant
from engine.analysis.measure import analyse
from engine.errors import ConfigError
from engine.models.flat import FlatParameters, freeze, frozen
from engine.sessions.session import Session
from engine.training.control import Control
from engine.training.fork import fork
from engine.training.runner import train
from engine.training.state import RunState
from tests import runs
from tests.engine.training.test_resume import assert_every_stop_is_harmless
from tests.engine.training.test_state import CPU, state_of


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda file: None)


@runs.by_case([("si", {}), ("ewc", {"keep": "best", "optimizer": "adamw"}), ("mas", {}), ("rwalk", {}), ("joint", {})])
def test_a_run_with_frozen_parameters_resumes_at_every_step_in_the_same_bits(
    method: str, options: dict[str, Any], tmp_path: Path
) -> None:
    config = runs.tiny(method, freeze=["fc1.*"], **options)
    assert_every_stop_is_harmless(tmp_path, config)
    start = state_of(config).network()
    tensors, _ = runs.newest(Session.open(tmp_path, "whole"))
    for name in ("frozen/fc1.weight", "frozen/fc1.bias"):
        assert torch.equal(tensors[name], start[name])
    assert tensors["theta"].shape == start["theta"].shape == (8 * 10 + 10,)
    assert not torch.equal(tensors["theta"], start["theta"])


@pytest.mark.parametrize("method", ["ewc", "mas", "none"])
def test_frozen_parameters_are_saved_forked_and_analysed(method: str, tmp_path: Path) -> None:
    """They come from the checkpoint, not from the seed; and they have no importance."""
    config = runs.tiny(method, freeze=["head.weight"], tasks=3)
    session = runs.finished(tmp_path, config)
    analysis = analyse(session)
    assert analysis.forgetting is not None
    assert [layer.layer for layer in analysis.forgetting.layers] == ["fc1.weight", "fc1.bias", "head.bias"]
    assert [layer.layer for layer in analysis.agreement.layers] == ["fc1.weight", "fc1.bias", "head.bias"]
    child = fork(session, 0, "child", {})
    train(child, Control())
    runs.assert_same_tensors(runs.newest(child)[0], runs.newest(session)[0])
    state = state_of(config)
    frozen(state.model)["head.weight"].zero_()
    state.load_network(runs.newest(session)[0])
    assert state.model.get_parameter("head.weight").any()
    with pytest.raises(ConfigError, match="freeze cannot change"):
        fork(session, 0, "other", {"freeze": ["fc1.*"]})


@pytest.mark.parametrize(
    ("patterns", "says"),
    [
        (["fc1.*", "features.*"], r"freeze = features\.\*: no parameter has such a name; there are fc1.weight, fc1"),
        (["*.bias", "*.weight"], r"freeze = \*\.bias,\*\.weight: the network has no parameter left to train"),
    ],
)
def test_a_pattern_for_nothing_or_for_everything_is_refused_before_training(
    patterns: list[str], says: str, tmp_path: Path
) -> None:
    session = runs.create(tmp_path, runs.tiny("si", freeze=patterns))
    with pytest.raises(ConfigError, match=says) as caught:
        train(session, Control())
    assert caught.value.setting == "freeze"
    assert session.history().step == 0


def test_what_is_frozen_is_told_and_stored_only_where_something_is() -> None:
    assert variant(runs.tiny("si", freeze=["fc1.*", "*.bias"])) == ["frozen fc1.*,*.bias"]
    assert 'freeze = [\n    "fc1.*",\n]' in runs.tiny("si", freeze=["fc1.*"]).to_toml()
    assert "freeze" not in runs.tiny("si").to_toml()


def test_a_shared_parameter_is_one_and_frozen_by_either_name() -> None:
    def tied() -> nn.Sequential:
        model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
        model[1].weight = model[0].weight
        return model

    whole = FlatParameters(tied())
    assert [layer.name for layer in whole.layers] == ["0.weight", "0.bias", "1.bias"]
    assert whole.size == 9 + 3 + 3
    model = tied()
    freeze(model, ["1.weight"])
    assert list(frozen(model)) == ["0.weight"]
    assert [layer.name for layer in FlatParameters(model).layers] == ["0.bias", "1.bias"]


def test_a_checkpoint_without_the_frozen_weights_is_of_another_run(tmp_path: Path) -> None:
    session = runs.finished(tmp_path, runs.tiny("si", freeze=["fc1.*"]))
    other = state_of(runs.tiny("si"))
    assert isinstance(other, RunState)
    assert other.device == CPU
    with pytest.raises(Exception, match=r"its theta is 90 float32, not 610 float32"):
        other.read(session.checkpoints()[0])
