"""A pane's data on the clipboard and in files: what is written, where, and what is said when that fails."""

import csv
import errno
import json
import math
import os
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from textual.widgets import OptionList

from cl_tui.panes.accuracy.pane import AccuracyPane
from cl_tui.panes.base import Pane
from cl_tui.panes.files import MOST_COPIED, Kind, copy_pane, csv_text, json_text, save_pane
from cl_tui.panes.importance.pane import ImportancePane
from cl_tui.panes.tasks.pane import TasksPane
from cl_tui.panes.view import View, Viewport
from cl_tui.screens.dialogs import SaveDialog
from engine.errors import EngineError
from engine.record.history import History
from tests.cl_tui.panes.test_zooms import told
from tests.cl_tui.screens.test_monitor import Watched, watching

PANES: list[type[Pane]] = [TasksPane, AccuracyPane, ImportancePane]
NASTY = [{"name": 'a "b", c\nd', "value": 0.1}, {"name": "Ω", "value": math.inf, "more": False}, {}]


def seen(watched: Watched) -> View:
    return watched.monitor.current_view()


def pane_of(watched: Watched, kind: type[Pane]) -> Pane:
    return watched.monitor.query_one(kind)


def test_csv_survives_quotes_line_breaks_and_missing_values() -> None:
    rows = list(csv.DictReader(csv_text(NASTY).splitlines(keepends=True)))
    assert rows == [
        {"name": 'a "b", c\nd', "value": "0.1", "more": ""},
        {"name": "Ω", "value": "", "more": "false"},
        {"name": "", "value": "", "more": ""},
    ]
    assert csv_text([]) == ""


def test_json_is_json_whatever_the_values_are() -> None:
    read = json.loads(json_text(NASTY), parse_constant=pytest.fail)
    assert read == [NASTY[0], {"name": "Ω", "value": None, "more": False}, {}]
    assert json.loads(json_text([])) == []


@pytest.mark.parametrize("kind", PANES)
async def test_a_pane_s_data_are_what_it_shows(tmp_path: Path, kind: type[Pane]) -> None:
    async with watching(tmp_path, known=told(until=3600)) as watched:
        rows = pane_of(watched, kind).data(seen(watched))
        if kind is TasksPane:
            assert [row["name"] for row in rows] == ["0 8", "1 7", "2 3", "4 9", "5 6"]
            assert rows[0]["lowest"] == pytest.approx(0.91)
            assert (rows[0]["lowest_at_step"], rows[0]["lowest_in_task"]) == (3100, 4)
            assert rows[1]["dip_in_task_3"] == pytest.approx(0.0567, abs=1e-4)
            assert rows[4]["now"] is None
        elif kind is AccuracyPane:
            assert [(row["after_task"], row["step"], row["running"]) for row in rows[-2:]] == [
                (3, 3000, False),
                (4, 3600, True),
            ]
            assert rows[-1]["task_1"] == pytest.approx(0.96)
            assert rows[-1]["task_5"] is None
        else:
            assert [row["layer"] for row in rows] == ["fc1.weight", "fc1.bias", "fc2.weight"]
            assert rows[0]["top_1_percent"] == 0.25
            counts = [value for name, value in rows[0].items() if name.startswith("from_")]
            assert counts == list(told(until=3600).importance.layers[0].counts)  # type: ignore[union-attr]


async def test_the_crosshair_and_the_filter_decide_what_is_taken_away(tmp_path: Path) -> None:
    async with watching(tmp_path, known=told()) as watched:
        watched.monitor.viewport = Viewport(cursor=2550)
        await watched.settle()
        assert len(pane_of(watched, AccuracyPane).data(seen(watched))) == 3
        assert pane_of(watched, TasksPane).data(seen(watched))[2]["done"] == 550
        watched.monitor.viewport = Viewport()
        watched.monitor.set_focus(pane_of(watched, ImportancePane))
        await watched.press("z", "left", "slash", *"bias")
        rows = pane_of(watched, ImportancePane).data(seen(watched))
        assert [(row["layer"], row["task"]) for row in rows] == [("fc1.bias", 5)]


@pytest.mark.parametrize("kind", PANES)
async def test_copying_says_how_much(tmp_path: Path, kind: type[Pane]) -> None:
    async with watching(tmp_path, known=told()) as watched:
        pane = pane_of(watched, kind)
        rows = pane.data(seen(watched))
        name = pane.HELP_TITLE.split()[0].lower()
        said = f"Sent to the terminal's clipboard: {len(rows)} rows of {name}; w writes a file"
        assert copy_pane(watched.app, pane, seen(watched)) == said
        assert watched.app.clipboard == csv_text(rows)


async def test_copying_goes_through_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(tmp_path, known=told()) as watched:
        written: list[str] = []
        monkeypatch.setattr(watched.app._driver, "write", written.append)
        copy_pane(watched.app, pane_of(watched, TasksPane), seen(watched))
        assert written[0].startswith("\x1b]52;c;")


async def test_what_cannot_be_copied_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(tmp_path, known=History()) as watched:
        pane = pane_of(watched, TasksPane)
        assert copy_pane(watched.app, pane, seen(watched)) == "Nothing to copy yet"
        monkeypatch.setattr(pane, "data", lambda view: [{"text": "x" * MOST_COPIED}])
        assert "too many for a clipboard" in copy_pane(watched.app, pane, seen(watched))
        assert watched.app.clipboard == ""


@pytest.mark.parametrize("form", ["svg", "csv", "json"])
async def test_files_are_named_after_session_and_pane_and_never_replaced(tmp_path: Path, form: Kind) -> None:
    async with watching(tmp_path, known=told()) as watched:
        pane = pane_of(watched, ImportancePane)
        taken = tmp_path / f"calm-otter-importance-2.{form}"
        taken.write_text("mine")
        paths = [save_pane(pane, seen(watched), form, tmp_path) for _ in range(2)]
        assert [path.name for path in paths] == [f"calm-otter-importance.{form}", f"calm-otter-importance-3.{form}"]
        assert taken.read_text() == "mine"
        assert paths[0].read_text(encoding="utf-8") == paths[1].read_text(encoding="utf-8") or form == "svg"


async def test_the_picture_is_the_pane_and_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    async with watching(tmp_path, known=told()) as watched:
        pane = pane_of(watched, TasksPane)
        picture = save_pane(pane, seen(watched), "svg", tmp_path).read_text(encoding="utf-8")
        text = " ".join("".join(ElementTree.fromstring(picture).itertext()).split()).replace("\xa0", " ")
        assert "calm-otter · Tasks" in text
        assert "learned → " in text
        assert "Accuracy" not in text
        assert "@font-face" not in picture
        links = [part for part in picture.split('"') if part.startswith("http") and "w3.org" not in part]
        assert not [link for link in links if "textualize" not in link], links
        assert "url(http" not in picture
        assert picture.count("<text") > pane.size.height


@pytest.mark.parametrize("form", ["csv", "json"])
async def test_without_data_no_file_is_made(tmp_path: Path, form: Kind) -> None:
    async with watching(tmp_path, known=History()) as watched:
        with pytest.raises(EngineError, match="accuracy has no data yet"):
            save_pane(pane_of(watched, AccuracyPane), seen(watched), form, tmp_path)
        assert not list(tmp_path.glob("calm*"))


async def test_a_folder_that_cannot_be_written_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(tmp_path, known=told()) as watched:
        pane = pane_of(watched, TasksPane)
        with pytest.raises(EngineError, match=r"calm-otter-tasks\.csv cannot be written: No such file or directory"):
            save_pane(pane, seen(watched), "csv", tmp_path / "nowhere")
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o500)
        if os.access(closed, os.W_OK):  # root writes everywhere
            return
        with pytest.raises(EngineError, match="cannot be written: Permission denied"):
            save_pane(pane, seen(watched), "csv", closed)


@pytest.mark.parametrize(
    ("keys", "answer"),
    [("s", "svg"), ("c", "csv"), ("j", "json"), ("enter", "svg"), ("down enter", "csv"), ("escape", None)],
)
async def test_one_key_chooses_the_form(tmp_path: Path, keys: str, answer: str | None) -> None:
    async with watching(tmp_path, known=told()) as watched:
        answers: list[Kind | None] = []
        watched.app.push_screen(SaveDialog("calm-otter-tasks"), answers.append)
        await watched.settle()
        await watched.press(*keys.split())
        assert answers == [answer]
        assert watched.app.screen is watched.monitor


async def test_the_mouse_chooses_the_form_too(tmp_path: Path) -> None:
    async with watching(tmp_path, known=told()) as watched:
        answers: list[Kind | None] = []
        watched.app.push_screen(SaveDialog("calm-otter-tasks"), answers.append)
        await watched.settle()
        await watched.pilot.click(OptionList, offset=(5, 2))
        await watched.settle()
        assert answers == ["json"]


async def take_screenshot(watched: Watched) -> str:
    """What is said when the palette's entry is chosen."""
    before = len(watched.app._notifications)
    commands = {command.title: command.callback for command in watched.app.get_system_commands(watched.app.screen)}
    commands["Screenshot"]()
    while len(watched.app._notifications) == before:
        await watched.pilot.pause(0.05)
    return list(watched.app._notifications)[-1].message


async def test_a_screenshot_is_saved_where_everything_else_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in ~/Downloads, which a server does not have; and what cannot be is said with its reason."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.chdir(folder)
    async with watching(tmp_path, known=told()) as watched:
        assert await take_screenshot(watched) == f"Saved as {folder / 'cl-tui-screenshot.svg'}"
        assert await take_screenshot(watched) == f"Saved as {folder / 'cl-tui-screenshot-2.svg'}"
        picture = (folder / "cl-tui-screenshot.svg").read_text(encoding="utf-8")
        assert "Importance" in picture
        assert "@font-face" not in picture
        with monkeypatch.context() as read_only:
            read_only.setattr(Path, "open", refuse)
            assert "Read-only file system; start cl-tui in a folder where you can write" in await take_screenshot(
                watched
            )
        shutil.rmtree(folder)
        assert "is gone" in await take_screenshot(watched)
        watched.monitor._write("svg")
        assert "is gone" in watched.notice
        monkeypatch.chdir(tmp_path)


def refuse(path: Path, *_: object, **__: object) -> None:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
