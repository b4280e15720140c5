"""Joint training: the data of all tasks so far, no penalty. The upper bound of every comparison."""

from engine.methods.base import Method


class JointTraining(Method):
    """Nothing is forgotten, since all data are still available."""

    cumulative = True
