"""Names of tasks, after their classes."""

from collections.abc import Sequence

LONGEST = 24


def title(classes: Sequence[str]) -> str:
    """
    >>> title(["ant", "bee"]), title(["apple", "bear", "castle", "dinosaur"])
    ('ant, bee', 'apple … dinosaur')
    """
    whole = ", ".join(classes)
    if len(whole) <= LONGEST:
        return whole
    half = (LONGEST - 3) // 2
    first, last = (name if len(name) <= half else f"{name[: half - 1]}…" for name in (classes[0], classes[-1]))
    return f"{first} … {last}" if len(classes) > 1 else f"{whole[: LONGEST - 1]}…"
