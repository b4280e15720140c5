"""A session that somebody made to do harm: whatever its texts hold is shown and exported as text."""

import csv
import io
import json
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import pytest
import typer
from textual.pilot import Pilot
from textual.screen import Screen

from cl_tui.app.app import ClTui
from cl_tui.batch.plan import run_name
from cl_tui.commands import arguments
from cl_tui.exports import export, html_page
from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes import files as pane_files
from cl_tui.panes.base import Pane
from cl_tui.screens.compare import CompareScreen
from cl_tui.screens.home import HomeScreen
from cl_tui.screens.monitor import MonitorScreen
from cl_tui.screens.watch import WatchScreen
from engine.errors import ConfigError, EngineError
from engine.record.events import (
    Event,
    ImportanceMeasured,
    Noted,
    RunFailed,
    RunForked,
    RunResumed,
    RunStarted,
    Saved,
    StepsTaken,
    TaskInfo,
    TasksPlanned,
    Warned,
)
from engine.sessions.listing import read_session
from engine.sessions.session import Session
from engine.sessions.summary import write_summary
from engine.settings.run import resolve
from engine.text import visible
from tests import saved, screen_data
from tests.cl_tui.exports.test_export import Page, written
from tests.conftest import CommandLine
from tests.screen_data import ToldEngine
from tests.terminal import Terminal
from tests.waiting import on_screen

HARM = (
    "[red]r[/] [@click=app.quit]q[/] [link=http://evil.example]l[/] [/wrong] [bold",
    "\x1b]0;owned\x07\x1b[2J\x1b[31m",
    "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x9b2J\x90q\x9c\x85",
    "\u202eexe.txt\u2066\u200b\u200d\ufeff\u2028",
    "a\rb\tc\nd\x08\x00\x7f",
    "e" + "\u0301" * 300,
    "</title></style></text><script>alert(1)</script><img src=x onerror=alert(2)>]]>&amp;\"'",
    "=cmd|' /C calc'!A0",
    "長" * 3000,
)
"""What does something in a terminal, in Textual's or Rich's markup, on a page, in a picture, or in a spreadsheet."""


def harm(first: int) -> str:
    """All of it, another part of it at the beginning."""
    return "".join(HARM[first % len(HARM) :] + HARM[: first % len(HARM)])


def events() -> Iterator[Event]:
    """A run of five tasks, with harm wherever an event holds text."""
    for event in screen_data.events(tasks=5, steps=100, bundle=25):
        match event:
            case RunStarted():
                tasks = tuple(replace(task, name=harm(k)) for k, task in enumerate(event.tasks))
                yield replace(event, tasks=tasks, device=harm(5), versions={harm(6): harm(0), harm(0): harm(7)})
            case ImportanceMeasured():
                layers = tuple(replace(each, name=harm(7 + k)) for k, each in enumerate(event.layers))
                yield replace(event, layers=layers)
            case Saved():
                yield replace(event, checkpoint=harm(1))
                if event.step == 100:
                    yield RunForked(1.0, 100, harm(0), 0)
                    yield RunResumed(2.0, 100, harm(2), harm(0))
                    yield Noted(100, 3.0, harm(0))
                    yield Noted(100, 3.0, harm(8))
                    yield Warned(0, 100, 3.5, harm(0), harm(3))
                    yield TasksPlanned(100, 4.0, tuple(TaskInfo(harm(k), 100, 2) for k in range(5)), harm(0))
            case _:
                yield event


def session(folder: Path, name: str, ends_well: bool = True, **settings: Any) -> Session:
    """Made of ``events``; one that ends badly fails in task 4."""
    made = saved.create(folder, name, **{"leave_alone": ["[red]*[/]", "<b>*</b>", "=1+1"], **settings})
    told = list(events())
    if not ends_well:
        cut = next(k for k, event in enumerate(told) if isinstance(event, StepsTaken) and event.step == 350)
        told = [*told[:cut], RunFailed(325, 3, 5.0, harm(0), harm(0))]
    saved.tell(made, *told)
    made.checkpoints_dir.mkdir(exist_ok=True)
    (made.checkpoints_dir / "task-001-step-00000100.safetensors").touch()
    if ends_well:
        made.write_summary(made.history())
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a finished session, a failed one and a damaged one."""
    found = tmp_path / "sessions"
    session(found, "finished")
    session(found, "failed", ends_well=False, leave_alone=["[red]r[/]"])
    damaged = saved.create(found, "damaged")
    damaged.events_path.write_text(f"{harm(0)}\n", encoding="utf-8")
    return found


def assert_text(text: str) -> None:
    for line in text.split("\n"):
        assert line == visible(line)


# Screens


class Shown:
    """An open program, of which each look checks what is on the screen."""

    def __init__(self, app: ClTui, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    async def text(self, *keys: str) -> str:
        """All that is on the screen after ``keys``."""
        await self.pilot.press(*keys)
        await self.pilot.pause()
        lines = []
        for strip in self.app.screen._compositor.render_strips():
            for segment in strip:
                assert segment.text == visible(segment.text)
                assert segment.style is None or segment.style.link is None
                assert segment.style is None or "app.quit" not in str(segment.style.meta)
            lines.append(strip.text)
        assert_picture(self.app.export_screenshot())
        return "\n".join(lines)

    async def until(self, true: Callable[[], object]) -> None:
        await on_screen(self.pilot, true)

    async def every_pane(self, screen: Screen[ExitStatus]) -> str:
        """All that the panes show, first side by side, then each alone, and all of its pictures and tables."""
        seen = [await self.text()]
        for pane in screen.query(Pane):
            screen.set_focus(pane)
            seen.append(await self.text("z"))
            assert_picture(pane_files.svg_text(pane, visible(harm(7))))
            await self.pilot.press("z")
        return "\n".join(seen)


def assert_picture(svg: str) -> None:
    """Well-formed, and of nothing but what Rich draws with."""
    for each in ElementTree.fromstring(svg).iter():
        assert each.tag.rpartition("}")[2] in {
            "svg",
            "title",
            "style",
            "defs",
            "clipPath",
            "rect",
            "circle",
            "g",
            "text",
            "path",
        }
        assert not any(name.startswith("on") or "href" in name for name in each.attrib)


@asynccontextmanager
async def opened(first: Screen[ExitStatus], size: tuple[int, int] = (140, 40)) -> AsyncIterator[Shown]:
    app = ClTui(first)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Shown(app, pilot)


async def test_home_and_its_questions(folder: Path) -> None:
    home = HomeScreen(folder)
    async with opened(home) as shown:
        await shown.until(lambda: len(home._sessions) == 3 and not home._reading)
        seen = [await shown.text()]
        for key in ("down", "down", "d", "escape", "m", "escape", "slash", "[", "escape", "l", "escape", "n", "escape"):
            seen.append(await shown.text(key))
        seen.append(await shown.text("ctrl+p"))
    assert any("[red]r[/] [@click=app.quit]q[/]" in text for text in seen)
    assert any("session damaged is damaged" in text for text in seen)


async def test_watching_and_what_opens_over_it(folder: Path) -> None:
    screen = WatchScreen(folder, "finished")
    async with opened(screen) as shown:
        await shown.until(lambda: screen.replay is not None)
        assert "[red]r[/] [@clic" in await shown.every_pane(screen)
        for key in ("left_square_bracket", "comma", "semicolon"):
            await shown.text(key)
        assert "[red]r[/]" in await shown.text("l")
        for key in ("escape", "question_mark", "escape", "G", "escape", "w", "escape", "F"):
            await shown.text(key)
        await shown.until(lambda: shown.app.screen.query("#task"))
        assert "1  [red]r[/] [@click=app.quit]q[/]" in await shown.text()
        for key in ("enter", "down", "enter", "escape", "ctrl+p"):
            await shown.text(key)


async def test_the_monitor_and_what_opens_over_it(folder: Path) -> None:
    run = Session.open(folder, "failed")
    history = run.history()
    assert history.failure is not None
    engine = ToldEngine(run, replace(history, state="training", failure=None))
    monitor = MonitorScreen(engine, None)
    async with opened(monitor) as shown:
        assert "[red]r[/] [@clic" in await shown.every_pane(monitor)
        for key in ("k", "e", "escape", "escape", "l", "escape", "question_mark", "escape"):
            await shown.text(key)
        engine.control.trouble = str(EngineError(harm(0)))
        monitor.redraw()
        assert "[red]r[/]" in await shown.text()
        engine.fail(EngineError(harm(0)), history.failure)
        monitor.poll()
        assert (await shown.text()).count("[red]r[/]") >= 2


async def test_a_comparison(folder: Path) -> None:
    screen = CompareScreen(folder, ["finished", "failed"])
    async with opened(screen) as shown:
        await shown.until(lambda: screen.found)
        seen = await shown.every_pane(screen)
        for key in ("3", "5", "4", "u", "y", "y"):
            seen += await shown.text(key)
        assert "[red]r[/]" in seen


# Tables


@pytest.mark.parametrize(
    "line",
    [
        "sessions list",
        "sessions show finished",
        "sessions show finished --all",
        "sessions show failed",
        "sessions show damaged",
        "compare finished failed --plain",
        "compare finished failed --json found.json",
    ],
)
def test_what_is_printed(line: str, folder: Path, cl_tui: CommandLine) -> None:
    answer = cl_tui(*line.split(), "--sessions-dir", str(folder))
    assert answer.exit_code == 0
    assert_text(answer.out)
    assert_text(answer.err)
    for path in Path().glob("*.json"):
        assert_texts(json.loads(path.read_text()))


def test_a_batch_tells_of_a_finished_run_what_its_settings_say(folder: Path, cl_tui: CommandLine) -> None:
    """Whatever its summary says."""
    run = saved.finished(folder, run_name(resolve({"method": "si"})))
    harmed = run.summary() | {"method": harm(0), "benchmark": harm(1), "scenario": harm(2)}
    write_summary(run.path, harmed, run.sums)
    answer = cl_tui("batch", "--method", "si", "--sessions-dir", str(folder), "--json", "found.json")
    assert answer.exit_code == 0
    assert answer.out.startswith("split-digits · task\n")
    assert_text(answer.out + answer.err)
    assert_texts(json.loads(Path("found.json").read_text()))


def assert_texts(content: object) -> None:
    match content:
        case str():
            assert_text(content)
        case dict():
            assert_texts([*content, *content.values()])
        case list():
            for part in content:
                assert_texts(part)


@pytest.mark.parametrize(
    "line",
    [
        ["{}"],
        ["run", "{}"],
        ["run", "--{}"],
        ["run", "--method", "{}"],
        ["run", "--seed", "{}"],
        ["run", "--hidden", "{}"],
        ["run", "--pace", "{}"],
        ["run", "--config", "{}"],
        ["run", "--set", "{}"],
        ["run", "--set", "{}=1"],
        ["run", "--set", "lr={}"],
        ["run", "--data-dir", "{}"],
        ["run", "--leave-alone", "{}"],
        ["run", "--preset", "{}"],
        ["run", "--name", "{}"],
        ["batch", "--json", "{}/x"],
        ["sessions", "list", "--sessions-dir", "{}"],
        ["sessions", "show", "{}"],
        ["sessions", "delete", "--yes", "{}"],
        ["sessions", "export", "finished", "--html", "{}/x"],
        ["compare", "{}", "{}"],
        ["methods", "{}"],
        ["presets", "{}"],
        ["web", "--public-url", "{}"],
    ],
)
def test_a_complaint_quotes_what_was_typed_as_text(line: list[str], cl_tui: CommandLine) -> None:
    typed = "\x1b]0;owned\x07[red]\u202e\x9b2J\udcff"
    answer = cl_tui(*(word.format(typed) for word in line))
    assert answer.exit_code in (1, 2)
    assert answer.err
    assert_text(answer.out)
    assert_text(answer.err)


# Exports


def test_a_page_has_no_element_of_theirs(folder: Path) -> None:
    saved.finished(folder, "harmless", leave_alone=["*.bias"])
    page = Page(html_page.page(read_session(folder, "finished"), folder / "finished"))
    usual = Page(html_page.page(read_session(folder, "harmless"), folder / "harmless"))
    assert {(tag, *attributes) for tag, attributes in page.elements} <= {
        (tag, *attributes) for tag, attributes in usual.elements
    } | {("td", "class"), ("section", "class")}
    assert page.text.count("<script>alert(1)</script>") >= 10
    assert_text(page.text)


def test_tables_and_tags_are_text(folder: Path) -> None:
    listed = read_session(folder, "finished")
    for content in [*export.contents("csv", listed, folder).values()][:-1]:
        assert_text(content.decode())
        for row in csv.reader(io.StringIO(content.decode())):
            assert not any(cell.startswith(("=", "+", "@")) for cell in row)
    assert_texts(json.loads(export.contents("json", listed, folder)[Path()]))
    assert_texts([*written(listed)])


# Reading


@pytest.mark.parametrize("key", ["data_dir", "importance_data", "leave_alone", "preset"])
def test_a_setting_that_cannot_be_shown_is_refused(key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        resolve({"method": "mas", key: [harm(1)[:90]] if key == "leave_alone" else harm(1)})
    assert key in str(refused.value)
    assert_text(str(refused.value))


@pytest.mark.skipif(os.name != "posix", reason="no such names")
def test_folders_with_strange_names_are_no_sessions(folder: Path, cl_tui: CommandLine) -> None:
    """Nor does the shell's completion offer them."""
    settings = (folder / "finished" / "config.toml").read_bytes()
    for name in (
        "\x1b[31mred",
        "[red]",
        "..x",
        "a b",
        "$(reboot)",
        "x" * 101,
        "\udcff",
        "con",
        "-rf",
        "é\u202e",
        "\u3164",
    ):
        (folder / name).mkdir()
        (folder / name / "config.toml").write_bytes(settings)
    answer = cl_tui("sessions", "list", "--sessions-dir", str(folder))
    assert sorted(line.split()[0] for line in answer.out.splitlines()) == ["damaged", "failed", "finished", "session"]
    offered = arguments.sessions(cast(typer.Context, SimpleNamespace(params={"sessions_dir": folder})))
    assert offered == ["damaged", "failed", "finished"]


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_terminal_is_sent_nothing_of_it(folder: Path) -> None:
    with Terminal(["watch", "finished", "--sessions-dir", str(folder)], folder.parent, 140, 40) as terminal:
        terminal.wait_for("Replay 1×")
        terminal.wait_for(re.escape("[red]r"))
        terminal.send("q")
        terminal.wait_for_end()
    for part in HARM[1:6]:
        assert part.encode() not in terminal.output
