"""The commands that list, show and delete sessions."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cl_tui.commands.arguments import (
    Filter,
    Name,
    Names,
    SessionsDir,
    UsageError,
    filter_by,
    located,
    located_all,
    refuse_sessions_dir,
)
from engine.commands import command
from engine.text import visible


def root(ctx: typer.Context, sessions_dir: SessionsDir = Path("sessions")) -> None:
    """List, show, export and delete the saved sessions. Without a command, it lists them."""
    if ctx.invoked_subcommand is None:
        list_(sessions_dir=sessions_dir)
    refuse_sessions_dir(ctx)


def list_(filter: Filter = None, sessions_dir: SessionsDir = Path("sessions")) -> None:
    """List the saved sessions, newest first."""
    from cl_tui.reports import output, tables
    from engine.sessions.listing import list_sessions

    found = list_sessions(sessions_dir)
    shown = list(filter_by(filter, found)) if filter else found
    if shown:
        console = output.console()
        console.print(tables.sessions_table(shown, console.width))
    elif found:
        print(visible(f"none of the {len(found)} sessions in {sessions_dir} fits {filter}"))
    else:
        print(f"no sessions in {sessions_dir}: '{command('run', sessions_dir)}' starts one")


def show(
    name: Name,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Show all settings, not only the changed ones.")
    ] = False,
    sessions_dir: SessionsDir = Path("sessions"),
) -> None:
    """Show one session: result, changed settings, accuracy matrix, curves, importances, and commands to use next."""
    from cl_tui.reports import output, session_facts
    from cl_tui.reports.session_page import PAPER_WIDTH, session_page
    from engine.sessions.listing import read_session

    sessions_dir, name = located(sessions_dir, name)
    listed = read_session(sessions_dir, name)
    if listed.state == "damaged":
        print(session_facts.result(listed))
        return
    console = output.console(piped=PAPER_WIDTH)
    console.print(session_page(listed, sessions_dir, console.width, everything))


def delete(
    names: Names,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
    sessions_dir: SessionsDir = Path("sessions"),
) -> None:
    """Delete sessions that are not being trained."""
    from engine.sessions.folders import delete_session
    from engine.sessions.listing import read_session

    sessions_dir, names = located_all(sessions_dir, names)
    for name in names:
        read_session(sessions_dir, name)  # report a wrong name before anything is deleted
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "deleting needs a confirmation, but this is not a terminal: add --yes to delete without asking"
            )
        typer.confirm(f"Delete {', '.join(names)} from {sessions_dir}?", abort=True)
    for name in dict.fromkeys(names):
        delete_session(sessions_dir, name)
        print(f"deleted {name}")
