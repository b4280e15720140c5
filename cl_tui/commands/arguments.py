"""What several commands take: sessions by name or path, files, folders; and how they are completed."""

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.catalog.choices import NAMES
from engine.catalog.options import WHERE
from engine.commands import command
from engine.disk import expanded
from engine.errors import ConfigError, EngineError
from engine.sessions.names import check_name, is_name
from engine.text import visible

if TYPE_CHECKING:
    from engine.sessions.listing import Listed


class UsageError(EngineError):
    """The command is not possible here, or not for that session."""

    exit_code = 2


def names_of(choice: str) -> Callable[[], list[str]]:
    """Completes an entry of the catalog."""
    return lambda: list(NAMES[choice])


def sessions(ctx: typer.Context) -> list[str]:
    """Completes a session. Leaves out names with characters that are special to a shell."""
    given = ctx.params.get("sessions_dir") or os.environ.get("CL_TUI_SESSIONS_DIR") or "sessions"
    with contextlib.suppress(ConfigError):
        folder = Path(expanded(str(given)))
        return sorted(filter(is_name, (path.parent.name for path in folder.glob("*/config.toml"))))
    return []


def file(path: Path | None) -> Path | None:
    """A file or folder given as an option."""
    return path and Path(expanded(str(path)))


def showable(path: Path) -> Path:
    """A folder that appears in screens, tables and commands to type."""
    path = Path(expanded(str(path)))
    if visible(str(path)) != str(path):
        raise typer.BadParameter(f"{str(path)!r} has characters that cannot be shown: rename it")
    return path


def where(help: str, *flags: str, **more: Any) -> Any:
    """An option in help's panel WHERE."""
    return typer.Option(*flags, help=help, rich_help_panel=WHERE, **more)


def file_option(help: str, metavar: str = "FILE", panel: str | None = None) -> Any:
    """A file or folder to read or write."""
    return typer.Option(help=help, callback=file, metavar=metavar, rich_help_panel=panel)


def json_option(help: str, panel: str | None = None) -> Any:
    """--json FILE, which may be the standard output."""
    return file_option(f"{help} - prints it, and then the table goes to standard error.", panel=panel)


Name = Annotated[str, typer.Argument(metavar="SESSION", autocompletion=sessions)]
Names = Annotated[list[str], typer.Argument(metavar="SESSION", autocompletion=sessions)]
Filter = Annotated[
    str | None,
    typer.Option("--filter", help="Only sessions that fit, such as 'method:si acc>95 tag:paper'.", metavar="FILTER"),
]
SessionsDir = Annotated[Path, where("Folder of the saved sessions.", envvar="CL_TUI_SESSIONS_DIR", callback=showable)]


def filter_by(text: str, found: "Sequence[Listed]") -> "list[Listed]":
    """Those of the sessions ``found`` that fit a filter. Raises UsageError if it is not understood."""
    from cl_tui.reports.filter import understood

    wanted = understood(text)
    if wanted.problem:
        raise UsageError(f"--filter {wanted.problem}")
    return [listed for listed in found if wanted.accepts(listed)]


def located_all(sessions_dir: Path, names: Sequence[str]) -> tuple[Path, list[str]]:
    """These sessions' folder, and their names; SESSION may be any spelling of a session's path. Raises UsageError."""
    paths = [_session_path(sessions_dir, name) for name in names]
    folders = {path.parent.resolve(): path.parent for path in paths}
    if sessions_dir.resolve() in folders:
        folders[sessions_dir.resolve()] = sessions_dir
    if len(folders) > 1:
        several = visible(" and ".join(map(str, folders.values())))
        raise UsageError(f"the sessions are in different folders, {several}: name sessions from one folder")
    return next(iter(folders.values()), sessions_dir), [path.name for path in paths]


def _session_path(sessions_dir: Path, name: str) -> Path:
    if name not in (".", "..") and not any(separator in name for separator in (os.sep, os.altsep) if separator):
        return sessions_dir / check_name(name)
    path = Path(expanded(name))
    if path.name in ("", ".."):
        path = path.resolve()
    found = [place for place in (sessions_dir / path, path) if (place / "config.toml").is_file()]
    if not found:
        there = command("sessions list", sessions_dir)
        raise UsageError(f"{visible(name)} is not a session: '{there}' shows what is there")
    return found[0]


def located(sessions_dir: Path, name: str) -> tuple[Path, str]:
    """Like ``located_all``, for one session."""
    folder, names = located_all(sessions_dir, [name])
    return folder, names[0]


def refuse_sessions_dir(ctx: typer.Context) -> None:
    """Raises UsageError if --sessions-dir stands before a command, which has its own."""
    source = ctx.get_parameter_source("sessions_dir")
    if source is not None and source.name == "COMMANDLINE":
        raise UsageError(f"write --sessions-dir after {ctx.invoked_subcommand}, not before it")
