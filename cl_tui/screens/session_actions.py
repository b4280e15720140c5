"""What is done with the sessions of a list: open, resume, fork, repeat, compare, write a note, rename, delete.

Other screens are imported when they are opened: the list does not wait for them.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.worker import Worker

from cl_tui.panes.base import keys
from cl_tui.reports.arrangement import Block, Row
from cl_tui.screens.dialogs import ConfirmDialog, NameDialog
from cl_tui.screens.training import TrainingScreen, new_session
from engine.catalog.choices import benchmark_info
from engine.catalog.own_loop import OWN_LOOP
from engine.commands import command
from engine.errors import ConfigError, EngineError
from engine.sessions.folders import delete_session, rename_session
from engine.sessions.listing import Listed, read_session
from engine.sessions.names import check_name
from engine.sessions.notes import Notes, write_notes
from engine.sessions.session import Session
from engine.settings.own_code import require_trust
from engine.settings.run import moved, resolve
from engine.streams.files import prepare
from engine.text import some
from engine.training.runner import device_problem

CHANGING = {"new_run", "resume", "fork", "again", "note", "rename", "delete", "analyse"}
"""Actions that write, or that compute for long."""


class SessionActions(TrainingScreen):
    """The screen says which row the cursor is on. ``read_only``: no training and no changes from here."""

    KEYS_TITLE = "Sessions"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new_run", "New run", tooltip="Choose what to train, and start it"),
        Binding("enter", "open", "Open", tooltip="Watch the session, or replay it; unfold a group of seeds"),
        Binding("r", "resume", "Resume", tooltip="Continue training where it stopped"),
        Binding(
            "F", "fork", "Fork", tooltip="Start a new session at the end of a task, with another method or strength"
        ),
        Binding("a", "again", "Again", tooltip="Train the same with another seed", show=False),
        Binding("space", "mark", "Mark", tooltip="Mark the sessions, to compare or delete several", show=False),
        Binding("c", "compare", "Compare", tooltip="Compare the marked sessions, or the row with the run of none"),
        Binding("N", "note", "Note", tooltip="Write a note, tags, or pin the session"),
        Binding("m", "rename", "Rename", tooltip="Rename the session", show=False),
        Binding("d,delete", "delete", "Delete", tooltip="Delete the row's sessions, or the marked ones; asks first"),
        *keys(
            ("A", "analyse", "Analyse", "Measure what its method did, and where the forgetting comes from"),
            ("Y", "tree", "Tree", "The session's forks and choices of strength, as a tree"),
        ),
    ]

    def __init__(self, sessions_dir: Path, read_only: bool = False) -> None:
        super().__init__()
        self._folder = sessions_dir
        self._read_only = read_only
        self.trains_in = None if read_only else sessions_dir
        self._marked: set[str] = set()
        self._go_to = ""
        """The session to move the cursor to as soon as it appears."""

    # What the screen tells

    @property
    def sessions(self) -> Mapping[str, Listed]:
        raise NotImplementedError

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        raise NotImplementedError

    @property
    def block(self) -> Block | None:
        """The block that it stands in."""
        raise NotImplementedError

    def read_folder(self) -> Worker[None]:
        raise NotImplementedError

    def unfold(self) -> bool:
        """Shows the sessions of the row; False if there is nothing to unfold."""
        raise NotImplementedError

    def show_marks(self) -> None:
        raise NotImplementedError

    def _chosen(self, wish: str, changes: bool = True) -> Listed | None:
        """The session under the cursor; None, with a message, if there is none or it may not be changed."""
        row = self.row
        if row is None:
            self.reply(f"There is no session to {wish}" + ("" if self._read_only else ": n starts a new run"))
        elif changes and self._read_only:
            self.reply(f"This screen is read-only: it cannot {wish} sessions")
            return None
        return row.urgent if row else None

    def action_tree(self) -> None:
        from cl_tui.screens.tree import TreeScreen

        if (chosen := self._chosen("show the forks of", changes=False)) is not None:
            self.app.push_screen(TreeScreen(self._folder, chosen.name, read_only=self._read_only))

    def action_open(self) -> None:
        listed = self._chosen("open", changes=False)
        if listed is None or (self.row and len(self.row.members) > 1 and self.unfold()):
            return
        from cl_tui.screens.watch import WatchScreen

        try:
            screen = WatchScreen(self._folder, listed.name, self._read_only)
        except EngineError as error:
            self.reply(str(error))
        else:
            self.app.push_screen(screen)

    def action_resume(self) -> None:
        listed = self._chosen("resume")
        if listed is None:
            return
        if listed.config is None:
            self.reply(listed.problem)
        elif listed.state == "finished":
            fork = "" if listed.config.benchmark == OWN_LOOP else "F forks it, "
            self.reply(f"{listed.name} is finished: {fork}n starts a new run")
        elif listed.state == "running":
            self.reply(f"{listed.name} is already being trained: Enter watches it")
        else:
            self._continue(listed.name, listed.config.benchmark)

    @work
    async def start(self, settings: Mapping[str, object]) -> None:
        """Trains a new session of these settings."""
        config = resolve(settings)
        made = await self.in_background("Preparing", partial(new_session, self._folder, config))
        if made is not None:
            self._train(made, benchmark_info(config.benchmark).watch_pace, new=True)

    @work
    async def action_fork(self) -> None:
        listed = self._chosen("fork")
        if listed is None:
            return
        from cl_tui.screens.fork import ForkDialog
        from engine.training.fork import forkable, unforkable

        found = await self.in_background(f"Reading {listed.name}", partial(read_session, self._folder, listed.name))
        if found is None:
            return
        session = found.session
        if session is None or found.history is None:
            self.reply(found.problem)
            return
        if not forkable(session, found.history):
            self.reply(f"{found.name} cannot be forked: {unforkable(session.config)}")
        elif made := await self.app.push_screen_wait(ForkDialog(session, found.history)):
            self._continue(made.name, made.config.benchmark)

    @work
    async def action_again(self) -> None:
        """Trains the settings of the row once more, with the next seed."""
        listed, row = self._chosen("train again"), self.row
        if listed is None or row is None:
            return
        if listed.config is None:
            self.reply(listed.problem)
        elif listed.history and listed.history.forked:
            self.reply(f"{listed.name} is a fork: F forks {listed.history.forked.parent} once more")
        elif listed.config.benchmark == OWN_LOOP:
            self.reply(f"{listed.name} was trained by a loop of your own: run its program again")
        else:
            group = next((of for of in self.block or () if listed in of.members), row)
            seed = 1 + max(of.config.seed for of in group.members if of.config)
            making = partial(new_session, self._folder, listed.config.changed(seed=seed))
            made = await self.in_background(f"Preparing seed {seed}", making)
            if made is not None:
                self._train(made, benchmark_info(made.config.benchmark).watch_pace, new=True)

    @work
    async def _continue(self, name: str, benchmark: str) -> None:
        """Trains a session from its present state; asks first if its device is missing and another would be used."""
        found = await self.in_background(f"Preparing {benchmark}", partial(_opened, self._folder, name))
        if found is None:
            return
        session, problem = found
        if problem:
            question = (
                f"{problem}.\n\nTrain it here with --device auto? The last digits of its numbers may then differ."
            )
            if not await self.app.push_screen_wait(ConfirmDialog(f"Train {name}?", question, "Train", "Cancel")):
                return
            session.config = moved(session.config, {"device": "auto"})
        self._train(session, benchmark_info(benchmark).watch_pace)

    @work
    async def action_new_run(self) -> None:
        if self._read_only:
            self.reply("This screen is read-only: it cannot start runs")
            return
        from cl_tui.screens.new_run import NewRunScreen

        if made := await self.app.push_screen_wait(NewRunScreen(self._folder)):
            self._train(*made, new=True)

    @work
    async def _train(self, session: Session, pace: float | None, new: bool = False) -> None:
        self._go_to = session.name
        await self.in_monitor(session, pace, new)
        self.read_folder()

    def action_analyse(self) -> None:
        listed = self._chosen("analyse")
        if listed is None:
            return
        if listed.session is None:
            self.reply(listed.problem)
        else:
            from cl_tui.screens.analyse import AnalyseScreen

            self.app.push_screen(AnalyseScreen(listed.session))

    def action_mark(self) -> None:
        row = self.row
        if self._chosen("mark", changes=False) is None or row is None:
            return
        names = {listed.name for listed in row.members}
        self._marked = self._marked - names if names <= self._marked else self._marked | names
        self.show_marks()

    def action_compare(self) -> None:
        """The marked sessions; or those of the row, and of the run without protection beside it."""
        names = [name for name in self.sessions if name in self._marked]
        row = self.row
        if not names and row is not None and self.block is not None:
            baseline = self.block.baseline(row)
            rows = [row, *([baseline] if baseline else [])]
            names = [listed.name for of in rows for listed in of.members if listed.state != "damaged"]
        if len(names) < 2:
            self.reply("Mark two sessions or more with space, then c compares them")
            return
        damaged = next((name for name in names if self.sessions[name].state == "damaged"), None)
        if damaged:
            self.reply(f"{damaged} is damaged and cannot be compared: space removes its mark")
            return
        from cl_tui.screens.compare import CompareScreen

        self.app.push_screen(CompareScreen(self._folder, names))

    @work
    async def action_note(self) -> None:
        """Writes the notes of all sessions of the row, where they have the same."""
        listed, row = self._chosen("write notes on"), self.row
        if listed is None or row is None:
            return
        notes = {of.notes for of in row.members}
        if len(notes) > 1:
            self.reply("Its sessions have different notes: → unfolds them, and N writes on one of them")
            return
        from cl_tui.screens.notes import NotesDialog

        what = listed.name if len(row.members) == 1 else f"{len(row.members)} sessions"
        written = await self.app.push_screen_wait(NotesDialog(what, listed.notes))
        if written is not None:
            names = [of.name for of in row.members]
            await self.in_background("Writing the note", partial(_write_all, self._folder, names, written))
            self.read_folder()

    @work
    async def action_rename(self) -> None:
        listed = self._chosen("rename")
        if listed is None or self._refused_as_running([listed.name], "renamed"):
            return
        new = await self.app.push_screen_wait(
            NameDialog(f"Rename {listed.name}", listed.name, partial(self._name_problem, listed.name))
        )
        if new is None:
            return
        marked = self._marked & {listed.name}
        renaming = partial(rename_session, self._folder, listed.name, new)
        if kept := await self.in_background(f"Renaming {listed.name}", renaming):
            self._marked = self._marked - marked | ({kept} if marked else set())
            self._go_to = kept
        self.read_folder()

    def _name_problem(self, before: str, name: str) -> str:
        try:
            name = check_name(name)
        except ConfigError as error:
            return str(error)
        return f"Session {name} already exists." if name != before and name in self.sessions else ""

    @work
    async def action_delete(self) -> None:
        """Deletes the marked sessions, or those of the row under the cursor."""
        listed, row = self._chosen("delete"), self.row
        if listed is None or row is None:
            return
        names = [name for name in self.sessions if name in self._marked] or [of.name for of in row.members]
        if self._refused_as_running(names, "deleted"):
            return
        what = "1 session" if len(names) == 1 else f"{len(names)} sessions"
        lost = f"Its log, checkpoints and result will be deleted from {self._folder}. This cannot be undone."

        def delete() -> None:  # up to the first that cannot be deleted
            for name in names:
                delete_session(self._folder, name)

        if await self.app.push_screen_wait(
            ConfirmDialog(f"Delete {what}?", f"{some(names)}\n\n{lost}", f"Delete {what}", "Keep")
        ):
            await self.in_background(f"Deleting {what}", delete)
            self.read_folder()

    def _refused_as_running(self, names: list[str], wish: str) -> bool:
        running = next((name for name in names if self.sessions[name].state == "running"), None)
        if running:
            self.reply(f"{running} is being trained: it cannot be {wish} until the training ends")
        return running is not None


def _opened(folder: Path, name: str) -> tuple[Session, str]:
    """The session ready for training, or why its device cannot be used here. Raises EngineError."""
    session = Session.open(folder, name)
    how = command("resume", folder, name, "--trust-code")
    require_trust(session.config, f"session {name}", f"'{how}'")
    prepare(session.config.benchmark, Path(session.config.data_dir))
    return session, device_problem(session.config)


def _write_all(folder: Path, names: list[str], notes: Notes) -> bool:
    for name in names:
        write_notes(folder / name, notes)
    return True
