from typing import Literal

from engine.catalog.entries import MethodInfo
from engine.catalog.options import HALF, METHOD, Options, setting


class SIOptions(Options):
    xi: float = setting(
        1e-3,
        help="ξ, the damping.",
        meaning="damping for weights that barely moved",
        symbol="ξ",
        panel=METHOD,
        ge=1e-30,
        le=1e6,
    )
    gradient: Literal["task", "total"] = setting(
        "task",
        help="gradient of the task's loss (task), or of loss plus penalty (total).",
        meaning="g of the task's loss alone (task, the paper) or of loss plus penalty (total)",
        panel=METHOD,
    )
    half: bool = HALF
    clamp: float | None = setting(
        None, help="upper bound of Ω.", meaning="upper bound of Ω; by default none", panel=METHOD, gt=0, le=1e15
    )
    signed: bool = setting(
        False,
        off=False,
        help="let Ω be negative; --no-signed keeps max(0, ·).",
        meaning="Ω without max(0, ·), as in other code: where it is negative, the penalty pushes a weight away from "
        "θ*, without a bound",
        panel=METHOD,
    )


INFO = MethodInfo(
    name="si",
    title="Synaptic Intelligence",
    formula="c·Σ Ω(θ−θ*)²   ω ← ω − g·Δθ each step; Ω ← max(0, Ω + ω/((θ−θˢᵗᵃʳᵗ)² + ξ)) at a task's end",
    symbol="c",
    source="Zenke, Poole & Ganguli 2017, equations 3–5; max(0, ·) as in the authors' code",
    code="engine.methods.si:SynapticIntelligence",
    options=SIOptions,
    elsewhere=(
        "van de Ven: g of loss plus penalty, ξ of 0.1, and Ω may become negative (--gradient total --xi 0.1 --signed).",
        "Avalanche 0.6.0: g of loss plus penalty, penalty halved, Ω at most 1e-3, ξ of 1e-7 (--gradient "
        "total --half --clamp 1e-3 --xi 1e-7), and Ω may become negative (--signed); on a CPU ω and penalty stay zero.",
        "Hsu et al. 2018: ξ of 0.1, and Ω may become negative (--xi 0.1 --signed).",
        "Mammoth: ω grows by lr·g², with g of loss plus penalty and each gᵢ clipped to ±1; without "
        "clipping, this is what plain SGD gives here (--gradient total --optimizer sgd --set momentum=0.0).",
    ),
    rank=3,
)
