"""The command that writes a session into files: pages, tables, pictures and films, or its network."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cl_tui.commands.arguments import Name, SessionsDir, UsageError, file_option, located
from cl_tui.commands.options import TrustCode, check_code
from engine.catalog.own import file_and_name
from engine.text import visible

if TYPE_CHECKING:
    from cl_tui.exports.export import Made

HtmlFile = Annotated[
    Path | None, file_option("A page for the browser and for printing; - prints it.  [dim]\\[default: SESSION.html][/]")
]
JsonFile = Annotated[Path | None, file_option("Everything in one file; - prints it.")]
CsvFolder = Annotated[Path | None, file_option("Tables: curves, accuracies, probes, importances.", "DIR")]
EventFolder = Annotated[Path | None, file_option("An event file in DIR/SESSION, for tensorboard --logdir DIR.", "DIR")]
FilmPage = Annotated[Path | None, file_option("A page that replays itself, with the test examples it forgot.")]
PngFile = Annotated[Path | None, file_option("The monitor's screen at the end.")]
SvgFile = Annotated[Path | None, file_option("The same as a vector picture.")]
GifFile = Annotated[Path | None, file_option("The replay of the monitor's screen, as a film.")]
CastFile = Annotated[Path | None, file_option("The same film as text, for asciinema.")]
WeightsFile = Annotated[
    Path | None, file_option("The network's weights as safetensors, for load_state_dict in plain PyTorch.")
]
OnnxFile = Annotated[Path | None, file_option("The network for programs that read ONNX.")]
Size = Annotated[str, typer.Option(help="Columns and lines of the screen in pictures and films.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace existing files.")]
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


def export(
    name: Name,
    html: HtmlFile = None,
    json: JsonFile = None,
    csv: CsvFolder = None,
    tensorboard: EventFolder = None,
    film: FilmPage = None,
    png: PngFile = None,
    svg: SvgFile = None,
    gif: GifFile = None,
    cast: CastFile = None,
    size: Size = "120x36",
    weights: WeightsFile = None,
    onnx: OnnxFile = None,
    at_task: EndOf = None,
    head: Head = None,
    trust_code: TrustCode = False,
    force: Force = False,
    sessions_dir: SessionsDir = Path("sessions"),
) -> None:
    """Write a session as a page, as tables, as JSON, or for TensorBoard, as pictures and films of the monitor, or its
    network. Without an option, it writes a page.

    It also works while the session is training. CSV and JSON hold complete curves. For TensorBoard, each curve is cut
    into 10,000 pieces, and each piece is given by its lowest and its highest value.

    A file of weights also says, in its metadata, which outputs belong to which task and class.

    [bold]Examples[/]

      cl-tui sessions export calm-otter
      cl-tui sessions export calm-otter --html report.html --csv tables --force
      cl-tui sessions export calm-otter --weights otter.safetensors --at-task 2
    """
    from cl_tui.exports.export import Kind, Made, exports
    from cl_tui.reports.output import STDOUT
    from engine.sessions.listing import read_session
    from engine.sessions.session import session_path

    sessions_dir, name = located(sessions_dir, name)
    places: dict[Kind | Made, Path | None] = {"html": html, "json": json, "csv": csv, "tensorboard": tensorboard}
    places |= {"film": film, "weights": weights, "onnx": onnx, "png": png, "svg": svg, "gif": gif, "cast": cast}
    room = columns_and_lines(size)
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
        partial(_made, session_path(sessions_dir, name), at_task, head, trust_code, room),
    ):
        print(visible(f"wrote {written}"), file=told)


def columns_and_lines(size: str) -> tuple[int, int]:
    """
    >>> columns_and_lines("80x24")
    (80, 24)
    """
    columns, _, lines = size.partition("x")
    if not (columns.isdecimal() and lines.isdecimal() and 32 <= int(columns) <= 400 and 18 <= int(lines) <= 200):
        raise UsageError(f"--size {visible(size)}: give columns and lines, from 32x18 to 400x200, such as 120x36")
    return int(columns), int(lines)


def _made(path: Path, at_task: int | None, head: int | None, trust: bool, size: tuple[int, int], kind: "Made") -> bytes:
    """The content of a file of the session in ``path``: a picture of its screen, or its network."""
    if kind in ("png", "svg", "gif", "cast"):
        from cl_tui.app import film

        return film.made(path, kind, size)
    from engine.sessions.session import Session
    from engine.training import weights_out

    session = Session.open(path.parent, path.name)
    if file_and_name(session.config.model):  # else none is run
        check_code(session.config, [], trust, f"the network of session {session.name}")
    trained = weights_out.trained_network(session, at_task, head)
    return weights_out.weights_file(trained) if kind == "weights" else weights_out.onnx_file(trained)
