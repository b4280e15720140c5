"""Initial weights from files: what fits is taken, what does not is named, and anything else is refused."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.errors import ConfigError, SessionMismatch
from engine.models.mlp import mlp
from engine.models.torchvision_nets import build
from engine.models.weights import put, read_weights
from engine.record.events import Noted, RunStarted
from engine.sessions.session import Session
from engine.training.control import Control
from engine.training.fork import fork
from engine.training.runner import train
from tests import runs


def network(hidden: int = 8, seed: int = 5, outputs: int = 10) -> nn.Module:
    return mlp((1, 8, 8), (hidden,), outputs, seed)


def saved(path: Path, state: dict[str, Any]) -> Path:
    if path.suffix == ".safetensors":
        save_file({name: tensor.clone() for name, tensor in state.items()}, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt", "w"])
def test_weights_are_read_from_either_format(name: str, tmp_path: Path) -> None:
    path = saved(tmp_path / name, network().state_dict())
    found = read_weights(str(path), "mlp")
    net = network(seed=0)
    assert put(found, net) == f"4 of the network's 4 tensors are from {path}"
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(net.parameters(), network().parameters(), strict=True))
    again = read_weights(str(saved(tmp_path / f"2{name}", network(seed=6).state_dict())), "mlp")
    assert found.digest != again.digest


def test_nested_prefixed_and_half_precision_weights_are_read(tmp_path: Path) -> None:
    state = {f"module.{name}": tensor.half() for name, tensor in network().state_dict().items()}
    path = saved(tmp_path / "w.pt", {"epoch": 3, "state_dict": state})
    net = network(seed=0)
    put(read_weights(str(path), "mlp"), net)
    assert torch.equal(net.get_parameter("fc1.weight"), network().get_parameter("fc1.weight").half().float())


def test_what_does_not_fit_is_named_and_stays_random(tmp_path: Path) -> None:
    other = {**network(outputs=7).state_dict(), "extra": torch.zeros(3), "bn.num_batches_tracked": torch.tensor(1)}
    path = saved(tmp_path / "w.pt", other)
    net = network(seed=0)
    told = put(read_weights(str(path), "mlp"), net)
    assert told == (
        f"2 of the network's 4 tensors are from {path}; random: head.weight 10×8 (there 7×8), head.bias 10 (there 7); "
        f"not used: head.weight, head.bias, extra"
    )
    assert torch.equal(net.get_parameter("head.weight"), network(seed=0).get_parameter("head.weight"))


def test_the_last_layer_is_found_under_torchvisions_name(tmp_path: Path) -> None:
    net = build((3, 16, 16), 4, 0, "shufflenet_v2_x0_5")
    state = build((3, 16, 16), 4, 1, "shufflenet_v2_x0_5").state_dict()
    theirs = {name.replace("head.", "fc."): tensor for name, tensor in state.items()}
    theirs.pop("conv1.0.weight")
    told = put(read_weights(str(saved(tmp_path / "w.pt", theirs)), "shufflenet_v2_x0_5"), net)
    assert torch.equal(net.get_parameter("head.weight"), theirs["fc.weight"])
    assert told.endswith("; random: conv1.0.weight 24×3×3×3")


class Evil:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return Path.touch, (Path("evil"),)  # type: ignore[return-value]


def write(path: Path, kind: str) -> None:
    whole = network().state_dict()
    if kind == "empty":
        path.touch()
    elif kind == "folder":
        path.mkdir()
    elif kind == "cut":
        saved(path, whole)
        path.write_bytes(path.read_bytes()[:-300])
    elif kind == "cut safetensors":
        saved(path.with_suffix(".safetensors"), whole).rename(path)
        path.write_bytes(path.read_bytes()[:-30])
    elif kind == "text":
        path.write_text("these are no weights at all")
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(Evil()))
    elif kind == "model":
        torch.save(network(), path)
    elif kind == "tensor":
        torch.save(torch.zeros(3), path)
    elif kind == "nothing in it":
        torch.save({"epoch": 3}, path)
    elif kind == "nan":
        whole["fc1.bias"][2] = torch.nan
        saved(path, whole)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "No such file"),
        ("empty", "is empty"),
        ("folder", "directory"),
        ("cut", "is neither a safetensors file nor a state dict"),
        ("cut safetensors", "is neither a safetensors file nor a state dict"),
        ("text", "is neither a safetensors file nor a state dict"),
        ("pickle", "is neither a safetensors file nor a state dict"),
        ("model", "it holds more than tensors, which would have to be run"),
        ("tensor", "holds no state dict, but a Tensor"),
        ("nothing in it", "holds no weights"),
        ("nan", "fc1.bias has values that are not finite"),
    ],
)
def test_any_other_file_is_refused_in_a_sentence(
    kind: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "w", kind)
    with pytest.raises(ConfigError, match=words) as refused:
        read_weights("w", "mlp")
    assert str(refused.value).startswith("weights = w")
    assert "\n" not in str(refused.value)
    assert refused.value.setting == "weights"
    assert not (tmp_path / "evil").exists()


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pt", {"features.0.weight": torch.zeros(64, 3, 11, 11)})
    with pytest.raises(
        ConfigError, match=r"none fits this network, which needs fc1.weight 8×64, .* it has features.0.w"
    ):
        put(read_weights(str(path), "mlp"), network())


def test_torchvisions_own_need_a_network_that_has_some_and_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="weights = default: torchvision has none for model conv; name a file"):
        read_weights("default", "conv")

    def unreachable(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", unreachable)
    with pytest.raises(ConfigError, match=r"resnet18-.*pth could not be downloaded .*no route to host.*; name a file"):
        read_weights("default", "resnet18")


def test_torchvisions_own_are_taken_from_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    state = {"features.0.weight": torch.zeros(64, 3, 11, 11)}
    saved(tmp_path / "checkpoints" / "alexnet-owt-7be5be79.pth", state)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *_, **__: state)
    found = read_weights("default", "alexnet")
    assert found.source == "torchvision's (alexnet-owt-7be5be79.pth)"
    assert found.tensors.keys() == state.keys()


# In a run


def configured(path: Path, method: str = "l2", **settings: Any) -> Any:
    return runs.tiny(method, weights=str(path), **settings)


def first_weights(session: Session) -> Tensor:
    return runs.newest(session)[0]["theta"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return saved(tmp_path / "w.pt", network().state_dict())


def test_a_run_begins_with_them_and_says_so(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """l2's anchor and the frozen layer are the given weights."""
    session = runs.finished(tmp_path, configured(file, "si", lr=1e-12, freeze=("fc1.weight",)))
    theta = first_weights(session)
    wanted = torch.cat(
        [tensor.detach().flatten() for name, tensor in network().named_parameters() if name != "fc1.weight"]
    )
    torch.testing.assert_close(theta, wanted, rtol=0, atol=1e-6)
    assert torch.equal(runs.newest(session)[0]["frozen/fc1.weight"], network().get_parameter("fc1.weight"))
    events = session.readable(0)[0]
    assert next(event for event in events if isinstance(event, RunStarted)).versions["weights"]
    assert any("4 of the network's 4 tensors are from" in event.text for event in events if isinstance(event, Noted))


def test_a_resume_needs_them_only_before_the_first_checkpoint(tmp_path: Path, file: Path) -> None:
    config = configured(file, "si")
    whole = runs.finished(tmp_path, config, "whole")
    early, late = (runs.create(tmp_path, config, name) for name in ("early", "late"))
    runs.killed(early, 3)
    runs.killed(late, 5, saves=[4])
    train(early, Control())
    runs.assert_same_run(whole, early)
    again = runs.create(tmp_path, config, "again")
    runs.killed(again, 3)
    saved(file, network(seed=6).state_dict())
    with pytest.raises(SessionMismatch, match=r"the weights in .* have changed since session again began"):
        train(again, Control())
    file.unlink()
    train(late, Control())
    runs.assert_same_run(whole, late)
    child = fork(whole, 0, "child", {})
    train(child, Control())
    runs.assert_same_tensors(runs.newest(child)[0], runs.newest(whole)[0])
    with pytest.raises(ConfigError, match="weights cannot change"):
        fork(whole, 0, "other", {"weights": "other.pt"})


def test_missing_weights_end_the_run_before_its_first_step(tmp_path: Path) -> None:
    session = runs.create(tmp_path, configured(tmp_path / "none.pt"))
    with pytest.raises(ConfigError, match=r"none.pt: No such file"):
        train(session, Control())
    with pytest.raises(ConfigError, match="reset_network = true: the network would only begin with --weights"):
        configured(tmp_path / "none.pt", "none", reset_network=True)
