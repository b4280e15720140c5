"""The preferences from the command line, keys and themes of the user's own, and a theme that suits the terminal."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cl_tui.app.app import ClTui
from cl_tui.app.every_key import every_key
from cl_tui.host import preferences
from cl_tui.host.preferences import OwnTheme, Preferences
from cl_tui.screens.help import HelpScreen
from cl_tui.screens.monitor import MonitorScreen
from engine.text import visible
from tests.conftest import CommandLine
from tests.first_screens import home, monitor
from tests.terminal import Terminal


def config(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cl_tui", "config", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def stored() -> dict[str, object]:
    return tomllib.loads((preferences.folder() / preferences.FILE).read_text(encoding="utf-8"))


def test_a_preference_is_shown_changed_and_reset() -> None:
    assert "not there yet" in config().stdout.replace("\n", " ")
    for name, value in (
        ("curves", "raw"),
        ("keys.down", "down, j"),
        ("keys..", "h"),
        ("themes.mine.accent", "#56b4e9"),
    ):
        assert config(name, value).returncode == 0
    assert stored() == {
        "curves": "raw",
        "keys": {"down": "down, j", ".": "h"},
        "themes": {"mine": {"accent": "#56b4e9"}},
    }
    assert config("keys..").stdout == "h\n"
    assert config("theme", "mine").returncode == 0
    assert config("keys.down", "--reset").returncode == 0
    assert preferences.load()[0].keys == {".": "h"}


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("colour", "red", "there is no preference 'colour': 'cl-tui config' lists them"),
        ("curves.x", "1", "there is no preference 'curves.x'"),
        ("curves", "7", "curves = 7: Input should be 'mean' or 'raw'"),
        ("theme", "drakula", "there is no theme 'drakula'; there are "),
        ("themes.mine.accent", "red", "red is not a colour; write one as #56b4e9"),
        ("keys.hyper", "q", "nothing is on the key 'hyper': 'cl-tui config --keys' lists the keys"),
        ("keys.x", "h", "h would do two things; give one of them another key"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(name: str, value: str, why: str) -> None:
    preferences.save(Preferences(keys={".": "h"}))
    before = stored()
    found = config(name, value)
    assert found.returncode == 2
    assert why in found.stderr.replace("\n", " ")
    assert stored() == before


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("keys.q", "", "should have at least 1 character"),
        ("keys.q", ",", "'' is no key; write one as j, f5, ctrl+k or comma"),
        ("keys.q", "\x1b[31m", "'\\x1b[31m' is no key"),
        ("keys", "x", "keys is a table: name one of its entries, such as keys.space"),
        ("themes.mine.accent.x", "1", "Input should be a valid string"),
        ("themes.\x1b[31m.accent", "#56b4e9", "'\\x1b[31m' is no name"),
        ("layouts", "x", "layouts is a table: the screens change it"),
    ],
)
def test_what_is_no_name_or_no_value_is_said_as_text(name: str, value: str, why: str, cl_tui: CommandLine) -> None:
    answer = cl_tui("config", name, value)
    assert answer.exit_code == 2
    assert why in answer.err
    assert answer.err == "".join(map(visible, answer.err.splitlines())) + "\n"
    assert not (preferences.folder() / preferences.FILE).exists()


def test_several_columns_are_named_with_commas(cl_tui: CommandLine) -> None:
    assert cl_tui("config", "home_columns", "method,seed").out == "home_columns = method,seed\n"
    assert preferences.load()[0].home_columns == ("method", "seed")


async def test_a_themes_name_is_text(tmp_path: Path) -> None:
    """Also where a list would read it as markup."""
    preferences.save(Preferences(themes={"[/wrong] [red]": OwnTheme()}))
    app = ClTui(monitor(tmp_path))
    async with app.run_test() as pilot:
        await pilot.press("T", "end")
        assert any("[/wrong] [red]" in strip.text for strip in app.screen._compositor.render_strips())
        await pilot.press("escape")


def test_every_key_is_listed_with_what_it_does() -> None:
    keys = every_key()
    assert {"Run", "View", "Replay", "Sessions", "Program"} <= {where for _, where, _ in keys}
    listed = config("--keys").stdout
    assert all(key in listed for key, _, _ in keys)


async def test_a_key_of_ones_own_does_what_another_did(tmp_path: Path) -> None:
    preferences.save(Preferences(keys={"b": "P", "question_mark": "H", "down": "down,j"}))
    screen = monitor(tmp_path)
    assert isinstance(screen, MonitorScreen)
    app = ClTui(screen)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("b")
        assert not screen.engine.control.pause_at_task_end, "its meaning has another key"
        await pilot.press("P")
        assert screen.engine.control.pause_at_task_end
        await pilot.press("H")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        await pilot.press(*"break after each", "enter")
        await pilot.pause()
        await pilot.press("H", "j")
        await pilot.pause()
        assert "j" in str(app.screen.query_one("VerticalScroll").border_title), "what is typed is a letter there"


async def test_letters_are_typed_where_they_are_typed(tmp_path: Path) -> None:
    preferences.save(Preferences(keys={"down": "j"}))
    app = ClTui(home(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("slash", "j")
        await pilot.pause()
        assert app.focused is not None
        assert getattr(app.focused, "value", "") == "j"


async def test_a_theme_of_ones_own_can_be_chosen(tmp_path: Path) -> None:
    preferences.save(Preferences(theme="mine", themes={"mine": OwnTheme(dark=False, primary="#123456")}))
    app = ClTui(monitor(tmp_path))
    async with app.run_test(size=(80, 24)):
        assert app.theme == "mine"
        assert app.current_theme.primary == "#123456"
        assert not app.current_theme.dark


ASKING = """
import os
import select
from cl_tui.host.background_colour import asked

with asked(os.environ) as light:
    if "LOOK" in os.environ:
        print("light" if light() else "dark", flush=True)
print(f"left:{select.select([0], [], [], 0)[0]}", flush=True)
"""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("\x1b]11;rgb:fdfd/f6f6/e3e3\x07\x1b[?62;22c", "light"),
        ("\x1b]11;rgb:0000/2b2b/3636\x1b\\\x1b[?62;22c", "dark"),
        ("\x1b[?62;22c", "dark"),
        ("", "dark"),
    ],
)
def test_a_terminal_says_whether_it_is_light(answer: str, said: str, tmp_path: Path) -> None:
    script = tmp_path / "asking.py"
    script.write_text(ASKING, encoding="utf-8")
    with Terminal([], tmp_path, program=(str(script),), environment={"COLORFGBG": "", "LOOK": "1"}) as terminal:
        while b"\x1b]11;?" not in terminal.output:
            terminal.read(0.05)
        terminal.send(answer)
        terminal.wait_for_end()
        assert said in terminal.text
        assert "rgb" not in terminal.text, "the answer is not echoed"
        assert "left:[]" in terminal.text, "none of it is taken for keys"


def test_an_answer_that_nobody_reads_is_not_taken_for_keys(tmp_path: Path) -> None:
    """As with sixteen colours, where the background does not matter. Its question mark would open the help."""
    script = tmp_path / "asking.py"
    script.write_text(ASKING, encoding="utf-8")
    with Terminal([], tmp_path, program=(str(script),), environment={"COLORFGBG": ""}) as terminal:
        while b"\x1b]11;?" not in terminal.output:
            terminal.read(0.05)
        terminal.send("\x1b]11;rgb:fdfd/f6f6/e3e3\x07\x1b[?62;22c")
        terminal.wait_for_end()
        assert "left:[]" in terminal.text
