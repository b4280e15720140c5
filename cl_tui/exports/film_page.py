"""A session as a page that replays itself: a single file with a slider, the test examples it forgot, and the command
that repeats it. It needs no network; its only script is its own."""

import base64
import math
from collections.abc import Sequence
from importlib.metadata import version
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cl_tui.exports import svg
from cl_tui.exports.templates_of import templates
from cl_tui.reports import session_facts
from cl_tui.reports.scale import scale_of
from engine.record.chance import common_chance
from engine.record.events import ANSWERS, Scored
from engine.record.history import History
from engine.record.shown import Answers, Shown, answers_of, lost
from engine.sessions.listing import Listed
from engine.settings.run import RunConfig

if TYPE_CHECKING:
    import numpy as np

MOST_MOMENTS = 300
EXAMPLES = 24
MOST_POINTS = 500
"""Of the loss."""


def page(listed: Listed, path: Path) -> str:
    """The whole file. ``path``: the session's folder. The session must be readable."""
    config, history = listed.known()
    return (
        templates()
        .get_template("film.html")
        .render(
            version=version("cl-tui"),
            name=listed.name,
            subtitle=session_facts.subtitle(config),
            result=session_facts.result(listed),
            command=session_facts.command(config, path / "config.toml"),
            shades=svg.shades(),
            not_repeated=session_facts.not_repeated(history),
            data=film(config, history, Shown.read(path)),
        )
    )


def film(config: RunConfig, history: History, shown: Shown | None) -> dict[str, Any]:
    """What the page's script draws: at ``moments`` the scores on each task, and the ``examples`` with their answers."""
    probes = history.probes
    chosen = [probes[number] for number in _spread(len(probes), MOST_MOMENTS)]
    losses = history.curve.losses() if history.step else ()
    points = _spread(len(losses), MOST_POINTS)
    fraction, scale = history.score.fraction, scale_of(config, history)
    return {
        "score": {"name": history.score.capital, "fraction": fraction, "higher": history.score.higher},
        "scale": {"worst": scale.worst, "best": scale.best, "shades": svg.SHADES},
        "chance": common_chance(history, config) if fraction else None,
        "tasks": [
            {"name": task.name, "start": start} for task, start in zip(history.tasks, history.starts, strict=False)
        ],
        "last": max(history.step, 1),
        "moments": [{"step": told.step, "task": told.phase, "values": _row(told)} for told in chosen],
        "matrix": [
            {"step": step, "values": _plain(row)} for step, row in zip(history.starts[1:], history.matrix, strict=False)
        ],
        "loss": [[number + 1, float(f"{losses[number]:.4g}")] for number in points if math.isfinite(losses[number])],
        "examples": _examples(history, shown, [told.step for told in chosen]) if shown is not None else [],
    }


def _row(told: Scored) -> list[float | None]:
    return _plain(told.row)


def _plain(row: Sequence[float]) -> list[float | None]:
    return [round(value, 4) if math.isfinite(value) else None for value in row]


def _spread(count: int, most: int) -> list[int]:
    """At most ``most`` of ``count`` places, evenly spaced, with the first and the last.

    >>> _spread(5, 9), _spread(100, 4)
    ([0, 1, 2, 3, 4], [0, 33, 66, 99])
    """
    if count <= most:
        return list(range(count))
    return [(count - 1) * number // (most - 1) for number in range(most)]


def _examples(history: History, shown: Shown, steps: Sequence[int]) -> list[dict[str, Any]]:
    """The forgotten ones first, in turn from each task and class, most certain first; each with its answers at the
    newest look before each of ``steps``: [the class, how sure in percent, whether wrong], or null before its task."""
    told = list(history.packed.get(ANSWERS, ()))
    if not told or not shown.names:
        return []
    looks = [answers_of(of, shown) for of in told]
    places = _at(steps, [of.step for of in told])
    return [
        {
            "task": task,
            "is": found.names[int(found.target[number])],
            "picture": _picture(shown.tasks[task].pictures, number),
            "answers": [_answer(looks[place], task, number) if place is not None else None for place in places],
        }
        for task, number, found in _chosen(history, shown, looks[-1])
    ]


def _at(steps: Sequence[int], looks: Sequence[int]) -> list[int | None]:
    from bisect import bisect_right

    found = [bisect_right(looks, step) - 1 for step in steps]
    return [place if place >= 0 else None for place in found]


def _answer(look: Sequence[Answers], task: int, number: int) -> list[object] | None:
    if task >= len(look):
        return None
    found = look[task]
    assert found.sure is not None
    return [found.names[int(found.given[number])], round(100 * float(found.sure[number])), bool(found.wrong[number])]


def _chosen(history: History, shown: Shown, now: Sequence[Answers]) -> list[tuple[int, int, Answers]]:
    import numpy as np

    gone = {of.task: of.lost for of in lost(history, shown)}
    forgotten: dict[tuple[int, int], list[int]] = {}
    kept: dict[tuple[int, int], list[int]] = {}
    for task, found in enumerate(now):
        assert found.sure is not None
        for number in np.argsort(-found.sure, kind="stable").tolist():
            into = forgotten if task in gone and gone[task][number] else kept
            into.setdefault((task, int(found.target[number])), []).append(number)
    ordered = [*_in_turn(forgotten)[: EXAMPLES - EXAMPLES // 4], *_in_turn(kept)]
    return [(task, number, now[task]) for task, number in sorted(ordered[:EXAMPLES], key=lambda place: place[0])]


def _in_turn(groups: dict[tuple[int, int], list[int]]) -> list[tuple[int, int]]:
    rounds = zip_longest(*([(task, number) for number in numbers] for (task, _), numbers in groups.items()))
    return [place for turn in rounds for place in turn if place is not None]


def _picture(pictures: "np.ndarray | None", number: int) -> dict[str, Any] | None:
    if pictures is None:
        return None
    height, width, channels = pictures[number].shape
    return {
        "width": width,
        "height": height,
        "channels": channels,
        "bytes": base64.b64encode(pictures[number].tobytes()).decode(),
    }
