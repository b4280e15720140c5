"""CONTRIBUTING's steps for a new command, followed to the letter in a copy of the packages."""

import re
import shutil
from pathlib import Path

from tests.test_add_a_method import CONTRIBUTING, ROOT, call

SECTION = CONTRIBUTING.partition("\n## Add a command\n")[2].partition("\n## ")[0]


def test_a_command_is_a_function_and_a_line(tmp_path: Path) -> None:
    for package in ("engine", "cl_tui"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (file,) = re.findall(r"```python\n(.*?)```", SECTION, flags=re.DOTALL)
    (line,) = re.findall(r"`(app\.command.*?)`", SECTION)
    commands = tmp_path / "cl_tui" / "commands"
    (commands / "best.py").write_text(file, encoding="utf-8")
    before = (commands / "cli.py").read_text(encoding="utf-8")
    after = before.replace("import batch, ", "import batch, best, ").replace("\n\n\ndef", f"\n{line}\n\n\ndef", 1)
    assert "import batch, best, " in after
    (commands / "cli.py").write_text(after, encoding="utf-8")

    assert re.search(r"best +Name the session with the highest average accuracy\.", call(tmp_path, "--help").stdout)
    told = call(tmp_path, "best")
    assert (told.returncode, told.stderr.count("cl-tui sessions list")) == (2, 1)
    call(tmp_path, "batch", "--method", "none", "--method", "joint", "--tasks", "2", "--epochs", "2")
    told = call(tmp_path, "best")
    assert re.fullmatch(r"joint-\S+: \d\d\.\d %\n", told.stdout), told
