from typing import Literal

from engine.catalog.entries import MethodInfo
from engine.catalog.options import IMPORTANCE_BATCH, IMPORTANCE_MEMORY, METHOD, Options, setting


class EWCOptions(Options):
    gamma: float | None = setting(
        None,
        help="γ of the online form, with one anchor.",
        meaning="decay of earlier tasks (online, with one anchor); by default one anchor per task",
        symbol="γ",
        panel=METHOD,
        gt=0,
        le=1,
    )
    fisher: Literal["exact", "sampled", "empirical", "predicted", "batched"] = setting(
        "exact",
        help="exact, sampled, empirical, predicted or batched.",
        meaning="how the expectation over y is taken: exact (over all classes), sampled (y drawn from p), empirical "
        "(the true label), predicted (the label that the network predicts), batched (a mini-batch's mean "
        "gradient squared: wrong, but common)",
        panel=METHOD,
    )
    fisher_samples: int | None = setting(
        None,
        help="number of examples to measure it on.",
        meaning="training examples that it is measured on, drawn at random; by default all",
        symbol="N",
        metavar="N",
        panel=METHOD,
        ge=1,
        le=1_000_000_000,
    )
    importance_batch: int | None = IMPORTANCE_BATCH
    importance_memory: int | None = IMPORTANCE_MEMORY


INFO = MethodInfo(
    name="ewc",
    title="Elastic Weight Consolidation",
    formula="λ/2·Σₜ Fₜ(θ−θₜ)²   F = E_x Σ_y p(y|x)(∂log p(y|x)/∂θ)²; with γ (online): Ω ← γΩ + F, one anchor",
    symbol="λ",
    source="Kirkpatrick et al. 2017, equation 3; Huszár 2018; online: Schwarz et al. 2018, section 4; "
    "the Fisher's forms: van de Ven 2025",
    code="engine.methods.ewc:ElasticWeightConsolidation",
    options=EWCOptions,
    elsewhere=(
        "van de Ven: as here, but the online form multiplies the whole penalty by γ once more.",
        "Avalanche 0.6.0: the square of mini-batch means (--fisher batched), smaller than F by up to the batch "
        "size, and no ½ (--strength of twice its ewc_lambda).",
        "Hsu et al. 2018: the label that the network predicts (--fisher predicted), and no ½ (--strength of twice "
        "their coefficient).",
        "Mammoth: online (--gamma), no ½ (--strength of twice its e_lambda), and F has only the term of "
        "the true label, weighted by p(y|x); --fisher empirical is the same without the weight.",
    ),
    rank=4,
)
