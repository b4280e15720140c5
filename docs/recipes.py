"""Trains the recipes of an empty home and writes their results: python -m docs.recipes (about ten seconds)."""

import json
import tempfile
from pathlib import Path
from typing import Any

from engine.catalog.recipes import FILE, RECIPES, Recipe
from engine.sessions.session import Session
from engine.settings.run import resolve
from engine.training.control import Control
from engine.training.runner import train
from tests.golden import digests


def result(recipe: Recipe) -> dict[str, Any]:
    """What a run of the recipe ends with."""
    with tempfile.TemporaryDirectory() as folder:
        session = Session.create(Path(folder), recipe.name, resolve({**recipe.settings, "device": "cpu"}))
        train(session, Control())
        history = session.history()
    return {"matrix": [list(row) for row in history.matrix], "steps": history.step}


def main() -> None:
    found = {recipe.name: result(recipe) for recipe in RECIPES}
    (steps,) = {of["steps"] for of in found.values()}
    content = {
        "kind": digests.kind(),
        "steps": steps,
        "matrices": {name: of["matrix"] for name, of in found.items()},
    }
    FILE.write_text(json.dumps(content) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
