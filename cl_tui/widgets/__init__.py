"""The panes of the monitor, one file each: a pure function draws, and a thin widget shows the result."""
