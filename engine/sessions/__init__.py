"""A run as a folder on the disk."""
