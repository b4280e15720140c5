"""A small form for a fork: the task to branch off after, the method, the strength and the name."""

from functools import partial
from itertools import count
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Label, Select, Static

from cl_tui.host.background import run_in_background
from cl_tui.screens.dialogs import Dialog
from engine.catalog.methods import METHODS
from engine.commands import command
from engine.errors import EngineError
from engine.record.history import History
from engine.sessions.names import extended
from engine.sessions.session import Session
from engine.settings.own_code import require_trust
from engine.settings.text import shown
from engine.training.fork import fork, forkable, forked_config


class ForkDialog(Dialog[Session | None]):
    """Returns the new session, ready for training, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "start", "Start the fork", priority=True),
        Binding("escape", "dismiss(None)", "Cancel"),
    ]

    def __init__(
        self,
        parent: Session,
        history: History,
        task: int | None = None,
        method: str | None = None,
        strength: float | None = None,
    ) -> None:
        """What the form shows at first: the ``task`` to branch off after, counted from 0, by default the last possible
        one; the ``method`` and ``strength``, by default those of the parent.

        ``history`` must have a completed task that is not the last: see ``forkable``.
        """
        super().__init__(f"Fork {parent.name}")
        self._parent_session = parent
        self._possible = forkable(parent, history)
        self._names = [info.name for info in history.tasks]
        self._at_first = task if task in self._possible else self._possible[-1]
        self._strengths = {parent.config.method: history.strength(parent.config)}
        """What the form shows for a method; for others, their default."""
        self._method = method or parent.config.method
        if strength is not None:
            self._strengths[self._method] = strength
        self._at_work = False

    def content(self) -> ComposeResult:
        tasks = ((Text(f"{task + 1}  {self._names[task]}"), task) for task in self._possible)
        methods = ((name, name) for name in METHODS)
        yield Horizontal(Label("after task"), Select(tasks, value=self._at_first, allow_blank=False, id="task"))
        yield Horizontal(Label("method"), Select(methods, value=self._method, allow_blank=False, id="method"))
        yield Horizontal(
            Label("strength"), Input(shown(self._strength_of(self._method)), id="strength"), id="of-the-penalty"
        )
        yield Horizontal(Label("name"), Input(self._free_name(), id="name"))
        yield Static("", id="problem", markup=False)

    def _strength_of(self, method: str) -> float:
        known = self._strengths.get(method)
        return forked_config(self._parent_session.config, {"method": method}).strength if known is None else known

    def _free_name(self) -> str:
        folder, stem = self._parent_session.path.parent, self._parent_session.name
        names = (extended(stem, f"-fork-{number}") for number in count(1))
        return next(name for name in names if not (folder / name).exists())

    def on_select_changed(self, event: Select.Changed) -> None:
        """Another method has its own strength."""
        if event.select.id == "method":
            self.query_one("#strength", Input).value = shown(self._strength_of(str(event.value)))
        self.query_one("#of-the-penalty").display = self._has_strength
        self._check()

    @property
    def _has_strength(self) -> bool:
        return bool(METHODS[str(self.query_one("#method", Select).value)].symbol)

    def on_input_changed(self) -> None:
        self._check()

    def _check(self) -> dict[str, Any] | None:
        """Says what is wrong; returns the changes if nothing is."""
        changes: dict[str, Any] = {"method": self.query_one("#method", Select).value}
        problem = ""
        try:
            if self._has_strength:
                changes["strength"] = float(self.query_one("#strength", Input).value)
            config, parent = forked_config(self._parent_session.config, changes), self._parent_session
            how = command("fork", parent.path.parent, parent.name, "--at-task", "N", "--trust-code")
            require_trust(config, f"a fork of session {parent.name}", f"'{how}'")
        except ValueError:
            problem = "The strength is not a number."
        except EngineError as error:
            problem = str(error)
        self.query_one("#problem", Static).update(problem)
        return None if problem else changes

    def on_input_submitted(self) -> None:
        self.action_start()

    @work
    async def action_start(self) -> None:
        changes, problem = self._check(), self.query_one("#problem", Static)
        if changes is None or self._at_work:
            return
        self._at_work = True
        problem.update("Reading the checkpoint…")
        task, name = self.query_one("#task", Select).value, self.query_one("#name", Input).value
        assert isinstance(task, int)
        try:  # in the background, because it loads PyTorch
            made = await run_in_background(self, partial(fork, self._parent_session, task, name, changes))
        except EngineError as error:
            problem.update(str(error))
        except OSError as error:
            problem.update(f"the fork cannot be written: {error.strerror or error}")
        else:
            self.dismiss(made)
        finally:
            self._at_work = False
