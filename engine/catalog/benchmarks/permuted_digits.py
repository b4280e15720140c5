from engine.catalog.benchmarks.split_digits import INFO as SPLIT
from engine.catalog.entries import MOST_TASKS

INFO = SPLIT._replace(
    name="permuted-digits",
    title="All ten digits, with the pixels shuffled in a different order for each task",
    classes=tuple(range(10)),
    most_tasks=MOST_TASKS,
    scenario="domain",
    defaults={**SPLIT.defaults, "hidden": (200, 200), "epochs": 20},
    permuted=True,
    strengths={"l2": 0.01, "si": 1.0, "ewc": 1e2, "mas": 0.01, "rwalk": 1.0},
    method_defaults={"si": {"xi": 0.1}, "replay": {"buffer": 100}},
    watch_pace=425.0,
    rank=1,
)
