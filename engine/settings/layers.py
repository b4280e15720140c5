"""Settings of which later layers override earlier ones."""

from collections.abc import Mapping
from typing import Any

from engine.catalog.choices import entry_of, tables


def flattened(settings: Mapping[str, Any]) -> dict[str, Any]:
    """An option in a table that is named after its owner gets a key with a dot.

    >>> flattened({"lr": 0.1, "si": {"xi": 0.1}})
    {'lr': 0.1, 'si.xi': 0.1}
    """
    groups = [key for key, value in settings.items() if isinstance(value, dict)]
    owned = {key for key in groups if any(key in names or entry_of(of, key) for of, names in tables().items())}
    if not owned:
        return dict(settings)
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= {f"{key}.{option}": of for option, of in value.items()} if key in owned else {key: value}
    return found


def over(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of all ``layers``, of which a later overrides an earlier, also where only the earlier says whose
    option it is. (Where both are left, ``resolve`` takes what says whose it is.)

    >>> over({"si": {"xi": 0.1, "half": True}}, {"xi": 0.2}), over({"xi": 0.2}, {"si.xi": 0.1})
    ({'si.half': True, 'xi': 0.2}, {'xi': 0.2, 'si.xi': 0.1})
    """
    found: dict[str, Any] = {}
    for layer in layers:
        new = {key: value for key, value in flattened(layer).items() if value is not None}
        found = {key: value for key, value in found.items() if key.rpartition(".")[2] not in new} | new
    return found
