"""A screen of panes, one of which can fill it."""

from typing import ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.events import Click, DescendantFocus
from textual.widget import Widget

from cl_tui.panes.base import Pane, keys
from cl_tui.screens.root import RootScreen

NOTHING_OPEN = "Nothing to leave; q quits"
_GO = "Go to the pane of this number; again: zoom it, or back"
_ZOOM = "Zoom the pane, or back (also: double click)"


class ZoomingScreen(RootScreen):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("z,enter", "zoom", "Zoom", tooltip=_ZOOM),
        Binding("z,enter", "unzoom", "All panes", tooltip=_ZOOM),
        *keys(
            ("n,tab", "next_pane(1)", "Next pane", "Next pane"),
            ("shift+tab", "next_pane(-1)", "Previous", "Previous pane"),
            ("i", "explain", "Explain", "What the numbers of the pane in focus are, and how they were measured"),
            *((str(number), f"go_to_pane({number})", f"Pane {number}", _GO) for number in range(1, 10)),
        ),
    ]
    ESCAPE_TO_MINIMIZE = False
    VERTICAL_BREAKPOINTS = [(0, "-too-low"), (18, "-low"), (22, "-high-enough"), (40, "-tall")]  # noqa: RUF012 (as Textual declares it)

    _focused_last: Pane | None = None

    @property
    def active_pane(self) -> Pane:
        """The pane that receives the keys."""
        return self.focused if isinstance(self.focused, Pane) else self._focused_last or self.query(Pane).first()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        if isinstance(event.widget, Pane):
            self._focused_last = event.widget

    def _watch_maximized(self, before: Widget | None, now: Widget | None) -> None:
        """Textual marks the screen, too, and finds the styles of all widgets again, which takes longer than drawing."""
        for widget in (before, now):
            if widget is not None:
                widget.set_class(widget is now, "-maximized")

    def on_resize(self) -> None:
        """A terminal that was too small took the focus away, because it hid the panes."""
        if self.focused is None and self._focused_last is not None and not self.query_one("#too-small").display:
            self.set_focus(self._focused_last)

    def step_out(self) -> None:
        """Esc when nothing is open: goes back to the screen below. Only q leaves the program."""
        if self.host.first is self:
            self.reply(NOTHING_OPEN)
        else:
            self.leave()

    def action_back(self) -> None:
        """Goes back one layer: what is open in the focused pane, the zoomed pane, the screen."""
        if isinstance(self.focused, Pane) and self.focused.back_out():
            return
        if self.maximized is not None:
            self.action_unzoom()
        else:
            self.step_out()

    def show_alone(self, pane: Pane | None) -> None:
        """Gives ``pane`` the whole screen; None shows all, with the focus on one that is seen."""
        if pane is None:
            if (shown := self.panes_in_place) and self.active_pane not in shown:
                self.set_focus(shown[0])
            self.minimize()
        else:
            self.maximize(pane)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """If two actions share a key, allows the one that makes sense now."""
        match action:
            case "zoom":
                return self.maximized is None
            case "unzoom":
                return self.maximized is not None
        return True

    def action_zoom(self) -> None:
        pane = self.active_pane
        self.set_focus(pane)
        self.show_alone(pane)

    def action_unzoom(self) -> None:
        self.show_alone(None)

    @property
    def panes_in_place(self) -> list[Pane]:
        """The panes that are seen if none is zoomed."""
        return list(self.query(Pane))

    def action_go_to_pane(self, number: int) -> None:
        """Gives the keys to the pane of this number, and the screen if the layout leaves it out. Again: zooms it, or
        back."""
        pane = next((pane for pane in self.query(Pane) if pane.number == number), None)
        if pane is None:
            self.reply(f"There is no pane {number}: they have numbers up to {len(self.query(Pane))}")
            return
        again = self.maximized is pane or (self.maximized is None and self.focused is pane)
        self.set_focus(pane)
        if again:
            self.show_alone(None if self.maximized is pane else pane)
        elif self.maximized is not None or pane not in self.panes_in_place:
            self.show_alone(pane)

    def action_explain(self) -> None:
        from cl_tui.screens.explain import ExplainDialog

        if found := self.active_pane.numbers():
            self.app.push_screen(ExplainDialog(self.active_pane.HELP_TITLE, found))
        else:
            self.reply("There are no numbers yet")

    def action_next_pane(self, direction: Literal[1, -1]) -> None:
        panes = self.panes_in_place if self.maximized is None else list(self.query(Pane))
        here = panes.index(self.focused) if self.focused in panes else -direction
        pane = panes[(here + direction) % len(panes)]
        if self.maximized is not None:
            self.show_alone(pane)
        self.set_focus(pane)

    def on_click(self, event: Click) -> None:
        if event.chain == 2 and isinstance(event.widget, Pane):
            self.set_focus(event.widget)
            self.show_alone(event.widget if self.maximized is None else None)
