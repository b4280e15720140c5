"""Names of tasks, from what the user's files and folders are called, or after their classes."""

import re
from collections.abc import Sequence
from unicodedata import normalize

from engine.text import visible

LONGEST = 24
"""Most letters of a name that is made after classes."""
LONGEST_NAME = 100
"""Most letters of a name that the user gives."""


def title(classes: Sequence[str]) -> str:
    """
    >>> title(["ant", "bee"]), title(["apple", "bear", "castle", "dinosaur"])
    ('ant, bee', 'apple … dinosaur')
    """
    whole = ", ".join(classes)
    if len(whole) <= LONGEST:
        return whole
    half = (LONGEST - 3) // 2
    first, last = (name if len(name) <= half else f"{name[: half - 1]}…" for name in (classes[0], classes[-1]))
    return f"{first} … {last}" if len(classes) > 1 else f"{whole[: LONGEST - 1]}…"


def safe(name: str) -> str:
    """A folder's, file's or task's name as it is shown and stored."""
    return visible(normalize("NFC", name))


def natural(name: str) -> tuple[list[str | int], str]:
    """A key that sorts numbers in names by their values.

    >>> sorted(["Task_10", "Task_2", "b", "a10", "a9"], key=natural)
    ['Task_2', 'Task_10', 'a9', 'a10', 'b']
    """
    parts = re.split(r"(\d{1,100})", name)
    return [int(part) if number % 2 else part for number, part in enumerate(parts)], name


def of_task(name: str) -> str:
    """A task in a sentence; without a name, it is the only one of a table.

    >>> of_task("north"), of_task("task 1"), of_task("")
    ('task north', 'task 1', 'the table')
    """
    return name if name.startswith("task ") else f"task {name}" if name else "the table"
