"""How much the program writes to the terminal, which may be at the other end of a slow line."""

from textual.driver import Driver


class _Counting(Driver):
    written = 0
    """Bytes so far."""

    def write(self, data: str) -> None:
        self.written += len(data.encode("utf-8", "replace"))
        super().write(data)  # type: ignore[safe-super]  # of the driver that `counting` puts behind this class


def counting(kind: type[Driver]) -> type[Driver]:
    """A driver of the same kind that knows how much it has written."""
    return type(kind.__name__, (_Counting, kind), {})


def written(driver: Driver | None) -> int:
    return driver.written if isinstance(driver, _Counting) else 0
