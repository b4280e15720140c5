"""The plan of a run: its tasks and how many steps each takes."""

from engine.record.events import TaskInfo
from engine.streams.stream import Stream


class Plan:
    """The steps of each task: those that the stream has for it, or fewer if it was ended early."""

    def __init__(self, stream: Stream) -> None:
        self._phases = stream.phases
        self.steps = [phase.steps for phase in stream.phases]

    def __len__(self) -> int:
        return len(self.steps)

    def infos(self) -> tuple[TaskInfo, ...]:
        return tuple(
            TaskInfo(phase.name, steps, phase.classes, phase.epoch, phase.chance)
            for phase, steps in zip(self._phases, self.steps, strict=True)
        )
