from typing import Literal

from engine.catalog.entries import MethodInfo
from engine.catalog.options import METHOD, Options, setting


class ReplayOptions(Options):
    buffer: int = setting(
        500,
        help="Examples of earlier tasks that are kept.",
        meaning="examples of earlier tasks that are kept, by their row numbers: the data must stay where they are",
        metavar="N",
        panel=METHOD,
        ge=1,
        le=10_000_000,
    )
    buffer_choice: Literal["reservoir", "balanced"] = setting(
        "reservoir",
        help="reservoir or balanced.",
        meaning="which ones: each example with the same probability (reservoir), or equally many of each class "
        "(balanced), or of each task where targets are numbers",
        panel=METHOD,
    )
    replay_batch: int | None = setting(
        None,
        help="Examples from the buffer in each step; by default the batch size.",
        meaning="examples from the buffer in each step; by default as many as the batch size",
        metavar="N",
        panel=METHOD,
        ge=1,
        le=1_000_000,
    )


INFO = MethodInfo(
    name="replay",
    title="Experience replay",
    formula="mean loss over a step's batch and examples from a buffer of N, drawn at random; at a task's end, the "
    "buffer becomes a sample of all tasks so far",
    source="Chaudhry et al. 2019 (tiny episodic memories), with a buffer that changes at the tasks' ends",
    code="engine.methods.replay:ExperienceReplay",
    options=ReplayOptions,
    protects="stored examples of earlier tasks are trained on again",
    elsewhere=(
        "Chaudhry et al.: the buffer also takes from each batch of the task in training, which is passed once.",
        "Mammoth: a reservoir that takes from every batch, so that several epochs bring an example several times.",
        "Hsu et al.: the buffer is repeated until it is as large as the task, and shuffled into it; it is balanced "
        "by task.",
    ),
    rank=8,
)
