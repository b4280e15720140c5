"""Tries to break what docs/durability.md promises. ``python -m tests.torture`` is the long form; the suite has a short
one."""
