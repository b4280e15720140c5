"""The log: what was printed and what happened, in the order of time, searched and filtered."""

from dataclasses import replace

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from cl_tui.host.capture import Captured, Stream
from cl_tui.reports.timeline import timeline
from cl_tui.screens.log import MOST_COPIED, LogLines, LogScreen
from engine.record.events import (
    Noted,
    RunFailed,
    RunForked,
    RunResumed,
    StrengthChanged,
    TasksPlanned,
    Warned,
    decode,
    encode,
)
from engine.record.history import History
from engine.settings.run import resolve
from tests import screen_data
from tests.told import ended

START = 1_000_000.0
"""When the made-up run began; it takes 500 steps a second."""


CONFIG = resolve({})


def run(until: int | None = 2500) -> History:
    history = screen_data.history(until)
    assert history.started is not None
    finished = history.finished and replace(history.finished, time=START + 200.0)
    return replace(history, started=replace(history.started, time=START), finished=finished)


class Host(App[None]):
    def __init__(self, captured: Captured, history: History) -> None:
        super().__init__()
        self.log_screen = LogScreen(captured, lambda: timeline(self.history, CONFIG))
        self.history = history
        self.animation_level = "none"

    def on_mount(self) -> None:
        self.push_screen(self.log_screen)


def numbered(count: int, stream: Stream = "out") -> Captured:
    captured = Captured()
    for number in range(count):
        captured.add(stream, f"line {number}")
    return captured


async def settled(pilot: Pilot[None]) -> LogLines:
    """All that is known is shown."""
    pilot.app.screen.poll()  # type: ignore[attr-defined]
    for _ in range(3):
        await pilot.pause()
    return pilot.app.screen.query_one(LogLines)


def subtitle(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query("Vertical").first().border_subtitle)


def seen(lines: LogLines) -> list[str]:
    """The rows in view, as text."""
    return [lines.render_line(y).text.rstrip() for y in range(lines.size.height)]


def test_what_happened_is_told_in_the_order_of_time() -> None:
    history = run()
    for event in (
        StrengthChanged(1500, START + 3.0, 1.0, 10.0),
        Noted(1600, START + 3.2, "paused"),
        Noted(1600, START + 63.2, "continued"),
        TasksPlanned(2200, START + 64.4, history.tasks, "task 3 ended at step 200 of 1,000"),
        RunFailed(2500, 2, START + 65.0, "the loss is not finite", "a checkpoint"),
    ):
        history = history.apply(event)
    told = timeline(history, CONFIG)
    assert [(line.time - START, line.text) for line in told] == [
        (0.0, "Training begins: 5 tasks, 5,000 steps, on cpu"),
        (pytest.approx(2.0), "Task 1 ended: 99.0 % on 0 8"),
        (3.0, "Strength 1 → 10 after step 1,500"),
        (pytest.approx(3.2), "Paused, at step 1,600"),
        (pytest.approx(63.2), "Continued, at step 1,600"),
        (pytest.approx(64.0), "Task 2 ended: 99.0 % on 1 7"),
        (pytest.approx(64.4), "Task 3 ended at step 200 of 1,000, at step 2,200"),
        (65.0, "Failed: the loss is not finite"),
    ]


def test_a_finished_forked_and_resumed_run_says_so() -> None:
    resumed = RunResumed(START + 100.0, 2000, "cpu", "another version of torch")
    history = replace(run(None), forked=RunForked(START + 50.0, 1000, "calm-otter", 0)).apply(resumed)
    told = [line.text for line in timeline(history, CONFIG)]
    assert "Forked from calm-otter, which trained tasks 1 to 1" in told
    assert "Resumed at step 2,000 (another version of torch)" in told
    assert told[-1].startswith("Finished in")


async def test_the_end_of_the_run_stands_below_the_end_of_its_last_task() -> None:
    """Also where both have the same time, and in a session that does not tell when a task ended."""
    history = run(None)
    assert history.finished is not None
    at_once = replace(history, finished=replace(history.finished, time=START + 10.0), ends=(*[START + 10.0] * 5,))
    for known in (history, at_once):
        async with Host(numbered(0), known).run_test(size=(80, 24)) as pilot:
            told = [line.text.split(":")[0] for line in (await settled(pilot)).lines]
            assert told == ["Training begins", *(f"Task {task} ended" for task in range(1, 6)), told[-1]]
            assert told[-1].startswith("Finished in")


@pytest.mark.parametrize("end", [0.0, START + 2.5], ids=["older session", "told"])
def test_a_task_ends_before_the_break_that_follows_it(end: float) -> None:
    history = run(1000).after(ended(0, 1000, 2.0, (0.99,), time=end))
    for event in (
        Warned(0, 1000, START + 2.6, "no-learning", "nothing is learned in task 1: why; what to try"),
        Noted(1000, START + 3.0, "paused"),
        StrengthChanged(1000, START + 30.0, 1.0, 10.0),
        Noted(1000, START + 63.0, "continued"),
    ):
        history = history.apply(event)
    told = timeline(history, CONFIG)
    assert [line.text for line in told[1:]] == [
        "Task 1 ended: 99.0 % on 0 8",
        "⚠ Warning at step 1,000: nothing is learned in task 1: why; what to try",
        "Paused, at step 1,000",
        "Strength 1 → 10 after step 1,000",
        "Continued, at step 1,000",
    ]
    assert told[1].time == pytest.approx(end or START + 2.0)


def test_a_run_that_loads_has_nothing_to_tell() -> None:
    assert timeline(History(), CONFIG) == []


def test_words_of_a_strange_session_cannot_act_on_the_terminal() -> None:
    told = timeline(run(50).apply(decode(encode(Noted(10, START + 1, "\x1b]0;owned\x07")))), CONFIG)
    assert told[-1].text == "\\x1b]0;owned\\x07, at step 10"


async def test_prints_and_happenings_stand_in_the_order_of_time() -> None:
    captured = numbered(2)
    history = run(50).apply(Noted(10, captured.since()[1].time + 0.001, "paused"))
    async with Host(captured, history).run_test(size=(80, 24)) as pilot:
        lines = await settled(pilot)
        assert [line.text.split(",")[0] for line in lines.lines] == [
            "Training begins: 5 tasks", "line 0", "line 1", "Paused",
        ]  # fmt: skip
        assert [row.split()[1] for row in seen(lines)[:4]] == ["run", "out", "out", "run"]


async def test_the_newest_line_stays_in_view_until_one_scrolls_up() -> None:
    captured = numbered(100)
    async with Host(captured, History()).run_test(size=(80, 24)) as pilot:
        lines = await settled(pilot)
        assert seen(lines)[-1].endswith("line 99")
        captured.add("out", "line 100")
        lines = await settled(pilot)
        assert seen(lines)[-1].endswith("line 100")
        assert "following" in subtitle(pilot)

        await pilot.press("pageup")
        before = seen(await settled(pilot))
        assert "line 100" not in before[-1]
        captured.add("out", "line 101")
        assert seen(await settled(pilot)) == before
        await pilot.press("end")
        assert seen(await settled(pilot))[-1].endswith("line 101")


async def test_what_one_looks_at_does_not_move_when_old_lines_are_dropped() -> None:
    captured = Captured(50)
    for number in range(50):
        captured.add("out", f"line {number}")
    async with Host(captured, History()).run_test(size=(80, 24)) as pilot:
        lines = await settled(pilot)
        lines.scroll_to(y=20, animate=False)
        before = seen(await settled(pilot))
        for number in range(50, 60):
            captured.add("out", f"line {number}")
        assert seen(await settled(pilot)) == before
        assert "10 older ones dropped" in subtitle(pilot)


async def test_search_goes_to_the_newest_match_and_round() -> None:
    captured = numbered(100)
    captured.add("err", "A Warning about line 7")
    async with Host(captured, History()).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("n")
        assert "/ searches" in subtitle(pilot)
        await pilot.press("slash", *"line 7", "enter")
        lines = await settled(pilot)
        assert [lines.lines[match].text for match in lines.matches][:2] == ["line 7", "line 70"]
        assert len(lines.matches) == 12
        assert lines.found == 11
        assert "12 of 12 matches" in subtitle(pilot)
        await pilot.press("n")
        assert any(row.endswith("line 7") for row in seen(await settled(pilot)))
        await pilot.press("N", "N")
        assert lines.found == 10
        assert any(row.endswith("line 79") for row in seen(await settled(pilot)))
        await pilot.press("slash", *"xyz")
        assert "no match" in subtitle(pilot)
        await pilot.press("escape")
        assert lines.needle == ""
        assert not pilot.app.screen.query_one(Input).has_class("-open")
        await pilot.press("escape")
        assert not isinstance(pilot.app.screen, LogScreen)


async def test_the_match_one_is_at_stays_marked_when_lines_come() -> None:
    captured = numbered(10)
    async with Host(captured, History()).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("slash", *"line", "enter", "N", "N")
        lines = await settled(pilot)
        assert lines.found is not None
        at = lines.lines[lines.matches[lines.found]]
        captured.add("out", "another line")
        lines = await settled(pilot)
        assert lines.lines[lines.matches[lines.found]] == at
        assert len(lines.matches) == 11


async def test_a_filter_shows_one_kind() -> None:
    captured = numbered(3)
    captured.add("err", "an error")
    async with Host(captured, run(50)).run_test(size=(80, 24)) as pilot:
        counts = {}
        for _ in range(4):
            lines = await settled(pilot)
            counts[subtitle(pilot).split(" · ")[0]] = len(lines.lines)
            await pilot.press("f")
        assert counts == {"everything": 5, "prints": 4, "errors": 1, "the run": 1}


async def test_copy_takes_what_is_shown_and_says_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    captured = numbered(3)
    host = Host(captured, History())
    async with host.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("C")
        assert [line.split(maxsplit=1)[1] for line in host.clipboard.splitlines()] == [
            f"out  line {number}" for number in range(3)
        ]
        assert "Sent to the terminal's clipboard: 3 lines" in subtitle(pilot)
        for _ in range(200):
            captured.add("out", "x" * 999)
        await settled(pilot)
        await pilot.press("C")
        assert len(host.clipboard) <= MOST_COPIED
        assert "the newest 59 of 203 lines" in subtitle(pilot)


async def test_markup_and_wide_characters_are_text() -> None:
    captured = Captured()
    captured.add("out", "[bold red]not markup[/] 日本語 " + "x" * 100)
    async with Host(captured, History()).run_test(size=(80, 24)) as pilot:
        lines = await settled(pilot)
        assert "[bold red]not markup[/] 日本語" in seen(lines)[0]
        lines.scroll_to(x=500, animate=False)
        await pilot.pause()
        assert seen(lines)[0].endswith("xxx")
