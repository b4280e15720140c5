"""README and docs/ cannot drift: the set-up lines are those that .ci/run reads, every command is run, and every option,
link and name of a test exists."""

import itertools
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.core import TyperGroup

from cl_tui.commands import cli
from engine.settings.run import known_settings
from engine.training.control import Control
from tests import own_code
from tests.conftest import QUICK, CommandLine
from tests.runs import AtStep, create, tiny, train
from tests.test_docs import write_plants

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
PAGES = {"README.md": README} | PAGES
BLOCKS = re.findall(r"(?:<!-- (\w+) -->\n)?```sh\n(.*?)```", "\n".join(PAGES.values()), flags=re.DOTALL)
SET_UP = {mark: block.strip() for mark, block in BLOCKS if mark}
COMMANDS = list(dict.fromkeys(line for mark, block in BLOCKS if not mark for line in block.splitlines()))
INLINE = re.findall(r"`(cl-tui [a-z][^`\n]*)`", "\n".join(PAGES.values()))
"""Commands within sentences."""


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 150
    for page in PAGES:
        assert page == "README.md" or f"](docs/{page})" in README, f"the README does not lead to {page}"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    folder = ROOT if page == "README.md" else ROOT / "docs"
    links = re.findall(r"\]\(([^)#]+)\)", PAGES[page])
    assert [link for link in links if "://" not in link and not (folder / link).is_file()] == []


def test_tests_and_files_that_are_named_exist() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    for name in set(re.findall(r"`(test_\w+)`", "\n".join(PAGES.values()))) - known_settings().keys():
        assert f"def {name}(" in code, name
    for name in set(
        re.findall(r"`((?:engine|cl_tui|tests|perf)/[\w/]*\.\w+|test_\w+\.py)`", "\n".join(PAGES.values()))
    ):
        assert (ROOT / name).is_file() or list((ROOT / "tests").rglob(name)), name


def test_every_command_is_in_the_overview_and_every_option_exists() -> None:
    root = typer.main.get_command(cli.app)
    assert isinstance(root, TyperGroup)
    commands = {name: command for name, command in root.commands.items() if not isinstance(command, TyperGroup)}
    sessions = root.commands["sessions"]
    assert isinstance(sessions, TyperGroup)
    for name in commands:
        assert f"cl-tui {name}" in PAGES["commands.md"], name
    everywhere = [root, *commands.values(), sessions, *sessions.commands.values()]
    known = {
        name for command in everywhere for option in command.params for name in option.opts + option.secondary_opts
    }
    mentioned = {
        option for text in PAGES.values() for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", _of_ours(text))
    }
    assert mentioned - known - {"--help", "--install-completion"} == set()
    assert len(mentioned) > 30


def _of_ours(page: str) -> str:
    """Without the lines that install and test, and without other programs' options."""
    return re.sub(r"<!-- (start|tests) -->\n```sh\n.*?```", "", page, flags=re.DOTALL)


@pytest.mark.parametrize("line", dict.fromkeys(INLINE))
def test_a_command_within_a_sentence_exists(line: str) -> None:
    """Its options were looked at above."""
    command = line.split()[1]
    root = typer.main.get_command(cli.app)
    assert isinstance(root, TyperGroup)
    assert command in root.commands or command in ("COMMAND",), line


def quoted_results(page: str) -> set[str]:
    """Rows of tables with a column of published values, and accuracies with an error as ``reproduce`` writes them."""
    tables = re.findall(r"^\|.*\bpublished \|.*\n\|[-:| ]+\n((?:\|.*\n?)+)", page, flags=re.MULTILINE)
    rows = {row for table in tables for row in table.splitlines()}
    return rows | set(re.findall(r"\b\d{2,3}\.\d\d ± \d+\.\d\d\b", page))


def test_quoted_results_are_found() -> None:
    table = "| case | published | here |\n| --- | ---: | ---: |\n| si | 96.90 | 97.04 |\n| none | 57.40 | 54.67 |\n"
    assert quoted_results(table) == {"| si | 96.90 | 97.04 |", "| none | 57.40 | 54.67 |"}
    assert quoted_results("SI has 98.08 ± 0.56 there, ω 0.06 ± 0.01.") == {"98.08 ± 0.56"}
    assert quoted_results(PAGES["reproductions.md"])


@pytest.mark.parametrize("page", [page for page in PAGES if page != "reproductions.md"])
def test_the_readme_claims_what_the_command_wrote(page: str) -> None:
    """What a page quotes of repeated results is in docs/reproductions.md, word for word."""
    assert [quoted for quoted in quoted_results(PAGES[page]) if quoted not in PAGES["reproductions.md"]] == []


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
    bash = shutil.which("bash") or "bash"  # Windows has another one, which it takes unless told where
    ran = subprocess.run([bash, "-c", extraction], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == SET_UP["tests"]
    assert "pip install" not in script


def test_versions_are_exact_and_from_nowhere_special() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    for line in lines[1:]:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line), line


def _photos(folder: Path, *classes: str) -> None:
    """A folder of images as the pages describe it."""
    image = Image.new("RGB", (40, 30), "orange")
    for part, name in itertools.product(("train", "test"), classes or ("cat", "dog", "fox")):
        (folder / part / name).mkdir(parents=True)
        image.save(folder / part / name / "1.png")


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_readme(cl_tui: CommandLine, sessions: Path, line: str) -> None:
    """As it stands there, but for what makes it long: a batch trains one epoch of two tasks, a table is not run."""
    program, *arguments = shlex.split(line)
    assert program == "cl-tui"
    train(create(sessions, tiny(), "calm-otter"), AtStep(5))
    if "my_nets.py" in line or "my_tasks.py" in line:
        for file in own_code.EXAMPLES.glob("*.py"):
            shutil.copy(file, ".")
    if line == "cl-tui config theme mine":
        cl_tui("config", "themes.mine.primary", "#56b4e9")  # which the page types before
    if "photos" in arguments:
        _photos(Path("photos"))
    if "plants" in arguments:
        write_plants()
    command, *rest = arguments or [""]
    if command == "compare":
        for name in {name for name in rest if not name.startswith("-")} - {"calm-otter"}:
            train(create(sessions, tiny("ewc"), name), AtStep(5))
    if command == "extend" and "more-photos" in rest:
        _photos(Path("photos"))
        _photos(Path("more-photos"), "hen", "pig")
        train(create(sessions, tiny(benchmark="images", data_dir="photos", tasks=None, steps=1), rest[0]), Control())
    elif command == "extend":
        train(create(sessions, tiny(benchmark="permuted-digits", steps=1), rest[0]), Control())
    match command:
        case "":
            answer = cl_tui()
            assert "Usage" in answer.out, "no terminal: the help"
        case "watch" | "fork" | "extend" | "race" if "--headless" not in rest:
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
        case "run" if "--headless" not in rest:
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
        case "batch" | "run":
            answer = cl_tui(command, *rest, *QUICK)
        case _:
            yes = ["--yes"] if "delete" in rest else []
            answer = cl_tui(command, *rest, *yes)
    assert answer.exit_code == 0, answer.err
