"""Cells of a terminal from arrays."""
