"""The panes of the monitor: a pure function draws, a thin widget shows.

What imports numpy is imported in the function that draws: the first frame does not wait for it.
"""
