"""What became of one task, for the card at a run's end: its main confusions in sentences, and a picture of each."""

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.forgotten.chosen import Example
from cl_tui.panes.forgotten.column import pair
from cl_tui.panes.forgotten.found import Found, Group
from cl_tui.panes.forgotten.tiles import Tiles, beside, block, drawable, fixed
from engine.analysis.figures import PutBack
from engine.record.score import ScoreInfo
from engine.record.shown import Shown

MOST = 2
"""Confusions that are told."""
WIDTH, HEIGHT = 14, 7
"""Of a picture: a digit of 28 × 28 pixels at half its size."""
_DIGITS = ("zeros", "ones", "twos", "threes", "fours", "fives", "sixes", "sevens", "eights", "nines")


def confusions(found: Found, task: int) -> list[Group]:
    return [group for group in found.largest if group.task == task][:MOST]


def sentences(found: Found, task: int, tasks: Sequence[str]) -> list[str]:
    """
    >>> five, four = Group(0, "5", "4", (), 771, 892, {1: 175, 2: 596}), Group(0, "4", "5", (), 697, 982)
    >>> for sentence in sentences(Found(9, whole=True, groups=[five, four]), 0, ("4 5", "6 7", "8 9")): print(sentence)
    771 of 892 fives are now called 4, and 697 of 982 fours 5.
    596 of these fives turned for good in task 3 (8 9).
    >>> sentences(Found(9, groups=[Group(0, "cat", "dog", (), 7, 32)]), 0, ("cat dog",))
    ['7 of 32 test examples of cat that are shown are now called dog.']
    """
    groups = confusions(found, task)
    if not groups:
        return []
    first, *others = groups
    shown = "" if found.whole else " that are shown"
    told = f"{first.count:,} of {first.of:,} {many(first.name)}{shown} are now called {first.answer}"
    for other in others:
        told += f", and {other.count:,} of {other.of:,} {many(other.name)} {other.answer}"
    lines = [f"{told}."]
    if first.turned_in:
        where, count = max(first.turned_in.items(), key=lambda turned: turned[1])
        name = f" ({tasks[where]})" if where < len(tasks) else ""
        lines.append(f"{count:,} of these {many(first.name)} turned for good in task {where + 1}{name}.")
    return lines


def many(name: str) -> str:
    """
    >>> many("5"), many("K"), many("cat")
    ('fives', 'Ks', 'test examples of cat')
    """
    if name in list("0123456789"):
        return _DIGITS[int(name)]
    return f"{name}s" if len(name) == 1 else f"test examples of {name}"


def brought_back(back: PutBack, learned: float, score: ScoreInfo) -> list[str]:
    """Which layer alone brings a task back to what it was when ``learned``, in a sentence.

    >>> from engine.analysis.figures import LayerBack
    >>> from engine.record.score import ACCURACY
    >>> layers = {"fc1": LayerBack(0.54, ()), "fc2": LayerBack(0.98, ())}
    >>> brought_back(PutBack(2, 5, 0.21, layers), 0.99, ACCURACY)
    ['Put back to the end of task 3, fc2 alone brings 77 of 78 points back.']
    """
    if not score.fraction or not back.layers:
        return []
    name, best = max(back.layers.items(), key=lambda of: of[1].score)
    points, every = (round(100 * (value - back.now)) for value in (best.score, learned))
    if points <= 0:
        return [f"Put back to the end of task {back.task + 1}, no layer alone brings any of it back."]
    return [f"Put back to the end of task {back.task + 1}, {name} alone brings {points} of {every} points back."]


def pictures(found: Found, shown: Shown, task: int, tiles: Tiles, palette: Palette) -> list[Line]:
    """The most certain example of each main confusion, side by side, with what it is and what it is called."""
    if not drawable(shown, palette):
        return []
    blocks = []
    for group in confusions(found, task):
        rows = found.rows(group, "most certain")
        if not rows:
            continue
        sure = found.answers[task].sure
        caption: Line = [*pair(group, palette, 4, " now ")]
        if sure is not None:
            caption.append(Segment(f" {100 * float(sure[rows[0]]):.0f} %", palette.text))
        picture = tiles.lines(shown, Example(task, rows[0]), WIDTH, HEIGHT, palette)
        blocks.append([*picture, fixed(caption, WIDTH, palette)])
    if not blocks:
        return []
    width = len(blocks) * (WIDTH + 2)
    head = [Segment("Forgotten ", palette.strong), *rule_to(found.told, max(width, 24), palette)]
    return [head, *beside([block(of, WIDTH + 2, HEIGHT + 1, palette) for of in blocks], 0, palette)]


def rule_to(told: str, width: int, palette: Palette) -> Line:
    line = max(width - len("Forgotten ") - len(told) - 1, 1)
    return [Segment(f"{'─' * line} ", palette.muted), Segment(told, palette.caution + Style(bold=False))]
