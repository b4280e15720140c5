"""What the end of a run says: its result beside chance, none and joint, what each task lost, and a remedy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import mean

from cl_tui.reports import text
from cl_tui.reports.statistics import Estimate, estimate, with_error
from engine.catalog.methods import METHODS
from engine.catalog.own_loop import OWN_LOOP
from engine.errors import EngineError
from engine.record import metrics
from engine.record.alarm import STRONGER, Cure
from engine.record.chance import chance_of
from engine.record.forgetting import forgot
from engine.record.history import History
from engine.record.score import ScoreInfo
from engine.sessions.listing import Listed
from engine.settings.run import WITHOUT_EFFECT, RunConfig
from engine.settings.text import shown

BOUNDS = ("none", "joint")
"""The methods between which a result lies: nothing is protected, and nothing has to be remembered."""
REMEDY_METHOD = "si"
"""What protects a run that had no penalty."""
MOST_CHANGES = 3
"""How many changes of the strength are told, the newest."""
_OF_METHOD = {"method", "leave_alone", *(option for method in METHODS.values() for option in method.options.kept)}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True)
class Peer:
    """Sessions that have all settings but those of the method in common with a run."""

    title: str
    method: str
    same: str | None
    """The name of the session with the same seed, if there is one."""
    average: float | None
    """Its average accuracy, or other score."""
    over: Estimate | None
    """The average over the seeds."""
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class TaskLine:
    number: int
    name: str
    learned: float
    now: float
    lost: float
    """How much worse it has become; negative if it became better."""


@dataclass(frozen=True)
class Card:
    title: str
    """Method and strength."""
    method: str
    benchmark: str
    finished: str
    score: ScoreInfo
    average: float | None
    forgetting: float | None
    chance: float | None
    tasks: tuple[TaskLine, ...]
    own: Peer
    """The run itself, and its other seeds."""
    peers: tuple[Peer, ...]
    """Other methods, the best first."""
    remedy: Cure | None
    """A fork that may keep what was lost."""
    seed: int
    told: tuple[str, ...] = ()
    """What became of the worst task, in sentences."""
    changed: str = ""
    """How the strength was changed during the run, in a sentence."""

    @property
    def worst(self) -> TaskLine | None:
        """The task that lost most, if any lost something."""
        lost = [task for task in self.tasks[:-1] if task.lost > 0]
        return max(lost, key=lambda task: task.lost, default=None)

    @property
    def bounds(self) -> dict[str, float]:
        """The averages of ``none`` and ``joint`` with the same seed, as far as they are known."""
        found = {peer.method: peer.average for peer in self.peers if peer.method in BOUNDS}
        return {method: value for method, value in found.items() if value is not None}

    @property
    def missing(self) -> list[str]:
        """The methods of BOUNDS that have not been run with this seed."""
        return [method for method in BOUNDS if method != self.method and method not in self.bounds]

    @property
    def result(self) -> str:
        """The first line."""
        count = f"{len(self.tasks)} task{'s' if len(self.tasks) != 1 else ''}"
        if self.average is None:
            return f"{self.finished}, before a task ended"
        told = f"{self.score.full(self.average)} average {self.score.title} after {count}"
        return told if self.forgetting is None else f"{told}, forgetting {self.score.change(self.forgetting)}"

    @property
    def against(self) -> tuple[str, ...]:
        """How it compares with none and joint, and over several seeds."""
        score, parts = self.score, [self.changed] if self.changed else []
        if self.average is not None and "none" in self.bounds:
            gain = score.lost(self.average, self.bounds["none"])
            where = "above" if gain >= 0 else "below"
            parts.append(f"{_signed(score, gain)} {where} none with the same seed.")
        seeds = [self.own, *(peer for peer in self.peers if peer.method in BOUNDS)]
        if self.own.over is not None and (self.own.over.count or 0) > 1:
            count = self.own.over.count or 0
            told = [f"{peer.title} {with_error(peer.over, score=score)}{_of(peer, count)}" for peer in seeds]
            parts.append(f"Over {_number(count)} seeds: {', '.join(told)}.")
        return tuple(parts)

    def lines(self) -> list[str]:
        """The card in print: everything but its first line, which the result of a run says, and the keys."""
        score = self.score
        width = max((len(task.name) for task in self.tasks), default=0)
        found = [" ".join(self.against)] if self.against else []
        for task in self.tasks:
            change = _signed(score, -task.lost, points=False) if abs(task.lost) >= 0.0005 else ""
            then, now = score.value(task.learned), score.value(task.now)
            found.append(f"  {task.number:>2}  {task.name:<{width}}  {then:>6} → {now:>6}  {change:>7}".rstrip())
        worst = [f"Worst: task {self.worst.number}."] if self.told and self.worst else []
        return [*found, " ".join([*worst, *self.told])] if self.told else found


def _of(peer: Peer, count: int) -> str:
    """How many sessions a mean is over, if that is another number."""
    own = peer.over.count if peer.over else None
    return "" if own == count else f" ({_number(own or 0)})"


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def _signed(score: ScoreInfo, change: float, points: bool = True) -> str:
    told = score.change(abs(change)) if points else score.value(abs(change))
    return f"{'−' if change < 0 else '+'}{told}"


def card(name: str, config: RunConfig, history: History, others: Iterable[Listed]) -> Card:
    """The card of a run; ``others`` are the sessions of its folder."""
    matrix, score = history.matrix, history.score
    average = metrics.average_accuracy(matrix)
    tasks = tuple(
        TaskLine(number, info.name, row[number - 1], now, score.lost(row[number - 1], now))
        for number, (info, row, now) in enumerate(
            zip(history.tasks, matrix, matrix[-1] if matrix else (), strict=False), 1
        )
    )
    own, peers = _peers(name, config, average, others)
    if history.strengths:  # no other seed was trained like it
        own = replace(own, over=estimate([average] if average is not None else []))
    took = text.duration(history.elapsed) if history.elapsed >= 60 else f"{history.elapsed:.0f} s"
    return Card(
        text.method_and_strength(config.method, history.strength(config)),
        config.method,
        " · ".join((*text.benchmark(config), *text.scenario(config), f"seed {config.seed}")),
        f"finished in {took}" if history.state == "finished" else f"{history.state} after {took}",
        score,
        average,
        metrics.forgetting(matrix, score),
        chance(config, history),
        tasks,
        own,
        peers,
        remedy(config, history),
        config.seed,
        changed=changed(config, history),
    )


def changed(config: RunConfig, history: History) -> str:
    """Each strength with the step from which on it applied; empty if it never changed."""
    if not history.strengths:
        return ""
    symbol = METHODS[config.method].symbol or "strength"
    changes = history.strengths[-MOST_CHANGES:]
    told = [f"{shown(change.strength)} from step {change.step + 1:,} on" for change in changes]
    first = "…" if len(history.strengths) > len(changes) else shown(changes[0].before)
    return f"{symbol} was {first}, then {', then '.join(told)}."


def same_seed(found: Card) -> list[str]:
    """The sessions of other methods with the run's seed, the best first."""
    return [peer.same for peer in found.peers if peer.same]


def chance(config: RunConfig, history: History) -> float | None:
    """The score of guessing at the end of the run, as a mean over the tasks; None if nobody knows it."""
    last = len(history.tasks) - 1
    known = [chance_of(history, config, task, last) for task in range(last + 1)]
    told = [value for value in known if value is not None]
    return mean(told) if told and len(told) == len(known) else None


def remedy(config: RunConfig, history: History) -> Cure | None:
    """The fork of the watchdog's alarm for the task that lost most, or of another task. Without an alarm, one with more
    strength where that task had just been learned; None if nothing notable was lost."""
    matrix, score = history.matrix, history.score
    if len(matrix) < 2 or config.benchmark == OWN_LOOP or config.method == "joint":
        return None
    losses = [score.lost(matrix[task][task], matrix[-1][task]) for task in range(len(matrix) - 1)]
    worst = max(range(len(losses)), key=losses.__getitem__)
    told = sorted(forgot(history, config), key=lambda alarm: alarm.task != worst)
    forks = [cure for alarm in told for cure in alarm.cures if cure.fork is not None]
    if forks or not score.fallen(losses[worst], matrix[-1][worst]) or config.scenario == "class":
        return forks[0] if forks else None
    strength = history.strength(config)
    if not METHODS[config.method].symbol or not strength:
        return Cure(REMEDY_METHOD, None, worst)
    return Cure(config.method, STRONGER * strength, worst)


def fork_title(cure: Cure) -> str:
    """
    >>> fork_title(Cure("si", 10.0, 2)), fork_title(Cure("replay", None, 0))
    ('Fork at the end of task 3 with si c 10', 'Fork at the end of task 1 with replay')
    """
    assert cure.fork is not None
    method = cure.method if cure.strength is None else text.method_and_strength(cure.method, cure.strength)
    return f"Fork at the end of task {cure.fork + 1} with {method}"


def _peers(
    name: str, config: RunConfig, average: float | None, others: Iterable[Listed]
) -> tuple[Peer, tuple[Peer, ...]]:
    """The run with its other seeds, and other methods on the same settings."""
    found: dict[str, list[tuple[str, RunConfig, float]]] = {_of_method(config): [(name, config, average or 0.0)]}
    alike = _but_method(config)
    for listed in others:
        if listed.name == name or listed.state != "finished" or listed.config is None or listed.history is None:
            continue
        reached = metrics.average_accuracy(listed.history.matrix)
        steered = bool(listed.history.strengths)
        if reached is None or steered or _but_method(listed.config) != alike or _forked(listed):
            continue
        found.setdefault(_of_method(listed.config), []).append((listed.name, listed.config, reached))
    peers = [_peer(runs, config.seed) for runs in found.values()]
    sign = -1 if config.problem == "regression" else 1
    known = sorted(peers[1:], key=lambda peer: (peer.average is None, -sign * (peer.average or 0.0)))
    return peers[0], tuple(known)


def _peer(runs: Sequence[tuple[str, RunConfig, float]], seed: int) -> Peer:
    of = runs[0][1]
    same = next(((name, reached) for name, config, reached in runs if config.seed == seed), None)
    by_seed = {config.seed: reached for _, config, reached in reversed(runs)}
    return Peer(
        text.method_and_strength(of.method, of.strength),
        of.method,
        same[0] if same else None,
        same[1] if same else None,
        estimate(by_seed.values()),
        tuple(by_seed),
    )


def _but_method(config: RunConfig) -> str:
    """What a run and one of another method have in common if only the method differs."""
    left_out = WITHOUT_EFFECT | _OF_METHOD | {"seed", "strength", "preset"}
    return repr({key: value for key, value in config.flat().items() if key not in left_out})


def _of_method(config: RunConfig) -> str:
    own = _OF_METHOD | ({"strength"} if METHODS[config.method].symbol else set())
    return repr({key: value for key, value in config.flat().items() if key in own})


def _forked(listed: Listed) -> bool:
    """Whether it shares the beginning of another session, so that it is no run of its own method."""
    try:
        return listed.session is None or bool(listed.session.summary().get("forked"))
    except EngineError:
        return True
