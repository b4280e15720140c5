"""The words for what screens measure: what each is, and how it is computed. docs/guide.md has the same meanings."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    name: str
    meaning: str
    formula: str = ""
    """R(i, j) is the accuracy on task j after training task i, of T tasks."""


@dataclass(frozen=True)
class Number:
    """A number on a screen."""

    term: Term
    where: str
    """Which one it is: of which task, layer or group."""
    value: str
    measured: str
    """On how many examples, and at which step."""


_ALL = (
    Term("accuracy", "share of test examples that are classified correctly, in %", "right ÷ all test examples"),
    Term(
        "R²",
        "score of targets that are numbers: 1 − mean squared error ÷ variance of the targets. 1 is perfect, 0 is what "
        "their mean reaches, and worse guesses are below 0",
        "1 − Σ(y − ŷ)² ÷ Σ(y − ȳ)²",
    ),
    Term(
        "RMSE",
        "score of targets that are numbers, in their unit: the root of the mean squared error; lower is better",
        "√mean (y − ŷ)²",
    ),
    Term(
        "average accuracy",
        "mean of the accuracies on all tasks so far; average R², average RMSE",
        "mean of R(T, j) over all j",
    ),
    Term(
        "forgetting",
        "a task's best earlier accuracy minus its accuracy now, in points; for a run, the mean over all tasks but the "
        "last. Of RMSE, its rise since it was lowest",
        "mean over j < T of the best R(i, j), i < T, minus R(T, j)",
    ),
    Term(
        "backward transfer",
        "accuracy at the end minus accuracy when the task was learned, in points; negative if the network forgets. Of "
        "RMSE, its fall since then",
        "mean over j < T of R(T, j) − R(j, j)",
    ),
    Term("chance", "the accuracy of guessing", "1 ÷ number of classes that compete"),
    Term("learned", "how well tasks are known just after they were learned (plasticity)", "mean of R(j, j) over all j"),
    Term("kept", "how well earlier tasks are known now (stability)", "mean of R(T, j) over j < T"),
    Term("loss", "what training lowers on the task's own data", "mean of −log p(right class) over the batch"),
    Term(
        "penalty",
        "what a method adds to the loss: the strength times ΣΩ(θ − θ*)²; cl-tui methods prints each formula",
        "strength · Σ Ω(θ − θ*)²",
    ),
    Term("strength", "the penalty's factor: c for SI, λ for the other methods"),
    Term(
        "path integral ω",
        "SI's measure of how much the changes of a weight lowered the loss of the task",
        "ω ← ω − g·Δθ each step; Σω ÷ drop of the loss is near 1 if small steps follow the gradient",
    ),
    Term("importance Ω", "how much a weight matters for earlier tasks, one number per weight", "mean over the layer"),
    Term("top 1 %", "the share of a layer's ΣΩ that its most important 1 % of weights hold", "Σ top Ω ÷ ΣΩ"),
    Term(
        "standard error",
        "how far the mean over seeds may be from the mean over all seeds",
        "standard deviation ÷ √number of sessions",
    ),
    Term(
        "difference from the baseline",
        "a group's mean minus that of the baseline; its error counts both groups' errors",
        "± √(error² + baseline's error²)",
    ),
    Term("steps a second", "how fast it trains, without pauses", "steps ÷ seconds of training"),
)
TERMS: Mapping[str, Term] = {term.name: term for term in _ALL}


def score_term(title: str) -> Term:
    """What a score is; one that nobody explains has only its name."""
    return TERMS.get(title, Term(title, "the score that the problem gives"))
