from engine.catalog.entries import MethodInfo
from engine.catalog.options import Options, setting


class RWalkOptions(Options):
    alpha: float = setting(0.9, meaning="weight of the newest batch in the moving average F", symbol="α", gt=0, le=1)
    score_every: int = setting(
        10,
        meaning="number of steps that are scored together; the authors use 10 for MNIST, 50 for CIFAR",
        symbol="Δt",
        ge=1,
        le=1_000_000_000,
    )
    epsilon: float = setting(1e-3, meaning="damping for weights that barely moved", symbol="ε", ge=1e-30, le=1e6)


INFO = MethodInfo(
    name="rwalk",
    title="Riemannian Walk",
    formula="λ·Σ (F + s)(θ−θ*)²   F ← αg² + (1−α)F each step; s ← mean of s and max(0, Σ ΔL/(½FΔθ² + ε)) at a "
    "task's end, one term every Δt steps; both scaled to [0, 1]",
    symbol="λ",
    source="Chaudhry et al. 2018, equations 6–8; α, Δt, ε and the scaling as in the authors' code",
    code="engine.methods.rwalk:RiemannianWalk",
    options=RWalkOptions,
    elsewhere=(
        "The authors' code: F is updated once every Δt steps, with the mean of their g²; a negative score is "
        "dropped every Δt steps, not at the task's end; a new task's score enters as s ← 3/2·s + 1/2·new; "
        "the distance has no ½. No option does this.",
        "Avalanche 0.6.0: F as at the end of the Δt steps, s and F divided by their largest value, ε of 1.2e-7 "
        "(--set epsilon=1.2e-7), and steps after the last full Δt are left out.",
    ),
    rank=6,
)
