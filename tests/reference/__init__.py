"""Slow, obvious versions of what the engine computes fast, written straight from the papers.

Nothing here imports the engine: plain torch, lists of parameters, autograd for every gradient, one example at a time,
one anchor a task. The names are those of the papers.
"""
