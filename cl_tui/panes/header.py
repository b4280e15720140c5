"""The header: the run and its progress. Narrow terminals drop the less important parts."""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import ClassVar

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.style import Style

from cl_tui.panes.notice import Sentence
from cl_tui.panes.view import View
from cl_tui.reports import text
from engine.catalog.methods import METHODS
from engine.record.history import History
from engine.settings.run import RunConfig
from engine.settings.text import shown


@dataclass(frozen=True)
class Part:
    text: str
    weight: int
    """Parts with the least weight are dropped first."""


class TaskLine(Sentence):
    """Under the header: each task's number before a line of its length, heavy as far as it is done."""

    def show(self, view: View) -> None:
        accent, muted = (self.get_visual_style(f"task-line--{name}", partial=True) for name in ("now", "muted"))
        self.put(task_line(view.history, self.content_size.width, accent, muted), layout=False)

    COMPONENT_CLASSES: ClassVar[set[str]] = {"task-line--now", "task-line--muted"}


def task_line(history: History, width: int, now: Style, muted: Style) -> Content:
    """The tasks' lengths are those of their steps, as far as these are known. Numbers that do not fit are left out."""
    tasks = [max(history.steps_of(task), 1) for task in range(len(history.tasks))]
    ends = [round(width * end / sum(tasks)) for end in accumulate(tasks)]
    parts: list[tuple[str, Style]] = []
    for task, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        number = f"{task + 1} "
        room = end - start - (task < len(tasks) - 1)
        label = number if room >= len(number) + 2 else ""
        line = max(room - len(label), 0)
        done = int(line * history.steps_done(task) / tasks[task])
        in_training = task == history.task and not history.between
        parts += [(label, now if in_training else muted), ("━" * done, now), ("─" * (line - done), muted)]
        parts.append((" " * (end - start - len(label) - line), muted))
    return Content.assemble(*parts)


class HeaderLine(Sentence):
    """One line above the panes. A click on the warnings lists them, on the progress pauses or continues."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"header-line--caution"}

    @dataclass
    class Clicked(Message):
        warnings: bool
        """Whether on their number; else on the progress."""

    def show(self, view: View) -> None:
        told = header(view, self.size.width)
        caution = self.get_visual_style("header-line--caution", partial=True)
        start, end = _warnings(told)
        self.put(Content.assemble(told[:start], (told[start:end], caution), told[end:]), layout=False)

    def on_click(self, event: Click) -> None:
        told, at = str(self.content), event.get_content_offset_capture(self).x
        start, end = (cell_len(told[:place]) for place in _warnings(told))
        if at > cell_len(told[: told.rfind("   ")]):
            self.post_message(self.Clicked(warnings=start <= at < end))


def _warnings(told: str) -> tuple[int, int]:
    """Where the header tells their number; an empty place at its end without any."""
    found = re.search(r"(?:^|(?<= ))▲ \d+(?=  )", told)
    return found.span() if found else (len(told), len(told))


def header(view: View, width: int) -> str:
    """The whole line: the run on the left, its progress on the right."""
    for between, wide in ((" · ", True), (" · ", False), ("  ", False)):
        left, right = _identity(view), _progress(view, wide)
        if _length(left, right, between) <= width:
            break
    while left and _length(left, right, between) > width:
        least = min([*left, *right], key=lambda part: part.weight)
        (left if least in left else right).remove(least)
    names, state = between.join(part.text for part in left), "  ".join(part.text for part in right)
    return f"{names}{state:>{max(0, width - cell_len(names))}}"


def _length(left: list[Part], right: list[Part], between: str) -> int:
    return cell_len(between.join(part.text for part in left)) + sum(cell_len(part.text) + 2 for part in right)


def _identity(view: View) -> list[Part]:
    config = view.config
    symbol = METHODS[config.method].symbol
    return [
        Part(f"{config.method} {symbol}={shown(view.strength)}" if symbol else config.method, 20),
        *_settings(config),
        Part(view.history.device or config.device, 1),
        Part(f"seed {config.seed}", 2),
        Part(view.session, 9),
    ]


@lru_cache(maxsize=8)
def _settings(config: RunConfig) -> tuple[Part, ...]:
    return (
        *(Part(option, 9) for option in text.variant(config)),
        *(Part(told, 2 if number else 8) for number, told in enumerate(text.benchmark(config))),
        *(Part(told, 4) for told in text.scenario(config)),
        *(Part(told, 2 if number else 3) for number, told in enumerate(text.unusual_network(config))),
        *(Part(told, 2) for told in text.training(config)),
    )


def _progress(view: View, wide: bool) -> list[Part]:
    history = view.history
    if not history.tasks:
        return [Part(f"{view.glyph} {view.activity}", 21)]
    count, after = len(history.tasks), "after " if history.between else ""
    task = history.task if history.between else min(history.task + 1, count)
    state = f"task {task} of {count}" if wide else f"{task}/{count}"
    parts = [Part(f"▲ {len(history.warnings)}", 13)] if history.warnings else []
    parts += [Part(f"{view.glyph} {after}{state}", 21), Part(text.share_done(history), 0)]
    if view.waiting:
        parts.append(Part("waiting", 12))
    elif view.training and view.paused:
        parts.append(Part("paused", 12))
    elif view.training and view.pace is not None:
        parts.append(Part(f"slow {'motion ' if wide else ''}{view.pace:g}/s", 11))
    elif view.training and history.rate:
        parts.append(Part(f"{text.rate(history.rate)}/s", 5))
    elapsed, remaining = text.duration(history.elapsed), history.remaining
    if not view.training or remaining is None:
        parts.append(Part(elapsed, 10))
    elif wide:
        parts.append(Part(f"{elapsed}, {text.duration(remaining)} left", 10))
    else:
        parts.append(Part(f"{elapsed}/{text.duration(history.elapsed + remaining)}", 10))
    return parts
