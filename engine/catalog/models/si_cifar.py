from engine.catalog.entries import ModelInfo
from engine.catalog.models.conv import size

INFO = ModelInfo(
    name="si-cifar",
    title="The network of the SI paper for CIFAR (Zenke, Poole & Ganguli 2017, figure 6), with dropout",
    code="engine.models.conv:conv",
    arguments={
        "channels": (32, 32, "pool", 64, 64, "pool"),
        "valid": (2, 4),
        "hidden": (512,),
        "dropout": (0.25, 0.5),
        "init": "glorot-zero-head",
    },
    size=size,
    defaults={"lr": 1e-3},
    rank=2,
)
