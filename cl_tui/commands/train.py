"""The commands that train one network: run, resume and fork."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cl_tui.commands.arguments import SessionsDir, UsageError, located, sessions, where
from cl_tui.commands.options import (
    Config,
    Headless,
    Set,
    TrustCode,
    Typed,
    below,
    check_code,
    takes_settings,
    typed_code,
)
from cl_tui.commands.screen import WITHOUT_SCREEN, require_terminal, tell, watch_training
from engine.commands import command

if TYPE_CHECKING:
    from engine.sessions.session import Session
    from engine.settings.run import RunConfig

STORED = dict.fromkeys(("device", "compile", "threads", "pace", "data_dir", "code_dir"), "the session's") | {
    "pace": None
}
"""What a stored session takes again, and where its default is from."""
Parent = Annotated[str, typer.Argument(metavar="SESSION", autocompletion=sessions)]
NewName = Annotated[str | None, where("Name of the new session.  [dim]\\[default: two random words][/]")]


@takes_settings()
def run(
    *,
    typed: Typed,
    sessions_dir: SessionsDir = Path("sessions"),
    name: NewName = None,
    without_screen: Headless = False,
    config: Config = None,
    assignments: Set = None,
    trust_code: TrustCode = False,
) -> None:
    """Train a network and watch it.

    [bold]Examples[/]

      cl-tui run --method si
      cl-tui run --method ewc --strength 5000 --scenario domain
      cl-tui run --benchmark split-mnist --method mas --hidden 400,400
      cl-tui run --preset vandeven-split-mnist --method si
      cl-tui run --config my.toml --set momentum=0.5 --pace max
      cl-tui run --method si --seed 3 --name third --headless
    """
    from cl_tui.batch.headless import discard_if_untrained
    from cl_tui.host.exit_status import INTERRUPTED
    from engine.sessions.names import free_name
    from engine.sessions.session import Session
    from engine.settings.layers import over
    from engine.settings.reading import parse_assignments
    from engine.settings.run import resolve

    pace = typed.pop("pace", None)
    file, given = below(config), over(typed, parse_assignments(assignments or []))
    settings = resolve(over(file, given))
    check_code(settings, typed_code(given, file), trust_code)
    speed = _ready(settings, pace, without_screen)
    session = Session.create(sessions_dir, free_name(sessions_dir) if name is None else name, settings)
    exit_code = _train(session, speed, without_screen)
    if exit_code not in (0, INTERRUPTED):
        discard_if_untrained(session)
    raise typer.Exit(exit_code)


@takes_settings(STORED)
def resume(
    *,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="SESSION",
            help="The session to resume; by default the newest unfinished one.",
            autocompletion=sessions,
        ),
    ] = None,
    without_screen: Headless = False,
    typed: Typed,
    importance_data: Annotated[
        str | None,
        where("Folder of the inputs that Ω is measured on.  [dim]\\[default: the session's][/]", metavar="DIR"),
    ] = None,
    trust_code: TrustCode = False,
    sessions_dir: SessionsDir = Path("sessions"),
) -> None:
    """Continue a stopped session.

    On the same device and with the same number of threads, the result is exactly as if it had not stopped.

    [bold]Examples[/]

      cl-tui resume
      cl-tui resume calm-otter --headless
      cl-tui resume from-the-cluster --device auto --data-dir ~/data
    """
    from engine.sessions.listing import newest_unfinished
    from engine.sessions.session import Session
    from engine.settings.run import moved

    session = newest_unfinished(sessions_dir) if name is None else Session.open(*located(sessions_dir, name))
    if session.finished:
        folder = session.path.parent
        raise UsageError(
            f"session {session.name} is finished: '{command('sessions show', folder, session.name)}' shows its result, "
            f"'{command('run', folder)}' starts a new one"
        )
    pace = typed.pop("pace", None)
    session.config = moved(session.config, typed | ({"importance_data": importance_data} if importance_data else {}))
    check_code(session.config, [], trust_code, f"session {session.name}")
    speed = _ready(session.config, pace, without_screen)
    raise typer.Exit(_train(session, speed, without_screen))


@takes_settings({"method": "the parent's", "strength": "the parent's, or the new method's own"} | STORED)
def fork(
    *,
    parent: Parent,
    at_task: Annotated[
        int, typer.Option("--at-task", help="Branch off at the end of this task, counted from 1.", min=1)
    ],
    typed: Typed,
    name: NewName = None,
    assignments: Set = None,
    without_screen: Headless = False,
    trust_code: TrustCode = False,
    sessions_dir: SessionsDir = Path("sessions"),
) -> None:
    """Start a new session from the end of a task of an existing session, with another method or strength.

    With the same method, a new strength also applies to the earlier tasks. Another method keeps the earlier penalty at
    its strength and adds its own.

    [bold]Examples[/]

      cl-tui fork calm-otter --at-task 2 --strength 10
      cl-tui fork calm-otter --at-task 1 --method ewc --name with-ewc --headless
    """
    from engine.sessions.names import free_name
    from engine.sessions.session import Session
    from engine.settings.layers import over
    from engine.settings.reading import parse_assignments
    from engine.training.fork import fork as forked
    from engine.training.fork import forked_config
    from engine.training.runner import device_problem

    sessions_dir, parent = located(sessions_dir, parent)
    opened = Session.open(sessions_dir, parent)
    pace = typed.pop("pace", None)
    changes = over(typed, parse_assignments(assignments or []))
    config = forked_config(opened.config, changes)
    check_code(config, [], trust_code, f"a fork of session {parent}")
    if problem := device_problem(config):
        raise UsageError(problem)
    speed = _ready(config, pace, without_screen)
    session = forked(opened, at_task - 1, free_name(sessions_dir) if name is None else name, changes)
    raise typer.Exit(_train(session, speed, without_screen))


@takes_settings(
    {"epochs": "the session's", "steps": "the session's", "strength": "the session's"}
    | STORED
    | {"data_dir": "the session's; of images, a folder with the new tasks"}
)
def extend(
    *,
    parent: Parent,
    tasks: Annotated[str | None, typer.Option("--tasks", help="How many tasks to add.", metavar="+N")] = None,
    typed: Typed,
    name: NewName = None,
    assignments: Set = None,
    without_screen: Headless = False,
    trust_code: TrustCode = False,
    sessions_dir: SessionsDir = Path("sessions"),
) -> None:
    """Start a new session that continues a finished one with tasks that it did not know.

    The network gets outputs for them: a head for each new task, or new classes; in the scenario domain, all tasks share
    the outputs. Earlier weights, importances and outputs keep their values, and the finished session stays as it is.

    [bold]Examples[/]

      cl-tui extend calm-otter --tasks +2
      cl-tui extend calm-otter --tasks +1 --epochs 5 --name longer --headless
      cl-tui extend my-photos --data-dir more-photos
    """
    from engine.sessions.names import free_name
    from engine.sessions.session import Session
    from engine.settings.layers import over
    from engine.settings.reading import parse_assignments
    from engine.training.extend import extend as extended
    from engine.training.extend import extended_config, more_tasks

    sessions_dir, parent = located(sessions_dir, parent)
    opened = Session.open(sessions_dir, parent)
    pace = typed.pop("pace", None)
    folder = typed.pop("data_dir", None) if opened.config.benchmark == "images" else None
    changes = over(typed, parse_assignments(assignments or []))
    config = extended_config(opened.config, None if tasks is None else more_tasks(tasks), changes, folder)
    check_code(config, [], trust_code, f"an extension of session {parent}")
    speed = _ready(config, pace, without_screen)
    session = extended(opened, config, free_name(sessions_dir) if name is None else name)
    raise typer.Exit(_train(session, speed, without_screen))


def _ready(config: "RunConfig", pace: str | None, without_screen: bool) -> float | None:
    """Checks that there are a screen and the data; returns the highest number of steps a second."""
    from engine.catalog.choices import benchmark_info
    from engine.streams.files import prepare
    from engine.training.control import typed_pace

    speed = typed_pace(pace, None if without_screen else benchmark_info(config.benchmark).watch_pace)
    if not without_screen:
        require_terminal(WITHOUT_SCREEN)
    prepare(config.benchmark, Path(config.data_dir))
    return speed


def _train(session: "Session", speed: float | None, without_screen: bool) -> int:
    """Returns the exit code."""
    if not without_screen:
        return watch_training(session, speed)
    from cl_tui.batch import headless
    from cl_tui.reports.output import console

    return tell(headless.train(session, speed, console(stderr=True)))
