"""HTML and SVG as text, in which everything that is not made here is escaped."""

from html import escape

from engine.text import visible

_VOID = frozenset({"meta", "br"})


class Markup(str):
    """Text that is markup already."""


def element(tag: str, *content: str, **attributes: object) -> Markup:
    """``<tag attributes>content</tag>``; ``_`` in an attribute's name stands for ``-``, and is cut at its end.

    Content that is no Markup is escaped, and so is every attribute; an attribute that is None is left out.

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
    """One after the other, escaped where it is no Markup."""
    return Markup("".join(part if isinstance(part, Markup) else escape(visible(part)) for part in content))


def _plain(value: object) -> str:
    """Numbers of a drawing with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else visible(str(value))
