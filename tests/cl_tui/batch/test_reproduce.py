"""Published tables run again: what is run, how it is compared, and what is written."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from cl_tui.batch.plan import one_run, run_name
from cl_tui.batch.reproduce import HEADINGS, HOW_TO_READ, Row, cells, label, page, plan, row_of, table
from cl_tui.commands.cli import app
from cl_tui.reports import verdict
from cl_tui.reports.statistics import Estimate, estimate
from engine.catalog.entries import Case, Preset
from engine.catalog.presets import PRESETS
from engine.settings.run import resolve

ROOT = Path(__file__).parents[3]
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
        Case({"method": "si"}, {"strength": 1.0}, source="The table of nobody"),
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


@pytest.fixture
def published() -> Case:
    """A single run of it scatters by 0.2 · √25 = 1 point."""
    return Case({"method": "none"}, published=30.0, error=0.2, runs=25)


def _row(case: Case, *accuracies: float) -> Row:
    runs = [one_run({**TINY.settings, "method": "none", "seed": seed}, jobs=1) for seed in range(len(accuracies))]
    return row_of(
        TINY, case, runs, {run.name: {"average_accuracy": of} for run, of in zip(runs, accuracies, strict=True)}
    )


def test_a_row_judges_by_both_errors(published: Case) -> None:
    """Here: four runs of mean 30.3, standard deviation 0.2, error 0.1. The difference has the error √(0.2² + 0.1²) =
    0.2236; Welch's degrees of freedom are 0.05² / (0.04²/24 + 0.01²/3) = 25, whose t is 2.0595: ± 0.4605."""
    apart = 0.002 * (3 / 4) ** 0.5
    row = _row(published, 0.303 - apart, 0.303 - apart, 0.303 + apart, 0.303 + apart)
    found = row.as_dict()
    assert found["mean"] == pytest.approx(0.303)
    assert found["standard_error"] == pytest.approx(0.001)
    assert found["difference"] == pytest.approx(0.003)
    assert found["half_width"] == pytest.approx(0.004605, abs=1e-6)
    assert (found["margin"], found["verdict"], found["seeds"]) == (pytest.approx(0.01), "agrees", [0, 1, 2, 3])


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_table_can_be_read_at_any_width(width: int) -> None:
    """Every row's numbers stand in one line, under their headings, beside or below its case and verdict."""
    preset = PRESETS["vandeven-split-mnist"]
    rows = [
        row_of(preset, case, runs, {run.name: {"average_accuracy": 0.9 + run.config.seed / 100} for run in runs})
        for case, runs in plan(preset, 5, {}, jobs=1)
    ]
    shown = io.StringIO()
    Console(file=shown, width=width).print(table(preset, rows, width))
    lines = shown.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    (head,) = [line for line in lines if HEADINGS[1] in line and HEADINGS[-2] in line]
    for row in rows:
        case, *numbers, said = cells(row)
        begins = lines.index(next(line for line in lines if line.startswith(case)))
        assert said in " ".join(line.strip() for line in lines[begins : begins + 3])
        told = next(line for line in lines[begins:] if " ".join(numbers) in " ".join(line.split()))
        for heading, number in zip(HEADINGS[1:-1], numbers, strict=True):
            assert told[: head.index(heading) + len(heading)].endswith(number)


def test_a_strength_reads_as_it_is_typed_and_names_stay() -> None:
    labels = [label(case) for case in PRESETS["vandeven-split-mnist"].cases]
    assert "task, ewc, λ = 1e7" in labels
    assert not [text for text in labels if "e+" in text]
    assert run_name(resolve({"method": "ewc", "strength": 1e7})).startswith("ewc-1e07-split-digits-seed0-")


def test_the_same_difference_is_judged_by_the_published_error(published: Case) -> None:
    """Half a point: within a margin of one point by an exact number, not to be told by one with a wide error."""
    here = (0.3049, 0.305, 0.305, 0.3051)
    assert _row(replace(published, error=None), *here).as_dict()["verdict"] == "agrees"
    wide = _row(replace(published, error=1.0, runs=4), *here).as_dict()
    assert wide["margin"] == pytest.approx(0.02)
    assert wide["verdict"] == "too few runs to tell"
    assert wide["seeds_to_tell"] is None, "however many seeds: half of the interval is the published error's"


def test_a_row_far_off_differs(published: Case) -> None:
    row = _row(published, 0.35, 0.351, 0.349)
    assert row.as_dict()["verdict"] == "differs"
    assert cells(row)[1:] == ("30.00 ± 0.20", "35.00 ± 0.06", "3", "+5.00 ± 0.43", "1.00", "differs")


def test_one_seed_is_too_few_and_the_published_scatter_tells_how_many_are_enough(published: Case) -> None:
    """However near it is, a single run has no error. With no difference, a scatter and a margin of 1 point, n seeds are
    enough once 1 / √(0.2² + 1/n) ≥ t + 1.2816: 16 have 3.123 and 1.2816 + t(29.4) = 3.325, 19 have 3.287 and 1.2816 +
    t(33.0) = 3.316, 20 have 3.333 and 1.2816 + t(34.3) = 3.313."""
    row = _row(published, 0.30)
    found = row.as_dict()
    assert (found["verdict"], found["standard_error"], found["seeds_to_tell"]) == ("too few runs to tell", None, 20)
    assert cells(row)[2:] == ("30.00", "1", "+0.00", "1.00", "too few runs to tell; about 20 seeds would")


def test_as_many_seeds_as_a_row_asks_for_tell_in_four_of_five_experiments() -> None:
    """Drawn from two programs that are truly alike."""
    draw = np.random.default_rng(0)
    published = Estimate(0.5, 0.004, 25)
    asked = verdict.seeds_to_tell(Estimate(0.5, 0.02 / 2, 4), published)
    assert asked is not None
    words = []
    for _ in range(300):
        theirs = Estimate(draw.normal(0.5, published.error), published.error, published.count)
        here = estimate(draw.normal(0.5, 0.02, asked).tolist())
        assert here
        words.append(verdict.judge(here, theirs).word)
    assert words.count("agrees") / len(words) == pytest.approx(0.8, abs=0.07)
    assert "differs" not in words


def test_a_row_of_nothing_claims_nothing(tiny: Preset) -> None:
    for case, runs in plan(tiny, 2, {}, jobs=1):
        row = row_of(tiny, case, runs, {})
        found = row.as_dict()
        assert (found["mean"], found["difference"], found["verdict"]) == (None, None, None)
        assert (cells(row)[2], cells(row)[3], cells(row)[6]) == ("—", "0", "—")


def test_the_page_holds_rows_seeds_settings_sources_and_differences(tiny: Preset) -> None:
    cases = plan(tiny, 2, {}, jobs=1)
    results = (0.31, 0.32)
    rows = [
        row_of(tiny, case, runs, {run.name: {"average_accuracy": of} for run, of in zip(runs, results, strict=True)})
        for case, runs in cases
    ]
    text = page("cl-tui reproduce tiny", [(tiny, rows)])
    assert "`cl-tui reproduce tiny`" in text
    assert "| none | 30.00 | 31.50 ± 0.50 | 2 | +1.50 ± 6.35 | 1.00 | too few runs to tell; about " in text
    assert "| si, c = 1 | — | 31.50 ± 0.50 | 2 | — | — | — |" in text
    assert "- none: 31.00 32.00" in text
    assert "hidden 4" in text
    assert "- si, c = 1: strength 1. The table of nobody" in text
    assert "- It is tiny." in text
    assert HOW_TO_READ in text


def test_what_was_published_of_each_task_stands_beside_ours() -> None:
    """Two runs of three tasks: the last row, the diagonal, and the fall from the highest."""
    case = Case(
        {"method": "none"},
        by_task={
            "after the last task": (50.0, (60.0, 1.5), 90.0),
            "right after each task": (80.0, 90.0, 90.0),
            "forgetting": (30.0, 30.0),
        },
    )
    matrices = (
        [[0.8, None, None], [0.9, 0.7, None], [0.4, 0.6, 0.9]],
        [[0.7, None, None], [0.6, 0.8, None], [0.5, 0.6, 1.0]],
    )
    runs = [one_run({**TINY.settings, "method": "none", "seed": seed}, jobs=1) for seed in range(2)]
    found = {
        run.name: {"average_accuracy": 0.6, "accuracy_matrix": matrix}
        for run, matrix in zip(runs, matrices, strict=True)
    }
    row = row_of(TINY, case, runs, found)
    by_task = row.as_dict()["by_task"]
    assert by_task["after the last task"]["published"] == [0.5, 0.6, 0.9]
    assert {name: sides["here"] for name, sides in by_task.items()} == {
        "after the last task": pytest.approx([0.45, 0.6, 0.95]),
        "right after each task": pytest.approx([0.75, 0.75, 0.95]),
        "forgetting": pytest.approx([0.35, 0.15]),
    }
    text = page("cl-tui reproduce tiny", [(TINY, [row])])
    assert "| case |  |  | task 1 | task 2 | task 3 |" in text
    assert "| none | after the last task | published | 50.00 | 60.00 ± 1.50 | 90.00 |" in text
    assert "| none | after the last task | here | 45.00 ± 5.00 | 60.00 ± 0.00 | 95.00 ± 5.00 |" in text
    shown = io.StringIO()
    Console(file=shown, width=100).print(table(TINY, [row], 100))
    assert re.search(r"none +forgetting +published +30.0 +30.0 *\n.*here +35.0 ± 15.0 +15.0 ± 5.0", shown.getvalue())

    nothing = row_of(TINY, case, runs, {})
    assert nothing.as_dict()["by_task"]["forgetting"]["here"] == [None, None]
    assert "here" not in page("", [(TINY, [nothing])]).split("Each task:")[1]


def test_where_each_task_is_learned_from_scratch_its_accuracy_then_counts() -> None:
    case = Case({"method": "none", "reset_network": True}, published=85.0)
    (run,) = [one_run({**TINY.settings, **case.choice, "seed": 0}, jobs=1)]
    row = row_of(TINY, case, [run], {run.name: {"average_accuracy": 0.5, "accuracy_matrix": [[0.8, None], [0.1, 0.9]]}})
    assert row.accuracies == (pytest.approx(0.85),)


def test_the_command_runs_compares_writes_and_skips_what_is_done(tiny: Preset, tmp_path: Path) -> None:
    results, written, sessions = tmp_path / "rows.json", tmp_path / "page.md", tmp_path / "sessions"
    line = ["reproduce", "tiny", "--jobs", "1", "--sessions-dir", str(sessions)]
    first = CliRunner().invoke(app, [*line, "--json", str(results), "--markdown", str(written)])
    assert first.exit_code == 0, first.output
    rows = json.loads(results.read_text())
    assert [(row["case"], len(row["accuracies"]), row["published"]) for row in rows] == [
        ("none", 2, 0.3),
        ("si, c = 1", 2, None),
    ]
    assert rows[0]["verdict"] in ("agrees", "differs", "too few runs to tell")
    assert rows[1]["verdict"] is None
    for row in rows:
        assert row["mean"] == pytest.approx(sum(row["accuracies"]) / 2)
        assert all((sessions / name / "summary.json").exists() for name in row["sessions"])
    assert f"{100 * rows[0]['mean']:.2f} ± {100 * rows[0]['standard_error']:.2f}" in written.read_text()
    assert "cl-tui reproduce tiny" in written.read_text()

    again = CliRunner().invoke(app, [*line, "--json", "-"])
    assert again.exit_code == 0
    assert "4 of 4 runs are already finished" in again.stderr
    for row in rows:
        assert " ".join(f"{100 * accuracy:.2f}" for accuracy in row["accuracies"]) in again.stderr
    assert json.loads(again.stdout) == rows
    both = CliRunner().invoke(app, [*line, "--json", "-", "--markdown", "-"])
    assert "only one of --json and --markdown can be -" in str(both.exception)


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


def test_the_page_has_the_published_values_of_the_presets() -> None:
    """docs/reproductions.md, which the command wrote, claims nothing that the presets do not."""
    text = (ROOT / "docs" / "reproductions.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, flags=re.DOTALL | re.MULTILINE))
    assert len(sections) >= 3
    for name, section in sections.items():
        told = re.findall(r"^\| [^|]+ \| ([\d.]+)(?: ± [\d.]+)? \|", section, flags=re.MULTILINE)
        assert told
        assert {float(value) for value in told} <= {case.published for case in PRESETS[name].cases}, name
