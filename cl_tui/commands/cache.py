"""The command that lists and clears the cache of resized images."""

import sys
from typing import Annotated

import typer

from cl_tui.commands.arguments import UsageError


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove all of them; asks before.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Clear without asking.")] = False,
) -> None:
    """List the resized copies of images that are kept for the next run, or remove them.

    Your images stay as they are. What was removed is made again by the next run that needs it. The copies that were not
    used for the longest time are also removed when all of them exceed CL_TUI_CACHE_GB gigabytes (default: 20).
    CL_TUI_CACHE_DIR names another folder for them.
    """
    from cl_tui.reports import output, tables
    from engine.streams.images.cache import entries, limit, remove, root

    if yes and not clear:
        raise UsageError("--yes is for --clear: 'cl-tui cache --clear' removes the copies")
    found = entries()
    if not found:
        print(f"no resized images are kept in {root()}")
        return
    output.console().print(tables.cache_table(found, root(), limit()))
    if not clear:
        return
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "clearing needs a confirmation, but this is not a terminal: add --yes to clear without asking"
            )
        typer.confirm("Remove these copies? Your images stay as they are.", abort=True)
    kept = [entry for entry in found if not remove(entry)]
    gone = sum(entry.size for entry in found) - sum(entry.size for entry in kept)
    print(f"removed {len(found) - len(kept)} of {len(found)}, {gone / 1e9:.3g} GB")
    if kept:
        raise UsageError("the others are in use by a run: clear again when it has ended")
