"""What tables, folders of images and Python files of the user's have alike. Imports no torch."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from engine import strict_json
from engine.catalog.regression import RegressionOptions
from engine.settings.run import RunConfig
from engine.settings.text import shown
from engine.text import some, visible

MOST_CLASSES = 100_000
MOST_LABEL_BYTES = 50_000
"""Bytes that all labels may take in a session's settings, which are a small file; else it does not keep them."""
LONGEST_LABEL = 1000
"""Letters that a label may have to be kept."""
TARGETS = ("target", "targets", "y", "label", "labels", "fine_label", "class")
"""What targets may be called, in the order in which they are looked for."""

Label = TypeVar("Label", int, str)


def shared_labels(each: Sequence[Sequence[Label]], scenario: str) -> list[Sequence[Label]]:
    """The classes of each task, in the order of their outputs. In the domain scenario all tasks share their outputs, so
    tasks that share some of their classes get all of them: a class is then the same output in each.

    >>> shared_labels([[1, 2], [2]], "domain"), shared_labels([[1, 2], [2]], "task")
    ([[1, 2], [1, 2]], [[1, 2], [2]])
    """
    every = sorted({label for labels in each for label in labels})
    shared = scenario == "domain" and sum(map(len, each)) > len(every)
    return [every] * len(each) if shared else list(each)


def kept_labels(each: Sequence[Sequence[object]]) -> list[str]:
    """What a session keeps of the classes of each task, as text that can be shown.

    >>> kept_labels([["ant", "bee\\x00"], [3]])
    ['ant', 'bee\\\\x00', '3']
    """
    texts = [visible(str(label)) for labels in each for label in labels]
    if any(len(text) > LONGEST_LABEL for text in texts):
        return []
    lines = (f"    {strict_json.dumps(text, ensure_ascii=False)},\n" for text in texts)
    return texts if sum(len(line.encode()) for line in lines) <= MOST_LABEL_BYTES else []


def untrained(labels: Collection[Label], trained: Collection[Label]) -> str:
    """What is wrong with the classes of a part of a task; empty if they are among the ``trained``.

    >>> untrained({7, 5, 1}, {1}), untrained({1}, {1})
    ('it has classes 5, 7, which its training data lack', '')
    """
    new = sorted(set(labels) - set(trained))
    return f"it has {classes(new)}, which its training data lack" if new else ""


def classes(labels: Sequence[object]) -> str:
    """
    >>> classes([3]), classes(["ant", "bee"])
    ('class 3', 'classes ant, bee')
    """
    return f"class{'es' * (len(labels) > 1)} {some(list(map(str, labels)))}"


def repeated(labels: Collection[Label], scenario: str) -> list[str]:
    """A note on classes that several tasks have, if the scenario tells them apart. ``labels``: of all tasks."""
    every = list(labels) if scenario == "class" else []
    several = sorted({label for label in every if every.count(label) > 1})
    told = "in the class scenario, a class that several tasks have counts as several"
    return [f"{told}: {some(list(map(str, several)))}"] if several else []


def difference(config: RunConfig, says: Mapping[str, Any]) -> str:
    """The first fact of the data that is not as the session has it; empty if all are. A session may know no labels."""
    known = {key: list(of) if isinstance(of, tuple) else of for key, of in config.from_data().items()}
    found = ((key.replace("_", " "), known[key], of) for key, of in says.items() if known.get(key, []) != [])
    return next((f"{key} was {_told(was)}, is {_told(of)}" for key, was, of in found if was != of), "")


def _told(fact: object) -> str:
    return some(list(map(str, fact))) if isinstance(fact, list) else shown(fact)


def check_kind(config: RunConfig, refuse: Callable[[str, str], None], why: str) -> None:
    """Calls ``refuse`` with each setting of regression that is given though the targets are classes."""
    if config.problem != "classification":
        return
    for key, declared in RegressionOptions.kept.items():
        if config.option(key) not in (None, declared.default):
            refuse(key, f"it is for regression, but {why}")
