"""A form for a new run in three steps: what, how it is protected, and the rest. It shows the command line."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, ClassVar

from rich.cells import cell_len
from textual import work
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Select, Static
from textual.widgets.option_list import Option

from cl_tui.host.background import run_in_background
from cl_tui.reports.estimate import Known, estimate, known_of
from cl_tui.screens import form
from cl_tui.screens.footer import KeysLine
from cl_tui.screens.form import Field, Wanted
from engine.catalog.choices import CHOICES as OWNERS
from engine.catalog.choices import benchmark_info
from engine.catalog.entries import MethodInfo
from engine.catalog.methods import METHODS
from engine.catalog.options import DATA, METHOD, NETWORK, TRAINING, WHAT, WHERE
from engine.catalog.recipes import RECIPES, Recipe
from engine.commands import command
from engine.errors import ConfigError, EngineError, SessionExists
from engine.sessions.listing import each_session
from engine.sessions.names import free_name
from engine.sessions.session import Session
from engine.settings import own_code
from engine.settings.text import shown
from engine.streams.files import prepare

STEPS = {
    "Recipe and data": ((WHAT,),),
    "Method and strength": ((METHOD,),),
    "The rest": ((NETWORK, TRAINING), (DATA, WHERE, form.MORE)),
}
"""The command line's panels in each step, side by side."""
_OWN = "own"
"""The choice of no recipe."""


def _panel(field: Field) -> str:
    """Where a field stands: the method beside its strength."""
    return METHOD if field.key == "method" else field.panel


class NewRunScreen(ModalScreen[tuple[Session, float | None] | None]):
    """Returns a new session, ready for training, and its highest number of steps a second; or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "start", "Start", priority=True),
        Binding("ctrl+y", "copy", "Copy the command", priority=True),
        Binding("pagedown", "step(1)", "Next step", priority=True),
        Binding("pageup", "step(-1)", "Step before", priority=True, show=False),
        Binding("ctrl+o", "more", "More settings", priority=True),
        Binding("escape,q", "dismiss(None)", "Cancel"),
    ]

    HORIZONTAL_BREAKPOINTS = [(0, "-too-narrow"), (60, "-wide-enough")]  # noqa: RUF012 (as Textual declares it)
    VERTICAL_BREAKPOINTS = [(0, "-too-low"), (18, "-high-enough")]  # noqa: RUF012 (as Textual declares it)

    def __init__(self, sessions_dir: Path, chosen: Mapping[str, str] | None = None) -> None:
        """``chosen``: names that the form begins with, by method, preset, benchmark or model."""
        super().__init__()
        self._folder = sessions_dir
        self._at_first = chosen or {}
        self._fields = form.fields()
        self._usual = form.wanted(self._fields, {})
        """The run that results from the choices so far and nothing else."""
        self._chosen = {choice: str(getattr(self._usual.config, choice)) for choice in OWNERS}
        self._wanted: Wanted | None = self._usual
        """The run that the form describes, if nothing is wrong."""
        self._at_work = False
        self._more = False
        """Whether the settings that are rarely changed are there."""
        self._step = 1 if chosen and "method" in chosen else 0
        self._known: list[Known] = []
        self._batch: list[str] = []
        """The arguments of a batch, where a field holds several values."""

    def compose(self) -> ComposeResult:
        yield Static(id="title", markup=False)
        with VerticalScroll(can_focus=False):
            for number, columns in enumerate(STEPS.values()):
                with Vertical(id=f"step-{number}", classes="step"):
                    if number == 0:
                        yield OptionList(*map(_offer, (*RECIPES, None)), id="recipe", compact=True)
                    with Horizontal():
                        for panels in columns:
                            with Vertical(classes="column"):
                                for panel in panels:
                                    yield Static(panel, classes="heading", id=_heading(panel), markup=False)
                                    yield from (self._row(field) for field in self._fields if _panel(field) == panel)
                        if number == 1:
                            yield Static(id="formula", classes="column", markup=False)
        with Vertical(id="below"):
            yield Static(id="help", markup=False)
            yield Static(id="problem", markup=False)
            yield Static(id="line", markup=False)
            yield Static(id="estimate", markup=False)
        yield KeysLine()
        yield Static(
            "The terminal is too small for the form: it needs at least 60 columns and 18 lines; Esc goes back.",
            id="too-small",
        )

    def _row(self, field: Field) -> Vertical:
        entry: Select[str] | Input
        if field.choices:
            entry = Select([(name, name) for name in field.choices], id=field.key, compact=True)
        else:
            entry = Input(id=field.key, compact=True)
        problem = Static(classes="problem", markup=False)
        return Vertical(Horizontal(Label(markup=False), entry, classes="row"), problem, id=f"row-{field.key}")

    def on_mount(self) -> None:
        for key, name in self._at_first.items():
            self.query_one(f"#{key}", Select).value = name
        self._go(self._step)
        self._check()
        self._look_back()

    @work
    async def _look_back(self) -> None:
        """Earlier runs say how long this will take."""
        sessions = await run_in_background(self, lambda: list(islice(each_session(self._folder), 200)))
        self._known = known_of(sessions)
        self._check()

    # The steps

    def action_step(self, by: int) -> None:
        self._go(min(max(self._step + by, 0), len(STEPS) - 1))

    def _go(self, step: int) -> None:
        self._step = step
        for number in range(len(STEPS)):
            self.query_one(f"#step-{number}").display = number == step
        names = (f"{'▸ ' if at == step else ''}{at + 1} {name}" for at, name in enumerate(STEPS))
        title, where = f"New run   {'  ·  '.join(names)}", f"   in {self._folder}"
        fits = cell_len(title + where) <= self.app.size.width - 2
        _put(self.query_one("#title", Static), title + where * fits)
        first = next((of for of in self.query_one(f"#step-{step}").query("*") if of.focusable), None)
        if first is not None:
            self.call_after_refresh(first.focus)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Fills in what the recipe says, and goes on to the method."""
        chosen = event.option_id
        recipe = next((recipe for recipe in RECIPES if recipe.name == chosen), None)
        if recipe is not None:
            self.query_one("#preset", Select).clear()
            for key, value in recipe.settings.items():
                entry = self.query_one(f"#{key}")
                if isinstance(entry, Select):
                    entry.value = value
                elif isinstance(entry, Input):
                    entry.value = shown(value)
            if "strength" not in recipe.settings:
                self.query_one("#strength", Input).value = ""
        self._go(1)

    # Filling in the form

    def on_input_changed(self) -> None:
        self._check()

    def on_select_changed(self, event: Select.Changed) -> None:
        """A preset sets its benchmark: an earlier choice of benchmark would give a different experiment."""
        if event.select.id == "preset" and isinstance(event.value, str):
            self.query_one("#benchmark", Select).clear()
        self._check()

    @property
    def values(self) -> dict[str, str]:
        """The filled-in values of the settings that the run reads."""
        return {field.key: self._value(field) for field in self._fields if field.read_by(self._chosen)}

    def _value(self, field: Field) -> str:
        if not field.choices:
            return self.query_one(f"#{field.key}", Input).value
        chosen = self.query_one(f"#{field.key}", Select).value
        return chosen if isinstance(chosen, str) else ""

    def _check(self) -> None:
        """Shows each problem at its field at once, or the command line."""
        choices = {field.key: self._value(field) for field in self._fields if field.key in form.CHOICES}
        with contextlib.suppress(ConfigError):
            self._usual = form.wanted(self._fields, choices)
        self._chosen = {choice: choices[choice] or getattr(self._usual.config, choice) for choice in OWNERS}
        each = form.several(self.values)
        problems = next(filter(None, (form.problems(self._fields, of) for of in each)), {})
        self._batch = []
        if len(each) > 1 and not problems:
            try:
                self._batch = form.batch_arguments(self._fields, self.values)
            except ConfigError as error:
                problems = {error.setting: str(error)}
        self._wanted = None if problems else form.wanted(self._fields, each[0])
        self._show_fields(self._wanted or self._usual)
        for field in self._fields:
            self._complain_at(field.key, problems.get(field.key, ""))
        at_fields = ", ".join(field.key.replace("_", " ") for field in self._fields if field.key in problems)
        problem = problems.get("") or (f"Correct first: {at_fields}" if at_fields else "")
        _put_or_hide(self.query_one("#line", Static), self._line)
        _put_or_hide(self.query_one("#estimate", Static), self._estimated(len(each)))
        _put(self.query_one("#formula", Static), _formula(METHODS[self._chosen["method"]]))
        self._complain(problem)
        self._explain()

    @property
    def _line(self) -> str:
        """The command that does the same; empty if something is wrong."""
        if self._wanted is None:
            return ""
        if self._batch:
            return command("batch", self._folder, *self._batch)
        return command("run", self._folder, *self._wanted.arguments)

    def _estimated(self, runs: int) -> str:
        if self._wanted is None:
            return ""
        if runs > 1:
            each = estimate(self._wanted.config, None, self._known)
            return f"Ctrl-R starts a batch of {runs} runs, each {each}"
        return f"Ctrl-R starts: {estimate(self._wanted.config, self._wanted.pace, self._known)}"

    def _show_fields(self, known: Wanted) -> None:
        """Shows only the settings that the run reads, with the defaults that apply if they are left blank."""
        there = [field for field in self._fields if field.read_by(self._chosen) and self._has_place(field)]
        for field in self._fields:
            row = self.query_one(f"#row-{field.key}", Vertical)
            row.display = field in there
            _put(row.query_one(Label), field.label(self._chosen["method"]))
            default = known.default(field.key)
            if field.choices:
                self.query_one(f"#{field.key}", Select).prompt = default or "none"
            else:
                self.query_one(f"#{field.key}", Input).placeholder = default or "none"

        for panel in itertools.chain(*itertools.chain(*STEPS.values())):
            self.query_one(f"#{_heading(panel)}").display = any(_panel(field) == panel for field in there)

    def _has_place(self, field: Field) -> bool:
        return field.panel != form.MORE or self._more or bool(self._value(field))

    def on_descendant_focus(self) -> None:
        self._explain()

    def _explain(self) -> None:
        key = self.focused.id if isinstance(self.focused, Input | Select) else None
        field = next((field for field in self._fields if field.key == key), None)
        if field is not None:
            self._say(field.meaning(self._usual.config))

    def action_more(self) -> None:
        self._more = not self._more
        self._go(len(STEPS) - 1)
        self._check()
        if self._more:
            first = next(field for field in self._fields if field.panel == form.MORE and field.read_by(self._chosen))
            self.call_after_refresh(self.query_one(f"#{first.key}").focus)

    # Leaving the form

    def action_copy(self) -> None:
        if self._wanted is None:
            self._say("Not copied: the command would not run as it is")
        else:
            self.app.copy_to_clipboard(self._line)
            self._say("The command was sent to the terminal's clipboard")

    def _complain_at(self, key: str, problem: str) -> None:
        if problem.startswith((f"{key} = ", f"--{key} ", "Invalid value for ")):  # the field shows this part
            problem = problem.partition(": ")[2]
        _put_or_hide(self.query_one(f"#row-{key} > .problem", Static), problem)

    def _complain(self, problem: str) -> None:
        _put_or_hide(self.query_one("#problem", Static), problem)

    def _say(self, text: str) -> None:
        _put(self.query_one("#help", Static), text)

    def on_input_submitted(self) -> None:
        self.action_start()

    @work
    async def action_start(self) -> None:
        wanted = self._wanted
        if wanted is None or self._at_work:
            return
        if self._batch:
            self._run_batch()
            return
        self._at_work = True
        benchmark = benchmark_info(wanted.config.benchmark)
        needed = " and ".join(benchmark.files)
        self._say(
            f"Looking for {needed} in {wanted.config.data_dir}: missing files are downloaded, Esc cancels…"
            if benchmark.files
            else "Starting…"
        )
        try:
            own_code.allow(own_code.named(dict(wanted.config)))  # it was typed here
            await run_in_background(self, partial(prepare, wanted.config.benchmark, Path(wanted.config.data_dir)))
            name = wanted.name or free_name(self._folder)
            session = await run_in_background(self, partial(Session.create, self._folder, name, wanted.config))
        except SessionExists as error:
            self._say("")
            self._complain_at("name", str(error))
            self._complain("Correct first: name")
        except EngineError as error:
            self._say("")
            self._complain(str(error))
        else:
            self.dismiss((session, wanted.pace))
        finally:
            self._at_work = False

    def _run_batch(self) -> None:
        """Trains in the terminal below this screen, and comes back."""
        arguments = ["batch", *self._batch, "--sessions-dir", str(self._folder)]
        try:
            with self.app.suspend(), _heeding_no_interrupt(), _terminal() as terminal:
                subprocess.run(  # noqa: S603
                    [sys.executable, "-m", "cl_tui", *arguments],
                    check=False,
                    stdin=terminal,
                    stdout=terminal,
                    stderr=terminal,
                )
                input("\nEnter goes back to the sessions. ")
        except SuspendNotSupported:
            self._say(f"This terminal cannot show a batch: run it in a shell with {self._line}")
        except EOFError:
            self.dismiss(None)
        else:
            self.dismiss(None)


@contextlib.contextmanager
def _terminal() -> Iterator[BinaryIO | None]:
    """The terminal itself: what is printed here is kept for the log instead. None on Windows."""
    if os.name != "posix":
        yield None
        return
    with open("/dev/tty", "r+b", buffering=0) as terminal:
        yield terminal


@contextlib.contextmanager
def _heeding_no_interrupt() -> Iterator[None]:
    """Ctrl-C reaches the batch alone: it ends, and can be continued."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _offer(recipe: Recipe | None) -> Option:
    if recipe is None:
        return Option("Your own choice: what stands below, then PageDown", id=_OWN)
    return Option(f"{recipe.title:<16} {recipe.why}", id=recipe.name)


def _formula(method: MethodInfo) -> str:
    """What the method computes, and how its strength is chosen."""
    told = [method.title, method.formula, method.source]
    if method.symbol:
        told.append(
            f"{method.symbol} is the strength: try 1 and 3 times powers of ten. "
            "Several, such as 1,10,100, train a batch."
        )
    return "\n\n".join(part for part in told if part)


def _heading(panel: str) -> str:
    return f"heading-{panel.split()[0].lower()}"


def _put(shown: Static, text: str) -> None:
    """Updates only if the text is new: each update lays out the whole form again."""
    if text != shown.content:
        shown.update(text)


def _put_or_hide(shown: Static, text: str) -> None:
    _put(shown, text)
    shown.display = bool(text)
