"""Every script in perf/ runs, in its tiny form, and prints what it is there for."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RATIO = r"÷.* = \d+\.\d.*"
TELLS = {
    "avalanche": r"Avalanche's side .* left out.*\n  none +ours \d+\.\d\d % (.*\n)+  mas +ours \d+\.\d\d %",
    "charts": r"80×24  plotext +\d+\.\d\d ms\n80×24  1,000 of 1,000 steps.* plotext ÷ this = \d",
    "checkpoints": r"parameters: +-?\d+\.\d ms a checkpoint .* ÷ every \d+ s = -?\d\.\d{4}",
    "folders": rf"2,000 images of 8×8: first reading \d+\.\d s\nagain ÷ asking for sizes .*{RATIO}",
    "home": rf"first frame .*{RATIO}\nall 5 sessions .*{RATIO}",
    "images": rf"3×8×8, 100 examples, .*\n  map ÷ bytes .*{RATIO}\n  map ÷ floats .*{RATIO}",
    "importance": rf"Fisher, 2 classes, 10 examples.*\nloop ÷ ours .*{RATIO}(.*\n)+MAS, 10 outputs, 10 examples(.*\n)+"
    rf"si-cifar, 3×16×16.*\n(.*\n)+loop ÷ ours .*{RATIO}(.*\n)+importance_memory +16 MiB: .*{RATIO}",
    "keys": r"all +12 presses: median +\d+\.\d ms",
    "log": r"full speed +200 steps, +2 tasks.* bytes a step.* ÷ bound",
    "memory": rf"si: 4 tasks ÷ 2 tasks\n  peak resident .*{RATIO}\n(.*\n)+  live tensors at the end .*{RATIO}\n"
    rf"(.*\n)+  ÷ plain and kept .*{RATIO}",
    "monitor": rf"split-digits, \d.*\n.*headless.*\n  layout of 160×48 .*{RATIO}\n"
    rf"split-digits, conv, .*\n.*headless.*\n  layout of 160×48 .*{RATIO}",
    "opening": rf"2,000 events.*\nfirst frame: .*{RATIO}\nwhole log read: .*{RATIO}\nscreen's memory",
    "own_loop": rf"batch 16: a step.*\nAdam: with SI ÷ without .*{RATIO}\n(.*\n)+si-cifar.*\nAdam: with SI .*{RATIO}\n"
    rf"(.*\n)+memory that SI keeps .* ÷ the parameters: \d+\.\d\d",
    "record": r"digits, si: \d\.\d+ s ÷ \d.* of 80 steps\n(.*\n)+  log \d+ → \d+ kB, shown.npz \d+ kB",
    "replay": r"160x48, 0 levels faster: +\d+\.\d kB/s.*\n160x48, 2 levels faster: +\d+\.\d kB/s",
    "startup": rf"--help .*{RATIO}\nfirst frame of run .*{RATIO}",
    "step": rf"split-digits.*: a step(.*\n)+si ÷ none .*{RATIO}\n(.*\n)+textbook si ÷ si .*{RATIO}\n"
    rf"(.*\n)+random-images, si-cifar.*\nsi ÷ none .*{RATIO}\newc ÷ none .*{RATIO}\n(.*\n)+si ÷ plain loop .*{RATIO}",
}


@pytest.mark.skipif(sys.platform == "win32", reason="perf/ measures in a pseudo-terminal, which Windows does not have")
@pytest.mark.parametrize("script", TELLS)
def test_the_tiny_form_runs_and_tells(
    script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    if script == "memory":  # what this process holds would count in the peak of those that it starts
        command = [sys.executable, "-m", "perf.memory", "--tiny"]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, encoding="utf-8").stdout
    else:
        monkeypatch.setattr("sys.argv", [f"perf/{script}.py", "--tiny"])
        importlib.import_module(f"perf.{script}").main()
        told = capsys.readouterr().out
    assert re.search(TELLS[script], told), told


def test_every_script_is_run_and_described() -> None:
    scripts = {path.stem for path in (ROOT / "perf").glob("*.py") if "def main()" in path.read_text(encoding="utf-8")}
    assert scripts == TELLS.keys()
    described = (ROOT / "perf" / "README.md").read_text(encoding="utf-8")
    assert scripts == set(re.findall(r"^    python -m perf\.(\w+)", described, flags=re.MULTILINE))
