"""The commands that list methods, benchmarks, presets and networks."""

from typing import Annotated, Any

import typer

from cl_tui.commands.arguments import names_of
from engine.catalog.choices import NAMES


def methods(
    name: Annotated[
        str | None, typer.Argument(help="Show only this method, with its defaults.", autocompletion=names_of("method"))
    ] = None,
) -> None:
    """List the methods: formula, source, options, defaults."""
    from cl_tui.reports.catalog_page import method_page, methods_page
    from cl_tui.reports.output import console

    console().print(methods_page() if name is None else method_page(chosen("method", name)))


def benchmarks() -> None:
    """List the benchmarks: tasks, source, defaults."""
    from cl_tui.reports import catalog_page, output

    output.console().print(catalog_page.benchmarks_page())


def presets(
    name: Annotated[
        str | None,
        typer.Argument(help="Show only this preset, with all its settings.", autocompletion=names_of("preset")),
    ] = None,
) -> None:
    """List the published configurations: source, settings, results."""
    from cl_tui.batch.reproduce import preset_page, presets_page
    from cl_tui.reports import output
    from engine.catalog.presets import PRESETS

    output.console().print(presets_page(PRESETS.values()) if name is None else preset_page(chosen("preset", name)))


def chosen(choice: str, name: str) -> Any:
    """The entry of the catalog. Raises ConfigError."""
    from engine.settings.text import unknown

    if name not in NAMES[choice]:
        raise unknown(choice, name, NAMES[choice])
    return NAMES[choice][name]


def models(
    name: Annotated[
        str | None, typer.Argument(help="Show only this network, with its options.", autocompletion=names_of("model"))
    ] = None,
) -> None:
    """List the networks: options, defaults."""
    from cl_tui.reports.catalog_page import model_page, models_page
    from cl_tui.reports.output import console

    console().print(models_page() if name is None else model_page(chosen("model", name)))
