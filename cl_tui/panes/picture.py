"""The screen, or a pane of it, as cells for a picture."""

from typing import Any

from rich.color_triplet import ColorTriplet
from textual.app import App
from textual.widget import Widget

from cl_tui.exports.cells import Grid, grid


def grid_of(app: App[Any], widget: Widget | None = None) -> Grid:
    """What is on the screen, or of ``widget`` what the screen shows of it."""
    screen = app.screen
    lines = screen._compositor.render_strips(app.size)  # Textual gives it as SVG alone
    if widget is not None:
        region = widget.region
        lines = [line.crop(region.x, region.right) for line in lines[region.y : region.bottom]]
    ink, paper = (ColorTriplet(*colour.rgb) for colour in (screen.colors[3], screen.colors[2]))
    return grid(lines, ink, paper, app.ansi_theme)
