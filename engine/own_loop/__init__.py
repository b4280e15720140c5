"""Protects a network that the user's own program trains: ``cl_tui.protect``."""
