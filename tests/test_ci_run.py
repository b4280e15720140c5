"""``.ci/run``: it tests a copy, and takes MNIST from where CL_TUI_TEST_DATA says before it looks anywhere else."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).parent.parent / ".ci" / "run"
README = """# A project

<!-- tests -->
```sh
echo "data: $CL_TUI_TEST_DATA" && ls
```
"""

pytestmark = pytest.mark.skipif(
    os.name != "posix" or not shutil.which("git") or not RUN.exists(), reason="needs a POSIX shell, git and .ci/run"
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository beside which nothing is shared yet."""
    folder = tmp_path / "project"
    (folder / ".ci").mkdir(parents=True)
    shutil.copy(RUN, folder / ".ci" / "run")
    (folder / "README.md").write_text(README)
    (folder / ".gitignore").write_text("left-out\n")
    (folder / "left-out").touch()
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    return folder


@pytest.fixture
def shared(tmp_path: Path) -> None:
    unpack = tmp_path / "shared" / "data" / "unpack"
    unpack.parent.mkdir(parents=True)
    unpack.write_text('#!/bin/sh\nmkdir -p "$1" && echo unpacking && echo "$1"\n')
    unpack.chmod(0o755)


def ran(project: Path, data: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CL_TUI_TEST_DATA": data}
    if not data:
        del environment["CL_TUI_TEST_DATA"]
    return subprocess.run([project / ".ci" / "run"], cwd=project, env=environment, capture_output=True, text=True)


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("spelled", ["{}/mnist", "../mnist"])
def test_the_folder_that_the_user_names_wins(spelled: str, project: Path, tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    found = ran(project, spelled.format(tmp_path))
    assert found.returncode == 0, found.stderr
    assert f"data: {(tmp_path / 'mnist').resolve()}\n" in found.stdout


@pytest.mark.usefixtures("shared")
def test_else_what_is_shared_is_unpacked(project: Path) -> None:
    found = ran(project)
    assert found.returncode == 0, found.stderr
    (line,) = (line for line in found.stdout.splitlines() if line.startswith("data: "))
    assert line.endswith("/data")


def test_without_any_data_it_says_what_is_skipped(project: Path) -> None:
    found = ran(project)
    assert found.returncode == 0, found.stderr
    assert "CL_TUI_TEST_DATA is not set: the tests that need MNIST are skipped." in found.stdout
    assert "data: \n" in found.stdout
    assert "README.md" in found.stdout
    assert "left-out" not in found.stdout, "a copy holds what git knows"


def test_a_folder_that_is_not_there_is_an_error_and_not_a_skip(project: Path, tmp_path: Path) -> None:
    found = ran(project, str(tmp_path / "nothing"))
    assert (found.returncode, "nothing is not a folder" in found.stderr) == (1, True)
