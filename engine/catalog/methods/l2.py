from engine.catalog.entries import MethodInfo

INFO = MethodInfo(
    name="l2",
    title="L2 towards the last task",
    formula="λ·Σ (θ−θ*)²   every weight equally important",
    symbol="λ",
    source="the baseline of Kirkpatrick et al. 2017, figure 2",
    code="engine.methods.l2:EqualImportance",
    rank=2,
)
