"""How well a text can be read on its background (WCAG 2.1)."""

from rich.color_triplet import ColorTriplet

LEAST_CONTRAST = 4.5
"""AA, for text; black or white reaches it on every colour."""


def contrast(one: ColorTriplet, other: ColorTriplet) -> float:
    """
    >>> contrast(ColorTriplet(255, 255, 255), ColorTriplet(0, 0, 0))
    21.0
    """
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: ColorTriplet) -> float:
    shares = [value / 255 for value in colour]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def mixed(one: ColorTriplet, other: ColorTriplet, share: float) -> ColorTriplet:
    """``one`` with a ``share`` of ``other``."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return ColorTriplet(red, green, blue)
