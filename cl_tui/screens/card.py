"""The card at the end of a run, over its panes: what became of it, and what to do next."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from cl_tui.host.apart import run_apart
from cl_tui.host.background import run_in_background
from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes.base import keys
from cl_tui.panes.card import CardPane, Offer
from cl_tui.panes.notice import Notice
from cl_tui.reports.card import Card, card, fork_title, same_seed
from cl_tui.screens.analyse import AnalyseScreen
from cl_tui.screens.footer import KeysLine
from cl_tui.screens.root import too_small
from cl_tui.screens.training import TrainingScreen, new_session
from engine.analysis.figures import PutBack
from engine.catalog.own_loop import OWN_LOOP
from engine.record.history import History
from engine.record.shown import Shown
from engine.sessions.listing import Listed, each_session
from engine.sessions.session import Session
from engine.settings.run import RunConfig
from engine.training.fork import forkable, forked_config

if TYPE_CHECKING:
    from cl_tui.panes.forgotten.found import Found

_BOUNDS = {
    "none": ("B", "what is forgotten without protection"),
    "joint": ("J", "what all data together reach"),
}
ANALYSIS = "engine.analysis.forgotten"
"""A module that loads torch."""
_ALWAYS = {"back", "explain"}
"""Keys that are no offers."""
_FORK = "Start a new session where the worst task had just been learned, with a remedy"


class CardScreen(TrainingScreen):
    """Of ``session``, which has ended. ``replay`` shows it from a step on; ``leave_with`` does what q does in the
    screen below, and prints some lines. ``read_only``: nothing is trained from here."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,R", "back", "All panes", tooltip="Show the panes"),
        Binding("F", "fork", "Fork", tooltip=_FORK, show=False),
        Binding("B", "run_bound('none')", "Baseline", tooltip="Run none with the same seed", show=False),
        Binding("J", "run_bound('joint')", "Bound", tooltip="Run joint with the same seed", show=False),
        Binding("c", "compare", "Compare", tooltip="Compare with other methods of the same seed", show=False),
        Binding("r", "replay", "Replay", tooltip="Replay it from the end of the worst task", show=False),
        Binding("L", "put_back", "Layers", tooltip="Put layers back to the end of the worst task, alone", show=False),
        Binding("a", "again", "Again", tooltip="Run the same with another seed", show=False),
        Binding("A", "analyse", "Analyse", tooltip="Analyse which layers moved, and what it cost", show=False),
        *keys(("i", "explain", "Explain", "What the numbers of the card are, and how they were measured")),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-too-narrow"), (32, "-wide-enough")]  # noqa: RUF012 (as Textual declares it)
    VERTICAL_BREAKPOINTS = [(0, "-too-low"), (18, "-high-enough")]  # noqa: RUF012 (as Textual declares it)
    AUTO_FOCUS = "CardPane"

    def __init__(
        self,
        session: Session,
        history: History,
        replay: Callable[[int], None],
        leave_with: Callable[[str], None],
        read_only: bool = False,
    ) -> None:
        super().__init__()
        self.session, self.history = session, history
        self._replay, self._leave_with = replay, leave_with
        self._read_only = read_only
        self.card: Card | None = None
        self._forgotten: Found | None = None
        self._shown: Shown | None = None
        self._back: PutBack | None = None
        """What each layer alone brings back of the worst task, if that was asked for."""

    @property
    def words(self) -> str:
        """The card in print."""
        return "\n".join(self.card.lines()) if self.card else ""

    def compose(self) -> ComposeResult:
        yield Static(id="title", markup=False)
        yield CardPane()
        yield Notice()
        yield KeysLine()
        yield too_small("the card", 32, 18)

    def on_mount(self) -> None:
        self._show(card(self.session.name, self.session.config, self.history, ()), None, None)
        self.read()

    def on_screen_resume(self) -> None:
        """A run that was started from here may have ended."""
        if self.card is not None:
            self.read()

    @work(exclusive=True)
    async def read(self) -> None:
        """Reads the other sessions of the folder, and what was forgotten."""
        self._show(*await run_in_background(self, self._read))

    def _read(self) -> "tuple[Card, Found | None, Shown | None]":
        from cl_tui.panes.forgotten import worst
        from cl_tui.panes.forgotten.found import find

        others: list[Listed] = []
        with contextlib.suppress(OSError):  # the card then shows the run alone
            others = list(each_session(self._folder))
        made = card(self.session.name, self.session.config, self.history, others)
        shown = Shown.read(self.session.path)
        if shown is None or made.worst is None:
            return made, None, None
        task, found = made.worst.number - 1, find(self.history, shown, None)
        told = worst.sentences(found, task, [info.name for info in self.history.tasks])
        if self._back is not None:
            told += worst.brought_back(self._back, made.worst.learned, made.score)
        return replace(made, told=tuple(told)), found, shown

    @property
    def _folder(self) -> Path:
        return self.session.path.parent

    def _show(self, found: Card, forgotten: "Found | None", shown: Shown | None) -> None:
        self.card, self._forgotten, self._shown = found, forgotten, shown
        title = f"{found.title}   {found.benchmark}"
        width = self.size.width - 2 - len(title)
        self.query_one("#title", Static).update(f"{title}{f'✔ {found.finished}':>{max(width, 2)}}")
        self.query_one(CardPane).show_card(found, self.offers(found), forgotten, shown)
        self.refresh_bindings()

    def on_resize(self) -> None:
        if self.card is not None:
            self._show(self.card, self._forgotten, self._shown)

    # What can be done next

    def offers(self, found: Card) -> list[Offer]:
        """The most useful first."""
        trains = not self._read_only and self.session.config.benchmark != OWN_LOOP
        offers = []
        if trains:
            offers += [
                Offer(key, f"run_bound('{method}')", f"Run {method} with the same seed: {why}")
                for method, (key, why) in _BOUNDS.items()
                if method in found.missing
            ]
            if found.remedy is not None and found.remedy.fork in forkable(self.session, self.history):
                offers.append(Offer("F", "fork", fork_title(found.remedy)))
        if others := same_seed(found):
            named = [peer.title for peer in found.peers if peer.same][:4]
            rest = f" and {len(others) - 4} more" if len(others) > 4 else ""
            offers.append(Offer("c", "compare", f"Compare with {_listed(named)}{rest} of the same seed"))
        if found.worst is not None:
            offers.append(Offer("r", "replay", f"Replay from the end of task {found.worst.number}: see it turn"))
        if trains:
            offers.append(Offer("a", "again", f"Again with seed {self._next_seed(found)}"))
            if found.worst is not None and found.told and self._back is None:
                offers.append(Offer("L", "put_back", "Which layer did it: put layers back one at a time"))
            if found.tasks:
                offers.append(Offer("A", "analyse", "Analyse: which layers moved, and what it cost"))
        if not self._read_only:
            offers.append(Offer("S", "app.share", "Share: this card, the run as a film, or a page that replays itself"))
        return offers

    @staticmethod
    def _next_seed(found: Card) -> int:
        return max(found.own.seeds) + 1

    @property
    def refused(self) -> frozenset[str]:
        """What is not offered."""
        offered = {offer.action for offer in self.query_one(CardPane).offers} if self.is_mounted else set()
        own = {binding.action for binding in Binding.make_bindings(self.BINDINGS)} - _ALWAYS
        return super().refused | (own - offered)

    async def on_card_pane_chosen(self, message: CardPane.Chosen) -> None:
        await self.run_action(message.offer.action)

    def _may(self, action: str, why: str) -> bool:
        """Whether ``action`` is offered; if not, says ``why``."""
        if action in self.refused:
            self.reply(why)
        return action not in self.refused

    def action_back(self) -> None:
        self.dismiss(ExitStatus(0, ""))

    def action_explain(self) -> None:
        from cl_tui.panes.numbers import of_card
        from cl_tui.screens.explain import ExplainDialog

        if self.card and (found := of_card(self.card, self.history)):
            self.app.push_screen(ExplainDialog("the card", found))
        else:
            self.reply("There are no numbers: no task has ended")

    def action_replay(self) -> None:
        if self._may("replay", "No task has lost anything: Esc shows the panes") and self.card and self.card.worst:
            self._replay(self.history.starts[self.card.worst.number])

    def action_compare(self) -> None:
        if self.card and self._may("compare", "No session of another method has this seed"):
            from cl_tui.screens.compare import CompareScreen

            self.app.push_screen(CompareScreen(self._folder, [*same_seed(self.card), self.session.name]))

    def action_analyse(self) -> None:
        if self._may("analyse", "This session cannot be analysed here"):
            self.app.push_screen(AnalyseScreen(self.session))

    @work
    async def action_put_back(self) -> None:
        if not self._may("put_back", "There is no layer to put back, or it is known") or not self.card:
            return
        assert self.card.worst is not None
        where = (self._folder, self.session.name, self.card.worst.number - 1, len(self.history.matrix))
        doing = "Putting layers back, one at a time"
        found = await self.in_background(doing, partial(run_apart, f"{ANALYSIS}:put_back", *where))
        if found is not None:
            self._back = found
            self.read()

    def action_run_bound(self, method: str) -> None:
        if self._may(f"run_bound('{method}')", f"A run of {method} is there already, or nothing can be trained here"):
            self._train_new(partial(forked_config, self.session.config, {"method": method}))

    def action_again(self) -> None:
        if self.card and self._may("again", "Nothing can be trained here"):
            self._train_new(partial(self.session.config.changed, seed=self._next_seed(self.card)))

    @work
    async def action_fork(self) -> None:
        if not self._may("fork", "There is nothing to mend, or no task to fork at") or not self.card:
            return
        from cl_tui.screens.fork import ForkDialog

        remedy = self.card.remedy
        assert remedy is not None
        made = await self.app.push_screen_wait(
            ForkDialog(self.session, self.history, remedy.fork, remedy.method, remedy.strength)
        )
        if made is not None:
            self.train(made)

    @work
    async def _train_new(self, configure: Callable[[], RunConfig]) -> None:
        """Trains a new session beside this one."""
        made = await self.in_background("Preparing", lambda: new_session(self._folder, configure()))
        if made is not None:
            self.train(made, new=True)

    def leave(self) -> None:
        self._leave_with(self.words)


def _listed(names: list[str]) -> str:
    """
    >>> _listed(["none"]), _listed(["none", "ewc λ 1000", "mas λ 0.1"])
    ('none', 'none, ewc λ 1000 and mas λ 0.1')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
