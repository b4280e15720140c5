"""Published configurations by name, with the published results."""

from collections.abc import Mapping
from types import MappingProxyType

from engine.catalog.entries import Preset, found

PRESETS: dict[str, Preset] = found(__name__, __path__, Preset)


def settings_of(preset: Preset, given: Mapping[str, object] = MappingProxyType({})) -> dict[str, object]:
    """The preset's settings with those of the first case that agrees with the settings the user has ``given``.

    If no case agrees (a method that the preset does not have), only the settings that all cases share.
    """
    for case in preset.cases:
        if all(_plain(given.get(key, value)) == _plain(value) for key, value in case.choice.items()):
            return {**preset.settings, **case.choice, **case.settings}
    return dict(preset.settings)


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
