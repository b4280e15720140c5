"""Several sessions side by side."""
