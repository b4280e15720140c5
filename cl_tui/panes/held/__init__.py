"""What Ω of the first layer holds, and what the task in training pulls."""
