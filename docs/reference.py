"""Writes reference.md from the declarations: python -m docs.reference."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from engine.catalog.benchmarks import BENCHMARKS
from engine.catalog.methods import METHODS
from engine.catalog.models import MODELS
from engine.catalog.options import DATA, METHOD, NETWORK, REQUIRED, TRAINING, WHAT, WHERE, Setting
from engine.catalog.presets import PRESETS
from engine.settings.run import known_settings, typed_settings
from engine.settings.text import shown

PAGE = Path(__file__).parent / "reference.md"
NAMED = (METHODS, BENCHMARKS, MODELS, PRESETS)
PANELS = (WHAT, DATA, NETWORK, TRAINING, METHOD, WHERE, "")
SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def page() -> str:
    return "\n\n".join(_parts()) + "\n"


def _parts() -> Iterator[str]:
    yield "# Reference"
    yield "All choices and settings, made from the declarations in `engine/` by `python -m docs.reference`."
    yield "## Methods"
    yield _table(
        ("method", "title", "formula", "source"),
        ((_code(of.name), of.title, _code(of.formula), of.source) for of in METHODS.values()),
    )
    yield "`cl-tui methods NAME` has the options of each, and how other libraries differ."
    yield "## Benchmarks"
    yield _table(
        ("benchmark", "tasks", "scenario", "title", "source"),
        ((_code(of.name), str(of.default_tasks), of.scenario, of.title, of.source) for of in BENCHMARKS.values()),
    )
    yield "## Networks"
    yield _table(
        ("network", "title", "options"),
        ((_code(of.name), of.title, ", ".join(map(_code, of.options.kept))) for of in MODELS.values()),
    )
    yield "## Presets"
    yield _table(("preset", "title", "source"), ((_code(of.name), of.title, of.source) for of in PRESETS.values()))
    yield "## Settings"
    yield (
        "A setting without an option is typed as `--set KEY=VALUE`. A default that is not given depends on benchmark, "
        "method or network."
    )
    for panel in PANELS:
        yield f"### {panel or 'Without an option'}"
        rows = (of for of in settings().values() if of.panel == panel)
        yield _table(("setting", "option", "default", "range", "meaning"), map(_row, rows))


def settings() -> dict[str, Setting]:
    return {key: of for key, of in {**known_settings(), **typed_settings()}.items() if not of.from_data}


def _row(of: Setting) -> tuple[str, ...]:
    owners = f"{', '.join(of.owners)}: " if of.owners else ""
    default = next((value for value in (of.usual, of.off) if value is not None), of.default)
    return (
        _code(of.name),
        _code(of.flag) if of.panel else "",
        "" if default in (None, REQUIRED, ()) else _code(shown(default)),
        ", ".join(f"{sign} {_number(of.limits[name])}" for name, sign in SIGNS.items() if name in of.limits),
        f"{owners}{of.meaning}",
    )


def _number(of: float) -> str:
    return f"{of:,}" if isinstance(of, int) else shown(of)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (heads, ("---",) * len(heads), *rows)
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


def _code(text: str) -> str:
    return f"`{text}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print("docs/reference.md")
