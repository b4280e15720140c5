"""The tree: a family of sessions along the steps of training, with the accuracy at each tip."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.marks import marks
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.painted import Painted
from cl_tui.reports import text
from cl_tui.reports.family import Branch, Node
from engine.record.score import ACCURACY, ScoreInfo

NAMES = 40
"""Most cells of the names."""
_SIGNS = {"start": "╶", "strength": "◆", "tip": "●"}


@dataclass(frozen=True, eq=False)
class Tree:
    branches: Sequence[Branch]
    starts: Sequence[int] = ()
    """The steps at which tasks begin, and the last."""
    row: int = 0
    node: int = -1
    """The chosen branch, and which of its nodes is chosen."""

    @property
    def chosen(self) -> tuple[Branch, Node]:
        branch = self.branches[self.row]
        return branch, branch.nodes[self.node]

    @property
    def last(self) -> int:
        return max([1, *self.starts[-1:], *(branch.nodes[-1].step for branch in self.branches)])


class TreePane(Painted, can_focus=True):
    HELP_TITLE = "Tree"
    HOW_TO_READ = (
        "Each line is a session, from the step at which it began to where it is now; a fork hangs on the step of the "
        "session that it comes from. ◆ is a change of the strength, and the number at the end the average over the "
        "tasks so far. Dotted lines are ends of tasks."
    )

    def __init__(self) -> None:
        super().__init__()
        self.shown: Tree | None = None

    def show(self, tree: Tree) -> None:
        self.shown = tree
        if self.size:
            self.repaint()

    def drawing(self, width: int, height: int, palette: Palette) -> list[Line]:
        if self.shown is None:
            return [[Segment("Reading the sessions…", palette.muted)]]
        return drawn(self.shown, width, height, palette)


def drawn(tree: Tree, width: int, height: int, palette: Palette) -> list[Line]:
    branches, score = tree.branches, _score(tree)
    widest = max(cell_len(_name(branch)) + cell_len(branch.label) + 1 for branch in branches)
    names = min(widest, NAMES, max(width // 3, 8))
    ends = 9
    graph = max(width - names - ends - 4, 10)
    cells = [[" "] * graph for _ in branches]
    room = max(height - 3, 1)
    first = min(max(tree.row - room // 2, 0), max(len(branches) - room, 0))
    signs = marks([branch.listed.config.method if branch.listed.config else "" for branch in branches])
    for row, branch in enumerate(branches):
        _line(cells, row, branch, tree, graph)
    lines: list[Line] = [_steps(tree, names, graph, palette)]
    for row in range(first, min(first + room, len(branches))):
        branch = branches[row]
        chosen = row == tree.row
        label = text.shortened(_name(branch), max(names - cell_len(branch.label) - 1, 4))
        told = set_cell_size(f"{label} {branch.label}", names)
        average = "" if math.isnan(branch.average) else score.full(branch.average)
        lines.append(
            [
                Segment(f"{signs[row].sign} ", signs[row].style(palette)),
                Segment(told, palette.selected if chosen else palette.text),
                Segment("  ", palette.text),
                *_styled(cells[row], tree if chosen else None, graph, signs[row].style(palette), palette),
                Segment(f"{average:>{ends}}", palette.strong),
            ]
        )
    lines += [[]] * max(height - 1 - len(lines), 0)
    lines.append([Segment(told_of(tree)[:width], palette.text)])
    return lines[-height:] if len(lines) > height else lines


def _score(tree: Tree) -> ScoreInfo:
    return next((of.listed.history.score for of in tree.branches if of.listed.history is not None), ACCURACY)


def _name(branch: Branch) -> str:
    return f"{'  ' * (branch.depth - 1)}╰ {branch.listed.name}" if branch.depth else branch.listed.name


def _at(step: int, tree: Tree, width: int) -> int:
    return min(round(step / tree.last * (width - 1)), width - 1)


def _line(cells: list[list[str]], row: int, branch: Branch, tree: Tree, width: int) -> None:
    """The branch's line, the ends of tasks behind it, and the stem from its parent."""
    own = cells[row]
    for start in tree.starts[1:-1]:
        place = _at(start, tree, width)
        own[place] = "┊" if own[place] == " " else own[place]
    first, last = _at(branch.nodes[0].step, tree, width), _at(branch.nodes[-1].step, tree, width)
    own[first : last + 1] = "━" * (last + 1 - first)
    if branch.parent is not None:
        own[first] = "╰"
        for between in range(branch.parent + 1, row):
            if cells[between][first] in " ┊":
                cells[between][first] = "│"
    for node, after in pairwise((*branch.nodes, None)):
        assert node is not None
        if node.kind == "start":
            continue
        place = _at(node.step, tree, width)
        own[place] = _SIGNS[node.kind]
        end = _at(after.step, tree, width) if after is not None else place
        if node.label and place + 1 + len(node.label) < end:
            own[place + 1 : place + 1 + len(node.label)] = node.label


def _styled(cells: list[str], chosen: Tree | None, width: int, style: Style, palette: Palette) -> Line:
    """``chosen``: the tree, if one of this line's nodes is chosen; that is reversed."""
    at = _at(chosen.chosen[1].step, chosen, width) if chosen is not None else -1
    line: Line = []
    for place, sign in enumerate(cells):
        of = palette.muted if sign in "┊│" else style if sign in "━╰╶●◆" else palette.text
        of = of + Style(reverse=True) if place == at else of
        if line and line[-1].style == of:
            line[-1] = Segment(line[-1].text + sign, of)
        else:
            line.append(Segment(sign, of))
    return line


def _steps(tree: Tree, names: int, width: int, palette: Palette) -> Line:
    """The number of each task above its steps."""
    cells = [" "] * width
    for task, (start, end) in enumerate(pairwise(tree.starts), start=1):
        place = (_at(start, tree, width) + _at(end, tree, width)) // 2
        cells[place : place + len(str(task))] = str(task)
    head = "task" if len(tree.starts) > 1 else f"{tree.last:,} steps"
    return [Segment(f"{head:>{names + 2}}  {''.join(cells)[:width]}", palette.muted)]


def told_of(tree: Tree) -> str:
    """What is chosen, in a sentence."""
    branch, node = tree.chosen
    listed = branch.listed
    if listed.history is None:
        return f"{listed.name}: {listed.problem}"
    if node.kind == "strength":
        return f"{listed.name}: {node.label} from step {node.step:,} on"
    if node.kind == "start":
        forked = listed.history.forked
        if forked is None or branch.parent is None:
            return f"{listed.name}: begins with {branch.label}"
        place = f"step {forked.step:,}" if forked.task is None else f"the end of task {forked.task + 1}"
        return f"{listed.name}: forked from {forked.parent} at {place}, with {branch.label}"
    average = "" if math.isnan(branch.average) else f", average {listed.history.score.full(branch.average)}"
    return f"{listed.name}: {listed.state} at step {listed.history.step:,}{average}"
