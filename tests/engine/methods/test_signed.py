"""si --signed: Ω may be negative, and what shows it says so."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from cl_tui.commands.cli import app
from engine.methods.si import SynapticIntelligence
from engine.models.flat import FlatParameters
from engine.record.events import NEGATIVE, Noted
from engine.training.build import build_model, load_stream
from tests import runs


def test_negative_importances_are_counted_noted_and_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So short a run has none: every other weight is made to climb."""
    step = SynapticIntelligence.after_step

    def climbing(self: SynapticIntelligence, gradient: Tensor, change: Tensor) -> None:
        step(self, gradient * (1 - 2 * (torch.arange(len(gradient)) % 2)), change)

    monkeypatch.setattr(SynapticIntelligence, "after_step", climbing)
    monkeypatch.chdir(tmp_path)
    config = runs.tiny("si", signed=True, strength=1e-3)
    session = runs.finished(tmp_path, config)
    history = session.history()
    omega = runs.importance(session)
    assert (omega < 0).any()
    stream = load_stream(config, torch.device("cpu"))
    layers = FlatParameters(build_model(config, stream.inputs, stream.problem().outputs, torch.device("cpu"))).layers
    counted = history.measured[NEGATIVE][-1]
    assert counted.values == tuple((omega[layer.start : layer.stop] < 0).sum().item() for layer in layers)
    assert counted.labels == tuple(layer.name for layer in layers)
    notes = [event.text for event in session.readable(0)[0] if isinstance(event, Noted)]
    assert sum("Ω is negative for" in note for note in notes) == 2
    for layer in history.importances[-1].layers:
        assert sum(layer.counts) + layer.zeros == layer.size
        assert layer.top is None or 0 < layer.top <= 1
    for words in ("sessions show run", "sessions export run", "sessions export run --json", "analyse run"):
        there = ["--sessions-dir", str(tmp_path)]
        written = [str(tmp_path / "run.json")] if "--json" in words else []
        done = CliRunner().invoke(app, [*words.split(), *written, *there])
        assert done.exit_code == 0, (words, done.output, done.exception)
    told = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert NEGATIVE in json.dumps(told)


def test_without_it_no_importance_is_negative(tmp_path: Path) -> None:
    session = runs.finished(tmp_path, runs.tiny("si"))
    assert NEGATIVE not in session.history().measured
    assert not (runs.importance(session) < 0).any()
    assert "signed" not in (session.path / "config.toml").read_text(encoding="utf-8")
