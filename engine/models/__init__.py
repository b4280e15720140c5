"""The networks, and their parameters as one vector."""
