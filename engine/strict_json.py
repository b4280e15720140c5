"""JSON that every parser can read, without Python's NaN and Infinity, which are not JSON."""

import json
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any


def dumps(content: Any, name: Callable[[float], object] = lambda value: None, **options: Any) -> str:
    """Like ``json.dumps``, but replaces each number that is not finite by ``name`` of it.

    >>> dumps({"loss": [0.5, float("nan")]}), dumps([float("-inf")], named)
    ('{"loss": [0.5, null]}', '["-Infinity"]')
    """
    try:
        return json.dumps(content, allow_nan=False, **options)
    except ValueError:
        return json.dumps(_replaced(content, name), allow_nan=False, **options)


def named(value: float) -> str:
    """The name of a number that is not finite, as pydantic reads it."""
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def _replaced(content: Any, name: Callable[[float], object]) -> Any:
    match content:
        case float():
            return content if abs(content) < float("inf") else name(content)
        case dict():
            return {key: _replaced(value, name) for key, value in content.items()}
        case list() | tuple():
            return [_replaced(value, name) for value in content]
        case _ if is_dataclass(content):
            return _replaced(vars(content), name)
        case _:
            return content
