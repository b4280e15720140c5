"""Mirrors the packages; reference/ holds the slow, obvious versions of the formulas, runs.py what tests share."""

from hypothesis import settings

settings.register_profile("cl-tui", deadline=None, derandomize=True)  # the first call of anything in torch is slow
settings.load_profile("cl-tui")
