"""Commands that messages suggest: typed as they stand, they do what the message says."""

import re
import shlex
from pathlib import Path

import pytest

from cl_tui.reports import session_facts as facts
from cl_tui.reports.ending import resume_line
from engine.commands import command
from engine.sessions.listing import read_session
from tests import runs, saved
from tests.conftest import CommandLine

FOLDERS = ("sessions", "my runs")


def suggested(text: str) -> list[list[str]]:
    """The words of each command in quotation marks."""
    text = " ".join(text.split())
    found = re.findall(r"'(cl-tui(?: --?[a-z]\S*| '[^']*'| [\w./-]+)*)'", text)
    return [shlex.split(one)[1:] for one in found]


@pytest.mark.parametrize("folder", FOLDERS)
def test_messages_about_a_session_suggest_commands_that_find_it(
    folder: str, tmp_path: Path, cl_tui: CommandLine
) -> None:
    place = tmp_path / folder
    runs.finished(place, runs.tiny("si"), "done")
    saved.stopped(place, "half")
    where = ["--sessions-dir", folder]
    expected: dict[tuple[str, ...], list[list[str]]] = {
        ("watch", f"{folder}/half"): [["sessions", "show", "half"]],
        ("watch", "half", *where): [["sessions", "show", "half"]],
        ("watch", *where): [["sessions", "list"]],
        ("resume", "done", *where, "--headless"): [["sessions", "show", "done"], ["run"]],
        ("analyse", "half", *where): [["resume", "half"]],
        ("run", "--name", "half", *where, "--headless"): [["resume", "half"]],
        ("sessions", "show", "nobody", *where): [["sessions", "list"]],
        ("sessions", "show", f"{folder}/nobody", *where): [["sessions", "list"]],
    }
    option = [] if folder == "sessions" else where
    for arguments, commands in expected.items():
        answer = cl_tui(*arguments)
        assert answer.exit_code == 2
        found = suggested(answer.err)
        spoken = [[word.removeprefix(f"{tmp_path}/") for word in one] for one in found]
        assert spoken == [one + option for one in commands], arguments
        for one in found:
            if one[:2] == ["sessions", "show"]:
                assert one[2] in cl_tui(*one).out
            elif one[:2] == ["sessions", "list"]:
                assert "half" in cl_tui(*one).out


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_run_is_continued_with_the_command_that_is_printed(folder: str, tmp_path: Path, cl_tui: CommandLine) -> None:
    session = runs.create(tmp_path / folder, runs.tiny("si"))
    typed = shlex.split(resume_line(session))[1:]
    assert cl_tui(*typed, "--headless").exit_code == 0
    assert session.finished
    listed = read_session(session.path.parent, session.name)
    lines = [shlex.split(line)[1:] for line, purpose in facts.next_lines(listed, session.path.parent)]
    for words in lines:
        if words[:2] == ["sessions", "export"]:
            assert cl_tui(*words).exit_code == 0


def test_a_damaged_result_is_written_again_with_the_command_that_is_named(tmp_path: Path, cl_tui: CommandLine) -> None:
    session = runs.finished(tmp_path / "my runs", runs.tiny("si"), "otter")
    session.summary_path.write_text("{")
    ((*typed,),) = suggested(read_session(tmp_path / "my runs", "otter").problem)
    session.summary_path.rename(tmp_path / "away")
    assert cl_tui(*typed, "--headless").exit_code == 0
    assert session.finished


def test_the_command_for_a_folder_that_cannot_be_written(tmp_path: Path, cl_tui: CommandLine) -> None:
    session = runs.create(tmp_path / "my runs", runs.tiny("si"))
    ((*typed,),) = suggested(str(session.unwritable(OSError(28, "No space left on device"))))
    assert cl_tui(*typed, "--headless").exit_code == 0


def test_the_usual_folder_needs_no_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CL_TUI_SESSIONS_DIR", raising=False)
    for usual in (Path("sessions"), Path("./sessions"), tmp_path / "sessions"):
        assert command("resume", usual, "otter") == "cl-tui resume otter"
    assert command("resume", Path("other"), "otter") == "cl-tui resume otter --sessions-dir other"
    monkeypatch.setenv("CL_TUI_SESSIONS_DIR", "other")
    assert command("resume", Path("other"), "otter") == "cl-tui resume otter"
    assert command("resume", Path("sessions"), "otter") == "cl-tui resume otter --sessions-dir sessions"
