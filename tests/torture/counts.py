"""What a part of the harness has done: each has ``run(count: int, seed: int) -> Counts``."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Counts:
    """Counts that add up."""

    kills: int = 0
    """Survived: the run that was resumed ended in the same bits."""
    faults: int = 0
    power_losses: int = 0
    files_damaged: int = 0
    inputs_tried: int = 0
    batch_kills: int = 0
    wrong_results: tuple[str, ...] = ()
    """One sentence for each, as for the two below; none of them may hold anything."""
    tracebacks: tuple[str, ...] = ()
    broken_terminals: tuple[str, ...] = ()

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    def table(self) -> str:
        rows = {field.name.replace("_", " "): getattr(self, field.name) for field in fields(self)}
        counted = {name: found if isinstance(found, int) else len(found) for name, found in rows.items()}
        return "\n".join(f"{name:<16} {count:>8,}" for name, count in counted.items())

    @property
    def problems(self) -> tuple[str, ...]:
        return self.wrong_results + self.tracebacks + self.broken_terminals
