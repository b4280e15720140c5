"""The commands that list methods, benchmarks, presets and networks."""

from typing import TYPE_CHECKING, Annotated

import typer

from cl_tui.commands.arguments import names_of

if TYPE_CHECKING:
    from engine.catalog.presets import Preset


def methods(
    name: Annotated[
        str | None, typer.Argument(help="Show only this method, with its defaults.", autocompletion=names_of("method"))
    ] = None,
) -> None:
    """List the methods: formula, source, options, defaults."""
    from cl_tui.reports import catalog_page, output
    from engine.catalog.methods import METHODS
    from engine.settings.text import unknown

    if name is not None and name not in METHODS:
        raise unknown("method", name, METHODS)
    output.console().print(catalog_page.methods_page() if name is None else catalog_page.method_page(METHODS[name]))


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

    output.console().print(presets_page(PRESETS.values()) if name is None else preset_page(chosen_preset(name)))


def chosen_preset(name: str) -> "Preset":
    """Raises ConfigError."""
    from engine.catalog.presets import PRESETS
    from engine.settings.text import unknown

    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    return PRESETS[name]


def models() -> None:
    """List the networks."""
    from cl_tui.reports import catalog_page, output

    output.console().print(catalog_page.models_table())
