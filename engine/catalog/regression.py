"""The settings of benchmarks whose targets are numbers, or may be."""

from typing import Annotated, Literal

from engine.catalog.entries import MOST_TASKS
from engine.catalog.options import DATA, Options, setting


class RegressionOptions(Options):
    loss: Literal["squared", "huber"] | None = setting(
        None,
        off="squared",
        help="Loss of regression: squared or huber.",
        meaning="loss of regression: squared, (y − f)², or huber, ½(y − f)² up to δ and δ(|y − f| − δ/2) beyond; the "
        "mean over examples and over the values of a target",
        panel=DATA,
    )
    huber_delta: float | None = setting(
        None, meaning="where the Huber loss becomes linear; by default 1", symbol="δ", gt=0, le=1e15
    )
    score: Literal["r2", "rmse"] | None = setting(
        None,
        off="r2",
        help="Score of regression: r2 or rmse.",
        meaning="score of regression: r2, 1 − mean (y − f)² ÷ variance of the task's test targets, the mean over the "
        "values of a target; or rmse, the root of the mean (y − f)², in the targets' unit",
        panel=DATA,
    )
    unit: str | None = setting(
        None,
        help="Unit of an RMSE.",
        metavar="UNIT",
        panel=DATA,
        min_length=1,
        max_length=20,
    )
    normalize_targets: bool = setting(
        False,
        help="Normalise targets, too; --raw-targets does not.",
        meaning="train on targets minus their mean, divided by their deviation, each value of a target for itself: of "
        "the training examples of all tasks, or in scenario task of each task; scores stay in the targets' unit",
        negative="--raw-targets",
        panel=DATA,
    )


class GivenOptions(RegressionOptions):
    """Of the user's own data."""

    problem: Literal["classification", "regression"] | None = setting(
        None, meaning="what the targets are: classes or numbers", from_data=True
    )
    example: tuple[Annotated[int, ("ge", 1), ("le", 10**9)], ...] = setting(
        (), meaning="shape of one example", from_data=True, max_length=20
    )
    task_classes: tuple[Annotated[int, ("ge", 1), ("le", 10**9)], ...] = setting(
        (), meaning="number of classes of each task; of numbers to a target", from_data=True, max_length=MOST_TASKS
    )
    task_labels: tuple[str, ...] = setting(
        (), meaning="the classes of each task, one task after another", from_data=True, max_length=100_000
    )
