from engine.catalog.benchmarks.split_mnist import INFO as SPLIT

INFO = SPLIT._replace(
    name="kmnist",
    title="Ten handwritten Kuzushiji characters in pairs",
    source="Clanuwat et al. 2018; in --data-dir, in torchvision's layout, or a folder kmnist",
    code="engine.streams.torchvision_sets:stream",
    long=True,
    files=("KMNIST",),
    rank=6,
)
"""Its strengths and settings are split-mnist's, which were measured there, not here."""
