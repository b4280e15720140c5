from typing import Annotated, Literal

from engine.catalog.entries import MOST_TASKS, BenchmarkInfo
from engine.catalog.options import DATA, Options, setting

RESIZE = setting(
    None,
    help="Side of the squares that images become.",
    meaning="side of the squares that images become; by default a common size is kept, and other images get 64",
    panel=DATA,
    ge=1,
    le=1024,
)
AUGMENT = setting(
    (),
    help="Random changes of training images: flip, crop, colour, erase.",
    meaning="random changes of training images: flip (left and right), crop (moved by up to an eighth), colour "
    "(brightness, contrast and saturation), erase (a part becomes grey)",
    metavar="CHANGE,…",
    panel=DATA,
    max_length=4,
)
Augmentations = tuple[Literal["flip", "crop", "colour", "erase"], ...]


class ImagesOptions(Options):
    classes_per_task: Annotated[tuple[Annotated[int, ("ge", 1)], ...], ("max_length", 1000)] = setting(
        help="Number of classes of each task, instead of a number of tasks.", metavar="N,…", panel=DATA
    )
    resize: int | None = RESIZE
    augment: Augmentations = AUGMENT
    classes: tuple[str, ...] = setting(meaning="the classes that the folder has", from_data=True, max_length=5000)
    more: Annotated[tuple[str, ...], ("min_length", 1), ("max_length", 100)] | None = setting(
        None, meaning="further folders, whose classes come in tasks after those of the first (cl-tui extend --data-dir)"
    )
    more_at: Annotated[tuple[int, ...], ("min_length", 1), ("max_length", 100)] | None = setting(
        None, meaning="the number of tasks before those of each further folder"
    )
    more_classes: Annotated[tuple[str, ...], ("max_length", 5000)] | None = setting(
        None, meaning="the classes that the further folders have", from_data=True
    )
    more_sizes: Annotated[tuple[int, ...], ("max_length", 100)] | None = setting(
        None, meaning="the number of classes of each further folder", from_data=True
    )


INFO = BenchmarkInfo(
    name="images",
    title="Your own images: a folder for each class, or for each task",
    source="DIR/{train,test}/CLASS/… divided into tasks, or DIR/TASK/{train,test}/CLASS/…, with --data-dir DIR",
    classes=(),
    inputs=(),
    default_tasks=5,
    most_tasks=MOST_TASKS,
    scenario="task",
    defaults={"hidden": (256, 256), "epochs": 10, "batch_size": 64, "lr": 1e-3}
    | {"optimizer": "adam", "reset_optimizer": True},
    strengths={"l2": 0.1, "si": 1.0, "ewc": 1e3, "mas": 0.1, "rwalk": 10.0},
    code="engine.streams.images.stream:stream",
    from_data="engine.streams.images.classes",
    long=True,
    options=ImagesOptions,
)
