"""Typer's help pages, adapted to terminals of eighty columns and less."""

import copy
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption


class App(typer.Typer):
    """Typer, with commands whose help is easy to read."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(cls=Group, rich_markup_mode="rich", **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:
        return super().command(name, cls=Command, **settings)


class _Readable:
    def __init__(self, *arguments: Any, help: str | None = None, **settings: Any) -> None:
        super().__init__(*arguments, help=help and refilled(help), **settings)  # type: ignore[call-arg]

    _explaining = False

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self._explaining = True
        super().format_help(ctx, formatter)  # type: ignore[misc]
        self._explaining = False

    def get_params(self, ctx: Any) -> list[Any]:
        found: list[TyperOption | TyperArgument] = super().get_params(ctx)  # type: ignore[misc]
        return [_in_few_columns(parameter) for parameter in found] if self._explaining else found


class Command(_Readable, TyperCommand): ...


class Group(_Readable, TyperGroup): ...


def _in_few_columns(parameter: TyperOption | TyperArgument) -> TyperOption | TyperArgument:
    """Hides types, bounds, which a refusal names, and the column for the opposite of a flag, which its help names."""
    kind = "" if isinstance(parameter, TyperArgument) else value_of(parameter)
    shown = copy.copy(parameter)
    shown.display_type = lambda ctx: kind  # type: ignore[method-assign]
    shown.secondary_opts = []
    shown._get_number_range_help_str = lambda: ""  # type: ignore[method-assign]
    return shown


def value_of(option: TyperOption) -> str:
    """The placeholder after an option's name; empty for a flag, which takes no value."""
    kind = option.type_descriptor
    if kind.is_path:
        return "PATH"
    words = {"bool": "", "int": "N", "float": "X", "str": "NAME"}
    return words[option.bare_type().removeprefix("list[").removesuffix("]")]


def refilled(text: str) -> str:
    """Joins each paragraph into one line, which the terminal wraps; indented lines stay.

    >>> refilled("Train,\\nand watch.\\n\\n  an example\\n  another")
    'Train, and watch.\\n\\n  an example\\n  another'
    """
    paragraphs = text.split("\n\n")
    return "\n\n".join(part if part.startswith("  ") else " ".join(part.split("\n")) for part in paragraphs)
