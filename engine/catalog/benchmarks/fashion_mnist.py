from engine.catalog.benchmarks.split_mnist import INFO as SPLIT

INFO = SPLIT._replace(
    name="fashion-mnist",
    title="Pictures of clothes in pairs: ten kinds",
    source="Xiao, Rasul & Vollgraf 2017; in --data-dir, in torchvision's layout, or a folder fashion-mnist",
    code="engine.streams.torchvision_sets:stream",
    long=True,
    files=("FashionMNIST",),
    rank=5,
)
"""Its strengths and settings are split-mnist's, which were measured there, not here."""
