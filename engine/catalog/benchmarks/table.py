from typing import Annotated, Literal

from engine.catalog.entries import MOST_TASKS, BenchmarkInfo
from engine.catalog.options import DATA, setting
from engine.catalog.regression import GivenOptions

Names = tuple[Annotated[str, ("min_length", 1), ("max_length", 200)], ...]


class TableOptions(GivenOptions):
    targets: Names = setting(
        (),
        help="Columns of the targets.",
        meaning="columns of the targets; by default one that is called target, y, label or class",
        metavar="COLUMN,…",
        panel=DATA,
        max_length=1000,
    )
    target_kind: Literal["classes", "numbers"] | None = setting(
        None,
        help="classes or numbers.",
        meaning="what the targets are: classes or numbers; by default text and whole numbers are classes, and other "
        "numbers are not",
        panel=DATA,
    )
    ignore_columns: Names = setting(
        (), help="Columns that are no inputs.", metavar="COLUMN,…", panel=DATA, max_length=10_000
    )
    task_column: str = setting(
        "task",
        meaning="the column that says which task a row is of, in a file of several",
        min_length=1,
        max_length=200,
    )
    split_column: str = setting(
        "split", meaning="the column that says train, test or validation of a row", min_length=1, max_length=200
    )
    tested_share: float = setting(
        0.2,
        meaning="share of each task's rows (of each class) that are tested on, where nothing says which; the same for "
        "every seed",
        gt=0,
        lt=1,
    )


INFO = BenchmarkInfo(
    name="table",
    title="Your own table: CSV or npz files, with classes or numbers as targets",
    source="a file with a column for the task, or a folder with a file for each task, with --data-dir",
    classes=(),
    inputs=(),
    default_tasks=5,
    most_tasks=MOST_TASKS,
    scenario="task",
    defaults={"hidden": (100, 100), "epochs": 20, "batch_size": 32, "lr": 1e-3, "normalize": "auto"}
    | {"optimizer": "adam", "reset_optimizer": True},
    strengths={"l2": 0.1, "si": 1.0, "ewc": 100.0, "mas": 1.0, "rwalk": 10.0},
    code="engine.streams.table.stream:stream",
    from_data="engine.streams.table.facts",
    long=True,
    options=TableOptions,
)
