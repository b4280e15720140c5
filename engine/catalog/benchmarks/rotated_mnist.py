from engine.catalog.benchmarks.permuted_mnist import INFO as PERMUTED
from engine.catalog.benchmarks.split_mnist import PadOptions
from engine.catalog.options import DATA, setting


class RotatedOptions(PadOptions):
    turn: float = setting(
        30.0, help="Degrees by which each task turns the images.", metavar="DEGREES", panel=DATA, gt=0, lt=360
    )


INFO = PERMUTED._replace(
    name="rotated-mnist",
    title="All of MNIST, turned further in each task: by 0, 30, 60, … degrees",
    default_tasks=5,
    most_tasks=36,
    code="engine.streams.mnist:rotated",
    long=True,
    options=RotatedOptions,
    rank=4,
)
"""Its strengths and settings are permuted-mnist's, which were measured there, not here."""
