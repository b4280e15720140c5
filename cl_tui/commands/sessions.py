"""The commands that list, show, export and delete sessions."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cl_tui.commands.arguments import (
    Filter,
    Name,
    Names,
    SessionsDir,
    UsageError,
    file_option,
    filter_by,
    located,
    located_all,
    refuse_sessions_dir,
)
from cl_tui.commands.options import TrustCode, check_code
from engine.catalog.own import file_and_name
from engine.commands import command
from engine.text import visible

if TYPE_CHECKING:
    from cl_tui.exports.export import OfNetwork


EndOf = Annotated[
    int | None,
    typer.Option(
        "--at-task",
        help="Network as it was at the end of this task.  [dim]\\[default: the newest checkpoint][/]",
        min=1,
    ),
]
Head = Annotated[
    int | None, typer.Option("--head", help="Network with the outputs of this task alone.", metavar="TASK", min=1)
]


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


def export(
    name: Name,
    html: Annotated[
        Path | None,
        file_option("A page for the browser and for printing; - prints it.  [dim]\\[default: SESSION.html][/]"),
    ] = None,
    json: Annotated[Path | None, file_option("Everything in one file; - prints it.")] = None,
    csv: Annotated[Path | None, file_option("Tables: curves, accuracies, probes, importances.", "DIR")] = None,
    tensorboard: Annotated[
        Path | None, file_option("An event file in DIR/SESSION, for tensorboard --logdir DIR.", "DIR")
    ] = None,
    weights: Annotated[
        Path | None, file_option("The network's weights as safetensors, for load_state_dict in plain PyTorch.")
    ] = None,
    onnx: Annotated[Path | None, file_option("The network for programs that read ONNX.")] = None,
    at_task: EndOf = None,
    head: Head = None,
    trust_code: TrustCode = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace existing files.")] = False,
    sessions_dir: SessionsDir = Path("sessions"),
) -> None:
    """Write a session as a page, as tables, as JSON, or for TensorBoard, or its network. Without an option, it writes a
    page.

    It also works while the session is training. CSV and JSON hold complete curves. For TensorBoard, each curve is cut
    into 10,000 pieces, and each piece is given by its lowest and its highest value.

    A file of weights also says, in its metadata, which outputs belong to which task and class.

    [bold]Examples[/]

      cl-tui sessions export calm-otter
      cl-tui sessions export calm-otter --html report.html --csv tables --force
      cl-tui sessions export calm-otter --weights otter.safetensors --at-task 2
    """
    from cl_tui.exports.export import Kind, OfNetwork, exports
    from cl_tui.reports.output import STDOUT
    from engine.sessions.listing import read_session
    from engine.sessions.session import session_path

    sessions_dir, name = located(sessions_dir, name)
    places: dict[Kind | OfNetwork, Path | None] = {"html": html, "json": json, "csv": csv, "tensorboard": tensorboard}
    places |= {"weights": weights, "onnx": onnx}
    wanted = {kind: path for kind, path in places.items() if path is not None} or {"html": Path(f"{name}.html")}
    for option, given in (("--at-task", at_task), ("--head", head)):
        if given is not None and weights is onnx is None:
            raise UsageError(f"{option} {given}: it chooses a network, so it needs --weights FILE or --onnx FILE")

    listed = read_session(sessions_dir, name)
    told = sys.stderr if STDOUT in wanted.values() else sys.stdout
    for written in exports(
        listed,
        session_path(sessions_dir, name),
        wanted,
        force,
        partial(_network, session_path(sessions_dir, name), at_task, head, trust_code),
    ):
        print(visible(f"wrote {written}"), file=told)


def _network(path: Path, at_task: int | None, head: int | None, trust: bool, kind: "OfNetwork") -> bytes:
    """The content of a file that holds the network of the session in ``path``."""
    from engine.sessions.session import Session
    from engine.training import weights_out

    session = Session.open(path.parent, path.name)
    if file_and_name(session.config.model):  # else none is run
        check_code(session.config, [], trust, f"the network of session {session.name}")
    trained = weights_out.trained_network(session, at_task, head)
    return weights_out.weights_file(trained) if kind == "weights" else weights_out.onnx_file(trained)


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
