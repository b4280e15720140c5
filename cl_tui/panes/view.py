"""View: one moment of one run and how it is viewed, for every part of the screen."""

from dataclasses import dataclass, field

from engine.record.history import History
from engine.record.shown import Shown
from engine.settings.run import RunConfig


@dataclass(frozen=True)
class Viewport:
    """How a run is viewed, the same in all panes. New data does not change it."""

    cursor: int | None = None
    """The step at the crosshair, counted from 1; None while there is no crosshair."""
    steps: tuple[int, int] | None = None
    """The steps (from, to) that time axes span; None for the whole run."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """A session of the same benchmark, whose scores are drawn dim behind those of the one that is looked at."""

    session: str
    config: RunConfig
    history: History

    def label(self, beside: RunConfig) -> str:
        """Its method, or its name if that has the same method as the run ``beside`` it."""
        return self.config.method if self.config.method != beside.method else self.session


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
    viewport: Viewport = field(default_factory=Viewport)
    trouble: str = ""
    """Why training waits for the disk, in a sentence; "" if it does not."""
    shown: Shown | None = None
    """The examples of each task to look at; None if the session keeps none, or before they are read."""
    baseline: Baseline | None = None
    replaying: bool = False
    """Whether this is a moment of a replay."""

    @property
    def loading(self) -> bool:
        return self.history.state == "loading"

    @property
    def training(self) -> bool:
        return self.history.state == "training"

    @property
    def waiting(self) -> bool:
        return self.training and bool(self.trouble)

    @property
    def strength(self) -> float:
        """The current strength, c or λ."""
        return self.history.strength(self.config)

    @property
    def glyph(self) -> str:
        """The run's state as one character."""
        if self.waiting or (self.training and self.paused):
            return "⏸"
        return {"loading": "◌", "training": "▶", "stopped": "■", "failed": "✖", "finished": "✔"}[self.history.state]

    def differs(self, other: "View | None") -> bool:
        """Whether the screen has anything new to show."""
        return (
            other is None
            or self.history is not other.history
            or self.baseline is not other.baseline
            or self.shown is not other.shown
            or (self.activity, self.paused, self.pace, self.viewport, self.trouble, self.replaying)
            != (other.activity, other.paused, other.pace, other.viewport, other.trouble, other.replaying)
        )
