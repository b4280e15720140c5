from engine.catalog.benchmarks.split_mnist import INFO as SPLIT
from engine.catalog.entries import MOST_TASKS

INFO = SPLIT._replace(
    name="permuted-mnist",
    title="All of MNIST, with the pixels shuffled in a different order for each task",
    default_tasks=10,
    most_tasks=MOST_TASKS,
    scenario="domain",
    defaults={**SPLIT.defaults, "hidden": (400, 400), "epochs": 3, "batch_size": 128}
    | {"lr": 1e-3, "reset_optimizer": False},
    permuted=True,
    strengths={"l2": 0.01, "si": 0.3, "ewc": 1e2, "mas": 0.01, "rwalk": 0.1},
    method_defaults={"si": {"xi": 0.1}},
    rank=3,
)
