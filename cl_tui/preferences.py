"""What a person has chosen about the screens, remembered from one start to the next in one small TOML file."""

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
    """The defaults are what a first start shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    theme: str | None = None
    """None: the one that suits the terminal."""
    charts: Literal["auto", "braille", "ascii"] = "auto"
    y: Literal["auto", "log", "linear"] = "auto"
    """Of the curves; auto: logarithmic where they span more than two decades."""
    x: Literal["steps", "epochs", "seconds"] = "steps"
    smoothing: float = Field(default=0.0, ge=0.0, lt=1.0, allow_inf_nan=False)


def folder() -> Path:
    """Where preferences lie: CL_TUI_CONFIG_DIR, or else the system's place for them."""
    chosen = os.environ.get("CL_TUI_CONFIG_DIR")
    return Path(expanded(chosen)) if chosen else platformdirs.user_config_path("cl-tui", appauthor=False)


def in_browser() -> bool:
    """Whether textual-serve runs this for a page, from which nothing is changed."""
    return os.environ.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")


def load() -> tuple[Preferences, str]:
    """The preferences, and a sentence if they could not be read as they are, else ''.

    A file that is not understood is kept aside, so that this is told once.
    """
    path = folder() / FILE
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
        read.pop("zoomed", None)  # which was remembered once
        return Preferences.model_validate(read), ""
    except FileNotFoundError:
        return Preferences(), ""
    except OSError as error:
        return Preferences(), f"{path}: {error.strerror or error}: the screens are as on a first start"
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except ValueError as error:  # not TOML, or not UTF-8
        why = f"not TOML ({error})"
    where = "mend it or move it away"
    if not in_browser():
        with contextlib.suppress(OSError):
            path.replace(path.with_name(ASIDE))
            where = f"it is kept as {ASIDE}"
    return Preferences(), f"{path}: {why}: the screens are as on a first start, and {where}"


def save(preferences: Preferences) -> str:
    """Remembers what differs from a first start; a sentence if that cannot be, else ''.

    Written beside under a name of its own and renamed: of two programs that save at once the later wins, whole.
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
        return f"Preferences are not kept: {path}: {error.strerror or error}"
    return ""
