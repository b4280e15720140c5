"""The methods by name. Listing and validating them imports no torch.

CONTRIBUTING.md explains how to add a method.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Option:
    """A configuration key that only some methods read; its field in RunConfig has its type and bounds."""

    meaning: str
    default: object = None
    """Default, unless the benchmark has another; None if absence has a meaning."""
    symbol: str = ""
    """The option's letter in the paper."""


@dataclass(frozen=True)
class MethodInfo:
    """Description and options of a method, available without loading its code."""

    name: str
    title: str
    formula: str
    symbol: str
    """The strength's letter in the paper; empty for a method without a strength."""
    source: str
    code: str
    """'module:class'."""
    options: Mapping[str, Option] = field(default_factory=dict)
    elsewhere: tuple[str, ...] = ()
    """How other libraries differ, and how to reproduce them here."""


HALF = Option("halve the penalty, k = strength/2: the convention of some libraries", default=False)
IMPORTANCE_BATCH = Option("examples per mini-batch of the batched form; by default the training's batch size")

METHODS: dict[str, MethodInfo] = {
    info.name: info
    for info in (
        MethodInfo(
            name="none",
            title="Fine-tuning",
            formula="no penalty: shows how much is forgotten without protection",
            symbol="",
            source="the lower bound of every comparison",
            code="engine.methods.none:FineTuning",
        ),
        MethodInfo(
            name="joint",
            title="Joint training",
            formula="no penalty: a task is trained on the data of all tasks so far, each example among its own classes",
            symbol="",
            source="the upper bound of every comparison (van de Ven & Tolias 2019, section 4)",
            code="engine.methods.joint:JointTraining",
            elsewhere=(
                "van de Ven trains once, on all tasks' data, for the steps of one task; here every task is trained "
                "for its steps, so that the matrix has a row for each.",
            ),
        ),
        MethodInfo(
            name="l2",
            title="L2 towards the last task",
            formula="λ·Σ (θ−θ*)²   every weight equally important",
            symbol="λ",
            source="the baseline of Kirkpatrick et al. 2017, figure 2",
            code="engine.methods.l2:EqualImportance",
        ),
        MethodInfo(
            name="si",
            title="Synaptic Intelligence",
            formula="c·Σ Ω(θ−θ*)²   ω ← ω − g·Δθ each step; Ω ← max(0, Ω + ω/((θ−θˢᵗᵃʳᵗ)² + ξ)) at a task's end",
            symbol="c",
            source="Zenke, Poole & Ganguli 2017, equations 3–5; max(0, ·) as in the authors' code",
            code="engine.methods.si:SynapticIntelligence",
            options={
                "xi": Option("damping for weights that barely moved", symbol="ξ"),
                "gradient": Option(
                    "g of the task's loss alone (task, the paper) or of loss plus penalty (total)", default="task"
                ),
                "half": HALF,
                "clamp": Option("upper bound of Ω; by default none"),
            },
            elsewhere=(
                "van de Ven: g of loss plus penalty, ξ of 0.1 (--gradient total --xi 0.1), and Ω may become negative.",
                "Avalanche 0.6.0: g of loss plus penalty, penalty halved, Ω at most 1e-3, ξ of 1e-7 (--gradient "
                "total --half --clamp 1e-3 --xi 1e-7), and Ω may become negative; on a CPU ω and penalty stay zero.",
                "Mammoth: ω grows by lr·g², with g of loss plus penalty and each gᵢ clipped to ±1; without "
                "clipping, this is what plain SGD gives here (--gradient total --optimizer sgd --set momentum=0.0).",
            ),
        ),
        MethodInfo(
            name="ewc",
            title="Elastic Weight Consolidation",
            formula="λ/2·Σₜ Fₜ(θ−θₜ)²   F = E_x Σ_y p(y|x)(∂log p(y|x)/∂θ)²; with γ (online): Ω ← γΩ + F, one anchor",
            symbol="λ",
            source="Kirkpatrick et al. 2017, equation 3; Huszár 2018; online: Schwarz et al. 2018, section 4; "
            "the Fisher's forms: van de Ven 2025",
            code="engine.methods.ewc:ElasticWeightConsolidation",
            options={
                "gamma": Option(
                    "decay of earlier tasks (online, with one anchor); by default one anchor per task", symbol="γ"
                ),
                "fisher": Option(
                    "how the expectation over y is taken: exact (over all classes), sampled (y drawn from p), "
                    "empirical (the true label), batched (a mini-batch's mean gradient squared: wrong, but common)",
                    default="exact",
                ),
                "fisher_samples": Option(
                    "training examples that it is measured on, drawn at random; by default all", symbol="N"
                ),
                "importance_batch": IMPORTANCE_BATCH,
            },
            elsewhere=(
                "van de Ven: as here, but the online form multiplies the whole penalty by γ once more.",
                "Avalanche 0.6.0: the square of mini-batch means (--fisher batched), smaller than F by up to the batch "
                "size, and no ½ (--strength of twice its ewc_lambda).",
                "Mammoth: online (--gamma), no ½ (--strength of twice its e_lambda), and F has only the term of "
                "the true label, weighted by p(y|x); --fisher empirical is the same without the weight.",
            ),
        ),
        MethodInfo(
            name="mas",
            title="Memory Aware Synapses",
            formula="λ·Σ Ω(θ−θ*)²   Ω ← Ω + E_x |∂‖f(x)‖²/∂θ| at a task's end, per example, no labels",
            symbol="λ",
            source="Aljundi et al. 2018, equations 2–4; local: equation 5 and section 4.2",
            code="engine.methods.mas:MemoryAwareSynapses",
            options={
                "sensitivity": Option(
                    "of the network's outputs (global), of each layer's own outputs, Ωᵢⱼ = E_x 2·yᵢ·xⱼ where unit i is "
                    "active (local, Hebbian), or |mini-batch mean| instead of the mean of |·| (batched)",
                    default="global",
                ),
                "importance_data": Option(
                    "inputs that it is measured on: train, test (without labels), or a folder of unlabelled images or "
                    ".npy arrays (0 to 1; whole numbers 0 to 255), such as the network will be used on",
                    default="train",
                ),
                "recompute": Option(
                    "measure Ω again on all tasks so far at each task's end, instead of adding to it", default=False
                ),
                "half": HALF,
                "importance_batch": IMPORTANCE_BATCH,
            },
            elsewhere=(
                "The authors' demo: |mini-batch mean| over batches of 200 (--sensitivity batched), and one of its two "
                "settings measures Ω again on all earlier tasks (--recompute).",
                "Avalanche 0.6.0: |mini-batch mean| over the training's batches (--sensitivity batched), and at a "
                "task's end the mean of the earlier Ω and the new one (here they are added).",
                "FACIL: as Avalanche, with the penalty halved (--half).",
            ),
        ),
        MethodInfo(
            name="rwalk",
            title="Riemannian Walk",
            formula="λ·Σ (F + s)(θ−θ*)²   F ← αg² + (1−α)F each step; s ← mean of s and max(0, Σ ΔL/(½FΔθ² + ε)) at a "
            "task's end, one term every Δt steps; both scaled to [0, 1]",
            symbol="λ",
            source="Chaudhry et al. 2018, equations 6–8; α, Δt, ε and the scaling as in the authors' code",
            code="engine.methods.rwalk:RiemannianWalk",
            options={
                "alpha": Option("weight of the newest batch in the moving average F", default=0.9, symbol="α"),
                "score_every": Option(
                    "number of steps that are scored together; the authors use 10 for MNIST, 50 for CIFAR",
                    default=10,
                    symbol="Δt",
                ),
                "epsilon": Option("damping for weights that barely moved", default=1e-3, symbol="ε"),
            },
            elsewhere=(
                "The authors' code: F is updated once every Δt steps, with the mean of their g²; a negative score is "
                "dropped every Δt steps, not at the task's end; a new task's score enters as s ← 3/2·s + 1/2·new; "
                "the distance has no ½. No option does this.",
                "Avalanche 0.6.0: F as at the end of the Δt steps, s and F divided by their largest value, ε of 1.2e-7 "
                "(--set epsilon=1.2e-7), and steps after the last full Δt are left out.",
            ),
        ),
    )
}
