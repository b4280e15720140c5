"""What there is to choose from: pages of methods, benchmarks and models."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cl_tui.reports.layout import indented, section, table_of
from engine.catalog.benchmarks import BENCHMARKS
from engine.catalog.entries import BenchmarkInfo, MethodInfo, ModelInfo
from engine.catalog.methods import METHODS
from engine.catalog.models import MODELS
from engine.catalog.options import REQUIRED, Options, Setting
from engine.settings.run import default_strength
from engine.settings.text import shown


def methods_page() -> RenderableType:
    parts: list[RenderableType] = []
    for method in METHODS.values():
        parts += _headed(method)
        strength = [f"strength ({method.symbol})"] if method.symbol else []
        if named := [*strength, *(option.name for option in method.options.kept.values())]:
            parts.append(indented(Text(f"options: {', '.join(named)}")))
    return Group(*parts)


def _headed(method: MethodInfo) -> list[RenderableType]:
    title = Text(f"{method.name}: {method.title}", style="bold")
    return [title, indented(Text(method.formula)), indented(Text(method.source))]


def method_page(method: MethodInfo) -> RenderableType:
    """One method: formula, source, options with their symbols, defaults, and differences in other libraries."""
    parts = _headed(method)
    if method.symbol or method.options.kept:
        parts += section("Options", _options(method))
    own = _by_benchmark(method)
    strength = [f"strength ({method.symbol})"] if method.symbol else []
    if own or strength:
        table = table_of("default on", *strength, *(option.name for option in own.values()))
        for benchmark in BENCHMARKS.values():
            here = benchmark.method_defaults.get(method.name, {})
            values: list[object] = [default_strength(method.name, benchmark)] if strength else []
            values += [here.get(key, of.default) for key, of in own.items()]
            table.add_row(benchmark.name, *map(shown, values))
        parts += section("Defaults that depend on the benchmark", table)
    if method.elsewhere:
        parts += section("Elsewhere", Group(*map(Text, method.elsewhere)))
    return Group(*parts)


def _by_benchmark(method: MethodInfo) -> dict[str, Setting]:
    """The options whose defaults depend on the benchmark."""
    given = {key for benchmark in BENCHMARKS.values() for key in benchmark.method_defaults.get(method.name, {})}
    return {key: option for key, option in method.options.kept.items() if key in given}


def _options(method: MethodInfo) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    if method.symbol:
        grid.add_row(f"strength ({method.symbol})", "", "the penalty's factor")
    own = _by_benchmark(method)
    for key, option in method.options.kept.items():
        default = "" if option.default is None or key in own else shown(option.default)
        grid.add_row(option.name, default, option.meaning)
    if method.symbol:
        grid.add_row("leave_alone", "", "unpenalised parameters, by name pattern: *.bias, head.*")
    return grid


def benchmarks_page() -> RenderableType:
    return Group(*map(benchmark_page, BENCHMARKS.values()))


def benchmark_page(benchmark: BenchmarkInfo) -> RenderableType:
    strengths = [f"{METHODS[name].symbol} of {name} {shown(value)}" for name, value in benchmark.strengths.items()]
    for given in benchmark.method_defaults.values():
        strengths += [f"{key} {shown(value)}" for key, value in given.items()]
    usual = {"model": benchmark.model, **benchmark.defaults}
    grid = Table.grid(padding=(0, 2))
    grid.add_row("source", benchmark.source)
    grid.add_row("tasks", f"{benchmark.default_tasks}, at most {benchmark.most_tasks}")
    grid.add_row("scenario", benchmark.scenario)
    grid.add_row("defaults", ", ".join(f"{key} {shown(value)}" for key, value in usual.items()))
    grid.add_row("strengths", ", ".join(strengths))
    return Group(Text(f"{benchmark.name}: {benchmark.title}", style="bold"), indented(grid))


def models_page() -> RenderableType:
    table = table_of("model", "title")
    for model in MODELS.values():
        table.add_row(model.name, model.title)
    return Group(table, Text("Any other classification network of torchvision is known by its name, such as resnet50."))


def model_page(model: ModelInfo) -> RenderableType:
    """One network: its options, and the defaults that depend on the benchmark."""
    parts: list[RenderableType] = [Text(f"{model.name}: {model.title}", style="bold")]
    if model.options.kept:
        parts += section("Options", _own_options(model.options))
    defaults = [pair for pair in model.defaults.items() if pair[0] not in model.options.kept]
    if defaults:
        parts += section("Its own defaults", Text(", ".join(f"{key} {shown(value)}" for key, value in defaults)))
    own = {key for benchmark in BENCHMARKS.values() for key in _on(benchmark, model)}
    if own:
        table = table_of("default on", *sorted(own))
        for benchmark in BENCHMARKS.values():
            given = _on(benchmark, model)
            table.add_row(benchmark.name, *(shown(given[key]) if key in given else "" for key in sorted(own)))
        parts += section("Defaults that depend on the benchmark", table)
    return Group(*parts)


def _on(benchmark: BenchmarkInfo, model: ModelInfo) -> dict[str, object]:
    """The options' defaults on a benchmark."""
    own = {key for key, option in model.options.kept.items() if option.default is REQUIRED}
    given = {key: value for key, value in benchmark.defaults.items() if key in own}
    return given | dict(benchmark.model_defaults.get(model.name, {}))


def _own_options(options: type[Options]) -> Table:
    grid = Table.grid(padding=(0, 2))
    for option in options.kept.values():
        default = "" if option.default in (None, REQUIRED, ()) else shown(option.default)
        grid.add_row(option.name, default, option.meaning)
    return grid
