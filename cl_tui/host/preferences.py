"""The user's choices about the screens, remembered between starts in one small TOML file."""

import contextlib
import os
import tempfile
import tomllib
from pathlib import Path
from typing import Literal

import platformdirs
import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.disk import expanded

FILE = "preferences.toml"
ASIDE = "preferences.damaged.toml"


class Preferences(BaseModel):
    """The defaults are those of a first start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    theme: str | None = None
    """None: the theme that suits the terminal."""
    charts: Literal["auto", "braille", "ascii"] = "auto"
    y: Literal["auto", "log", "linear"] = "auto"
    """Scale of the curves; auto: logarithmic if they span more than two decades."""
    x: Literal["steps", "epochs", "seconds"] = "steps"
    smoothing: float = Field(default=0.0, ge=0.0, lt=1.0, allow_inf_nan=False)


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
        read.pop("zoomed", None)  # older versions stored it
        return Preferences.model_validate(read), ""
    except FileNotFoundError:
        return Preferences(), ""
    except OSError as error:
        return Preferences(), f"{path}: {error.strerror or error}: the screens use the defaults"
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
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
