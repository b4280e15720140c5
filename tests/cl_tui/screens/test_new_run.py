"""The form for a new run: its defaults, its words and its line are those of the command line."""

import shlex
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import Input, Select, Static
from typer.core import TyperGroup

from cl_tui.app.app import ClTui
from cl_tui.commands import cli, train
from cl_tui.host.exit_status import ExitStatus
from cl_tui.reports.estimate import Known, estimate
from cl_tui.screens import form
from cl_tui.screens import new_run as new_run_module
from cl_tui.screens.home import HomeScreen
from cl_tui.screens.new_run import STEPS, NewRunScreen
from engine.catalog.choices import CHOICES as OWNERS
from engine.catalog.methods import METHODS
from engine.catalog.models import MODELS
from engine.catalog.recipes import RECIPES
from engine.errors import BenchmarkError, ConfigError
from engine.sessions.session import Session
from engine.settings.own_code import require_trust
from engine.settings.run import resolve
from engine.streams.images.layout import task_folders
from tests import images, own_code
from tests.conftest import CommandLine
from tests.typed import trained_by
from tests.waiting import PATIENCE_SECONDS, on_screen

Result = tuple[Session, float | None] | None


class Filled:
    """An open form."""

    def __init__(self, app: ClTui, screen: NewRunScreen, pilot: Pilot[Any]) -> None:
        self.app = app
        self.screen = screen
        self.pilot = pilot
        self.result: list[Result] = []

    async def fill(self, **values: str) -> None:
        for key, value in values.items():
            entry = self.screen.query_one(f"#{key}")
            assert isinstance(entry, Input | Select)
            entry.value = value
            await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    def said(self, name: str) -> str:
        return str(self.screen.query_one(name, Static).content)

    def problem(self, key: str) -> str:
        """What stands at a field."""
        shown = self.screen.query_one(f"#row-{key} > .problem", Static)
        return str(shown.content) if shown.display else ""

    def default(self, key: str) -> str:
        entry = self.screen.query_one(f"#{key}")
        assert isinstance(entry, Input | Select)
        return entry.placeholder if isinstance(entry, Input) else entry.prompt  # type: ignore[return-value]

    @property
    def shown(self) -> set[str]:
        return {field.key for field in form.fields() if self.screen.query_one(f"#row-{field.key}").display}

    async def until(self, condition: Callable[[], object]) -> None:
        await on_screen(self.pilot, condition, lambda: self.said("#problem"))


@asynccontextmanager
async def filling(folder: Path, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Filled]:
    app = ClTui(HomeScreen(folder))
    async with app.run_test(size=size) as pilot:
        screen = NewRunScreen(folder)
        filled = Filled(app, screen, pilot)
        await app.push_screen(screen, filled.result.append)
        await pilot.pause()
        yield filled


async def test_left_open_it_is_the_plain_command(tmp_path: Path) -> None:
    async with filling(Path("sessions")) as filled:
        assert filled.said("#line") == "cl-tui run"
        assert filled.said("#problem") == ""
        assert filled.screen._wanted is not None
        assert filled.screen._wanted.config == resolve({})


async def test_every_setting_shows_the_default_that_would_be_taken(tmp_path: Path) -> None:
    async with filling(tmp_path) as filled:
        usual = {"method": "si", "strength": "1", "hidden": "100,100", "epochs": "60", "pace": "250", "xi": "0.001"}
        assert {key: filled.default(key) for key in usual} == usual
        await filled.fill(benchmark="split-mnist", method="ewc")
        other = {"strength": "1000", "hidden": "256,256", "epochs": "4", "pace": "max", "fisher": "exact", "lr": "0.01"}
        assert {key: filled.default(key) for key in other} == other
        await filled.fill(steps="100")
        assert filled.default("epochs") == "none"


async def test_a_preset_changes_the_defaults(tmp_path: Path) -> None:
    async with filling(tmp_path) as filled:
        await filled.fill(preset="vandeven-split-mnist")
        config = resolve({"preset": "vandeven-split-mnist"})
        assert filled.default("benchmark") == config.benchmark
        assert filled.default("method") == config.method
        assert filled.default("lr") == f"{config.lr:g}"


@pytest.mark.parametrize("method", METHODS)
async def test_only_the_chosen_method_s_options_are_there(method: str, tmp_path: Path) -> None:
    async with filling(tmp_path) as filled:
        await filled.fill(method=method)
        options = {key for info in METHODS.values() for key in info.options.kept}
        assert filled.shown & options == set(METHODS[method].options.kept)
        assert ("strength" in filled.shown) == bool(METHODS[method].symbol)


@pytest.mark.parametrize("model", MODELS)
async def test_only_the_chosen_network_s_options_are_there(model: str, tmp_path: Path) -> None:
    async with filling(tmp_path) as filled:
        await filled.press("ctrl+o")
        await filled.fill(benchmark="split-mnist", model=model)
        options = {key for info in MODELS.values() for key in info.options.kept}
        assert filled.shown & options == set(MODELS[model].options.kept)


async def test_what_only_set_sets_is_there_on_demand_and_while_it_has_a_value(tmp_path: Path) -> None:
    async with filling(Path("sessions")) as filled:
        more = [field.key for field in form.fields() if field.panel == form.MORE]
        assert {"init", "momentum", "keep"} <= set(more)
        assert filled.shown & set(more) == set()
        await filled.press("ctrl+o")
        await filled.pilot.pause()
        first = next(key for key in more if key in filled.shown)
        assert filled.screen.focused is filled.screen.query_one(f"#{first}")
        assert filled.shown & set(more) >= {"init", "keep"}
        await filled.fill(keep="best")
        assert filled.said("#line") == "cl-tui run --set keep=best"
        await filled.press("ctrl+o")
        assert filled.shown & set(more) == {"keep"}


async def test_a_folder_s_settings_are_there_before_there_is_a_folder(tmp_path: Path) -> None:
    async with filling(tmp_path) as filled:
        await filled.fill(benchmark="images", model="alexnet", data_dir=str(tmp_path / "nowhere"))
        assert {"resize", "augment", "classes_per_task", "first_layer"} <= filled.shown
        assert not {"hidden", "channels", "classes"} & filled.shown
        assert "there is no such folder" in filled.problem("data_dir")


async def test_what_another_method_read_does_not_count(tmp_path: Path) -> None:
    async with filling(Path("sessions")) as filled:
        await filled.fill(method="si", xi="0.5")
        assert filled.said("#line") == "cl-tui run --xi 0.5"
        await filled.fill(method="ewc", gamma="0.9")
        assert filled.said("#line") == "cl-tui run --method ewc --gamma 0.9"
        assert filled.said("#problem") == ""
        await filled.fill(method="si")
        assert filled.said("#line") == "cl-tui run --xi 0.5"


async def test_the_line_says_only_what_differs(tmp_path: Path) -> None:
    async with filling(tmp_path / "my sessions") as filled:
        await filled.fill(method="si", epochs="60", seed="3", name="calm", device="auto", reset_optimizer="no")
        words = shlex.split(filled.said("#line"))
        assert words == [
            *["cl-tui", "run", "--seed", "3", "--keep-optimizer", "--name", "calm"],
            *["--sessions-dir", str(tmp_path / "my sessions")],
        ]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"epochs": "x"}, "it should be a whole number"),
        ({"epochs": "0"}, "it should be greater than or equal to 1"),
        ({"lr": "nan"}, "it should be a finite number"),
        ({"hidden": "10,"}, "write commas only between values"),
        ({"tasks": "11"}, "split-digits has at most 10"),
        ({"epochs": "1", "steps": "1"}, "training in epochs or in steps, not both"),
        ({"pace": "slow"}, "give steps per second, or max"),
        ({"name": "../x"}, "session name '../x'"),
        ({"method": "rwalk", "alpha": "2"}, "it should be less than or equal to 1"),
    ],
)
async def test_what_cannot_be_is_told_as_one_types_in_the_command_line_s_words(
    values: dict[str, str], why: str, tmp_path: Path
) -> None:
    async with filling(tmp_path) as filled:
        await filled.fill(**values)
        *_, at_fault = values
        assert why in filled.problem(at_fault)
        assert "\n" not in filled.problem(at_fault)
        assert filled.said("#problem") == f"Correct first: {at_fault}"
        assert filled.said("#line") == ""
        await filled.press("ctrl+r")
        assert filled.app.screen is filled.screen
        assert not list(tmp_path.iterdir())
        await filled.fill(**{key: "" for key in values if key != "method"})
        assert filled.said("#problem") == filled.problem(at_fault) == ""


async def test_every_field_that_is_wrong_says_so_at_once(tmp_path: Path) -> None:
    """Errors of the option's type, of one setting, and of two settings together."""
    async with filling(tmp_path) as filled:
        await filled.fill(seed="x", epochs="0", hidden="10,", tasks="11", pace="slow", name="../x", lr="0.1")
        shown = {field.key for field in form.fields() if filled.problem(field.key)}
        assert shown == {"seed", "epochs", "hidden", "tasks", "pace", "name"}
        for step in range(len(STEPS)):
            filled.screen._go(step)
            await filled.pilot.pause()
            rows = [filled.screen.query_one(f"#row-{key}") for key in shown]
            here = [row.region.height for row in rows if f"step-{step}" in {of.id for of in row.ancestors}]
            assert all(height >= 2 for height in here), "the error stands below its field"
        assert filled.said("#problem") == "Correct first: tasks, hidden, seed, epochs, pace, name"
        await filled.fill(seed="1", epochs="", hidden="", pace="", name="")
        assert filled.said("#problem") == "Correct first: tasks"
        await filled.fill(tasks="2")
        assert filled.said("#problem") == ""
        assert "--tasks 2" in filled.said("#line")


async def test_a_preset_brings_its_benchmark(tmp_path: Path) -> None:
    """Also where another one was chosen before; afterwards, the choice is free again."""
    async with filling(Path("sessions")) as filled:
        await filled.fill(benchmark="permuted-digits")
        await filled.fill(preset="vandeven-split-mnist")
        assert filled.default("benchmark") == "split-mnist"
        assert filled.said("#line") == "cl-tui run --preset vandeven-split-mnist"
        await filled.fill(benchmark="split-digits")
        assert "--benchmark split-digits" in filled.said("#line")


def test_each_setting_has_help_and_the_command_line_s_own(tmp_path: Path) -> None:
    found = form.fields()
    config = resolve({})
    group = typer.main.get_command(cli.app)
    assert isinstance(group, TyperGroup)
    helps = {param.name: str(getattr(param, "help", "")) for param in group.commands["run"].params}
    for field in found:
        readers = [
            (choice, name)
            for choice in OWNERS
            for name, info in OWNERS[choice].items()
            if field.key in info.options.kept
        ]
        chosen: dict[str, Any] = dict(readers[:1])
        if chosen.get("benchmark") == "images":
            chosen["classes"] = ["ant", "bee"]
        if chosen.get("benchmark") == "table":
            (tmp_path / "table.csv").write_text("task,x,y\n" + "a,1,0\na,2,1\nb,1,0\nb,2,1\n" * 5)
            chosen["data_dir"] = str(tmp_path / "table.csv")
        if "model" in chosen:
            chosen["benchmark"] = "split-mnist"  # the digits are too small for some networks
        explained = field.meaning(resolve(chosen) if readers else config)
        assert explained
        if not readers and field.panel != form.MORE and field.declared not in form.CODE.values():
            first = explained.split("\n")[0]
            assert first.split(";")[0].split(".")[0] in helps[field.key], field


async def test_the_setting_one_is_at_is_explained(tmp_path: Path) -> None:
    async with filling(tmp_path) as filled:
        await filled.press("pagedown")
        await filled.until(lambda: "How earlier tasks are protected" in filled.said("#help"))
        assert "si: Synaptic Intelligence" in filled.said("#help")
        await filled.fill(method="mas")
        assert "mas: Memory Aware Synapses" in filled.said("#help")
        filled.screen.query_one("#sensitivity").focus()
        await filled.pilot.pause()
        assert "of the network's outputs (global)" in filled.said("#help")


def wanted_by(values: dict[str, str]) -> form.Wanted | None:
    try:
        return form.wanted(form.fields(), values)
    except ConfigError:
        return None


VALUES = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(list(METHODS)),
        "benchmark": st.sampled_from(["split-digits", "permuted-digits", "split-mnist"]),
        "scenario": st.sampled_from(["task", "domain", "class"]),
        "preset": st.sampled_from(["vandeven-split-mnist", "mas-demo"]),
        "tasks": st.sampled_from(["2", "5"]),
        "hidden": st.sampled_from(["100,100", "7", "64, 32"]),
        "seed": st.sampled_from(["0", "-0", "17"]),
        "epochs": st.sampled_from(["60", "3"]),
        "steps": st.sampled_from(["10"]),
        "lr": st.sampled_from(["0.001", "1e-3", ".5", "-1"]),
        "optimizer": st.sampled_from(["adam", "sgd"]),
        "reset_optimizer": st.sampled_from(["yes", "no"]),
        "pace": st.sampled_from(["max", "250", "7.5"]),
        "data_dir": st.sampled_from(["data", "my data", "--help", "$HOME"]),
        "device": st.sampled_from(["cpu", "auto"]),
        "threads": st.sampled_from(["1", "2"]),
    },
)


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_the_shortened_line_means_what_the_whole_form_means(values: dict[str, str]) -> None:
    """The command line that the form shows gives exactly its configuration and pace, for all values."""
    wanted = wanted_by(values)
    if wanted is not None:
        assert trained_by(wanted.arguments) == (wanted.config, wanted.pace)
        for number in range(0, len(wanted.arguments)):
            assert wanted.arguments[number] != ""


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"method": "ewc", "strength": "5000", "scenario": "domain", "hidden": "20,30", "name": "calm-otter"},
        {"method": "rwalk", "alpha": "0.5", "score_every": "3", "data_dir": "it's $HOME; #1"},
        {"method": "mas", "half": "yes", "reset_optimizer": "no", "optimizer": "sgd", "leave_alone": "*.bias, head.*"},
        {"preset": "avalanche", "seed": "4", "steps": "9", "pace": "max"},
    ],
)
async def test_the_shown_line_typed_into_a_shell_starts_the_same_run(
    values: dict[str, str], tmp_path: Path, cl_tui: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form starts one session, the real command line the other."""
    watched: list[tuple[Session, float | None]] = []
    monkeypatch.setattr(train, "require_terminal", lambda instead: None)
    monkeypatch.setattr(train, "watch_training", lambda session, pace: watched.append((session, pace)) or 0)
    monkeypatch.setattr("engine.streams.files.prepare", lambda benchmark, data_dir: None)
    monkeypatch.setattr(new_run_module, "prepare", lambda benchmark, data_dir: None)
    folder = tmp_path / "a folder"
    async with filling(folder) as filled:
        await filled.fill(**values)
        line = filled.said("#line")
        await filled.press("ctrl+r")
        await filled.until(lambda: filled.result)
    (made,) = filled.result
    assert made is not None
    Session.open(folder, made[0].name).path.rename(tmp_path / "from the form")
    program, *arguments = shlex.split(line)
    assert program == "cl-tui"
    assert cl_tui(*arguments).exit_code == 0
    ((typed, pace),) = watched
    assert typed.config == made[0].config
    assert pace == made[1]
    assert typed.path.parent == folder
    if "name" in values:
        assert typed.name == made[0].name == values["name"]


@pytest.mark.parametrize("key", ["enter", "ctrl+r"])
async def test_enter_in_a_field_or_ctrl_r_starts(key: str, tmp_path: Path) -> None:
    async with filling(tmp_path) as filled:
        await filled.pilot.pause()
        filled.screen.query_one("#tasks").focus()
        await filled.press("3", key)
        await filled.until(lambda: filled.result)
        (made,) = filled.result
        assert made is not None
        assert made[0].config == resolve({"tasks": 3})
        assert made[0].path.is_dir()


async def test_a_name_that_is_taken_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    async with filling(tmp_path) as filled:
        await filled.fill(name="taken")
        await filled.press("ctrl+r")
        await filled.until(lambda: "session taken already exists" in filled.problem("name"))
        assert filled.app.screen is filled.screen


async def test_data_that_are_missing_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()

    def refuse(benchmark: str, data_dir: Path) -> None:
        assert go.wait(PATIENCE_SECONDS)
        raise BenchmarkError(f"MNIST is not in {data_dir} and could not be downloaded")

    monkeypatch.setattr(new_run_module, "prepare", refuse)
    async with filling(tmp_path / "sessions") as filled:
        await filled.fill(benchmark="split-mnist")
        await filled.press("ctrl+r")
        assert "Looking for MNIST in data" in filled.said("#help")
        go.set()
        await filled.until(lambda: "could not be downloaded" in filled.said("#problem"))
        assert not (tmp_path / "sessions").exists()


async def test_escape_during_a_download_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr(new_run_module, "prepare", lambda benchmark, data_dir: go.wait(PATIENCE_SECONDS))
    async with filling(tmp_path / "sessions") as filled:
        await filled.press("ctrl+r")
        await filled.press("escape")
        await filled.until(lambda: filled.result == [None])
        go.set()
        await filled.pilot.pause(0.2)
        assert not (tmp_path / "sessions").exists()


async def test_the_line_is_copied(tmp_path: Path) -> None:
    async with filling(Path("sessions")) as filled:
        await filled.fill(method="ewc")
        await filled.press("ctrl+y")
        assert filled.app.clipboard == "cl-tui run --method ewc"
        assert "sent to the terminal's clipboard" in filled.said("#help")
        await filled.fill(epochs="x")
        await filled.press("ctrl+y")
        assert "Not copied" in filled.said("#help")


@pytest.mark.parametrize("size", [(80, 24), (60, 18), (200, 50)])
async def test_every_field_can_be_reached_and_read(size: tuple[int, int], tmp_path: Path) -> None:
    async with filling(tmp_path, size) as filled:
        reached: set[str | None] = set()
        for step in range(len(STEPS)):
            filled.screen._go(step)
            await filled.pilot.pause()
            chain = filled.screen.focus_chain
            reached |= {entry.id for entry in chain}
            for entry in (chain[-1], chain[0]):
                entry.focus()
                scroll = filled.screen.query_one("VerticalScroll")  # which the help below may make lower or higher
                await filled.until(lambda entry=entry, scroll=scroll: scroll.region.contains_region(entry.region))
                assert entry.size.width >= 8
        assert reached == filled.shown | {"recipe"}


async def test_a_recipe_fills_in_the_form_and_goes_on_to_the_method(tmp_path: Path) -> None:
    async with filling(tmp_path) as filled:
        await filled.press("down", "enter")
        assert filled.screen._step == 1
        assert filled.screen._wanted is not None
        assert filled.screen._wanted.config == resolve(RECIPES[1].settings)
        assert "c·Σ Ω(θ−θ*)²" in filled.said("#formula")
        assert filled.said("#estimate") == "Ctrl-R starts: about 0:21, 5,160 steps"
        await filled.press("pageup", "home", "enter")
        assert filled.screen._wanted.config == resolve(RECIPES[0].settings)


async def test_several_values_are_a_batch(tmp_path: Path) -> None:
    async with filling(Path("sessions")) as filled:
        await filled.fill(strength="1,10, 100", seed="3,4")
        assert filled.said("#line") == "cl-tui batch --strength 1 --strength 10 --strength 100 --seed 3 --seeds 2"
        assert "a batch of 6 runs" in filled.said("#estimate")
        await filled.press("ctrl+r")
        assert "run it in a shell with cl-tui batch" in filled.said("#help"), "there is no terminal below a test"
        await filled.fill(seed="3,5")
        assert "seeds that follow each other" in filled.problem("seed")
        await filled.fill(seed="", strength="1,x")
        assert filled.problem("strength")


def test_earlier_runs_say_how_long_it_takes() -> None:
    before = [Known(resolve({"benchmark": "split-mnist", "epochs": 4}), 4000, 20.0)]
    again = resolve({"benchmark": "split-mnist", "epochs": 8, "method": "ewc"})
    assert estimate(again, None, before) == "about 0:40, 8,000 steps"
    assert estimate(again, 100.0, before) == "about 1:20, 8,000 steps"


async def test_too_small_a_terminal_says_so(tmp_path: Path) -> None:
    async with filling(tmp_path, (50, 12)) as filled:
        assert filled.screen.query_one("#too-small").region.height > 0
        await filled.pilot.resize_terminal(80, 24)
        await filled.pilot.pause()
        assert filled.screen.query_one("#too-small").region.height == 0


async def test_q_where_nothing_is_typed_goes_back_home(tmp_path: Path) -> None:
    async with filling(tmp_path) as filled:
        await filled.press("q")
        assert isinstance(filled.app.screen, HomeScreen)
        assert filled.app.is_running
        await filled.press("q")
    assert filled.app.return_value == ExitStatus(0, "")


def test_a_folder_is_read_once_for_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def counted(folder: Path) -> Any:
        read.append(folder)
        return task_folders(folder)

    monkeypatch.setattr("engine.streams.images.classes.task_folders", counted)
    values = {"benchmark": "images", "data_dir": str(images.folder(tmp_path / "photos")), "epochs": "3", "tasks": "2"}
    assert form.wanted(form.fields(), values).arguments[:2] == ("--benchmark", "images")
    assert read == [tmp_path / "photos"]


def test_a_folder_that_is_wrong_is_told_once(tmp_path: Path) -> None:
    found = form.problems(form.fields(), {"benchmark": "images", "data_dir": str(tmp_path)})
    assert list(found) == ["data_dir"]


async def test_a_folder_of_images(tmp_path: Path) -> None:
    """Its classes give the defaults as soon as the folder is named; until then, the form says what is missing."""
    folder = images.folder(tmp_path / "animals", ["ant", "bee", "cat", "dog"])
    async with filling(tmp_path / "sessions") as filled:
        assert "classes_per_task" not in filled.shown
        await filled.fill(benchmark="images", data_dir=str(tmp_path / "nowhere"))
        assert "there is no such folder" in filled.problem("data_dir")
        await filled.fill(data_dir=str(folder))
        assert (filled.problem("data_dir"), filled.default("classes_per_task")) == ("", "2,2")
        assert {"classes_per_task", "resize", "augment"} <= filled.shown
        assert "classes" not in {field.key for field in form.fields()}
        await filled.fill(class_order="dog,gnu")
        assert "there is no class gnu among ant, bee, cat, dog" in filled.problem("class_order")
        await filled.fill(class_order="dog,ant,bee", classes_per_task="1,2")
        line = filled.said("#line")
        assert "--benchmark images --classes-per-task 1,2" in line
        assert "--class-order dog,ant,bee" in line
        assert f"--data-dir {folder}" in line


def test_a_network_in_a_file_is_typed_into_a_field_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own_code.write(tmp_path)
    all_fields = form.fields()
    chosen = {"model": form.OWN_FILE, "benchmark": form.OWN_FILE}
    assert form.problems(all_fields, chosen)[""].startswith("model: name a file and a function in it, such as my_nets")
    values = {**chosen, "model_code": "my_nets.py:build", "benchmark_code": "my_tasks.py:tasks", "method": "ewc"}
    wanted = form.wanted(all_fields, values)
    line = "--method ewc --benchmark my_tasks.py:tasks --model my_nets.py:build"
    assert sorted(wanted.arguments) == sorted(line.split())
    assert wanted.config.code_dir == str(tmp_path)
    assert wanted.default("tasks") == "all"
    shown = {field.key for field in all_fields if field.read_by({**chosen, "method": "ewc"})}
    assert {"model_code", "benchmark_code"} <= shown
    assert not {"model_code", "channels"} & {
        field.key
        for field in all_fields
        if field.read_by({"model": "mlp", "benchmark": "split-digits", "method": "si"})
    }
    missing = form.problems(all_fields, values | {"model_code": "nix.py:build"})
    assert "there is no such file" in missing["model"]


async def test_a_run_of_ones_own_code_starts_from_the_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was typed there may run, also when the session is resumed later."""
    monkeypatch.chdir(tmp_path)
    own_code.write(tmp_path)
    async with filling(tmp_path / "sessions") as filled:
        await filled.fill(model=form.OWN_FILE, benchmark=form.OWN_FILE)
        assert "model_code" in filled.shown
        await filled.fill(model_code="my_nets.py:build", benchmark_code="my_tasks.py:tasks", steps="2")
        await filled.press("ctrl+r")
        await filled.until(lambda: filled.result)
        (made,) = filled.result
        assert made is not None
    require_trust(made[0].config)
    assert made[0].config == resolve(
        {"model": "my_nets.py:build", "benchmark": "my_tasks.py:tasks", "steps": 2, "method": "si"}
    )
