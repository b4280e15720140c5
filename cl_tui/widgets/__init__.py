"""The panes of the monitor, one file each: a pure function draws, a thin widget shows."""
