"""protect computes what the engine's own training computes, in any program."""

from pathlib import Path

import pytest
import torch

from engine.sessions.session import Session
from tests.engine.own_loop.loops import by_trainer, network, own_loop, protected, small, stream_of, vector

METHODS = ("none", "l2", "si", "ewc", "mas", "rwalk")


@pytest.mark.parametrize("method", METHODS)
def test_weights_and_importances_are_those_of_the_trainer(method: str, tmp_path: Path) -> None:
    config = small(method)
    found = by_trainer(config, tmp_path)
    stream = stream_of(config)
    model = network(config, stream)
    with protected(config, model, torch.optim.Adam(model.parameters(), lr=config.lr), tmp_path) as run:
        own_loop(config, stream, model, run)
    torch.testing.assert_close(vector(model), found["theta"], rtol=0, atol=1e-6)
    if method == "none":
        assert run.importance() == {}
    else:
        omega = torch.cat([of.flatten() for of in run.importance().values()])
        torch.testing.assert_close(omega, found["penalty/importance"], rtol=1e-5, atol=1e-6)
    history = Session.open(tmp_path, f"own-{method}").history()
    assert history.state == "finished"
    assert history.step == run.steps == sum(phase.steps for phase in stream.phases)
