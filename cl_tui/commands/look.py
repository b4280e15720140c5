"""The commands that show sessions: watch, compare, analyse, and web for a browser."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cl_tui.commands.arguments import (
    Filter,
    Names,
    SessionsDir,
    UsageError,
    filter_by,
    json_option,
    located,
    located_all,
    sessions,
    where,
)
from cl_tui.commands.options import TrustCode, Typed, check_code, takes_settings
from cl_tui.commands.screen import no_screen, require_terminal, show_screen
from engine.catalog.options import WHERE
from engine.commands import command
from engine.text import visible

WatchedName = Annotated[
    str | None,
    typer.Argument(
        metavar="SESSION", help="The session to watch; by default choose from a list.", autocompletion=sessions
    ),
]

AnyNames = Annotated[list[str] | None, typer.Argument(metavar="SESSION", autocompletion=sessions)]


def web(
    name: WatchedName = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any other than the default lets other machines in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535)] = 8000,
    public_url: Annotated[
        str | None, typer.Option(help="Address that browsers use, for example behind a proxy.", metavar="URL")
    ] = None,
    sessions_dir: SessionsDir = Path("sessions"),
) -> None:
    """Show the saved sessions in a browser and watch them there. Read-only.

    [bold]Examples[/]

      cl-tui web
      cl-tui web calm-otter --port 8080
    """
    from cl_tui.commands.web import serve
    from engine.sessions.session import Session

    if name is not None:
        sessions_dir, name = located(sessions_dir, name)
        Session.open(sessions_dir, name)
    watched = ["watch", *([name] if name else []), "--sessions-dir", str(sessions_dir.resolve())]
    serve(watched, host, port, public_url)


def watch(name: WatchedName = None, sessions_dir: SessionsDir = Path("sessions")) -> None:
    """Follow a session that is training in another process or on another machine, or replay a session. Read-only.

    [bold]Examples[/]

      cl-tui watch calm-otter
      cl-tui watch calm-otter --sessions-dir /mnt/shared/sessions
    """
    from cl_tui.host.preferences import in_browser
    from cl_tui.screens.home import HomeScreen
    from cl_tui.screens.watch import WatchScreen

    if name is not None:
        sessions_dir, name = located(sessions_dir, name)
    first = WatchScreen(sessions_dir, name, in_browser()) if name else HomeScreen(sessions_dir, read_only=True)
    if not in_browser():
        shows = command("sessions show", sessions_dir, name) if name else command("sessions list", sessions_dir)
        require_terminal(f"'{shows}' shows {'it' if name else 'them'} without one")
    raise typer.Exit(show_screen(first))


def compare(
    names: AnyNames = None,
    filter: Filter = None,
    plain: Annotated[bool, typer.Option("--plain", help="Print the comparison instead of opening the screen.")] = False,
    json: Annotated[
        Path | None, json_option("Print the comparison, and write it to this file, accuracies as fractions.")
    ] = None,
    sessions_dir: SessionsDir = Path("sessions"),
) -> None:
    """Compare sessions: their curves in one chart, differences in accuracy, and the settings that differ.

    Sessions that differ only in the seed form a group, shown as mean ± standard error. Without a terminal, the
    comparison is printed.

    [bold]Examples[/]

      cl-tui compare calm-otter brave-fox
      cl-tui compare sessions/si-* sessions/ewc-* --plain
      cl-tui compare --filter 'tag:paper lr:0.01'
    """
    from cl_tui.reports import comparison as comparing

    sessions_dir, names = located_all(sessions_dir, names or [])
    if filter:
        from engine.sessions.listing import list_sessions

        fitting = [of.name for of in filter_by(filter, list_sessions(sessions_dir)) if of.state != "damaged"]
        names = [*names, *(name for name in fitting if name not in names)]
        if len(names) < 2:
            fits = f"only {fitting[0]}" if fitting else "no session"
            raise UsageError(f"--filter {visible(filter)}: {fits} in {sessions_dir} fits, and a comparison needs two")
    comparing.check(sessions_dir, names)
    if not plain and json is None and not no_screen():
        from cl_tui.screens.compare import CompareScreen

        raise typer.Exit(show_screen(CompareScreen(sessions_dir, names)))
    from cl_tui.reports import output
    from cl_tui.reports.compare_page import page
    from cl_tui.reports.session_page import PAPER_WIDTH

    output.check_writable(json)
    found = comparing.compare(comparing.read(sessions_dir, name) for name in names)
    console = output.console(stderr=json == output.STDOUT, piped=PAPER_WIDTH)
    console.print(page(found, console.width))
    output.write_json(json, found.as_dict())


@takes_settings(
    {
        "device": "auto, or cpu if the session was trained on it",
        "data_dir": "the session's",
        "code_dir": "the session's",
    }
)
def analyse(
    *,
    names: Names,
    examples: Annotated[
        int, where("Maximum number of examples of each task to measure on.", metavar="N", min=1)
    ] = 2000,
    typed: Typed,
    trust_code: TrustCode = False,
    sessions_dir: SessionsDir = Path("sessions"),
    json: Annotated[Path | None, json_option("Write all figures to this file, one entry per session.", WHERE)] = None,
) -> None:
    """Show what a session's method did: whether it works, and where the forgetting comes from.

    Correlation between the tasks' importances; agreement of Ω, the Fisher diagonal and MAS's Ω at the same weights;
    distribution of Ω; which layers moved, and what that cost. The session must have completed at least one task.

    [bold]Examples[/]

      cl-tui analyse calm-otter
      cl-tui analyse calm-otter brave-fox --examples 500 --json analysis.json
    """
    from cl_tui.reports import output
    from cl_tui.reports.analysis_page import analysis_page, told_on
    from engine.sessions.session import Session
    from engine.settings.run import moved
    from engine.streams.files import prepare

    sessions_dir, names = located_all(sessions_dir, names)
    opened = [Session.open(sessions_dir, name) for name in names]  # report a wrong name before measuring anything
    output.check_writable(json)
    console = output.console(stderr=json == output.STDOUT)
    entries = []
    for number, session in enumerate(opened):
        anywhere = {} if session.config.device == "cpu" else {"device": "auto"}
        session.config = moved(session.config, anywhere | typed)
        check_code(session.config, [], trust_code, f"analysing session {session.name}")
        prepare(session.config.benchmark, Path(session.config.data_dir))
        with told_on(output.console(stderr=True), session.name) as tell:
            tell("loading PyTorch")
            from engine.analysis.measure import analyse as analyse_session

            found = analyse_session(session, examples, tell)
        if number:
            console.print()
        console.print(analysis_page(found, session.config, console.width))
        entries.append(asdict(found))
    output.write_json(json, entries)
