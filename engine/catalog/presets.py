"""Published configurations by name, with the published results. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Case:
    """One row of a published table."""

    choice: Mapping[str, object]
    """Settings that distinguish this case from the preset's others: giving one of them chooses the case."""
    settings: Mapping[str, object] = field(default_factory=dict)
    published: float | None = None
    """Average accuracy after the last task, in percent; None if none was published or could be checked."""
    error: float | None = None
    """Standard error of ``published``, in points; None if it was published without one."""
    runs: int | None = None
    """Number of runs that ``published`` averages; None if that was not published."""
    source: str = ""
    """Source of the number and the strength, in addition to the preset's."""


@dataclass(frozen=True)
class Preset:
    name: str
    title: str
    source: str
    settings: Mapping[str, object]
    cases: tuple[Case, ...]
    """Cases of the preset; the first is the default."""
    seeds: int = 5
    """Number of runs of each case to compare with the published number."""
    differs: tuple[str, ...] = ()
    """Remaining differences between a run here and the original."""


def settings_of(preset: Preset, given: Mapping[str, object] = MappingProxyType({})) -> dict[str, object]:
    """The preset's settings with those of the first case that agrees with the settings the user has ``given``.

    If no case agrees (a method that the preset does not have), only the settings that all cases share.
    """
    for case in preset.cases:
        if all(_plain(given.get(key, value)) == _plain(value) for key, value in case.choice.items()):
            return {**preset.settings, **case.choice, **case.settings}
    return dict(preset.settings)


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


_VAN_DE_VEN_2018 = "van de Ven & Tolias 2018 (arXiv:1809.10635), table 3"
_VAN_DE_VEN_2019 = "van de Ven & Tolias 2019 (arXiv:1904.07734), the split MNIST table"
_VAN_DE_VEN = {
    "task": {"none": (85.15, 1.00), "si": (99.14, 0.11), "ewc": (98.64, 0.22), "joint": (99.64, 0.03)},
    "domain": {"none": (57.33, 1.66), "si": (63.77, 1.18), "ewc": (63.95, 1.90), "joint": (98.41, 0.06)},
    "class": {"none": (19.90, 0.02), "si": (20.04, 0.08), "ewc": (20.01, 0.06), "joint": (97.93, 0.04)},
}
"""Mean accuracy in percent and its standard error over 20 runs, by scenario and method."""
_VAN_DE_VEN_STRENGTHS = {
    "si": {"task": 50.0, "domain": 500.0, "class": 0.5},
    "ewc": {"task": 1e7, "domain": 1e6, "class": 1e8},
}
_VAN_DE_VEN_SI = {"xi": 0.1, "gradient": "total"}


def _van_de_ven_case(scenario: str, method: str, published: float, error: float) -> Case:
    settings: dict[str, object] = {}
    source = _VAN_DE_VEN_2019 if method == "ewc" else _VAN_DE_VEN_2018
    if method in _VAN_DE_VEN_STRENGTHS:
        settings["strength"] = _VAN_DE_VEN_STRENGTHS[method][scenario]
        source += "; strength: the authors' code, defaults of 2019"
    if method == "si":
        settings |= _VAN_DE_VEN_SI
    return Case({"scenario": scenario, "method": method}, settings, published, error, 20, source)


def _van_de_ven_today(method: str, strength: float, settings: Mapping[str, object]) -> Case:
    return Case(
        {"scenario": "task", "method": method, "strength": strength},
        settings,
        source=(
            "strength: the authors' code, defaults since 2022, made for van de Ven, Tuytelaars & Tolias 2022; the "
            "number in that paper's table could not be checked, so none is given here"
        ),
    )


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="pathint-split-mnist",
            title="Split MNIST of the SI paper",
            source="Zenke, Poole & Ganguli 2017, figure 4, and the authors' code",
            settings={"benchmark": "split-mnist", "scenario": "task", "hidden": (256, 256), "init": "glorot-zero-head"}
            | {"optimizer": "adam", "lr": 1e-3, "batch_size": 64, "epochs": 10, "reset_optimizer": True},
            cases=(Case({"method": "si"}, {"strength": 1.0, "xi": 1e-3}), Case({"method": "none"})),
        ),
        Preset(
            name="pathint-permuted-mnist",
            title="Permuted MNIST of the SI paper, ten tasks",
            source="Zenke, Poole & Ganguli 2017, figure 5, and the authors' code (c = 0 and 0.1)",
            settings={"benchmark": "permuted-mnist", "scenario": "domain", "tasks": 10}
            | {"hidden": (2000, 2000), "init": "glorot"}
            | {"optimizer": "adam", "lr": 1e-3, "batch_size": 256, "epochs": 20, "reset_optimizer": False},
            cases=(
                Case({"method": "si"}, {"strength": 0.1, "xi": 0.1}, published=96.9),
                Case({"method": "none"}, published=57.4),
            ),
            seeds=1,
            differs=(
                "In the first task, the authors' code measures how far a weight moved from zero, not from its "
                "initial value; with ξ = 0.1 that makes almost no difference.",
            ),
        ),
        Preset(
            name="vandeven-split-mnist",
            title="Split MNIST in three scenarios",
            source="van de Ven & Tolias 2018 and 2019, and the authors' code (GMvandeVen/continual-learning)",
            settings={"benchmark": "split-mnist", "class_order": "random", "hidden": (400, 400)}
            | {"optimizer": "adam", "lr": 1e-3, "batch_size": 128, "steps": 2000, "reset_optimizer": False},
            seeds=20,
            cases=(
                *(
                    _van_de_ven_case(scenario, method, *published)
                    for scenario, row in _VAN_DE_VEN.items()
                    for method, published in row.items()
                ),
                _van_de_ven_today("si", 10.0, _VAN_DE_VEN_SI),
                _van_de_ven_today("ewc", 1e5, {}),
            ),
            differs=(
                "The numbers of si are from 2018, the strengths from the code of 2019: the paper of 2018 gives its "
                "strength of si in an appendix that could not be checked.",
                "The last, smaller batch of an epoch is also trained on; the original leaves it out.",
                "In the original, Ω of si may become negative.",
                "joint is trained for 2000 steps per task, on the data of all tasks so far.",
            ),
        ),
        Preset(
            name="mas-demo",
            title="Split MNIST of the MAS authors' demo",
            source="The demo that Aljundi et al. 2018 published with their code",
            settings={"benchmark": "split-mnist", "scenario": "task", "class_order": (1, 2, 3, 4, 5, 6, 7, 8, 9, 0)}
            | {"normalize": (0.1307, 0.3081), "hidden": (256, 256)}
            | {"optimizer": "sgd", "momentum": 0.9, "batch_size": 150, "epochs": 20}
            | {"first_task": {"lr": 1e-2, "batch_size": 200, "epochs": 10}, "reset_optimizer": True, "keep": "best"},
            cases=tuple(
                Case(
                    {"method": "mas", "recompute": recompute},
                    {"lr": lr, "strength": 1.0, "sensitivity": "batched", "importance_batch": 200},
                    published,
                )
                for recompute, lr, published in ((True, 1e-2, 99.27), (False, 1e-3, 98.86))
            ),
            differs=(
                "The demo chooses the best epoch on the test set, on which it also measures the result; so does "
                "this preset.",
                "In the original, the setting that recomputes Ω also decays weights towards zero, by 1e-5·lr per step.",
            ),
        ),
        Preset(
            name="avalanche",
            title="Split MNIST as Avalanche's methods compute it",
            source="Avalanche 0.6.0's plugins, in the split-MNIST experiment of ContinualAI's baselines",
            settings={"benchmark": "split-mnist", "scenario": "task"}
            | {"normalize": (0.1307, 0.3081), "hidden": (256, 256)}
            | {"optimizer": "adam", "lr": 1e-3, "batch_size": 64, "epochs": 10, "reset_optimizer": False},
            cases=(
                Case({"method": "si"}, {"strength": 1.0, "half": True, "clamp": 1e-3, "xi": 1e-3, "gradient": "total"}),
                Case({"method": "ewc"}, {"strength": 2.0, "fisher": "batched", "importance_batch": 64}),
                Case({"method": "mas"}, {"strength": 1.0, "sensitivity": "batched", "importance_batch": 64}),
                Case({"method": "none"}),
            ),
            differs=(
                "si: Avalanche's Ω may become negative, and its sum over the tasks is clamped only when it is used; "
                "on a CPU its Ω stays zero.",
                "ewc: its penalty has no ½, so the strength is twice ewc_lambda.",
                "mas: at a task's end it takes the mean of the earlier Ω and the new one (here they are added), "
                "and it measures in training mode.",
            ),
        ),
    )
}
