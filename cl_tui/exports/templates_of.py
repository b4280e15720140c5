"""The templates of exported pages."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from engine.text import visible


def templates() -> Environment:
    """All that comes from outside is escaped, and made visible where it would hide."""
    found = Environment(
        loader=PackageLoader("cl_tui.exports"),
        autoescape=True,
        finalize=_written,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return found


def _written(value: object) -> object:
    """Numbers with at most one decimal, as a drawing needs them; what already is markup stays.

    >>> _written(2.0), _written(0.25), _written("\\x1b")
    ('2', '0.2', '\\\\x1b')
    """
    if hasattr(value, "__html__"):
        return value
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else visible(str(value))
