"""The workflow for people who pick this up elsewhere: what it runs, and that it can begin on each system it names."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
WORKFLOW = ROOT / ".github" / "workflows" / "tests.yml"
ONLY_POSIX = {"fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"}
"""Modules that Windows does not have."""
ONLY_POSIX_NAMES = {
    "os": {"fork", "forkpty", "geteuid", "getpgid", "getpgrp", "getuid", "killpg", "mkfifo", "setsid", "tcgetpgrp"},
    "signal": {
        *("SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP", "SIGTSTP"),
        *("SIGUSR1", "SIGUSR2", "SIGWINCH"),
    },
}
"""What Windows does not have in the modules that it has."""
GUARDS = (ast.If, ast.IfExp, ast.BoolOp, ast.Try)
SOURCES = [path for package in ("engine", "cl_tui", "tests", "docs") for path in sorted((ROOT / package).rglob("*.py"))]


def test_the_workflow_runs_the_readmes_line_everywhere() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    assert workflow[True].keys() == {"push", "pull_request", "workflow_dispatch"}, "YAML 1.1 reads 'on' as true"
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] is True
    (job,) = workflow["jobs"].values()
    systems, pythons = job["strategy"]["matrix"]["system"], job["strategy"]["matrix"]["python"]
    assert [system.partition("-")[0] for system in systems] == ["ubuntu", "macos", "windows"]
    assert pythons == ["3.11", "3.12", "3.13", "3.14"]
    assert job["strategy"]["fail-fast"] is False
    assert job["timeout-minutes"] >= 25, ".ci/run has a limit of its own, which should be reached first"
    checkout, python, run = job["steps"]
    assert checkout["uses"].startswith("actions/checkout@v")
    assert checkout["with"] == {"persist-credentials": False}
    assert python["uses"].startswith("actions/setup-python@v")
    assert python["with"]["python-version"] == "${{ matrix.python }}"
    for path in python["with"]["cache-dependency-path"].split():
        assert (ROOT / path).is_file()
    assert (run["run"], run["shell"]) == (".ci/run", "bash")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_doctests_are_collected_everywhere() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    assert options["testpaths"] == ["tests", "engine", "cl_tui"]
    assert "--doctest-modules" in options["addopts"].split()


@pytest.mark.skipif(sys.platform == "win32", reason="links to programs, which Windows does not have")
@pytest.mark.parametrize("system", ["linux-gnu", "darwin23", "msys"])
def test_ci_finds_the_environments_programs(system: str, tmp_path: Path) -> None:
    """As on each system: Windows keeps them elsewhere, and macOS has no ``timeout``."""
    programs = ["bash", "dirname", "git", "mkdir", "mktemp", "rm", "sed", "tail", "tar"]
    (tmp_path / "programs").mkdir()
    for program in programs if system == "darwin23" else [*programs, "timeout"]:
        found = shutil.which(program)
        assert found
        (tmp_path / "programs" / program).symlink_to(found)
    repository = tmp_path / "repository"
    (repository / ".ci").mkdir(parents=True)
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (repository / ".ci" / "run").write_text(f"OSTYPE={system}\n{script}", encoding="utf-8")
    (repository / "README.md").write_text("<!-- tests -->\n```sh\necho .venv/bin/pip .venv/bin/python && pwd\n```\n")
    subprocess.run(["git", "init", "--quiet"], cwd=repository, check=True)
    ran = subprocess.run(
        ["bash", ".ci/run"],
        cwd=repository,
        env={"PATH": str(tmp_path / "programs"), "CL_TUI_TEST_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    where = "Scripts" if system == "msys" else "bin"
    _, told, copy = ran.stdout.splitlines()
    assert told == f".venv/{where}/pip .venv/{where}/python"
    assert Path(copy) != repository
    assert not Path(copy).exists(), "it cleans up"


def test_no_line_end_is_changed_by_git(tmp_path: Path) -> None:
    """The tests compare bytes, and bash reads .ci/run, also where git would write Windows' line ends."""
    shutil.copy(ROOT / ".gitattributes", tmp_path)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    for path in (".ci/run", "tests/golden/curves.json", "README.md"):
        command = ["git", "check-attr", "text", path]
        told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        assert told == f"{path}: text: unset\n"


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """What is looked up when a module is imported, without what a condition guards."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, GUARDS):
            continue
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in (*child.decorator_list, *child.args.defaults, *filter(None, child.args.kw_defaults)):
                yield part
                yield from at_import(part)
        elif not isinstance(child, ast.Lambda):
            yield child
            yield from at_import(child)


def only_posix(source: str) -> list[str]:
    """
    >>> only_posix("import os, fcntl\\nx = os.mkfifo\\nif x:\\n    import pty\\ndef f(y=os.fork): import termios")
    ['fcntl', 'os.mkfifo', 'os.fork']
    """
    found = []
    for node in at_import(ast.parse(source)):
        match node:
            case ast.Import():
                found += [alias.name for alias in node.names if alias.name in ONLY_POSIX]
            case ast.ImportFrom() if node.module in ONLY_POSIX:
                found.append(node.module)
            case ast.Attribute(value=ast.Name(id=module), attr=name) if name in ONLY_POSIX_NAMES.get(module, ()):
                found.append(f"{module}.{name}")
    return found


def test_every_module_can_be_imported_on_windows() -> None:
    found = {str(path.relative_to(ROOT)): only_posix(path.read_text(encoding="utf-8")) for path in SOURCES}
    assert len(found) > 150
    assert {path: names for path, names in found.items() if names} == {}
