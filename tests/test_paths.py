"""A leading ~ is the home folder in every path: no shell replaces it in --data-dir=~/d or in a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from cl_tui import cli, form
from cl_tui.cli import app
from cl_tui.preferences import folder
from engine.config import parse_assignments, read_settings, resolve
from tests.conftest import CommandLine
from tests.runs import create, tiny


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(made))
    return made


def commands(group: TyperGroup, name: str = "cl-tui") -> Iterator[tuple[str, Any]]:
    yield name, group
    for part, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{name} {part}")
        else:
            yield f"{name} {part}", command


def test_in_every_option_that_names_a_file_or_a_folder(home: Path) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    seen = []
    for name, command in commands(group):
        context = command.context_class(command, info_name=name, resilient_parsing=True)
        for option in command.params:
            if option.type_descriptor.annotation is Path:
                assert option.process_value(context, "~/d") == home / "d", f"{name} {option.opts[0]}"
                seen.append(f"{name} {option.opts[0]}")
    assert {f"cl-tui run --{option}" for option in ("sessions-dir", "config")} <= set(seen)
    assert {f"cl-tui sessions export --{kind}" for kind in ("html", "json", "csv", "tensorboard")} <= set(seen)
    assert {f"cl-tui reproduce --{kind}" for kind in ("json", "markdown")} <= set(seen)
    assert {f"cl-tui {command} --json" for command in ("batch", "compare", "analyse")} <= set(seen)


def test_in_settings_from_options_files_assignments_and_the_form(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text('data_dir = "~/d"\nmethod = "mas"\nimportance_data = "~/inputs"\n')
    for config in (
        resolve(read_settings(file)),
        resolve({"method": "mas"} | parse_assignments(["data_dir=~/d", "importance_data=~/inputs"])),
        cli.wanted(["--method", "mas", "--data-dir=~/d", "--importance-data=~/inputs"])[0],
        form.wanted(form.fields(), {"method": "mas", "data_dir": "~/d", "importance_data": "~/inputs"}).config,
    ):
        assert config.data_dir == str(home / "d")
        assert config.importance_data == str(home / "inputs")
    assert resolve({"data_dir": "./~"}).data_dir == "./~", "a folder of that name can still be named"
    assert resolve({"data_dir": "~nobody-of-this-name/d"}).data_dir == "~nobody-of-this-name/d", "as in a shell"


def test_in_the_environment(home: Path, cl_tui: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    create(home / "s", tiny(), "calm-otter")
    monkeypatch.setenv("CL_TUI_SESSIONS_DIR", "~/s")
    assert "calm-otter" in cl_tui("sessions").out
    context: Any = typer.Context(cli.run_command())
    assert cli._sessions(context) == ["calm-otter"]
    monkeypatch.setenv("CL_TUI_CONFIG_DIR", "~/c")
    assert folder() == home / "c"


def test_in_the_path_of_a_session(home: Path, cl_tui: CommandLine) -> None:
    create(home / "s", tiny(), "calm-otter")
    assert "calm-otter" in cl_tui("sessions", "show", "~/s/calm-otter").out
    refused = cl_tui("sessions", "show", "~nobody-of-this-name/calm-otter")
    assert (refused.exit_code, "is not a session" in refused.err) == (2, True), refused.err


def test_nothing_named_after_it_is_made(home: Path, cl_tui: CommandLine, tmp_path: Path) -> None:
    assert cl_tui("batch", "--tasks", "2", "--epochs", "1", "--sessions-dir=~/s", "--json=~/r.json").exit_code == 0
    assert (home / "r.json").is_file()
    assert len(list((home / "s").iterdir())) == 1
    assert not (tmp_path / "~").exists()
