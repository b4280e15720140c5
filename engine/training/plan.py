"""The plan of a run: its tasks and how many steps each takes."""

from collections.abc import Sequence

from engine.record.events import TaskInfo
from engine.streams.batches import Schedule
from engine.streams.examples import Task


class Plan:
    """The steps of each task: those of its schedule, or fewer if it was ended early."""

    def __init__(self, tasks: Sequence[Task], schedules: Sequence[Schedule]) -> None:
        self._tasks = tasks
        self._schedules = schedules
        self.steps = [schedule.steps for schedule in schedules]

    def __len__(self) -> int:
        return len(self.steps)

    def infos(self) -> tuple[TaskInfo, ...]:
        return tuple(
            TaskInfo(task.name, steps, task.classes, schedule.steps_in_epoch)
            for task, steps, schedule in zip(self._tasks, self.steps, self._schedules, strict=True)
        )
