"""A public implementation of Memory Aware Synapses, with AlexNet on Tiny-ImageNet."""

from dataclasses import replace

from engine.catalog.entries import Case, Preset

_MAS: dict[str, object] = {"strength": 0.01, "sensitivity": "batched", "importance_batch": 32, "recompute": False}
_FORGETTING = {"forgetting": (10.2, 7.6, 4.1)}
_FIRST, _LAST = ("features.0.*", "features.3.*", "features.6.*"), ("features.8.*", "features.10.*")
"""The first three convolutions, and the last two."""
_SOURCE = "A public implementation of Aljundi et al. 2018 (not the authors'), with its table of four tasks"

PRETRAINED = Preset(
    name="mas-tiny-imagenet",
    title="AlexNet with ImageNet's weights on four tasks of Tiny-ImageNet, as a public MAS implementation trains it",
    source=_SOURCE,
    settings={"benchmark": "tiny-imagenet", "scenario": "task", "tasks": 4, "resize": 224, "normalize": "imagenet"}
    | {"augment": ("flip", "crop"), "model": "alexnet", "first_layer": "full", "weights": "default"}
    | {"optimizer": "sgd", "lr": 1e-3, "momentum": 0.0, "batch_size": 32, "epochs": 10, "reset_optimizer": True},
    cases=(
        Case({"method": "mas"}, {**_MAS, "freeze": _FIRST}, source="as meant: the last two convolutions are trained"),
        Case(
            {"method": "none"},
            {"freeze": _LAST},
            source="as run: read line by line, its Ω is not found again after the first task, and it freezes "
            "the last two convolutions instead of the others",
            by_task=_FORGETTING,
        ),
    ),
    seeds=1,
    differs=(
        "The original's tasks have 50 classes (its table: 25), trained on crops of random size and shape; here a crop "
        "moves the image by up to an eighth.",
        "The original multiplies the learning rate by 0.1 after 20 epochs, which its 10 epochs a task never reach.",
        "The original gives each task a head of its own when it begins; here all heads are there from the start.",
    ),
    rank=7,
)

RANDOM = replace(
    PRETRAINED,
    name="mas-tiny-imagenet-64",
    title="mas-tiny-imagenet with 64 pixels from random weights, for computers without a network or a GPU",
    source="The cases of mas-tiny-imagenet; nothing was published for random weights",
    settings={key: value for key, value in PRETRAINED.settings.items() if key != "weights"}
    | {"resize": 64, "first_layer": "small"},
    cases=(
        Case({"method": "mas"}, _MAS, source="as meant, but all layers are trained"),
        Case({"method": "none"}, source="as run, but all layers are trained"),
    ),
    differs=(
        "Nothing is frozen: convolutions that stay random are no features of ImageNet, and a network above them "
        "learns little that could be forgotten.",
    ),
    rank=8,
)
