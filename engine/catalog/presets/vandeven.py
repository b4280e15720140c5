"""van de Ven & Tolias 2018 and 2019: three scenarios, and the authors' code."""

from collections.abc import Mapping

from engine.catalog.entries import Case, Preset

_PAPER_2018 = "van de Ven & Tolias 2018 (arXiv:1809.10635), table 3"
_PAPER_2019 = "van de Ven & Tolias 2019 (arXiv:1904.07734), the split MNIST table"
_PUBLISHED = {
    "task": {"none": (85.15, 1.00), "si": (99.14, 0.11), "ewc": (98.64, 0.22), "joint": (99.64, 0.03)},
    "domain": {"none": (57.33, 1.66), "si": (63.77, 1.18), "ewc": (63.95, 1.90), "joint": (98.41, 0.06)},
    "class": {"none": (19.90, 0.02), "si": (20.04, 0.08), "ewc": (20.01, 0.06), "joint": (97.93, 0.04)},
}
"""Mean accuracy in percent and its standard error over 20 runs, by scenario and method."""
_STRENGTHS = {
    "si": {"task": 50.0, "domain": 500.0, "class": 0.5},
    "ewc": {"task": 1e7, "domain": 1e6, "class": 1e8},
}
_SI = {"xi": 0.1, "gradient": "total"}


def _case(scenario: str, method: str, published: float, error: float) -> Case:
    settings: dict[str, object] = {}
    source = _PAPER_2019 if method == "ewc" else _PAPER_2018
    if method in _STRENGTHS:
        settings["strength"] = _STRENGTHS[method][scenario]
        source += "; strength: the authors' code, defaults of 2019"
    if method == "si":
        settings |= _SI
    return Case({"scenario": scenario, "method": method}, settings, published, error, 20, source)


def _today(method: str, strength: float, settings: Mapping[str, object]) -> Case:
    return Case(
        {"scenario": "task", "method": method, "strength": strength},
        settings,
        source=(
            "strength: the authors' code, defaults since 2022, made for van de Ven, Tuytelaars & Tolias 2022; the "
            "number in that paper's table could not be checked, so none is given here"
        ),
    )


SPLIT_MNIST = Preset(
    name="vandeven-split-mnist",
    title="Split MNIST in three scenarios",
    source="van de Ven & Tolias 2018 and 2019, and the authors' code (GMvandeVen/continual-learning)",
    settings={"benchmark": "split-mnist", "class_order": "random", "hidden": (400, 400)}
    | {"optimizer": "adam", "lr": 1e-3, "batch_size": 128, "steps": 2000, "reset_optimizer": False},
    seeds=20,
    cases=(
        *(
            _case(scenario, method, *published)
            for scenario, row in _PUBLISHED.items()
            for method, published in row.items()
        ),
        _today("si", 10.0, _SI),
        _today("ewc", 1e5, {}),
    ),
    differs=(
        "The numbers of si are from 2018, the strengths from the code of 2019: the paper of 2018 gives its "
        "strength of si in an appendix that could not be checked.",
        "The last, smaller batch of an epoch is also trained on; the original leaves it out.",
        "In the original, Ω of si may become negative.",
        "joint is trained for 2000 steps per task, on the data of all tasks so far.",
    ),
    rank=2,
)
