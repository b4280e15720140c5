"""A session with all that it was forked from and all that was forked from it: forks and choices of strength."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from engine.catalog.methods import METHODS
from engine.sessions.listing import Listed
from engine.settings.text import shown


@dataclass(frozen=True)
class Node:
    """A place where it could have gone another way, or where it is now."""

    kind: Literal["start", "strength", "tip"]
    step: int
    label: str = ""
    """Of a strength: 'c=10'."""


@dataclass(frozen=True, eq=False)
class Branch:
    """One session of a family."""

    listed: Listed
    parent: int | None
    """The place of the session that it was forked from in the family."""
    depth: int
    nodes: tuple[Node, ...]
    """By step; the first is its start, and the last its tip."""

    @property
    def label(self) -> str:
        """The method with the strength that it began with: 'si c=1'."""
        config = self.listed.config
        if config is None:
            return "damaged"
        symbol = METHODS[config.method].symbol
        return f"{config.method} {symbol}={shown(config.strength)}" if symbol else config.method

    @property
    def average(self) -> float:
        """At the tip; NaN before anything was measured."""
        row = self.listed.history.accuracies if self.listed.history is not None else ()
        return fmean(row) if row else math.nan


def family(sessions: Mapping[str, Listed], name: str) -> list[Branch]:
    """The family of a session, each fork below the session that it comes from, the earliest fork first; empty if there
    is no such session. A stranger's logs may say that two were forked from each other."""
    if name not in sessions:
        return []
    root, above = name, {name}
    while (parent := _parent(sessions[root])) in sessions and parent not in above:
        root = parent
        above.add(parent)
    children: dict[str, list[Listed]] = {}
    for listed in sessions.values():
        if listed.name != root:
            children.setdefault(_parent(listed), []).append(listed)
    found: list[Branch] = []
    told = {root}
    waiting: list[tuple[Listed, int | None]] = [(sessions[root], None)]
    while waiting:
        listed, parent_at = waiting.pop()
        depth = 0 if parent_at is None else found[parent_at].depth + 1
        found.append(Branch(listed, parent_at, depth, _nodes(listed, forked=parent_at is not None)))
        new = [child for child in children.get(listed.name, ()) if child.name not in told]
        told |= {child.name for child in new}
        waiting += [(child, len(found) - 1) for child in sorted(new, key=_begun, reverse=True)]
    return found


def _parent(listed: Listed) -> str:
    forked = listed.history.forked if listed.history is not None else None
    return forked.parent if forked is not None else ""


def _begun(listed: Listed) -> tuple[int, str]:
    forked = listed.history.forked if listed.history is not None else None
    return (forked.step if forked is not None else 0, listed.name)


def _nodes(listed: Listed, forked: bool) -> tuple[Node, ...]:
    """A fork's log begins with its parent's choices, which are shown there."""
    history, config = listed.history, listed.config
    if history is None or config is None:
        return (Node("start", 0), Node("tip", 0))
    start = history.forked.step if forked and history.forked is not None else 0
    symbol = METHODS[config.method].symbol or "strength"
    choices = [of for of in history.strengths if of.step > start or (of.step == start and not forked)]
    found = [Node("strength", of.step, f"{symbol}={shown(of.strength)}") for of in choices]
    return (Node("start", start), *found, Node("tip", max(history.step, start)))
