"""The published configurations: whole, valid, chosen by a method or a scenario, and under any settings of the user."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cl_tui.batch import plan as batch
from cl_tui.batch import reproduce
from cl_tui.commands.cli import app
from engine.catalog.benchmarks import BENCHMARKS
from engine.catalog.entries import Case, Preset
from engine.catalog.methods import METHODS
from engine.catalog.models import MODELS
from engine.catalog.presets import PRESETS, settings_of
from engine.errors import ConfigError
from engine.record import metrics
from engine.settings.run import known_settings, resolve

CASES = [(preset, case) for preset in PRESETS.values() for case in preset.cases]
BY_CASE = pytest.mark.parametrize(("preset", "case"), CASES)


@BY_CASE
def test_every_case_is_a_valid_configuration(preset: Preset, case: Case) -> None:
    config = resolve({"preset": preset.name, **case.choice})
    for key, value in {**preset.settings, **case.choice, **case.settings}.items():
        found = config.flat()[key]
        assert (dict(found) if isinstance(value, dict) else found) == value, key
    assert config.preset == preset.name


@BY_CASE
def test_a_case_names_only_settings_there_are(preset: Preset, case: Case) -> None:
    assert {*preset.settings, *case.choice, *case.settings} <= known_settings().keys()


@BY_CASE
def test_nothing_that_decides_a_result_is_left_to_a_benchmarks_defaults(preset: Preset, case: Case) -> None:
    """A default that we change must not change a published configuration."""
    config = resolve({"preset": preset.name, **case.choice})
    said = {*preset.settings, *case.choice, *case.settings}
    decided = {"method", "benchmark", "scenario", "optimizer", "lr", "batch_size", "reset_optimizer"}
    decided |= {"hidden"} & MODELS[config.model].options.kept.keys() | ({"model"} if config.model != "mlp" else set())
    if METHODS[config.method].symbol:
        decided.add("strength")
        decided |= set(BENCHMARKS[config.benchmark].method_defaults.get(config.method, {}))
    assert decided <= said
    assert "epochs" in said or "steps" in said


def test_the_cases_of_a_preset_are_told_apart_by_their_choice() -> None:
    for preset in PRESETS.values():
        choices = [tuple(sorted(case.choice.items())) for case in preset.cases]
        assert len(set(choices)) == len(choices)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("none", "task", 0.0)),
        ({"method": "si"}, ("si", "task", 50.0)),
        ({"scenario": "class"}, ("none", "class", 0.0)),
        ({"method": "ewc", "scenario": "domain"}, ("ewc", "domain", 1e6)),
    ],
)
def test_what_is_given_chooses_the_case(given: dict[str, Any], expected: tuple[str, str, float]) -> None:
    config = resolve({"preset": "vandeven-split-mnist"} | given)
    assert (config.method, config.scenario, config.strength) == expected


def test_a_method_that_the_preset_does_not_know_gets_what_all_cases_share() -> None:
    config = resolve({"preset": "vandeven-split-mnist", "method": "mas"})
    assert (config.method, config.steps, config.option("hidden")) == ("mas", 2000, (400, 400))
    assert config.strength == BENCHMARKS["split-mnist"].strengths["mas"]


def test_what_is_given_goes_over_the_preset() -> None:
    config = resolve({"preset": "pathint-split-mnist", "lr": 0.5, "hidden": [3], "xi": 0.25, "strength": 9.0})
    assert (config.lr, config.strength, config.epochs) == (0.5, 9.0, 10)
    assert (config.option("hidden"), config.option("xi")) == ((3,), 0.25)


def test_epochs_take_the_place_of_a_presets_steps() -> None:
    config = resolve({"preset": "vandeven-split-mnist", "epochs": 3})
    assert (config.epochs, config.steps) == (3, None)


def test_an_unknown_preset_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ConfigError, match="unknown preset 'mas-dem': did you mean 'mas-demo'"):
        resolve({"preset": "mas-dem"})


def test_the_two_settings_of_the_mas_demo() -> None:
    first, second = (resolve({"preset": "mas-demo", "recompute": again}) for again in (True, False))
    assert (first.lr, second.lr) == (1e-2, 1e-3)
    assert first == resolve({"preset": "mas-demo"})


def test_both_strengths_of_the_authors_code_are_cases_with_their_source() -> None:
    """The names of the sessions follow from these settings: a case that is told apart by its strength leaves the
    others as they are."""
    si = {
        case.choice.get("strength", case.settings.get("strength")): case
        for case in PRESETS["vandeven-split-mnist"].cases
        if (case.choice["method"], case.choice["scenario"]) == ("si", "task")
    }
    assert list(si) == [50.0, 10.0]
    assert "2019" in si[50.0].source
    assert "since 2022" in si[10.0].source
    today = resolve({"preset": "vandeven-split-mnist", **si[10.0].choice})
    assert (today.strength, today.option("xi"), today.option("gradient")) == (10.0, 0.1, "total")
    usual = resolve({"preset": "vandeven-split-mnist", **si[50.0].choice})
    assert usual.changed(strength=10.0) == today


def test_a_published_number_with_an_error_tells_its_runs_and_its_source() -> None:
    for preset, case in CASES:
        if case.error is not None:
            assert case.published is not None, preset.name
            assert case.runs is not None
            assert case.source


def test_what_was_published_of_each_task_is_known_at_the_end_of_a_run() -> None:
    for preset, case in CASES:
        assert case.by_task.keys() <= metrics.BY_TASK.keys()
        tasks = resolve({"preset": preset.name, **case.choice}).tasks
        for name, values in case.by_task.items():
            assert len(values) == (tasks - 1 if name == "forgetting" else tasks)


def test_a_preset_tells_its_settings_without_resolving() -> None:
    made = settings_of(PRESETS["pathint-permuted-mnist"], {"method": "none"})
    assert made["hidden"] == (2000, 2000)
    assert "xi" not in made


def test_presets_are_listed_with_their_sources() -> None:
    listed = CliRunner().invoke(app, ["presets"])
    assert listed.exit_code == 0
    for preset in PRESETS.values():
        assert preset.name in listed.stdout
        assert preset.source.split(",")[0] in listed.stdout


@pytest.mark.parametrize("name", PRESETS)
def test_one_preset_shows_every_setting_it_makes(name: str) -> None:
    shown = CliRunner().invoke(app, ["presets", name])
    assert shown.exit_code == 0
    preset = PRESETS[name]
    for key in preset.settings:
        assert key in shown.stdout
    for case in preset.cases:
        if case.published is not None:
            assert f"{case.published:.2f}" in shown.stdout
        if case.error is not None:
            assert f"{case.published:.2f} ± {case.error:.2f}" in shown.stdout


@pytest.mark.parametrize("name", ["hsu-split-mnist", "vandeven-split-mnist"])
def test_a_batch_of_a_preset_alone_has_all_of_its_cases(name: str) -> None:
    settings = {"preset": name}
    runs = batch.plan({"seed": [0, 1]}, settings, {}, jobs=1, cases=batch.cases_of(settings))
    again = [run for _, planned in reproduce.plan(PRESETS[name], 2, {}, jobs=1) for run in planned]
    assert [run.name for run in runs] == [run.name for run in again]
    assert batch.cases_of(settings | {"method": ["si"]}) == batch.cases_of({"epochs": 1}) == [{}]


def test_a_batch_runs_one_preset_with_several_methods(tmp_path: Path) -> None:
    """On digits with few steps, so that it is quick: what matters is that the preset reaches every combination."""
    small = ["--benchmark", "split-digits", "--steps", "2", "--hidden", "4", "--tasks", "2", "--device", "cpu"]
    line = ["batch", "--preset", "vandeven-split-mnist", "--method", "none", "--method", "si", *small]
    done = CliRunner().invoke(app, [*line, "--sessions-dir", str(tmp_path)])
    assert done.exit_code == 0, done.output
    made = sorted(path.name for path in tmp_path.iterdir())
    assert [name.split("-")[0] for name in made] == ["none", "si"]
    settings = (tmp_path / made[1] / "config.toml").read_text()
    assert "strength = 50.0" in settings
    assert 'gradient = "total"' in settings
