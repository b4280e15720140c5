"""The keys of a screen: all of them for the help, by what they are for, and those that do something now."""

from collections.abc import Set as AbstractSet
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from cl_tui.panes.base import Pane
from cl_tui.screens.dialogs import Dialog
from cl_tui.screens.help import Section

PROGRAM = "Program"
VIEW = "View"


def declared(owner: type) -> list[Binding]:
    """The keys of ``owner``, then of its bases here (not Textual's), without those that a subclass declares again."""
    return [binding for _, binding in declared_by_class(owner)]


def declared_by_class(owner: type) -> list[tuple[type, Binding]]:
    found: list[tuple[type, Binding]] = []
    taken: set[str] = set()
    for base in owner.__mro__:
        if base.__module__.startswith("cl_tui."):
            own = [key for key in Binding.make_bindings(vars(base).get("BINDINGS", ())) if key.key not in taken]
            found += [(base, key) for key in own]
            taken |= {key.key for key in own}
            if not vars(base).get("_inherit_bindings", True):  # as Textual keeps inherit_bindings
                break
    return found


def sections(screen: Screen[object], app: type, focused: Pane | None, never: AbstractSet[str]) -> list[Section]:
    """The pane in focus, the screen's keys by what they are for (``KEYS_TITLE`` of the class that declares them), the
    program's, and then the other panes. Without the actions in ``never``."""
    own = declared_by_class(type(screen))
    taken = {key.key for _, key in own}
    panes = {type(pane): pane for pane in screen.query(Pane)}
    keys = {kind: declared(kind) for kind in panes}
    every = list(keys.values())
    shared = [key for key in every[0] if all(key in keys for keys in every)] if every else []
    titled: dict[str, list[Binding]] = {}
    for base, key in own:
        if key.action not in never:
            titled.setdefault(getattr(base, "KEYS_TITLE", VIEW), []).append(key)
    if shared:
        titled.setdefault(VIEW, []).extend(shared)
    titled[PROGRAM] = [key for key in declared(app) if key.key not in taken and key.action not in never]

    def of_pane(kind: type[Pane]) -> Section:
        rest = [key for key in keys[kind] if key not in shared]
        where = " (in focus)" if focused is not None and kind is type(focused) else ""
        words = panes[kind].how_to_read
        if where:
            words = "\n".join([words, *_terms(panes[kind])])
        return Section(f"{kind.HELP_TITLE}{where}", words, rest, first=bool(where))

    first = [of_pane(type(focused))] if focused is not None else []
    others = [of_pane(kind) for kind in panes if focused is None or kind is not type(focused)]
    return [*first, *(Section(title, "", keys) for title, keys in titled.items()), *others]


def _terms(pane: Pane) -> list[str]:
    """What the numbers of a pane are, a line each."""
    terms = dict.fromkeys(number.term for number in pane.numbers())
    return [f"{term.name}: {term.meaning}." for term in terms]


class Action(NamedTuple):
    key: str
    shown: str
    name: str
    does: str


def offered(screen: Screen[object], pane: Pane | None) -> list[Action]:
    """What the keys of ``pane``, or else of ``screen``, do now. Keys that do the same stand once."""
    nodes: list[DOMNode] = [screen] if pane is None else [pane, screen] if pane.WHOLE else [pane]
    found: dict[str, Action] = {}
    displays: dict[str, list[str]] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if active.node in nodes and active.enabled and binding.tooltip:
            shown = screen.app.get_key_display(binding)
            found.setdefault(binding.tooltip, Action(binding.key, shown, binding.description, binding.tooltip))
            others = displays.setdefault(binding.tooltip, [])
            displays[binding.tooltip] = [*(other for other in others if other not in shown), shown]
    return [action._replace(shown=_short(displays[action.does])) for action in found.values()]


def _short(displays: list[str]) -> str:
    """
    >>> _short(["←", "→"]), _short(["1", "2", "3"])
    ('← →', '1–3')
    """
    return " ".join(displays) if len(displays) < 3 else f"{displays[0]}–{displays[-1]}"


class ActionsDialog(Dialog[str | None]):
    """Returns the key of the chosen action, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "", "Do it"),
        Binding("escape,full_stop", "dismiss(None)", "Close"),
    ]

    def __init__(self, heading: str, actions: list[Action]) -> None:
        super().__init__(heading)
        self._actions = actions

    def content(self) -> ComposeResult:
        wide = max((len(action.shown) for action in self._actions), default=0)
        yield OptionList(
            *(
                Option(Content.assemble((f"{action.shown:<{wide}}  ", "bold"), Content(action.does)))
                for action in self._actions
            )
        )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._actions[event.option_index].key)
