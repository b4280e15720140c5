"""Trains networks on one task after another. Independent of any user interface."""
