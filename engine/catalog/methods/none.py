from engine.catalog.entries import MethodInfo

INFO = MethodInfo(
    name="none",
    title="Fine-tuning",
    formula="no penalty: shows how much is forgotten without protection",
    source="the lower bound of every comparison",
    code="engine.methods.none:FineTuning",
    rank=0,
)
