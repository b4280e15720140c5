"""k: three short futures of the run, from which one can become the present."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from cl_tui.panes.base import keys
from cl_tui.panes.fan import Fan, FanPane
from cl_tui.panes.header import HeaderLine
from cl_tui.panes.notice import Notice
from cl_tui.screens.footer import KeysLine
from cl_tui.screens.root import RootScreen, too_small
from cl_tui.screens.strength import StrengthDialog
from engine.catalog.choices import benchmark_info
from engine.training.futures import Ahead, Futures, strengths_around

if TYPE_CHECKING:
    from cl_tui.screens.monitor import MonitorScreen

POLL_SECONDS = 0.1
STEPS = (200, 500)
_CHOOSE = "Choose a future"


class FanScreen(RootScreen):
    """Holds training at its step while it is open. Training goes on when it closes, at the chosen strength or as if
    nothing had happened."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "choose(-1)", "Weaker", key_display="←", tooltip=_CHOOSE),
        Binding("right,down", "choose(1)", "Stronger", key_display="→", tooltip=_CHOOSE),
        Binding("enter", "take", "Make it the present", tooltip="Train on with the chosen strength; it is logged"),
        Binding("e", "enter", "Enter a value", tooltip="Enter a strength"),
        Binding("m", "longer", "500 steps", tooltip="Futures of 500 steps"),
        Binding("m", "shorter", "200 steps", tooltip="Futures of 200 steps"),
        Binding("w", "wide", "Up to × 100", tooltip="A future at a hundred times the strength, too"),
        Binding("w", "narrow", "Up to × 10", tooltip="No future at a hundred times the strength"),
        Binding("escape", "stay", "Keep", tooltip="Train on as if nothing had happened; nothing is logged"),
        *keys(("k", "stay", "Keep", "Train on as if nothing had happened; nothing is logged")),
    ]
    AUTO_FOCUS = "FanPane"
    HORIZONTAL_BREAKPOINTS = [(0, "-too-narrow"), (50, "-wide-enough")]  # noqa: RUF012 (as Textual declares it)
    VERTICAL_BREAKPOINTS = [(0, "-too-low"), (14, "-high-enough")]  # noqa: RUF012 (as Textual declares it)

    def __init__(self, monitor: "MonitorScreen", symbol: str, strength: float) -> None:
        super().__init__()
        self._monitor = monitor
        self._control = monitor.engine.control
        config = monitor.engine.session.config
        self._usual = benchmark_info(config.benchmark).strengths.get(config.method, config.strength)
        self.fan = Fan(symbol, present=strength, chosen=strength, steps=STEPS[0])
        self._wide = False
        self._agreed = False

    def compose(self) -> ComposeResult:
        yield HeaderLine()
        yield FanPane()
        yield Notice()
        yield KeysLine()
        yield too_small("the futures", 50, 14, "Esc keeps the strength.")

    def on_mount(self) -> None:
        self._ask()
        self.set_interval(POLL_SECONDS, self.poll)
        self.call_after_refresh(self.redraw)

    def on_resize(self) -> None:
        self.call_after_refresh(self.redraw)

    def _ask(self) -> None:
        around = strengths_around(self.fan.present, self._usual, self._wide)
        self._control.look_ahead(Ahead(around, self.fan.steps, self._agreed))
        chosen = self.fan.chosen if self.fan.chosen in around else self.fan.present
        self.fan = replace(self.fan, strengths=tuple(sorted(around)), chosen=chosen)

    def poll(self) -> None:
        engine = self._monitor.engine
        if not engine.alive or self._control.stopping:  # it has failed, or is told to end
            self._close()
            return
        now = self._control.activity
        begun = now == "looking ahead"
        fan = replace(self.fan, futures=self._control.futures if begun else Futures(), activity="" if begun else now)
        if fan != self.fan:
            self.fan = fan
            self.redraw()

    def redraw(self) -> None:
        view = replace(self._monitor.current_view(), paused=True)
        self.query_one(HeaderLine).show(view)
        pane = self.query_one(FanPane)
        pane.fan = self.fan
        pane.show(view)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        long = self.fan.steps == STEPS[1]
        offered = {"longer": not long, "shorter": long, "wide": not self._wide, "narrow": self._wide}
        return offered.get(action, True)

    def action_choose(self, by: int) -> None:
        strengths = self.fan.strengths
        place = strengths.index(self.fan.chosen) + by
        self.fan = replace(self.fan, chosen=strengths[min(max(place, 0), len(strengths) - 1)])
        self.redraw()

    def _ask_again(self) -> None:
        self._ask()
        self.refresh_bindings()
        self.redraw()

    def action_longer(self) -> None:
        self._change_steps(STEPS[1])

    def action_shorter(self) -> None:
        self._change_steps(STEPS[0])

    def _change_steps(self, steps: int) -> None:
        self.fan, self._agreed = replace(self.fan, steps=steps), False
        self._ask_again()

    def action_wide(self) -> None:
        self._wide = True
        self._ask_again()

    def action_narrow(self) -> None:
        self._wide = False
        self._ask_again()

    def action_take(self) -> None:
        """The first Enter agrees to a look ahead that takes long."""
        if self.fan.futures.waiting:
            self._agreed = True
            self._ask_again()
        elif self.fan.chosen == self.fan.present:
            self.action_stay()
        else:
            self._take(self.fan.chosen)

    def action_enter(self) -> None:
        self.app.push_screen(StrengthDialog(self.fan.symbol, self.fan.present), self._entered)

    def _entered(self, strength: float | None) -> None:
        if strength is not None:
            self._take(strength)

    def _take(self, strength: float) -> None:
        self._control.choose(strength)
        self._close()
        self._monitor.say_if_it_waits("The new strength applies")

    def action_stay(self) -> None:
        self._control.stay()
        self._close()
        self._monitor.reply(f"Nothing has changed: {self.fan.name(self.fan.present)}")

    def _close(self) -> None:
        if self.is_current:
            self.dismiss()

    def leave(self) -> None:
        """q: what q does in the monitor. A future that is in training is left at its next step."""
        while self.app.screen is not self:
            self.app.pop_screen()
        self._control.stay()
        self._close()
        self.app.call_later(self._monitor.leave)
