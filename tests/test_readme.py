"""The README cannot drift: its set-up lines are those that .ci/run reads, and its commands are run."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.conftest import QUICK, CommandLine
from tests.runs import AtStep, create, tiny, train

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(?:<!-- (\w+) -->\n)?```sh\n(.*?)```", README, flags=re.DOTALL)
SET_UP = {mark: block.strip() for mark, block in BLOCKS if mark}
COMMANDS = [line for mark, block in BLOCKS if not mark for line in block.splitlines()]


def test_the_set_up_lines_install_the_tested_versions() -> None:
    assert set(SET_UP) == {"start", "tests"}
    for line in SET_UP.values():
        assert "\n" not in line, "one line each, to be copied at once"
        assert line.startswith("python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e ")
    assert SET_UP["start"].endswith(" && .venv/bin/cl-tui run --method si")
    assert SET_UP["tests"].endswith(" && .venv/bin/python -m pytest -n auto")


def test_ci_takes_its_line_from_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (extraction,) = re.findall(r"^line=\$\((.*)\)$", script, flags=re.MULTILINE)
    ran = subprocess.run(["bash", "-c", extraction], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == SET_UP["tests"]
    assert "pip install" not in script


def test_versions_are_exact_and_from_nowhere_special() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    for line in lines[1:]:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line), line


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_readme(cl_tui: CommandLine, sessions: Path, line: str) -> None:
    """As it stands there, but for what makes it long: a batch trains one epoch of two tasks, a table is not run."""
    program, *arguments = shlex.split(line)
    assert program == "cl-tui"
    train(create(sessions, tiny(), "calm-otter"), AtStep(5))
    if "with-ewc" in arguments and "compare" in arguments:
        train(create(sessions, tiny("ewc"), "with-ewc"), AtStep(5))
    command, *rest = arguments or [""]
    match command:
        case "":
            answer = cl_tui()
            assert "Usage" in answer.out, "no terminal: the help"
        case "watch" | "fork" if "--headless" not in rest:
            answer = cl_tui(command, *rest)
            assert "the screen needs a terminal" in answer.err
            return
        case "web":
            answer = cl_tui(command, *rest, "--host", "0.0.0.0")
            assert "--public-url" in answer.err, "every other argument was understood before that"
            return
        case "--install-completion":
            answer = cl_tui("--help")  # not run: it changes the shell's start-up files
            assert command in answer.out
        case "run":
            answer = cl_tui(command, *rest)
            assert "the screen needs a terminal" in answer.err, "every setting was understood before that"
            return
        case "resume" if "--headless" not in rest:
            answer = cl_tui(command, *rest)
            assert "the screen needs a terminal" in answer.err
            return
        case "reproduce":
            answer = cl_tui(command, *rest, "--device", "abacus")
            assert "device = 'abacus'" in answer.err, "every other argument was understood before that"
            return
        case "batch":
            answer = cl_tui(command, *rest, *QUICK)
        case _:
            yes = ["--yes"] if "delete" in rest else []
            answer = cl_tui(command, *rest, *yes)
    assert answer.exit_code == 0, answer.err
