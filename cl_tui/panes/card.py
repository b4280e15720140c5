"""The card at the end of a run: its result from chance to perfect, its tasks, the worst of them, what to do next."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import Pane, heading, keys, message, side_by_side
from cl_tui.panes.forgotten.tiles import Tiles
from cl_tui.panes.painted import Painted
from cl_tui.reports.card import Card, TaskLine
from engine.record.shown import Shown

if TYPE_CHECKING:
    from cl_tui.panes.forgotten.found import Found

WIDEST = 120
"""Columns that a card uses at most."""
SHORT = 24
"""Most columns of a task's line from nothing to perfect."""
_EMPTY = Style()


@dataclass(frozen=True)
class Offer:
    """Something to do next: its key, the name of its action, and what it does."""

    key: str
    action: str
    title: str


class CardPane(Pane, inherit_bindings=False):
    """Shows ``card``; ``offers`` stand below, and ↑ ↓ choose among them."""

    HELP_TITLE = "Card at the end of a run"
    WHOLE = True
    HOW_TO_READ = (
        "The result, and where it lies between chance, a run without protection (none) and a run that may train on all "
        "data (joint), both with the same seed. Below, each task's accuracy (%) when it was learned → now, on whole "
        "test sets. Then what became of the worst task, and what you can do next: a letter does it, or ↑ ↓ and Enter."
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {"card--chosen"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "choose(-1)", "Up", tooltip="Choose what to do next", show=False),
        Binding("down", "choose(1)", "Choose", key_display="↑ ↓", tooltip="Choose what to do next"),
        Binding("enter", "do", "Do it", tooltip="Do what is chosen"),
        *keys(
            ("pageup", "scroll(-5)", "Page up", "Scroll, where not everything fits"),
            ("pagedown", "scroll(5)", "Page down", "Scroll, where not everything fits"),
        ),
    ]

    @dataclass
    class Chosen(Message):
        """What the user wants to do next."""

        offer: Offer

    def __init__(self) -> None:
        super().__init__()
        self.card: Card | None = None
        self.found: Found | None = None
        """What was forgotten, as far as the run tells it."""
        self.shown: Shown | None = None
        self._tiles = Tiles()
        self.offers: list[Offer] = []
        self.chosen = 0
        self._top = self._beyond = 0
        self._first_offer = 0
        """The line of the first offer."""

    def show_card(self, card: Card, offers: Sequence[Offer], found: "Found | None", shown: Shown | None) -> None:
        before = self.offers[self.chosen : self.chosen + 1]
        self.card, self.offers, self.found, self.shown = card, list(offers), found, shown
        actions = [offer.action for offer in offers]
        kept = before and self.chosen and before[0].action in actions
        self.chosen = actions.index(before[0].action) if kept else 0
        self.repaint()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Without the title of a pane: the screen has one."""
        return Painted.render_lines(self, crop)

    def drawing(self, width: int, height: int, palette: Palette) -> list[Line]:
        if self.card is None:
            return []
        room = min(width, WIDEST)
        offers = self._offers(room, palette)
        pictures: list[Line] = []
        if self.found is not None and self.shown is not None and self.card.worst is not None:
            from cl_tui.panes.forgotten import worst

            pictures = worst.pictures(self.found, self.shown, self.card.worst.number - 1, self._tiles, palette)
        for gaps in (2, 1, 0, -1):
            below = offers if gaps >= 0 else offers[1:]
            above = card_lines(self.card, room, palette, pictures, gaps)
            if len(above) + len(below) <= height:
                break
        shown = max(height - len(below), 0)
        self._beyond = max(len(above) - shown, 0)
        self._top = min(self._top, self._beyond)
        lines = [*above[self._top : self._top + shown], *below]
        self._first_offer = len(lines) - len(self.offers)
        self.border_subtitle = "PgUp PgDn more" if self._beyond else ""
        return lines

    def _offers(self, width: int, palette: Palette) -> list[Line]:
        lines = offer_lines(self.offers, self.chosen, width, palette)
        if lines:
            style = self.get_component_rich_style("card--chosen", partial=True)
            line = lines[self.chosen + 1]
            lines[self.chosen + 1] = [Segment(part.text, (part.style or _EMPTY) + style) for part in line]
        return lines

    def action_choose(self, by: int) -> None:
        if self.offers:
            self.chosen = (self.chosen + by) % len(self.offers)
            self.repaint()

    def action_scroll(self, by: int) -> None:
        self._top = min(max(self._top + by, 0), self._beyond)
        self.repaint()

    def action_do(self) -> None:
        if self.offers:
            self.post_message(self.Chosen(self.offers[self.chosen]))

    def on_click(self, event: Click) -> None:
        place = event.get_content_offset_capture(self).y - self._first_offer
        if 0 <= place < len(self.offers):
            self.chosen = place
            self.repaint()
            self.action_do()


def card_lines(card: Card, width: int, palette: Palette, pictures: Sequence[Line] = (), gaps: int = 2) -> list[Line]:
    """Everything above the offers. ``gaps``: 2 for empty lines between all parts, 1 between the main ones, or 0;
    -1 for no headings either."""
    gap: list[Line] = [[]] if gaps == 2 else []
    main: list[Line] = [[]] if gaps > 0 else []
    lines = [*gap, *_result(card, width, palette), *gap, *scale(card, width, palette)]
    if card.against:
        lines += [*gap, *_against(card, width, palette)]
    beside = bool(pictures) and width >= 88
    left = width - 34 if beside else width
    tasks = [heading("Tasks", "learned → now", left - 2, palette)] if gaps >= 0 else []
    tasks += _tasks(card, left - 2, palette)
    told = [line for sentence in card.told for line in _emphasised(sentence, left - 2, palette)]
    if card.told and card.worst:
        head = [heading(f"Worst: task {card.worst.number}", "", left - 2, palette)] if gaps >= 0 else []
        tasks += [*main, *head, *told]
    lines += [*main, *(side_by_side(tasks, pictures, left, palette.text) if beside else tasks), *main]
    return lines


def _result(card: Card, width: int, palette: Palette) -> list[Line]:
    """In two lines if one is too short for it."""
    if card.average is None or card.forgetting is None:
        return message(card.result, width, palette.strong)
    average, rest = card.score.full(card.average), card.result
    first, _, lost = rest.removeprefix(average).partition(", forgetting ")
    style = palette.caution if card.forgetting > 0 else palette.good
    told = [Segment(average, palette.strong), Segment(first, palette.text)]
    forgotten = [Segment("forgetting ", palette.muted), Segment(lost, style + Style(bold=True))]
    if cell_len(rest) + 2 > width:
        return [told, forgotten]
    return [[*told, Segment("    ", palette.text), *forgotten]]


def _against(card: Card, width: int, palette: Palette) -> list[Line]:
    """On one line if there is room; the difference from none is coloured."""
    sentences = card.against if cell_len(" ".join(card.against)) > width else (" ".join(card.against),)
    lines = [line for sentence in sentences for line in message(sentence, width, palette.text)]
    first = lines[0][0].text
    gained = first.partition(" points")[0] + " points" if first[0] in "+−" and " points" in first else ""
    style = palette.caution if gained.startswith("−") else palette.good
    lines[0] = [Segment(gained, style + Style(bold=True)), Segment(first[len(gained) :], palette.text)]
    return lines


# The line from chance to perfect


def scale(card: Card, width: int, palette: Palette) -> list[Line]:
    """Chance, none, the run and joint on one line, with the run's label above and the others' below."""
    if card.average is None:
        return []
    known = {**card.bounds, card.title: card.average}
    if card.chance is not None:
        known["chance"] = card.chance
    sign, score = card.score.sign, card.score
    best = 1.0 if score.fraction else max(known.values(), key=lambda value: sign * value)
    worst = min(known.values(), key=lambda value: sign * value)
    if not math.isfinite(best - worst) or best == worst:
        return []
    label = "chance" if card.chance == worst else ""
    left = len(label) + 2 if label else 0
    room = width - left - 8

    def place(value: float) -> int:
        return round((value - worst) / (best - worst) * (room - 1))

    here = place(card.average)
    start = place(card.bounds.get("none", worst))
    low, high = sorted((start, here))
    gained = score.lost(card.average, card.bounds.get("none", worst)) >= 0
    cells = [("─", palette.muted)] * room
    cells[low : high + 1] = [("━", palette.loss if gained else palette.caution)] * (high - low + 1)
    if card.chance is not None:
        cells[place(card.chance)] = ("┼", palette.muted)
    for value in card.bounds.values():
        cells[place(value)] = ("○", palette.text)
    cells[here] = ("●", palette.strong)
    own = f"{card.title} {score.value(card.average)}"
    at = min(max(left + here - len(own) // 2, 0), width - len(own))
    below = [(place(value), f"{name} {score.value(value)}") for name, value in card.bounds.items()]
    if card.chance is not None:
        below.append(
            (place(card.chance), score.value(card.chance, 5) if label else f"chance {score.value(card.chance)}")
        )
    return [
        [Segment(" " * at + own, palette.loss + Style(bold=True))],
        [Segment(f"{label:<{left}}", palette.muted), *_joined(cells)],
        [Segment(_labels(below, left, width), palette.text)],
    ]


def _labels(wanted: Sequence[tuple[int, str]], left: int, width: int) -> str:
    """Each label near its place, moved to the right where another stands, and back where the line ends."""
    ordered = sorted(wanted)
    places: list[int] = []
    for at, label in ordered:
        first = places[-1] + len(ordered[len(places) - 1][1]) + 2 if places else 0
        places.append(max(left + at - len(label) // 2, first))
    end = width
    for number in reversed(range(len(places))):
        places[number] = max(min(places[number], end - len(ordered[number][1])), 0)
        end = places[number] - 2
    row = " " * width
    for at, (_, label) in zip(places, ordered, strict=True):
        row = row[:at] + label + row[at + len(label) :]
    return row[:width].rstrip()


def _joined(cells: Sequence[tuple[str, Style]]) -> Line:
    """Neighbours of one style as one segment."""
    starts = [0, *(k for k, (a, b) in enumerate(pairwise(cells), 1) if a[1] != b[1]), len(cells)]
    return [Segment("".join(sign for sign, _ in cells[a:b]), cells[a][1]) for a, b in pairwise(starts) if b > a]


# Tasks


MOST_TASKS = 12
"""Lines of tasks; where there are more, those that lost most are shown."""


def _tasks(card: Card, width: int, palette: Palette) -> list[Line]:
    shown: Sequence[TaskLine] = card.tasks
    if len(shown) > MOST_TASKS:
        lost = sorted(card.tasks, key=lambda task: -task.lost)[: MOST_TASKS - 1]
        shown = sorted(lost, key=lambda task: task.number)
    number = len(str(len(card.tasks)))
    name = min(max((cell_len(task.name) for task in shown), default=0), max(width // 4, 6))
    each = max((len(card.score.value(value)) for task in shown for value in (task.learned, task.now)), default=5)
    axis = min(SHORT, width - number - name - 2 * each - 2 - 2 - 3 - 2 - 10)
    lines = [_task(card, task, number, name, each, axis if axis >= 8 else 0, palette) for task in shown]
    if len(shown) < len(card.tasks):
        lines.append([Segment(f"the {len(shown)} of {len(card.tasks)} tasks that lost most", palette.muted)])
    return lines


def _task(card: Card, task: TaskLine, number: int, name: int, each: int, axis: int, palette: Palette) -> Line:
    score = card.score
    notable = score.fallen(task.lost, task.now)
    change = score.value(abs(task.lost))
    signed = "" if float(change.replace("—", "0")) == 0 else f"{'−' if task.lost > 0 else '+'}{change}"
    style = palette.caution if notable else palette.muted if task.lost > 0 else palette.good
    title = task.name if cell_len(task.name) <= name else f"{set_cell_size(task.name, name - 1)}…"
    line: Line = [
        Segment(f"{task.number:>{number}}  ", palette.muted),
        Segment(f"{set_cell_size(title, name)}  ", palette.strong),
        Segment(f"{score.value(task.learned):>{each}} → ", palette.muted),
        Segment(f"{score.value(task.now):>{each}} ", palette.strong),
    ]
    if axis and score.fraction and math.isfinite(task.learned + task.now):
        line += _from_to(card, task, axis, style if notable else palette.loss, palette)
    return [*line, Segment(f"  {signed:>8}", style)]


def _from_to(card: Card, task: TaskLine, axis: int, style: Style, palette: Palette) -> Line:
    """From 0 to 100 %: ○ when it was learned, ● now, and chance as a dashed line."""
    then, now = (round(value * (axis - 1)) for value in (task.learned, task.now))
    low, high = sorted((then, now))
    cells = [("─", palette.muted)] * axis
    if card.chance is not None:
        cells[round(card.chance * (axis - 1))] = ("┊", palette.muted)
    cells[low : high + 1] = [("━", style)] * (high - low + 1)
    cells[now] = ("●", style)
    cells[then] = ("○", palette.text)
    return _joined(cells)


def _emphasised(sentence: str, width: int, palette: Palette) -> list[Line]:
    """A sentence, the numbers of which stand out."""
    lines: list[Line] = []
    for wrapped in message(sentence, width, palette.text):
        line: Line = []
        for word in wrapped[0].text.split(" "):
            bare = word.strip(".,()").replace(",", "")
            style = palette.strong if bare.isdigit() or bare.removesuffix("%").isdigit() else palette.text
            line += [Segment(" ", palette.text)] if line else []
            line.append(Segment(word, style))
        lines.append(line)
    return lines


# What to do next


def offer_lines(offers: Sequence[Offer], chosen: int, width: int, palette: Palette) -> list[Line]:
    if not offers:
        return []
    key = max(cell_len(offer.key) for offer in offers)
    lines = [heading("Next", "", width, palette)]
    for place, offer in enumerate(offers):
        here = place == chosen
        style = palette.strong if here else palette.text
        end = "Enter" if here else ""
        text = set_cell_size(offer.title, max(width - key - 4 - len(end) - 1, 0))
        line = [
            Segment("▸ " if here else "  ", palette.loss),
            Segment(f"{offer.key:>{key}}  ", palette.loss + Style(bold=True)),
            Segment(f"{text} ", style),
            Segment(end, palette.loss + Style(bold=True)),
        ]
        lines.append(line)
    return lines
