"""The filter of a list of sessions: ``method:si acc>95 tag:paper -state:stopped lr>=1e-3``, and words from anywhere."""

import math
import operator
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from statistics import fmean
from typing import get_args

from engine.catalog.methods import METHODS
from engine.record import metrics
from engine.sessions.listing import Listed, SessionState
from engine.settings.run import known_settings
from engine.settings.text import nearest, shown

Value = float | tuple[str, ...] | None
"""Of a session: a number, or texts of which one must fit; None if it has none."""

_TERM = re.compile(r'(-?)(?:([^\s"<>=:!]+)(>=|<=|!=|[<>=:]))?("[^"]*"?|[^\s"]*)')
_COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    ":": lambda a, b: math.isclose(a, b, rel_tol=1e-9),
    "=": lambda a, b: math.isclose(a, b, rel_tol=1e-9),
    "!=": lambda a, b: not math.isclose(a, b, rel_tol=1e-9),
}
_DAYS = {"m": 1 / 1440, "h": 1 / 24, "d": 1.0, "w": 7.0}
EXAMPLE = "method:si acc>95 tag:paper -state:stopped lr>=1e-3"


@dataclass(frozen=True)
class Filter:
    terms: tuple[Callable[[Listed], bool], ...]
    problem: str = ""
    """What is not understood, in a sentence; the other terms hold nevertheless."""

    def accepts(self, listed: Listed) -> bool:
        return all(term(listed) for term in self.terms)


def understood(text: str) -> Filter:
    """The filter that ``text`` describes.

    >>> understood("acc>high").problem
    "acc>high: 'high' is no number; write acc>95, for example"
    >>> understood("methd:si").problem
    "methd:si: there is no 'methd'; did you mean method?"
    >>> understood("state:runing").problem
    "state:runing: no state is 'runing'; did you mean running?"
    >>> understood("method>si").problem
    'method>si: method is a word; write method:si, or -method:si for all others'
    """
    terms, problems = [], []
    for minus, key, sign, value in _TERM.findall(text):
        value = value.strip('"')
        if not (key or value):
            continue
        try:
            term = _compared(key, sign, value) if key else _containing(value)
        except ValueError as error:
            problems.append(f"{minus}{key}{sign}{value}: {error}")
            continue
        terms.append(_not(term) if minus else term)
    return Filter(tuple(terms), problems[0] if problems else "")


def _not(term: Callable[[Listed], bool]) -> Callable[[Listed], bool]:
    return lambda listed: not term(listed)


def _containing(word: str) -> Callable[[Listed], bool]:
    wanted = word.casefold()
    return lambda listed: wanted in _described(listed)


def _described(listed: Listed) -> str:
    told, config = f"{listed.name} {listed.state} {listed.notes.described}", listed.config
    if config is not None:
        told += f" {config.method} {config.benchmark} {config.scenario} seed {config.seed} {config.preset or ''}"
    return told.casefold()


def _compared(key: str, sign: str, wanted: str) -> Callable[[Listed], bool]:
    """Raises ValueError, whose text ends the sentence about this term."""
    name = key.casefold().replace("-", "_")
    of = _field(name)
    if of is None:
        near = nearest(name, [*_NUMBERS, *_WORDS, *known_settings()])
        raise ValueError(f"there is no {key!r}; " + (f"did you mean {near}?" if near else f"write {EXAMPLE}"))
    kind, read = of
    if not wanted:
        raise ValueError(f"a {kind} is missing; write {key}{sign}{'95' if kind == 'number' else 'si'}, for example")
    if kind == "number":
        number, compare = _number(name, key, sign, wanted), _COMPARED[sign]
        return lambda listed: isinstance(value := read(listed), float) and compare(value, number)
    if sign in ("<", ">", "<=", ">="):
        raise ValueError(f"{key} is a word; write {key}:{wanted}, or -{key}:{wanted} for all others")
    fits = _fitting(name, wanted.casefold())

    def found(listed: Listed) -> bool:
        value = read(listed)
        return isinstance(value, tuple) and any(fits(text.casefold()) for text in value)

    return _not(found) if sign == "!=" else found


def _number(name: str, key: str, sign: str, wanted: str) -> float:
    unit = _DAYS.get(wanted[-1:]) if name == "age" else None
    try:
        return float(wanted[:-1]) * unit if unit else float(wanted.removesuffix("%"))
    except ValueError:
        example = "age<2d" if name == "age" else f"{key}{sign}{_EXAMPLES.get(name, '95' if name in _NUMBERS else '1')}"
        raise ValueError(f"{wanted!r} is no number; write {example}, for example") from None


def _fitting(name: str, wanted: str) -> Callable[[str], bool]:
    """How a text must be: with * and ? a pattern, of names and notes a part, else the whole. Raises ValueError."""
    if any(sign in wanted for sign in "*?"):
        return lambda text: fnmatchcase(text, wanted)
    if name in _PARTS:
        return lambda text: wanted in text
    known = {"state": get_args(SessionState), "method": tuple(METHODS), "pinned": ("yes", "no")}.get(name, ())
    if known and wanted not in known:
        near = nearest(wanted, known)
        hint = f"did you mean {near}?" if near else f"write one of {', '.join(known)}"
        raise ValueError(f"no {name} is {wanted!r}; {hint}")
    return lambda text: text == wanted


# What a session has


def _field(name: str) -> tuple[str, Callable[[Listed], Value]] | None:
    """Whether it is a number or a word, and how it is read."""
    if name in _NUMBERS:
        return "number", _NUMBERS[name]
    if name in _WORDS:
        return "word", _WORDS[name]
    if name not in known_settings():
        return None
    return ("number" if _is_number(name) else "word"), lambda listed: _setting(listed, name)


@cache
def _is_number(name: str) -> bool:
    kind = known_settings()[name].kind
    parts = {part for part in (get_args(kind) or (kind,)) if part is not type(None)}
    return bool(parts) and parts <= {int, float}


def _setting(listed: Listed, name: str) -> Value:
    config = listed.config
    value = None if config is None else vars(config).get(name, config.option(name))
    if value is None:
        return None
    return float(value) if _is_number(name) else (shown(value),)


def average(listed: Listed) -> float | None:
    """The average score over the tasks seen."""
    history = listed.history
    return fmean(history.accuracies) if history and history.accuracies else None


def _in_points(value: float | None, listed: Listed) -> Value:
    if value is None or listed.history is None or math.isnan(value):
        return None
    return round(100 * value, 1) if listed.history.score.fraction else float(value)


def _forgotten(listed: Listed) -> Value:
    history = listed.history
    return _in_points(metrics.forgetting(history.matrix, history.score) if history else None, listed)


def _strength(listed: Listed) -> Value:
    if listed.config is None or not METHODS[listed.config.method].symbol:
        return None
    return listed.history.strength(listed.config) if listed.history else listed.config.strength


def _word(of: Callable[[Listed], str | None]) -> Callable[[Listed], Value]:
    def read(listed: Listed) -> Value:
        word = of(listed)
        return None if word is None else (word,)

    return read


_NUMBERS: dict[str, Callable[[Listed], Value]] = {
    "acc": lambda listed: _in_points(average(listed), listed),
    "forgetting": _forgotten,
    "strength": _strength,
    "age": lambda listed: (time.time() - listed.changed) / 86400,
    "seconds": lambda listed: float(listed.history.elapsed) if listed.history else None,
}
_NUMBERS |= {"accuracy": _NUMBERS["acc"], "score": _NUMBERS["acc"], "forgot": _forgotten, "lost": _forgotten}
_NUMBERS |= {"c": _strength, "λ": _strength, "lambda": _strength}
_WORDS: dict[str, Callable[[Listed], Value]] = {
    "name": _word(lambda listed: listed.name),
    "state": _word(lambda listed: listed.state),
    "tag": lambda listed: listed.notes.tags,
    "note": _word(lambda listed: listed.notes.note),
    "pinned": _word(lambda listed: "yes" if listed.notes.pinned else "no"),
    "fork": _word(lambda listed: listed.history.forked.parent if listed.history and listed.history.forked else None),
    "benchmark": _word(lambda listed: listed.config.benchmark if listed.config else None),
}
_PARTS = {"name", "note", "benchmark", "preset", "fork"}
_EXAMPLES = {"lr": "1e-3", "strength": "10", "c": "10", "λ": "10", "lambda": "10", "seed": "3"}
