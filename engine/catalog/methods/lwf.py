from engine.catalog.entries import MethodInfo
from engine.catalog.options import METHOD, Options, setting


class LwFOptions(Options):
    temperature: float = setting(
        2.0,
        help="T of the distillation.",
        meaning="softens the probabilities of teacher and network; regression does not use it",
        symbol="T",
        panel=METHOD,
        gt=0,
        le=1e6,
    )
    class_mean: bool = setting(
        False,
        off=False,
        meaning="divide the distillation by the number of classes that compete in the network, as other code does",
    )


INFO = MethodInfo(
    name="lwf",
    title="Learning without Forgetting",
    formula="1/N·loss + (1−1/N)·T²·KL(teacher ‖ network) in the N-th task, on its own inputs; teacher: the network as "
    "it was when the task began",
    source="Li & Hoiem 2017, with the weights of van de Ven & Tolias 2018 and 2019",
    code="engine.methods.lwf:LearningWithoutForgetting",
    options=LwFOptions,
    protects="the network learns to answer as it did when the task began",
    elsewhere=(
        "van de Ven: as here; until May 2019, the distillation was divided by the number of classes "
        "(--set class_mean=true).",
        "Li & Hoiem: loss and distillation have the weight 1, and new outputs are trained alone at first.",
        "Avalanche 0.6.0: loss + α·KL, without T², and in the class scenario among the earlier classes alone.",
    ),
    rank=7,
)
