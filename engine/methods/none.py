"""Fine-tuning: no penalty. The lower bound of every comparison."""

from engine.methods.base import Method


class FineTuning(Method):
    """Every task is trained as if it were the only one."""
