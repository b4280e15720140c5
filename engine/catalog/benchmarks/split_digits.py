from engine.catalog.entries import BenchmarkInfo

INFO = BenchmarkInfo(
    name="split-digits",
    title="Pairs of digits that resemble each other: 0 8, 1 7, 2 3, 4 9, 5 6",
    source="UCI's 1,797 handwritten digits of 8×8 (Alpaydin & Kaynak 1998), three quarters for training",
    classes=(0, 8, 1, 7, 2, 3, 4, 9, 5, 6),
    inputs=(1, 8, 8),
    default_tasks=5,
    most_tasks=10,
    scenario="task",
    defaults={"hidden": (100, 100), "epochs": 60, "batch_size": 16, "lr": 1e-3}
    | {"optimizer": "adam", "reset_optimizer": True},
    strengths={"l2": 0.1, "si": 1.0, "ewc": 1e3, "mas": 0.1, "rwalk": 10.0},
    method_defaults={"si": {"xi": 1e-3}, "replay": {"buffer": 100}},
    model_defaults={"conv": {"channels": (16, "pool", 32, "pool"), "hidden": (64,)}},
    code="engine.streams.digits:stream",
    watch_pace=250.0,
    rank=0,
)
