"""Exports a pane's data: to the clipboard, or as a picture or a table into a file."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cl_tui.exports.cells import svg
from cl_tui.exports.csv_files import table
from cl_tui.panes.base import Pane
from cl_tui.panes.picture import grid_of
from cl_tui.panes.view import View
from engine import strict_json
from engine.errors import EngineError

if TYPE_CHECKING:
    from textual.app import App

Kind = Literal["svg", "csv", "json"]
Rows = Sequence[dict[str, object]]

MOST_COPIED = 1_000_000
"""Most characters to copy; terminals silently drop a longer clipboard."""


def csv_text(rows: Rows) -> str:
    r"""All columns that any row has, then one line per row; unknown values are empty.

    >>> csv_text([{"task": 1, "now": 0.5}, {"task": 2, "now": float("nan"), "running": True}])
    'task,now,running\n1,0.5,\n2,,true\n'
    """
    if not rows:
        return ""
    names = dict.fromkeys(name for row in rows for name in row)
    return table(names, ([_cell(row.get(name)) for name in names] for row in rows))


def json_text(rows: Rows) -> str:
    r"""A list of objects; unknown values are null.

    >>> json_text([{"task": 1, "now": float("nan")}])
    '[\n  {\n    "task": 1,\n    "now": null\n  }\n]\n'
    """
    return strict_json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def svg_text(pane: Pane, title: str) -> str:
    """The pane as the screen shows it, with its border."""
    return svg(grid_of(pane.app, pane), title)


def copy_pane(app: "App[object]", pane: Pane, view: View) -> str:
    """Sends the pane's data to the terminal's clipboard (OSC 52), and says so, because a terminal does not answer."""
    rows = pane.data(view)
    if not rows:
        return "Nothing to copy yet"
    text = csv_text(rows)
    if len(text) > MOST_COPIED:
        return f"{len(rows):,} rows are too many for a clipboard: save them to a file instead"
    app.copy_to_clipboard(text)
    where = "browser" if app.is_web else "terminal"
    sent = f"Sent to the {where}'s clipboard: {len(rows):,} row{'s' if len(rows) > 1 else ''} of {name_of(pane)}"
    return sent if app.is_web else f"{sent}; w writes a file"


def save_pane(pane: Pane, view: View, kind: Kind, folder: Path) -> Path:
    """Writes ``<session>-<pane>.<kind>`` into ``folder`` and returns its path. Raises EngineError if it cannot."""
    if kind == "svg":
        text = svg_text(pane, f"{view.session} · {pane.HELP_TITLE}")
    else:
        rows = pane.data(view)
        if not rows:
            raise EngineError(f"{name_of(pane)} has no data yet: save it when there is something to see")
        text = csv_text(rows) if kind == "csv" else json_text(rows)
    return write_new(folder, f"{Path(view.session).name}-{name_of(pane)}", kind, text)


def started_in() -> Path:
    """The folder for pictures and tables. Raises EngineError if it is gone."""
    try:
        return Path.cwd()
    except OSError:
        raise EngineError("the folder that cl-tui was started in is gone: start it in another folder to save") from None


def write_new(folder: Path, stem: str, kind: str, content: str | bytes) -> Path:
    """Writes ``<stem>.<kind>``, with -2, -3 … if that exists, and returns its path. Raises EngineError if it cannot."""
    path, number = folder / f"{stem}.{kind}", 1
    while True:
        try:
            with path.open("xb") as file:
                file.write(content if isinstance(content, bytes) else content.encode())
            return path
        except FileExistsError:
            number += 1
            path = folder / f"{stem}-{number}.{kind}"
        except OSError as error:
            raise EngineError(
                f"{path} cannot be written: {error.strerror}; start cl-tui in a folder where you can write"
            ) from None


def name_of(pane: Pane) -> str:
    """The pane's name for files, such as 'importance'."""
    return pane.HELP_TITLE.split()[0].lower()
