"""All warnings of a run, each with its step, its cause, and what a key can do about it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from cl_tui.panes.as_of import as_of
from cl_tui.screens.dialogs import Dialog
from engine.catalog.methods import METHODS
from engine.record.alarm import Alarm, Cure
from engine.record.events import Warned
from engine.record.history import History
from engine.record.watchdog import alarms, fresh
from engine.settings.run import RunConfig
from engine.settings.text import shown


@dataclass(frozen=True)
class Told:
    """A warning, and what can be done about it now."""

    step: int
    text: str
    cures: tuple[Cure, ...] = ()


def told(history: History, config: RunConfig, may_steer: bool, forks: list[int]) -> list[Told]:
    """The warnings so far, the newest first. ``may_steer``: the strength can change now; ``forks``: the tasks at whose
    end a fork can begin."""
    current = alarms(history, config)
    found = [Told(history.step, alarm.text, _possible(alarm, may_steer, forks)) for alarm in fresh(history, config)]
    for warned in reversed(history.warnings):
        now = _same(warned, current)
        cures = _possible(now, may_steer, forks)
        if now is None or history.strength(config) != history.strength(config, warned.step):
            curve, strengths = history.curve.until(warned.step), history.strengths.until(warned.step - 1)
            known = replace(as_of(history, warned.step), curve=curve, strengths=strengths)
            then = _same(warned, alarms(known, config))  # its fork is the one that its text names
            cures = (*_possible(then, False, forks), *_possible(now, may_steer, []))
        found.append(Told(warned.step, warned.text, cures))
    return found


def _same(warned: Warned, found: Sequence[Alarm]) -> Alarm | None:
    return next((alarm for alarm in found if (alarm.name, alarm.task) == (warned.name, warned.task)), None)


def _possible(alarm: Alarm | None, may_steer: bool, forks: list[int]) -> tuple[Cure, ...]:
    cures = alarm.cures if alarm is not None else ()
    return tuple(cure for cure in cures if (may_steer if cure.fork is None else cure.fork in forks))


def words(cure: Cure, config: RunConfig) -> str:
    """What the remedy does."""
    symbol = METHODS[cure.method].symbol
    strength = f"{symbol} = {shown(cure.strength)}" if symbol and cure.strength is not None else ""
    if cure.fork is None:
        return f"{strength} from the next step on"
    method = cure.method if cure.method != config.method or not strength else ""
    return f"fork at the end of task {cure.fork + 1} with {' '.join(filter(None, (method, strength)))}"


class WarningsDialog(Dialog[Cure | None]):
    """Returns the remedy to apply, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,W,q", "dismiss(None)", "Close")]

    def __init__(self, found: list[Told], config: RunConfig) -> None:
        super().__init__(f"{len(found)} warning{'s' * (len(found) > 1)}, Enter applies a remedy")
        self._found, self._config = found, config
        self._cures: dict[str, Cure] = {}

    def content(self) -> ComposeResult:
        options: list[Option | None] = []
        for number, one in enumerate(self._found):
            if number:
                options.append(None)
            options.append(
                Option(Text.assemble(("▲ ", "bold"), (f"step {one.step:,}  ", "bold"), one.text), disabled=True)
            )
            for cure in one.cures:
                name = f"cure-{len(self._cures)}"
                self._cures[name] = cure
                options.append(Option(Text(f"  ⏎ {words(cure, self._config)}"), id=name))
            if not one.cures:
                options.append(Option(Text("  no key can mend it here", style="dim"), disabled=True))
        yield OptionList(*options)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._cures.get(event.option_id or ""))
