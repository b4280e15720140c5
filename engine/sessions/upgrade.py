"""Reads the lines that logs of formats 1 and 2 have: as the events that the present format tells instead of them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from engine.record.events import LAYER_PENALTIES, PATH, PATH_LABELS, PROBE, WHOLE, Event, decode


def upgraded(line: bytes) -> Sequence[Event]:
    """The events of a line. Raises ValueError."""
    if line.startswith(b'{"step":'):  # nearly all lines: a report of steps
        return (decode(line),)
    try:
        old = json.loads(line)
        return [decode(entries) for entries in _present(old)]
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not an event: {type(error).__name__}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not an event: {error}") from None


def _present(old: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    match old.get("event"):
        case "probed":
            found = [_scored(old, PROBE, old["accuracies"])]
            if old.get("penalties"):
                found.append(_measured(old, LAYER_PENALTIES, old["penalties"], ()))
            return found
        case "evaluated":
            return _evaluated(old)
        case "task-ended":
            return [*_evaluated(old), {key: value for key, value in old.items() if key not in ("accuracies", "probed")}]
        case "path":
            return [_measured(old, PATH, [old[label] for label in PATH_LABELS], PATH_LABELS)]
        case _:
            return [old]


def _evaluated(old: Mapping[str, Any]) -> list[dict[str, Any]]:
    """On whole test sets, and on the evaluation subsets; the oldest sessions have only the former."""
    return [_scored(old, WHOLE, old["accuracies"]), _scored(old, PROBE, old.get("probed") or old["accuracies"])]


def _scored(old: Mapping[str, Any], part: str, values: object) -> dict[str, Any]:
    return {"step": old["step"], "phase": old["task"], "part": part, "values": values, "event": "scored"}


def _measured(old: Mapping[str, Any], name: str, values: object, labels: Sequence[str]) -> dict[str, Any]:
    found = {"step": old["step"], "phase": old["task"], "name": name, "values": values}
    return found | {"labels": labels, "event": "measured"}
