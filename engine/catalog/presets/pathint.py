"""Zenke, Poole & Ganguli 2017: Synaptic Intelligence, and the authors' code (pathint)."""

from engine.catalog.entries import Case, Preset

SPLIT_MNIST = Preset(
    name="pathint-split-mnist",
    title="Split MNIST of the SI paper",
    source="Zenke, Poole & Ganguli 2017, figure 4, and the authors' code",
    settings={"benchmark": "split-mnist", "scenario": "task", "hidden": (256, 256), "init": "glorot-zero-head"}
    | {"optimizer": "adam", "lr": 1e-3, "batch_size": 64, "epochs": 10, "reset_optimizer": True},
    cases=(Case({"method": "si"}, {"strength": 1.0, "xi": 1e-3}), Case({"method": "none"})),
    rank=0,
)

PERMUTED_MNIST = Preset(
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
    seeds=5,
    differs=(
        "In the first task, the authors' code measures how far a weight moved from zero, not from its "
        "initial value; with ξ = 0.1 that makes almost no difference.",
    ),
    rank=1,
)
