"""The keys at the bottom."""

from textual.widget import Widget
from textual.widgets._footer import FooterKey

from cl_tui.screens.footer import fitting


def _key(shown: str, does: str, action: str) -> Widget:
    return FooterKey(shown, shown, does, action)


def test_keys_that_do_not_fit_are_left_out_but_never_help_and_quit() -> None:
    keys = [
        _key("z", "Zoom", "zoom"),
        _key("d", "Delete", "delete"),
        _key("space", "Pause", "pause"),
        _key("k", "Strength", "strength"),
        _key("q", "Quit", "leave"),
        _key("?", "Help", "help"),
    ]

    def told(room: int) -> str:
        return " ".join(f"{key.key_display} {key.description}" for key in fitting(keys, room))

    assert told(80) == "space Pause z Zoom k Strength d Delete ? Help q Quit"
    assert told(len(told(80))) == told(80)
    assert told(len(told(80)) - 1) == "space Pause z Zoom k Strength ? Help q Quit"
    assert told(30) == "space Pause ? Help q Quit"
    assert told(5) == "? Help q Quit"
