"""Confusions, and images of what Ω holds and a task pulls: for programs and for pages."""

from typing import TYPE_CHECKING, Any

from cl_tui.charts.pictures import BLUE, BLUE_TO_ORANGE, ORANGE, shades
from cl_tui.exports import svg
from cl_tui.reports import text
from cl_tui.reports.held import images, tiled
from engine.record.classes import ways
from engine.record.events import HELD, HELD_OWN
from engine.record.held import MOST_DOUBLINGS, holders, pulled, ratio
from engine.record.history import History
from engine.record.mistakes import at_end
from engine.settings.run import RunConfig

if TYPE_CHECKING:
    import numpy as np

SHADES = 24
"""Of each image on a page."""
MOST_PIXELS = 10_000
"""Of an image on a page."""


def confusions(history: History) -> list[dict[str, Any]]:
    """At each task's end, in each way of judging: which class was taken for which. A count is None where the answer did
    not compete."""
    return [
        {
            "after_task": phase + 1,
            "judged": way or "both",
            "classes": found.names,
            "tasks": [task + 1 for task in found.tasks],
            "counts": [[None if count < 0 else count for count in row] for row in found.counts.tolist()],
            "learned": found.learned.tolist(),
        }
        for way in ways(history)
        for phase in range(len(history.matrix))
        if (found := at_end(history, way, phase)) is not None
    ]


def held(history: History) -> dict[str, list[dict[str, Any]]]:
    """Images of the first layer, of shape (pictures, rows, columns): Ω after each task, what the task added to it, and
    the summed |g| while it was trained."""
    made: dict[str, list[dict[str, Any]]] = {"held": [], "added": [], "pulled": []}
    for phase in range(len(history.matrix)):
        for key, name in (("held", HELD), ("added", HELD_OWN)):
            told = next((of for of in reversed(history.packed.get(name, ())) if of.phase == phase), None)
            if told is not None and (array := told.array()) is not None:
                made[key].append({"task": phase + 1, "step": told.step, "images": _short(array)})
        pull = pulled(history, history.starts[phase + 1])
        if pull is not None and pull[0] == phase:
            made["pulled"].append({"task": phase + 1, "step": history.starts[phase + 1], "images": _short(pull[1])})
    return made


def _short(array: "np.ndarray") -> Any:
    """Nested lists of numbers with four digits, to which the log keeps them."""
    import numpy as np

    return np.vectorize(lambda value: float(f"{value:.4g}"), otypes=[object])(array).tolist() if array.size else []


def section(config: RunConfig, history: History) -> dict[str, Any] | None:
    """For a page: what is held, what is pulled, their ratio, and who holds the top pixels."""
    found = images(history, config)
    if found is None or found.held.size > MOST_PIXELS:
        return None
    heat = [(f"held by {found.by}: ΣΩ", _heat("ΣΩ", tiled(found.held), "held"))]
    if found.puller is not None:
        doublings = tiled(ratio(found.held, found.pulled)) / (2 * MOST_DOUBLINGS) + 0.5
        between = "orange: more pulled, blue: more held, up to 8 times, by share"
        heat.append((between, svg.heat_map("Ratio of shares", doublings.tolist(), "ratio", SHADES)))
        heat.append((f"pulled by task {found.puller + 1}: Σ|g|", _heat("Σ|g|", tiled(found.pulled), "pull")))
    shares = holders(list(found.parts)) if len(found.parts) > 1 else []
    ramps = (("held", BLUE), ("pull", ORANGE), ("ratio", BLUE_TO_ORANGE))
    return {
        "layer": found.layer,
        "drawn": heat,
        "sentence": found.sentence,
        "heads": ("task", "share of Ω on the top pixels, %"),
        "rows": [(f"{n}  {found.names[n - 1]}", text.percent(share)) for n, share in enumerate(shares, start=1)],
        "colours": [(f"{name}{n}", colour) for name, ramp in ramps for n, colour in enumerate(shades(ramp, SHADES))],
    }


def _heat(label: str, values: "np.ndarray", ramp: str) -> svg.Picture:
    most = float(values.max(initial=0.0))
    return svg.heat_map(label, (values / most if most > 0 else values).tolist(), ramp, SHADES)
