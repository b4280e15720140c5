"""Published tables run again: what is run, how it is compared, and what is written."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cl_tui.cli import app
from cl_tui.reproduce import cells, compare, page, plan
from engine.presets import PRESETS, Case, Preset

ROOT = Path(__file__).parent.parent
TINY = Preset(
    name="tiny",
    title="Two tasks of digits",
    source="nobody",
    settings={
        "benchmark": "split-digits",
        "tasks": 2,
        "hidden": (4,),
        "steps": 3,
        "batch_size": 50,
        "device": "cpu",
    },
    cases=(
        Case({"method": "none"}, published=30.0),
        Case({"method": "si"}, {"strength": 1.0}),
    ),
    seeds=2,
    differs=("It is tiny.",),
)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Preset:
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    return TINY


def test_a_plan_is_every_case_with_every_seed(tiny: Preset) -> None:
    cases = plan(tiny, 3, {}, jobs=1)
    assert [case.choice["method"] for case, _ in cases] == ["none", "si"]
    for _, runs in cases:
        assert [run.config.seed for run in runs] == [0, 1, 2]
        assert len({run.name for run in runs}) == 3


def test_a_row_compares_the_mean_with_what_was_published(tiny: Preset) -> None:
    (case, runs), _ = plan(tiny, 2, {}, jobs=1)
    row = compare(
        tiny, case, runs, {runs[0].name: {"average_accuracy": 0.24}, runs[1].name: {"average_accuracy": 0.30}}
    )
    assert row.mean == pytest.approx(0.27)
    assert row.standard_error == pytest.approx(0.03)
    assert row.difference == pytest.approx(-0.03)
    assert row.within is True
    assert cells(row) == ("none", "30.00", "27.00 ± 3.00", "-3.00", "yes, 4", "2")


def test_a_row_outside_its_tolerance_says_no(tiny: Preset) -> None:
    (case, runs), _ = plan(tiny, 1, {}, jobs=1)
    row = compare(tiny, case, runs, {runs[0].name: {"average_accuracy": 0.35}})
    assert row.within is False
    assert row.standard_error is None
    assert cells(row)[2:5] == ("35.00", "+5.00", "no, 4")


def test_a_row_of_nothing_claims_nothing(tiny: Preset) -> None:
    for case, runs in plan(tiny, 2, {}, jobs=1):
        row = compare(tiny, case, runs, {})
        assert (row.mean, row.difference, row.within) == (None, None, None)
        assert cells(row)[2:] == ("—", "—", "—", "0")


def test_the_page_holds_rows_settings_and_differences(tiny: Preset) -> None:
    cases = plan(tiny, 1, {}, jobs=1)
    rows = [compare(tiny, case, runs, {runs[0].name: {"average_accuracy": 0.31}}) for case, runs in cases]
    text = page("cl-tui reproduce tiny", [(tiny, rows)])
    assert "`cl-tui reproduce tiny`" in text
    assert "| none | 30.00 | 31.00 | +1.00 | yes, 4 | 1 |" in text
    assert "| si | — | 31.00 | — | — | 1 |" in text
    assert "hidden 4" in text
    assert "- si: strength 1" in text
    assert "- It is tiny." in text


def test_the_command_runs_compares_writes_and_skips_what_is_done(tiny: Preset, tmp_path: Path) -> None:
    results, written, sessions = tmp_path / "rows.json", tmp_path / "page.md", tmp_path / "sessions"
    line = ["reproduce", "tiny", "--jobs", "1", "--sessions-dir", str(sessions)]
    first = CliRunner().invoke(app, [*line, "--json", str(results), "--markdown", str(written)])
    assert first.exit_code == 0, first.output
    rows = json.loads(results.read_text())
    assert [(row["case"], len(row["accuracies"]), row["published"]) for row in rows] == [
        ("none", 2, 0.3),
        ("si", 2, None),
    ]
    for row in rows:
        assert row["mean"] == pytest.approx(sum(row["accuracies"]) / 2)
        assert all((sessions / name / "summary.json").exists() for name in row["sessions"])
    assert f"{100 * rows[0]['mean']:.2f} ± {100 * rows[0]['standard_error']:.2f}" in written.read_text()
    assert "cl-tui reproduce tiny" in written.read_text()

    again = CliRunner().invoke(app, line)
    assert again.exit_code == 0
    assert "4 of 4 runs are finished already" in again.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["reproduce", "tinny"], "unknown preset 'tinny'"),
        (["reproduce", "mas-demo", "--data-dir", "{tmp}/empty", "--json", "{tmp}/no/rows.json"], "--json"),
        (["reproduce", "mas-demo", "--device", "abacus"], "device = 'abacus'"),
    ],
)
def test_what_cannot_be_run_is_said_before_anything_starts(arguments: list[str], said: str, tmp_path: Path) -> None:
    line = [argument.replace("{tmp}", str(tmp_path)) for argument in arguments]
    refused = CliRunner().invoke(app, [*line, "--sessions-dir", str(tmp_path / "sessions")])
    assert refused.exit_code != 0
    assert said in str(refused.exception)
    assert not (tmp_path / "sessions").exists()


def test_the_readme_claims_what_the_command_wrote() -> None:
    """Row by row: no number in the README's tables of reproductions that is not in docs/reproductions.md."""
    written = (ROOT / "docs" / "reproductions.md").read_text(encoding="utf-8").splitlines()
    claimed = (ROOT / "README.md").read_text(encoding="utf-8").split("<!-- reproductions -->")[1].split("\n## ")[0]
    rows = [line for line in claimed.splitlines() if line.startswith("|")]
    assert len(rows) > len(PRESETS["vandeven-split-mnist"].cases)
    assert [row for row in rows if row not in written] == []
