"""Avalanche, a library for continual learning."""

from engine.catalog.entries import Case, Preset

SPLIT_MNIST = Preset(
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
    rank=4,
)
