from engine.catalog.entries import ModelInfo

INFO = ModelInfo(
    name="reduced-resnet18",
    title="ResNet-18 with a third of the channels and a small first layer (Lopez-Paz & Ranzato 2017)",
    code="engine.models.reduced_resnet18:reduced_resnet18",
    defaults={"lr": 1e-3},
    rank=7,
)
