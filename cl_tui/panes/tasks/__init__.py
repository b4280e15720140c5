"""Each task's progress."""
