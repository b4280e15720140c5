"""The importance of every layer."""
