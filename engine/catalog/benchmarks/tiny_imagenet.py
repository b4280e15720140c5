from engine.catalog.benchmarks.images import INFO as IMAGES

INFO = IMAGES._replace(
    name="tiny-imagenet",
    title="Tiny-ImageNet: 200 classes of 64×64 pixels in twenties",
    source="Le & Yang 2015; in --data-dir, in a folder tiny-imagenet for each class, or for each task",
    default_tasks=10,
    model="vgg",
    defaults={"epochs": 20, "batch_size": 200, "lr": 1e-3, "optimizer": "adam", "reset_optimizer": True}
    | {"normalize": "imagenet"},
    model_defaults={"mlp": {"hidden": (256, 256)}},
    code="engine.streams.images.tiny:stream",
    from_data="engine.streams.images.tiny",
    files=("tiny-imagenet",),
    rank=11,
)
"""Its strengths are those of images, its settings close to De Lange et al.'s: none was measured here."""
