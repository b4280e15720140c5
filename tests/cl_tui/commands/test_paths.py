"""A leading ~ is the home folder in every path: no shell replaces it in --data-dir=~/d or in a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from cl_tui.commands import arguments, cli
from cl_tui.commands.cli import app
from cl_tui.host.preferences import folder
from cl_tui.screens import form
from engine.errors import ConfigError
from engine.sessions.session import Session
from engine.settings.reading import parse_assignments, read_settings
from engine.settings.run import moved, resolve
from tests.conftest import CommandLine
from tests.runs import create, tiny
from tests.typed import trained_by

UNKNOWN, NOBODY = "~nobody-of-this-name/d", "there is no user nobody-of-this-name here"


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
        trained_by(["--method", "mas", "--data-dir=~/d", "--importance-data=~/inputs"])[0],
        form.wanted(form.fields(), {"method": "mas", "data_dir": "~/d", "importance_data": "~/inputs"}).config,
    ):
        assert config.data_dir == str(home / "d")
        assert config.option("importance_data") == str(home / "inputs")
    assert resolve({"data_dir": "./~"}).data_dir == "./~", "a folder of that name can still be named"


def test_in_the_environment(home: Path, cl_tui: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    create(home / "s", tiny(), "calm-otter")
    monkeypatch.setenv("CL_TUI_SESSIONS_DIR", "~/s")
    assert "calm-otter" in cl_tui("sessions").out
    context: Any = typer.Context(typer.main.get_command(cli.app))
    assert arguments.sessions(context) == ["calm-otter"]
    monkeypatch.setenv("CL_TUI_CONFIG_DIR", "~/c")
    assert folder() == home / "c"


def test_in_the_path_of_a_session(home: Path, cl_tui: CommandLine) -> None:
    create(home / "s", tiny(), "calm-otter")
    assert "calm-otter" in cl_tui("sessions", "show", "~/s/calm-otter").out
    refused = cl_tui("sessions", "show", "~nobody-of-this-name/calm-otter")
    assert (refused.exit_code, NOBODY in refused.err) == (2, True), refused.err


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            ["run", "--headless", f"--{option}={UNKNOWN}"]
            for option in ("data-dir", "sessions-dir", "config", "set=data_dir")
        ),
        ["run", "--headless", "--method=mas", f"--importance-data={UNKNOWN}"],
        ["batch", f"--data-dir={UNKNOWN}"],
        ["batch", f"--json={UNKNOWN}"],
        ["sessions", f"--sessions-dir={UNKNOWN}"],
        ["sessions", "export", "calm-otter", f"--html={UNKNOWN}"],
        ["resume", "calm-otter", "--headless", f"--data-dir={UNKNOWN}"],
        ["watch", UNKNOWN],
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_the_home_of_an_unknown_user_is_refused_in_every_path(
    arguments: list[str], cl_tui: CommandLine, tmp_path: Path
) -> None:
    create(tmp_path / "sessions", tiny(), "calm-otter")
    answer = cl_tui(*arguments)
    assert answer.exit_code == 2
    assert f"{UNKNOWN}: {NOBODY}" in answer.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "sessions"]


def test_the_home_of_an_unknown_user_in_the_environment_and_in_a_field(
    cl_tui: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=NOBODY) as caught:
        trained_by([f"--data-dir={UNKNOWN}"])
    assert caught.value.setting == "data_dir"
    monkeypatch.setenv("CL_TUI_CONFIG_DIR", UNKNOWN)
    with pytest.raises(ConfigError, match=NOBODY):
        folder()
    monkeypatch.setenv("CL_TUI_SESSIONS_DIR", UNKNOWN)
    assert NOBODY in cl_tui("sessions").err
    context: Any = typer.Context(typer.main.get_command(cli.app))
    assert arguments.sessions(context) == []


def test_a_session_with_the_home_of_an_unknown_user_opens_and_takes_another_folder(tmp_path: Path) -> None:
    session = create(tmp_path / "s", tiny(), "calm-otter")
    Session(session.path, session.config.changed(data_dir=UNKNOWN)).write_config()
    opened = Session.open(tmp_path / "s", "calm-otter")
    assert opened.config.data_dir == UNKNOWN
    assert moved(opened.config, {"data_dir": "d"}).data_dir == "d"


def test_nothing_named_after_it_is_made(home: Path, cl_tui: CommandLine, tmp_path: Path) -> None:
    assert cl_tui("batch", "--tasks", "2", "--epochs", "1", "--sessions-dir=~/s", "--json=~/r.json").exit_code == 0
    assert (home / "r.json").is_file()
    assert len(list((home / "s").iterdir())) == 1
    assert not (tmp_path / "~").exists()
