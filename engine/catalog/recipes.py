"""Recipes: three runs that show what forgetting is, and their results, from runs whose matrices ship in recipes.json.

``python -m docs.recipes`` makes that file, and a test repeats the runs to the bit."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("recipes.json")


@dataclass(frozen=True)
class Recipe:
    name: str
    title: str
    why: str
    settings: Mapping[str, object]

    @property
    def matrix(self) -> tuple[tuple[float, ...], ...]:
        """The accuracies after each task, as they were in the run that ships with the program."""
        return tuple(map(tuple, results()["matrices"][self.name]))

    @property
    def steps(self) -> int:
        return int(results()["steps"])


_DOMAIN = {"benchmark": "split-digits", "scenario": "domain"}
RECIPES = (
    Recipe(
        "forget",
        "Watch it forget",
        "No protection: the old digits go, task by task.",
        {"method": "none", **_DOMAIN},
    ),
    Recipe(
        "protect",
        "Protect it",
        "The weights that mattered are held in place.",
        {"method": "si", "strength": 10.0, **_DOMAIN},
    ),
    Recipe(
        "stiff",
        "Too stiff",
        "Held too hard: the last digits are not learned.",
        {"method": "si", "strength": 1e5, **_DOMAIN},
    ),
)
"""In the domain scenario, because with outputs of its own for each task no strength is too high for the digits."""


@cache
def results() -> dict[str, Any]:
    """The content of recipes.json: matrices by name, steps, and the kind of machine that made them."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found
