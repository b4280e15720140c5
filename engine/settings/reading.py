"""Settings from files and from the command line's words."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.catalog.options import Setting, mentions, words
from engine.errors import ConfigError, first_line
from engine.settings.run import STORED, RunConfig, known_settings, validated
from engine.settings.text import short

MOST_BYTES = 100_000
"""Largest accepted settings file; a usual one has about a thousand bytes."""
_LEADING_POINT = re.compile(r"^\.(?=\d+$)")
"""The point of .25, which is not TOML."""


def _parsed(toml: bytes) -> dict[str, Any]:
    """Parses TOML. Raises ValueError or RecursionError, also for a key with so many dots that tomllib, whose time grows
    with their square, would take hours."""
    if len(toml) > MOST_BYTES:
        raise ValueError(f"it is longer than {MOST_BYTES:,} bytes")
    if any(line.count(b".") > 1000 for line in toml.splitlines()):
        raise ValueError("a line has more than 1,000 dots")
    return tomllib.loads(toml.decode())


def from_toml(text: str, where: str) -> RunConfig:
    """Reads a session's config.toml, which is complete: fills in nothing. Raises ConfigError, naming ``where``."""
    try:
        return validated(_parsed(text.encode()), STORED)
    except (ValueError, RecursionError, ConfigError) as error:
        raise ConfigError(f"{where}: {first_line(error)}") from None


def read_settings(path: Path) -> dict[str, Any]:
    """Reads the settings in a --config file, which may be a session's config.toml. Raises ConfigError."""
    try:
        with open(path, "rb") as file:
            settings = _parsed(file.read(MOST_BYTES + 1))
    except OSError as error:
        raise ConfigError(f"--config {path}: {error.strerror or first_line(error)}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"--config {path} is not a valid file of settings: {first_line(error)}") from None
    settings.pop("format", None)
    settings.pop("checksum", None)
    for key in [key for key, declared in known_settings().items() if declared.from_data]:
        for table in settings.values():
            if isinstance(table, dict):
                table.pop(key, None)  # this run's data may be others
    return settings


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Parses --set KEY=VALUE. A value is TOML (lr=0.01, first_task={lr=0.1}), a list as options take it
    (hidden=100,100), or plain text (optimizer=sgd). Raises ConfigError.

    >>> parse_assignments(["lr=0.01", "si.xi=0.1"])
    {'lr': 0.01, 'si.xi': 0.1}
    """
    settings: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, value = (part.strip() for part in assignment.partition("="))
        if not equals or not re.fullmatch(r"(?!first_task\.)([\w-]+\.)?\w+", key):
            raise ConfigError(f"--set {short(assignment)}: write KEY=VALUE, for example --set lr=0.01")
        if "\n" in value:  # in TOML a new setting would begin there
            raise ConfigError(
                f"--set {short(assignment)}: write the value on one line, and use one --set for each setting"
            )
        settings[key] = typed(key.rpartition(".")[2], value)
    return settings


def typed(key: str, value: str) -> Any:
    known = known_settings().get(key)
    return parse_list(key, value) if known is not None and known.is_list else _parsed_value(value)


def typed_as(declared: Setting, value: str) -> Any:
    """A value that was typed after the setting's own option, or into its field. Raises ConfigError."""
    if declared.is_flag:
        return value == "yes"
    if declared.is_list:
        return parse_list(declared.key, value)
    return _parsed_value(value) if mentions(declared.kind, int, float) else value


def _parsed_value(text: str) -> Any:
    """The value if ``text`` is TOML, otherwise ``text`` itself."""
    try:
        return _parsed(f"value = {_LEADING_POINT.sub(r'0.', text.strip())}".encode())["value"]
    except (ValueError, RecursionError):
        return text.strip()


def parse_list(key: str, text: str) -> Any:
    """Parses a setting that is a list: items separated by commas, or a TOML list. Raises ConfigError.

    >>> parse_list("hidden", "200, 100"), parse_list("hidden", "[200]"), parse_list("leave_alone", "*.bias,head.*")
    ([200, 100], [200], ['*.bias', 'head.*'])
    >>> parse_list("class_order", "random"), parse_list("hidden", "")
    ('random', [])
    """
    whole = _parsed_value(text)
    if isinstance(whole, list) or whole in ("", *words(known_settings()[key].kind)):
        return whole or []
    items = [item.strip() for item in text.split(",")]
    if "" in items:
        raise ConfigError(f"{key} = {short(text)}: write commas only between values", key)
    return [_parsed_value(item) for item in items] if mentions(known_settings()[key].kind, int, float) else items
