"""A trained network for other programs: its weights as safetensors, or the network itself as ONNX."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from engine import strict_json
from engine.catalog.own_loop import OWN_LOOP
from engine.commands import command
from engine.errors import ConfigError, EngineError, SessionDamaged, SessionMismatch, SessionTooYoung, first_line
from engine.models.mode import evaluating
from engine.sessions import checkpoint
from engine.sessions.checkpoint import Cursor
from engine.sessions.session import Session
from engine.settings.consistent import shape_of
from engine.settings.run import RunConfig
from engine.streams.class_names import class_names
from engine.training.build import load_stream
from engine.training.fork import no_end
from engine.training.growth import growth, kinds_of
from engine.training.network import Network, mismatch, outputs_of

CPU = torch.device("cpu")
TRIED = 3
"""Random examples on which a head alone is compared with the whole network."""


@dataclass(frozen=True)
class Trained:
    """A network with the weights of a checkpoint."""

    net: nn.Module
    inputs: tuple[int, ...]
    """Shape of an example."""
    about: dict[str, str]
    """Where it is from and what its outputs mean: text by name."""

    def state_dict(self) -> dict[str, Tensor]:
        """What ``load_state_dict`` takes. A network of torchvision has the names that torchvision gives it."""
        was = getattr(self.net, "head_was", "head")
        return {
            f"{was}.{name.removeprefix('head.')}" if name.startswith("head.") else name: tensor.clone().contiguous()
            for name, tensor in self.net.state_dict().items()
        }


def weights_file(trained: Trained) -> bytes:
    return safetensors.torch.save(trained.state_dict(), {"format": "pt", **trained.about})


def trained_network(session: Session, at_task: int | None = None, head: int | None = None) -> Trained:
    """The network at the end of task ``at_task``, or that of the newest checkpoint; with ``head``, it has only that
    task's outputs. Tasks count from 1. Reads data only if nothing else says the shape of an example.

    Raises SessionTooYoung, SessionDamaged, SessionMismatch, ConfigError or BenchmarkError.
    """
    config = session.config
    if config.benchmark == OWN_LOOP:
        raise ConfigError(
            f"session {session.name} is of a training loop of your own, so its network is in your program: save it "
            f"there, with torch.save(model.state_dict(), FILE)"
        )
    path, tensors, cursor = _read(session, at_task)
    newest = cursor.task if cursor.task_step else cursor.task - 1
    inputs, sizes = _shape(config), config.classes_by_task()
    whole = Network(config, inputs, outputs_of(config), CPU)
    if grown := growth(config, whole, inputs, kinds_of(tensors)):
        tensors = grown.grown(tensors, whole.tensors(), ["theta"])
    if why := mismatch(whole.tensors(), tensors):
        raise SessionMismatch(f"checkpoint {path} does not fit the network in config.toml: {why}")
    whole.load(tensors)
    first = [0 if config.scenario == "domain" else sum(sizes[:task]) for task in range(config.tasks)]
    about = {
        "session": session.name,
        "method": config.method,
        "benchmark": config.benchmark,
        "scenario": config.scenario,
        "model": config.model,
        "seed": str(config.seed),
        "inputs": strict_json.dumps(inputs),
        "tasks": str(config.tasks),
        "task": str(newest + 1),
        "task_step": str(cursor.task_step),
        "step": str(cursor.step),
    }
    if head is None:
        return Trained(whole.model, inputs, about | {"outputs": _meaning(config, range(config.tasks), first)})
    _check_head(config, head, newest)
    if config.norm_statistics == "own" and head - 1 < newest:
        kept = {name.removeprefix("statistics/"): of for name, of in tensors.items() if name.startswith("statistics/")}
        whole.load({f"buffers/{name}": of[head - 1] for name, of in kept.items()})
    alone = _alone(config, whole, inputs, first[head - 1], sizes[head - 1])
    return Trained(alone, inputs, about | {"head": str(head), "outputs": _meaning(config, [head - 1], [0])})


def _read(session: Session, at_task: int | None) -> tuple[Path, dict[str, Tensor], Cursor]:
    """A session in training may replace a checkpoint by a newer one at any moment."""
    while True:
        path = _checkpoint(session, at_task)
        try:
            return path, *checkpoint.read(path)
        except SessionDamaged:
            if path.exists():
                raise


def _checkpoint(session: Session, at_task: int | None) -> Path:
    """Raises SessionTooYoung, SessionDamaged, or ConfigError for a checkpoint that was not kept."""
    if at_task is not None:
        if (found := session.task_checkpoint(at_task - 1)) is None:
            raise no_end(session, at_task - 1, "give its weights at the end of")
        return found
    if not (there := session.checkpoints()):
        raise SessionTooYoung(
            f"session {session.name} has no checkpoint, so it has no trained weights yet: "
            f"'{command('resume', session.path.parent, session.name)}' trains it"
        )
    return there[0]


def _shape(config: RunConfig) -> tuple[int, ...]:
    """Of an example."""
    return shape_of(config) or tuple(load_stream(config, CPU).inputs)


def _meaning(config: RunConfig, tasks: Sequence[int], first: Sequence[int]) -> str:
    """The outputs of each task, counted from 0, as JSON: output ``first`` + k is the task's class or number k."""
    names = class_names(config) if config.problem == "classification" else []
    found = [
        {"task": task + 1, "first": start}
        | ({"classes": names[task]} if names else {"numbers": config.classes_by_task()[task]})
        for task, start in zip(tasks, first, strict=True)
    ]
    return strict_json.dumps(found, ensure_ascii=False)


def _check_head(config: RunConfig, head: int, newest: int) -> None:
    if config.scenario != "task":
        raise ConfigError(
            f"--head {head}: in the scenario {config.scenario} the tasks share their outputs, so no task has a head of "
            f"its own; leave --head out"
        )
    if head > newest + 1:
        begun = f"only {newest + 1} of {config.tasks} tasks had begun by then" if head <= config.tasks else ""
        raise ConfigError(f"--head {head}: {begun or f'the session has {config.tasks} tasks'}; choose another task")


def _alone(config: RunConfig, whole: Network, inputs: Sequence[int], first: int, count: int) -> nn.Module:
    """A network with ``count`` of the outputs alone. Raises EngineError if it does not compute the same."""
    alone = Network(config, inputs, count, CPU).model
    large = whole.model.state_dict()
    rows = slice(first, first + count)
    for name, tensor in alone.state_dict().items():
        sizes = zip(large[name].shape, tensor.shape, strict=True)
        tensor.copy_(large[name][tuple(slice(None) if size == own else rows for size, own in sizes)])
    random = torch.randn(TRIED, *inputs, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), evaluating(alone), evaluating(whole.model):
        wanted, found = whole.model(random)[:, rows], alone(random)
    if not torch.allclose(wanted, found, rtol=1e-3, atol=1e-4 * float(wanted.abs().max())):
        raise EngineError(
            f"the outputs of model {config.model} cannot be taken apart: with fewer outputs it computes something "
            f"else; leave --head out, and take the task's outputs of the whole network"
        )
    return alone


def onnx_file(trained: Trained) -> bytes:
    """The network in eval mode, for any number of examples at once. Raises EngineError."""
    try:
        import_module("onnxscript")  # for torch's exporter
        set_model_props = import_module("onnx.helper").set_model_props
    except ImportError as error:
        raise EngineError(
            f"--onnx needs the packages onnx and onnxscript ({first_line(error)}): install cl-tui[onnx], or export "
            f"--weights"
        ) from None
    example = torch.zeros(2, *trained.inputs)
    try:
        with evaluating(trained.net), warnings.catch_warnings(action="ignore"):
            made = torch.onnx.export(
                trained.net,
                (example,),
                dynamo=True,
                verbose=False,
                input_names=["inputs"],
                output_names=["outputs"],
                dynamic_shapes=({0: torch.export.Dim("examples", min=1)},),
            )
        assert made is not None
        model = made.model_proto
        set_model_props(model, trained.about)
        return bytes(model.SerializeToString())
    except Exception as error:  # torch's exporter raises errors of many kinds
        raise EngineError(
            f"torch cannot write this network as ONNX ({type(error).__name__}: {first_line(error)}); export --weights"
        ) from None
