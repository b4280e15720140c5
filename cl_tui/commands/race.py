"""The command that trains several networks side by side."""

from pathlib import Path
from typing import Any

import typer

from cl_tui.commands.arguments import SessionsDir, UsageError
from cl_tui.commands.options import Config, Set, TrustCode, Typed, below, check_code, takes_settings, typed_code
from cl_tui.commands.screen import require_terminal, show_screen

AXES = ("method", "strength")
"""The settings that a race takes several values of."""
MOST = 16
"""Runs, each of which is a process."""


@takes_settings(several=AXES, without=["pace"])
def race(
    *,
    typed: Typed,
    sessions_dir: SessionsDir = Path("sessions"),
    config: Config = None,
    assignments: Set = None,
    trust_code: TrustCode = False,
) -> None:
    """Train several methods or strengths side by side, at equal steps, and see which forgets less.

    Each is a session of its own. After an interruption, run the same command to continue.

    [bold]Examples[/]

      cl-tui race --method none --method si --method ewc --method mas
      cl-tui race --method si --strength 0.1 --strength 1 --strength 10 --scenario domain
    """
    from cl_tui.batch.plan import data_needed, plan
    from cl_tui.batch.race import Race
    from cl_tui.screens.race import RaceScreen
    from engine.settings.layers import over
    from engine.settings.reading import parse_assignments
    from engine.streams import files

    usual, fixed = below(config), parse_assignments(assignments or [])
    axes: dict[str, Any] = {key: typed.pop(key) for key in AXES if key in typed}
    settings = over(usual, typed)
    runs = plan(axes, settings, fixed, max(len(axes.get("method", [])), len(axes.get("strength", [])), 1))
    if len(runs) < 2:
        raise UsageError(
            "a race needs two runs or more: repeat --method or --strength, as in --method none --method si"
        )
    if len(runs) > MOST:
        raise UsageError(
            f"a race of {len(runs)} runs would be too many processes at once, the most are {MOST}: leave some out, or "
            "use cl-tui batch, which trains a few at a time"
        )
    for run in runs:
        check_code(run.config, typed_code({**typed, **axes, **fixed}, usual), trust_code)
    require_terminal("use cl-tui batch to train them without one")
    for benchmark, folder in data_needed(runs, sessions_dir):
        files.prepare(benchmark, folder)
    raise typer.Exit(show_screen(RaceScreen(Race(runs, sessions_dir))))
