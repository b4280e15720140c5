"""Aljundi et al. 2018: Memory Aware Synapses, the demo that the authors published with their code."""

from engine.catalog.entries import Case, Preset

DEMO = Preset(
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
        "The demo chooses the best epoch on the test set, on which it also measures the result; so does this preset.",
        "In the original, the setting that recomputes Ω also decays weights towards zero, by 1e-5·lr per step.",
    ),
    rank=3,
)
