"""The examples that people look at: up to 64 of each task's evaluation subset, and what the network answered for them.

Imports no torch. A session keeps the examples in shown.npz, and the answers in its log as ANSWERS.
"""

import contextlib
import json
import math
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.disk import read_plain, write_whole
from engine.record.events import ANSWERS, SHOWN_FILE, WHOLE_ANSWERS, WHOLE_TARGETS, Packed
from engine.record.history import History
from engine.record.series import Series
from engine.text import visible

if TYPE_CHECKING:
    import numpy as np

EXAMPLES = 64
"""Most of a task."""
MOST_BYTES = 1 << 22
"""Of all pictures together; they are made smaller until they fit."""
MOST_FILE_BYTES = 1 << 25
"""Of shown.npz, unpacked."""
MOST_NAMES = 100_000
LARGEST_SIDE = 64
"""Of a picture."""
UNREADABLE = (OSError, ValueError, LookupError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What is raised for a file that is not shown.npz, or no longer."""


@dataclass(frozen=True)
class ShownTask:
    """Examples of one task's evaluation subset."""

    pictures: "np.ndarray | None"
    """Bytes of shape (N, H, W, C), with C = 1 or 3; None if an example is no picture."""
    numbers: "np.ndarray | None"
    """The first numbers of each example that is no picture, shape (N, F); else None."""
    targets: "np.ndarray"
    """The classes, which count the task's own from 0, shape (N,); of regression the numbers, (N, D)."""
    names: tuple[str, ...]
    """What the task's classes are called; empty for regression."""
    places: "np.ndarray"
    """Where the examples are in the task's test set. Shape (N,), ascending."""

    def __len__(self) -> int:
        return len(self.places)


@dataclass(frozen=True, eq=False)
class Shown:
    tasks: tuple[ShownTask, ...]
    together: bool
    """Whether the classes of all tasks seen compete, as in the class scenario."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of the classes of all tasks, one task's after another's."""
        return tuple(name for task in self.tasks for name in task.names)

    @classmethod
    def read(cls, folder: Path) -> "Shown | None":
        """Of the session in ``folder``; None if it keeps none, or none that can be read."""
        try:
            return cls.unpacked(read_plain(folder / SHOWN_FILE, MOST_FILE_BYTES))
        except UNREADABLE:
            return None

    def keep(self, folder: Path) -> None:
        """Writes shown.npz, unless it is there and says the same. Raises OSError."""
        data = self.packed()
        with contextlib.suppress(OSError, ValueError):
            if read_plain(folder / SHOWN_FILE, MOST_FILE_BYTES) == data:
                return
        write_whole(folder / SHOWN_FILE, data)

    def packed(self) -> bytes:
        import numpy as np

        first = self.tasks[0]
        names = json.dumps([task.names for task in self.tasks], allow_nan=False).encode()
        counts, together = np.array([len(task) for task in self.tasks]), np.array([self.together], "u1")
        arrays: dict[str, Any] = {"counts": counts, "together": together, "names": np.frombuffer(names, "u1")}
        joined = {key: [getattr(task, key) for task in self.tasks] for key in ("targets", "places")}
        if first.pictures is not None:
            joined["pictures"] = [task.pictures for task in self.tasks]
        if first.numbers is not None:
            joined["numbers"] = [task.numbers for task in self.tasks]
        file = BytesIO()
        arrays |= {key: np.concatenate(parts) for key, parts in joined.items()}
        np.savez_compressed(file, **arrays)
        return file.getvalue()

    @classmethod
    def unpacked(cls, data: bytes) -> "Shown":
        """Raises one of UNREADABLE for what ``packed`` did not make."""
        found = _arrays(data)
        _check(found)
        counts, together = found["counts"].tolist(), bool(found["together"].any())
        names = json.loads(found["names"].tobytes())
        pictures, numbers = found.get("pictures"), found.get("numbers")
        parts = [of for of in (pictures, numbers, found["targets"], found["places"]) if of is not None]
        if not counts or {len(of) for of in parts} != {sum(counts)} or len(names) != len(counts):
            raise ValueError("its parts do not fit")
        if not all(isinstance(of, list) for of in names) or sum(map(len, names)) > MOST_NAMES:
            raise ValueError("it has too many names")
        if any(bool(of) == (found["targets"].ndim == 2) for of in names):
            raise ValueError("some of its tasks have classes, and some have none")
        made, end = [], 0
        for count, own in zip(counts, names, strict=True):
            rows = slice(end, end := end + count)
            called = tuple(visible(str(name)) for name in own)
            targets = found["targets"][rows]
            if called and count and not 0 <= targets.min() <= targets.max() < len(called):
                raise ValueError("its classes have no names")
            shown, told = (None if of is None else of[rows] for of in (pictures, numbers))
            made.append(ShownTask(shown, told, targets, called, found["places"][rows]))
        return cls(tuple(made), together)


def _check(found: "dict[str, np.ndarray]") -> None:
    """Raises ValueError or KeyError unless each array has the kind and the dimensions of what it is."""
    counts, targets, places = (found[key] for key in ("counts", "targets", "places"))
    pictures, numbers = found.get("pictures"), found.get("numbers")
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or not 0 <= counts.min() <= counts.max() <= EXAMPLES:
        raise ValueError("its tasks have no such numbers of examples")
    if (targets.ndim, targets.dtype.kind) not in ((1, "i"), (1, "u"), (2, "f")) or not targets.shape[-1]:
        raise ValueError("its targets are neither classes nor numbers")
    if places.ndim != 1 or places.dtype.kind not in "iu":
        raise ValueError("its places are no places")
    if pictures is not None:
        sides, channels = pictures.shape[1:3], pictures.shape[3:]
        if pictures.dtype != "u1" or channels not in ((1,), (3,)) or not 0 < min(sides) <= max(sides) <= LARGEST_SIDE:
            raise ValueError("it has no pictures of bytes")
    if numbers is not None and numbers.ndim != 2:
        raise ValueError("its examples are no rows of numbers")


def _arrays(data: bytes) -> "dict[str, np.ndarray]":
    """The arrays of numbers in an .npz file; never unpacks more than MOST_FILE_BYTES, nor a pickle."""
    import numpy as np

    found: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) > 10 or sum(member.file_size for member in members) > MOST_FILE_BYTES:
            raise ValueError("it is too large")
        for member in members:
            content = BytesIO(archive.read(member))
            version = np.lib.format.read_magic(content)
            if version != (1, 0):
                raise ValueError(f"an array of version {version}")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(content)
            rest = content.read()
            if fortran or dtype.kind not in "uif" or math.prod(shape) * dtype.itemsize != len(rest):
                raise ValueError("an array has another size than it says")
            found[member.filename.removesuffix(".npy")] = np.frombuffer(rest, dtype).reshape(shape)
    return found


@dataclass(frozen=True)
class Answers:
    """What the network answered for one task's shown examples, after ``step``."""

    step: int
    task: int
    given: "np.ndarray"
    """The class: one of the task's own, counted from 0; in the class scenario one of ``Shown.names``. Shape (N,). Of
    regression the numbers that were predicted, (N, D)."""
    target: "np.ndarray"
    """The right one, counted as ``given``."""
    right: "np.ndarray | None"
    """The probability of the right class. Shape (N,); None for regression."""
    sure: "np.ndarray | None"
    """The probability of the class that was given. Shape (N,); None for regression."""
    names: tuple[str, ...]
    """What the classes in ``given`` are called; empty for regression."""

    @property
    def wrong(self) -> "np.ndarray":
        """Which answers are another class than the right one, shape (N,); none for regression."""
        import numpy as np

        if self.right is None:
            return np.zeros(len(self.given), bool)
        found: np.ndarray = self.given != self.target
        return found


def answers(history: History, shown: Shown) -> list[Answers]:
    """The newest, for each task seen by then; empty if there are none."""
    told = history.packed.get(ANSWERS)
    return answers_of(told[-1], shown) if told else []


def answers_of(told: Packed, shown: Shown) -> list[Answers]:
    """Of one event of ANSWERS; empty if they are not for what is ``shown``."""
    array, tasks = told.array(), shown.tasks[: told.phase + 1]
    if array is None or len(tasks) <= told.phase or array.ndim != 2:
        return []
    classes = bool(tasks[0].names)
    count = sum(map(len, tasks))
    if classes and (array.dtype.kind != "u" or array.shape != (3, count)):
        return []
    if not classes and array.shape != (count, tasks[0].targets.shape[1]):
        return []
    made, end, first = [], 0, 0
    for number, task in enumerate(tasks):
        rows = slice(end, end := end + len(task))
        if not classes:
            made.append(Answers(told.step, number, array[rows], task.targets, None, None, ()))
            continue
        given, right, sure = array[:, rows]
        names, target = (shown.names, task.targets + first) if shown.together else (task.names, task.targets)
        if given.size and given.max() >= len(names):
            return []
        made.append(Answers(told.step, number, given, target, right / 255, sure / 255, names))
        first += len(task.names)
    return made


@dataclass(frozen=True)
class Forgotten:
    """What of one class of a whole test set was right when its task was learned and got one other answer later."""

    task: int
    target: int
    """The right class, as the task's own count."""
    answer: int
    """The class that was answered instead; in the class scenario one of ``Shown.names``."""
    count: int
    learned: int
    """How many of the class were right at the task's end."""


class WholeSet(NamedTuple):
    """One task's whole test set at the end of a task. Answers: 0 for the right one, else the class plus 1. (N,)."""

    targets: "np.ndarray"
    then: "np.ndarray | None"
    """The answers when its task was learned; None if they are not told."""
    now: "np.ndarray"


def whole_starts(history: History) -> list[int]:
    """Where each task's examples begin among those of all whole test sets, and where the last one's end."""
    sizes = history.started.test_examples if history.started else ()
    if sizes:
        return list(accumulate(sizes, initial=0))
    told = history.packed.get(WHOLE_ANSWERS, ())  # an old session does not say how large its test sets are
    known = all(of.phase == task and len(of.shape) == 1 for task, of in enumerate(told))
    return [0, *(of.shape[0] for of in told)] if known else [0]


def whole_sets(history: History, phase: int) -> list[WholeSet]:
    """Of each task up to ``phase``, at its end; empty if that is not told."""
    told = {of.phase: of for of in history.packed.get(WHOLE_ANSWERS, ())}
    starts, targets = whole_starts(history), _joined(history.packed.get(WHOLE_TARGETS, ()))
    now = _classes(told.get(phase))
    if now is None or targets is None or phase + 1 >= len(starts) or not len(now) == starts[phase + 1] <= len(targets):
        return []
    made: list[WholeSet] = []
    for task in range(phase + 1):
        rows, then = slice(starts[task], starts[task + 1]), _classes(told.get(task))
        known = then is not None and len(then) == rows.stop
        made.append(WholeSet(targets[rows], then[rows] if then is not None and known else None, now[rows]))
    return made


def forgotten(history: History, phase: int) -> list[Forgotten]:
    """At the end of task ``phase``, the most frequent first within each task; empty if it is not told."""
    import numpy as np

    made: list[Forgotten] = []
    for task, of in enumerate(whole_sets(history, phase)[:phase]):
        if of.then is None:
            continue
        learned = of.then == 0
        known = np.bincount(of.targets[learned])
        lost = learned & (of.now > 0)
        pairs = np.stack([of.targets[lost], of.now[lost] - 1])
        found, counts = np.unique(pairs, axis=1, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        made += [
            Forgotten(task, int(target), int(answer), int(count), int(known[target]))
            for (target, answer), count in zip(found.T[order], counts[order], strict=True)
        ]
    return made


def count_forgotten(history: History, phase: int) -> tuple[int, int]:
    """How many examples of the whole test sets of earlier tasks are wrong at the end of task ``phase``, of how many
    that were right when their task was learned; (0, 0) if it is not told."""
    told = {of.phase: of for of in history.packed.get(WHOLE_ANSWERS, ())}
    starts = list(accumulate(history.started.test_examples if history.started else (), initial=0))
    now = told[phase].array() if phase in told else None
    if now is None or phase + 1 >= len(starts) or len(now) != starts[phase + 1]:
        return 0, 0
    lost = learned = 0
    for task in range(phase):
        rows, then = slice(starts[task], starts[task + 1]), told[task].array() if task in told else None
        if then is not None and len(then) == rows.stop:
            right = then[rows] == 0
            learned += int(right.sum())
            lost += int((right & (now[rows] > 0)).sum())
    return lost, learned


def turned_in(history: History, phase: int, of: Forgotten) -> dict[int, int]:
    """How many of them turned for good in each task, as told at the ends of tasks up to ``phase``."""
    import numpy as np

    told = {one.phase: _classes(one) for one in history.packed.get(WHOLE_ANSWERS, ()) if of.task <= one.phase <= phase}
    targets = _joined(history.packed.get(WHOLE_TARGETS, ()))
    starts = whole_starts(history)
    rows = slice(*starts[of.task : of.task + 2]) if of.task + 1 < len(starts) else slice(0)
    known = {number: array[rows] for number, array in sorted(told.items()) if array is not None}
    if targets is None or not {of.task, phase} <= known.keys() or len({len(array) for array in known.values()}) > 1:
        return {}
    lost = (targets[rows] == of.target) & (known[of.task] == 0) & (known[phase] == of.answer + 1)
    turned = np.full(int(lost.sum()), phase)
    for number in reversed(known):
        turned[(known[number][lost] > 0) & (turned == number)] = number - 1
    found, counts = np.unique(turned + 1, return_counts=True)
    return {int(number): int(count) for number, count in zip(found, counts, strict=True)}


def _classes(told: Packed | None) -> "np.ndarray | None":
    """Numbers of classes, shape (N,); None for other numbers, which a stranger's log may have."""
    array = None if told is None else told.array()
    return array if array is not None and array.ndim == 1 and array.dtype.kind == "u" else None


def _joined(told: Iterable[Packed]) -> "np.ndarray | None":
    """The arrays of all, one after another; None if there is none, or one that cannot be read."""
    import numpy as np

    arrays = [_classes(of) for of in told]
    known = [of for of in arrays if of is not None]
    return np.concatenate(known) if known and len(known) == len(arrays) else None


@dataclass(frozen=True)
class Lost:
    """Which of one task's shown examples were right when it was learned and are wrong now. All of shape (N,)."""

    task: int
    learned: "np.ndarray"
    """Whether it was right at the task's end."""
    lost: "np.ndarray"
    """Whether it was, and is wrong now."""
    since: "np.ndarray"
    """The step of the look from which on it was wrong for good; 0 where it is not lost."""


def lost(history: History, shown: Shown, step: int | None = None) -> list[Lost]:
    """Of each task that had ended by the newest answers up to ``step``, or by the newest of all; not of regression."""
    import numpy as np

    told: Series[Packed] = history.packed.get(ANSWERS) or Series()
    told = told if step is None else told.until(step)
    looks = [(of, found) for of in told if (found := _wrong(of, shown)) is not None]
    if not looks or not shown.names:
        return []
    starts = list(accumulate(map(len, shown.tasks), initial=0))
    ends = {of.phase: number for number, (of, _) in enumerate(looks)}
    steps = np.array([of.step for of, _ in looks])
    every = np.zeros((len(looks), starts[-1]), bool)
    for row, (_, found) in zip(every, looks, strict=True):
        row[: len(found)] = found
    made = []
    for task in range(min(len(history.matrix), looks[-1][0].phase + 1)):
        if task not in ends:
            continue
        wrong = every[ends[task] :, starts[task] : starts[task + 1]]
        lost = ~wrong[0] & wrong[-1]
        last_right = len(wrong) - 1 - (~wrong)[::-1].argmax(0)
        since = np.where(lost, steps[ends[task] :][np.minimum(last_right + 1, len(wrong) - 1)], 0)
        made.append(Lost(task, ~wrong[0], lost, since))
    return made


@lru_cache(maxsize=1 << 12)
def _wrong(told: Packed, shown: Shown) -> "np.ndarray | None":
    """Which answers are wrong, one task's after another's; None if they are not for what is ``shown``."""
    import numpy as np

    found = answers_of(told, shown)
    return np.concatenate([of.wrong for of in found]) if found else None
