"""The filter of a list of sessions."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cl_tui.reports.filter import understood
from engine.record.history import History
from engine.sessions.listing import Listed
from engine.sessions.notes import Notes
from engine.settings.run import resolve
from tests import saved
from tests.conftest import CommandLine


def listed(name: str, accuracies: tuple[float, ...] = (), **settings: object) -> Listed:
    matrix = (tuple([1.0] * len(accuracies)), accuracies)[: len(accuracies)] if accuracies else ()
    config = resolve({"method": "si", **settings})
    return Listed(name, "finished", time.time() - 7200, config, History("finished", matrix=matrix))


SESSIONS = [
    listed("calm-otter", (0.95, 0.97), strength=10.0, lr=1e-3),
    listed("brave-fox", (0.5, 0.7), method="ewc", seed=3, lr=1e-2),
    Listed("broken", "damaged", 0.0, problem="no", notes=Notes("worth another look", ("paper",), pinned=True)),
]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["calm-otter", "brave-fox", "broken"]),
        ("method:si", ["calm-otter"]),
        ("-method:si", ["brave-fox", "broken"]),
        ("method!=si", ["brave-fox", "broken"]),
        ("acc>95 method:si", ["calm-otter"]),
        ("acc=96", ["calm-otter"]),
        ("acc<90", ["brave-fox"]),
        ("lost>=40", ["brave-fox"]),
        ("lr>=1e-3 lr<0.01", ["calm-otter"]),
        ("lr>=1e-3", ["calm-otter", "brave-fox"]),
        ("c:10", ["calm-otter"]),
        ("seed:3", ["brave-fox"]),
        ("tag:paper pinned:yes", ["broken"]),
        ("-state:damaged name:*otter", ["calm-otter"]),
        ("benchmark:digits optimizer:adam", ["calm-otter", "brave-fox"]),
        ("hidden:100,100 reset_optimizer:true", ["calm-otter", "brave-fox"]),
        ('note:"another look"', ["broken"]),
        ("OTTER", ["calm-otter"]),
        ("-otter", ["brave-fox", "broken"]),
        ("#paper", ["broken"]),
        ("age<1d", ["calm-otter", "brave-fox"]),
        ("age>2d", ["broken"]),
    ],
)
def test_it_finds_what_fits(text: str, names: list[str]) -> None:
    wanted = understood(text)
    assert wanted.problem == ""
    assert [one.name for one in SESSIONS if wanted.accepts(one)] == names


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("acc>", "acc>: a number is missing; write acc>95, for example"),
        ("lr>=much method:si", "lr>=much: 'much' is no number; write lr>=1e-3, for example"),
        ("age<soon", "age<soon: 'soon' is no number; write age<2d, for example"),
        ("zzz>3", "zzz>3: there is no 'zzz'; write method:si acc>95 tag:paper -state:stopped lr>=1e-3"),
        ("method:sii", "method:sii: no method is 'sii'; did you mean si?"),
    ],
)
def test_what_it_does_not_understand_is_said_and_the_rest_holds(text: str, problem: str) -> None:
    wanted = understood(text)
    assert wanted.problem == problem
    assert len(wanted.terms) == len(text.split()) - 1


@given(st.text(alphabet='ab:<>=!-*"#[ 1.emthodsiac', max_size=30))
def test_no_text_raises(text: str) -> None:
    wanted = understood(text)
    for one in SESSIONS:
        wanted.accepts(one)


def test_the_command_line_has_the_same_filter(cl_tui: CommandLine, tmp_path: Path) -> None:
    for seed in (1, 2):
        saved.finished(tmp_path, f"run-{seed}", seed=seed)
    place = ("--sessions-dir", str(tmp_path))
    listing = cl_tui("sessions", "list", "--filter", "seed:1", *place).out
    assert "run-1" in listing
    assert "run-2" not in listing
    assert "none of the 2 sessions" in cl_tui("sessions", "list", "--filter", "seed:7", *place).out
    refused = cl_tui("sessions", "list", "--filter", "acc>x", *place)
    assert (refused.exit_code, refused.err) == (
        2,
        "cl-tui: --filter acc>x: 'x' is no number; write acc>95, for example\n",
    )
    compared = cl_tui("compare", "--filter", "seed>=1", "--plain", *place)
    assert compared.exit_code == 0
    assert "run-1" in compared.out
