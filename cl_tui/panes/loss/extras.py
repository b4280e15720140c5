"""What can be drawn below the loss: other quantities that the run tells now and then."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cl_tui.charts.canvas import TimeAxis, line_columns
from engine.record.events import DISTANCE, GRADIENT_NORM, LEARNING_RATE
from engine.record.history import History


@dataclass(frozen=True)
class Extra:
    title: str
    sign: str


EXTRAS: Mapping[str, Extra] = {
    LEARNING_RATE: Extra("learning rate", "lr"),
    GRADIENT_NORM: Extra("norm of the gradient", "|g|"),
    DISTANCE: Extra("‖θ−θ*‖, how far the weights are from where the penalty pulls them", "‖θ−θ*‖"),
}


def known(history: History, name: str) -> bool:
    return any(told.values and told.values[0] is not None for told in history.measured.get(name, ()))


def points(history: History, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The steps at which it was told, and its values."""
    told = [(one.step, one.values[0]) for one in history.measured.get(name, ()) if one.values]
    steps, values = np.array([step for step, _ in told]), np.array([value for _, value in told], dtype=float)
    return steps, values


def columns(history: History, name: str, time: TimeAxis) -> tuple[np.ndarray, np.ndarray]:
    """Its lowest and highest value in each column of ``time``."""
    return line_columns(*points(history, name), time)


def value_at(history: History, name: str, step: int) -> float | None:
    """The newest value up to ``step``."""
    told = history.measured[name].until(step) if name in history.measured else ()
    return told[-1].values[0] if told and told[-1].values else None
