"""The panes of a comparison: groups with their figures, settings that differ, curves and matrices."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.content import Content
from textual.strip import Strip

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import Pane, arrows, cut, keys, message, window
from cl_tui.panes.painted import strips
from cl_tui.reports import text
from cl_tui.reports.compare_page import points, uncertain
from cl_tui.reports.group_curves import KINDS, CurveKind
from cl_tui.reports.groups import Change, Comparison, Group, difference
from cl_tui.reports.scale import Scale, axis
from cl_tui.reports.statistics import UNKNOWN, Estimate, with_error
from engine.record.score import ScoreInfo

INKS = 6
"""Number of colours that distinguish groups, besides their letters."""
WIDEST_VALUE = 16
WIDEST_CELL = 13
Cell = tuple[tuple[str, ...], Style]
"""The text of a matrix cell in several lengths, longest first."""


class ComparePane(Pane, inherit_bindings=False):
    """Shows ``found``; content larger than the pane scrolls. Subclasses define the content."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"compare--{ink}" for ink in range(INKS)}
    BINDINGS: ClassVar[list[BindingType]] = keys(
        *arrows("Scroll; in the curves ← → move the crosshair"),
        ("home", "follow", "First", "Scroll back to the beginning"),
    )

    def __init__(self) -> None:
        super().__init__()
        self.found: Comparison | None = None
        self.at = (0, 0)
        """First visible column and line."""
        self._reach = (0, 0)

    def content(self, found: Comparison, width: int, height: int, palette: Palette) -> list[Line]:
        """All lines, of at most ``width`` cells."""
        raise NotImplementedError

    def columns_beyond(self, found: Comparison) -> int:
        """How far the pane can scroll to the right."""
        return 0

    def show_comparison(self, found: Comparison) -> None:
        self.found = found
        self.redraw()

    def redraw(self) -> None:
        self._strips = None
        self.refresh()

    def ink(self, number: int) -> Style:
        """The colour of a group, which is counted from 0."""
        return self.get_component_rich_style(f"compare--{number % INKS}")

    def _built(self) -> list[Strip]:
        if self._strips is None:
            width, height = self.size
            palette = self._palette()
            lines: list[Line] = []
            if self.found is not None:
                lines = self.content(self.found, width, height, palette)
                self._reach = (self.columns_beyond(self.found), max(0, len(lines) - height))
                self.at = (min(self.at[0], self._reach[0]), min(self.at[1], self._reach[1]))
            top = self.at[1]
            self.border_subtitle = "↑ ↓ more" if len(lines) > height else ""
            self._strips = strips(lines[top:], width, height, palette.text)
        return self._strips

    def action_pan(self, across: int, down: int) -> None:
        (x, y), (columns, rows) = self.at, self._reach
        self.at = (min(max(x + across, 0), columns), min(max(y + down, 0), rows))
        self.redraw()

    def action_follow(self) -> None:
        self.at = (0, 0)
        self.redraw()


class GroupsPane(ComparePane):
    HELP_TITLE = "Groups"
    HOW_TO_READ = (
        "Sessions that differ only in the seed form a group, with a letter and a colour. Under each: average accuracy "
        "(%), forgetting and backward transfer (points) over the tasks that it has ended, as mean ± standard error "
        "over its n sessions; a single session has no error. The sessions are listed below."
    )

    def content(self, found: Comparison, width: int, height: int, palette: Palette) -> list[Line]:
        score = found.score
        rest = ", the rest in points" if score.fraction else ""
        self.border_title = Content(f"{self.HELP_TITLE}: {score.title}{score.measured_in}{rest}")
        shown = list(text.AVERAGES)[: 3 if width >= (33 if score.fraction else 45) else 2]
        cell = min(width // len(shown), 18)
        heads = dict(zip(text.AVERAGES, (score.title, "forgetting", "transfer"), strict=True))
        lines: list[Line] = [[Segment("".join(f"{heads[name]:>{cell}}" for name in shown), palette.muted)]]
        between = " ± " if cell >= (12 if score.fraction else 17) else "±"
        for number, group in enumerate(found.groups):
            figures = "".join(f"{with_error(group.figures[name], between, score=score):>{cell}}" for name in shown)
            lines += [self._head(number, group, width, palette), [Segment(figures, palette.text)]]
        for number, group in enumerate(found.groups):
            for member in group.members:
                state = "" if member.state == "finished" else f"{member.state}, "
                name = f" {state}seed {member.seed}  {member.name}"
                style = palette.muted if member.state == "finished" else palette.caution
                lines.append([Segment(group.letter, self.ink(number)), Segment(cut(name, width - 1), style)])
        return lines

    def _head(self, number: int, group: Group, width: int, palette: Palette) -> Line:
        counted = f" n {group.size}"
        if group.ended < len(group.tasks):
            counted = f" {group.ended}/{len(group.tasks)} tasks{counted}"
        title = cut(group.title, width - 2 - len(counted))
        room = width - 2 - cell_len(title)
        letter = Segment(f"{group.letter} ", self.ink(number) + Style(bold=True))
        return [letter, Segment(title, palette.strong), Segment(f"{counted:>{room}}", palette.muted)]


class SettingsPane(ComparePane):
    HELP_TITLE = "Settings that differ"
    HOW_TO_READ = (
        "Only what the groups do not share; '—' is a setting that a method does not have. Options with their "
        "method's default are left out. Below: what cannot be compared, and what to keep in mind."
    )

    def content(self, found: Comparison, width: int, height: int, palette: Palette) -> list[Line]:
        lines: list[Line] = []
        if found.settings:
            lines += self._table(found, width, palette)
        for note in found.notes:
            for number, line in enumerate(message(note, width - 2, palette.text)):
                lines.append([Segment("  " if number else "⚠ ", palette.caution), *line])
        return lines or message("No setting differs.", width, palette.muted)

    def _table(self, found: Comparison, width: int, palette: Palette) -> list[Line]:
        first = self.at[0]
        name = min(max(cell_len(setting.name) for setting in found.settings), width // 2)
        widths: list[int] = []
        for k in range(first, len(found.groups)):
            cell = min(max(cell_len(setting.values[k]) for setting in found.settings), WIDEST_VALUE)
            if widths and name + sum(widths) + 2 * len(widths) + 2 + cell > width:
                break
            widths.append(min(cell, max(width - name - 2, 1)))
        groups = range(first, first + len(widths))
        more = "›" if groups.stop < len(found.groups) else ""
        head = [Segment(f"{'‹' if first else '':<{name}}", palette.muted)]
        for k, cell in zip(groups, widths, strict=True):
            head.append(Segment(f"  {found.groups[k].letter:<{cell}}", self.ink(k) + Style(bold=True)))
        lines: list[Line] = [[*head, Segment(more, palette.muted)]]
        for setting in found.settings:
            line = [Segment(f"{cut(setting.name, name):<{name}}", palette.muted)]
            for k, cell in zip(groups, widths, strict=True):
                value = setting.values[k]
                style = palette.muted if value == UNKNOWN else palette.text
                line.append(Segment(f"  {set_cell_size(cut(value, cell), cell)}", style))
            lines.append(line)
        return lines

    def columns_beyond(self, found: Comparison) -> int:
        return len(found.groups) - 1 if found.settings else 0


class OverlayPane(ComparePane):
    HELP_TITLE = "Curves"
    HOW_TO_READ = (
        "One curve per group, with its letter along it: the average accuracy over the tasks seen so far on their "
        "evaluation subsets, the task loss, or the penalty. Where there is room, faint dots reach one standard error "
        "up and down. A point of loss and penalty is a mean over a few steps. Every other curve is dotted. "
        "The line above the plot has the last values, or those at the crosshair, which ← → move and Esc removes."
    )

    def __init__(self) -> None:
        super().__init__()
        self.kind: CurveKind = KINDS[0]
        self.cursor: int | None = None

    def next_kind(self) -> None:
        self.kind = KINDS[(KINDS.index(self.kind) + 1) % len(KINDS)]
        self.redraw()

    def back_out(self) -> bool:
        there = self.cursor is not None
        self.cursor = None
        self.redraw()
        return there

    def content(self, found: Comparison, width: int, height: int, palette: Palette) -> list[Line]:
        from cl_tui.panes.comparison.overlay import Curve, axis_of_steps, overlay

        score = found.score
        of_score = f"Average {score.title}{f' ({score.mark.strip()})' if score.mark else ''} of the tasks seen"
        self.border_title = Content({"accuracy": of_score, "loss": "Task loss", "penalty": "Penalty"}[self.kind])
        drawn = [
            Curve(group.letter, group.curves[self.kind], self.ink(number), dotted=number % 2 == 1)
            for number, group in enumerate(found.groups)
            if group.has_any(self.kind)
        ]
        if not drawn:
            known = {"accuracy": score.title, "loss": "loss", "penalty": "any penalty"}[self.kind]
            return message(f"No group has {known} yet.", width, palette.muted)
        readout = self._readout(found, width, palette)
        time = axis_of_steps(_steps(found), width)
        values = None
        if self.kind == "accuracy":
            lowest = min(curve.course.lowest for curve in drawn)
            highest = max(float(curve.course.means.max()) for curve in drawn)
            ends = (lowest, highest) if score.higher else (highest, lowest)
            values = (min(max(int(lowest * 10) / 10, 0.0), 0.9), 1.0) if score.fraction else axis(score, *ends)
        longest = max(found.groups, key=lambda group: group.starts[-1])
        borders = longest.starts[1:-1] if len(longest.starts) * 3 < width else ()
        of_value = text.percent if score.fraction else score.tick
        shown: Callable[[float], str] = of_value if self.kind == "accuracy" else text.quantity
        room = max(height - len(readout), 3)
        return readout + overlay(drawn, time, room, palette, values, shown, borders, self.cursor)

    def _readout(self, found: Comparison, width: int, palette: Palette) -> list[Line]:
        """Each group's value, in one or two lines, as needed."""
        head = "last" if self.cursor is None else f"step {self.cursor:,}"
        lines: list[Line] = [[Segment(head, palette.muted)]]
        room = width - len(head)
        for number, group in enumerate(found.groups):
            text = f" {self._value(group)}"
            needed = 3 + len(text)
            if needed > room:
                if len(lines) == 2:
                    break
                lines.append([])
                room = width
            room -= needed
            lines[-1] += [
                Segment(f"  {group.letter}", self.ink(number) + Style(bold=True)),
                Segment(text, palette.text),
            ]
        return lines

    def _value(self, group: Group) -> str:
        course = group.curves.get(self.kind)
        if course is None:
            return UNKNOWN
        at = course.at(self.cursor if self.cursor is not None else float(course.steps[-1]))
        beyond = self.cursor is not None and self.cursor > course.steps[-1] + (course.steps[-1] - course.steps[0]) / 50
        if at is None or beyond:
            return UNKNOWN
        if self.kind == "accuracy":
            return with_error(at, "±", score=group.score)
        return text.quantity(at.mean) + (f"±{text.quantity(at.error)}" if at.error else "")

    def action_pan(self, across: int, down: int) -> None:
        from cl_tui.panes.comparison.overlay import axis_of_steps

        if self.found is None or not across or not any(group.has_any(self.kind) for group in self.found.groups):
            return
        time = axis_of_steps(_steps(self.found), self.size.width)
        cells = (len(time.edges) - 1) // 2
        here = time.cell(self.cursor) if self.cursor is not None else None
        cell = (cells if across < 0 else -1) if here is None else here
        self.cursor = time.step(min(max(cell + across, 0), cells - 1))
        self.redraw()

    def action_follow(self) -> None:
        self.back_out()


def _steps(found: Comparison) -> int:
    """How many steps the curves span: as many as the longest run."""
    return max(group.starts[-1] for group in found.groups)


class MatrixPane(ComparePane):
    """The mean matrix of a group, or its difference from the first group."""

    HELP_TITLE = "Matrices"
    HOW_TO_READ = (
        "Row: after training this task. Column: accuracy (%) on that task's test set, as mean over the group's "
        "sessions, with its standard error where there is room. A difference is a group minus the first one, in "
        "points: + is better than the first, − is worse, and ~ marks what is smaller than its standard error. '·' "
        "means not evaluated; it is not 0."
    )

    def __init__(self) -> None:
        super().__init__()
        self.shown = 0
        """Counts the groups' matrices, then the differences of the second, third, … group from the first."""

    def next_matrix(self) -> None:
        if self.found is not None:
            self.shown = (self.shown + 1) % (2 * len(self.found.groups) - 1)
            self.at = (0, 0)
            self.redraw()

    def content(self, found: Comparison, width: int, height: int, palette: Palette) -> list[Line]:
        groups = found.groups
        self.shown = min(self.shown, 2 * len(groups) - 2)
        if self.shown < len(groups):
            return self._matrix(groups[self.shown], width, height, palette)
        return self._difference(groups[0], groups[self.shown - len(groups) + 1], width, height, palette)

    def columns_beyond(self, found: Comparison) -> int:
        return max(len(group.tasks) for group in found.groups) - 1

    def _matrix(self, group: Group, width: int, height: int, palette: Palette) -> list[Line]:
        score, every = group.score, (cell.mean for row in group.matrix for cell in row)
        self.border_title = Content(
            f"{score.capital}{'' if score.fraction else score.measured_in} of {group.letter}: {group.title}"
        )
        if not group.matrix:
            return message(f"No task has ended yet in {group.letter}.", width, palette.muted)
        scale = Scale.of(score, every)
        cells = [[(_forms(score, cell), palette.heat[scale.level(cell.mean)]) for cell in row] for row in group.matrix]
        return self._grid(cells, group.tasks, width, height, palette)

    def _difference(self, first: Group, other: Group, width: int, height: int, palette: Palette) -> list[Line]:
        unit = other.score.changes_in
        self.border_title = Content(f"Difference {other.letter} − {first.letter}{unit and f',{unit}'}")
        changes = difference(first, other)
        if changes is None:
            text = f"{other.letter} trains on {other.benchmark} and {first.letter} on {first.benchmark}"
            return message(f"{text}, so there is no difference of their matrices.", width, palette.muted)
        if not changes:
            return message("No task has ended yet in both.", width, palette.muted)
        cells = [[((points(cell), points(cell, 0)), _style(cell, palette)) for cell in row] for row in changes]
        legend = "~ smaller than its standard error" if uncertain(changes) else _better(first, other.score)
        lines = self._grid(cells, other.tasks[: len(changes[-1])], width, height - 1, palette)
        return [*lines, [Segment(legend, palette.muted)]]

    def _grid(
        self, cells: Sequence[Sequence[Cell]], tasks: Sequence[str], width: int, height: int, palette: Palette
    ) -> list[Line]:
        """Each cell in its longest text that fits in all cells."""
        label = len(f"{len(cells)} ")
        everything = [texts for row in cells for texts, _ in row]
        room = min((width - label) // len(tasks), WIDEST_CELL)
        sizes = [max(len(texts[k]) for texts in everything) for k in range(len(everything[0]))]
        form = next((k for k, size in enumerate(sizes) if size + 2 <= room), len(sizes) - 1)
        cell = max(room, sizes[form] + 1)
        shown = window(len(tasks), (width - label) // cell, self.at[0], 0)
        named = all(len(task) < cell for task in tasks)
        tall = min(max((height - 1) // len(cells), 1), 2)
        heads = "".join(f"{tasks[k] if named else str(k + 1):>{cell - 1}} " for k in shown)
        lines: list[Line] = [[Segment(" " * label + heads, palette.muted)]]
        for number, row in enumerate(cells):
            line = [Segment(f"{number + 1:<{label}}", palette.muted)]
            for k in shown:
                texts, style = row[k] if k < len(row) else (("·",) * len(sizes), palette.muted)
                line.append(Segment(f"{texts[form]:>{cell - 1}} ", style))
            lines += [line, *[[] for _ in range(tall - 1)]]
        return lines


def _better(first: Group, score: ScoreInfo) -> str:
    return f"{'+' if score.higher else '−'} better than {first.letter}"


def _forms(score: ScoreInfo, cell: Estimate) -> tuple[str, ...]:
    short = f"{100 * cell.mean:.0f}" if score.fraction else score.value(cell.mean, 5)
    return (with_error(cell, score=score), with_error(cell, "±", score=score), score.value(cell.mean), short)


def _style(change: Change, palette: Palette) -> Style:
    if not change.certain or not change.direction:
        return palette.muted
    return palette.good if change.direction > 0 else palette.bad
