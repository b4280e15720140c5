from engine.catalog.benchmarks.split_digits import DIGITS
from engine.catalog.entries import BenchmarkInfo

INFO = BenchmarkInfo(
    name="permuted-digits",
    title="All ten digits, with the pixels shuffled in a different order for each task",
    source=DIGITS,
    classes=tuple(range(10)),
    inputs=(1, 8, 8),
    default_tasks=5,
    most_tasks=1000,
    scenario="domain",
    defaults={
        "hidden": (200, 200),
        "epochs": 20,
        "batch_size": 16,
        "lr": 1e-3,
        "optimizer": "adam",
        "reset_optimizer": True,
    },
    permuted=True,
    strengths={"l2": 0.01, "si": 1.0, "ewc": 1e2, "mas": 0.01, "rwalk": 1.0},
    method_defaults={"si": {"xi": 0.1}},
    code="engine.streams.digits:stream",
    watch_pace=425.0,
    rank=1,
)
