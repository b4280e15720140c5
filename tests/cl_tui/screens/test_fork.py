"""The form that branches off: what it offers, what it refuses, and what it makes."""

from pathlib import Path

from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, Select, Static

from cl_tui.screens.fork import ForkDialog, forkable
from engine.sessions.session import Session
from tests import runs
from tests.waiting import on_screen


class Host(App[None]):
    """Shows the form over nothing, and keeps what it gives."""

    def __init__(self, session: Session, task: int | None = None) -> None:
        super().__init__()
        self.form = ForkDialog(session, session.history(), task)
        self.made: list[Session | None] = []

    def on_mount(self) -> None:
        self.push_screen(self.form, self.made.append)


def parent(folder: Path) -> Session:
    return runs.finished(folder, runs.tiny("si", tasks=3), "parent")


def problem(host: Host) -> str:
    return str(host.form.query_one("#problem", Static).content)


async def until_made(host: Host, pilot: Pilot[object]) -> Session:
    await on_screen(pilot, lambda: host.made and host.made[0] is not None, lambda: problem(host))
    assert host.made[0] is not None
    return host.made[0]


async def test_it_begins_after_the_last_task_that_can_be(tmp_path: Path) -> None:
    session = parent(tmp_path)
    assert forkable(session, session.history()) == [0, 1]
    host = Host(session)
    async with host.run_test() as pilot:
        await pilot.pause()
        assert host.form.query_one("#task", Select).value == 1
        assert host.form.query_one("#name", Input).value == "parent-fork-1"
        host.form.query_one("#strength", Input).value = "77"
        await pilot.press("ctrl+r")
        made = await until_made(host, pilot)
    assert (made.name, made.config.method, made.config.strength) == ("parent-fork-1", "si", 77.0)
    forked = made.history().forked
    assert forked is not None
    assert (forked.parent, forked.task) == ("parent", 1)


async def test_another_method_brings_its_own_strength(tmp_path: Path) -> None:
    host = Host(parent(tmp_path), task=0)
    async with host.run_test() as pilot:
        await pilot.pause()
        host.form.query_one("#method", Select).value = "ewc"
        await pilot.pause()
        assert host.form.query_one("#strength", Input).value == f"{runs.tiny('ewc', strength=None).strength:g}"
        await pilot.press("ctrl+r")
        made = await until_made(host, pilot)
    assert made.config.method == "ewc"
    assert made.history().step == made.history().starts[1]


async def test_a_method_without_a_penalty_has_no_strength(tmp_path: Path) -> None:
    config = runs.tiny("si", tasks=3, leave_alone=("*.bias",))
    host = Host(runs.finished(tmp_path, config, "parent"))
    async with host.run_test() as pilot:
        await pilot.pause()
        field = host.form.query_one("#strength", Input)
        assert field.region.height > 0
        host.form.query_one("#method", Select).value = "none"
        await pilot.pause()
        assert field.region.height == 0
        assert problem(host) == ""
        host.form.query_one("#method", Select).value = "si"
        await pilot.pause()
        assert (field.region.height > 0, field.value) == (True, f"{config.strength:g}")
        host.form.query_one("#method", Select).value = "none"
        await pilot.press("ctrl+r")
        made = await until_made(host, pilot)
    assert (made.config.method, made.config.strength, made.config.leave_alone) == ("none", 0.0, ())


async def test_what_cannot_be_is_told_in_the_form(tmp_path: Path) -> None:
    host = Host(parent(tmp_path))
    async with host.run_test() as pilot:
        await pilot.pause()
        for strength, says in (("much", "not a number"), ("-1", "strength = -1"), ("nan", "strength = nan")):
            host.form.query_one("#strength", Input).value = strength
            await pilot.press("ctrl+r")
            await pilot.pause()
            assert says in problem(host)
        host.form.query_one("#strength", Input).value = "1"
        host.form.query_one("#name", Input).value = "../elsewhere"
        await pilot.press("ctrl+r")
        await on_screen(pilot, lambda: "session name '../elsewhere'" in problem(host), lambda: problem(host))
        await pilot.press("escape")
    assert host.made == [None]
    assert [path.name for path in tmp_path.iterdir()] == ["parent"]
