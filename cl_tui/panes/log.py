"""The events of the run, newest first: ends of tasks, falls, warnings, and what somebody did."""

import time

from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import Pane, cut, message, more, window
from cl_tui.panes.view import View
from cl_tui.reports.timeline import Falls, Happening, happenings


class LogPane(Pane):
    HELP_TITLE = "Log"
    HOW_TO_READ = (
        "The events of the run with their steps, newest first: ✔ a task ended, ▼ a learned task fell by ten points or "
        "more from one probe to the next (of several tasks, the worst), ▲ a warning, · what somebody did or the "
        "program noted, ▶ training began or continued. With a crosshair, those up to its step. Zoomed: with the time "
        "of day, in full. The key l shows the same beside what was printed."
    )

    def __init__(self) -> None:
        super().__init__()
        self._falls = Falls()

    def told(self, view: View) -> list[Happening]:
        """Up to the crosshair, by their steps."""
        cursor = view.viewport.cursor
        told = sorted(happenings(view.history, view.config, self._falls), key=lambda each: each.step)
        return [each for each in told if cursor is None or each.step <= cursor]

    def subtitle(self, view: View) -> str:
        return "" if view.viewport.cursor is None else f"up to step {view.viewport.cursor:,}"

    def draw(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        told = self.told(view)[::-1]
        if not told:
            return message("Nothing has happened yet.", width, palette.muted)
        seen = window(len(told), height, self.pan[1] if self.pan else None, 0)
        steps = max(len(f"{told[place].step:,}") for place in seen)
        lines = [self._line(told[place], steps, width, palette) for place in seen]
        if len(told) > height and width > 40:
            lines[-1] = [Segment(more(range(seen.start, seen.stop - 1), len(told), "newer", "older"), palette.muted)]
        return lines

    def _line(self, told: Happening, steps: int, width: int, palette: Palette) -> Line:
        clock = f"{time.strftime('%H:%M:%S', time.localtime(told.time))}  " if self.zoomed and told.time else ""
        head = f"{clock}{told.step:>{steps},}"
        what = told.text if self.zoomed else told.brief
        return [
            Segment(f"{head}  ", palette.muted),
            Segment(f"{told.sign} ", _ink(told.sign, palette)),
            Segment(cut(what, max(width - len(head) - 4, 1)), palette.text),
        ]

    def pannable(self, view: View) -> tuple[int, int]:
        return (0, max(0, len(self.told(view)) - 1))

    def data(self, view: View) -> list[dict[str, object]]:
        told = self.told(view)
        return [{"step": each.step, "time": each.time, "sign": each.sign, "event": each.text} for each in told]


def _ink(sign: str, palette: Palette) -> Style:
    return {"✔": palette.good, "▼": palette.caution, "▲": palette.caution, "✖": palette.bad}.get(sign, palette.accent)
