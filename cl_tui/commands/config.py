"""The command that shows and changes the preferences of the screens."""

import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from cl_tui.commands.arguments import UsageError
from engine.text import visible


def config(
    name: Annotated[
        str | None, typer.Argument(help="A preference, such as theme, keys.space or themes.mine.primary.")
    ] = None,
    value: Annotated[str | None, typer.Argument(help="Its new value.")] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Give it its default again.")] = False,
    keys: Annotated[bool, typer.Option("--keys", help="List every key and what it does.")] = False,
) -> None:
    """Show or change how the screens look, and which keys do what.

    The preferences are stored in a small file, which you can also edit. CL_TUI_CONFIG_DIR names another folder for it.

      cl-tui config theme okabe-ito-dark
      cl-tui config keys.down "down,j"            j goes down, too
      cl-tui config themes.mine.primary "#56b4e9" a theme of your own, named mine
    """
    from cl_tui.host import preferences
    from cl_tui.reports.output import console
    from cl_tui.reports.preferences_page import keys_page, preferences_page

    found, problem = preferences.load()
    if problem:
        print(problem, file=sys.stderr)
    if keys:
        from cl_tui.app.every_key import every_key

        console().print(keys_page(every_key(), found.keys))
    elif name is None:
        console().print(preferences_page(found, preferences.folder() / preferences.FILE))
    elif value is None and not reset:
        print(_shown(_at(found.model_dump(), name)))
    else:
        changed = _changed(found, name, None if reset else value)
        if complaint := preferences.save(changed):
            raise UsageError(complaint)
        print(f"{visible(name)} = {_shown(_at(changed.model_dump(), name)) if not reset else 'its default'}")


def _at(table: dict[str, Any], name: str) -> object:
    """The value of a dotted name. A name that a table of the user's own does not have is None."""
    from cl_tui.host.preferences import Preferences

    first, *rest = name.split(".")
    if first not in Preferences.model_fields or (rest and first not in ("keys", "themes")):
        raise UsageError(f"there is no preference '{visible(name)}': 'cl-tui config' lists them")
    found: Any = table[first]
    for part in _parts(first, rest):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _entry_of(first: str) -> str:
    examples = {"keys": "keys.space", "themes": "themes.mine.primary"}
    return f"name one of its entries, such as {examples[first]}" if first in examples else "the screens change it"


def _parts(first: str, rest: list[str]) -> list[str]:
    """A key may be a full stop."""
    return [".".join(rest) or "."] if first == "keys" and rest else rest


def _changed(found: Any, name: str, value: str | None) -> Any:
    from pydantic import ValidationError

    from cl_tui.host.preferences import Preferences

    table = found.model_dump(exclude_defaults=True)
    present = _at(found.model_dump(), name)
    first, *rest = name.split(".")
    *above, last = [first, *_parts(first, rest)]
    if isinstance(present, dict) and value is not None:
        raise UsageError(f"{visible(name)} is a table: {_entry_of(first)}")
    place: Any = table
    for part in above:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise UsageError(f"there is no preference '{visible(name)}': 'cl-tui config' lists them")
    if value is None:
        place.pop(last, None)
    else:
        place[last] = value.split(",") if isinstance(present, tuple) else value
    if name == "theme" and value is not None:
        _check_theme(value, found.themes)
    if name.startswith("keys.") and value is not None:
        _check_key(name.removeprefix("keys.") or ".")
    try:
        return Preferences.model_validate(table)
    except ValidationError as error:
        raise UsageError(
            f"{visible(name)} = {visible(value or '')}: {error.errors()[0]['msg'].removeprefix('Value error, ')}"
        ) from None


def _check_theme(name: str, own: Iterable[str]) -> None:
    from textual.theme import BUILTIN_THEMES

    from cl_tui.app.themes import THEMES

    known = sorted({*BUILTIN_THEMES, *own, *(theme.name for theme in THEMES)})
    if name not in known:
        raise UsageError(f"there is no theme '{visible(name)}'; there are {', '.join(known)}")


def _check_key(key: str) -> None:
    from cl_tui.app.every_key import every_key
    from cl_tui.app.keymap import named

    if named(key) not in {known for known, _, _ in every_key()}:
        raise UsageError(f"nothing is on the key '{visible(key)}': 'cl-tui config --keys' lists the keys")


def _shown(value: object) -> str:
    import tomli_w

    if isinstance(value, dict):
        return tomli_w.dumps({key: part for key, part in value.items() if part is not None}).strip() or "none"
    if isinstance(value, tuple):
        return ",".join(value) or "none"
    return "none" if value is None else str(value)
