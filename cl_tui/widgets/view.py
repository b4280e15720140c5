"""View: one moment of one run, as every part of the screen reads it."""

from dataclasses import dataclass

from engine.config import RunConfig
from engine.history import History


@dataclass(frozen=True, eq=False)
class View:
    session: str
    config: RunConfig
    history: History
    activity: str
    """What the engine is doing, in words."""
    paused: bool = False
    pace: float | None = None
    """Steps a second in slow motion; None at full speed."""

    @property
    def loading(self) -> bool:
        return self.history.state == "loading"

    @property
    def training(self) -> bool:
        return self.history.state == "training"

    @property
    def glyph(self) -> str:
        """The run's state as one character."""
        if self.training and self.paused:
            return "⏸"
        return {"loading": "◌", "training": "▶", "stopped": "■", "failed": "✖", "finished": "✔"}[self.history.state]

    def differs(self, other: "View | None") -> bool:
        """Whether the screen has anything new to show."""
        return (
            other is None
            or self.history is not other.history
            or (self.activity, self.paused, self.pace) != (other.activity, other.paused, other.pace)
        )
