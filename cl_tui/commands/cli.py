"""The command line: parse, call, print. Commands import heavy modules themselves."""

import contextlib
import os
import signal
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.exceptions import TyperException

from cl_tui.commands.help_pages import App
from cl_tui.host.terminal import complain, wrapped
from engine.commands import command
from engine.disk import expanded
from engine.errors import ConfigError, EngineError
from engine.sessions.names import is_name
from engine.text import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.screen import Screen
    from typer.core import TyperCommand

    from cl_tui.host.exit_status import ExitStatus
    from engine.catalog.presets import Preset as PresetInfo
    from engine.sessions.session import Session
    from engine.settings.run import RunConfig

app = App(name="cl-tui", pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]})
sessions_app = App(help="List, show, export and delete the saved sessions.")
app.add_typer(sessions_app, name="sessions", rich_help_panel="Look")


PATIENCE_SECONDS = 10.0
"""How long to wait for the engine after the screen broke."""
LAST_LINES = 20
"""How many printed lines are repeated after the screen broke."""
WITHOUT_SCREEN = "add --headless to train without one"


class UsageError(EngineError):
    """The command is not possible here, or not for that session."""

    exit_code = 2


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

        from engine.settings.run import in_plain_words

        error.message = visible(in_plain_words(error.message))
        rich_format_error(error)  # type: ignore[arg-type]  # it expects Typer's private class
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit("Aborted.")
    except EngineError as error:
        complain(f"cl-tui: {error}")
        sys.exit(error.exit_code)
    except OSError as error:  # for example, a folder that may not be read
        complain(visible(f"cl-tui: {error.filename or 'a file'}: {error.strerror or error}"))
        sys.exit(1)


# Completion


def _methods() -> list[str]:
    from engine.catalog.methods import METHODS

    return list(METHODS)


def _benchmarks() -> list[str]:
    from engine.catalog.benchmarks import BENCHMARKS

    return list(BENCHMARKS)


def _models() -> list[str]:
    from engine.catalog.models import MODELS

    return list(MODELS)


def _presets() -> list[str]:
    from engine.catalog.presets import PRESETS

    return list(PRESETS)


def _sessions(ctx: typer.Context) -> list[str]:
    """Leaves out names with characters that are special to a shell."""
    given = ctx.params.get("sessions_dir") or os.environ.get("CL_TUI_SESSIONS_DIR") or "sessions"
    with contextlib.suppress(ConfigError):
        folder = Path(expanded(str(given)))
        return sorted(filter(is_name, (path.parent.name for path in folder.glob("*/config.toml"))))
    return []


def _file(path: Path | None) -> Path | None:
    """A file or folder given as an option."""
    return path and Path(expanded(str(path)))


def _showable(path: Path) -> Path:
    """A folder that appears in screens, tables and commands to type."""
    path = Path(expanded(str(path)))
    if visible(str(path)) != str(path):
        raise typer.BadParameter(f"{str(path)!r} has characters that cannot be shown: rename it")
    return path


# Options, named as the fields of engine.settings.run.RunConfig

WHAT, TRAINING, METHOD, WHERE = "What to train", "Training", "Method", "Where and how"

BENCHMARK_HELP = "Sequence of tasks; [dim]cl-tui benchmarks[/] lists them.  [dim]\\[default: split-digits][/]"
METHODS_HELP = "How earlier tasks are protected; [dim]cl-tui methods[/] lists them."
METHOD_HELP = METHODS_HELP + "  [dim]\\[default: si][/]"
SCENARIO_HELP = "What the network is told at test time: task, domain or class."
STRENGTH_HELP = "c or λ, the penalty's factor."
JSON_HELP = " - prints it, and then the table goes to standard error."

Preset = Annotated[
    str | None,
    typer.Option(
        help="A published configuration, which other options override; [dim]cl-tui presets[/] lists them.",
        autocompletion=_presets,
        rich_help_panel=WHAT,
    ),
]
Tasks = Annotated[int | None, typer.Option(help="Number of tasks.", rich_help_panel=WHAT)]
Model = Annotated[
    str | None,
    typer.Option(help="The network; [dim]cl-tui models[/] lists them.", autocompletion=_models, rich_help_panel=WHAT),
]
Hidden = Annotated[str | None, typer.Option(help="Sizes of the hidden layers.", metavar="N,N,…", rich_help_panel=WHAT)]
Seed = Annotated[int | None, typer.Option(help="Random seed.  [dim]\\[default: 0][/]", rich_help_panel=WHAT)]
Epochs = Annotated[int | None, typer.Option(help="Passes over each task's data.", rich_help_panel=TRAINING)]
BatchSize = Annotated[int | None, typer.Option(help="Examples per step.", rich_help_panel=TRAINING)]
Lr = Annotated[float | None, typer.Option(help="Learning rate.", rich_help_panel=TRAINING)]
Optimizer = Annotated[str | None, typer.Option(help="adam, adamw or sgd.", rich_help_panel=TRAINING)]
Steps = Annotated[
    int | None, typer.Option(help="Optimizer steps per task, instead of epochs.", rich_help_panel=TRAINING)
]
ResetOptimizer = Annotated[
    bool | None,
    typer.Option(
        "--reset-optimizer/--keep-optimizer",
        help="Reset the optimizer at each task; --keep-optimizer keeps its state.",
        rich_help_panel=TRAINING,
    ),
]
Xi = Annotated[float | None, typer.Option(help="si: ξ, the damping.", rich_help_panel=METHOD)]
Gradient = Annotated[
    str | None,
    typer.Option(
        help="si: gradient of the task's loss (task), or of loss plus penalty (total).", rich_help_panel=METHOD
    ),
]
Clamp = Annotated[float | None, typer.Option(help="si: upper bound of Ω.", rich_help_panel=METHOD)]
Gamma = Annotated[
    float | None, typer.Option(help="ewc: γ of the online form, with one anchor.", rich_help_panel=METHOD)
]
Fisher = Annotated[str | None, typer.Option(help="ewc: exact, sampled, empirical or batched.", rich_help_panel=METHOD)]
FisherSamples = Annotated[
    int | None, typer.Option(help="ewc: number of examples to measure it on.", metavar="N", rich_help_panel=METHOD)
]
Sensitivity = Annotated[str | None, typer.Option(help="mas: global, local or batched.", rich_help_panel=METHOD)]
ImportanceData = Annotated[
    str | None,
    typer.Option(
        help="mas: inputs to measure Ω on: train, test, or a folder of images or .npy arrays "
        "(values 0 to 1; whole numbers 0 to 255).",
        metavar="DATA",
        rich_help_panel=METHOD,
    ),
]
Recompute = Annotated[
    bool | None,
    typer.Option(
        "--recompute/--accumulate",
        help="mas: measure Ω again on all tasks so far; --accumulate adds to the earlier Ω.",
        rich_help_panel=METHOD,
    ),
]
Half = Annotated[
    bool | None,
    typer.Option("--half/--whole", help="si, mas: halve the penalty; --whole does not.", rich_help_panel=METHOD),
]
LeaveAlone = Annotated[
    str | None,
    typer.Option(
        help="Unpenalised parameters, by name: '*.bias,head.*'.",
        metavar="PATTERN,…",
        rich_help_panel=METHOD,
    ),
]
Device = Annotated[
    str | None, typer.Option(help="auto, cpu, cuda or mps.  [dim]\\[default: auto][/]", rich_help_panel=WHERE)
]
Threads = Annotated[int | None, typer.Option(help="Number of PyTorch threads.", rich_help_panel=WHERE)]
DataDir = Annotated[
    str | None,
    typer.Option(
        help="Folder of the data sets; missing ones are downloaded.  [dim]\\[default: data][/]",
        metavar="DIR",
        rich_help_panel=WHERE,
    ),
]
KeepCheckpoints = Annotated[
    str | None,
    typer.Option(
        help="Checkpoints of ended tasks to keep, for fork and analyse: all, last, or a number.  "
        "[dim]\\[default: all][/]",
        metavar="all|last|N",
        rich_help_panel=WHERE,
    ),
]
StoredDevice = Annotated[
    str | None,
    typer.Option(help="auto, cpu, cuda or mps.  [dim]\\[default: the session's][/]", rich_help_panel=WHERE),
]
StoredThreads = Annotated[
    int | None,
    typer.Option(help="Number of PyTorch threads.  [dim]\\[default: the session's][/]", rich_help_panel=WHERE),
]
StoredImportanceData = Annotated[
    str | None,
    typer.Option(
        help="Folder of the inputs that Ω is measured on.  [dim]\\[default: the session's][/]",
        metavar="DIR",
        rich_help_panel=WHERE,
    ),
]
StoredDataDir = Annotated[
    str | None,
    typer.Option(
        help="Folder of the data sets; missing ones are downloaded.  [dim]\\[default: the session's][/]",
        metavar="DIR",
        rich_help_panel=WHERE,
    ),
]
Pace = Annotated[
    str | None,
    typer.Option(
        help="Maximum steps per second, or max; by default small benchmarks run in slow motion.",
        metavar="N|max",
        rich_help_panel=WHERE,
    ),
]
Headless = Annotated[bool, typer.Option("--headless", help="Run without the screen.", rich_help_panel=WHERE)]
SessionsDir = Annotated[
    Path,
    typer.Option(
        help="Folder of the saved sessions.", envvar="CL_TUI_SESSIONS_DIR", callback=_showable, rich_help_panel=WHERE
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        help="A file of settings; options override them.", callback=_file, metavar="FILE.toml", rich_help_panel=WHERE
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Any setting; overrides everything else. [dim]May be repeated.[/]",
        metavar="KEY=VALUE",
        rich_help_panel=WHERE,
    ),
]


# Training


@app.callback(invoke_without_command=True)
def _root(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    sessions_dir: Annotated[
        Path, typer.Option(help="Folder of the saved sessions.", envvar="CL_TUI_SESSIONS_DIR", callback=_showable)
    ] = Path("sessions"),
) -> None:
    """Train networks on one task after another, and see in the terminal what they forget and what protects them.

    Without a command, it shows the saved sessions, and you can start a run from there.

    To begin: [bold]cl-tui run --method si[/] needs no download.
    """
    source = ctx.get_parameter_source("sessions_dir")
    if version:
        from importlib.metadata import version as installed

        print(f"cl-tui {installed('cl-tui')}")
    elif ctx.invoked_subcommand is not None:
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(f"write --sessions-dir after {ctx.invoked_subcommand}, not before it")
    elif not _no_screen():
        raise typer.Exit(_home(sessions_dir))
    else:
        print(ctx.get_help())


def _home(sessions_dir: Path) -> int:
    """Shows the saved sessions; returns the exit code."""
    from cl_tui.screens.home import HomeScreen

    return _show(HomeScreen(sessions_dir))


@app.command(rich_help_panel="Train")
def run(
    ctx: typer.Context,
    method: Annotated[str | None, typer.Option(help=METHOD_HELP, autocompletion=_methods, rich_help_panel=WHAT)] = None,
    benchmark: Annotated[
        str | None, typer.Option(help=BENCHMARK_HELP, autocompletion=_benchmarks, rich_help_panel=WHAT)
    ] = None,
    scenario: Annotated[str | None, typer.Option(help=SCENARIO_HELP, rich_help_panel=WHAT)] = None,
    preset: Preset = None,
    tasks: Tasks = None,
    model: Model = None,
    hidden: Hidden = None,
    seed: Seed = None,
    epochs: Epochs = None,
    steps: Steps = None,
    batch_size: BatchSize = None,
    lr: Lr = None,
    optimizer: Optimizer = None,
    reset_optimizer: ResetOptimizer = None,
    strength: Annotated[float | None, typer.Option(help=STRENGTH_HELP, rich_help_panel=METHOD)] = None,
    xi: Xi = None,
    gradient: Gradient = None,
    clamp: Clamp = None,
    gamma: Gamma = None,
    fisher: Fisher = None,
    fisher_samples: FisherSamples = None,
    sensitivity: Sensitivity = None,
    importance_data: ImportanceData = None,
    recompute: Recompute = None,
    half: Half = None,
    leave_alone: LeaveAlone = None,
    device: Device = None,
    threads: Threads = None,
    pace: Pace = None,
    data_dir: DataDir = None,
    keep_checkpoints: KeepCheckpoints = None,
    sessions_dir: SessionsDir = Path("sessions"),
    name: Annotated[
        str | None,
        typer.Option(help="Name of the session.  [dim]\\[default: two random words][/]", rich_help_panel=WHERE),
    ] = None,
    without_screen: Headless = False,
    config: Config = None,
    assignments: Set = None,
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
    from cl_tui.batch import headless
    from cl_tui.host.exit_status import INTERRUPTED
    from cl_tui.reports import tables as report
    from engine.catalog.benchmarks import BENCHMARKS
    from engine.sessions.session import Session
    from engine.settings.run import resolve
    from engine.streams.files import prepare

    settings = resolve(_below(config) | _given(ctx) | _above(assignments))
    speed = _pace(pace, None if without_screen else BENCHMARKS[settings.benchmark].watch_pace)
    if not without_screen:
        _require_terminal(WITHOUT_SCREEN)
    prepare(settings.benchmark, Path(settings.data_dir))
    session = Session.create(sessions_dir, _name(name, sessions_dir), settings)
    if without_screen:
        exit_code = _tell(headless.train(session, speed, report.console(stderr=True)))
    else:
        exit_code = _watch(session, speed)
    if exit_code not in (0, INTERRUPTED):
        headless.discard_if_untrained(session)
    raise typer.Exit(exit_code)


@app.command(rich_help_panel="Train")
def resume(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="SESSION",
            help="The session to resume; by default the newest unfinished one.",
            autocompletion=_sessions,
        ),
    ] = None,
    without_screen: Headless = False,
    device: StoredDevice = None,
    threads: StoredThreads = None,
    pace: Pace = None,
    data_dir: StoredDataDir = None,
    importance_data: StoredImportanceData = None,
    sessions_dir: SessionsDir = Path("sessions"),
) -> None:
    """Continue a stopped session.

    On the same device and with the same number of threads, the result is exactly as if it had not stopped.

    [bold]Examples[/]

      cl-tui resume
      cl-tui resume calm-otter --headless
      cl-tui resume from-the-cluster --device auto --data-dir ~/data
    """
    from cl_tui.batch import headless
    from cl_tui.reports import tables as report
    from engine.catalog.benchmarks import BENCHMARKS
    from engine.sessions.listing import newest_unfinished
    from engine.sessions.session import Session
    from engine.settings.run import moved
    from engine.streams.files import prepare

    session = newest_unfinished(sessions_dir) if name is None else Session.open(*_located(sessions_dir, name))
    if session.finished:
        folder = session.path.parent
        raise UsageError(
            f"session {session.name} is finished: '{command('sessions show', folder, session.name)}' shows its result, "
            f"'{command('run', folder)}' starts a new one"
        )
    session.config = moved(session.config, _given(ctx))
    benchmark = BENCHMARKS[session.config.benchmark]
    speed = _pace(pace, None if without_screen else benchmark.watch_pace)
    if not without_screen:
        _require_terminal(WITHOUT_SCREEN)
    prepare(benchmark.name, Path(session.config.data_dir))
    if without_screen:
        raise typer.Exit(_tell(headless.train(session, speed, report.console(stderr=True))))
    raise typer.Exit(_watch(session, speed))


@app.command(rich_help_panel="Train")
def fork(
    ctx: typer.Context,
    parent: Annotated[str, typer.Argument(metavar="SESSION", autocompletion=_sessions)],
    at_task: Annotated[
        int, typer.Option("--at-task", help="Branch off at the end of this task, counted from 1.", min=1)
    ],
    method: Annotated[
        str | None,
        typer.Option(
            help=METHODS_HELP + "  [dim]\\[default: the parent's][/]", autocompletion=_methods, rich_help_panel=WHAT
        ),
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(
            help=STRENGTH_HELP + "  [dim]\\[default: the parent's, or the new method's own][/]", rich_help_panel=METHOD
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the new session.  [dim]\\[default: two random words][/]", rich_help_panel=WHERE),
    ] = None,
    assignments: Set = None,
    without_screen: Headless = False,
    device: StoredDevice = None,
    threads: StoredThreads = None,
    pace: Pace = None,
    data_dir: StoredDataDir = None,
    sessions_dir: SessionsDir = Path("sessions"),
) -> None:
    """Start a new session from the end of a task of an existing session, with another method or strength.

    With the same method, a new strength also applies to the earlier tasks. Another method keeps the earlier penalty at
    its strength and adds its own.

    [bold]Examples[/]

      cl-tui fork calm-otter --at-task 2 --strength 10
      cl-tui fork calm-otter --at-task 1 --method ewc --name with-ewc --headless
    """
    from cl_tui.batch import headless
    from cl_tui.reports import tables as report
    from engine.catalog.benchmarks import BENCHMARKS
    from engine.sessions.session import Session
    from engine.streams.files import prepare
    from engine.training.fork import fork as forked
    from engine.training.fork import forked_config
    from engine.training.runner import device_problem

    sessions_dir, parent = _located(sessions_dir, parent)
    opened = Session.open(sessions_dir, parent)
    benchmark = BENCHMARKS[opened.config.benchmark]
    speed = _pace(pace, None if without_screen else benchmark.watch_pace)
    if not without_screen:
        _require_terminal(WITHOUT_SCREEN)
    changes = _given(ctx) | _above(assignments)
    if problem := device_problem(forked_config(opened.config, changes)):
        raise UsageError(problem)
    prepare(benchmark.name, Path(changes.get("data_dir", opened.config.data_dir)))
    session = forked(opened, at_task - 1, _name(name, sessions_dir), changes)
    if without_screen:
        raise typer.Exit(_tell(headless.train(session, speed, report.console(stderr=True))))
    raise typer.Exit(_watch(session, speed))


@app.command(rich_help_panel="Train")
def batch(
    ctx: typer.Context,
    method: Annotated[
        list[str] | None,
        typer.Option(help=METHOD_HELP + " [dim]May be repeated.[/]", autocompletion=_methods, rich_help_panel=WHAT),
    ] = None,
    benchmark: Annotated[
        list[str] | None,
        typer.Option(
            help=BENCHMARK_HELP + " [dim]May be repeated.[/]", autocompletion=_benchmarks, rich_help_panel=WHAT
        ),
    ] = None,
    scenario: Annotated[
        list[str] | None, typer.Option(help=SCENARIO_HELP + " [dim]May be repeated.[/]", rich_help_panel=WHAT)
    ] = None,
    preset: Preset = None,
    tasks: Tasks = None,
    model: Model = None,
    hidden: Hidden = None,
    seed: Seed = None,
    seeds: Annotated[
        int, typer.Option(help="Number of seeds, starting with --seed.", min=1, max=10_000, rich_help_panel=WHAT)
    ] = 1,
    epochs: Epochs = None,
    steps: Steps = None,
    batch_size: BatchSize = None,
    lr: Lr = None,
    optimizer: Optimizer = None,
    reset_optimizer: ResetOptimizer = None,
    strength: Annotated[
        list[float] | None, typer.Option(help=STRENGTH_HELP + " [dim]May be repeated.[/]", rich_help_panel=METHOD)
    ] = None,
    xi: Xi = None,
    gradient: Gradient = None,
    clamp: Clamp = None,
    gamma: Gamma = None,
    fisher: Fisher = None,
    fisher_samples: FisherSamples = None,
    sensitivity: Sensitivity = None,
    importance_data: ImportanceData = None,
    recompute: Recompute = None,
    half: Half = None,
    leave_alone: LeaveAlone = None,
    device: Device = None,
    threads: Threads = None,
    jobs: Annotated[int, typer.Option(help="Number of runs at the same time.", min=1, rich_help_panel=WHERE)] = 1,
    data_dir: DataDir = None,
    keep_checkpoints: KeepCheckpoints = None,
    sessions_dir: SessionsDir = Path("sessions"),
    name: Annotated[
        str | None,
        typer.Option(
            help="Name of the session, if there is only one run.  [dim]\\[default: from its settings][/]",
            rich_help_panel=WHERE,
        ),
    ] = None,
    config: Config = None,
    assignments: Set = None,
    json: Annotated[
        Path | None,
        typer.Option(
            help="Write the results to this file, one entry per run." + JSON_HELP,
            callback=_file,
            metavar="FILE",
            rich_help_panel=WHERE,
        ),
    ] = None,
) -> None:
    """Train many networks without a screen, and compare them in a table.

    Each combination of methods, benchmarks, scenarios, strengths and seeds is a session. After an interruption, run the
    same command to continue: it skips finished sessions and resumes the others.

    [bold]Examples[/]

      cl-tui batch --method none --method si --seeds 3 --json results.json
      cl-tui batch --method si --strength 0.1 --strength 1 --jobs 2
    """
    from cl_tui.batch.pool import as_json, check_writable, data_needed, execute, named, plan, write_result
    from cl_tui.host.exit_status import INTERRUPTED
    from cl_tui.reports import tables as report
    from engine.streams.files import prepare

    below, given = _below(config), _given(ctx)
    axes: dict[str, Any] = {
        key: given.pop(key) for key in ("benchmark", "scenario", "method", "strength") if key in given
    }
    first_seed = given.pop("seed", below.get("seed", 0))
    axes["seed"] = [first_seed + number for number in range(seeds)] if isinstance(first_seed, int) else [first_seed]
    runs = plan(axes, below | given, _above(assignments), jobs)
    if name is not None:
        runs = named(runs, name)
    if json is not None:
        check_writable(json)
    for needed, folder in data_needed(runs, sessions_dir):
        prepare(needed, folder)

    outcome = execute(runs, sessions_dir, jobs, report.console(stderr=True))
    if outcome.summaries:
        console = report.console(stderr=json == report.STDOUT)
        console.print(report.results(outcome.summaries, console.width))
    if json is not None:
        write_result(json, as_json(outcome.summaries))
    for failed, message in outcome.failures.items():
        complain(f"cl-tui: {failed} failed: {message}")
    if outcome.interrupted:
        left = len(runs) - len(outcome.summaries)
        complain(f"stopped: {left} of {len(runs)} runs left; run the same command to continue")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(1 if outcome.failures else 0)


@app.command(rich_help_panel="Train")
def reproduce(
    names: Annotated[
        list[str], typer.Argument(metavar="PRESET", help="[dim]cl-tui presets[/] lists them.", autocompletion=_presets)
    ],
    seeds: Annotated[
        int | None,
        typer.Option(help="Number of seeds, starting with 0; by default the preset's own number.", min=1, max=10_000),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Number of runs at the same time; by default one per processor.", min=1)
    ] = None,
    device: Device = None,
    threads: Threads = None,
    data_dir: DataDir = None,
    sessions_dir: SessionsDir = Path("sessions"),
    json: Annotated[
        Path | None,
        typer.Option(
            help="Write the rows to this file, accuracies as fractions." + JSON_HELP, callback=_file, metavar="FILE"
        ),
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(help="Write the rows to this file as a Markdown page.", callback=_file, metavar="FILE"),
    ] = None,
) -> None:
    """Run published experiments again, and compare the results with the published values.

    Each row says "agrees", "differs" or "too few runs to tell", judged by the errors of both numbers, and how many
    seeds would tell. Below the table are the results of each seed.

    Each case and seed is a session, without a screen. After an interruption, run the same command to continue: it skips
    finished sessions and resumes the others.

    [bold]Examples[/]

      cl-tui reproduce mas-demo
      cl-tui reproduce vandeven-split-mnist --seeds 5 --markdown page.md
    """
    from dataclasses import asdict

    from cl_tui.batch import reproduce as again
    from cl_tui.batch.pool import as_json, check_writable, data_needed, execute, write_result
    from cl_tui.host.exit_status import INTERRUPTED
    from cl_tui.reports import tables as report
    from engine.streams.files import prepare

    chosen = [_preset(name) for name in dict.fromkeys(names)]
    at_a_time = jobs or os.cpu_count() or 1
    where = {"device": device, "threads": threads, "data_dir": data_dir}
    plans = [(preset, again.plan(preset, seeds or preset.seeds, where, at_a_time)) for preset in chosen]
    runs = [run for _, cases in plans for _, planned in cases for run in planned]
    if json == markdown == report.STDOUT:
        raise UsageError("only one of --json and --markdown can be -, the standard output: name a file for the other")
    for option, path in (("--json", json), ("--markdown", markdown)):
        if path is not None:
            check_writable(path, option)
    for needed, folder in data_needed(runs, sessions_dir):
        prepare(needed, folder)

    outcome = execute(runs, sessions_dir, at_a_time, report.console(stderr=True))
    found = {summary["name"]: summary for summary in outcome.summaries}
    tables = [
        (preset, [again.compare(preset, case, planned, found) for case, planned in cases]) for preset, cases in plans
    ]
    console = report.console(stderr=report.STDOUT in (json, markdown))
    for preset, rows in tables:
        console.print(again.table(preset, rows, console.width))
    if json is not None:
        write_result(json, as_json([asdict(row) for _, rows in tables for row in rows]))
    if markdown is not None:
        line = " ".join(
            ["cl-tui reproduce", *names, *(["--seeds", str(seeds)] if seeds else []), "--markdown", str(markdown)]
        )
        write_result(markdown, again.page(line, tables))
    for failed, message in outcome.failures.items():
        complain(f"cl-tui: {failed} failed: {message}")
    if outcome.interrupted:
        left = len(runs) - len(outcome.summaries)
        complain(f"stopped: {left} of {len(runs)} runs left; run the same command to continue")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(1 if outcome.failures else 0)


def _below(config: Path | None) -> dict[str, Any]:
    """The settings that options override."""
    from engine.settings.run import read_settings

    return {} if config is None else read_settings(config)


def _given(ctx: typer.Context) -> dict[str, Any]:
    """The settings given as options: these have the names of RunConfig's fields."""
    from engine.settings.run import LISTS, RunConfig, parse_list

    named = {key: value for key, value in ctx.params.items() if key in RunConfig.model_fields}
    given = {key: value for key, value in named.items() if value not in (None, (), [])}
    if given.get("keep_checkpoints", "").isdecimal():
        given["keep_checkpoints"] = int(given["keep_checkpoints"])
    return {key: parse_list(key, value) if key in LISTS else value for key, value in given.items()}


def _above(assignments: list[str] | None) -> dict[str, Any]:
    """The settings that override everything."""
    from engine.settings.run import parse_assignments

    return parse_assignments(assignments or [])


def wanted(arguments: "Sequence[str]") -> "tuple[RunConfig, float | None]":
    """What ``cl-tui run ARGUMENTS`` trains, and its highest number of steps a second. Raises ConfigError."""
    from engine.catalog.benchmarks import BENCHMARKS
    from engine.settings.run import in_plain_words, resolve

    try:
        ctx = cast(typer.Context, run_command().make_context("cl-tui run", list(arguments)))
    except TyperException as error:
        at_fault = getattr(getattr(error, "param", None), "name", None)
        raise ConfigError(in_plain_words(error.format_message()), at_fault or "") from None
    settings = resolve(_below(ctx.params["config"]) | _given(ctx) | _above(ctx.params["assignments"]))
    return settings, _pace(ctx.params["pace"], BENCHMARKS[settings.benchmark].watch_pace)


@cache
def run_command() -> "TyperCommand":
    """``cl-tui run`` with its options, as Typer represents it."""
    from typer.core import TyperCommand, TyperGroup

    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    found = group.commands["run"]
    assert isinstance(found, TyperCommand)
    return found


def _pace(text: str | None, default: float | None) -> float | None:
    """Steps a second; None is full speed. Raises ConfigError."""
    from engine.training.control import check_pace

    if text is None:
        return default
    if text == "max":
        return None
    try:
        pace = float(text)
    except ValueError:
        raise ConfigError(f"--pace {text!r}: give steps per second, or max", "pace") from None
    check_pace(pace)
    return pace


def _no_screen() -> str:
    """Why no screen can be shown here, or ''."""
    from cl_tui.host.terminal import unfit

    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        return "the screen needs a terminal"
    return unfit(os.environ)


def _require_terminal(instead: str) -> None:
    if why := _no_screen():
        raise UsageError(f"{why}: {instead}")


def _located_all(sessions_dir: Path, names: "Sequence[str]") -> tuple[Path, list[str]]:
    """The folder of these sessions, and their names. Raises UsageError.

    SESSION may also be any spelling of the path of a session's folder.
    """
    paths = [_session_path(sessions_dir, name) for name in names]
    folders = {path.parent.resolve(): path.parent for path in paths}
    if sessions_dir.resolve() in folders:
        folders[sessions_dir.resolve()] = sessions_dir
    if len(folders) > 1:
        several = visible(" and ".join(map(str, folders.values())))
        raise UsageError(f"the sessions are in different folders, {several}: name sessions from one folder")
    return next(iter(folders.values()), sessions_dir), [path.name for path in paths]


def _session_path(sessions_dir: Path, name: str) -> Path:
    from engine.sessions.names import check_name

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


def _located(sessions_dir: Path, name: str) -> tuple[Path, str]:
    """Like ``_located_all``, for one session."""
    folder, names = _located_all(sessions_dir, [name])
    return folder, names[0]


def _name(given: str | None, sessions_dir: Path) -> str:
    return free_name(sessions_dir) if given is None else given


def free_name(sessions_dir: Path) -> str:
    """Two words, such as calm-otter, that are not yet the name of a session there."""
    from coolname import generate_slug

    while (sessions_dir / (name := generate_slug(2))).exists():
        pass
    return name


def _watch(session: "Session", pace: float | None) -> int:
    """Trains with the screen; returns the exit code."""
    from cl_tui.screens.monitor import MonitorScreen
    from engine.training.runner import EngineThread

    engine = EngineThread(session, pace)
    exit_code = _show(MonitorScreen(engine, pace))
    engine.control.stop()  # if the screen broke, the engine is still training
    engine.join(PATIENCE_SECONDS)
    return exit_code


def _show(first: "Screen[ExitStatus]") -> int:
    """Runs the program in the whole terminal, starting with ``first``; returns the exit code."""
    from cl_tui.app.app import ClTui
    from cl_tui.app.themes import DEFAULT, suiting
    from cl_tui.host.capture import Captured, capturing
    from cl_tui.host.preferences import in_browser
    from cl_tui.host.terminal import size_known

    size_known()
    captured = Captured()
    app = ClTui(first, captured, DEFAULT if in_browser() else suiting(os.environ))
    with capturing(captured):
        ended = app.run()
    if ended is None:  # the screen broke and said why; the last printed lines may explain more
        for line in captured.since(captured.count - LAST_LINES):
            print(line.text, file=sys.stderr)
        return app.return_code or 1
    return _tell(ended) if ended.message else ended.exit_code


def _tell(ended: "ExitStatus") -> int:
    """Prints how a run ended; returns the exit code."""
    from cl_tui.host.exit_status import INTERRUPTED

    if ended.exit_code in (0, INTERRUPTED):
        print(wrapped(ended.message, sys.stdout))
    else:
        complain(f"cl-tui: {ended.message}")
    return ended.exit_code


# Sessions


Name = Annotated[str, typer.Argument(metavar="SESSION", autocompletion=_sessions)]
WatchedName = Annotated[
    str | None,
    typer.Argument(
        metavar="SESSION", help="The session to watch; by default choose from a list.", autocompletion=_sessions
    ),
]
Names = Annotated[list[str], typer.Argument(metavar="SESSION", autocompletion=_sessions)]


@sessions_app.callback(invoke_without_command=True)
def _sessions_root(ctx: typer.Context, sessions_dir: SessionsDir = Path("sessions")) -> None:
    """List, show, export and delete the saved sessions. Without a command, it lists them."""
    source = ctx.get_parameter_source("sessions_dir")
    if ctx.invoked_subcommand is None:
        list_(sessions_dir)
    elif source is not None and source.name == "COMMANDLINE":
        raise UsageError(f"write --sessions-dir after {ctx.invoked_subcommand}, not before it")


@sessions_app.command("list")
def list_(sessions_dir: SessionsDir = Path("sessions")) -> None:
    """List the saved sessions, newest first."""
    from cl_tui.reports import tables as report
    from engine.sessions.listing import list_sessions

    found = list_sessions(sessions_dir)
    if found:
        console = report.console()
        console.print(report.sessions_table(found, console.width))
    else:
        print(f"no sessions in {sessions_dir}: '{command('run', sessions_dir)}' starts one")


@sessions_app.command()
def show(
    name: Name,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Show all settings, not only the changed ones.")
    ] = False,
    sessions_dir: SessionsDir = Path("sessions"),
) -> None:
    """Show one session: result, changed settings, accuracy matrix, curves, importances, and commands to use next."""
    from cl_tui.reports import session_facts as facts
    from cl_tui.reports import tables as report
    from cl_tui.reports.session_page import PAPER_WIDTH, session_page
    from engine.sessions.listing import read_session

    sessions_dir, name = _located(sessions_dir, name)
    listed = read_session(sessions_dir, name)
    if listed.state == "damaged":
        print(facts.result(listed))
        return
    console = report.console()
    if not console.is_terminal:
        console.width = PAPER_WIDTH
    console.print(session_page(listed, sessions_dir, console.width, everything))


@sessions_app.command()
def export(
    name: Name,
    html: Annotated[
        Path | None,
        typer.Option(
            help="A page for the browser and for printing; - prints it.  [dim]\\[default: SESSION.html][/]",
            callback=_file,
            metavar="FILE",
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(help="Everything in one file; - prints it.", callback=_file, metavar="FILE")
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(help="Tables: curves, accuracies, probes, importances.", callback=_file, metavar="DIR"),
    ] = None,
    tensorboard: Annotated[
        Path | None,
        typer.Option(help="An event file in DIR/SESSION, for tensorboard --logdir DIR.", callback=_file, metavar="DIR"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace existing files.")] = False,
    sessions_dir: SessionsDir = Path("sessions"),
) -> None:
    """Write a session as a page, as tables, as JSON, or for TensorBoard. Without an option, it writes a page.

    It also works while the session is training. CSV and JSON hold complete curves. For TensorBoard, each curve is cut
    into 10,000 pieces, and each piece is given by its lowest and its highest value.

    [bold]Examples[/]

      cl-tui sessions export calm-otter
      cl-tui sessions export calm-otter --html report.html --csv tables --force
    """
    from cl_tui.exports.export import Kind, exports
    from cl_tui.reports.tables import STDOUT
    from engine.sessions.listing import read_session
    from engine.sessions.session import session_path

    sessions_dir, name = _located(sessions_dir, name)
    places: dict[Kind, Path | None] = {"html": html, "json": json, "csv": csv, "tensorboard": tensorboard}
    wanted = {kind: path for kind, path in places.items() if path is not None}
    listed = read_session(sessions_dir, name)
    told = sys.stderr if STDOUT in wanted.values() else sys.stdout
    for written in exports(listed, session_path(sessions_dir, name), wanted or {"html": Path(f"{name}.html")}, force):
        print(visible(f"wrote {written}"), file=told)


@sessions_app.command()
def delete(
    names: Names,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
    sessions_dir: SessionsDir = Path("sessions"),
) -> None:
    """Delete sessions that are not being trained."""
    from engine.sessions.folders import delete_session
    from engine.sessions.listing import read_session

    sessions_dir, names = _located_all(sessions_dir, names)
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


@app.command(rich_help_panel="Look")
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
        sessions_dir, name = _located(sessions_dir, name)
        Session.open(sessions_dir, name)
    watched = ["watch", *([name] if name else []), "--sessions-dir", str(sessions_dir.resolve())]
    serve(watched, host, port, public_url)


@app.command(rich_help_panel="Look")
def watch(
    name: WatchedName = None,
    sessions_dir: SessionsDir = Path("sessions"),
) -> None:
    """Follow a session that is training in another process or on another machine, or replay a session. Read-only.

    [bold]Examples[/]

      cl-tui watch calm-otter
      cl-tui watch calm-otter --sessions-dir /mnt/shared/sessions
    """
    from cl_tui.host.preferences import in_browser
    from cl_tui.screens.home import HomeScreen
    from cl_tui.screens.watch import WatchScreen

    if name is not None:
        sessions_dir, name = _located(sessions_dir, name)
    first = WatchScreen(sessions_dir, name, in_browser()) if name else HomeScreen(sessions_dir, read_only=True)
    if not in_browser():
        shows = command("sessions show", sessions_dir, name) if name else command("sessions list", sessions_dir)
        _require_terminal(f"'{shows}' shows {'it' if name else 'them'} without one")
    raise typer.Exit(_show(first))


@app.command(rich_help_panel="Look")
def compare(
    names: Names,
    plain: Annotated[bool, typer.Option("--plain", help="Print the comparison instead of opening the screen.")] = False,
    json: Annotated[
        Path | None,
        typer.Option(
            help="Print the comparison, and write it to this file, accuracies as fractions." + JSON_HELP,
            callback=_file,
            metavar="FILE",
        ),
    ] = None,
    sessions_dir: SessionsDir = Path("sessions"),
) -> None:
    """Compare sessions: their curves in one chart, differences in accuracy, and the settings that differ.

    Sessions that differ only in the seed form a group, shown as mean ± standard error. Without a terminal, the
    comparison is printed.

    [bold]Examples[/]

      cl-tui compare calm-otter brave-fox
      cl-tui compare sessions/si-* sessions/ewc-* --plain
    """
    from cl_tui.reports import comparison as comparing

    sessions_dir, names = _located_all(sessions_dir, names)
    comparing.check(sessions_dir, names)
    if not plain and json is None and not _no_screen():
        from cl_tui.screens.compare import CompareScreen

        raise typer.Exit(_show(CompareScreen(sessions_dir, names)))
    from cl_tui.batch.pool import as_json, check_writable, write_result
    from cl_tui.reports import tables as report
    from cl_tui.reports.compare_page import page
    from cl_tui.reports.session_page import PAPER_WIDTH

    if json is not None:
        check_writable(json)
    found = comparing.compare(comparing.read(sessions_dir, name) for name in names)
    console = report.console(stderr=json == report.STDOUT)
    if not console.is_terminal:
        console.width = PAPER_WIDTH
    console.print(page(found, console.width))
    if json is not None:
        write_result(json, as_json(found.as_dict()))


@app.command(rich_help_panel="Look")
def analyse(
    ctx: typer.Context,
    names: Names,
    examples: Annotated[
        int,
        typer.Option(
            help="Maximum number of examples of each task to measure on.", metavar="N", min=1, rich_help_panel=WHERE
        ),
    ] = 2000,
    device: Annotated[
        str | None,
        typer.Option(
            help="auto, cpu, cuda or mps.  [dim]\\[default: auto, or cpu if the session was trained on it][/]",
            rich_help_panel=WHERE,
        ),
    ] = None,
    data_dir: StoredDataDir = None,
    sessions_dir: SessionsDir = Path("sessions"),
    json: Annotated[
        Path | None,
        typer.Option(
            help="Write all figures to this file, one entry per session." + JSON_HELP,
            callback=_file,
            metavar="FILE",
            rich_help_panel=WHERE,
        ),
    ] = None,
) -> None:
    """Show what a session's method did: whether it works, and where the forgetting comes from.

    Correlation between the tasks' importances; agreement of Ω, the Fisher diagonal and MAS's Ω at the same weights;
    distribution of Ω; which layers moved, and what that cost. The session must have completed at least one task.

    [bold]Examples[/]

      cl-tui analyse calm-otter
      cl-tui analyse calm-otter brave-fox --examples 500 --json analysis.json
    """
    from cl_tui.batch.pool import as_json, check_writable, write_result
    from cl_tui.reports import tables as report
    from cl_tui.reports.analysis_page import analysis_page, told_on
    from engine.sessions.session import Session
    from engine.settings.run import moved
    from engine.streams.files import prepare

    sessions_dir, names = _located_all(sessions_dir, names)
    opened = [Session.open(sessions_dir, name) for name in names]  # report a wrong name before measuring anything
    if json is not None:
        check_writable(json)
    console = report.console(stderr=json == report.STDOUT)
    entries = []
    for number, session in enumerate(opened):
        anywhere = {} if session.config.device == "cpu" else {"device": "auto"}
        session.config = moved(session.config, anywhere | _given(ctx))
        prepare(session.config.benchmark, Path(session.config.data_dir))
        with told_on(report.console(stderr=True), session.name) as tell:
            tell("loading PyTorch")
            from engine.analysis.measure import analyse as analyse_session

            found = analyse_session(session, examples, tell)
        if number:
            console.print()
        console.print(analysis_page(found, console.width))
        entries.append(found.as_dict())
    if json is not None:
        write_result(json, as_json(entries))


# Methods, benchmarks, presets, models


@app.command(rich_help_panel="Look")
def methods(
    name: Annotated[
        str | None, typer.Argument(help="Show only this method, with its defaults.", autocompletion=_methods)
    ] = None,
) -> None:
    """List the methods: formula, source, options, defaults."""
    from cl_tui.reports import tables as report
    from engine.catalog.methods import METHODS
    from engine.settings.run import unknown

    if name is not None and name not in METHODS:
        raise unknown("method", name, METHODS)
    report.console().print(report.methods_page() if name is None else report.method_page(METHODS[name]))


@app.command(rich_help_panel="Look")
def benchmarks() -> None:
    """List the benchmarks: tasks, source, defaults."""
    from cl_tui.reports import tables as report

    report.console().print(report.benchmarks_page())


@app.command(rich_help_panel="Look")
def presets(
    name: Annotated[
        str | None, typer.Argument(help="Show only this preset, with all its settings.", autocompletion=_presets)
    ] = None,
) -> None:
    """List the published configurations: source, settings, results."""
    from cl_tui.batch.reproduce import preset_page, presets_page
    from cl_tui.reports import tables as report
    from engine.catalog.presets import PRESETS

    report.console().print(presets_page(PRESETS.values()) if name is None else preset_page(_preset(name)))


def _preset(name: str) -> "PresetInfo":
    """Raises ConfigError."""
    from engine.catalog.presets import PRESETS
    from engine.settings.run import unknown

    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    return PRESETS[name]


@app.command(rich_help_panel="Look")
def models() -> None:
    """List the networks."""
    from cl_tui.reports import tables as report

    report.console().print(report.models_table())
