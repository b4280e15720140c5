from engine.catalog.benchmarks.split_cifar10 import INFO as SPLIT

INFO = SPLIT._replace(
    name="cifar-transfer",
    title="CIFAR-10, then the first 50 classes of CIFAR-100 in tens",
    source="Zenke, Poole & Ganguli 2017, figure 6; the data in --data-dir as for split-cifar10 and split-cifar100",
    classes=tuple(range(60)),
    default_tasks=6,
    most_tasks=6,
    by_task=(10,) * 6,
    model="si-cifar",
    defaults={**SPLIT.defaults, "epochs": 60},
    code="engine.streams.torchvision_sets:transfer",
    files=("CIFAR10", "CIFAR100"),
    rank=10,
)
"""The strength of si is published for it; the others are split-mnist's, which were measured there, not here."""
