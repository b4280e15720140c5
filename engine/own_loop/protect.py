"""``cl_tui.protect``: holds a network near what it has learned, in a training loop of your own."""

import contextlib
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from engine.catalog.entries import MOST_TASKS
from engine.catalog.own_loop import OWN_LOOP
from engine.disk import expanded
from engine.errors import ConfigError, SessionExists
from engine.own_loop.journal import Journal, as_name
from engine.own_loop.meaning import meaning_of
from engine.own_loop.recorder import LoopRecorder
from engine.own_loop.refusals import check_alone, check_method, check_model, check_optimizer, check_options
from engine.own_loop.resume import Resumption
from engine.own_loop.run import MOST_STRENGTH, OPEN, ProtectedRun, described
from engine.own_loop.state import State
from engine.own_loop.weights import Weights
from engine.record.score import LONGEST_NAME, SCORES, score_info
from engine.sessions.names import check_name, free_name
from engine.sessions.session import Session
from engine.settings.run import RunConfig, resolve
from engine.settings.text import shown, unknown
from engine.text import visible


def protect(
    model: nn.Module,
    optimizer: Optimizer,
    *,
    method: str = "si",
    strength: float | None = None,
    session: str | None = None,
    resume: bool = False,
    tasks: Sequence[str] = (),
    problem: str | Callable[..., Any] = "classification",
    forward: Callable[[nn.Module, Any], Any] | None = None,
    scaler: Any = None,
    score: str = "accuracy",
    unit: str = "",
    seed: int = 0,
    sessions_dir: str | os.PathLike[str] | None = None,
    **options: Any,
) -> ProtectedRun:
    """Protects what ``model`` has learned while your own program trains it, and records it as a session.

    ``model``, ``optimizer``: as they are. The parameters that are trained now are protected; a state that the optimizer
    has stays. ``method``: none, l2, si, ewc, mas or rwalk, with its ``options`` (``xi=0.1``) and ``leave_alone``
    (names of parameters that are not held, such as ``["*.bias"]``). ``strength``: c or λ, by default one to begin with.
    ``session``: its name, two random words by default; a name that exists is refused, unless ``resume`` is true, which
    continues it. ``tasks``: the tasks' names, if they are known. ``problem``: what outputs of shape (N, D) mean, for
    ewc and mas: classification, regression, or a function of (outputs, targets) that returns each example's loss, shape
    (N,). ``forward``: takes (model, batch) and returns the outputs, where a batch is not simply (inputs, targets).
    ``scaler``: the GradScaler, if ``run.step`` is to use it. ``score``: accuracy, r2, or rmse, which has a ``unit``.
    ``seed``: of what ewc draws. ``sessions_dir``: by default $CL_TUI_SESSIONS_DIR, else "sessions".

    Raises EngineError, one sentence that says what is wrong, before anything is written.

    >>> import tempfile, torch
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> with protect(model, optimizer, session="line", sessions_dir=tempfile.mkdtemp()) as run:
    ...     with run.task("first"):
    ...         for _ in range(3):
    ...             run.step(model(torch.ones(4, 2)).square().mean())
    ...     run.end_task(scores={"first": 0.5})
    >>> run.steps, run.ended, sorted(run.importance())
    (3, ('first',), ['bias', 'weight'])
    """
    weights = _weights(model, optimizer)
    _check_words(scaler, score, unit)
    config = _config(check_method(method), strength, seed, optimizer, weights, options)
    meaning, state, names = meaning_of(problem, forward, config), State(config, weights), _names(tasks)
    folder = _folder(sessions_dir)
    stored = _stored(folder, session, resume, config)
    made = stored or Session.create(folder, session or free_name(folder), config)
    with contextlib.ExitStack() as opening:
        opening.enter_context(made.locked())
        journal = Journal(LoopRecorder(made), state, score_info(score, visible(unit)))
        opening.callback(journal.recorder.close)
        resumption = Resumption(journal.recorder, state) if stored else None
        if resumption is None:
            journal.begin(names, *described(weights, optimizer))
        return ProtectedRun(state, optimizer, journal, meaning, scaler, opening.pop_all(), resumption, names)


def _weights(model: nn.Module, optimizer: Optimizer) -> Weights:
    """Raises ConfigError if they cannot be protected."""
    check_alone()
    check_optimizer(optimizer, check_model(model))
    weights = Weights(getattr(model, "_orig_mod", model))  # torch.compile keeps the network there
    for run in list(OPEN):
        run.check_apart(weights.model, optimizer)
    return weights


def _folder(given: object) -> Path:
    if given is not None and not isinstance(given, str | os.PathLike):
        raise ConfigError(f"sessions_dir is {type(given).__name__}: give the folder's path", "sessions_dir")
    return Path(expanded(os.fspath(given or os.environ.get("CL_TUI_SESSIONS_DIR") or "sessions")))


def _config(
    method: str, strength: float | None, seed: int, optimizer: Optimizer, weights: Weights, options: Mapping[str, Any]
) -> RunConfig:
    check_options(method, options)
    if isinstance(strength, int) and not isinstance(strength, bool):
        strength = float(strength) if abs(strength) <= MOST_STRENGTH else math.inf  # which is refused
    rate = max(float(group["lr"]) for group in optimizer.param_groups)
    own = {key if key == "leave_alone" else f"{method}.{key}": value for key, value in options.items()}
    return resolve(
        {
            "benchmark": OWN_LOOP,
            "method": method,
            "strength": strength,
            "seed": seed,
            "device": weights.device.type if weights.device.type in ("cuda", "mps") else "cpu",
            "lr": rate if 0 < rate <= 1000 else None,
            "threads": min(1024, torch.get_num_threads()),
            **own,
        }
    )


def _stored(folder: Path, name: str | None, resume: bool, config: RunConfig) -> Session | None:
    """The session to continue; None if there is none yet. Raises ConfigError or SessionError."""
    if name is not None and not isinstance(name, str):
        raise ConfigError(f"session is {type(name).__name__}: give its name, a text", "session")
    if resume and name is None:
        raise ConfigError("resume=True continues a session: say which with session=…", "session")
    if name is None or not os.path.lexists(folder / check_name(name)):
        return None
    if not resume:
        raise SessionExists(
            f"session {name} already exists in {folder}: choose another session=…, or continue it with resume=True"
        )
    session = Session.open(folder, check_name(name))
    if session.config.benchmark != OWN_LOOP:
        raise ConfigError(f"session {name} was trained by cl-tui run, not by protect: choose another session=…")
    then, now = session.config.flat(), config.flat()
    for key in ("method", "strength", "seed", "leave_alone", *config.method_options.kept):
        if then[key] != now[key]:
            raise ConfigError(
                f"{key} = {shown(now[key])}: session {name} has {shown(then[key])}; give the same to continue it"
                + (", and change it with run.set_strength(…)" if key == "strength" else ""),
                key,
            )
    return session


def _names(tasks: Sequence[str]) -> list[str]:
    if isinstance(tasks, str) or not isinstance(tasks, Iterable):
        raise ConfigError("tasks = … are the names of the tasks: give a list of texts", "tasks")
    found = [as_name(name) for name in islice(tasks, MOST_TASKS + 1)]
    if len(found) > MOST_TASKS:
        raise ConfigError(f"tasks = …: a session has at most {MOST_TASKS:,} tasks", "tasks")
    for name in found:
        if found.count(name) > 1:
            raise ConfigError(f"tasks = …: {name} is there twice; give each task its own name", "tasks")
    return found


def _check_words(scaler: Any, score: str, unit: str) -> None:
    if not isinstance(score, str) or score not in SCORES:
        raise unknown("score", score, SCORES)
    if not isinstance(unit, str) or len(unit) > LONGEST_NAME:
        given = f"{len(unit):,} characters" if isinstance(unit, str) else type(unit).__name__
        raise ConfigError(f"unit: it is a text of at most {LONGEST_NAME} characters, not {given}", "unit")
    if unit and not SCORES[score].sized:
        raise ConfigError(f"unit = {unit}: {SCORES[score].title} has none; leave it out, or give score='rmse'", "unit")
    needed = ("scale", "unscale_", "step", "update")
    if scaler is not None and not all(callable(getattr(scaler, name, None)) for name in needed):
        raise ConfigError(f"scaler is {type(scaler).__name__}: give a torch.amp.GradScaler", "scaler")
