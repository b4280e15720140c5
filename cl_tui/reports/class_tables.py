"""Classes and confusions on a printed page."""

from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from cl_tui.reports import text
from cl_tui.reports.class_facts import NOTABLE, TOLD, ClassFacts, class_facts, share_text, shown_confusion, worst
from cl_tui.reports.layout import section, table_of
from engine.record.classes import Confusion
from engine.record.history import History
from engine.settings.run import RunConfig

MOST_ROWS = 20
WIDEST_NAME = 24
CELL = 5
"""Least width of a share in the confusions."""


def class_sections(config: RunConfig, history: History, width: int) -> list[RenderableType]:
    facts = class_facts(config, history)
    if not facts:
        return []
    shown = worst(facts, MOST_ROWS)
    fewer = [Text(f"the {len(shown)} of {len(facts)} classes that lost most", style="dim")] * (len(shown) < len(facts))
    parts = section("Accuracy of each class in %, at its task's end and now", _classes(shown), *fewer)
    found = shown_confusion(config, history)
    table = _confusion(found, width) if found else None
    if found and table:
        told = f", if {TOLD[found.way]}" if found.way else ""
        parts += section(f"Confusion in %: answers (column) to each class (row){told}", table)
    return parts


def _classes(facts: list[ClassFacts]) -> Table:
    table = table_of("class", no_wrap=True, max_width=WIDEST_NAME)
    for heading in ("task", "learned", "now"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("taken for", overflow="fold")
    for of in facts:
        wrong = ", ".join(f"{text.shortened(name, WIDEST_NAME)} {text.percent(share)}" for name, share in of.taken_for)
        numbers = ("—" if value is None else text.percent(value) for value in (of.learned, of.now))
        table.add_row(text.shortened(of.name, WIDEST_NAME), str(of.task + 1), *numbers, wrong)
    return table


def _confusion(found: Confusion, width: int) -> Table | None:
    """None if it does not fit."""
    names = found.answers
    label = max(cell_len(name) for name in found.classes.names) + 2
    if len(found.classes.names) > MOST_ROWS or label + sum(max(CELL, cell_len(name) + 2) for name in names) > width - 2:
        return None
    table = table_of("", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True, min_width=CELL - 2)
    for row, (name, shares) in enumerate(zip(found.classes.names, found.shares().tolist(), strict=True)):
        table.add_row(name, *(_share(share, column == found.right[row]) for column, share in enumerate(shares)))
    return table


def _share(share: float, right: bool) -> Text:
    told = share_text(share)
    return Text(told or "·", style="dim" if not told else "green" if right else "red" if share >= NOTABLE else "")
