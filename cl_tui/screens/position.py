"""Where a replay stands, or how a run is followed, in one line; and a dialog to go elsewhere."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static

from cl_tui.panes.notice import Sentence
from cl_tui.reports import text
from cl_tui.screens.dialogs import Dialog
from cl_tui.screens.reader import Reader
from engine.sessions.recording import Recording, Replay

SILENT_SECONDS = 10.0
"""A run without events for this long is called silent."""


class PositionLine(Sentence):
    """One line below the panes: the position in the run."""

    def __init__(self) -> None:
        super().__init__(classes="in-zoom")

    def say(self, text: str) -> None:
        self.put(text, layout=False)


class GoDialog(Dialog[int | None]):
    """Returns the event of a Recording to go to, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(self, recording: Recording) -> None:
        super().__init__("Go to")
        self._recording = recording

    def content(self) -> ComposeResult:
        known = self._recording.newest
        yield Static(f"A step, up to {known.step:,}, or t3 for the start of task 3:", markup=False)
        yield Input()
        yield Static("", id="problem", markup=False)

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        try:
            self.dismiss(place(submitted.value, self._recording))
        except ValueError as error:
            self.query_one("#problem", Static).update(str(error))


def place(text: str, recording: Recording) -> int:
    """The event that ``text`` means: '1,234' is a step, 't3' the start of task 3. Raises ValueError."""
    wanted = text.strip().lower().replace(",", "")
    is_task = wanted.startswith("t")
    digits = wanted.removeprefix("task").removeprefix("t").strip()
    if not digits.isascii() or not digits.isdigit():
        raise ValueError("Enter a step, for example 1200, or a task, for example t3.")
    number = int(digits)
    if not is_task:
        if number > recording.newest.step:
            raise ValueError(f"There are {recording.newest.step:,} steps.")
        return recording.at_step(number)
    if not 1 <= number <= len(recording.borders):
        raise ValueError(f"Task {number} has not begun: there are tasks 1 to {len(recording.borders)}.")
    return recording.borders[number - 1]


def speed(times: float) -> str:
    """
    >>> speed(0.5), speed(1000.0)
    ('0.5×', '1000×')
    """
    return f"{times:g}×"


def following(reader: Reader, over: bool) -> str:
    """The state of the followed run: at work, silent or over."""
    follower, silence = reader.follower, reader.follower.silence
    if not reader.loaded:
        share = follower.read / follower.size if follower.size else 0.0
        return f"Reading {100 * share:.0f} % of {follower.size / 1e6:,.1f} MB"
    if reader.problem:
        return f"⚠ Cannot read further than event {reader.recording.events:,}"
    if over:
        return "The run is over; r replays it"
    if silence < SILENT_SECONDS:
        return f"Following; it is trained {'on this machine' if reader.here else 'by another machine'}"
    if reader.here:
        return f"⚠ Silent for {text.duration(silence)}, but its process is alive: loading, evaluating or paused"
    return f"⚠ Silent for {text.duration(silence)}: dead, or on another machine and loading, evaluating or paused"


def position(replay: Replay, width: int) -> str:
    """The replay's state and speed, a line through the run with its task borders, and the position in numbers."""
    whole = replay.recording.newest
    state = f"{'▶' if replay.playing else '⏸'} Replay {speed(replay.speed):<5} "
    steps = f" step {replay.step:,} of {whole.step:,}"
    seconds = f" · {text.duration(replay.elapsed)} of {text.duration(replay.recording.seconds)}"
    if width < 76:
        seconds = ""
    room = width - len(state) - len(steps) - len(seconds)
    return f"{state}{track(replay, room)}{steps}{seconds}" if room >= 8 else f"{state}{steps}"


def track(replay: Replay, width: int) -> str:
    """The run as a line of ``width`` cells: ● now, ━ before, ─ after, │ where a task begins."""
    last = max(1, replay.recording.newest.step)
    here = replay.step * (width - 1) // last
    cells = ["━" if cell < here else "─" for cell in range(width)]
    for event in replay.recording.borders[1:]:
        cells[replay.recording.step(event) * (width - 1) // last] = "│"
    cells[here] = "●"
    return "".join(cells)
