"""What the checkpoints at tasks' ends say of what was forgotten: layers put back one at a time; and, for a session from
before there were any, the examples to look at and the answers to them."""

from pathlib import Path

import torch
from torch import Tensor

from engine.analysis.ends import End, read_end, task_ends
from engine.analysis.figures import LayerBack, PutBack
from engine.analysis.measure import own_statistics
from engine.batch import Batch
from engine.commands import command
from engine.errors import BenchmarkError, SessionTooYoung
from engine.models.mode import evaluating
from engine.problems.problem import Problem
from engine.record.events import WHOLE_TARGETS, Packed
from engine.record.shown import EXAMPLES, Shown
from engine.sessions.session import Session
from engine.settings.own_code import require_trust
from engine.settings.run import moved
from engine.streams.files import prepare
from engine.streams.stream import Stream
from engine.training.answers import Tally
from engine.training.build import find_device, load_stream
from engine.training.looking import Looking
from engine.training.state import RunState


def put_back(folder: Path, name: str, task: int, ended: int) -> PutBack:
    """Puts each layer of the network, as it was when ``ended`` tasks had ended, back to the end of ``task``, alone.
    Raises EngineError."""
    opened = _Opened(folder, name)
    if not task < ended - 1 < len(opened.paths):
        raise SessionTooYoung(
            f"nothing to put back yet: no task has ended since task {task + 1}, or its checkpoints are not written"
        )
    state, problem = opened.state, opened.problem
    then, now = (opened.end(number) for number in (task, ended - 1))
    problem.begin(ended - 1)
    pictured = opened.stream.picture(task, EXAMPLES)
    places = torch.empty(0, dtype=torch.long) if pictured is None else pictured.places
    last = now.network | own_statistics(state, then.network)
    values, before = state.parameters.values, then.network["theta"]

    def measured() -> LayerBack:
        score, right = _tested(opened.stream, state, problem, task)
        return LayerBack(score, tuple(right[places].tolist()) if len(right) else ())

    state.load_network(last)
    unchanged, found = measured(), {}
    groups: dict[str, list[slice]] = {}
    for layer in state.parameters.layers:
        groups.setdefault(layer.name.rpartition(".")[0] or layer.name, []).append(slice(layer.start, layer.stop))
    for layers, parts in groups.items():
        state.load_network(last)
        for part in parts:
            values[part] = before[part].to(values.device)
        found[layers] = measured()
    return PutBack(task, ended, unchanged.score, found)


def retold(folder: Path, name: str) -> tuple[Shown, tuple[Packed, ...]]:
    """The examples to look at, and what is told of them and of whole test sets at tasks' ends. Raises EngineError."""
    opened = _Opened(folder, name)
    stream, state, problem = opened.stream, opened.state, opened.problem
    looking, own, told = Looking(stream, problem), list[dict[str, Tensor]](), list[Packed]()
    shown = looking.shown(together=opened.session.config.scenario == "class")
    if shown is None:
        raise BenchmarkError(f"the data of session {name} have no examples to look at")
    for number in range(len(opened.paths)):
        end = opened.end(number)
        own.append(own_statistics(state, end.network))
        problem.begin(number)
        looking.begin(whole=True)
        tally = Tally(problem, stream.phases)

        def see(outputs: Tensor, batch: Batch, tally: Tally = tally) -> None:
            tally.see(outputs, batch)
            looking.see(outputs, batch)

        for phase in range(number + 1):
            state.load_network(end.network | own[phase])
            with evaluating(state.model), torch.no_grad():
                stream.test(phase, state.model, problem, "test", see=see)
        known = sum(of.shape[0] for of in told if of.name == WHOLE_TARGETS)
        told += [*looking.answers(end.step), *tally.examples(end.step, known)]
    return shown, tuple(told)


class _Opened:
    """A session with the checkpoints of all its ended tasks, and what is needed to use them."""

    def __init__(self, folder: Path, name: str) -> None:
        self.session = session = Session.open(folder, name)
        self.paths, ended = task_ends(session)
        if len(self.paths) < ended:
            raise SessionTooYoung(f"session {name} has not kept the checkpoints of all ended tasks ({session.thinned})")
        config = moved(session.config, {"device": "cpu"})
        how = command("analyse", folder, name, "--trust-code")
        require_trust(config, f"looking into session {name}", f"'{how}'")
        prepare(config.benchmark, Path(config.data_dir))
        device = find_device(config.device)
        self.stream: Stream = load_stream(config, device)
        self.problem: Problem = self.stream.problem()
        self.state = RunState(config, self.stream, self.problem, device)

    def end(self, number: int) -> End:
        return read_end(self.paths[number], self.session.config, self.state, last=False)


def _tested(stream: Stream, state: RunState, problem: Problem, task: int) -> tuple[float, Tensor]:
    """The score on the whole test set of ``task``, and the probability of each example's class, shape (N,); shape (0,)
    for a problem without classes."""
    rights: list[Tensor] = []

    def see(outputs: Tensor, batch: Batch) -> None:
        found = problem.competing(outputs, task)
        if found is not None:
            shares = found[0].float().softmax(1)
            rights.append(shares.gather(1, (batch.targets + found[1]).unsqueeze(1))[:, 0])

    with evaluating(state.model), torch.no_grad():
        score = stream.test(task, state.model, problem, "test", see=see)
    return score, torch.cat(rights).cpu() if rights else torch.empty(0)
