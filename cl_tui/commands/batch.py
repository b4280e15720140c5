"""The commands that train many networks: batch, and reproduce for published experiments."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cl_tui.commands.arguments import SessionsDir, UsageError, file_option, json_option, names_of, where
from cl_tui.commands.options import Config, Set, TrustCode, Typed, below, check_code, takes_settings, typed_code
from cl_tui.commands.registries import chosen
from cl_tui.host.terminal import complain
from engine.catalog.options import WHAT, WHERE

if TYPE_CHECKING:
    from cl_tui.batch.pool import Outcome
    from engine.catalog.entries import Preset

AXES = ("benchmark", "scenario", "method", "strength")
"""The settings that a batch takes several values of, and the seed."""


@takes_settings(several=AXES, without=["pace"])
def batch(
    *,
    typed: Typed,
    seeds: Annotated[
        int, typer.Option(help="Number of seeds, starting with --seed.", min=1, max=10_000, rich_help_panel=WHAT)
    ] = 1,
    jobs: Annotated[int, where("Number of runs at the same time.", min=1)] = 1,
    sessions_dir: SessionsDir = Path("sessions"),
    name: Annotated[
        str | None,
        where("Name of the session, if there is only one run.  [dim]\\[default: from its settings][/]"),
    ] = None,
    config: Config = None,
    assignments: Set = None,
    trust_code: TrustCode = False,
    json: Annotated[Path | None, json_option("Write the results to this file, one entry per run.", WHERE)] = None,
) -> None:
    """Train many networks without a screen, and compare them in a table.

    Each combination of methods, benchmarks, scenarios, strengths and seeds is a session. With --preset alone, each case
    of its table is. After an interruption, run the same command to continue: it skips finished sessions and resumes the
    others.

    [bold]Examples[/]

      cl-tui batch --method none --method si --seeds 3 --json results.json
      cl-tui batch --method si --strength 0.1 --strength 1 --jobs 2
    """
    from cl_tui.batch.plan import cases_of, named, plan
    from cl_tui.batch.pool import execute
    from cl_tui.reports import output, tables
    from engine.settings.layers import over
    from engine.settings.reading import parse_assignments

    usual = below(config)
    axes: dict[str, Any] = {key: typed.pop(key) for key in AXES if key in typed}
    first_seed = typed.pop("seed", usual.get("seed", 0))
    axes["seed"] = [first_seed + number for number in range(seeds)] if isinstance(first_seed, int) else [first_seed]
    fixed = parse_assignments(assignments or [])
    settings = over(usual, typed)
    runs = plan(axes, settings, fixed, jobs, cases_of(over(settings, axes, fixed)))
    for run in runs:
        check_code(run.config, typed_code({**typed, **axes, **fixed}, usual), trust_code)
    if name is not None:
        runs = named(runs, name)
    output.check_writable(json)

    outcome = execute(runs, sessions_dir, jobs, output.console(stderr=True))
    if outcome.summaries:
        console = output.console(stderr=json == output.STDOUT)
        console.print(tables.results(outcome.summaries, console.width))
    output.write_json(json, outcome.summaries)
    _end(outcome, len(runs))


def _end(outcome: "Outcome", planned: int) -> NoReturn:
    from cl_tui.host.exit_status import INTERRUPTED

    for failed, message in outcome.failures.items():
        complain(f"cl-tui: {failed} failed: {message}")
    if outcome.interrupted:
        left = planned - len(outcome.summaries)
        complain(f"stopped: {left} of {planned} runs left; run the same command to continue")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(1 if outcome.failures else 0)


@takes_settings(dict.fromkeys(("device", "threads", "data_dir")))
def reproduce(
    *,
    names: Annotated[
        list[str],
        typer.Argument(metavar="PRESET", help="[dim]cl-tui presets[/] lists them.", autocompletion=names_of("preset")),
    ],
    seeds: Annotated[
        int | None,
        typer.Option(help="Number of seeds, starting with 0; by default the preset's own number.", min=1, max=10_000),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Number of runs at the same time; by default one per processor.", min=1)
    ] = None,
    typed: Typed,
    sessions_dir: SessionsDir = Path("sessions"),
    json: Annotated[Path | None, json_option("Write the rows to this file, accuracies as fractions.")] = None,
    markdown: Annotated[Path | None, file_option("Write the rows to this file as a Markdown page.")] = None,
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
    from cl_tui.batch import reproduce as again
    from cl_tui.batch.pool import execute
    from cl_tui.reports import output

    presets: list[Preset] = [chosen("preset", name) for name in dict.fromkeys(names)]
    at_a_time = jobs or os.cpu_count() or 1
    plans = [(preset, again.plan(preset, seeds or preset.seeds, typed, at_a_time)) for preset in presets]
    runs = [run for _, cases in plans for _, planned in cases for run in planned]
    if json == markdown == output.STDOUT:
        raise UsageError("only one of --json and --markdown can be -, the standard output: name a file for the other")
    output.check_writable(json)
    output.check_writable(markdown, "--markdown")

    outcome = execute(runs, sessions_dir, at_a_time, output.console(stderr=True))
    found = {summary["name"]: summary for summary in outcome.summaries}
    tables = [(preset, [again.row_of(preset, *case, found) for case in cases]) for preset, cases in plans]
    console = output.console(stderr=output.STDOUT in (json, markdown))
    for preset, rows in tables:
        console.print(again.table(preset, rows, console.width))
    output.write_json(json, [row.as_dict() for _, rows in tables for row in rows])
    if markdown is not None:
        line = " ".join(["cl-tui reproduce", *names, *(["--seeds", str(seeds)] if seeds else [])])
        output.write_result(markdown, again.page(f"{line} --markdown {markdown}", tables))
    _end(outcome, len(runs))
