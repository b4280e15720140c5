"""The loop over tasks, the training step, and what accompanies them."""
