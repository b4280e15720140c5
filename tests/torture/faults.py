"""Faults at every kind of file operation: refused once, a few times or until the run is told to stop; done by half;
done and yet refused; the last before a kill.

A run waits for a fault to pass and ends in the same bits. Where one does not pass, SIGTERM ends the run with exit code
1 and a sentence; resume ends in the same bits.
"""

import errno
import functools
import random
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

from engine.sessions.session import Session
from engine.settings.run import RunConfig
from tests.torture.children import NAME, Child, config, finish, problems, together, undisturbed, where
from tests.torture.counts import Counts
from tests.torture.faulty import CHANGING, FOR_EVER, GROWING, READING, Action, Fault, Operation, injected, read_trace

EACH = 20
"""Faults of one configuration."""
KILLS = (Action.KILL_BEFORE, Action.KILL_AFTER, Action.KILL_HALFWAY)
FAILURES = (Action.REFUSE, Action.REFUSE, Action.DO_AND_REFUSE, Action.SHORT, Action.SHORT_THEN_REFUSE)
ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT)
LASTING = (
    (errno.ENOSPC, GROWING),
    (errno.EDQUOT, GROWING),
    (errno.EROFS, CHANGING),
    (errno.EIO, frozenset({Operation.WRITE})),
    (errno.EIO, frozenset({Operation.SYNC})),
    (errno.EIO, frozenset({Operation.RENAME})),
)

Calls = Counter[Operation]
"""How many operations of each kind an undisturbed run does."""


def run(count: int, seed: int) -> Counts:
    runs = -(-count // EACH)
    return together(functools.partial(_some, seed, -(-count // runs)), range(runs))


def _some(seed: int, count: int, number: int) -> Counts:
    chosen = random.Random(f"{seed} {number}")
    settings = config(number)
    counts = Counts()
    with tempfile.TemporaryDirectory() as temporary:
        whole = undisturbed(Path(temporary) / "whole", settings)
        traced = Child(Path(temporary) / "traced", settings, Fault())
        traced.wait()
        calls = Counter(traced.operation for traced in read_trace(traced.trace))
        tries = 0
        while counts.faults < count:
            tries += 1
            counts += _one(Path(temporary) / f"{tries}", settings, whole, calls, chosen)
        return counts


def _one(folder: Path, settings: RunConfig, whole: Session, calls: Calls, chosen: random.Random) -> Counts:
    kind = chosen.choice([_passing, _passing, _killing, _lasting, _reading])
    fault = kind(calls, chosen)
    if kind is _reading or chosen.random() < 0.3:  # a resume is disturbed, not the first start
        Child(folder, settings, _killing(calls, chosen)).wait()
        if (folder / NAME / "summary.json").exists():
            return Counts()
    child = Child(folder, settings, fault)
    if fault.count == FOR_EVER:
        while not child.ended and not injected(child.trace):
            time.sleep(0.01)
        time.sleep(chosen.uniform(0, 0.1))
        child.signal(signal.SIGTERM)
    ended = child.wait()
    hit = injected(child.trace)
    if not hit:
        allowed = {0}
    elif fault.action in KILLS:
        allowed = {-signal.SIGKILL}
    elif not _trained_before(child.trace):
        allowed = {0, 1, 2}
    else:
        allowed = {0, 1} if fault.count == FOR_EVER else {0}
    told = ended.code == 0 or ended.killed or ended.said
    wrong = "" if ended.code in allowed and told else str(ended)
    what = f"{where(settings)}, {fault}" + (f" ({hit[0]})" if hit else "")
    return Counts(faults=int(bool(hit))) + problems(what, ended, wrong) + finish(folder, settings, whole, what)


def _passing(calls: Calls, chosen: random.Random) -> Fault:
    return _anywhere(calls, chosen, chosen.choice(FAILURES), chosen.choice([1, 1, 2, 3, 7]), chosen.choice(ERRORS))


def _killing(calls: Calls, chosen: random.Random) -> Fault:
    return _anywhere(calls, chosen, chosen.choice(KILLS))


def _anywhere(calls: Calls, chosen: random.Random, action: Action, count: int = 1, error: int = 0) -> Fault:
    """At one operation of a kind, each kind being as likely; now and then at any operation."""
    kinds = sorted(CHANGING & calls.keys())
    which = frozenset({chosen.choice(kinds)}) if chosen.random() < 0.8 else CHANGING
    return Fault(chosen.randrange(sum(calls[kind] for kind in which)), count, action, error, which)


def _lasting(calls: Calls, chosen: random.Random) -> Fault:
    error, which = chosen.choice(LASTING)
    at = chosen.randrange(sum(calls[kind] for kind in which))
    return Fault(at, FOR_EVER, chosen.choice([Action.REFUSE, Action.SHORT_THEN_REFUSE]), error, which)


def _reading(_: Calls, chosen: random.Random) -> Fault:
    """Among the first operations of a resume."""
    return Fault(chosen.randrange(20), chosen.choice([1, 2, 20]), Action.REFUSE, errno.EIO, READING)


def _trained_before(trace: Path) -> bool:
    """Whether the log had its first line when the first fault came."""
    for traced in read_trace(trace):
        if traced.action is not Action.NONE:
            return False
        if traced.operation is Operation.WRITE and traced.path.endswith("events.jsonl"):
            return True
    return False
