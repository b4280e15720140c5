"""Hsu, Liu, Ramasamy & Kira 2018: one network, three scenarios, and the authors' code."""

from engine.catalog.entries import Case, Preset

_RUNS = 10
_PUBLISHED = {
    "none": ((93.46, 2.01), (55.16, 1.38), (19.71, 0.08)),
    "l2": ((98.18, 0.96), (66.00, 3.73), (22.52, 1.08)),
    "ewc": ((97.70, 0.81), (58.85, 2.59), (19.80, 0.05)),
    "online ewc": ((98.04, 1.10), (57.33, 1.44), (19.77, 0.04)),
    "si": ((98.56, 0.49), (64.76, 3.09), (19.67, 0.09)),
    "mas": ((99.22, 0.21), (68.57, 6.85), (19.52, 0.29)),
    "joint": ((99.52, 0.16), (98.59, 0.15), (97.53, 0.30)),
}
"""Mean accuracy in percent and its standard deviation over the runs, by method, in each scenario."""
_COEFFICIENTS = {
    "l2": (0.01, 0.5, 100.0),
    "ewc": (100.0, 100.0, 600.0),
    "online ewc": (400.0, 700.0, 100.0),
    "si": (300.0, 3000.0, 600.0),
    "mas": (1.0, 10000.0, 1.0),
}
_OF_EACH: dict[str, dict[str, object]] = {
    "ewc": {"fisher": "predicted"},
    "online ewc": {"fisher": "predicted"},
    "si": {"xi": 0.1, "gradient": "task", "signed": True},
    "mas": {"sensitivity": "batched", "importance_batch": 128},
}
_FACTORS = {"ewc": 2.0, "online ewc": 2.0, "mas": 0.5}
"""Strength here ÷ coefficient there."""
_SOURCES = {
    "ewc": "strength: twice the original's coefficient, because λ is halved here",
    "online ewc": "strength: twice the original's coefficient, because λ is halved here",
    "mas": "strength: half the original's coefficient, because it takes the mean over the outputs, which are two in a "
    "task, and here their sum is taken",
}


def _case(method: str, place: int, scenario: str) -> Case:
    choice: dict[str, object] = {"scenario": scenario, "method": method.split()[-1]}
    if "ewc" in method:
        choice["gamma"] = 1.0 if "online" in method else None
    settings = dict(_OF_EACH.get(method, {}))
    if method in _COEFFICIENTS:
        settings = {"strength": _FACTORS.get(method, 1.0) * _COEFFICIENTS[method][place], **settings}
    published, deviation = _PUBLISHED[method][place]
    source = ". ".join(filter(None, ("Table 2", _SOURCES.get(method))))
    # The code prints numpy's standard deviation, which divides by n: the standard error is that ÷ √(n−1).
    return Case(choice, settings, published, deviation / (_RUNS - 1) ** 0.5, _RUNS, source)


_LWF = ((99.60, 0.03), (71.02, 1.26), (24.17, 0.33))
"""With standard errors."""
_AS_VAN_DE_VEN: dict[str, object] = {"temperature": 2.0, "pad": None, "normalize": None, "class_order": "random"}
_AS_VAN_DE_VEN |= {"class_mean": True, "epochs": None, "steps": 2000}
_FROM_VAN_DE_VEN = (
    "Table 2. The authors' code has no LwF: the number is taken for one of van de Ven & Tolias 2018, which could not "
    "be checked, so the settings are theirs, and ± is a standard error over 20 runs"
)


def _lwf(scenario: str, published: float, error: float) -> Case:
    return Case({"scenario": scenario, "method": "lwf"}, _AS_VAN_DE_VEN, published, error, 20, _FROM_VAN_DE_VEN)


_SCENARIOS = ("task", "domain", "class")
SPLIT_MNIST = Preset(
    name="hsu-split-mnist",
    title="Split MNIST in three scenarios: five methods, LwF, fine-tuning and joint training",
    source="Hsu, Liu, Ramasamy & Kira 2018 (arXiv:1810.12488), and the authors' code "
    "(GT-RIPL/Continual-Learning-Benchmark); there ± is a standard deviation over ten runs, here a standard error",
    settings={"benchmark": "split-mnist", "pad": 32, "normalize": (0.1, 0.2752), "hidden": (400, 400), "init": "torch"}
    | {"optimizer": "adam", "lr": 1e-3, "batch_size": 128, "epochs": 4, "reset_optimizer": False},
    cases=(
        *(_case(method, place, scenario) for method in _PUBLISHED for place, scenario in enumerate(_SCENARIOS)),
        *(_lwf(scenario, *published) for scenario, published in zip(_SCENARIOS, _LWF, strict=True)),
    ),
    seeds=3,
    differs=(
        "The original's Adam counts the steps of each parameter from its first gradient, which a new head gets late; "
        "here all parameters share one count, so that the first steps of a new head are up to three times as long.",
        "mas in the class scenario: the original takes the mean over the outputs seen so far, which are two, four, … "
        "ten; here all tasks have the factor of two outputs.",
        "joint: the original trains once, on all tasks' data, for four epochs; here every task is trained for four "
        "epochs on the data of all tasks so far, and the optimizer is kept.",
    ),
    rank=9,
)
