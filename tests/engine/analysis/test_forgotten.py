"""Layers put back, and the answers told again from checkpoints, against what the run itself told."""

from pathlib import Path

import pytest

from engine.analysis.forgotten import put_back, retold
from engine.errors import SessionTooYoung
from engine.record.events import ANSWERS, WHOLE_ANSWERS, WHOLE_TARGETS
from engine.record.shown import Shown
from engine.sessions.session import Session
from tests.runs import finished, tiny


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    folder = tmp_path_factory.mktemp("forgotten")
    return finished(folder, tiny("none", scenario="domain", tasks=3, epochs=8, lr=0.02))


def test_checkpoints_tell_again_what_the_run_told(session: Session) -> None:
    shown, told = retold(session.path.parent, session.name)
    kept = Shown.read(session.path)
    assert kept is not None
    assert shown.packed() == kept.packed()
    history = session.history()
    for name in (ANSWERS, WHOLE_ANSWERS, WHOLE_TARGETS):
        again = [event for event in told if event.name == name]
        assert len(again) == 3
        assert all(event in list(history.packed[name]) for event in again)


def test_a_layer_that_is_put_back_is_judged_on_the_whole_task(session: Session) -> None:
    found = put_back(session.path.parent, session.name, 0, 3)
    history = session.history()
    shown = Shown.read(session.path)
    assert shown is not None
    assert found.now == pytest.approx(history.matrix[2][0])
    assert set(found.layers) == {"fc1", "head"}
    assert found.now < history.matrix[0][0] - 0.05
    best = max(layer.score for layer in found.layers.values())
    assert best > found.now
    assert all(len(layer.right) == len(shown.tasks[0]) for layer in found.layers.values())
    with pytest.raises(SessionTooYoung, match="nothing to put back yet"):
        put_back(session.path.parent, session.name, 2, 3)


def test_a_session_whose_tasks_have_not_ended_has_nothing(session: Session, tmp_path: Path) -> None:
    young = Session.create(tmp_path, "young", tiny())
    with pytest.raises(SessionTooYoung):
        retold(young.path.parent, young.name)
