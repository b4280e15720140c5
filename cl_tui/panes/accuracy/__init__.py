"""The accuracy matrix."""
