"""Parts of printed pages: sections, tables and pairs."""

from collections.abc import Iterable
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text


def section(title: str, *content: RenderableType) -> list[RenderableType]:
    return [Text(f"\n{title}", style="bold"), *map(indented, content)]


def indented(content: RenderableType) -> Padding:
    return Padding(content, (0, 0, 0, 2), expand=False)


def table_of(*headings: str, numbers_from: int | None = None, gap: int = 2, **column: Any) -> Table:
    """Without lines. Columns from ``numbers_from`` on are right-aligned; ``column``: further arguments of each."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, gap, 0, 0))
    for place, heading in enumerate(headings):
        right = numbers_from is not None and place >= numbers_from
        made.add_column(heading, justify="right" if right else "left", **column)
    return made


def numbers(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    """A name and its numbers in each row."""
    made = table_of(*headings, numbers_from=1, no_wrap=True)
    for row in rows:
        made.add_row(*row)
    return made


def pairs(entries: Iterable[tuple[str, str]]) -> Table:
    """A name and its value in each line."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in entries:
        grid.add_row(name, value)
    return grid


def thinned(rows: int, all_rows: int, columns: int, all_columns: int) -> list[Text]:
    """A line that says how many rows and columns of a matrix are shown, unless all are."""
    if rows == all_rows and columns == all_columns:
        return []
    told = f"thinned: {rows} of {all_rows} rows and {columns} of {all_columns} columns, evenly spaced"
    return [Text(told, style="dim")]
