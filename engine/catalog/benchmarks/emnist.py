from engine.catalog.benchmarks.split_mnist import INFO as SPLIT

INFO = SPLIT._replace(
    name="emnist",
    title="The 26 handwritten letters in pairs (EMNIST's split letters)",
    source="Cohen et al. 2017; in --data-dir, in torchvision's layout, or a folder emnist",
    classes=tuple(range(26)),
    default_tasks=13,
    most_tasks=26,
    code="engine.streams.torchvision_sets:stream",
    long=True,
    files=("EMNIST",),
    rank=7,
)
"""Its strengths and settings are split-mnist's, which were measured there, not here."""
