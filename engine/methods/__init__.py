"""The methods by name. Light on purpose: listing and validating them imports no torch.

To add a method: one file here with a subclass of ``Method``, and one entry in ``METHODS``.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class MethodInfo:
    """What one reads about a method before any code of it is loaded."""

    name: str
    title: str
    formula: str
    symbol: str
    """The strength's letter in the paper; empty for a method without a strength."""
    source: str
    options: tuple[str, ...]
    """Configuration keys that only this method reads."""
    code: str
    """module:class"""


METHODS: dict[str, MethodInfo] = {
    info.name: info
    for info in (
        MethodInfo(
            name="none",
            title="Fine-tuning",
            formula="no penalty: how much is forgotten when nothing protects it",
            symbol="",
            source="the lower bound of every comparison",
            options=(),
            code="engine.methods.none:FineTuning",
        ),
        MethodInfo(
            name="si",
            title="Synaptic Intelligence",
            formula="c·Σ Ω(θ−θ*)²   ω ← ω − g·Δθ each step; Ω ← max(0, Ω + ω/((θ−θˢᵗᵃʳᵗ)² + ξ)) at a task's end",
            symbol="c",
            source="Zenke, Poole & Ganguli 2017, equations 3–5",
            options=("xi",),
            code="engine.methods.si:SynapticIntelligence",
        ),
        MethodInfo(
            name="ewc",
            title="Elastic Weight Consolidation",
            formula="λ/2·Σₜ Fₜ(θ−θₜ)²   F = E_x Σ_y p(y|x)(∂log p(y|x)/∂θ)²; with γ (online): Ω ← γΩ + F, one anchor",
            symbol="λ",
            source="Kirkpatrick et al. 2017, equation 3; Huszár 2018; online: Schwarz et al. 2018, section 4",
            options=("gamma",),
            code="engine.methods.ewc:ElasticWeightConsolidation",
        ),
        MethodInfo(
            name="mas",
            title="Memory Aware Synapses",
            formula="λ·Σ Ω(θ−θ*)²   Ω ← Ω + E_x |∂‖f(x)‖²/∂θ| at a task's end, per example, no labels",
            symbol="λ",
            source="Aljundi et al. 2018, equations 2–4",
            options=(),
            code="engine.methods.mas:MemoryAwareSynapses",
        ),
    )
}
