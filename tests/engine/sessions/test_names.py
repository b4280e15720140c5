"""Names of sessions in any script: what is accepted, how it is kept, and where it is shown."""

import os
import subprocess
import sys
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from cl_tui.commands import arguments, cli
from engine.errors import ConfigError, SessionExists
from engine.sessions.folders import delete_session, rename_session
from engine.sessions.listing import each_session, list_sessions, read_session
from engine.sessions.names import MOST_BYTES, MOST_CHARACTERS, alike, check_name, extended, is_name
from engine.sessions.session import Session
from engine.settings.run import resolve
from engine.text import visible
from tests import saved
from tests.conftest import QUICK, CommandLine
from tests.runs import create, tiny

NAMES = [
    "naïve",
    "実験",
    "опыт-2",
    "δοκιμή",
    "ניסוי",
    "प्रयोग",
    "ทดลอง",
    "실험",
    "ﬁ",
    "x٣",
    "a.b",
    "nul-1",
    "console",
    "com10",
]
LONGEST = "実" * (MOST_BYTES // 3)
PIECES = st.text("aZ0é実نकั9._-\u0308\u0301", max_size=12)


@pytest.mark.parametrize("name", [*NAMES, LONGEST, "a" * MOST_CHARACTERS])
def test_letters_and_digits_of_any_script_make_a_name(name: str, tmp_path: Path) -> None:
    """Made, listed, opened, renamed, deleted, also as another system spells it."""
    for spelled in (name, unicodedata.normalize("NFD", name)):
        session = create(tmp_path, tiny(), spelled)
        normal = unicodedata.normalize("NFC", name)
        assert (session.name, [path.name for path in tmp_path.iterdir()]) == (normal, [normal])
        assert [listed.name for listed in list_sessions(tmp_path)] == [normal]
        assert Session.open(tmp_path, spelled).path == session.path
        assert rename_session(tmp_path, spelled, "other") == "other"
        assert rename_session(tmp_path, "other", spelled) == normal
        delete_session(tmp_path, spelled)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["con", "NUL", "aux.txt", "com1", "Lpt9.log", "a.", "..", "a/b", "a\\b", "c:", "-x"])
def test_a_name_that_is_none_on_some_system_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="session name"):
        check_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *["a\u202eb", "a\u200fb", "\u2066a", "a\u200db", "a\ufeffb", "a\u00adb"],  # directions, joiners, what is unseen
        *["a\u3164", "a\u115fb", "\u1160", "a\ufe0f", "a\U000e0101", "a\u034fb"],  # letters and marks that show nothing
        *["\u0301a", "a\u0301\u0302\u0303\u0304\u0308", "a" + 5 * "\u20dd"],  # marks on nothing, or in a heap
        *["a b", "a\u3000b", "a\n", "a\x1b[0m", "a\x9b", "\ud800", "a\udcff", "\ue000", "\U0010fffe"],
        *["½", "a²", "€", "a:b", "a*b", "a?", "a|b", "'a'", "$a", "a;b", "#a", "~a", "_a", "😀", ""],
        *["実" * (MOST_BYTES // 3 + 1), "a" * (MOST_CHARACTERS + 1)],
    ],
    ids=ascii,
)
def test_what_a_terminal_or_a_shell_would_take_for_something_else_is_refused(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(ConfigError) as caught:
        check_name(name)
    assert str(caught.value).isprintable()


@given(PIECES | st.text(max_size=120))
@example(LONGEST)
def test_whatever_is_accepted_can_be_kept_and_shown(name: str) -> None:
    if not is_name(name):
        return
    kept = check_name(name)
    assert check_name(kept) == kept == unicodedata.normalize("NFC", name)
    assert check_name(unicodedata.normalize("NFD", name)) == kept
    assert visible(kept) == kept
    assert cell_len(kept) > 0
    assert not any(unicodedata.category(letter) in ("Cf", "Cc", "Zs", "Zl", "Zp") for letter in kept)
    assert not set(kept) & set("/\\:*?\"<>|$&;~#%'` ")
    assert kept[0] not in ".-_"
    for added in (f".{kept}.4294967295.new", f".{kept}.deleted", f"{kept}.html.part", f"{kept}-importance-100.json"):
        assert len(added.encode()) <= 255
    assert is_name(extended(kept, "-fork-12"))
    assert alike(kept) == alike(unicodedata.normalize("NFD", kept))


@given(PIECES, PIECES)
def test_names_that_one_system_takes_for_the_same_are_alike(name: str, other: str) -> None:
    assert (alike(name) == alike(other)) >= (name.lower() == other.lower())
    assert alike(name.swapcase().swapcase()) == alike(name) == alike(name.upper()) == alike(alike(name))


def test_a_name_that_differs_in_capitals_alone_is_taken(tmp_path: Path) -> None:
    """On another system the two would be one folder."""
    create(tmp_path, tiny(), "naïve")
    create(tmp_path, tiny(), "other")
    for taken in ("Naïve", "NAÏVE", "nai\u0308ve"):
        with pytest.raises(SessionExists, match=r"naïve|NAÏVE|Naïve"):
            create(tmp_path, tiny(), taken)
        with pytest.raises(SessionExists):
            rename_session(tmp_path, "other", taken)
    assert rename_session(tmp_path, "naïve", "Naïve") == "Naïve", "its own may change"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Naïve", "other"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems spell names themselves")
def test_a_session_from_a_disk_that_takes_letters_apart_is_found(tmp_path: Path, cl_tui: CommandLine) -> None:
    sessions = tmp_path / "sessions"
    made = saved.finished(sessions, "naïve")
    made.path.rename(sessions / unicodedata.normalize("NFD", "naïve"))
    assert [listed.name for listed in each_session(sessions)] == ["naïve"]
    assert read_session(sessions, "naïve").state == "finished"
    for line in (["show", "naïve"], ["show", unicodedata.normalize("NFD", "naïve")], ["export", "naïve"]):
        answer = cl_tui("sessions", *line)
        assert answer.exit_code == 0, answer.err
    assert (tmp_path / "naïve.html").is_file()


def test_the_list_stays_aligned(cl_tui: CommandLine, tmp_path: Path) -> None:
    """Letters of two columns count as two."""
    for name in ("実験", "naïve", "ทดลอง", "plain"):
        saved.stopped(tmp_path / "sessions", name)
    lines = [line for line in cl_tui("sessions").out.splitlines() if "stopped" in line]
    assert len(lines) == 4
    assert len({cell_len(line[: line.index("stopped")]) for line in lines}) == 1


def test_completion_offers_them(cl_tui: CommandLine, tmp_path: Path) -> None:
    for name in ("実験", "naïve"):
        create(tmp_path / "sessions", tiny(), name)
    (tmp_path / "sessions" / "$(rm)").mkdir()
    (tmp_path / "sessions" / "$(rm)" / "config.toml").touch()
    context: Any = typer.Context(typer.main.get_command(cli.app))
    assert arguments.sessions(context) == ["naïve", "実験"]


def test_a_whole_run_under_such_a_name(cl_tui: CommandLine, sessions: Path) -> None:
    create(sessions, resolve({"tasks": 2, "epochs": 1}), "実験-naïve")
    assert cl_tui("resume", "実験-naïve", "--headless").exit_code == 0
    line = ["fork", "実験-naïve", "--at-task", "1", "--name", "опыт", "--headless"]
    assert cl_tui(*line, "--strength", "3").exit_code == 0
    shown = cl_tui("sessions", "show", "опыт")
    assert "実験-naïve" in shown.out
    assert cl_tui("compare", "実験-naïve", "опыт").exit_code == 0
    assert cl_tui("batch", *QUICK).exit_code == 0
    assert cl_tui("sessions", "delete", "--yes", "実験-naïve", "опыт").exit_code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are in Unicode whatever the locale")
def test_where_the_locale_lacks_the_letters_a_sentence_says_so(tmp_path: Path) -> None:
    code = "import sys; sys.getfilesystemencoding = lambda: 'ascii'; import os; import engine.sessions.names as names\n"
    code += "os.fsencode = lambda name: name.encode('ascii')\n"
    code += "try: names.check_name('実験')\nexcept Exception as error: print(type(error).__name__, ascii(str(error)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.startswith("ConfigError")
    assert "set a UTF-8 locale" in told


def test_only_what_was_left_of_sessions_is_swept_away(tmp_path: Path) -> None:
    """A hidden folder of somebody's own may end in the same letters."""
    for name in (".calm-otter.123.new", ".calm-otter.deleted", ".mine.new", ".mine.deleted"):
        (tmp_path / name).mkdir()
        file = tmp_path / name / ("precious.txt" if "mine" in name else "events.jsonl")
        file.touch()
        before = time.time() - 7200
        os.utime(tmp_path / name, (before, before))
    create(tmp_path, tiny(), "run")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine.deleted", ".mine.new", "run"]
