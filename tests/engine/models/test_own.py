"""Networks that a user's function builds: what it may be, and what is wrong in one sentence before training starts."""

import os
import sys
from pathlib import Path

import pytest
import torch

from engine.errors import EngineError, UntrustedCode
from engine.sessions.session import Session
from engine.settings.own_code import load, named
from engine.settings.run import resolve
from engine.training.build import build_model
from engine.training.control import Control
from engine.training.fork import fork
from engine.training.runner import train
from tests import own_code
from tests.runs import AtStep, assert_same_run, create, tensors

CPU = torch.device("cpu")


def weights(folder: Path, seed: int = 0) -> torch.Tensor:
    model = build_model(own_code.own(folder, seed=seed), (3,), 4, CPU, lambda: torch.randn(4, 3))
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_weights_depend_on_the_seed_alone(tmp_path: Path) -> None:
    """Also those of lazy layers, and draws from NumPy and Python; torch's own generator stays as it was."""
    own_code.write(
        tmp_path,
        net="""
        import random
        import numpy as np
        import torch
        from torch import nn

        def build(outputs):
            net = nn.Sequential(nn.LazyLinear(5), nn.Tanh(), nn.Linear(5, outputs))
            net.drawn = nn.Parameter(torch.tensor([random.random(), np.random.rand()], dtype=torch.float32))
            return net
        """,
    )
    before = torch.get_rng_state()
    first = weights(tmp_path)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(5)
    assert torch.equal(first, weights(tmp_path))
    assert not (first == weights(tmp_path, seed=1)).any()


@pytest.mark.parametrize(
    ("net", "says"),
    [
        ("import nix_there", "line 1: ModuleNotFoundError: No module named 'nix_there'"),
        ("x = 1\ndef build(:", "line 2: SyntaxError: invalid syntax"),
        ("def other(inputs): pass", "it has no build: it defines other"),
        ("x = " + 200_000 * "-" + "1", "it cannot be compiled: an expression is nested too deeply"),
        ("class E(Exception):\n  def __str__(self): return 1 / 0\nraise E", "line 3: E: E"),
        ("class E(Exception):\n  msg = property(lambda self: 1 / 0)\nraise E('why')", "line 3: E: why"),
        ("raise ValueError('x' * 100_000)", "line 1: ValueError: " + 400 * "x"),
        ("def biuld(inputs): pass", "it has no build: did you mean biuld?"),
        ("build = 3", "build is an int, not a function"),
        ("raise SystemExit(0)", "line 1: it ends the program"),
        (
            "def build(shape, outputs): pass",
            "line 1: build needs shape, which a run does not give: it gives inputs, outputs and seed, by these names, "
            "as in def build(inputs, outputs)",
        ),
        ("def build(inputs, /, outputs): pass", "build needs inputs, which a run does not give"),
        ("def build(inputs, outputs):\n    return 1 / 0", "line 2: ZeroDivisionError: division by zero"),
        ("def build(inputs, outputs): pass", "build returns nothing instead of a network (torch.nn.Module)"),
        ("def build(): return 3", "build returns an int instead of a network"),
        ("from torch import nn\ndef build(): return nn.ReLU()", "the network that build returns has no parameters"),
        (
            "from torch import nn\ndef build(): return nn.Linear(3, 4).requires_grad_(False)",
            "the network that build returns is frozen",
        ),
        (
            "from torch import nn\ndef build(): return nn.Linear(3, 4).double()",
            "it has weight (float64), bias (float64): build it with",
        ),
        (
            "from torch import nn\ndef build(): return nn.Linear(3, 7)",
            "for 4 inputs of 3 the network gives outputs of 4×7; they should be 4×4: 4 outputs for each example",
        ),
        ("from torch import nn\ndef build(): return nn.Linear(5, 4)", "the network cannot take inputs of 4×3: Runtime"),
        (
            "from torch import nn\nclass build(nn.Linear):\n    def __init__(self): super().__init__(3, 4)\n"
            "    def forward(self, x):\n        return x.nix",
            "line 5: the network cannot take inputs of 4×3: AttributeError: 'Tensor' object has no attribute 'nix'",
        ),
        (
            "from torch import nn\nclass build(nn.Linear):\n    def __init__(self): super().__init__(3, 4)\n"
            "    def forward(self, x): return x, x",
            "the network gives a tuple instead of a tensor",
        ),
        (
            "from torch import nn\ndef build():\n    net = nn.Linear(3, 4)\n"
            "    nn.init.constant_(net.weight, float('nan'))\n    return net",
            "the network's outputs for the first batch are not all finite",
        ),
        (
            "from torch import nn\nclass build(nn.Linear):\n    def __init__(self): super().__init__(3, 4)\n"
            "    def forward(self, x): return super().forward(x).argmax(1).unsqueeze(1).expand(-1, 4)",
            "the network's outputs are int64; they should be floats",
        ),
        (
            "from torch import nn, no_grad\nclass build(nn.Linear):\n    def __init__(self): super().__init__(3, 4)\n"
            "    def forward(self, x):\n        with no_grad(): return super().forward(x)",
            "the network's outputs do not depend on its parameters (no_grad, or detach?)",
        ),
        (
            "from torch import nn\nclass build(nn.Linear):\n    def __init__(self): super().__init__(3, 4)\n"
            "    def forward(self, x):\n        y = super().forward(x).exp()\n        y += 1\n        return y",
            "the network has no gradient: RuntimeError: one of the variables needed for gradient computation has been",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence_before_training(net: str, says: str, tmp_path: Path) -> None:
    own_code.write(tmp_path, net=net)
    with pytest.raises(EngineError) as caught:
        weights(tmp_path)
    told = str(caught.value)
    assert says in told
    assert told.startswith(f"model = my_nets.py:build: {tmp_path / 'my_nets.py'}")
    assert caught.value.exit_code == 2
    assert "\n" not in told


def test_code_that_nobody_allowed_is_not_loaded(tmp_path: Path) -> None:
    own_code.write(tmp_path, net="raise SystemExit")
    (code,) = named(dict(resolve({"model": "my_nets.py:build", "code_dir": str(tmp_path)})))
    with pytest.raises(UntrustedCode):
        load(code)


def test_files_beside_it_can_be_imported_and_hide_nothing_afterwards(tmp_path: Path) -> None:
    own_code.write(tmp_path, net="from parts import block\nimport json\nassert json.dumps\ndef build(): return block()")
    (tmp_path / "parts.py").write_text("from torch import nn\ndef block(): return nn.Linear(3, 4)\n")
    assert weights(tmp_path).shape == (16,)
    assert sys.path[0] != str(tmp_path)


def test_a_file_of_the_same_name_in_another_folder_is_another(tmp_path: Path) -> None:
    for folder, size in (("one", 1), ("two", 2)):
        (tmp_path / folder).mkdir()
        own_code.write(tmp_path / folder, net="from parts import block\ndef build(): return block()")
        (tmp_path / folder / "parts.py").write_text(
            f"from torch import nn\ndef block(): return nn.Sequential(nn.Linear(3, {size}), nn.Linear({size}, 4))\n"
        )
        assert weights(tmp_path / folder).shape == (4 * size + 4 * size + 4,)


OPTIONS: list[dict[str, object]] = [
    {"method": "ewc", "scenario": "task", "freeze": ["0.bias"]},
    {"method": "si", "scenario": "domain", "optimizer": "sgd", "keep": "best"},
    {"method": "mas", "scenario": "class", "leave_alone": ["2.*"]},
    {"method": "joint", "scenario": "task", "reset_network": True},
    {"method": "lwf", "scenario": "task"},
]
DROPOUT = own_code.NET.replace("nn.ReLU(), ", "nn.ReLU(), nn.Dropout(0.3), ").replace("nn.Linear(8,", "nn.Linear(8,")


@pytest.mark.parametrize("settings", OPTIONS, ids=lambda of: f"{of['method']}-{of['scenario']}")
def test_a_stop_anywhere_changes_no_bit(settings: dict[str, object], tmp_path: Path) -> None:
    """With dropout, whose masks are drawn again."""
    own_code.write(tmp_path, net=DROPOUT)
    if settings.get("leave_alone"):
        settings = {**settings, "leave_alone": ["3.*"]}
    config = own_code.own(tmp_path, **settings)
    whole = create(tmp_path / "whole", config)
    assert train(whole, Control()).state == "finished"
    steps = whole.history().step
    for step in (1, steps // 2, steps - 1):
        stopped = create(tmp_path / f"stopped-{step}", config)
        assert train(stopped, AtStep(step)).state == "stopped"
        again = Session.open(stopped.path.parent, stopped.name)
        train(again, Control())
        assert_same_run(again, whole)


def test_a_fork_and_initial_weights(tmp_path: Path) -> None:
    own_code.write(tmp_path)
    config = own_code.own(tmp_path)
    parent = create(tmp_path / "runs", config)
    train(parent, Control())
    child = fork(parent, 0, "child", {"method": "mas"})
    assert train(child, Control()).state == "finished"
    assert child.config.model == "my_nets.py:build"
    model = build_model(own_code.own(tmp_path, seed=9), (3,), 4, CPU, lambda: torch.randn(4, 3))
    torch.save(model.state_dict(), tmp_path / "start.pt")
    given = create(tmp_path / "runs", own_code.own(tmp_path, weights=str(tmp_path / "start.pt"), lr=1e-30), "given")
    train(given, Control())
    last = next(iter(reversed(tensors(given).values())))["theta"]
    assert torch.equal(last, torch.cat([of.detach().flatten() for of in model.parameters()]))


def test_a_network_with_more_layers_than_a_log_can_tell_is_refused(tmp_path: Path) -> None:
    own_code.write(
        tmp_path,
        net="""
        import torch

        class build(torch.nn.Module):
            def __init__(self, inputs, outputs):
                super().__init__()
                self.layers = torch.nn.ParameterList([torch.zeros(1) for _ in range(10_000)])
                self.head = torch.nn.Linear(inputs[0], outputs)

            def forward(self, inputs):
                return self.head(inputs)
        """,
    )
    with pytest.raises(EngineError, match="it has 10,002 parameters with names: a session keeps at most 10,000"):
        weights(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    own_code.write(tmp_path)
    config = own_code.own(tmp_path)
    code = next(code for code in named(dict(config)) if code.setting == "model")
    code.path.unlink()
    os.mkfifo(code.path)
    with pytest.raises(EngineError, match="it is no file"):
        load(code)


def test_what_code_sets_for_the_whole_process_is_set_back(tmp_path: Path) -> None:
    own_code.write(
        tmp_path,
        net="""
        import os
        import torch

        def build(inputs, outputs):
            os.chdir("/")
            torch.set_grad_enabled(False)
            torch.set_default_dtype(torch.float64)
            return torch.nn.Linear(inputs[0], outputs).float()
        """,
    )
    folder = os.getcwd()
    with pytest.raises(EngineError, match="the network cannot take inputs"):
        weights(tmp_path)
    assert (os.getcwd(), torch.is_grad_enabled(), torch.get_default_dtype()) == (folder, True, torch.float32)
