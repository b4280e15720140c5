from engine.catalog.benchmarks.images import AUGMENT, Augmentations
from engine.catalog.entries import BenchmarkInfo
from engine.catalog.options import Options


class CifarOptions(Options):
    augment: Augmentations = AUGMENT


INFO = BenchmarkInfo(
    name="split-cifar10",
    title="CIFAR-10 in pairs: airplane automobile, bird cat, …",
    source="Krizhevsky 2009; in --data-dir, in torchvision's layout, or a folder cifar10",
    classes=tuple(range(10)),
    inputs=(3, 32, 32),
    default_tasks=5,
    most_tasks=10,
    scenario="task",
    model="conv",
    defaults={"epochs": 20, "batch_size": 256, "lr": 1e-3} | {"optimizer": "adam", "reset_optimizer": True},
    strengths={"l2": 0.1, "si": 0.01, "ewc": 1e3, "mas": 0.1, "rwalk": 100.0},
    model_defaults={"mlp": {"hidden": (256, 256)}},
    method_defaults={"si": {"xi": 1e-3}},
    code="engine.streams.torchvision_sets:stream",
    long=True,
    files=("CIFAR10",),
    options=CifarOptions,
    rank=8,
)
"""The strength of si is the better of the two that Zenke, Poole & Ganguli 2017 published for cifar-transfer. The others
are split-mnist's: none was measured here."""
