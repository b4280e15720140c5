"""The form for a new run, and the command line that it stands for.

Options and help are those of ``cl-tui run`` itself, and a filled form is read as its command line: so defaults,
validation and wording are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from rich.text import Text

from cl_tui.commands import cli
from engine.catalog.benchmarks import BENCHMARKS
from engine.catalog.methods import METHODS
from engine.catalog.models import MODELS
from engine.catalog.presets import PRESETS
from engine.commands import command
from engine.errors import ConfigError
from engine.sessions.names import check_name
from engine.settings.run import METHOD_OPTIONS, RunConfig, shown

CHOICES = ("method", "benchmark", "scenario", "preset")
"""Settings that the other settings' defaults depend on."""
_NOT_IN_THE_FORM = ("sessions_dir", "without_screen", "config", "assignments")


@dataclass(frozen=True)
class Field:
    """One setting of ``cl-tui run``."""

    key: str
    panel: str
    help: str
    option: str = ""
    """The option on the command line; empty if only --set sets it."""
    negative: str = ""
    """The opposite option of a yes-or-no setting."""
    choices: tuple[str, ...] = ()
    """All valid values; empty if the setting takes any text."""

    def read_by(self, method: str) -> bool:
        """Whether a run with this method has the setting."""
        if self.key in METHOD_OPTIONS:
            return self.key in METHODS[method].options
        return self.panel != cli.METHOD or bool(METHODS[method].symbol)

    def label(self, method: str) -> str:
        """Its name, and its symbol in the paper if it has one."""
        option = METHODS[method].options.get(self.key)
        symbol = METHODS[method].symbol if self.key == "strength" else option.symbol if option else ""
        return " ".join([self.key.replace("_", " "), *([symbol] if symbol else [])])

    def meaning(self, config: RunConfig) -> str:
        """Its help, and the current choice; for a method's option, the method's explanation."""
        option = METHODS[config.method].options.get(self.key)
        if option:
            return f"{option.meaning}."
        match self.key:
            case "method":
                return f"{self.help}\n{config.method}: {METHODS[config.method].title}"
            case "benchmark":
                return f"{self.help}\n{config.benchmark}: {BENCHMARKS[config.benchmark].title}"
            case "preset" if config.preset:
                return f"{self.help}\n{config.preset}: {PRESETS[config.preset].title}"
        return self.help

    def arguments(self, value: str) -> list[str]:
        """The words of the command line that set it to ``value``."""
        if self.negative:
            return [self.option if value == "yes" else self.negative]
        return [self.option, value] if self.option else ["--set", f"{self.key}={value}"]


def fields() -> list[Field]:
    """The fields in the command line's order; those that only --set sets come last."""
    found = []
    for option in cli.run_command().params:
        if option.name is None or option.name in _NOT_IN_THE_FORM:
            continue
        negative = option.secondary_opts[0] if option.secondary_opts else ""
        panel = str(getattr(option, "rich_help_panel", None))
        words = Text.from_markup(getattr(option, "help", None) or "").plain
        found.append(Field(option.name, panel, words, option.opts[0], negative, _choices(option.name, bool(negative))))
    known = {field.key for field in found}
    return found + [Field(key, cli.METHOD, "", choices=_choices(key)) for key in METHOD_OPTIONS if key not in known]


def _choices(key: str, flag: bool = False) -> tuple[str, ...]:
    registries: dict[str, Mapping[str, object]] = {
        "method": METHODS,
        "benchmark": BENCHMARKS,
        "model": MODELS,
        "preset": PRESETS,
    }
    if key in registries:
        return tuple(registries[key])
    if flag:
        return ("yes", "no")
    return _literals(RunConfig.model_fields[key].annotation) if key in RunConfig.model_fields else ()


def _literals(annotation: object) -> tuple[str, ...]:
    """The only values that a setting of this type can have; none if it can have others too.

    >>> from typing import Literal
    >>> _literals(Literal["a", "b"] | None), _literals(Literal["a"] | int), _literals(str)
    (('a', 'b'), (), ())
    """
    found: list[str] = []
    parts = get_args(annotation) or (annotation,)
    for part in parts:
        if isinstance(part, str):
            found.append(part)
        elif part is not type(None):
            inner = _literals(part) if get_args(part) else ()
            if not inner:
                return ()
            found += inner
    return tuple(found)


@dataclass(frozen=True)
class Wanted:
    """A run that can be started."""

    config: RunConfig
    pace: float | None
    name: str
    """Empty: two random words."""
    arguments: tuple[str, ...]
    """Arguments of ``cl-tui run``, without those that make no difference."""

    def default(self, key: str) -> str:
        """The value of a setting that is left blank, as a user would type it."""
        if key == "pace":
            return "max" if self.pace is None else shown(self.pace)
        if key == "name":
            return "two random words"
        value = getattr(self.config, key)
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "" if value is None or value == () else shown(value)


def wanted(all_fields: Sequence[Field], values: Mapping[str, str]) -> Wanted:
    """The run that a form describes. ``values``: the filled-in texts; blank means default. Raises ConfigError."""
    filled = [field for field in all_fields if values.get(field.key, "").strip()]
    words = {field.key: field.arguments(values[field.key].strip()) for field in filled}
    name = values.get("name", "").strip()
    if name:
        check_name(name)
    config, pace = cli.wanted(_joined(words))
    for key in [key for key in words if key != "name"]:
        fewer = {other: of for other, of in words.items() if other != key}
        try:
            if cli.wanted(_joined(fewer)) == (config, pace):
                words = fewer
        except ConfigError:
            continue
    return Wanted(config, pace, name, tuple(_joined(words)))


def problems(all_fields: Sequence[Field], values: Mapping[str, str]) -> dict[str, str]:
    """All problems of a filled form: a sentence per field; under '' a problem of no single field."""
    found: dict[str, str] = {}
    values = dict(values)
    while True:
        try:
            wanted(all_fields, values)
        except ConfigError as error:
            key = error.setting if values.get(error.setting, "").strip() else ""
            found[key] = str(error)
            if not key:
                return found
            del values[key]
        else:
            return found


def _joined(words: Mapping[str, list[str]]) -> list[str]:
    return [word for given in words.values() for word in given]


def command_line(arguments: Sequence[str], sessions_dir: Path) -> str:
    """The command that does the same.

    >>> command_line(["--method", "ewc", "--hidden", "10,10"], Path("my sessions"))
    "cl-tui run --method ewc --hidden 10,10 --sessions-dir 'my sessions'"
    """
    return command("run", sessions_dir, *arguments)
