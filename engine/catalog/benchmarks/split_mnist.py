from engine.catalog.entries import BenchmarkInfo
from engine.catalog.options import DATA, Options, setting


class PadOptions(Options):
    pad: int | None = setting(
        None,
        help="Side to which images are padded, such as 32.",
        meaning="side to which black pixels widen the images, such as 32",
        metavar="N",
        panel=DATA,
        ge=28,
        le=256,
    )


INFO = BenchmarkInfo(
    name="split-mnist",
    title="MNIST in pairs: 0 1, 2 3, 4 5, 6 7, 8 9",
    source="LeCun, Cortes & Burges; in --data-dir, in torchvision's layout",
    classes=tuple(range(10)),
    inputs=(1, 28, 28),
    default_tasks=5,
    most_tasks=10,
    scenario="task",
    defaults={"hidden": (256, 256), "epochs": 4, "batch_size": 64, "lr": 1e-2}
    | {"optimizer": "adam", "reset_optimizer": True},
    strengths={"l2": 0.1, "si": 1.0, "ewc": 1e3, "mas": 0.1, "rwalk": 100.0},
    method_defaults={"si": {"xi": 1e-3}},
    code="engine.streams.mnist:stream",
    files=("MNIST",),
    options=PadOptions,
    rank=2,
)
