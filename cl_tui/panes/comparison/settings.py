"""The settings that differ between the groups of a comparison, and what to keep in mind."""

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import cut, message
from cl_tui.panes.comparison.base import ComparePane, cell
from cl_tui.panes.comparison.board import Board
from cl_tui.reports.statistics import UNKNOWN

WIDEST_VALUE = 16


class SettingsPane(ComparePane):
    HELP_TITLE = "Settings that differ"
    HOW_TO_READ = (
        "Only what the groups do not share, by the letters of the table of results; '—' is a setting that a method "
        "does not have. Options with their method's default are left out. Below: what cannot be compared, and what to "
        "keep in mind."
    )

    def content(self, board: Board, width: int, height: int, palette: Palette) -> list[Line]:
        lines = self._settings(board, width, palette) if board.found.settings else []
        for note in board.found.notes:
            for number, line in enumerate(message(note, width - 2, palette.text)):
                lines.append([Segment("  " if number else "⚠ ", palette.caution), *line])
        return lines or message("No setting differs.", width, palette.muted)

    def _settings(self, board: Board, width: int, palette: Palette) -> list[Line]:
        found, first = board.found, self.at[0]
        name = min(max(cell_len(setting.name) for setting in found.settings), width // 2)
        widths: list[int] = []
        for k in range(first, len(found.groups)):
            each = min(max(cell_len(setting.values[k]) for setting in found.settings), WIDEST_VALUE)
            if widths and name + sum(widths) + 2 * len(widths) + 2 + each > width:
                break
            widths.append(min(each, max(width - name - 2, 1)))
        groups = range(first, first + len(widths))
        more = "›" if groups.stop < len(found.groups) else ""
        head = [Segment(f"{'‹' if first else '':<{name}}", palette.muted)]
        for k, each in zip(groups, widths, strict=True):
            head.append(
                Segment(f"  {found.groups[k].letter:<{each}}", board.marks[k].style(palette) + Style(bold=True))
            )
        lines: list[Line] = [[*head, Segment(more, palette.muted)]]
        for setting in found.settings:
            line = [cell(setting.name, name, palette.muted)]
            for k, each in zip(groups, widths, strict=True):
                value = setting.values[k]
                style = palette.muted if value == UNKNOWN else palette.text
                line.append(Segment(f"  {set_cell_size(cut(value, each), each)}", style))
            lines.append(line)
        return lines

    def columns_beyond(self, board: Board) -> int:
        return len(board.found.groups) - 1 if board.found.settings else 0
