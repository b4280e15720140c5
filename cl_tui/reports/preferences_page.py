"""The pages of the preferences and of all keys."""

import ast
import inspect
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from pydantic import BaseModel


def preferences_page(preferences: "BaseModel", path: Path) -> RenderableType:
    """Each preference with its value and what it means; ``path``: where they are stored."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("preference", "value", ""):
        table.add_column(name)
    told = docstrings(type(preferences))
    for name in type(preferences).model_fields:
        value = getattr(preferences, name)
        chosen = name in preferences.model_dump(exclude_defaults=True)
        shown = f"{len(value)} of your own" if isinstance(value, dict) else "auto" if value is None else str(value)
        table.add_row(name, Text(shown, "bold" if chosen else ""), Text(told.get(name, "")))
    return Group(table, Text(f"\n{path}" + ("" if path.exists() else " (not there yet: all are defaults)"), "dim"))


def docstrings(of: type) -> dict[str, str]:
    """The string below each attribute that the class declares; pydantic reads them too, but at each start.

    >>> from cl_tui.host.preferences import Preferences
    >>> docstrings(Preferences)["x"]
    'Unit of the time axis.'
    """
    (declared,) = ast.parse(inspect.getsource(of)).body
    assert isinstance(declared, ast.ClassDef)
    return {
        line.target.id: below.value.value
        for line, below in pairwise(declared.body)
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }


def keys_page(keys: Iterable[tuple[str, str, str]], own: Mapping[str, str]) -> RenderableType:
    """``keys``: each with where it is for and what it does; ``own``: what the user presses instead."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("name", "yours", "for", "does"):
        table.add_column(name)
    for key, where, does in keys:
        table.add_row(key, Text(own.get(key, ""), "bold"), where, Text(does))
    return table
