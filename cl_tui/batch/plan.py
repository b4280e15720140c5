"""The runs of a batch. A name follows from a run's settings, so that finished runs are found and skipped."""

import contextlib
import hashlib
import itertools
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.catalog.choices import benchmark_info
from engine.catalog.methods import METHODS
from engine.catalog.own import FOLLOWS, word_for
from engine.catalog.presets import PRESETS
from engine.errors import ConfigError, SessionDamaged, SessionExists
from engine.sessions.names import check_name
from engine.sessions.session import Session
from engine.settings.layers import over
from engine.settings.run import PLACE, WITHOUT_EFFECT, RunConfig, known_settings, moved, read_by, resolve


@dataclass(frozen=True)
class Run:
    name: str
    config: RunConfig
    place: Mapping[str, Any]
    """The device, threads and data folder that were typed: they override what the session has stored."""


def plan(
    axes: Mapping[str, Sequence[Any]],
    settings: Mapping[str, Any],
    fixed: Mapping[str, Any],
    jobs: int,
    cases: Sequence[Mapping[str, Any]] = ({},),
) -> list[Run]:
    """Combines ``axes`` (setting: its values) and ``cases``; ``settings`` are the defaults, ``fixed`` overrides all.

    A setting that only some methods read is dropped for the others. Raises ConfigError.
    """
    combinations = [
        over(settings, case, dict(zip(axes, values, strict=True)), fixed)
        for case in cases
        for values in itertools.product(*axes.values())
    ]
    runs = (one_run(combination, jobs) for combination in _without_unread_options(combinations))
    return list({run.name: run for run in runs}.values())


def cases_of(settings: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What distinguishes the cases of the preset that ``settings`` name, if they choose none of them."""
    preset = PRESETS.get(str(settings.get("preset")))
    if preset is None or any(key in settings for case in preset.cases for key in case.choice):
        return [{}]
    return [case.choice for case in preset.cases]


def named(runs: Sequence[Run], name: str) -> list[Run]:
    """The only run, under ``name``. Raises ConfigError."""
    if len(runs) != 1:
        raise ConfigError(f"--name {name}: a name is for one run, but these options make {len(runs)}; leave --name out")
    return [replace(runs[0], name=check_name(name))]


def one_run(settings: Mapping[str, Any], jobs: int) -> Run:
    """Limits threads to each of ``jobs`` runs' share of the cores, unless ``settings`` say. Raises ConfigError."""
    config = resolve(settings)
    if settings.get("threads") is None:
        cores = max(1, (os.cpu_count() or 1) // jobs)
        config = config.changed(threads=min(config.threads, cores))
    place = {key: value for key, value in settings.items() if key in PLACE and value is not None}
    if config.code_dir:
        place["code_dir"] = config.code_dir
    return Run(run_name(config), config, place)


def _without_unread_options(combinations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leaves out options that the method does not read. An option that no method here reads stays, to be refused."""
    methods = [combination.get("method") for combination in combinations]
    return [
        {
            key: value
            for key, value in combination.items()
            if key == "method" or _reads(method, key) or not any(_reads(other, key) for other in methods)
        }
        for method, combination in zip(methods, combinations, strict=True)
    ]


def _reads(method: Any, key: str) -> bool:
    """Whether the method reads a setting, which may have its owner's name. leave_alone is never left out."""
    owner, dot, option = key.rpartition(".")
    if not isinstance(method, str) or method not in METHODS:
        return False
    return owner == method if dot and owner in METHODS else option == "leave_alone" or read_by(option, method)


def run_name(config: RunConfig) -> str:
    """A readable name, different for different settings.

    >>> run_name(resolve({"method": "ewc", "seed": 3}))
    'ewc-1000-split-digits-seed3-...'
    """
    parts = [config.method]
    if METHODS[config.method].symbol:
        parts.append(f"{config.strength:g}".replace("+", ""))
    parts.append(word_for(config.benchmark))
    if config.scenario != benchmark_info(config.benchmark).scenario:
        parts.append(config.scenario)
    content = json.dumps(_computed(config), sort_keys=True, allow_nan=False).encode()
    parts += [f"seed{config.seed}", hashlib.blake2b(content, digest_size=4).hexdigest()]
    return "-".join(parts)


def _computed(config: RunConfig) -> dict[str, Any]:
    """The settings that determine a run's numbers. What has its default is left out, so that a new setting changes no
    name; of the method's options, only what is None. What the user's own code says follows from its file, and
    what a table's classes are called changes no number."""
    values, known, of_method = config.flat(), known_settings(), dict(config.method_options)
    follows = FOLLOWS if config.option("task_file") else {"task_labels"}
    if config.option("all_tasks"):
        follows = follows | {"tasks"}
    return {
        key: {of: given for of, given in value.items() if given is not None} if isinstance(value, dict) else value
        for key, value in config.plain().items()
        if key not in WITHOUT_EFFECT
        and key not in follows
        and value is not None
        and (key in of_method or values[key] != known[key].default)
    }


def finished(run: Run, sessions_dir: Path) -> bool:
    """Raises SessionExists if a session of that name has other settings."""
    try:
        return (sessions_dir / run.name).exists() and open_or_create(run, sessions_dir).finished
    except SessionDamaged:
        return False  # reported as that run's failure when its turn comes


def open_or_create(run: Run, sessions_dir: Path) -> Session:
    """Raises SessionExists if a session of that name has other settings, or another SessionError."""
    if not (sessions_dir / run.name).exists():
        with contextlib.suppress(SessionExists):  # another batch has just created it
            return Session.create(sessions_dir, run.name, run.config)
    session = Session.open(sessions_dir, run.name)
    if _computed(session.config) != _computed(run.config):
        raise SessionExists(
            f"session {run.name} in {sessions_dir} has other settings: rename it, or choose another --name or "
            f"--sessions-dir"
        )
    session.config = moved(session.config, run.place)
    return session


def data_needed(runs: Sequence[Run], sessions_dir: Path) -> list[tuple[str, Path]]:
    """Each benchmark that still needs training, with its data folder. Raises SessionError."""
    configs = []
    for run in runs:
        if not (sessions_dir / run.name).exists():
            configs.append(run.config)
            continue
        with contextlib.suppress(SessionDamaged):  # reported as that run's failure when its turn comes
            session = open_or_create(run, sessions_dir)
            if not session.finished:
                configs.append(session.config)
    return sorted({(config.benchmark, Path(config.data_dir)) for config in configs})
