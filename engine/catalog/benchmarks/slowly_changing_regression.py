from engine.catalog.entries import MOST_TASKS, BenchmarkInfo
from engine.catalog.options import setting
from engine.catalog.regression import RegressionOptions


class BitsOptions(RegressionOptions):
    examples_per_task: int = setting(10_000, meaning="examples of each task", ge=1, le=1_000_000)
    bits_flipped: int = setting(1, meaning="bits that flip at the end of each task, of the 15 slow ones", ge=1, le=15)


INFO = BenchmarkInfo(
    name="slowly-changing-regression",
    title="20 bits, of which 15 stay within a task and one of them flips at its end; a fixed network gives the target",
    source="Dohare et al. 2024 (Nature 632), their slowly changing regression problem; drawn from the seed",
    classes=(),
    inputs=(20,),
    default_tasks=10,
    most_tasks=MOST_TASKS,
    scenario="domain",
    defaults={"hidden": (50,), "epochs": 1, "batch_size": 20, "lr": 1e-2, "score": "rmse"}
    | {"optimizer": "adam", "reset_optimizer": False},
    strengths={"l2": 1.0, "si": 1.0, "ewc": 10.0, "mas": 100.0, "rwalk": 100.0},
    code="engine.streams.slowly_changing:stream",
    watch_pace=250.0,
    options=BitsOptions,
    problem="regression",
    targets=1,
    rank=9,
)
