"""The panes of the monitor: a pure function draws, a thin widget shows."""
