from engine.catalog.entries import MethodInfo

INFO = MethodInfo(
    name="joint",
    title="Joint training",
    formula="no penalty: a task is trained on the data of all tasks so far, each example among its own classes",
    source="the upper bound of every comparison (van de Ven & Tolias 2019, section 4)",
    code="engine.methods.joint:JointTraining",
    protects="the data of earlier tasks are still trained on",
    elsewhere=(
        "van de Ven trains once, on all tasks' data, for the steps of one task; here every task is trained "
        "for its steps, so that the matrix has a row for each.",
    ),
    rank=1,
)
