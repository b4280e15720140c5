from typing import Literal

from engine.catalog.entries import MethodInfo
from engine.catalog.options import HALF, IMPORTANCE_BATCH, IMPORTANCE_MEMORY, METHOD, Options, setting


class MASOptions(Options):
    sensitivity: Literal["global", "local", "batched"] = setting(
        "global",
        help="global, local or batched.",
        meaning="of the network's outputs (global), of each layer's own outputs, Ωᵢⱼ = E_x 2·yᵢ·xⱼ where unit i is "
        "active (local, Hebbian), or |mini-batch mean| instead of the mean of |·| (batched)",
        panel=METHOD,
    )
    importance_data: str = setting(
        "train",
        help="inputs to measure Ω on: train, test, or a folder of images or .npy arrays (values 0 to 1; whole numbers "
        "0 to 255).",
        meaning="inputs that it is measured on: train, test (without labels), or a folder of unlabelled images or "
        ".npy arrays (0 to 1; whole numbers 0 to 255), such as the network will be used on",
        metavar="DATA",
        panel=METHOD,
        is_path=True,
        min_length=1,
        max_length=4096,
    )
    recompute: bool = setting(
        False,
        help="measure Ω again on all tasks so far; --no-recompute adds to the earlier Ω.",
        meaning="measure Ω again on all tasks so far at each task's end, instead of adding to it",
        panel=METHOD,
    )
    half: bool = HALF
    importance_batch: int | None = IMPORTANCE_BATCH
    importance_memory: int | None = IMPORTANCE_MEMORY


INFO = MethodInfo(
    name="mas",
    title="Memory Aware Synapses",
    formula="λ·Σ Ω(θ−θ*)²   Ω ← Ω + E_x |∂‖f(x)‖²/∂θ| at a task's end, per example, no labels",
    symbol="λ",
    source="Aljundi et al. 2018, equations 2–4; local: equation 5 and section 4.2",
    code="engine.methods.mas:MemoryAwareSynapses",
    options=MASOptions,
    elsewhere=(
        "The authors' demo: |mini-batch mean| over batches of 200 (--sensitivity batched), and one of its two "
        "settings measures Ω again on all earlier tasks (--recompute).",
        "Avalanche 0.6.0: |mini-batch mean| over the training's batches (--sensitivity batched), and at a "
        "task's end the mean of the earlier Ω and the new one (here they are added).",
        "FACIL: as Avalanche, with the penalty halved (--half).",
    ),
    rank=5,
)
