"""Joint training, the upper bound of van de Ven & Tolias 2019: a task is trained on the data of all tasks so far."""

from tests.reference.method import SlowMethod


class SlowJoint(SlowMethod):
    """No penalty; each example is judged among its own task's classes."""

    replays = True
