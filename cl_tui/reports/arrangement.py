"""How a list of sessions is arranged: a block for each benchmark, scenario and number of tasks; in it a row for
sessions that differ only in the seed; and under a session those that were forked from it."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest
from statistics import fmean
from typing import Any

from cl_tui.charts.colour_scale import ColourScale
from cl_tui.reports import text
from cl_tui.reports.comparison import INDIFFERENT, identity
from cl_tui.reports.statistics import Estimate, estimate
from engine.catalog.choices import CHOICES
from engine.catalog.methods import METHODS
from engine.catalog.own_loop import OWN_LOOP
from engine.record import metrics
from engine.record.history import History
from engine.record.score import ACCURACY, ScoreInfo
from engine.sessions.listing import Listed, SessionState
from engine.settings.run import RunConfig
from engine.settings.text import shown

_BY_URGENCY: tuple[SessionState, ...] = ("running", "damaged", "failed", "interrupted", "stopped", "finished")
CANNOT_BE_READ = "cannot be read"
"""The title of the block of damaged sessions."""


@dataclass(frozen=True, eq=False)
class Row:
    """Sessions that differ only in the seed, by seed; or a single one."""

    members: tuple[Listed, ...]
    children: tuple["Row", ...] = ()
    """Its seeds, if there are several; of a single session its forks."""
    label: str = ""
    """What it is called below another row; empty if its block says it."""

    @property
    def key(self) -> str:
        return self.members[0].name if len(self.members) == 1 else f"{self.members[0].name} and others"

    @property
    def first(self) -> Listed:
        return self.members[0]

    @cached_property
    def urgent(self) -> Listed:
        """The session that is most likely meant: one in training, or that needs help, or the first."""
        return min(self.members, key=lambda listed: _BY_URGENCY.index(listed.state))

    @property
    def state(self) -> SessionState:
        return self.urgent.state

    @cached_property
    def changed(self) -> float:
        return max(listed.changed for listed in self.members)

    @cached_property
    def pinned(self) -> bool:
        return any(listed.notes.pinned for listed in self.members)

    @cached_property
    def tags(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(tag for listed in self.members for tag in listed.notes.tags))

    @property
    def score(self) -> ScoreInfo:
        return next((of.history.score for of in self.members if of.history), ACCURACY)

    @cached_property
    def forks(self) -> int:
        return sum(
            len(row.members) + row.forks if row.first not in self.members else row.forks for row in self.children
        )

    @cached_property
    def _farthest(self) -> list[History]:
        """The histories of the sessions that have seen the most tasks."""
        known = [of.history for of in self.members if of.history and of.history.accuracies]
        most = max((len(history.accuracies) for history in known), default=0)
        return [history for history in known if len(history.accuracies) == most]

    @property
    def counted(self) -> int:
        """How many of its sessions the figures are over."""
        return len(self._farthest)

    @cached_property
    def mean(self) -> float | None:
        """The average score over the tasks seen."""
        found = [fmean(history.accuracies) for history in self._farthest]
        return fmean(found) if found and not math.isnan(sum(found)) else None

    @cached_property
    def accuracy(self) -> Estimate | None:
        return estimate(fmean(history.accuracies) for history in self._farthest)

    @cached_property
    def forgetting(self) -> Estimate | None:
        ended = max((len(history.matrix) for history in self._farthest), default=0)
        known = [history for history in self._farthest if len(history.matrix) == ended]
        return estimate(metrics.forgetting(history.matrix, history.score) for history in known)

    @cached_property
    def tasks(self) -> tuple[float, ...]:
        """The newest score on each task seen, the mean of its sessions."""
        return tuple(map(fmean, zip(*(history.accuracies for history in self._farthest), strict=True)))

    @cached_property
    def matrix(self) -> tuple[tuple[float, ...], ...]:
        """Row i, column j: the mean score on task j after task i."""
        rows = zip_longest(*(history.matrix for history in self._farthest), fillvalue=())
        return tuple(tuple(map(fmean, zip(*filter(None, of), strict=False))) for of in rows)

    @cached_property
    def method(self) -> str:
        """Its method and strength."""
        config, history = self.first.config, self.first.history
        if config is None:
            return ""
        told = text.method_and_strength(config.method, config.strength)
        if history is None or not history.strengths:
            return told
        return f"{told} → {shown(history.strength(config))}"


@dataclass(frozen=True, eq=False)
class Block:
    title: str
    tasks: int
    score: ScoreInfo
    chance: float | None
    """The score of guessing, if it is known."""
    rows: tuple[Row, ...]
    _varying: dict[str, list[str]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    @cached_property
    def _alike(self) -> Mapping[str, list[RunConfig]]:
        """The configurations of the rows that have the same method and strength."""
        found: dict[str, list[RunConfig]] = {}
        for row in self.rows:
            if row.first.config is not None:
                found.setdefault(row.method, []).append(row.first.config)
        return found

    @cached_property
    def best(self) -> Row | None:
        """The row with the best average over all tasks."""
        known = [row for row in self.rows if row.mean is not None and len(row.tasks) == self.tasks]
        return min(known, key=_best, default=None)

    @cached_property
    def scale(self) -> ColourScale:
        """From chance to the best average; of accuracies to 100 %."""
        return self._scale([row.mean for row in self.rows if row.mean is not None])

    @cached_property
    def task_scale(self) -> ColourScale:
        """The same for the scores on single tasks."""
        return self._scale([value for row in self.rows for value in row.tasks])

    def _scale(self, values: list[float]) -> ColourScale:
        return ColourScale.of(self.score, [*values, 1.0] if self.score.fraction else values, self.chance)

    def told(self, row: Row) -> str:
        """What distinguishes a row from the others: method, strength, its variant, and other settings that differ."""
        config, method = row.first.config, row.method
        if row.label or config is None:
            return row.label or row.first.name
        alike = self._alike.get(method, [])
        if len(alike) < 2:
            return " · ".join([method, *text.variant(config)])
        if method not in self._varying:
            self._varying[method] = _varying(alike)
        values = ((key, _value(config, key)) for key in self._varying[method])
        return " · ".join([method, *(f"{key.replace('_', ' ')} {text.setting(of)}" for key, of in values if of)])

    def baseline(self, row: Row) -> Row | None:
        """The row without protection that has the same other settings, as far as there is one."""
        others = [other for other in self.rows if other.first.config and other.first.config.method == "none"]
        config = row.first.config
        if config is None or config.method == "none" or not others:
            return None
        return min(others, key=lambda other: len(_varying([config, other.first.config or config])))


def _varying(configs: Sequence[RunConfig]) -> list[str]:
    """The settings and options, by key, that are not the same in all of them."""
    own = [vars(config) for config in configs]
    plain = [key for key in own[0] if key not in INDIFFERENT and key not in _OF_CHOICES]
    found = [key for key in plain if any(of[key] != own[0][key] for of in own)]
    for choice in _OF_CHOICES:
        options = [vars(of[choice]) for of in own]
        if any(of != options[0] for of in options):
            keys = dict.fromkeys(key for of in options for key in of)
            found += [key for key in keys if any(of.get(key) != options[0].get(key) for of in options)]
    return found


_OF_CHOICES = tuple(f"{choice}_options" for choice in CHOICES)


def _value(config: RunConfig, key: str) -> Any:
    own = vars(config)
    return own[key] if key in own else config.option(key)


# The order of rows in a block


@dataclass(frozen=True)
class Order:
    """``by``: one of ORDERS."""

    by: str = "accuracy"
    reverse: bool = False


def _text(of: Callable[[Row], str]) -> Callable[[Row], Any]:
    return lambda row: of(row).casefold()


def _best(row: Row) -> Any:
    return None if row.mean is None else -row.score.lost(row.mean, 0.0)


def _least_forgotten(row: Row) -> Any:
    return None if row.forgetting is None else row.forgetting.mean


def _strength(row: Row) -> Any:
    config = row.first.config
    return config and (config.method, -config.strength if METHODS[config.method].symbol else 0.0)


ORDERS: Mapping[str, Callable[[Row], Any]] = {
    "accuracy": _best,
    "forgetting": _least_forgotten,
    "method": _strength,
    "seeds": lambda row: -len(row.members),
    "age": lambda row: -row.changed,
    "session": _text(lambda row: row.first.name),
    "tags": lambda row: row.tags or None,
}
"""What rows are sorted by, the smallest first; rows without it come last."""


def _sorted(rows: Iterable[Row], order: Order) -> list[Row]:
    """Pinned rows first, then those in training, so that they do not jump with each report."""
    key = ORDERS[order.by]
    keyed = [(key(row), row) for row in rows]
    known = sorted(((of, row) for of, row in keyed if of is not None), key=lambda each: each[0], reverse=order.reverse)
    arranged = [row for _, row in known] + [row for of, row in keyed if of is None]
    return sorted(arranged, key=lambda row: (not row.pinned, row.state != "running", _begun(row)))


def _begun(row: Row) -> float:
    return -row.urgent.created if row.state == "running" else 0.0


# From sessions to blocks


def arranged(sessions: Collection[Listed], order: Order = Order()) -> list[Block]:
    """The blocks, those in training and the newest first; damaged sessions come last."""
    if len(_KEYS) > 2 * len(sessions) + 1000:  # of sessions that are gone
        _KEYS.clear()
    found: dict[Any, dict[Any, list[Listed]]] = {}
    forks = _forks(sessions)
    below = {listed.name for children in forks.values() for listed in children}
    for listed in sessions:
        if listed.name not in below:
            place, same = _key(listed)
            found.setdefault(place, {}).setdefault(same, []).append(listed)
    blocks = []
    for place, groups in found.items():
        rows = [_row(members, forks) for members in groups.values()]
        blocks.append(_block(place, _sorted(rows, order)))
    return sorted(blocks, key=_newest)


def _forks(sessions: Collection[Listed]) -> dict[str, list[Listed]]:
    """By session, those that were forked from it and are arranged in the same block."""
    names = {listed.name: listed for listed in sessions}
    found: dict[str, list[Listed]] = {}
    for listed in sessions:
        forked = listed.history.forked if listed.history else None
        parent = names.get(forked.parent) if forked else None
        if parent is not None and _key(parent)[0] == _key(listed)[0] and not _above(listed, parent, names):
            found.setdefault(parent.name, []).append(listed)
    return found


def _above(listed: Listed, parent: Listed, names: Mapping[str, Listed]) -> bool:
    """Whether ``listed`` is among the ancestors of ``parent``, as only a stranger's logs can say."""
    seen = {listed.name}
    above: Listed | None = parent
    while above is not None:
        if above.name in seen:
            return True
        seen.add(above.name)
        forked = above.history.forked if above.history else None
        above = names.get(forked.parent) if forked else None
    return False


class _Hashed:
    """A key whose hash is computed once."""

    def __init__(self, of: Hashable) -> None:
        self.of, self._hash = of, hash(of)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashed) and self.of == other.of


_KEYS: dict[str, tuple[Listed, tuple[Any, ...], Hashable]] = {}
"""By name, the block and the row of each session that was arranged: they take long to find, and rarely change."""


def _key(listed: Listed) -> tuple[tuple[Any, ...], Hashable]:
    known = _KEYS.get(listed.name)
    if known is None or known[0] is not listed:
        same = (listed.name,) if listed.config is None else identity(listed.config, listed.history)
        known = _KEYS[listed.name] = listed, _place(listed), _Hashed(same)
    return known[1:]


def _place(listed: Listed) -> tuple[Any, ...]:
    config = listed.config
    if config is None:
        return (CANNOT_BE_READ,)
    score = listed.history.score if listed.history else ACCURACY  # which a loop of one's own chooses itself
    return (*text.benchmark(config), *text.scenario(config), config.tasks, score.name)


def _block(place: tuple[Any, ...], rows: Sequence[Row]) -> Block:
    config = rows[0].first.config
    if config is None:
        return Block(CANNOT_BE_READ, 0, ACCURACY, None, tuple(rows))
    *named, tasks, _ = place
    score = rows[0].score
    others = [] if score.fraction else [score.heading]
    title = " · ".join([*map(str, named), f"{tasks} task{'s' if tasks != 1 else ''}", *others])
    return Block(title, tasks, score, _chance(config), tuple(rows))


def _chance(config: RunConfig) -> float | None:
    if config.problem == "regression" or config.benchmark == OWN_LOOP or not config.tasks_known:
        return None
    classes = config.classes_by_task()
    if not classes or not all(classes):
        return None
    return 1 / sum(classes) if config.scenario == "class" else fmean(1 / count for count in classes)


def _newest(block: Block) -> tuple[bool, bool, float]:
    running = [row.urgent.created for row in block if row.state == "running"]
    newest = max(running) if running else max(row.changed for row in block)
    return block.title == CANNOT_BE_READ, not running, -newest


def _row(members: Sequence[Listed], forks: Mapping[str, Sequence[Listed]], label: str = "") -> Row:
    if len(members) == 1:
        return Row(
            tuple(members), tuple(_row([fork], forks, _fork_label(fork)) for fork in _by_age(forks, members[0])), label
        )
    by_seed = sorted(members, key=lambda listed: (_seed(listed), listed.name))
    counts = Counter(map(_seed, members))
    labels = (f"seed {_seed(of)}" + (f" {of.name}" if counts[_seed(of)] > 1 else "") for of in by_seed)
    return Row(
        tuple(by_seed), tuple(_row([each], forks, named) for each, named in zip(by_seed, labels, strict=True)), label
    )


def _seed(listed: Listed) -> int:
    return listed.config.seed if listed.config else 0


def _by_age(forks: Mapping[str, Sequence[Listed]], parent: Listed) -> list[Listed]:
    return sorted(forks.get(parent.name, ()), key=lambda listed: (listed.created, listed.name))


def _fork_label(listed: Listed) -> str:
    """After which task it branched off, and to what."""
    assert listed.history is not None
    assert listed.history.forked is not None
    forked = listed.history.forked
    place = f"step {forked.step:,}" if forked.task is None else str(forked.task + 1)
    return f"{place} → {Row((listed,)).method}"
