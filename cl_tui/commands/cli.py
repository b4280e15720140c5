"""The command line: parse, call, print. Commands import heavy modules themselves."""

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from cl_tui.commands import batch, cache, config, export, look, race, registries, sessions, train
from cl_tui.commands.arguments import refuse_sessions_dir, showable
from cl_tui.commands.help_pages import App
from cl_tui.commands.screen import no_screen, show_screen
from cl_tui.host.terminal import complain
from engine.errors import EngineError, of_the_system
from engine.text import visible

app = App(name="cl-tui", pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]})
sessions_app = App(help="List, show, export and delete the saved sessions.")
app.add_typer(sessions_app, name="sessions", rich_help_panel="Look")
for _command in (train.run, train.resume, train.fork, train.extend, race.race, batch.batch, batch.reproduce):
    app.command(rich_help_panel="Train")(_command)
for _command in (look.web, look.watch, look.compare, look.analyse):
    app.command(rich_help_panel="Look")(_command)
for _command in (registries.methods, registries.benchmarks, registries.presets, registries.models):
    app.command(rich_help_panel="Look")(_command)
for _command in (cache.cache, config.config):
    app.command(rich_help_panel="Look")(_command)
sessions_app.callback(invoke_without_command=True)(sessions.root)
sessions_app.command("list")(sessions.list_)
for _command in (sessions.show, export.export, sessions.delete):
    sessions_app.command()(_command)


def main() -> None:
    """The entry of the ``cl-tui`` command."""
    from cl_tui.host.ascii_filter import in_ascii

    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # for characters that the encoding lacks
    for name in ("SIGUSR1", "SIGUSR2"):  # requests for a checkpoint: they end nothing while nothing trains
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    with (
        contextlib.redirect_stdout(in_ascii(sys.stdout, os.environ)),
        contextlib.redirect_stderr(in_ascii(sys.stderr, os.environ)),
    ):
        _main()


def _main() -> None:
    try:
        sys.exit(app(prog_name="cl-tui", standalone_mode=False))
    except TyperException as error:  # for example, no such option
        from typer.rich_utils import rich_format_error

        from engine.settings.text import in_plain_words

        error.message = visible(in_plain_words(error.message))
        rich_format_error(error)  # type: ignore[arg-type]  # it expects Typer's private class
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit("Aborted.")
    except EngineError as error:
        complain(f"cl-tui: {error}")
        sys.exit(error.exit_code)
    except OSError as error:  # for example, a folder that may not be read
        complain(f"cl-tui: {of_the_system(error)}")
        sys.exit(1)


@app.callback(invoke_without_command=True)
def _root(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    sessions_dir: Annotated[
        Path, typer.Option(help="Folder of the saved sessions.", envvar="CL_TUI_SESSIONS_DIR", callback=showable)
    ] = Path("sessions"),
) -> None:
    """Train networks on one task after another, and see in the terminal what they forget and what protects them.

    Without a command, it shows the saved sessions, and you can start a run from there.

    To begin: [bold]cl-tui run --method si[/] needs no download.
    """
    if version:
        from importlib.metadata import version as installed

        print(f"cl-tui {installed('cl-tui')}")
    elif ctx.invoked_subcommand is not None:
        refuse_sessions_dir(ctx)
    elif not no_screen():
        from cl_tui.screens.home import HomeScreen

        raise typer.Exit(show_screen(HomeScreen(sessions_dir)))
    else:
        print(ctx.get_help())
