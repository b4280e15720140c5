"""The card at the end of a run: what it compares with, what it counts, and what it offers."""

from pathlib import Path

import pytest

from cl_tui.charts.style import Palette
from cl_tui.panes.card import card_lines
from cl_tui.reports.card import Card, card, chance
from engine.record.alarm import Cure
from engine.record.events import StrengthChanged
from engine.record.history import History
from engine.sessions.listing import list_sessions
from engine.settings.run import resolve
from tests import saved, screen_data


def told(folder: Path, name: str) -> Card:
    listed = {found.name: found for found in list_sessions(folder)}
    session = listed[name].session
    assert session is not None
    return card(name, session.config, session.history(), listed.values())


def text(found: Card, width: int = 100) -> str:
    lines = card_lines(found, width, Palette())
    assert all(sum(part.cell_length for part in line) <= width for line in lines)
    return "\n".join("".join(part.text for part in line).rstrip() for line in lines)


def test_the_result_stands_beside_none_and_joint_of_the_same_seed_and_over_the_seeds(tmp_path: Path) -> None:
    for seed in range(3):
        saved.finished(tmp_path, f"si-{seed}", seed=seed)
    saved.finished(tmp_path, "none-0", method="none")
    saved.finished(tmp_path, "joint-1", method="joint", seed=1)
    saved.finished(tmp_path, "other", method="none", lr=0.5)
    saved.finished(tmp_path, "elsewhere", method="joint", scenario="domain")
    found = told(tmp_path, "si-0")
    assert set(found.own.seeds) == {0, 1, 2}
    assert found.bounds == {"none": pytest.approx(0.95)}
    assert found.missing == ["joint"], "with another seed, it is no bound of this run"
    assert [peer.same for peer in found.peers] == ["none-0", None]
    above, over = found.against
    assert above == "+0.0 points above none with the same seed."
    assert over == "Over three seeds: si c 1 95.0 ± 0.0, none 95.0 (one), joint 95.0 (one)."
    assert "none 95.0" in text(found)


def test_a_fork_of_another_session_is_no_run_of_its_method(tmp_path: Path) -> None:
    saved.finished(tmp_path, "si-0")
    session = saved.finished(tmp_path, "none-0", method="none")
    written = session.summary() | {"forked": {"parent": "si-0", "task": 1, "step": 2000}}
    from engine.sessions.summary import write_summary

    write_summary(session.path, written, session.sums)
    assert told(tmp_path, "si-0").missing == ["none", "joint"]


def forgotten() -> History:
    """The first of three tasks fell from 0.99 to 0.4, the second to 0.9."""
    known = screen_data.history(tasks=3)
    known.matrix = ((0.99,), (0.7, 0.98), (0.4, 0.9, 0.97))
    return known


def test_what_the_worst_task_lost_and_the_fork_that_may_keep_it() -> None:
    config = resolve({"tasks": 3, "scenario": "domain"})
    found = card("run", config, forgotten(), ())
    assert found.worst is not None
    assert (found.worst.number, round(found.worst.lost, 2)) == (1, 0.59)
    assert found.remedy == Cure("si", 10.0, fork=0)
    assert found.lines()[0].split() == ["1", "0", "8", "99.0", "→", "40.0", "−59.0"]
    without = card("run", resolve({"tasks": 3, "method": "none"}), forgotten(), ())
    assert without.remedy == Cure("si", None, fork=0)
    classes = card("run", resolve({"tasks": 3, "scenario": "class"}), forgotten(), ())
    assert classes.remedy == Cure("replay", None, fork=0), "as the watchdog says: no penalty can help there"


def test_a_strength_that_was_changed_is_told() -> None:
    known = forgotten()
    for step, before, strength in ((99, 1.0, 10.0), (499, 10.0, 0.5)):
        known.strengths = known.strengths.plus(StrengthChanged(step, 0.0, before, strength))
    found = card("run", resolve({"tasks": 3}), known, ())
    assert found.lines()[0] == "c was 1, then 10 from step 100 on, then 0.5 from step 500 on."
    assert "then 10 from step 100 on" in text(found)


def test_a_run_whose_strength_was_changed_is_no_other_seed_of_the_first_strength(tmp_path: Path) -> None:
    for seed in (0, 1, 2):
        saved.finished(tmp_path, f"si-{seed}", seed=seed)
    listed = {found.name: found for found in list_sessions(tmp_path)}
    config, steered = listed["si-0"].known()
    steered.strengths = steered.strengths.plus(StrengthChanged(99, 0.0, 1.0, 10.0))
    own = card("si-0", config, steered, listed.values()).own
    assert own.over is not None
    assert own.over.count == 1
    other, history = listed["si-1"].known()
    of_other = card("si-1", other, history, listed.values()).own
    assert set(of_other.seeds) == {1, 2}, "nor of those that kept it"


def test_nothing_is_mended_where_nothing_notable_was_lost() -> None:
    known = screen_data.history(tasks=3)
    known.matrix = ((0.99,), (0.985, 0.98), (0.986, 0.99, 0.97))
    assert card("run", resolve({"tasks": 3}), known, ()).remedy is None
    assert card("run", resolve({"tasks": 3, "method": "joint"}), forgotten(), ()).remedy is None


@pytest.mark.parametrize(("scenario", "guessing"), [("task", 1 / 2), ("domain", 1 / 2), ("class", 1 / 6)])
def test_chance_depends_on_the_classes_that_compete(scenario: str, guessing: float) -> None:
    config = resolve({"tasks": 3, "scenario": scenario})
    assert chance(config, screen_data.history(tasks=3)) == pytest.approx(guessing)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("score", ["accuracy", "r2", "rmse"])
@pytest.mark.parametrize("tasks", [1, 5, 40])
def test_it_fits_any_width(width: int, score: str, tasks: int) -> None:
    known = screen_data.history(tasks=tasks, score=score)
    shown = text(card("run", resolve({}), known, ()), width)
    assert f"after {tasks} task" in shown
    if tasks > 20:
        assert "the 11 of 40 tasks that lost most" in shown
