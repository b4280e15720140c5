"""Commands' options for settings, made from the settings' declarations."""

import functools
import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional, get_args

import typer

from cl_tui.commands.arguments import file_option, names_of, where
from engine.catalog.choices import NAMES
from engine.catalog.options import WHERE, Setting
from engine.settings.run import typed_settings

if TYPE_CHECKING:
    from engine.settings.run import RunConfig

Typed = dict[str, Any]
"""The settings that were typed."""

Headless = Annotated[bool, where("Run without the screen.", "--headless")]
Config = Annotated[Path | None, file_option("A file of settings; options override them.", "FILE.toml", WHERE)]
Set = Annotated[
    list[str] | None,
    where("Any setting; overrides everything else. [dim]May be repeated.[/]", "--set", metavar="KEY=VALUE"),
]
TrustCode = Annotated[
    bool, where("Run code that a session or --config names, though nobody typed it here.", "--trust-code")
]


def below(config: Path | None) -> dict[str, Any]:
    """The settings that options override."""
    from engine.settings.reading import read_settings  # only where something is trained

    return {} if config is None else read_settings(config)


def check_code(config: "RunConfig", typed: Collection[str], trust: bool, whose: str = "this run") -> None:
    """The user's code that a run names is allowed from now on if its setting was ``typed``, or with ``trust``. Raises
    UntrustedCode if some is not."""
    from engine.settings import own_code  # only where something is trained

    own_code.allow(code for code in own_code.named(dict(config)) if trust or code.setting in typed)
    own_code.require_trust(config, whose)


def typed_code(typed: Mapping[str, Any], settings: Mapping[str, Any]) -> set[str]:
    """The settings that name code and were typed, and not only its name: a file of ``settings`` may say the folder."""
    return set() if "code_dir" in settings and "code_dir" not in typed else {"model", "benchmark"} & typed.keys()


def takes_settings(
    defaults: Mapping[str, str | None] | None = None, several: Collection[str] = (), without: Collection[str] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Gives a command an option for each setting in place of its parameter ``typed``, which then has what was typed.

    ``defaults``: the only settings that it takes, with what help says of their defaults, or None for what ``run`` says.
    ``several``: those that may be repeated.
    """
    known = typed_settings()
    if defaults is None:
        defaults = dict.fromkeys(key for key in known if key not in without)
    options = [_option(known[key], default, key in several) for key, default in defaults.items()]

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(**arguments: Any) -> Any:
            typed = {option.name: arguments.pop(option.name) for option in options}
            return function(typed=_given(known, typed), **arguments)

        own = inspect.signature(function).parameters
        made: Iterable[inspect.Parameter] = (
            parameter for name, of in own.items() for parameter in (options if name == "typed" else [of])
        )
        made = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in made]
        command.__signature__ = inspect.Signature(made)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in made}
        return command

    return decorated


def _given(known: Mapping[str, Setting], typed: Mapping[str, Any]) -> Typed:
    from engine.settings.reading import typed_as  # only where something is trained

    given = {key: value for key, value in typed.items() if value not in (None, [])}
    return {key: typed_as(known[key], value) if isinstance(value, str) else value for key, value in given.items()}


def _option(declared: Setting, default: str | None, several: bool) -> inspect.Parameter:
    kind = _kind(declared)
    kind = list[kind] if several else kind  # type: ignore[valid-type]
    annotation: Any = Annotated[
        Optional[kind],  # noqa: UP045 (a type that is known only now)
        typer.Option(
            *([f"{declared.flag}/{declared.negative}"] if declared.negative else []),
            help=_help(declared.told(default)) + (" [dim]May be repeated.[/]" if several else ""),
            metavar=declared.metavar,
            autocompletion=names_of(declared.key) if declared.key in NAMES else None,
            rich_help_panel=declared.panel,
        ),
    ]
    return inspect.Parameter(declared.key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _kind(declared: Setting) -> Any:
    """The type that Typer reads: of what is not a number and not a flag, the text."""
    kinds = () if declared.is_list else (declared.kind, *get_args(declared.kind))
    return next((kind for kind in kinds if kind in (int, float, bool)), str)


def _help(text: str) -> str:
    """Help with commands and defaults in grey."""
    text = re.sub(r"cl-tui \w+(?= lists)", r"[dim]\g<0>[/]", text)
    return re.sub(r"\[(default: .*)\]$", r"[dim]\\[\1][/]", text)
