"""Golden curves: what a short seeded run of each method and variant gave when it was last looked at.

``python -m tests.golden`` remakes curves.json; ``tests/test_golden.py`` compares.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from engine.settings.run import RunConfig
from tests import runs

FILE = Path(__file__).with_name("curves.json")

SCENARIOS: list[runs.Case] = [
    (method, {"scenario": scenario}) for method in ("joint", "ewc") for scenario in ("domain", "class")
]
CASES = {runs.case_name(case): case for case in (*runs.CASES, *runs.SETTINGS, *SCENARIOS)}


def golden_config(method: str, options: dict[str, Any]) -> RunConfig:
    """Three tasks of split-digits, some dozens of steps."""
    chosen: dict[str, Any] = {"tasks": 3, "batch_size": 64, "hidden": (32, 16), "epochs": 2, "lr": 1e-2, "threads": 1}
    if "leave_alone" in options:
        chosen["scenario"] = "domain"  # elsewhere a head that no later task trains needs no penalty
    if "steps" in options:
        del chosen["epochs"]
        options = options | {"steps": 15}
    return runs.tiny(method, **chosen | options)


def curves(method: str, options: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The run's losses, penalties, accuracy matrix and path-integral ratios, to six digits."""
    session = runs.finished(folder, golden_config(method, options))
    history = session.history()
    found = {
        "losses": history.curve.losses().tolist(),
        "penalties": history.curve.penalties().tolist(),
        "accuracy_matrix": history.matrix,
        "path_integral": session.summary()["path_integral"] or [],
    }
    return {key: _six_digits(value) for key, value in found.items()}


def _six_digits(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return [_six_digits(part) for part in value]


def read() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def write() -> None:
    """Runs every case and writes the file, one line a curve."""
    cases = []
    for name, (method, options) in CASES.items():
        with TemporaryDirectory() as folder:
            found = curves(method, options, Path(folder))
        lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in found.items())
        cases.append(f"{json.dumps(name)}: {{\n{lines}\n}}")
    FILE.write_text("{\n" + ",\n".join(cases) + "\n}\n", encoding="utf-8")
