"""The form for a new run. Its fields are the settings' declarations, as are the options of ``cl-tui run``."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.catalog.choices import CHOICES as OWNERS
from engine.catalog.choices import NAMES, benchmark_info, entry_of, options_of
from engine.catalog.methods import METHODS
from engine.catalog.options import METHOD, NETWORK, WHAT, WHERE, Setting
from engine.catalog.own import file_and_name
from engine.errors import ConfigError
from engine.sessions.names import check_name
from engine.settings.reading import typed_as
from engine.settings.run import RunConfig, known_settings, read_by, resolve, typed_settings
from engine.settings.text import as_typed, shown
from engine.training.control import typed_pace

MORE = "More"
"""The panel of the settings that have no option on the command line."""
CHOICES = ("method", "benchmark", "scenario", "preset", "model", "data_dir", "code_dir", "model_code", "benchmark_code")
"""Settings that the other settings' defaults depend on."""
OWN_FILE = "FILE.py:NAME"
"""The choice of a network or benchmark that is in the user's own file, which another field then names."""
CODE = {
    "model": Setting("model_code", str, help="A function in a file, such as my_nets.py:build.", panel=NETWORK),
    "benchmark": Setting("benchmark_code", str, help="A function in a file, such as my_tasks.py:tasks.", panel=WHAT),
}
"""The fields that name it."""
NAME = Setting("name", str, usual="two random words", help="Name of the new session.", panel=WHERE)


@dataclass(frozen=True)
class Field:
    declared: Setting
    panel: str
    choices: tuple[str, ...]
    """All valid values; empty if the setting takes any text."""

    @property
    def key(self) -> str:
        return self.declared.key

    def read_by(self, chosen: Mapping[str, str]) -> bool:
        """Whether a run with the chosen method, network and benchmark has the setting."""
        for choice, declared in CODE.items():
            if self.key == declared.key:
                return chosen[choice] == OWN_FILE
        if self.key == "code_dir":
            return OWN_FILE in chosen.values()
        owners = [choice for choice in OWNERS if self.key in options_of(choice)]
        own = any(self.key in entry_of(choice, chosen[choice]).options.declared for choice in owners)
        return own if owners else read_by(self.key, chosen["method"])

    def label(self, method: str) -> str:
        """Its name, and its symbol in the paper if it has one."""
        if self.declared in CODE.values():
            return "in the file"
        symbol = METHODS[method].symbol if self.key == "strength" else self.declared.symbol
        return " ".join([self.key.replace("_", " "), *([symbol] if symbol else [])])

    def meaning(self, config: RunConfig) -> str:
        """Its help, and the current choice; for an option of a method or network, that one's explanation."""
        options = (getattr(config, f"{choice}_options").kept.get(self.key) for choice in OWNERS)
        if option := next(filter(None, options), None):
            return f"{option.meaning}."
        told = self.declared.told()
        chosen = config.flat().get(self.key)
        if not chosen or self.key not in NAMES:
            return told
        entry = entry_of(self.key, chosen) if self.key in OWNERS else NAMES[self.key][chosen]
        return f"{told}\n{chosen}: {entry.title}"


def fields() -> list[Field]:
    """The fields in the command line's order; those that only --set sets come last."""
    others = [of for of in known_settings().values() if not of.panel and not of.from_data]
    declared = [*typed_settings().values(), NAME, *others]
    for choice, code in CODE.items():
        place = [of.key for of in declared].index(choice) + 1
        declared.insert(place, code)
    methods = options_of("method")
    return [
        Field(
            of,
            of.panel or (METHOD if of.key in methods else MORE),
            (*NAMES[of.key], *([OWN_FILE] if of.key in CODE else [])) if of.key in NAMES else of.choices,
        )
        for of in declared
    ]


@dataclass(frozen=True)
class Wanted:
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
        if key in ("model_code", "benchmark_code"):
            return "FILE.py:NAME"
        if key == "tasks" and not self.config.tasks_known:
            return "all"
        value = self.config.flat()[key]
        if value is None:
            value = known_settings()[key].off
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "" if value is None or value == () else shown(value)


def wanted(all_fields: Sequence[Field], values: Mapping[str, str]) -> Wanted:
    """The run that a form describes. ``values``: the filled-in texts; blank means default. Raises ConfigError."""
    filled = {field.key: values[field.key].strip() for field in all_fields if values.get(field.key, "").strip()}
    declared = {field.key: field.declared for field in all_fields}
    name = filled.pop("name", "")
    if name:
        check_name(name)
    for choice, code in CODE.items():
        named = filled.pop(code.key, "")
        if filled.get(choice) == OWN_FILE:
            if file_and_name(named) is None:
                raise ConfigError(
                    f"{choice}: name a file and a function in it, {code.help.partition(', ')[2]}", code.key
                )
            filled[choice] = named
    given = {key: typed_as(declared[key], value) for key, value in filled.items()}
    config, pace = _run(given)
    for key in list(given):
        fewer = {other: value for other, value in given.items() if other != key}
        with contextlib.suppress(ConfigError):
            if _run(fewer | config.from_data()) == (config, pace):
                given = fewer
    if name:
        given["name"] = name
    words = (word for key in filled | {"name": name} if key in given for word in as_typed(declared[key], given[key]))
    return Wanted(config, pace, name, tuple(words))


def _run(given: Mapping[str, Any]) -> tuple[RunConfig, float | None]:
    config = resolve({key: value for key, value in given.items() if key != "pace"})
    return config, typed_pace(given.get("pace"), benchmark_info(config.benchmark).watch_pace)


SEVERAL = ("strength", "seed")
"""Fields that may hold several values, of which each is a run of a batch."""


def several(values: Mapping[str, str]) -> list[dict[str, str]]:
    """The form's values for each run, where a field holds several values such as 1,10,100.

    >>> several({"strength": "1, 10", "seed": "0"})
    [{'strength': '1', 'seed': '0'}, {'strength': '10', 'seed': '0'}]
    """
    found = [dict(values)]
    for key in SEVERAL:
        if len(parts := _parts(values.get(key, ""))) > 1:
            found = [{**of, key: part} for of in found for part in parts]
    return found


def _parts(value: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))


def batch_arguments(all_fields: Sequence[Field], values: Mapping[str, str]) -> list[str]:
    """Arguments of ``cl-tui batch`` for a form with several values. Raises ConfigError."""
    axes = {key: _parts(values.get(key, "")) for key in SEVERAL}
    of_one = {key: value for key, value in values.items() if key not in (*SEVERAL, "name", "pace")}
    words = list(wanted(all_fields, of_one).arguments)
    words += [word for value in axes["strength"] for word in ("--strength", value)]
    seeds = [int(seed) for seed in axes["seed"]]
    if len(seeds) > 1 and seeds != list(range(seeds[0], seeds[0] + len(seeds))):
        raise ConfigError("seed: a batch takes seeds that follow each other, such as 0,1,2", "seed")
    if seeds:
        words += ["--seed", str(seeds[0]), "--seeds", str(len(seeds))]
    return words


def problems(all_fields: Sequence[Field], values: Mapping[str, str]) -> dict[str, str]:
    """All problems of a filled form: a sentence per field; under '' a problem of no single field."""
    found: dict[str, str] = {}
    values = dict(values)
    while True:
        try:
            wanted(all_fields, values)
        except ConfigError as error:
            if error.setting in found:  # its default is wrong, too
                return found
            key = error.setting if values.get(error.setting, "").strip() else ""
            found[key] = str(error)
            if not key:
                return found
            del values[key]
        else:
            return found
