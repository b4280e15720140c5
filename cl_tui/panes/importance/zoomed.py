"""Ω of every layer, for the zoomed pane: of any task, filtered, grouped, or task by task. Text out; no widgets here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.bars import bars
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import message
from cl_tui.panes.importance.modules import grouped
from cl_tui.reports import text
from engine.record.events import ImportanceMeasured, LayerHistogram
from engine.record.history import History

TALLEST = 6
MOST_TASKS = 8
"""Most tasks whose Ω stand below each other; if there are more, evenly chosen ones."""
_NUMBERS = f"{'zero':>7}{'top 1 %':>9}{'mean Ω':>9}"
_SIZE = f"{'weights':>12}"
_WITH_SIZE = 90


@dataclass(frozen=True)
class LayerOptions:
    place: int | None = None
    """Index among the Ω at the ends of tasks; None for the newest."""
    filter: str = ""
    typing: bool = False
    by_task: bool = False
    """Each layer's Ω after every task, below each other."""
    grouped: bool = False
    """Whether the parameters of a module are combined."""
    first: int = 0
    """The first visible layer of those that match."""


def shown_importance(history: History, options: LayerOptions) -> ImportanceMeasured | None:
    """The Ω that ``options`` selects; the newest if it selects none, or one that is not known."""
    if options.place is not None and options.place < len(history.importances):
        return history.importances[options.place]
    return history.importance


def chosen(layers: Sequence[LayerHistogram], options: LayerOptions) -> list[LayerHistogram]:
    """The layers that match the filter, grouped if asked."""
    found = [layer for layer in layers if matches(layer.name, options.filter)]
    return grouped(found) if options.grouped else found


def matches(name: str, pattern: str) -> bool:
    """Whether ``pattern`` is a part of the name, or, with * ? [ ], matches all of it.

    >>> [matches("fc1.Weight", pattern) for pattern in ("", "weight", "*.bias", "fc?.w*")]
    [True, True, False, True]
    """
    name, pattern = name.lower(), pattern.strip().lower()
    return fnmatchcase(name, pattern) if any(sign in pattern for sign in "*?[") else pattern in name


def draw_layers(history: History, options: LayerOptions, width: int, height: int, palette: Palette) -> list[Line]:
    """A scrubber through the tasks, one histogram per layer (or per layer and task), and a line with their number."""
    measured = shown_importance(history, options)
    assert measured is not None
    tracks = _tracks(history, measured, options, max(height - 3, 1))
    picked = [(label, each, chosen(each.layers, options)) for label, each in tracks]
    shown = next(layers for _, each, layers in picked if each is measured)
    foot = _foot(options, len(shown), len(measured.layers), width, palette)
    if not shown:
        said = message(f"No layer's name matches {options.filter!r}.", width, palette.muted)
        return [_scrubber(history, measured, options, width, palette), *said[: max(height - 2, 0)], foot]

    label_width = max((len(label) for label, _, _ in picked), default=0) + 1 if options.by_task else 0
    name_width = min(max(cell_len(layer.name) for layer in shown), max(6, width // 4))
    heads = _NUMBERS + (_SIZE if width >= _WITH_SIZE else "")
    plot_width = max(width - name_width - label_width - 1 - len(heads), 4)
    tall = 1 if options.by_task else min(max((height - 3) // len(shown), 1), TALLEST)
    band = len(tracks) if options.by_task else tall
    room = max((height - 3) // band, 1)
    first = min(options.first, max(len(shown) - room, 0))
    visible = range(first, min(first + room, len(shown)))

    low, high = _span([(each, layers) for _, each, layers in picked])
    charts = [
        bars([layers[n].counts for n in visible], _decades(each), (low, high), plot_width, tall)
        for _, each, layers in picked
    ]
    least, most = (text.quantity(float(f"{10.0**power:.1g}")) for power in (low, high))
    axis = axis_line(least, most, plot_width)
    lines = [
        _scrubber(history, measured, options, width, palette),
        [Segment(f"{'':{name_width + label_width + 1}}{axis:<{plot_width}}{heads}", palette.muted)],
    ]
    for place, number in enumerate(visible):
        for track, (label, each, layers) in enumerate(picked):
            layer = layers[number]
            style = palette.importance if each is measured else palette.muted
            for part, bar in enumerate(charts[track][place]):
                base = part == tall - 1
                name = layer.name if base and track == 0 else ""
                line = [Segment(set_cell_size(text.short_name(name, name_width), name_width), palette.text)]
                if label_width:
                    line.append(Segment(f"{label:>{label_width}}", style))
                line.append(Segment(f" {bar}", style))
                if base:
                    line.append(Segment(_numbers(layer, width), palette.text if each is measured else palette.muted))
                lines.append(line)
    if len(visible) < len(shown):
        said_more = f"{'modules' if options.grouped else 'layers'} {visible.start + 1}–{visible.stop} of {len(shown)}"
        foot = _foot(options, len(shown), len(measured.layers), width, palette, said_more)
    return [*lines[: height - 1], foot]


def _tracks(
    history: History, measured: ImportanceMeasured, options: LayerOptions, room: int
) -> list[tuple[str, ImportanceMeasured]]:
    """The Ω below each other in each layer, with their labels: the one shown, or those of all tasks."""
    if not options.by_task:
        return [("", measured)]
    known = [(str(each.task + 1), each) for each in history.importances]
    if history.importance is not None and history.importance.running:
        known.append(("now", history.importance))
    place = next(n for n, (_, each) in enumerate(known) if each is measured)
    most = min(len(known), MOST_TASKS, room)
    evenly = {round(n * (len(known) - 1) / max(most - 1, 1)) for n in range(most)}
    if place not in evenly:
        evenly.remove(min(evenly, key=lambda n: abs(n - place)))
    return [known[n] for n in sorted(evenly | {place})]


def _decades(measured: ImportanceMeasured) -> tuple[float, float]:
    return math.log10(measured.low), math.log10(measured.high)


def _span(picked: Sequence[tuple[ImportanceMeasured, Sequence[LayerHistogram]]]) -> tuple[float, float]:
    """Powers of ten from the first to the last bin that any layer fills."""
    lows, highs = [], []
    for measured, layers in picked:
        low, high = _decades(measured)
        filled = [n for n, column in enumerate(zip(*(layer.counts for layer in layers), strict=True)) if any(column)]
        if filled:
            each = (high - low) / len(layers[0].counts)
            lows.append(low + filled[0] * each)
            highs.append(low + (filled[-1] + 1) * each)
    return (min(lows), max(highs)) if lows else _decades(picked[0][0])


def _numbers(layer: LayerHistogram, width: int) -> str:
    top = f"{100 * layer.top:.0f} %" if layer.top is not None else "·"
    numbers = f"{share(layer.zeros, layer.size):>7}{top:>9}{text.quantity(layer.mean):>9}"
    return numbers + (f"{layer.size:>{len(_SIZE)},}" if width >= _WITH_SIZE else "")


def share(part: int, whole: int) -> str:
    """Percent, where 0 and 100 mean none and all of them.

    >>> share(0, 10), share(1, 1000), share(999, 1000), share(10, 10)
    ('0 %', '<1 %', '>99 %', '100 %')
    """
    percent = 100 * part / whole
    if 0 < percent < 1:
        return "<1 %"
    if 99 < percent < 100:
        return ">99 %"
    return f"{percent:.0f} %"


def axis_line(first: str, last: str, width: int) -> str:
    """
    >>> axis_line("1e-8", "0.01", 15)
    '1e-8 ───── 0.01'
    """
    room = width - len(first) - len(last) - 2
    return f"{first} {'─' * room} {last}" if room > 0 else first[: max(width, 0)]


def _scrubber(
    history: History, measured: ImportanceMeasured, options: LayerOptions, width: int, palette: Palette
) -> Line:
    """The task whose Ω is shown, among the known ones: '1 2 [3] 4 now'."""
    when = f"running in task {measured.task + 1}" if measured.running else f"after task {measured.task + 1}"
    said = f"Ω {when}, step {measured.step:,}  "
    room = width - len(said)
    if room <= 8:
        return [Segment(said[:width], palette.text)]
    count = len(history.importances)
    place = min(count if options.place is None else options.place, count)
    stops = [*(str(each.task + 1) for each in history.importances), "now"]
    if sum(map(len, stops)) + 2 * len(stops) + 2 > room:
        bar = max(room - len("← 1  now →"), 3)
        at = round(place / max(count, 1) * (bar - 1))
        before, now, after = f"← 1 {'─' * at}", "●", f"{'─' * (bar - 1 - at)} now →"
    else:
        before = f"←{''.join(f' {stop} ' for stop in stops[:place])}"
        now, after = f"[{stops[place]}]", f"{''.join(f' {stop} ' for stop in stops[place + 1 :])}→"
    parts = ((said, palette.text), (before, palette.muted), (now, palette.strong), (after, palette.muted))
    return [Segment(part, style) for part, style in parts]


def _foot(options: LayerOptions, found: int, count: int, width: int, palette: Palette, said: str = "") -> Line:
    """The filter being typed; or how many layers there are, and what other keys do."""
    said = said or f"{found} {'modules' if options.grouped else 'layers'}"
    if options.filter or options.typing:
        said += f", of {count} layers" if options.grouped else f" of {count}" if " of " not in said else ""
    if options.typing:
        typed = options.filter[-max(width - len(said) - 30, 4) :]
        return [
            Segment("/ ", palette.muted),
            Segment(typed, palette.strong),
            Segment(" ", Style(reverse=True)),
            Segment(f"  {said} · Enter keeps, Esc clears"[: max(width - len(typed) - 3, 0)], palette.muted),
        ]
    if options.filter:
        said += f" match {options.filter!r}, Esc shows all"
    hints = "/ filter  o each task  g modules"
    gap = width - len(said) - len(hints)
    return [Segment(said[:width] if gap < 2 else said + " " * gap + hints, palette.muted)]
