"""HTML and SVG as text; everything from outside is escaped."""

from html import escape

from engine.text import visible

_VOID = frozenset({"meta", "br"})


class Markup(str):
    """Text that already is markup."""


def element(tag: str, *content: str, **attributes: object) -> Markup:
    """``<tag attributes>content</tag>``; ``_`` in an attribute's name becomes ``-``, and is removed at the end.

    Content that is not Markup is escaped, and so is every attribute; an attribute that is None is left out.

    >>> element("p", "1 < 2 ", element("b", "sure"), class_='"x"', font_size=3, id=None)
    '<p class="&quot;x&quot;" font-size="3">1 &lt; 2 <b>sure</b></p>'
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{given}>")
    return Markup(f"<{tag}{given}>{joined(*content)}</{tag}>")


def joined(*content: str) -> Markup:
    """The parts in sequence; those that are not Markup are escaped."""
    return Markup("".join(part if isinstance(part, Markup) else escape(visible(part)) for part in content))


def _plain(value: object) -> str:
    """A drawing's numbers with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else visible(str(value))
