"""What a person chose about the screens outlives the program, and never stands in its way."""

import os
import threading
import tomllib
from pathlib import Path

import pytest

from cl_tui.host import preferences
from cl_tui.host.preferences import ASIDE, FILE, Preferences, folder, load, save

CHOSEN = Preferences(theme="dracula", charts="ascii", y="linear", x="seconds", curves="raw")


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    assert load() == (Preferences(), "")
    assert save(CHOSEN) == ""
    assert load() == (CHOSEN, "")
    assert save(Preferences()) == ""
    assert load() == (Preferences(), "")


def test_a_zoom_that_an_earlier_version_remembered_is_passed_over() -> None:
    folder().mkdir(parents=True)
    (folder() / FILE).write_text('theme = "nord"\nzoomed = "AccuracyPane"\nsmoothing = 0.9\n')
    assert load() == (Preferences(theme="nord"), "")


def test_only_what_differs_from_a_first_start_is_written() -> None:
    """So that a default which is made better later reaches everyone who never chose."""
    save(Preferences(theme="nord"))
    assert tomllib.loads((folder() / FILE).read_text(encoding="utf-8")) == {"theme": "nord"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"theme = ", "not TOML"),
        (b"\xff\xfe", "not TOML"),
        (b"curves = 1.5", "curves: Input should be 'mean' or 'raw'"),
        (b"charts = 'sixel'", "charts: Input should be 'auto', 'braille' or 'ascii'"),
        (b"keys = {'' = 'p'}", "keys: '' is no key; write one as j, f5, ctrl+k or comma"),
        (b"keys = {down = 'j,'}", "keys: '' is no key"),
        (b"keys = {'a,b' = 'j'}", "keys: 'a,b' is no key"),
        (b"future = 1", "future: Extra inputs are not permitted"),
    ],
)
def test_a_damaged_file_is_told_once_and_kept_aside(content: bytes, why: str) -> None:
    folder().mkdir(parents=True)
    (folder() / FILE).write_bytes(content)
    found, problem = load()
    assert found == Preferences()
    assert why in problem
    assert ASIDE in problem
    assert "\n" not in problem
    assert (folder() / ASIDE).read_bytes() == content
    assert load() == (Preferences(), "")


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("CL_TUI_CONFIG_DIR", str(tmp_path / "a file" / "below"))
    assert "Preferences are not saved" in save(CHOSEN)
    found, problem = load()
    assert found == Preferences()
    assert "the screens use the defaults" in problem


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_home_keeps_what_was_there(tmp_path: Path) -> None:
    save(CHOSEN)
    folder().chmod(0o500)
    try:
        assert "Permission denied" in save(Preferences())
        assert load() == (CHOSEN, "")
    finally:
        folder().chmod(0o700)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    save(CHOSEN)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(preferences.tomli_w, "dump", full)
    assert "No space left on device" in save(Preferences(theme="nord"))
    assert [path.name for path in folder().iterdir()] == [FILE]


def test_programs_that_save_at_once_leave_one_whole_file() -> None:
    """Whoever reads in between finds what one of them chose, never a mixture or nothing."""
    choices = [
        Preferences(theme=f"theme-{number}" * 200, x="seconds" if number % 2 else "steps") for number in range(4)
    ]
    save(choices[0])
    over = threading.Event()

    def write(own: Preferences) -> None:
        while not over.is_set():
            assert save(own) == ""

    writers = [threading.Thread(target=write, args=(own,)) for own in choices]
    for writer in writers:
        writer.start()
    try:
        found = [load() for _ in range(200)]
    finally:
        over.set()
        for writer in writers:
            writer.join()
    assert all(problem == "" and chosen in choices for chosen, problem in found)
    assert [path.name for path in folder().iterdir()] == [FILE]


def test_the_systems_own_place_is_used_where_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CL_TUI_CONFIG_DIR")
    monkeypatch.setattr(preferences.platformdirs, "user_config_path", lambda name, appauthor: Path("home", name))
    assert folder() == Path("home", "cl-tui")
