"""Published configurations by name: network, optimizer, steps, strength and variant, and the numbers that came of them.

Light on purpose: listing them imports no torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Case:
    """One row of a published table."""

    choice: Mapping[str, object]
    """The settings that tell it from the preset's other cases: giving one of them chooses the case."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """What else is its own."""
    published: float | None = None
    """Average accuracy over all tasks after the last, in percent; None where only a figure was published."""


@dataclass(frozen=True)
class Preset:
    """A whole published configuration."""

    name: str
    title: str
    source: str
    settings: Mapping[str, object]
    """What all cases share."""
    cases: tuple[Case, ...]
    """The first holds unless the user chooses another."""
    seeds: int = 5
    """How many runs of each case are compared with the published number."""
    differs: tuple[str, ...] = ()
    """In what a run here still differs from the original."""


def settings_of(preset: Preset, given: Mapping[str, object] = MappingProxyType({})) -> dict[str, object]:
    """The preset's settings, of the first case that agrees with what the user has given.

    Where none agrees (a method that the preset does not know), the settings that all cases share.
    """
    for case in preset.cases:
        if all(_plain(given.get(key, value)) == _plain(value) for key, value in case.choice.items()):
            return {**preset.settings, **case.choice, **case.settings}
    return dict(preset.settings)


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def tolerance(published: float) -> float:
    """In points of percent: where the published accuracy is above 90 seeds differ little, below they differ widely."""
    return 1.0 if published > 90 else 4.0


_VAN_DE_VEN = {
    "task": {"none": 85.15, "si": 99.14, "ewc": 98.64, "joint": 99.64},
    "domain": {"none": 57.33, "si": 63.77, "ewc": 63.95, "joint": 98.41},
    "class": {"none": 19.90, "si": 20.04, "ewc": 20.01, "joint": 97.93},
}
_VAN_DE_VEN_STRENGTHS = {
    "si": {"task": 50.0, "domain": 500.0, "class": 0.5},
    "ewc": {"task": 1e7, "domain": 1e6, "class": 1e8},
}


def _van_de_ven_case(scenario: str, method: str, published: float) -> Case:
    settings: dict[str, object] = {}
    if method in _VAN_DE_VEN_STRENGTHS:
        settings["strength"] = _VAN_DE_VEN_STRENGTHS[method][scenario]
    if method == "si":
        settings |= {"xi": 0.1, "gradient": "total"}
    return Case({"scenario": scenario, "method": method}, settings, published)


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="pathint-split-mnist",
            title="Split MNIST of the SI paper",
            source="Zenke, Poole & Ganguli 2017, figure 4, and the authors' code",
            settings={
                "benchmark": "split-mnist",
                "scenario": "task",
                "hidden": (256, 256),
                "init": "glorot-zero-head",
                "optimizer": "adam",
                "lr": 1e-3,
                "batch_size": 64,
                "epochs": 10,
                "reset_optimizer": True,
            },
            cases=(
                Case({"method": "si"}, {"strength": 1.0, "xi": 1e-3}),
                Case({"method": "none"}),
            ),
        ),
        Preset(
            name="pathint-permuted-mnist",
            title="Permuted MNIST of the SI paper, ten tasks",
            source="Zenke, Poole & Ganguli 2017, figure 5, and the authors' code (c = 0 and 0.1)",
            settings={
                "benchmark": "permuted-mnist",
                "scenario": "domain",
                "tasks": 10,
                "hidden": (2000, 2000),
                "init": "glorot",
                "optimizer": "adam",
                "lr": 1e-3,
                "batch_size": 256,
                "epochs": 20,
                "reset_optimizer": False,
            },
            cases=(
                Case({"method": "si"}, {"strength": 0.1, "xi": 0.1}, published=96.9),
                Case({"method": "none"}, published=57.4),
            ),
            seeds=1,
            differs=(
                "The authors' code measures how far a weight moved in the first task from zero, not from where it "
                "began; with ξ = 0.1 that is hardly a difference.",
            ),
        ),
        Preset(
            name="vandeven-split-mnist",
            title="Split MNIST in three scenarios",
            source="van de Ven, Tuytelaars & Tolias 2022, table 2, and the authors' code",
            settings={
                "benchmark": "split-mnist",
                "class_order": "random",
                "hidden": (400, 400),
                "optimizer": "adam",
                "lr": 1e-3,
                "batch_size": 128,
                "steps": 2000,
                "reset_optimizer": False,
            },
            cases=tuple(
                _van_de_ven_case(scenario, method, published)
                for scenario, row in _VAN_DE_VEN.items()
                for method, published in row.items()
            ),
            differs=(
                "An epoch's last, smaller batch is trained on too, where the original leaves it out.",
                "The original's Ω of si may become negative.",
                "joint is trained for 2000 steps with every task, on the data of all tasks so far.",
            ),
        ),
        Preset(
            name="mas-demo",
            title="Split MNIST of the MAS authors' demo",
            source="The demo that Aljundi et al. 2018 published with their code",
            settings={
                "benchmark": "split-mnist",
                "scenario": "task",
                "class_order": (1, 2, 3, 4, 5, 6, 7, 8, 9, 0),
                "normalize": (0.1307, 0.3081),
                "hidden": (256, 256),
                "optimizer": "sgd",
                "momentum": 0.9,
                "batch_size": 150,
                "epochs": 20,
                "first_task": {"lr": 1e-2, "batch_size": 200, "epochs": 10},
                "reset_optimizer": True,
                "keep": "best",
            },
            cases=tuple(
                Case(
                    {"method": "mas", "recompute": recompute},
                    {"lr": lr, "strength": 1.0, "sensitivity": "batched", "importance_batch": 200},
                    published,
                )
                for recompute, lr, published in ((True, 1e-2, 99.27), (False, 1e-3, 98.86))
            ),
            differs=(
                "The held-out data on which the demo chooses an epoch are the test set, which the result is measured "
                "on; so it is here.",
                "The setting that recomputes Ω also decays weights towards zero by 1e-5·lr a step in the original.",
            ),
        ),
        Preset(
            name="avalanche",
            title="Split MNIST as Avalanche's methods compute it",
            source="Avalanche 0.6.0's plugins, in the split-MNIST experiment of ContinualAI's baselines",
            settings={
                "benchmark": "split-mnist",
                "scenario": "task",
                "normalize": (0.1307, 0.3081),
                "hidden": (256, 256),
                "optimizer": "adam",
                "lr": 1e-3,
                "batch_size": 64,
                "epochs": 10,
                "reset_optimizer": False,
            },
            cases=(
                Case(
                    {"method": "si"},
                    {"strength": 1.0, "half": True, "clamp": 1e-3, "xi": 1e-3, "gradient": "total"},
                ),
                Case({"method": "ewc"}, {"strength": 2.0, "fisher": "batched", "importance_batch": 64}),
                Case({"method": "mas"}, {"strength": 1.0, "sensitivity": "batched", "importance_batch": 64}),
                Case({"method": "none"}),
            ),
            differs=(
                "si: Avalanche's Ω may become negative, and its sum over the tasks is clamped only where it is used; "
                "on a CPU its Ω stays zero.",
                "ewc: its penalty has no ½, so the strength is twice ewc_lambda.",
                "mas: at a task's end it takes the mean of the earlier Ω and the new one, where here they are added, "
                "and it measures in training mode.",
            ),
        ),
    )
}
