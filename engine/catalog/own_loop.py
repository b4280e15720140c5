"""What a session of ``cl_tui.protect`` names: a training loop, data and a network that only the user's program has."""

from engine.catalog.entries import MOST_TASKS, BenchmarkInfo, ModelInfo

OWN_LOOP = "own-loop"

BENCHMARK = BenchmarkInfo(
    name=OWN_LOOP,
    title="The data of your own training loop",
    source="cl_tui.protect",
    classes=(),
    inputs=(),
    default_tasks=1,
    most_tasks=MOST_TASKS,
    scenario="domain",
    defaults={"epochs": 1, "batch_size": 1, "lr": 1e-3, "optimizer": "adam", "reset_optimizer": False},
    strengths={"l2": 0.1, "si": 1.0, "ewc": 1e3, "mas": 0.1, "rwalk": 10.0},
    code="engine.own_loop.refusals:refuse",
    model=OWN_LOOP,
    permuted=True,
)
"""The defaults of a loop's own settings are there because every configuration has them; nothing reads them."""

MODEL = ModelInfo(name=OWN_LOOP, title="The network of your own training loop", code="engine.own_loop.refusals:refuse")

KNOWN = ("method", "benchmark", "seed", "strength", "leave_alone", "threads", "tasks")
"""The settings that such a session knows, besides the method's options: the rest is the user's program."""
