"""The user's choices about the screens, remembered between starts in one small TOML file."""

import contextlib
import os
import re
import tempfile
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
import tomli_w
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from engine.disk import expanded
from engine.text import visible

FILE = "preferences.toml"
ASIDE = "preferences.damaged.toml"
LONGEST_NAME = 100


def _colour(text: str) -> str:
    if not re.fullmatch("#[0-9a-fA-F]{6}", text):
        raise ValueError(f"{visible(text)} is not a colour; write one as #56b4e9")
    return text


Colour = Annotated[str, AfterValidator(_colour)]


class OwnTheme(BaseModel):
    """Colours of the user's own; the others are those of a theme that suits every kind of colour vision."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dark: bool = True
    primary: Colour | None = None
    secondary: Colour | None = None
    accent: Colour | None = None
    success: Colour | None = None
    warning: Colour | None = None
    error: Colour | None = None
    foreground: Colour | None = None
    background: Colour | None = None
    surface: Colour | None = None
    panel: Colour | None = None


Share = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]


class OwnColumn(BaseModel):
    """A column of a layout of the user's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: Share
    panes: Annotated[dict[str, Share], Field(min_length=1, max_length=20)]


class Preferences(BaseModel):
    """The defaults are those of a first start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    theme: str | None = None
    """Colours; auto: those that suit the terminal."""
    charts: Literal["auto", "braille", "ascii"] = "auto"
    """Characters; auto: ASCII where the terminal has no others."""
    y: Literal["auto", "log", "linear"] = "auto"
    """Scale of the curves; auto: logarithmic if they span more than two decades."""
    x: Literal["steps", "epochs", "seconds"] = "steps"
    """Unit of the time axis."""
    curves: Literal["mean", "raw"] = "mean"
    """The loss as its mean with a band of 80 % of its values, or from its smallest to its largest value."""
    home_columns: tuple[str, ...] = ()
    """Columns of the table of sessions; none: the usual ones."""
    layout_of: dict[str, str] = {}
    """The layout of each benchmark, where it is not chosen by the terminal's width."""
    layouts: dict[str, Annotated[tuple[OwnColumn, ...], Field(min_length=1, max_length=10)]] = {}
    """Layouts of the user's own, by their names: columns with their panes, each with its share of the room."""
    keys: dict[str, Annotated[str, Field(min_length=1)]] = {}
    """Which keys do what another does."""
    themes: dict[str, OwnTheme] = {}
    """Themes of the user's own, by their names."""

    @field_validator("themes", "layouts", "layout_of")
    @classmethod
    def _names(cls, named: dict[str, Any]) -> dict[str, Any]:
        for name in named:
            if not name.strip() or _odd(name):
                raise ValueError(f"'{visible(name)}' is no name; write up to {LONGEST_NAME} letters and digits")
        return named

    @field_validator("keys")
    @classmethod
    def _each_once(cls, keys: dict[str, str]) -> dict[str, str]:
        given = [key.strip() for own in keys.values() for key in own.split(",")]
        for key in (*keys, *given):
            if not key.strip() or "," in key or _odd(key):
                raise ValueError(f"'{visible(key)}' is no key; write one as j, f5, ctrl+k or comma")
        if twice := sorted({key for key in given if given.count(key) > 1}):
            raise ValueError(f"{twice[0]} would do two things; give one of them another key")
        return keys


def _odd(name: str) -> bool:
    """Whether ``name`` cannot be shown as it is."""
    return visible(name) != name or len(name) > LONGEST_NAME


APPEARANCE = frozenset({"theme", "charts", "y", "x", "curves", "layout_of"})
"""What is reset at once: not what the user has made."""


def folder() -> Path:
    """The folder of the preferences: CL_TUI_CONFIG_DIR, or else the system's default."""
    chosen = os.environ.get("CL_TUI_CONFIG_DIR")
    return Path(expanded(chosen)) if chosen else platformdirs.user_config_path("cl-tui", appauthor=False)


def in_browser() -> bool:
    """Whether textual-serve runs this for a web page, where nothing can be changed."""
    return os.environ.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")


def load() -> tuple[Preferences, str]:
    """The preferences, and a sentence if the file could not be used, else ''.

    An invalid file is renamed and kept, so that this is reported once.
    """
    path = folder() / FILE
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
        for former in ("zoomed", "smoothing"):  # older versions stored them
            read.pop(former, None)
        return Preferences.model_validate(read), ""
    except FileNotFoundError:
        return Preferences(), ""
    except OSError as error:
        return Preferences(), f"{path}: {error.strerror or error}: the screens use the defaults"
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}"
    except ValueError as error:  # not TOML, or not UTF-8
        why = f"not TOML ({error})"
    where = "correct it or move it away"
    if not in_browser():
        with contextlib.suppress(OSError):
            path.replace(path.with_name(ASIDE))
            where = f"the file is kept as {ASIDE}"
    return Preferences(), f"{path}: {why}: the screens use the defaults, and {where}"


def save(preferences: Preferences) -> str:
    """Saves what differs from the defaults; returns a sentence if that fails, else ''.

    Writes a temporary file and renames it: if two programs save at once, the later one wins completely.
    """
    if in_browser():
        return ""
    path = folder() / FILE
    beside = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=".", suffix=".part", delete=False) as file:
            beside = Path(file.name)
            tomli_w.dump(preferences.model_dump(exclude_defaults=True), file)
        beside.replace(path)
    except OSError as error:
        if beside is not None:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
        return f"Preferences are not saved: {path}: {error.strerror or error}"
    return ""
