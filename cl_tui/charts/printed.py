"""Charts that are printed once. plotext has one figure, and is loaded when it is needed."""

from typing import Any

from rich.text import Text


def blank(width: int, height: int) -> Any:
    """plotext with nothing drawn yet."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(width, height)
    return plotext


def printed(figure: Any) -> Text:
    return Text.from_ansi(figure.build().rstrip())
