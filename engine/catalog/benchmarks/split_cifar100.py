from engine.catalog.benchmarks.split_cifar10 import INFO as SPLIT

INFO = SPLIT._replace(
    name="split-cifar100",
    title="CIFAR-100 in tens: apple … bottle, bowl … cattle, …",
    source="Krizhevsky 2009; in --data-dir, in torchvision's layout, or a folder cifar100",
    classes=tuple(range(100)),
    default_tasks=10,
    most_tasks=100,
    files=("CIFAR100",),
    rank=9,
)
"""Its strengths are split-cifar10's: none was measured here."""
