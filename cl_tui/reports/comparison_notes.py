"""What cannot be compared, and what may mislead: the notes of a comparison, each a sentence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cl_tui.reports import session_facts
from cl_tui.reports.groups import Group
from cl_tui.reports.statistics import estimate, with_error
from cl_tui.reports.text import averages
from engine.record.history import History
from engine.record.one_class import numbered, one_class_tasks, without
from engine.settings.run import RunConfig


@dataclass(frozen=True)
class Readable:
    """A session whose log can be read."""

    name: str
    state: str
    config: RunConfig
    history: History


def notes(groups: Sequence[Group], runs: Sequence[Sequence[Readable]]) -> Iterator[str]:
    if len(groups) == 1:
        yield "Only the seed differs: all sessions form one group, so there is no difference to show"
    against: dict[str, list[str]] = {}
    for group in groups[1:]:
        for text in _against(groups[0], group):
            against.setdefault(text, []).append(group.letter)
    for text, letters in against.items():
        yield f"{', '.join(letters)}: {text}"
    for group, members in zip(groups, runs, strict=True):
        yield from _within(group, members)


def _against(first: Group, group: Group) -> Iterator[str]:
    """In what respects ``group`` cannot be compared with the first."""
    if first.benchmark != group.benchmark:
        yield (
            f"trained on {group.benchmark}, and {first.letter} on {first.benchmark}: figures and curves are shown side "
            "by side, but there is no difference of the matrices"
        )
        return
    shared, compared = min(len(first.tasks), len(group.tasks)), min(first.ended, group.ended)
    if not compared:
        yield f"no difference from {first.letter} until a task has ended in both"
    elif (len(first.tasks), first.ended) != (len(group.tasks), group.ended):
        here, there = f"{len(group.tasks)} tasks", len(first.tasks)
        if len(first.tasks) == len(group.tasks):
            here, there = f"{group.ended} tasks ended", first.ended
        yield (
            f"{here}, but {there} in {first.letter}: the figures cover different tasks, and the difference covers the "
            f"{compared} that have ended in both"
        )
    if first.tasks[:shared] != group.tasks[:shared]:
        yield f"not the same tasks as in {first.letter}: the difference compares tasks with the same number"


def _within(group: Group, runs: Sequence[Readable]) -> Iterator[str]:
    for member in group.members:
        if member.state != "finished":
            yield f"{group.letter}: {member.name} is not finished ({member.state}, {member.progress})"
    seeds = [member.seed for member in group.members]
    for seed in sorted({seed for seed in seeds if seeds.count(seed) > 1}):
        yield f"{group.letter} includes seed {seed} {seeds.count(seed)} times, so its standard errors are too small"
    yield from _one_class(group, runs)
    for run in runs:
        if not run.history.measured_alike and not run.history.given:
            yield (
                f"{group.letter}: {run.name} was recorded by an older version: during tasks, its "
                "accuracies are measured on fewer test examples with every task"
            )
        for name, step in session_facts.first_broken(run.history.curve).items():
            yield f"{group.letter}: the {name} of {run.name} is not finite at step {step:,}; such steps are left out"


def _one_class(group: Group, runs: Sequence[Readable]) -> Iterator[str]:
    """The figures without one-class tasks, over the sessions that ``group.figures`` is over."""
    found: dict[tuple[int, ...], list[Readable]] = {}
    for run in runs:
        if len(run.history.matrix) == group.ended:
            found.setdefault(one_class_tasks(run.config, group.ended), []).append(run)
    for one_class, alike in found.items():
        if one_class:
            others = [without(run.history.matrix, one_class) for run in alike]
            told = (
                f"{name} {with_error(estimate(figure[key] for figure in others))}"
                for key, name in averages(group.score).items()
            )
            have, them = ("has", "it") if len(one_class) == 1 else ("have", "them")
            yield (
                f"{group.letter}: {numbered(one_class)} {have} one class, so there is nothing to tell apart; "
                f"without {them}: {', '.join(told)}"
            )
