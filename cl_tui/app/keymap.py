"""Keys of the user's own, from the table [keys] of the preferences."""

from collections.abc import Mapping

from textual.binding import Binding


class Keymap:
    """Each entry gives what one key does to others: {"space": "p"} pauses with p, and space does nothing any more.

    >>> keys = Keymap({"space": "p", "down": "down, j", ".": "h"})
    >>> [keys.meant(key) for key in ("p", "space", "j", "down", "h", "x")]
    ['space', '', 'down', 'down', 'full_stop', 'x']
    >>> keys.own("space"), keys.own("x")
    ('p', 'x')
    """

    def __init__(self, chosen: Mapping[str, str]) -> None:
        self._own = {named(key): [named(own) for own in keys.split(",")] for key, keys in chosen.items()}
        self._meant = {own: key for key, keys in self._own.items() for own in keys}

    def meant(self, pressed: str) -> str:
        """The key whose meaning ``pressed`` has; empty if it has none any more."""
        return self._meant.get(pressed) or ("" if pressed in self._own else pressed)

    def own(self, key: str) -> str:
        """What has to be pressed for what ``key`` does."""
        return self._own.get(key, [key])[0]


def named(key: str) -> str:
    """The name that Textual gives a key, such as 'full_stop' for '.'."""
    return next(iter(Binding.make_bindings([Binding(key.strip(), "")]))).key
